// A text of an event or of the comment before it, without a copy: bytes that lie somewhere, or an
// attribute value whose references are still to be resolved. Used by `export` and `replay` to
// compare, hash and write names. Only for ranges that `EventReader` accepted.

public struct DumpText: BitwiseCopyable {
    private let bytes: Slab<UInt8>
    private let range: ByteRange
    private let isAttribute: Bool

    public init(_ bytes: Slab<UInt8>) {
        self.bytes = bytes
        range = ByteRange(offset: 0, count: bytes.count)
        isAttribute = false
    }

    init(_ event: Slab<UInt8>, attribute range: ByteRange) {
        bytes = event
        self.range = range
        isAttribute = true
    }

    public var isEmpty: Bool { range.isEmpty }

    public func equals(_ other: Slab<UInt8>) -> Bool {
        if !isAttribute { return bytes.equals(other) }
        var decoded = DecodedBytes(bytes, range)
        return decoded.skip(other) && decoded.next() == nil
    }

    public func starts(_ prefix: Slab<UInt8>) -> Bool {
        if !isAttribute {
            return prefix.count <= bytes.count && bytes.slice(0, prefix.count).equals(prefix)
        }
        var decoded = DecodedBytes(bytes, range)
        return decoded.skip(prefix)
    }

    public func hash(key: UInt64) -> UInt64 {
        isAttribute
            ? AttributeValue.hash(bytes, range, key: key) : NameHash.of(bytes, key: key)
    }

    func write(_ style: TextEscaper.Style, into writer: inout ByteWriter) {
        if !isAttribute {
            writer.append(bytes, as: style)
            return
        }
        var escaper = TextEscaper(style)
        var decoded = DecodedBytes(bytes, range)
        while let byte = decoded.next() { escaper.add(byte, to: &writer) }
        escaper.finish(to: &writer)
    }
}

extension DecodedBytes {
    /// Goes past `text` and says so, or stops anywhere.
    fileprivate mutating func skip(_ text: Slab<UInt8>) -> Bool {
        var i = 0
        while i < text.count {
            if next() != text[i] { return false }
            i += 1
        }
        return true
    }
}
