// Characters beyond ASCII and references, read out of raw bytes. Called by the reader, which has
// to refuse what is wrong, and by `AttributeValue`, which decodes what the reader accepted.
// Neither ever looks at a byte at or beyond `end`.

/// One character and the number of bytes that it took.
struct Scalar: BitwiseCopyable {
    var value: UInt32
    var count: Int

    /// Reads a UTF-8 sequence (RFC 3629: no overlong form, no surrogate, at most U+10FFFF).
    /// U+FFFE and U+FFFF are refused as XML does (production 2).
    static func read(
        _ base: UnsafePointer<UInt8>, _ at: Int, _ end: Int
    ) throws(Refusal) -> Scalar {
        let first = base[at]
        if first < 0x80 { return Scalar(value: UInt32(first), count: 1) }
        let count = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2
        if first < 0xC2 || first > 0xF4 || count > end - at { throw .invalidUTF8 }
        var value = UInt32(first) & (0x7F >> UInt32(count))
        var i = 1
        while i < count {
            let next = base[at + i]
            if next & 0xC0 != 0x80 { throw .invalidUTF8 }
            value = value << 6 | UInt32(next & 0x3F)
            i += 1
        }
        let smallest: UInt32 = count == 4 ? 0x1_0000 : count == 3 ? 0x800 : 0x80
        if value < smallest || value > 0x10_FFFF || value & ~0x7FF == 0xD800 {
            throw .invalidUTF8
        }
        if value & ~1 == 0xFFFE { throw .controlCharacter }
        return Scalar(value: value, count: count)
    }

    /// May stand in a document at all (XML 1.0 production 2).
    static func isLegal(_ value: UInt32) -> Bool {
        switch value {
        case 0x09, 0x0A, 0x0D, 0x20...0xD7FF, 0xE000...0xFFFD, 0x1_0000...0x10_FFFF: true
        default: false
        }
    }
}

/// `&amp;` and its four sisters, `&#10;`, `&#xA;`.
struct Reference: BitwiseCopyable {
    var value: UInt32
    /// One past the semicolon.
    var end: Int

    /// The character in UTF-8, first byte lowest. No byte of it is zero but those behind it.
    var utf8: UInt32 {
        if value < 0x80 { return value }
        let last = 0x80 | value & 0x3F
        if value < 0x800 { return 0xC0 | value >> 6 | last << 8 }
        let middle = 0x80 | value >> 6 & 0x3F
        if value < 0x1_0000 { return 0xE0 | value >> 12 | middle << 8 | last << 16 }
        return 0xF0 | value >> 18 | (0x80 | value >> 12 & 0x3F) << 8 | middle << 16 | last << 24
    }

    /// Reads the reference whose `&` stands at `at`.
    @inline(never)
    static func read(
        _ base: UnsafePointer<UInt8>, _ at: Int, _ end: Int
    ) throws(Refusal) -> Reference {
        if end - at >= 4 && base[at + 1] == UInt8(ascii: "#") {
            return try numeric(base, at + 2, end)
        }
        // The longest name, `&apos;`, has six bytes; no closer look is ever needed.
        var word: UInt64 = 0
        var i = 1
        while i <= 5 && at + i < end {
            let byte = base[at + i]
            if byte == UInt8(ascii: ";") { break }
            word |= UInt64(byte) << UInt64((i - 1) * 8)
            i += 1
        }
        if at + i >= end || base[at + i] != UInt8(ascii: ";") { throw .badReference }
        let value: Unicode.Scalar
        switch word {
        case EightByteWord.word("a", "m", "p"): value = "&"
        case EightByteWord.word("l", "t"): value = "<"
        case EightByteWord.word("g", "t"): value = ">"
        case EightByteWord.word("q", "u", "o", "t"): value = "\""
        case EightByteWord.word("a", "p", "o", "s"): value = "'"
        default: throw .badReference
        }
        return Reference(value: value.value, end: at + i + 1)
    }

    /// After `&#`. Leading zeros are legal, in any number.
    private static func numeric(
        _ base: UnsafePointer<UInt8>, _ start: Int, _ end: Int
    ) throws(Refusal) -> Reference {
        let isHex = base[start] == UInt8(ascii: "x")
        var at = isHex ? start + 1 : start
        let firstDigit = at
        var value: UInt32 = 0
        while at < end {
            let byte = base[at]
            if byte == UInt8(ascii: ";") && at > firstDigit {
                if !Scalar.isLegal(value) { throw .badReference }
                return Reference(value: value, end: at + 1)
            }
            guard let digit = digit(byte, isHex: isHex) else { throw .badReference }
            // Saturates far above the last character, so that a long number cannot wrap.
            value = min(value * (isHex ? 16 : 10) + digit, 0xFF_FFFF)
            at += 1
        }
        throw .badReference
    }

    private static func digit(_ byte: UInt8, isHex: Bool) -> UInt32? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f") where isHex:
            UInt32(byte - UInt8(ascii: "a") + 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F") where isHex:
            UInt32(byte - UInt8(ascii: "A") + 10)
        default: nil
        }
    }
}
