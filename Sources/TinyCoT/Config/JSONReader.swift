// Reads JSON (RFC 8259) token by token, for tinycot.json and budget.json. Called by their parsers.
// It never allocates, never recurses and never reads outside its bytes; it knows the line and
// column of every token, so that an error can point at it. Duplicate keys are grammatical JSON:
// the callers, who have a table of their keys, refuse them.
// Strings are decoded where they lie, and only when asked for: the bytes are the caller's scratch.

/// A strict pull reader. After `.end`, or after an error, it is used up.
public struct JSONReader: BitwiseCopyable {
    public enum Token: UInt8, BitwiseCopyable, Sendable {
        case objectStart, objectEnd, listStart, listEnd
        /// The name of a member; the colon behind it has been read too.
        case key
        case string, number, yes, no, null
        /// Nothing but white space follows the value.
        case end

        /// As an error calls it.
        public var description: StaticString {
            switch self {
            case .objectStart, .objectEnd: "an object"
            case .listStart, .listEnd: "a list"
            case .key: "a key"
            case .string: "the string"
            case .number: "the number"
            case .yes: "true"
            case .no: "false"
            case .null: "null"
            case .end: "the end of the file"
            }
        }
    }

    /// What the grammar allows next.
    private enum Expectation: UInt8, BitwiseCopyable {
        case value, firstValue, key, firstKey, comma, nothing
    }

    /// Our files need five levels. A bound keeps hostile input from costing anything.
    public static var depthLimit: Int { 16 }

    private let bytes: Slab<UInt8>
    private var offset = 0
    private var line = 1
    private var column = 1
    private var expectation = Expectation.value
    /// Bit `d` set: level `d` is an object, not a list. Level 0 is outside everything.
    private var objectLevels: UInt32 = 0
    public private(set) var depth = 0

    public private(set) var token = Token.end
    /// Where the latest token begins; both count from 1, columns in characters.
    public private(set) var tokenLine = 1
    public private(set) var tokenColumn = 1
    private var textStart = 0
    private var textCount = 0
    private var textHasEscapes = false

    /// - Parameter bytes: the whole file. A byte order mark at its beginning is passed over.
    public init(_ bytes: Slab<UInt8>) {
        self.bytes = bytes
        if bytes.count >= 3, bytes[0] == 0xEF, bytes[1] == 0xBB, bytes[2] == 0xBF { offset = 3 }
    }

    // MARK: Tokens

    @inline(never)
    public mutating func next() throws(ConfigError) -> Token {
        skipSpace()
        if expectation == .comma, byte == UInt8(ascii: ",") {
            pass(1)
            skipSpace()
            if byte == UInt8(ascii: "}") || byte == UInt8(ascii: "]") {
                throw syntax("the last value of a list or object must not have a comma behind it")
            }
            expectation = isInObject ? .key : .value
        }
        tokenLine = line
        tokenColumn = column
        textCount = 0
        textHasEscapes = false
        token = try readToken()
        return token
    }

    private mutating func readToken() throws(ConfigError) -> Token {
        switch expectation {
        case .nothing:
            if offset < bytes.count { throw unexpected("nothing may follow the closing bracket") }
            return .end
        case .value: return try readValue()
        case .firstValue:
            return byte == UInt8(ascii: "]") ? close() : try readValue()
        case .firstKey:
            if byte == UInt8(ascii: "}") { return close() }
            return try readKey()
        case .key: return try readKey()
        case .comma:
            if byte == (isInObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) { return close() }
            throw unexpected(
                isInObject ? "expected a comma or \"}\"" : "expected a comma or \"]\"")
        }
    }

    private mutating func readValue() throws(ConfigError) -> Token {
        guard let first = byte else { throw unexpected("expected a value") }
        switch first {
        case UInt8(ascii: "{"): return try open(object: true)
        case UInt8(ascii: "["): return try open(object: false)
        case UInt8(ascii: "\""):
            try readString()
            expectAfterValue()
            return .string
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            try readNumber()
            expectAfterValue()
            return .number
        case UInt8(ascii: "t"): return try readWord("true", .yes)
        case UInt8(ascii: "f"): return try readWord("false", .no)
        case UInt8(ascii: "n"): return try readWord("null", .null)
        default: throw unexpected("expected a value")
        }
    }

