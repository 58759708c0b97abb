// Reads JSON (RFC 8259) that comes in pieces, cut anywhere, token by token. Called by StateReader.
// Unlike config's JSONReader it never has the whole text: a state file may be larger than the
// memory of the program. What is inside a string is handed out as it comes, in runs. It never
// allocates, never recurses and keeps no byte of its input. `depth ≤ depthLimit`

/// A strict tokenizer. After a fault it is used up.
public struct JSONStream: BitwiseCopyable {
    public enum Token: BitwiseCopyable {
        /// The bytes are used up.
        case more
        case objectStart, objectEnd, listStart, listEnd
        /// A part of the key or string that is being read: as it stands, or one that was escaped.
        case run(Slab<UInt8>)
        case scalar(UInt32)
        /// The end of a key, with its colon still to come; the end of a string.
        case key, string
        /// Its value is `integer`.
        case number
        case yes, no, null
    }

    /// What the grammar allows next.
    private enum Expectation: UInt8, BitwiseCopyable {
        case value, firstValue, key, firstKey, colon, comma, nothing
    }

    /// What the next byte belongs to.
    private enum Lexeme: UInt8, BitwiseCopyable {
        case between, text, escape, unicode, secondBackslash, secondLetter, word
        case minus, zero, whole, point, fraction, exponent, exponentSign, exponentDigits
    }

    public static var depthLimit: Int { 16 }

    /// Counts from 1.
    public private(set) var line = 1
    public private(set) var depth = 0
    /// The text that is being read is a key.
    public private(set) var isInKey = false
    private var expectation = Expectation.value
    private var lexeme = Lexeme.between
    /// Bit `d` set: level `d` is an object, not a list. Level 0 is outside everything.
    private var objectLevels: UInt32 = 0

    // A word.
    private var word: StaticString = ""
    private var wordCount = 0
    private var wordToken = Token.null

    // A number.
    private var magnitude: UInt64 = 0
    private var isNegative = false
    private var isWhole = true

    // A string; a \u escape.
    private var characters = UTF8Check()
    private var unit: UInt32 = 0
    private var unitDigits: UInt8 = 0
    private var firstHalf: UInt32 = 0

    public init() {}

    /// The value has ended, and only white space may follow.
    public var isAtEnd: Bool { expectation == .nothing }

    /// The latest number, if it is written as a whole number; one that no `Int64` holds becomes the
    /// largest or smallest there is.
    public var integer: Int64? {
        if !isWhole { return nil }
        if magnitude > UInt64(Int64.max) { return isNegative ? .min : .max }
        return isNegative ? -Int64(magnitude) : Int64(magnitude)
    }

    /// The next token of the stretch, from `offset` on, which moves behind it.
    public mutating func next(
        _ bytes: Slab<UInt8>, _ offset: inout Int
    ) throws(StateFault) -> Token {
        // Every turn passes a byte or ends a number.
        while offset < bytes.count {
            let token: Token
            switch lexeme {
            case .between:
                token = try takeBetween(bytes[offset])
                offset += 1
            case .text: token = try takeText(bytes, &offset)
            case .escape, .unicode, .secondBackslash, .secondLetter:
                token = try takeEscape(bytes[offset])
                offset += 1
            case .word:
                token = try takeWord(bytes[offset])
                offset += 1
            default:
                if try takeNumber(bytes[offset]) {
                    offset += 1
                    continue
                }
                lexeme = .between
                expectAfterValue()
                return .number
            }
            if case .more = token { continue }
            return token
        }
        return .more
    }

    // MARK: Structure

    private var isInObject: Bool { (objectLevels >> UInt32(depth)) & 1 == 1 }

    private mutating func expectAfterValue() { expectation = depth == 0 ? .nothing : .comma }

