// The usual case at a glance. Nearly every event arrives in one piece and is nothing but tags and
// text; then its end is the next `</event>`, and whether all before it is as it must be is for the
// reader to say, which looks at every byte anyway. If the reader says no, or if anything is
// unusual, the framer's own way is gone instead: so what comes of a stream is always what
// `next` makes of it, and only the time differs.

/// What `EventFramer.wholeEvent` found: `bytes[start..<end]`.
public struct WholeEvent: Equatable, BitwiseCopyable {
    public let start: Int
    public let end: Int
}

extension EventFramer {
    /// Where a whole event lies that begins at `from`, perhaps behind white space and a
    /// declaration: one without comments, CDATA sections, instructions and events inside.
    /// - Returns: what `next` would report as `.event` if those bytes are well formed, and then
    ///   the caller goes on from its end. If it is nil, or they are not, `next` is to be asked;
    ///   nothing has changed.
    public func wholeEvent(_ bytes: Slab<UInt8>, from: Int) -> WholeEvent? {
        if state != .outside || inJunk || pendingReason != nil { return nil }
        var start = EventFramer.skipWhite(bytes, from)
        if let behind = EventFramer.usualDeclaration(bytes, start) {
            start = EventFramer.skipWhite(bytes, behind)
        }
        guard EventFramer.opensEvent(bytes, start) else { return nil }
        let limit = min(bytes.count, start + maxEventBytes)
        var at = start + 6
        while true {
            at = at.advancedTo(UInt8(ascii: "<"), bytes, limit)
            if limit - at < 8 { return nil }
            switch bytes[at + 1] {
            case UInt8(ascii: "/"):
                if EventFramer.isEventEnd(bytes, at) {
                    return WholeEvent(start: start, end: at + 8)
                }
                // `</event` and white space, or an element with a longer name.
                if Markup.starts(bytes, at, "</event") { return nil }
            case UInt8(ascii: "!"), UInt8(ascii: "?"): return nil
            case UInt8(ascii: "e"): if Markup.starts(bytes, at, "<event") { return nil }
            default: break
            }
            at += 1
        }
    }

    private static func skipWhite(_ bytes: Slab<UInt8>, _ start: Int) -> Int {
        var at = start
        while at < bytes.count && MarkupWord.isWhite(bytes[at]) { at += 1 }
        return at
    }

    /// One past a declaration as all clients write it, which says version 1.0.
    private static func usualDeclaration(_ bytes: Slab<UInt8>, _ start: Int) -> Int? {
        if !Markup.starts(bytes, start, "<?xml version=\"1.0\"")
            && !Markup.starts(bytes, start, "<?xml version='1.0'")
        {
            return nil
        }
        // A longer one is unusual.
        let limit = min(bytes.count, start + 200)
        let end = (start + 19).advancedTo(UInt8(ascii: ">"), or: UInt8(ascii: "<"), bytes, limit)
        if end == limit || bytes[end] != UInt8(ascii: ">") { return nil }
        return bytes[end - 1] == UInt8(ascii: "?") ? end + 1 : nil
    }

    private static func opensEvent(_ bytes: Slab<UInt8>, _ start: Int) -> Bool {
        bytes.count - start > 6 && Markup.starts(bytes, start, "<event")
            && MarkupWord.endsName(bytes[start + 6])
    }

    /// At a `<` with eight bytes from it on.
    @inline(__always)
    private static func isEventEnd(_ bytes: Slab<UInt8>, _ at: Int) -> Bool {
        EightBytes(bytes, at: at).value
            == EightByteWord.word("<", "/", "e", "v", "e", "n", "t", ">")
    }
}
