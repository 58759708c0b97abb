// The words after a `<` that the framer must know, as one small automaton. The framer feeds it
// byte by byte, in every state in which such a word can stand; so a word may be cut anywhere.
// It knows nothing of the framer's states and keeps nothing: a place in a word is one number.

/// How far a word that began with `<` has come, and what a whole word means.
///
///      1         <              11 ... 16  </  ... </event      20 ... 25  <![ ... <![CDATA
///      2 ...  6  <e ... <event  17         </event + white      26 ... 31  <!D ... <!DOCTYP
///      7 ... 10  <? ... <?xml   18, 19     <!  <!-              32 ... 35  <a  ... <auth
///
/// 0 means: not inside a word.
enum MarkupWord {
    static var opened: UInt8 { 1 }
    static var instruction: ClosedRange<UInt8> { 7...10 }
    static var endTag: ClosedRange<UInt8> { 11...17 }
    static var declarationOfSomething: ClosedRange<UInt8> { 18...31 }

    // Whole words. The first three were decided by the byte after them, which is not part of them.
    /// `<event`, `<auth`: then white space, `>` or `/`. `<?xml`: then white space or `?`.
    static var event: UInt8 { 64 }
    static var auth: UInt8 { 65 }
    static var declaration: UInt8 { 66 }
    // The others end with the byte just fed.
    /// `</event`, any white space, `>`.
    static var eventEnd: UInt8 { 67 }
    static var comment: UInt8 { 68 }
    static var cdata: UInt8 { 69 }
    static var doctype: UInt8 { 70 }

    @inline(__always)
    static func isPlace(_ result: UInt8) -> Bool { result != 0 && result < 64 }

    /// XML 1.0, production 3.
    @inline(__always)
    static func isWhite(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09
    }

    @inline(__always)
    static func endsName(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: ">") || byte == UInt8(ascii: "/") || isWhite(byte)
    }

    /// The next place, a whole word, or 0 when `byte` does not go on with any word.
    static func step(_ place: UInt8, _ byte: UInt8) -> UInt8 {
        switch place {
        case 0: return byte == UInt8(ascii: "<") ? 1 : 0
        case 1: return afterOpening(byte)
        case 6: return endsName(byte) ? event : 0
        case 10: return isWhite(byte) || byte == UInt8(ascii: "?") ? declaration : 0
        case 16, 17:
            if byte == UInt8(ascii: ">") { return eventEnd }
            return isWhite(byte) ? 17 : 0
        case 18:
            switch byte {
            case UInt8(ascii: "-"): return 19
            case UInt8(ascii: "["): return 20
            case UInt8(ascii: "D"): return 26
            default: return 0
            }
        case 19: return byte == UInt8(ascii: "-") ? comment : 0
        case 25: return byte == UInt8(ascii: "[") ? cdata : 0
        case 31: return byte == UInt8(ascii: "E") ? doctype : 0
        case 35: return endsName(byte) ? auth : 0
        default: return byte == letter(after: place) ? place + 1 : 0
        }
    }

    @inline(__always)
    private static func afterOpening(_ byte: UInt8) -> UInt8 {
        switch byte {
        case UInt8(ascii: "e"): 2
        case UInt8(ascii: "?"): 7
        case UInt8(ascii: "/"): 11
        case UInt8(ascii: "!"): 18
        case UInt8(ascii: "a"): 32
        default: 0
        }
    }

    /// The only letter that leads from `place` to the next one; a dot where there is a choice.
    @inline(__always)
    private static func letter(after place: UInt8) -> UInt8 {
        let letters: StaticString = "..vent.xml.event....CDATA.OCTYP.uth."
        invariant(Int(place) < letters.utf8CodeUnitCount, "a place in a markup word is a known one")
        return letters.utf8Start[Int(place)]
    }
}

/// Looks for the name of an HTTP method at the very start of a connection.
enum HTTPMethod {
    /// RFC 9110, RFC 5789 (PATCH), and the preface of HTTP/2 (RFC 9113). Each ends with its space.
    private static var names: StaticString {
        "GET POST PUT HEAD DELETE OPTIONS CONNECT PATCH TRACE PRI "
    }

    static var all: UInt16 { 0x3FF }
    static var found: UInt16 { 0xFFFF }

    /// Which of `candidates` (one bit a method) have `byte` at `offset`; `found` when that byte is
    /// the space that ends one.
    static func narrow(_ candidates: UInt16, _ byte: UInt8, at offset: Int) -> UInt16 {
        let letters = names
        var kept: UInt16 = 0
        var method: UInt16 = 1
        var column = 0
        var position = 0
        while position < letters.utf8CodeUnitCount {
            let letter = letters.utf8Start[position]
            if column == offset && letter == byte && candidates & method != 0 {
                if letter == 0x20 { return found }
                kept |= method
            }
            column += 1
            if letter == 0x20 {
                method <<= 1
                column = 0
            }
            position += 1
        }
        return kept
    }
}

/// Reads the `version` of an XML declaration, byte by byte.
///
///     0       inside something else          10 ... 17  in the value: 10 + 2 x letters + quote
///     1       at the start of a word         18, 19     in the value of something else (" or ')
///     2 ... 8 so many letters of `version`   20, 21     decided: 1.0, or something else
///     9       after its `=`
enum DeclaredVersion {
    static var start: UInt8 { 0 }
    static var accepted: UInt8 { 20 }
    static var other: UInt8 { 21 }

    static func step(_ place: UInt8, _ byte: UInt8) -> UInt8 {
        switch place {
        case 10...17: return inValue(place, byte)
        case 18: return byte == UInt8(ascii: "\"") ? 0 : 18
        case 19: return byte == UInt8(ascii: "'") ? 0 : 19
        case accepted, other: return place
        case 9:
            if MarkupWord.isWhite(byte) { return 9 }
            if byte == UInt8(ascii: "\"") { return 10 }
            if byte == UInt8(ascii: "'") { return 11 }
        case 8:
            if MarkupWord.isWhite(byte) { return 8 }
            if byte == UInt8(ascii: "=") { return 9 }
        case 1...7:
            let name: StaticString = "version"
            if byte == name.utf8Start[Int(place) - 1] { return place + 1 }
        default: break
        }
        if MarkupWord.isWhite(byte) { return 1 }
        if byte == UInt8(ascii: "\"") { return 18 }
        return byte == UInt8(ascii: "'") ? 19 : 0
    }

    @inline(__always)
    private static func inValue(_ place: UInt8, _ byte: UInt8) -> UInt8 {
        let letters = Int(place - 10) >> 1
        let quote = place & 1 == 0 ? UInt8(ascii: "\"") : UInt8(ascii: "'")
        let text: StaticString = "1.0"
        if letters == 3 { return byte == quote ? accepted : other }
        return byte == text.utf8Start[letters] ? place + 2 : other
    }
}