    private mutating func takeBetween(_ byte: UInt8) throws(StateFault) -> Token {
        switch byte {
        case UInt8(ascii: "\n"):
            line += 1
            return .more
        case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"): return .more
        default: break
        }
        switch expectation {
        case .value: return try beginValue(byte)
        case .firstValue:
            if byte == UInt8(ascii: "]") { return close() }
            return try beginValue(byte)
        case .key, .firstKey:
            if byte == UInt8(ascii: "}") && expectation == .firstKey { return close() }
            if byte != UInt8(ascii: "\"") { throw unexpected(byte, "a key in quotes") }
            beginText(isKey: true)
        case .colon:
            if byte != UInt8(ascii: ":") { throw unexpected(byte, "a colon behind the key") }
            expectation = .value
        case .comma:
            if byte == (isInObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) { return close() }
            if byte != UInt8(ascii: ",") {
                throw unexpected(
                    byte, isInObject ? "a comma or the end of the object"
                        : "a comma or the end of the list")
            }
            expectation = isInObject ? .key : .value
        case .nothing: throw unexpected(byte, "nothing behind the end")
        }
        return .more
    }

    private mutating func beginValue(_ byte: UInt8) throws(StateFault) -> Token {
        switch byte {
        case UInt8(ascii: "{"): return try open(object: true)
        case UInt8(ascii: "["): return try open(object: false)
        case UInt8(ascii: "\""): beginText(isKey: false)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): beginNumber(byte)
        case UInt8(ascii: "t"): beginWord("true", .yes)
        case UInt8(ascii: "f"): beginWord("false", .no)
        case UInt8(ascii: "n"): beginWord("null", .null)
        default: throw unexpected(byte, "a value")
        }
        return .more
    }

    private mutating func open(object: Bool) throws(StateFault) -> Token {
        if depth == JSONStream.depthLimit { throw StateFault(.depth, line: line) }
        depth += 1
        let bit: UInt32 = 1 << UInt32(depth)
        objectLevels = object ? objectLevels | bit : objectLevels & ~bit
        expectation = object ? .firstKey : .firstValue
        return object ? .objectStart : .listStart
    }

    private mutating func close() -> Token {
        let wasObject = isInObject
        depth -= 1
        expectAfterValue()
        return wasObject ? .objectEnd : .listEnd
    }

    private mutating func beginWord(_ text: StaticString, _ token: Token) {
        word = text
        wordCount = 1
        wordToken = token
        lexeme = .word
    }

    private mutating func takeWord(_ byte: UInt8) throws(StateFault) -> Token {
        if byte != word.utf8Start[wordCount] { throw unexpected(byte, "a value") }
        wordCount += 1
        if wordCount < word.utf8CodeUnitCount { return .more }
        lexeme = .between
        expectAfterValue()
        return wordToken
    }

    // MARK: Numbers

    private mutating func beginNumber(_ byte: UInt8) {
        isNegative = byte == UInt8(ascii: "-")
        isWhole = true
        magnitude = 0
        if isNegative {
            lexeme = .minus
        } else {
            beginDigits(byte)
        }
    }

    private mutating func beginDigits(_ byte: UInt8) {
        magnitude = UInt64(byte - UInt8(ascii: "0"))
        lexeme = magnitude == 0 ? .zero : .whole
    }

    /// - Returns: whether the byte belongs to the number; if not, the number is whole.
    private mutating func takeNumber(_ byte: UInt8) throws(StateFault) -> Bool {
        let isDigit = byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
        switch lexeme {
        case .minus:
            if !isDigit { throw unexpected(byte, "a digit") }
            beginDigits(byte)
            return true
        case .point, .exponentSign:
            if !isDigit { throw unexpected(byte, "a digit") }
            lexeme = lexeme == .point ? .fraction : .exponentDigits
            return true
        case .exponent:
            if byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-") {
                lexeme = .exponentSign
                return true
            }
            if !isDigit { throw unexpected(byte, "a digit") }
            lexeme = .exponentDigits
            return true
        case .exponentDigits: return isDigit
        case .zero:
            if isDigit { throw unexpected(byte, "a number without a zero before it") }
        case .whole:
            if isDigit {
                let (product, isOver) = magnitude.multipliedReportingOverflow(by: 10)
                let (sum, isFurther) = product.addingReportingOverflow(UInt64(byte - 48))
                magnitude = isOver || isFurther ? .max : sum
                return true
            }
        default:
            if isDigit { return true }
        }
        return takeTail(byte)
    }

    /// The point or the exponent behind the digits.
    private mutating func takeTail(_ byte: UInt8) -> Bool {
        if byte == UInt8(ascii: ".") && lexeme != .fraction {
            lexeme = .point
        } else if byte | 0x20 == UInt8(ascii: "e") {
            lexeme = .exponent
        } else {
            return false
        }
        isWhole = false
        return true
    }

    // MARK: Strings

    private mutating func beginText(isKey: Bool) {
        isInKey = isKey
        lexeme = .text
    }

    private mutating func endText() -> Token {
        lexeme = .between
        if isInKey {
            isInKey = false
            expectation = .colon
            return .key
        }
        expectAfterValue()
        return .string
    }

    /// The longest run of bytes that stand for themselves, or what ends it.
    private mutating func takeText(
        _ bytes: Slab<UInt8>, _ offset: inout Int
    ) throws(StateFault) -> Token {
        let start = offset
        while offset < bytes.count {
            let byte = bytes[offset]
            if byte >= 0x80 || !characters.isWhole {
                if !characters.take(byte) { throw unexpected(byte, "UTF-8") }
            } else if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
                if offset > start { break }
                offset += 1
                if byte == UInt8(ascii: "\"") { return endText() }
                lexeme = .escape
                return .more
            } else if byte < 0x20 {
                throw unexpected(byte, "no control character in a text, unless it is escaped")
            }
            offset += 1
        }
        return .run(bytes.slice(start, offset - start))
    }

    private mutating func takeEscape(_ byte: UInt8) throws(StateFault) -> Token {
        switch lexeme {
        case .escape: return try takeEscaped(byte)
        case .secondBackslash:
            if byte != UInt8(ascii: "\\") { throw unexpected(byte, JSONStream.secondHalf) }
            lexeme = .secondLetter
        case .secondLetter:
            if byte != UInt8(ascii: "u") { throw unexpected(byte, JSONStream.secondHalf) }
            beginUnit()
        default: return try takeUnitDigit(byte)
        }
        return .more
    }

    private static var secondHalf: StaticString { "the second half of a pair of \\u escapes" }

    private mutating func beginUnit() {
        unit = 0
        unitDigits = 0
        lexeme = .unicode
    }

    private mutating func takeEscaped(_ byte: UInt8) throws(StateFault) -> Token {
        let scalar: UInt8
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): scalar = byte
        case UInt8(ascii: "b"): scalar = 0x08
        case UInt8(ascii: "f"): scalar = 0x0C
        case UInt8(ascii: "n"): scalar = 0x0A
        case UInt8(ascii: "r"): scalar = 0x0D
        case UInt8(ascii: "t"): scalar = 0x09
        case UInt8(ascii: "u"):
            firstHalf = 0
            beginUnit()
            return .more
        default: throw unexpected(byte, "an escape that JSON knows")
        }
        lexeme = .text
        return .scalar(UInt32(scalar))
    }

    private mutating func takeUnitDigit(_ byte: UInt8) throws(StateFault) -> Token {
        let digit = JSONReader.hexValue(byte)
        if digit < 0 { throw unexpected(byte, "four hexadecimal digits behind \\u") }
        unit = unit << 4 | UInt32(digit)
        unitDigits += 1
        if unitDigits < 4 { return .more }
        let isSecond = unit >= 0xDC00 && unit < 0xE000
        if isSecond != (firstHalf > 0) {
            throw unexpected(byte, "both halves of a pair of \\u escapes")
        }
        if unit >= 0xD800 && unit < 0xDC00 {
            firstHalf = unit
            lexeme = .secondBackslash
            return .more
        }
        lexeme = .text
        if !isSecond { return .scalar(unit) }
        return .scalar(0x10000 + ((firstHalf - 0xD800) << 10) + (unit - 0xDC00))
    }

    // MARK: Faults

    @inline(never)
    private func unexpected(_ byte: UInt8, _ allowed: StaticString) -> StateFault {
        var fault = StateFault(.syntax, line: line)
        fault.number = Int64(byte)
        fault.allowed = allowed
        return fault
    }
}
