// Decodes what stands in URLs: `%20` and, in queries and forms, `+` for a blank (protocol 8.1,
// RFC 3986 section 2.1). Called by the routes for parameters and parts of paths. Never writes more
// than the writer's room. The result may be any bytes but control characters: it is not
// necessarily UTF-8, and it is never to become part of a path of the file system.

public enum PercentText {
    /// The next character of `text`, and the index behind it. nil if a `%` is not followed by two
    /// hexadecimal digits.
    @inline(__always)
    static func read(_ text: Slab<UInt8>, _ index: inout Int, plusIsBlank: Bool) -> UInt8? {
        let byte = text[index]
        if byte == UInt8(ascii: "+") && plusIsBlank {
            index += 1
            return UInt8(ascii: " ")
        }
        if byte != UInt8(ascii: "%") {
            index += 1
            return byte
        }
        if text.count - index < 3 { return nil }
        guard let high = HTTPCharacters.hexadecimal(text[index + 1]),
            let low = HTTPCharacters.hexadecimal(text[index + 2])
        else { return nil }
        index += 3
        return UInt8(high << 4 | low)
    }

    /// Appends the decoded text. False, with some of it written, if it holds a broken `%`, a
    /// control character (nothing that we keep may have one, and C stops at a NUL), or more than
    /// there is room for.
    public static func decode(
        _ text: Slab<UInt8>, plusIsBlank: Bool, into writer: inout ByteWriter
    ) -> Bool {
        var index = 0
        while index < text.count {
            guard let byte = read(text, &index, plusIsBlank: plusIsBlank) else { return false }
            if byte < 0x20 || byte == 0x7F { return false }
            writer.append(byte)
        }
        return !writer.overflowed
    }

    /// Compares the decoded text with `word`, which is written in small letters, without regard to
    /// ASCII case. Text that cannot be decoded equals nothing.
    static func equals(_ text: Slab<UInt8>, _ word: StaticString) -> Bool {
        var index = 0
        var matched = 0
        while index < text.count {
            guard let byte = read(text, &index, plusIsBlank: true) else { return false }
            if matched == word.utf8CodeUnitCount { return false }
            if HTTPCharacters.lowered(byte) != word.utf8Start[matched] { return false }
            matched += 1
        }
        return matched == word.utf8CodeUnitCount
    }
}
