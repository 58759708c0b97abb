// Which bytes may stand where (RFC 9110 section 5.6, RFC 9112 section 3, RFC 3986), and how names
// are compared. Called by everything that reads HTTP. No table in memory: two words of bits each.

enum HTTPCharacters {
    /// A set of ASCII characters as 128 bits.
    @inline(__always)
    private static func isIn(_ byte: UInt8, low: UInt64, high: UInt64) -> Bool {
        if byte >= 0x80 { return false }
        return (byte < 64 ? low : high) >> UInt64(byte & 63) & 1 != 0
    }

    /// `tchar`: letters, digits and !#$%&'*+-.^_`|~
    @inline(__always)
    static func isToken(_ byte: UInt8) -> Bool {
        isIn(byte, low: 0x03FF_6CFA_0000_0000, high: 0x57FF_FFFF_C7FF_FFFE)
    }

    /// `unreserved` of a URL: letters, digits and -._~
    @inline(__always)
    static func isUnreserved(_ byte: UInt8) -> Bool {
        isIn(byte, low: 0x03FF_6000_0000_0000, high: 0x47FF_FFFE_87FF_FFFE)
    }

    /// May stand in a field value: visible, blank, tab, or beyond ASCII.
    @inline(__always)
    static func isText(_ byte: UInt8) -> Bool {
        byte >= 0x20 && byte != 0x7F || byte == UInt8(ascii: "\t")
    }

    @inline(__always)
    static func isBlank(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t")
    }

    /// 0 … 9, or nil.
    @inline(__always)
    static func decimal(_ byte: UInt8) -> UInt64? {
        let digit = byte &- UInt8(ascii: "0")
        return digit > 9 ? nil : UInt64(digit)
    }

    /// 0 … 15, or nil.
    @inline(__always)
    static func hexadecimal(_ byte: UInt8) -> UInt64? {
        if let digit = decimal(byte) { return digit }
        let letter = lowered(byte) &- UInt8(ascii: "a")
        return letter > 5 ? nil : UInt64(letter) + 10
    }

    /// ASCII letters become small, everything else stays.
    @inline(__always)
    static func lowered(_ byte: UInt8) -> UInt8 {
        byte &- UInt8(ascii: "A") < 26 ? byte | 0x20 : byte
    }

    /// Compares without regard to ASCII case. `word` is written in small letters.
    static func equals(_ bytes: Slab<UInt8>, _ word: StaticString) -> Bool {
        if bytes.count != word.utf8CodeUnitCount { return false }
        var i = 0
        while i < bytes.count {
            if lowered(bytes[i]) != word.utf8Start[i] { return false }
            i += 1
        }
        return true
    }

    /// A decimal number that fills `bytes`: no sign, no blank, at least one digit. nil if it is
    /// none; `.max` if it does not fit, which the caller has to refuse or to mean.
    static func number(_ bytes: Slab<UInt8>) -> UInt64? {
        if bytes.count == 0 { return nil }
        var value: UInt64 = 0
        var i = 0
        while i < bytes.count {
            guard let digit = decimal(bytes[i]) else { return nil }
            let (tenfold, lost) = value.multipliedReportingOverflow(by: 10)
            let (sum, carried) = tenfold.addingReportingOverflow(digit)
            value = lost || carried ? .max : sum
            i += 1
        }
        return value
    }
}
