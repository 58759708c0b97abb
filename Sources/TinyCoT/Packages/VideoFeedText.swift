// The text of one child of a feed, byte by byte: references decoded, CDATA taken as it is, comments
// left out, line ends made LF (XML 1.0, 2.11), blanks at both ends left out. Called by the reader
// for the uid and by the writer for all. Only for ranges of a document that `VideoFeedReader`
// accepted; even so it never looks outside its range. Invariant: at ≤ end ≤ document.count.

/// The decoded bytes of a range, from the first that is not blank to the last.
struct VideoFeedText: BitwiseCopyable {
    private var bytes: VideoFeedBytes
    /// How many are still to come.
    private(set) var count = 0

    init(_ document: Slab<UInt8>, _ range: ByteRange) {
        bytes = VideoFeedBytes(document, range)
        var walk = bytes
        var blanks = 0
        // Each turn passes at least one byte of the range.
        while let byte = walk.next() {
            if !MarkupCursor.isSpace(byte) {
                count += blanks + 1
                blanks = 0
            } else if count > 0 {
                blanks += 1
            } else {
                bytes = walk
            }
        }
    }

    mutating func next() -> UInt8? {
        if count == 0 { return nil }
        count -= 1
        return bytes.next()
    }

    /// Keeps the text, cut at the border of a character if it is too long.
    func copy<let capacity: Int>(into text: inout ShortText<capacity>) {
        // One character more than the largest text holds: then the text itself cuts.
        var buffer: InlineArray<260, UInt8> = .init(repeating: 0)
        var walk = self
        var count = 0
        while count < 260, let byte = walk.next() {
            buffer[count] = byte
            count += 1
        }
        var span = buffer.mutableSpan
        span.withUnsafeMutableBufferPointer { text.set(Slab(start: $0.baseAddress, count: count)) }
    }

    func isSame(as other: VideoFeedText) -> Bool {
        if count != other.count { return false }
        var mine = self
        var theirs = other
        while let byte = mine.next() {
            if byte != theirs.next() { return false }
        }
        return true
    }
}

/// The same with the blanks at both ends.
private struct VideoFeedBytes: BitwiseCopyable {
    private let document: Slab<UInt8>
    private var at: Int
    private let end: Int
    private var isInSection = false
    /// What is left of a decoded reference, lowest byte next.
    private var pending: UInt32 = 0

    init(_ document: Slab<UInt8>, _ range: ByteRange) {
        invariant(range.end <= document.count, "a value lies inside its document")
        self.document = document
        at = Int(range.offset)
        end = range.end
    }

    mutating func next() -> UInt8? {
        if pending != 0 {
            let byte = UInt8(truncatingIfNeeded: pending)
            pending >>= 8
            return byte
        }
        passMarkup()
        if at >= end { return nil }
        let byte = document[at]
        if byte == UInt8(ascii: "&") && !isInSection { return decodeReference() }
        at += 1
        if byte != 0x0D { return byte }
        if at < end && document[at] == 0x0A { at += 1 }
        return 0x0A
    }

    /// Goes over comments and the borders of CDATA sections, of which many may follow each other.
    private mutating func passMarkup() {
        while at < end {
            if isInSection {
                if !Markup.starts(document, at, "]]>") { return }
                at += 3
                isInSection = false
            } else if document[at] != UInt8(ascii: "<") {
                return
            } else if Markup.starts(document, at, "<![CDATA[") {
                at += 9
                isInSection = true
            } else {
                at = Markup.end(document, at, "-->")
            }
        }
    }

    private mutating func decodeReference() -> UInt8 {
        let base = UnsafePointer(document.start.unsafelyUnwrapped)
        let reference: Reference
        do { reference = try Reference.read(base, at, end) } catch {
            // The reader accepted the document, so this is a range of something else.
            invariantBroken("a reference in an accepted value is whole")
        }
        at = reference.end
        pending = reference.utf8 >> 8
        return UInt8(truncatingIfNeeded: reference.utf8)
    }
}
