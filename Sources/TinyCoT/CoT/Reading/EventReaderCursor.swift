// A place in the bytes of one event, and the steps that markup is made of: a name, white space, a
// reference, a comment. `EventReader` puts them together. Nothing is copied or decoded for keeps.
// Invariant: 0 ≤ at ≤ end. A word is loaded only where eight bytes are left, so nothing beyond
// the event is ever touched, not even the rest of its cache line by name.

/// Used as the error of the steps below, so that each says itself what was wrong.
extension Refusal: Error {}

struct MarkupCursor {
    let base: UnsafePointer<UInt8>
    let end: Int
    var at = 0
    /// A comment, CDATA section or instruction held the bytes that end an event for a client.
    var hidesEventEnd = false

    @inline(__always)
    init(base: UnsafePointer<UInt8>, end: Int) {
        self.base = base
        self.end = end
    }

    @inline(__always)
    func byte() throws(Refusal) -> UInt8 {
        if at >= end { throw .unterminated }
        return base[at]
    }

    @inline(__always)
    static func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x0A || byte == 0x09 || byte == 0x0D
    }

    @inline(__always)
    mutating func skipSpace() {
        while at < end, MarkupCursor.isSpace(base[at]) { at &+= 1 }
    }

    /// Goes on to the next `mark`, `<` or `&` and says which. What lies between is legal text.
    @inline(__always)
    mutating func advance(to mark: UInt8) throws(Refusal) -> UInt8 {
        while true {
            if end &- at >= 8 {
                let stops = EightByteWord.stops(EightByteWord.load(base + at), mark: mark)
                if stops == 0 {
                    at &+= 8
                    continue
                }
                at &+= EightByteWord.before(stops)
            }
            let byte = try byte()
            if byte == mark || byte == UInt8(ascii: "<") || byte == UInt8(ascii: "&") {
                return byte
            }
            if byte >= 0x20 && byte < 0x80 {
                at &+= 1
            } else {
                at = try MarkupCursor.skipUnusual(base, at, end)
            }
        }
    }

    /// Goes over a run of line ends, tabs and characters beyond ASCII.
    @inline(never)
    private static func skipUnusual(
        _ base: UnsafePointer<UInt8>, _ start: Int, _ end: Int
    ) throws(Refusal) -> Int {
        var at = start
        while at < end {
            let byte = base[at]
            if byte >= 0x80 {
                at += try Scalar.read(base, at, end).count
            } else if byte >= 0x20 {
                break
            } else if isSpace(byte) {
                at += 1
            } else {
                throw .controlCharacter
            }
        }
        return at
    }

    /// A name; `at` is then one past it.
    @inline(__always)
    mutating func name() throws(Refusal) -> MarkupName {
        let start = at
        var first: UInt64 = 0
        while end &- at >= 8 {
            let word = EightByteWord.load(base + at)
            let stops = EightByteWord.notNames(word)
            if stops == 0 {
                if at == start { first = word }
                at &+= 8
                continue
            }
            let length = EightByteWord.before(stops)
            if at == start { first = EightByteWord.first(length, of: word) }
            at &+= length
            let startsWell = UInt8(truncatingIfNeeded: first) &- 0x2D > 0x39 - 0x2D
            if base[at] >= 0x80 || !startsWell || at == start { break }
            if at &- start > NameCharacters.maxBytes { throw .brokenMarkup }
            return MarkupName(word: first, offset: start, count: at &- start)
        }
        let name = try MarkupCursor.unusualName(base, start, end)
        at = start + Int(name.count)
        return name
    }

    /// A name with characters beyond ASCII, at the end of the event, or no name at all.
    @inline(never)
    private static func unusualName(
        _ base: UnsafePointer<UInt8>, _ start: Int, _ end: Int
    ) throws(Refusal) -> MarkupName {
        var at = start
        while at < end {
            let scalar = try Scalar.read(base, at, end)
            let fits =
                at == start
                ? NameCharacters.canStart(scalar.value) : NameCharacters.canFollow(scalar.value)
            if !fits { break }
            at += scalar.count
        }
        if at == end { throw .unterminated }
        if at == start || at - start > NameCharacters.maxBytes { throw .brokenMarkup }
        var word: UInt64 = 0
        var i = min(at - start, 8)
        while i > 0 {
            i -= 1
            word = word << 8 | UInt64(base[start + i])
        }
        return MarkupName(word: word, offset: start, count: at - start)
    }

    /// A quoted value, both quotes included; `at` is then one past it. Returns its inside.
    @inline(__always)
    mutating func value() throws(Refusal) -> ByteRange {
        let quote = try byte()
        if quote != UInt8(ascii: "\"") && quote != UInt8(ascii: "'") { throw .brokenMarkup }
        at &+= 1
        let start = at
        while true {
            let found = try advance(to: quote)
            if found == quote { break }
            if found == UInt8(ascii: "<") { throw .brokenMarkup }
            at = try Reference.read(base, at, end).end
        }
        at &+= 1
        return ByteRange(unchecked: start, at &- 1 &- start)
    }

    /// Text up to the next `<`.
    @inline(__always)
    mutating func text() throws(Refusal) {
        if at < end && base[at] == UInt8(ascii: "<") { return }
        while true {
            switch try advance(to: UInt8(ascii: "]")) {
            case UInt8(ascii: "<"):
                return
            case UInt8(ascii: "&"):
                at = try Reference.read(base, at, end).end
            default:
                if follows("]]>") { throw .brokenMarkup }
                at &+= 1
            }
        }
    }

    /// The bytes here are `text`.
    func follows(_ text: StaticString) -> Bool {
        let count = text.utf8CodeUnitCount
        if count > end - at { return false }
        var i = 0
        while i < count {
            if base[at + i] != text.utf8Start[i] { return false }
            i += 1
        }
        return true
    }
}

/// The three sections in which a literal `</event>` may hide. All are rare.
extension MarkupCursor {
    /// From `<!`: a comment or a CDATA section.
    @inline(never)
    mutating func declaration() throws(Refusal) {
        if follows("<!--") {
            at += 4
            try comment()
        } else if follows("<![CDATA[") {
            at += 9
            try section(mark: UInt8(ascii: "]"), terminator: "]]>")
        } else if follows("<!DOCTYPE") {
            throw .doctype
        } else {
            throw .brokenMarkup
        }
    }

    /// After `<!--`. Two hyphens may stand only at the end.
    private mutating func comment() throws(Refusal) {
        while true {
            if try advance(to: UInt8(ascii: "-")) == UInt8(ascii: "-") {
                if follows("--") {
                    if !follows("-->") { throw .brokenMarkup }
                    at += 3
                    return
                }
            } else if follows("</event>") {
                hidesEventEnd = true
            }
            at += 1
        }
    }

    /// From `<?`: an instruction.
    @inline(never)
    mutating func instruction() throws(Refusal) {
        at += 2
        let target = try name()
        let folded = target.word | 0x20_2020
        if target.count == 3 && folded == EightByteWord.word("x", "m", "l") {
            throw .reservedInstruction
        }
        if !MarkupCursor.isSpace(try byte()) && !follows("?>") { throw .brokenMarkup }
        try section(mark: UInt8(ascii: "?"), terminator: "?>")
    }

    private mutating func section(mark: UInt8, terminator: StaticString) throws(Refusal) {
        while true {
            if try advance(to: mark) == mark {
                if follows(terminator) {
                    at += terminator.utf8CodeUnitCount
                    return
                }
            } else if follows("</event>") {
                hidesEventEnd = true
            }
            at += 1
        }
    }
}
