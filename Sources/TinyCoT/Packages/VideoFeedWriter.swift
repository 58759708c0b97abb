// Writes one feed of the video list anew (protocol 8.7): always the same children in the same
// order, whatever was posted, so that no posted text can break or bend the document that all others
// get. Called by the store loop before it keeps a feed; the list that clients ask for is `begin`,
// the kept feeds, `end`. It reads only what `VideoFeedReader` accepted.

public enum VideoFeedWriter {
    public static func begin(_ writer: inout ByteWriter) { writer.append("<videoConnections>") }
    public static func end(_ writer: inout ByteWriter) { writer.append("</videoConnections>") }

    /// - Parameter document: the one from which the feed was read.
    /// - Parameter memory: at least `VideoFeed.bytesMax`.
    /// - Returns: the feed as XML at the beginning of `memory`, or nil if it would be longer than
    ///   `VideoFeed.bytesMax`.
    public static func write(
        _ feed: VideoFeed, of document: Slab<UInt8>, _ memory: Slab<UInt8>
    ) -> Slab<UInt8>? {
        var writer = ByteWriter(memory.slice(0, VideoFeed.bytesMax))
        writer.append("<feed>")
        var number: UInt8 = 0
        while let child = VideoChild(rawValue: number) {
            write(child, of: feed, document, &writer)
            number += 1
        }
        writer.append("</feed>")
        return writer.overflowed ? nil : writer.written
    }

    private static func write(
        _ child: VideoChild, of feed: VideoFeed, _ document: Slab<UInt8>,
        _ writer: inout ByteWriter
    ) {
        let before = writer
        writer.append("<")
        writer.append(child.name)
        writer.append(">")
        let start = writer.count
        if child == .uid || child == .uuid {
            writer.append(feed.uid, as: .xml)
        } else {
            writeValue(child, VideoFeedText(document, feed[child]), &writer)
        }
        if writer.count == start && !writer.overflowed {
            writer = before
            writer.append("<")
            writer.append(child.name)
            writer.append("/>")
        } else {
            writer.append("</")
            writer.append(child.name)
            writer.append(">")
        }
    }

    private static func writeValue(
        _ child: VideoChild, _ text: VideoFeedText, _ writer: inout ByteWriter
    ) {
        if child.kind == .text && text.count > 0 {
            var escaper = TextEscaper(.xml)
            var walk = text
            while let byte = walk.next() { escaper.add(byte, to: &writer) }
            escaper.finish(to: &writer)
            return
        }
        var value = ShortText<32>()
        text.copy(into: &value)
        let before = writer
        var i = 0
        while i < Int(value.count) {
            let byte = value[i]
            writer.append(child.kind == .truth ? HTTPCharacters.lowered(byte) : byte)
            i += 1
        }
        let written = writer.slab.slice(before.count, writer.count - before.count)
        if !writer.overflowed && (value.isCut || !isValue(written, child.kind)) {
            writer = before
            writer.append(child.substitute)
        }
    }

    private static func isValue(_ text: Slab<UInt8>, _ kind: VideoChild.Kind) -> Bool {
        if text.count == 0 { return false }
        switch kind {
        case .text: return false
        case .truth: return text.equals("true") || text.equals("false")
        case .integer: return isInteger(text)
        case .decimal:
            let base = UnsafePointer(text.start.unsafelyUnwrapped)
            let decimal = Decimal.read(base, ByteRange(offset: 0, count: text.count))
            if case .number = decimal { return true }
            return false
        }
    }

    /// An optional minus and up to nine digits, which every client's 32 bits hold.
    private static func isInteger(_ text: Slab<UInt8>) -> Bool {
        let first = text[0] == UInt8(ascii: "-") ? 1 : 0
        var i = first
        while i < text.count {
            if HTTPCharacters.decimal(text[i]) == nil { return false }
            i += 1
        }
        return i > first && i - first <= 9
    }
}