    private mutating func readKey() throws(ConfigError) -> Token {
        guard byte == UInt8(ascii: "\"") else { throw unexpected("expected a key in quotes") }
        try readString()
        skipSpace()
        guard byte == UInt8(ascii: ":") else {
            throw unexpected("expected a colon behind the key")
        }
        pass(1)
        expectation = .value
        return .key
    }

    private mutating func open(object: Bool) throws(ConfigError) -> Token {
        if depth == JSONReader.depthLimit {
            throw syntax("values are nested more than 16 levels deep")
        }
        depth += 1
        let bit: UInt32 = 1 << UInt32(depth)
        objectLevels = object ? objectLevels | bit : objectLevels & ~bit
        pass(1)
        expectation = object ? .firstKey : .firstValue
        return object ? .objectStart : .listStart
    }

    private mutating func close() -> Token {
        let wasObject = isInObject
        pass(1)
        depth -= 1
        expectAfterValue()
        return wasObject ? .objectEnd : .listEnd
    }

    private mutating func expectAfterValue() { expectation = depth == 0 ? .nothing : .comma }

    private var isInObject: Bool { (objectLevels >> UInt32(depth)) & 1 == 1 }

    /// Passes over the rest of the value whose first token has just been read.
    public mutating func skipValue() throws(ConfigError) {
        guard token == .objectStart || token == .listStart else { return }
        let outerDepth = depth - 1
        // Every turn passes at least one byte.
        while depth > outerDepth { _ = try next() }
    }

    // MARK: Values

    /// The text of the latest key, string or number, decoded. Valid until the caller's bytes
    /// change. Decoding shortens the text in place, so a copy of the reader from before this
    /// token must not read it again.
    public mutating func text() -> Slab<UInt8> {
        if textHasEscapes { decodeInPlace() }
        return bytes.slice(textStart, textCount)
    }

    /// The latest number, if it is written as a whole number; one that no `Int` holds becomes
    /// the largest or smallest there is. `1.0` and `1e3` are not whole numbers here: a limit is
    /// written out.
    public func integer() -> Int? {
        guard token == .number else { return nil }
        var i = textStart
        let end = textStart + textCount
        let isNegative = bytes[i] == UInt8(ascii: "-")
        if isNegative { i += 1 }
        var magnitude = 0
        while i < end {
            let digit = Int(bytes[i]) - 48
            guard digit >= 0 && digit <= 9 else { return nil }
            let (product, productOverflow) = magnitude.multipliedReportingOverflow(by: 10)
            let (sum, sumOverflow) = product.addingReportingOverflow(digit)
            magnitude = productOverflow || sumOverflow ? Int.max : sum
            if productOverflow || sumOverflow { return wholeTail(from: i, isNegative) }
            i += 1
        }
        return isNegative ? -magnitude : magnitude
    }

    /// The answer for a number beyond `Int`: only its form still matters.
    private func wholeTail(from start: Int, _ isNegative: Bool) -> Int? {
        var i = start
        while i < textStart + textCount {
            guard bytes[i] >= UInt8(ascii: "0") && bytes[i] <= UInt8(ascii: "9") else { return nil }
            i += 1
        }
        return isNegative ? Int.min : Int.max
    }

    // MARK: Lexing

    @inline(__always)
    private var byte: UInt8? { offset < bytes.count ? bytes[offset] : nil }

    /// Passes `count` characters of one byte each.
    private mutating func pass(_ count: Int) {
        offset += count
        column += count
    }

    private mutating func skipSpace() {
        while offset < bytes.count {
            switch bytes[offset] {
            case UInt8(ascii: "\n"):
                offset += 1
                line += 1
                column = 1
            case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"): pass(1)
            default: return
            }
        }
    }

