// One pass over one whole event: is it well formed, as strictly as the clients' parser (libxml2)
// would have it, and where in it stands what the relay needs to know (protocol 2.1, 2.6, 12.3).
// Called by the relay for every framed event. Never copies, decodes, allocates or recurses; the
// time is linear in the event's length. What it accepts is valid for every later walk over the
// same bytes, which is why those walks check nothing again.
// Invariant: 0 ≤ depth ≤ maxDepth, and openTags[0 ..< depth] are the elements not yet closed.

/// Reads events. One instance serves all clients: nothing survives from one event to the next.
public struct EventReader: BitwiseCopyable {
    /// libxml2 refuses deeper documents.
    public static var maxDepth: Int { 256 }
    /// No client comes near; it bounds the search for a repeated attribute.
    public static var maxAttributes: Int { 128 }

    private let openTags: Slab<OpenTag>
    private let attributes: Slab<MarkupName>

    /// An element whose end tag has not come yet.
    private struct OpenTag: BitwiseCopyable {
        var name: MarkupName
        var kind: ElementKind
    }

    /// Takes the two tables that a pass needs.
    public init(arena: inout Arena) {
        openTags = arena.take(OpenTag.self, count: EventReader.maxDepth)
        attributes = arena.take(MarkupName.self, count: EventReader.maxAttributes)
    }

    /// Reads `event`, from `<event` to one past the `>` of the end tag.
    /// - Returns: why it must not be relayed, or nil. `header` has no meaning after a refusal.
    public mutating func read(
        _ event: Slab<UInt8>, into header: inout EventHeader
    ) -> Refusal? {
        header = EventHeader()
        guard let start = event.start else { return .unterminated }
        invariant(event.count <= Int(UInt32.max), "ranges in an event fit 32 bits")
        var cursor = MarkupCursor(base: UnsafePointer(start), end: event.count)
        var fields = EventFields()
        do {
            try readElements(&cursor, &fields, &header)
            try fields.check(cursor.base, &header)
        } catch {
            return error
        }
        if cursor.hidesEventEnd { header.needsRewrite = true }
        return nil
    }

    private func readElements(
        _ cursor: inout MarkupCursor, _ fields: inout EventFields, _ header: inout EventHeader
    ) throws(Refusal) {
        if !cursor.follows("<event") { throw .brokenMarkup }
        var depth = 0
        var parent = ElementKind.other
        while true {
            if cursor.end &- cursor.at < 2 { throw .unterminated }
            switch cursor.base[cursor.at &+ 1] {
            case UInt8(ascii: "/"):
                depth &-= 1
                try readEndTag(&cursor, openTags[depth], &header)
                parent = depth > 0 ? openTags[depth &- 1].kind : .other
            case UInt8(ascii: "!"):
                try cursor.declaration()
            case UInt8(ascii: "?"):
                try cursor.instruction()
            default:
                if depth == EventReader.maxDepth { throw .tooDeep }
                let tag = try readStartTag(&cursor, depth, parent, &fields, &header)
                if let tag {
                    openTags[depth] = tag
                    depth &+= 1
                    parent = tag.kind
                }
            }
            if depth == 0 { break }
            try cursor.text()
        }
        // The framer ends an event at its end tag, so more can only mean that it counted wrong.
        if cursor.at != cursor.end { throw .brokenMarkup }
    }

    /// - Returns: the element if it is still open after its start tag.
    @inline(__always)
    private func readStartTag(
        _ cursor: inout MarkupCursor, _ depth: Int, _ parent: ElementKind,
        _ fields: inout EventFields, _ header: inout EventHeader
    ) throws(Refusal) -> OpenTag? {
        let start = cursor.at
        cursor.at &+= 1
        let name = try cursor.name()
        let kind: ElementKind
        if depth == 0 {
            if !name.isEvent { throw .brokenMarkup }
            kind = .root
        } else {
            if name.isEvent { throw .nestedEvent }
            kind = name.kind(in: parent, cursor.base)
        }
        if kind != .other { fields.begin() }
        let isEmpty = try readAttributes(&cursor, kind, &fields, &header)
        if kind != .other {
            let tag = ByteRange(unchecked: start, cursor.at &- start)
            try fields.finish(kind, tag, &header)
        }
        return isEmpty ? nil : OpenTag(name: name, kind: kind)
    }

