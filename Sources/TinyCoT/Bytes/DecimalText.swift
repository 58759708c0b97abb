// A whole number as text: decimal digits from the first byte to the last, and nothing else.

public enum DecimalText {
    /// - Parameter maxDigits: at most 19, which fit into 64 bits; 18 fit with a sign, too.
    /// - Returns: nil for no text, a longer one, or one with anything but digits.
    public static func number(_ text: Slab<UInt8>, maxDigits: Int = 18) -> UInt64? {
        invariant(maxDigits <= 19, "a number that is read fits into 64 bits")
        if text.count == 0 || text.count > maxDigits { return nil }
        var value: UInt64 = 0
        var i = 0
        while i < text.count {
            let digit = text[i] &- UInt8(ascii: "0")
            if digit > 9 { return nil }
            value = value * 10 + UInt64(digit)
            i += 1
        }
        return value
    }
}
