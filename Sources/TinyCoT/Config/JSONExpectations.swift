// What the parsers of both files demand of a token that the reader has just read: a type, a
// range, a length. Each demand either yields the value or the error that names place and line.

extension JSONReader {
    /// The latest token is not `wanted` ("a list", "a whole number").
    @inline(never)
    mutating func wrongType(_ wanted: StaticString, at place: ConfigPlace) -> ConfigError {
        var error = ConfigError(.wrongType, line: tokenLine, place: place)
        error.allowed = wanted
        error.other = token.description
        if token == .string || token == .number {
            error.found = Quotation(text())
        }
        return error
    }

    mutating func expect(
        _ wanted: Token, _ description: StaticString, at place: ConfigPlace
    ) throws(ConfigError) {
        if token != wanted { throw wrongType(description, at: place) }
    }

    /// The latest token as a whole number within `range`.
    @inline(never)
    mutating func integer(
        in range: ClosedRange<Int>, at place: ConfigPlace
    ) throws(ConfigError) -> Int {
        guard let value = integer() else { throw wrongType("a whole number", at: place) }
        if value >= range.lowerBound && value <= range.upperBound { return value }
        var error = ConfigError(.outOfRange, line: tokenLine, place: place)
        error.found = Quotation(text())
        error.minimum = range.lowerBound
        error.maximum = range.upperBound
        throw error
    }

    mutating func boolean(at place: ConfigPlace) throws(ConfigError) -> Bool {
        switch token {
        case .yes: return true
        case .no: return false
        default: throw wrongType("true or false", at: place)
        }
    }

    /// The latest token as text that is not empty and holds no control characters.
    @inline(never)
    mutating func string(at place: ConfigPlace) throws(ConfigError) -> Slab<UInt8> {
        try expect(.string, "a string", at: place)
        let result = text()
        if result.count == 0 { throw badText("but must not be empty", at: place) }
        var i = 0
        while i < result.count {
            if result[i] < 0x20 || result[i] == 0x7F {
                throw badText("but must not hold control characters", at: place)
            }
            i += 1
        }
        return result
    }

    /// The latest string has the right type but cannot be used; `why` ends the sentence.
    @inline(never)
    mutating func badText(_ why: StaticString, at place: ConfigPlace) -> ConfigError {
        var error = ConfigError(.badText, line: tokenLine, place: place)
        error.found = Quotation(text())
        error.allowed = why
        return error
    }
}

extension Slab where Element == UInt8 {
    /// The bytes of a literal. They must not be written to.
    static func literal(_ text: StaticString) -> Slab<UInt8> {
        Slab(
            start: UnsafeMutablePointer(mutating: text.utf8Start), count: text.utf8CodeUnitCount)
    }

    func isText(_ text: StaticString) -> Bool {
        if count != text.utf8CodeUnitCount { return false }
        var i = 0
        while i < count {
            if self[i] != text.utf8Start[i] { return false }
            i += 1
        }
        return true
    }
}

extension ShortText {
    func isText(_ text: Slab<UInt8>) -> Bool {
        if Int(count) != text.count { return false }
        var i = 0
        while i < text.count {
            if self[i] != text[i] { return false }
            i += 1
        }
        return true
    }
}
