// Names that are kept longer than their event (uid, callsign, team) are stored in fixed fields.
// A name that is longer than its field is cut for display; its identity is the hash of the whole.

/// Up to `capacity` bytes of text, stored in place. Not necessarily valid UTF-8 when cut.
public struct ShortText<let capacity: Int>: BitwiseCopyable {
    public private(set) var count: UInt8 = 0
    /// The text was longer than the field: what is here is its beginning.
    public private(set) var isCut = false
    private var bytes: InlineArray<capacity, UInt8>

    public init() { bytes = .init(repeating: 0) }

    public var isEmpty: Bool { count == 0 }

    @inline(__always)
    public subscript(index: Int) -> UInt8 { bytes[index] }

    /// Drops what does not fit; never splits a UTF-8 sequence.
    public mutating func set(_ source: Slab<UInt8>) {
        var length = min(source.count, min(capacity, 255))
        if length < source.count {
            while length > 0, source[length] & 0xC0 == 0x80 { length -= 1 }
        }
        var i = 0
        while i < length {
            bytes[i] = source[i]
            i += 1
        }
        count = UInt8(length)
        isCut = length < source.count
    }

    public mutating func set(_ text: StaticString) { set(Slab(text)) }

    /// For a text that was cut before it came here.
    public mutating func markCut() { isCut = true }

    /// From a text of another length, cut by the same rule.
    public mutating func set<let otherCapacity: Int>(_ other: ShortText<otherCapacity>) {
        var length = min(Int(other.count), capacity)
        if length < Int(other.count) {
            while length > 0, other[length] & 0xC0 == 0x80 { length -= 1 }
        }
        var i = 0
        while i < length {
            bytes[i] = other[i]
            i += 1
        }
        count = UInt8(length)
        isCut = other.isCut || length < Int(other.count)
    }

    /// From two pieces that together are no longer than the field.
    mutating func set(_ first: Slab<UInt8>, _ rest: Slab<UInt8>) {
        invariant(first.count + rest.count <= min(capacity, 255), "the text fits the field")
        var i = 0
        while i < first.count {
            bytes[i] = first[i]
            i += 1
        }
        i = 0
        while i < rest.count {
            bytes[first.count + i] = rest[i]
            i += 1
        }
        count = UInt8(first.count + rest.count)
        isCut = false
    }

    public func equals(_ other: ShortText<capacity>) -> Bool {
        if count != other.count { return false }
        var i = 0
        while i < Int(count) {
            if bytes[i] != other.bytes[i] { return false }
            i += 1
        }
        return true
    }

    public func append(to writer: inout ByteWriter) {
        var i = 0
        while i < Int(count) {
            writer.append(bytes[i])
            i += 1
        }
    }
}

/// Long enough for every uid and callsign seen in the field (a GeoChat uid is longer, but names a
/// message, not a client).
public typealias NameText = ShortText<80>
