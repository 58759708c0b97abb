import Testing

@testable import TinyCoT

@Suite struct DecimalTextTests {
    private func number(_ text: String, maxDigits: Int = 18) -> UInt64? {
        withSlab(text) { DecimalText.number($0, maxDigits: maxDigits) }
    }

    @Test func digitsAreANumber() {
        #expect(number("0") == 0 && number("007") == 7 && number("8087") == 8_087)
        #expect(number("999999999999999999") == 999_999_999_999_999_999)
        #expect(number("9999999999999999999", maxDigits: 19) == 9_999_999_999_999_999_999)
    }

    @Test func anythingElseIsNone() {
        for text in ["", " 1", "1 ", "+1", "-1", "1.0", "0x1", "1e3", "1/", "1:", "/", ":"] {
            #expect(number(text) == nil, "\(text)")
        }
    }

    @Test func moreDigitsThanAllowedAreNone() {
        #expect(number("1000000000000000000") == nil)
        #expect(number("65535", maxDigits: 5) == 65_535 && number("065535", maxDigits: 5) == nil)
    }
}
