// Numbers as clients write them into a point: decimal, with sign, fraction and exponent, in any
// combination that C's strtod takes, but neither hexadecimal nor infinite (protocol 2.1).
// Used by the reader to check a point. A number is never converted to binary floating point: the
// only question is whether it lies within a limit, and integers answer that exactly.

enum Decimal: BitwiseCopyable {
    case notANumber
    /// The word `nan`, legal for the height and the errors of a point.
    case unknown
    /// `digits` × 10^`exponent`, the sign left out. Digits beyond the 18th are dropped.
    case number(digits: UInt64, exponent: Int)

    /// A number, or the word that says that none is known.
    var isUsable: Bool {
        if case .notANumber = self { return false }
        return true
    }

    /// The number lies in ± `limit`; `limit` is at most 180.
    func isWithin(_ limit: UInt64) -> Bool {
        guard case .number(var digits, var exponent) = self else { return false }
        while exponent > 0 && digits > 0 && digits <= limit {
            digits *= 10
            exponent -= 1
        }
        if digits == 0 { return true }
        if exponent > 0 { return false }
        var scaled = limit
        // 10^17 × 180 fits; a number with more places than that has at most one digit before
        // them, because there are only 18 digits.
        while exponent < 0 {
            if scaled > UInt64.max / 10 { return true }
            scaled *= 10
            exponent += 1
        }
        return digits <= scaled
    }

    static func read(_ base: UnsafePointer<UInt8>, _ range: ByteRange) -> Decimal {
        var at = Int(range.offset)
        let end = range.end
        while at < end, MarkupCursor.isSpace(base[at]) { at += 1 }
        if at < end, base[at] == UInt8(ascii: "-") || base[at] == UInt8(ascii: "+") { at += 1 }
        if end - at == 3, isNan(base + at) { return .unknown }
        var digits: UInt64 = 0
        var exponent = 0
        var hasDigits = false
        var isFraction = false
        while at < end {
            let byte = base[at]
            if byte == UInt8(ascii: ".") && !isFraction {
                isFraction = true
            } else if byte &- UInt8(ascii: "0") <= 9 {
                hasDigits = true
                if digits < 100_000_000_000_000_000 {
                    digits = digits * 10 + UInt64(byte & 15)
                    if isFraction { exponent -= 1 }
                } else if !isFraction {
                    exponent += 1
                }
            } else {
                break
            }
            at += 1
        }
        if !hasDigits { return .notANumber }
        if at < end {
            guard let written = readExponent(base, at, end) else { return .notANumber }
            exponent += written
        }
        // Beyond the range of a double strtod reports an overflow, and ATAK drops the event.
        if exponent > 290 && exceedsDouble(digits, exponent) { return .notANumber }
        return .number(digits: digits, exponent: exponent)
    }

    /// 10^308 and more is taken as too large; the last factor of 1.8 is not worth an exact test.
    private static func exceedsDouble(_ digits: UInt64, _ exponent: Int) -> Bool {
        var rest = digits
        var magnitude = exponent - 1
        while rest > 0 {
            rest /= 10
            magnitude += 1
        }
        return digits > 0 && magnitude >= 308
    }

    /// `e`, an optional sign and at least one digit, up to the end.
    private static func readExponent(
        _ base: UnsafePointer<UInt8>, _ start: Int, _ end: Int
    ) -> Int? {
        var at = start
        if base[at] | 0x20 != UInt8(ascii: "e") { return nil }
        at += 1
        let isNegative = at < end && base[at] == UInt8(ascii: "-")
        if isNegative || (at < end && base[at] == UInt8(ascii: "+")) { at += 1 }
        if at == end { return nil }
        var value = 0
        while at < end {
            let digit = base[at] &- UInt8(ascii: "0")
            if digit > 9 { return nil }
            // Large enough for every event's worth of digits to be shifted back or forth.
            value = min(value * 10 + Int(digit), 10_000_000)
            at += 1
        }
        return isNegative ? -value : value
    }

    private static func isNan(_ bytes: UnsafePointer<UInt8>) -> Bool {
        bytes[0] | 0x20 == UInt8(ascii: "n") && bytes[1] | 0x20 == UInt8(ascii: "a")
            && bytes[2] | 0x20 == UInt8(ascii: "n")
    }
}