    private mutating func readWord(
        _ word: StaticString, _ token: Token
    ) throws(ConfigError) -> Token {
        let length = word.utf8CodeUnitCount
        var i = 0
        while i < length {
            guard offset + i < bytes.count, bytes[offset + i] == word.utf8Start[i] else {
                throw unexpected("expected a value")
            }
            i += 1
        }
        pass(length)
        expectAfterValue()
        return token
    }

    private mutating func readNumber() throws(ConfigError) {
        textStart = offset
        if byte == UInt8(ascii: "-") { pass(1) }
        if byte == UInt8(ascii: "0") {
            pass(1)
            if isDigit { throw syntax("a number must not begin with a zero") }
        } else {
            try readDigits()
        }
        if byte == UInt8(ascii: ".") {
            pass(1)
            try readDigits()
        }
        if byte == UInt8(ascii: "e") || byte == UInt8(ascii: "E") {
            pass(1)
            if byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-") { pass(1) }
            try readDigits()
        }
        textCount = offset - textStart
    }

    private var isDigit: Bool {
        guard let byte else { return false }
        return byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
    }

    private mutating func readDigits() throws(ConfigError) {
        guard isDigit else { throw unexpected("expected a digit") }
        while isDigit { pass(1) }
    }

    // MARK: Strings

    /// Checks a string and passes over it. What it holds is decoded by `text`.
    private mutating func readString() throws(ConfigError) {
        let startLine = line
        let startColumn = column
        pass(1)
        textStart = offset
        while let current = byte {
            switch current {
            case UInt8(ascii: "\""):
                textCount = offset - textStart
                pass(1)
                return
            case UInt8(ascii: "\\"):
                textHasEscapes = true
                try readEscape()
            case 0..<0x20:
                if current == UInt8(ascii: "\n") || current == UInt8(ascii: "\r") {
                    throw syntax("this string has no closing quote", startLine, startColumn)
                }
                throw unexpected("a string holds a control character that is not escaped")
            case 0x20..<0x80: pass(1)
            default:
                let length = utf8Length(at: offset)
                if length == 0 { throw unexpected("a string is not valid UTF-8") }
                offset += length
                column += 1
            }
        }
        throw syntax("this string has no closing quote", startLine, startColumn)
    }