    /// From the end of the element's name to one past its `>`.
    /// - Returns: whether the element is empty (`/>`).
    @inline(__always)
    private func readAttributes(
        _ cursor: inout MarkupCursor, _ kind: ElementKind,
        _ fields: inout EventFields, _ header: inout EventHeader
    ) throws(Refusal) -> Bool {
        var count = 0
        var seen: UInt64 = 0
        while true {
            let before = cursor.at
            cursor.skipSpace()
            let byte = try cursor.byte()
            if byte == UInt8(ascii: ">") {
                cursor.at &+= 1
                return false
            }
            if byte == UInt8(ascii: "/") {
                if !cursor.follows("/>") { throw .brokenMarkup }
                cursor.at &+= 2
                return true
            }
            if cursor.at == before { throw .brokenMarkup }
            let name = try cursor.name()
            if try cursor.byte() != UInt8(ascii: "=") {
                cursor.skipSpace()
                if try cursor.byte() != UInt8(ascii: "=") { throw .brokenMarkup }
            }
            cursor.at &+= 1
            cursor.skipSpace()
            let value = try cursor.value()
            let bit = name.bloomBit
            if seen & bit != 0 && isRepeated(name, count, cursor.base) {
                throw .duplicateAttribute
            }
            if count == EventReader.maxAttributes { throw .tooManyAttributes }
            seen |= bit
            attributes[count] = name
            count &+= 1
            if kind != .other { fields.note(kind, name, value, &header) }
        }
    }

    /// At most `maxAttributes` comparisons of a word each; the set of bits spares most of them.
    @inline(never)
    private func isRepeated(
        _ name: MarkupName, _ count: Int, _ base: UnsafePointer<UInt8>
    ) -> Bool {
        var i = 0
        while i < count {
            let other = attributes[i]
            if other.word == name.word && other.count == name.count
                && (name.isShort || other.hasSameTail(as: name, base))
            {
                return true
            }
            i += 1
        }
        return false
    }

    @inline(__always)
    private func readEndTag(
        _ cursor: inout MarkupCursor, _ tag: OpenTag, _ header: inout EventHeader
    ) throws(Refusal) {
        // Not even the shortest end tag of a root has fewer than eight bytes.
        if cursor.end &- cursor.at < 8 { throw .unterminated }
        let length = Int(tag.name.count)
        let nameStart = cursor.at &+ 2
        if length <= 6 {
            let word = EightByteWord.load(cursor.base + cursor.at) >> 16
            if EightByteWord.first(length, of: word) != tag.name.word { throw .mismatchedTag }
        } else {
            if cursor.end &- nameStart <= max(length, 8) { throw .unterminated }
            let word = EightByteWord.load(cursor.base + nameStart)
            let isSame =
                EightByteWord.first(length, of: word) == tag.name.word
                && (length <= 8
                    || tag.name.hasSameTail(as: nameStart, cursor.base))
            if !isSame { throw .mismatchedTag }
        }
        cursor.at = nameStart &+ length
        if try cursor.byte() != UInt8(ascii: ">") {
            if !MarkupCursor.isSpace(cursor.base[cursor.at]) { throw .mismatchedTag }
            cursor.skipSpace()
            if try cursor.byte() != UInt8(ascii: ">") { throw .brokenMarkup }
            if tag.kind == .root { header.needsRewrite = true }
        }
        cursor.at &+= 1
        if tag.kind == .marti { header.closeMarti(at: cursor.at) }
    }
}

extension MarkupName {
    /// The two names, of equal length and longer than eight bytes, agree after the first eight.
    @inline(__always)
    func hasSameTail(as other: MarkupName, _ base: UnsafePointer<UInt8>) -> Bool {
        hasSameTail(as: Int(other.offset), base)
    }

    func hasSameTail(as other: Int, _ base: UnsafePointer<UInt8>) -> Bool {
        let mine = Int(offset)
        let last = Int(count) - 8
        var i = 0
        while i < last {
            i = min(i + 8, last)
            if EightByteWord.load(base + mine + i) != EightByteWord.load(base + other + i) {
                return false
            }
        }
        return true
    }
}
