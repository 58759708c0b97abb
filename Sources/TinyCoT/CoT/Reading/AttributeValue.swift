// The text behind a raw attribute value: references resolved, line ends and tabs turned into
// spaces, as XML 1.0 (2.11, 3.3.3) says. Callers compare, hash or keep names with it.
// Only for ranges that `EventReader` accepted. Nothing is allocated; the time is linear.

public enum AttributeValue {
    /// The identity of the decoded value. Two spellings of one name have one hash.
    public static func hash(
        _ event: Slab<UInt8>, _ range: ByteRange, key: UInt64
    ) -> UInt64 {
        var hash = NameHash(key: key)
        var bytes = DecodedBytes(event, range)
        while let byte = bytes.next() { hash.add(byte) }
        return hash.finish()
    }

    /// Keeps the decoded value, cut at the border of a character if it is too long.
    public static func copy<let capacity: Int>(
        _ event: Slab<UInt8>, _ range: ByteRange, into text: inout ShortText<capacity>
    ) {
        copy(event, range, ByteRange(), into: &text)
    }

    /// Keeps two decoded values with a blank between them, or the one that is not empty. Cut like
    /// a single one.
    public static func copy<let capacity: Int>(
        _ event: Slab<UInt8>, _ first: ByteRange, _ second: ByteRange,
        into text: inout ShortText<capacity>
    ) {
        // One character more than the largest text holds: then the text itself cuts.
        var buffer: InlineArray<260, UInt8> = .init(repeating: 0)
        var count = 0
        var bytes = DecodedBytes(event, first)
        while count < 260, let byte = bytes.next() {
            buffer[count] = byte
            count += 1
        }
        if count > 0 && count < 260 && !second.isEmpty {
            buffer[count] = UInt8(ascii: " ")
            count += 1
        }
        bytes = DecodedBytes(event, second)
        while count < 260, let byte = bytes.next() {
            buffer[count] = byte
            count += 1
        }
        var span = buffer.mutableSpan
        span.withUnsafeMutableBufferPointer { text.set(Slab(start: $0.baseAddress, count: count)) }
    }

    /// The decoded value is exactly `literal`.
    public static func equals(
        _ event: Slab<UInt8>, _ range: ByteRange, _ literal: StaticString
    ) -> Bool {
        var bytes = DecodedBytes(event, range)
        return bytes.skip(literal) && bytes.next() == nil
    }

    /// The decoded value begins with `literal`.
    public static func hasPrefix(
        _ event: Slab<UInt8>, _ range: ByteRange, _ literal: StaticString
    ) -> Bool {
        var bytes = DecodedBytes(event, range)
        return bytes.skip(literal)
    }

    /// The decoded value begins with `text`.
    static func hasPrefix<let capacity: Int>(
        _ event: Slab<UInt8>, _ range: ByteRange, _ text: ShortText<capacity>
    ) -> Bool {
        var bytes = DecodedBytes(event, range)
        var i = 0
        while i < Int(text.count) {
            if bytes.next() != text[i] { return false }
            i += 1
        }
        return true
    }

    /// Appends the decoded value.
    public static func append(
        _ event: Slab<UInt8>, _ range: ByteRange, to writer: inout ByteWriter
    ) {
        var bytes = DecodedBytes(event, range)
        while let byte = bytes.next() { writer.append(byte) }
    }
}

/// The bytes of a decoded value, one after the other.
struct DecodedBytes: BitwiseCopyable {
    private let event: Slab<UInt8>
    private var at: Int
    private let end: Int
    /// What is left of a decoded reference in UTF-8, lowest byte next. No byte of it is zero.
    private var pending: UInt32 = 0

    init(_ event: Slab<UInt8>, _ range: ByteRange) {
        invariant(range.end <= event.count, "a value lies inside its event")
        self.event = event
        at = Int(range.offset)
        end = range.end
    }

    @inline(__always)
    mutating func next() -> UInt8? {
        if pending != 0 {
            let byte = UInt8(truncatingIfNeeded: pending)
            pending >>= 8
            return byte
        }
        if at >= end { return nil }
        let byte = event[at]
        at += 1
        if byte == UInt8(ascii: "&") { return decodeReference() }
        if byte >= 0x20 { return byte }
        // CR LF is one line end, and a line end is one space.
        if byte == 0x0D && at < end && event[at] == 0x0A { at += 1 }
        return 0x20
    }

    /// Goes past `literal` and says so, or stops anywhere.
    mutating func skip(_ literal: StaticString) -> Bool {
        var i = 0
        while i < literal.utf8CodeUnitCount {
            if next() != literal.utf8Start[i] { return false }
            i += 1
        }
        return true
    }

    private mutating func decodeReference() -> UInt8? {
        let base = UnsafePointer(event.start.unsafelyUnwrapped)
        let reference: Reference
        do { reference = try Reference.read(base, at - 1, end) } catch {
            // The reader accepted the event, so this is a range of something else.
            invariantBroken("a reference in an accepted value is whole")
        }
        at = reference.end
        pending = reference.utf8 >> 8
        return UInt8(truncatingIfNeeded: reference.utf8)
    }
}
