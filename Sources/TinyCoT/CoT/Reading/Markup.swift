// A second, cheaper walk over markup that `EventReader` accepted: tags in order, their attributes,
// nothing checked again. `EventRewriter` and the lists of destinations and members use it.
// Every loop ends at the end of the bytes at the latest, whatever they are.

enum Markup {
    /// The bytes at `at` are `text`.
    static func starts(_ bytes: Slab<UInt8>, _ at: Int, _ text: StaticString) -> Bool {
        let count = text.utf8CodeUnitCount
        if count > bytes.count - at { return false }
        var i = 0
        while i < count {
            if bytes[at + i] != text.utf8Start[i] { return false }
            i += 1
        }
        return true
    }

    /// One past the next `terminator`.
    static func end(_ bytes: Slab<UInt8>, _ start: Int, _ terminator: StaticString) -> Int {
        var at = start
        while at < bytes.count {
            if bytes[at] == terminator.utf8Start[0], starts(bytes, at, terminator) {
                return at + terminator.utf8CodeUnitCount
            }
            at += 1
        }
        return bytes.count
    }

    /// One past the `>` of the tag that starts at `start`; a `>` inside quotes does not count.
    static func tagEnd(_ bytes: Slab<UInt8>, _ start: Int) -> Int {
        var at = start
        var quote: UInt8 = 0
        while at < bytes.count {
            let byte = bytes[at]
            at += 1
            if quote != 0 {
                if byte == quote { quote = 0 }
            } else if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
                quote = byte
            } else if byte == UInt8(ascii: ">") {
                return at
            }
        }
        return at
    }

    /// One past the name that starts at `start`.
    static func nameEnd(_ bytes: Slab<UInt8>, _ start: Int) -> Int {
        var at = start
        while at < bytes.count {
            let byte = bytes[at]
            if MarkupCursor.isSpace(byte) || byte == UInt8(ascii: "=")
                || byte == UInt8(ascii: ">") || byte == UInt8(ascii: "/")
            {
                break
            }
            at += 1
        }
        return at
    }

    static func skipSpace(_ bytes: Slab<UInt8>, _ start: Int) -> Int {
        var at = start
        while at < bytes.count, MarkupCursor.isSpace(bytes[at]) { at += 1 }
        return at
    }

    static func isName(
        _ bytes: Slab<UInt8>, _ range: ByteRange, _ text: StaticString
    ) -> Bool {
        Int(range.count) == text.utf8CodeUnitCount && starts(bytes, Int(range.offset), text)
    }
}

/// The attributes of one start tag, in order.
struct AttributeWalk: BitwiseCopyable {
    private var at: Int
    private(set) var name = ByteRange()
    private(set) var value = ByteRange()

    /// - Parameter tag: from its `<` on.
    init(_ bytes: Slab<UInt8>, tag: Int) { at = Markup.nameEnd(bytes, tag + 1) }

    /// Moves to the next attribute, or says that there is none.
    mutating func next(_ bytes: Slab<UInt8>) -> Bool {
        let start = Markup.skipSpace(bytes, at)
        let nameEnd = Markup.nameEnd(bytes, start)
        let equals = Markup.skipSpace(bytes, nameEnd)
        if nameEnd == start || equals >= bytes.count { return false }
        let open = Markup.skipSpace(bytes, equals + 1)
        if open >= bytes.count { return false }
        let quote = bytes[open]
        at = open + 1
        while at < bytes.count, bytes[at] != quote { at += 1 }
        name = ByteRange(offset: start, count: nameEnd - start)
        value = ByteRange(offset: open + 1, count: at - open - 1)
        at += 1
        return true
    }
}