    private mutating func readEscape() throws(ConfigError) {
        guard offset + 1 < bytes.count else { throw syntax("the file ends inside an escape") }
        switch bytes[offset + 1] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"),
            UInt8(ascii: "f"), UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            pass(2)
        case UInt8(ascii: "u"):
            let unit = hexUnit(at: offset)
            if unit < 0 { throw syntax("\\u must be followed by four hexadecimal digits") }
            if unit >= 0xDC00 && unit < 0xE000 {
                throw syntax("a \\u escape is the second half of a pair, but stands alone")
            }
            if unit >= 0xD800 && unit < 0xDC00 {
                let second = hexUnit(at: offset + 6)
                if second < 0xDC00 || second >= 0xE000 {
                    throw syntax("a \\u escape is the first half of a pair, but stands alone")
                }
                pass(6)
            }
            pass(6)
        default: throw syntax("JSON knows no such escape in a string")
        }
    }

    /// The value of `\uXXXX` at `position`, or -1 if that is not what stands there.
    private func hexUnit(at position: Int) -> Int {
        guard position + 6 <= bytes.count, bytes[position] == UInt8(ascii: "\\"),
            bytes[position + 1] == UInt8(ascii: "u")
        else { return -1 }
        var value = 0
        var i = position + 2
        while i < position + 6 {
            let digit = JSONReader.hexValue(bytes[i])
            if digit < 0 { return -1 }
            value = value << 4 | digit
            i += 1
        }
        return value
    }

    /// Bytes of the UTF-8 sequence at `position` (RFC 3629), or 0 if it is not one.
    private func utf8Length(at position: Int) -> Int {
        let first = bytes[position]
        let length = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4
        if length == 1 { return 1 }
        guard first >= 0xC2 && first <= 0xF4, position + length <= bytes.count else { return 0 }
        let second = bytes[position + 1]
        // Overlong forms, surrogates and what lies behind U+10FFFF show in the second byte.
        let low: UInt8 = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80
        let high: UInt8 = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF
        guard second >= low && second <= high else { return 0 }
        var i = 2
        while i < length {
            guard bytes[position + i] & 0xC0 == 0x80 else { return 0 }
            i += 1
        }
        return length
    }

    /// The lexer has checked the escapes. No decoded form is longer than its escape.
    private mutating func decodeInPlace() {
        let text = bytes.slice(textStart, textCount)
        var writer = ByteWriter(text)
        var i = 0
        while i < text.count {
            if text[i] != UInt8(ascii: "\\") {
                writer.append(text[i])
                i += 1
                continue
            }
            if text[i + 1] != UInt8(ascii: "u") {
                writer.append(JSONReader.meaning(ofEscape: text[i + 1]))
                i += 2
                continue
            }
            var scalar = hexUnit(at: textStart + i)
            i += 6
            if scalar >= 0xD800 && scalar < 0xE000 {
                let second = hexUnit(at: textStart + i)
                scalar = 0x10000 + ((scalar - 0xD800) << 10) + (second - 0xDC00)
                i += 6
            }
            writer.append(scalar: UInt32(scalar))
        }
        textCount = writer.count
        textHasEscapes = false
    }

    private static func meaning(ofEscape byte: UInt8) -> UInt8 {
        switch byte {
        case UInt8(ascii: "b"): 0x08
        case UInt8(ascii: "f"): 0x0C
        case UInt8(ascii: "n"): 0x0A
        case UInt8(ascii: "r"): 0x0D
        case UInt8(ascii: "t"): 0x09
        default: byte
        }
    }

    /// 0 ... 15, or -1 for what is no hexadecimal digit.
    @inline(__always)
    static func hexValue(_ byte: UInt8) -> Int {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): Int(byte) - 48
        case UInt8(ascii: "a")...UInt8(ascii: "f"): Int(byte) - 87
        case UInt8(ascii: "A")...UInt8(ascii: "F"): Int(byte) - 55
        default: -1
        }
    }

    // MARK: Errors

    private func syntax(_ sentence: StaticString) -> ConfigError {
        syntax(sentence, line, column)
    }

    @inline(never)
    private func syntax(_ sentence: StaticString, _ line: Int, _ column: Int) -> ConfigError {
        var error = ConfigError(.syntax, line: line)
        error.column = column
        error.allowed = sentence
        return error
    }

    /// `sentence`, and the character that stands there instead.
    @inline(never)
    private func unexpected(_ sentence: StaticString) -> ConfigError {
        guard let current = byte else {
            var error = syntax(sentence)
            error.problem = .syntaxAtEnd
            return error
        }
        if current == UInt8(ascii: "/") || current == UInt8(ascii: "#") {
            return syntax("JSON has no comments")
        }
        var error = syntax(sentence)
        let length = utf8Length(at: offset)
        if length == 0 {
            error.number = Int(current)
            error.problem = .syntaxAtByte
        } else {
            error.found = Quotation(bytes.slice(offset, length))
        }
        return error
    }
}

extension ByteWriter {
    /// The UTF-8 of a Unicode scalar value.
    mutating func append(scalar: UInt32) {
        if scalar < 0x80 {
            append(UInt8(scalar))
        } else if scalar < 0x800 {
            append(UInt8(0xC0 | scalar >> 6))
            append(UInt8(0x80 | scalar & 0x3F))
        } else if scalar < 0x10000 {
            append(UInt8(0xE0 | scalar >> 12))
            append(UInt8(0x80 | scalar >> 6 & 0x3F))
            append(UInt8(0x80 | scalar & 0x3F))
        } else {
            append(UInt8(0xF0 | scalar >> 18))
            append(UInt8(0x80 | scalar >> 12 & 0x3F))
            append(UInt8(0x80 | scalar >> 6 & 0x3F))
            append(UInt8(0x80 | scalar & 0x3F))
        }
    }
}
