// Walks the parameters of a header field: `form-data; name="assetfile"; filename="a b.zip"`
// (RFC 9110 section 5.6.6). Called for Content-Type and for the Content-Disposition of a part.
// A value without quotes ends at a blank or a semicolon, so it may hold what no token holds: some
// clients send a boundary with `=` or `/` unquoted. It never looks outside its text, and each
// step passes at least one byte or ends the walk.

/// Yields ranges of the text, in order. After `.end` or `.malformed` it is used up.
struct FieldParameters: BitwiseCopyable {
    enum Step {
        /// The value of a quoted parameter is what stands between the quotes, not yet unescaped.
        case parameter(name: Range<Int>, value: Range<Int>, isQuoted: Bool)
        case end, malformed
    }

    private let text: Slab<UInt8>
    private var at = 0

    init(_ text: Slab<UInt8>) { self.text = text }

    /// What stands before the first semicolon; nil if that is nothing.
    mutating func leadingValue() -> Range<Int>? {
        skipBlanks()
        let start = at
        while at < text.count, !isBreak(text[at]) { at += 1 }
        return at > start ? start..<at : nil
    }

    mutating func next() -> Step {
        skipBlanks()
        if at == text.count { return .end }
        if text[at] != UInt8(ascii: ";") { return .malformed }
        // RFC 9110 allows semicolons with nothing between or behind them.
        while at < text.count, text[at] == UInt8(ascii: ";") {
            at += 1
            skipBlanks()
        }
        if at == text.count { return .end }
        let nameStart = at
        while at < text.count, text[at] != UInt8(ascii: "="), !isBreak(text[at]) { at += 1 }
        let name = nameStart..<at
        if name.isEmpty || at == text.count || text[at] != UInt8(ascii: "=") { return .malformed }
        at += 1
        if at < text.count, text[at] == UInt8(ascii: "\"") { return quoted(name) }
        let valueStart = at
        while at < text.count, !isBreak(text[at]) {
            if text[at] == UInt8(ascii: "\"") { return .malformed }
            at += 1
        }
        if at == valueStart { return .malformed }
        return .parameter(name: name, value: valueStart..<at, isQuoted: false)
    }

    private mutating func quoted(_ name: Range<Int>) -> Step {
        at += 1
        let start = at
        while at < text.count, text[at] != UInt8(ascii: "\"") {
            at += text[at] == UInt8(ascii: "\\") ? 2 : 1
        }
        if at >= text.count { return .malformed }
        at += 1
        return .parameter(name: name, value: start..<at - 1, isQuoted: true)
    }

    private mutating func skipBlanks() {
        while at < text.count, text[at] == 0x20 || text[at] == 0x09 { at += 1 }
    }

    private func isBreak(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: ";") || byte == 0x20 || byte == 0x09
    }

    /// Are these bytes `name`, which is written in small letters, in any case?
    static func isName(_ text: Slab<UInt8>, _ range: Range<Int>, _ name: StaticString) -> Bool {
        if range.count != name.utf8CodeUnitCount { return false }
        var i = 0
        while i < range.count {
            var byte = text[range.lowerBound + i]
            if byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") { byte |= 0x20 }
            if byte != name.utf8Start[i] { return false }
            i += 1
        }
        return true
    }

    /// Takes the backslashes out of a quoted value (RFC 9110 section 5.6.4), where it lies.
    /// - Returns: the value, at the beginning of its range.
    static func unescape(_ text: Slab<UInt8>, _ range: Range<Int>) -> Slab<UInt8> {
        var from = range.lowerBound
        var to = from
        while from < range.upperBound {
            // The walk has seen to it that a backslash is never the last byte.
            if text[from] == UInt8(ascii: "\\") { from += 1 }
            text[to] = text[from]
            to += 1
            from += 1
        }
        return text.slice(range.lowerBound, to - range.lowerBound)
    }
}
