// Reads the video list that a client posts (protocol 8.7): a root `videoConnections` with children
// `feed`, in memory as a whole. Called by the store loop, twice for each document: once to the end
// to see whether it is sound, then once more to keep its feeds, so that a document is taken as a
// whole or not at all. As strict as XML 1.0, and stricter: no document type, so no entities, and
// no instruction. Unknown elements are passed over with all that is in them, attributes are
// checked and mean nothing. Nothing is copied but a uid; the time is linear in the length.
// Invariant: 0 ≤ depth ≤ depthLimit, and open[0 ..< depth] are the elements not yet closed.
//
// States:  start --root--> root --end tag--> ended     any --mistake--> refused

/// What the reader has to tell, in the order of the document.
public enum VideoFeedStep: Equatable, Sendable, BitwiseCopyable {
    case feed
    /// The document is over, and all of it was sound.
    case ended
    case refused(VideoRefusal)
}

/// A reader of one document.
public struct VideoFeedReader: BitwiseCopyable {
    public static var documentBytesMax: Int { 16_384 }
    static var depthLimit: Int { 16 }

    private enum State: UInt8, BitwiseCopyable { case start, root, ended, refused }

    private let document: Slab<UInt8>
    private var state = State.start
    private var refusal = VideoRefusal.unfinished
    private var at = 0
    private var open: InlineArray<16, MarkupName> = .init(
        repeating: MarkupName(word: 0, offset: 0, count: 0))
    private var depth = 0

    /// - Parameter document: the whole body, for as long as the reader and its feeds are used.
    public init(_ document: Slab<UInt8>) { self.document = document }

    /// What is wrong with the document, or nil. A feed that cannot be written out is wrong, too.
    /// - Parameter memory: at least `VideoFeed.bytesMax`; what is in it is lost.
    public static func check(
        _ document: Slab<UInt8>, memory: Slab<UInt8>
    ) -> VideoRefusal? {
        var reader = VideoFeedReader(document)
        var feed = VideoFeed()
        // Each turn passes a feed of the document.
        while true {
            switch reader.next(into: &feed) {
            case .ended: return nil
            case .refused(let refusal): return refusal
            case .feed:
                if VideoFeedWriter.write(feed, of: document, memory) == nil {
                    return .feedTooLarge
                }
            }
        }
    }

    /// - Parameter feed: meaningful if the answer is `.feed`.
    public mutating func next(into feed: inout VideoFeed) -> VideoFeedStep {
        do throws(VideoRefusal) {
            if state == .start { try begin() }
            while state == .root {
                let tag = try nextTag()
                if tag.isEnd {
                    try finish()
                } else if tag.isNamed("feed", document) {
                    feed = VideoFeed()
                    try readFeed(tag, &feed)
                    return .feed
                } else {
                    try pass(tag)
                }
            }
        } catch {
            refusal = error
            state = .refused
        }
        return state == .refused ? .refused(refusal) : .ended
    }

    // MARK: The frame

    private mutating func begin() throws(VideoRefusal) {
        if document.count > VideoFeedReader.documentBytesMax { throw .tooLarge }
        if Markup.starts(document, 0, "\u{FEFF}") { at = 3 }
        if Markup.starts(document, at, "<?xml") {
            var cursor = VideoCursor(document, at)
            try cursor.declaration()
            at = cursor.at
        }
        try passOutside()
        let tag = try nextTag()
        if tag.isEnd || !tag.isNamed("videoConnections", document) { throw .wrongRoot }
        state = .root
        if tag.isEmpty { try finish() }
    }

    private mutating func finish() throws(VideoRefusal) {
        try passOutside()
        if at < document.count { throw .textOutside }
        state = .ended
    }

    /// Goes over blanks and comments outside of the root, up to a tag or the end.
    private mutating func passOutside() throws(VideoRefusal) {
        var cursor = VideoCursor(document, at)
        while true {
            cursor.skipBlanks()
            if !cursor.follows("<!") { break }
            if !cursor.follows("<!--") && !cursor.follows("<!D") { throw .malformed }
            try cursor.section()
        }
        at = cursor.at
        if at < document.count && document[at] != UInt8(ascii: "<") { throw .textOutside }
    }

    // MARK: Elements

    /// The next start or end tag; what lies before it is checked and passed over.
    private mutating func nextTag() throws(VideoRefusal) -> VideoTag {
        var cursor = VideoCursor(document, at)
        try cursor.passText()
        let tag = try cursor.tag()
        at = cursor.at
        if tag.isEnd {
            if depth == 0 { throw .tag }
            depth -= 1
            if !open[depth].isSame(as: tag.name, in: document) { throw .tag }
        } else if !tag.isEmpty {
            if depth == VideoFeedReader.depthLimit { throw .tooDeep }
            open[depth] = tag.name
            depth += 1
        }
        return tag
    }

    /// Passes over all that is in the element whose start tag was read.
    private mutating func pass(_ tag: VideoTag) throws(VideoRefusal) {
        if tag.isEmpty { return }
        let outside = depth - 1
        while depth > outside { _ = try nextTag() }
    }

    private mutating func readFeed(
        _ start: VideoTag, _ feed: inout VideoFeed
    ) throws(VideoRefusal) {
        let outside = start.isEmpty ? depth : depth - 1
        while depth > outside {
            let tag = try nextTag()
            if tag.isEnd { continue }
            guard let child = VideoChild.named(tag.name.bytes(document)) else {
                try pass(tag)
                continue
            }
            var content = ByteRange(offset: at, count: 0)
            if !tag.isEmpty {
                let end = try nextTag()
                if !end.isEnd { throw .elementInValue }
                content = ByteRange(
                    offset: Int(content.offset), count: end.start - Int(content.offset))
            }
            // Two readers must not see two different feeds.
            if !feed[child].isAbsent && !isSame(feed[child], content) { throw .repeatedValue }
            feed[child] = content
        }
        try readUID(&feed)
    }

    private func isSame(_ one: ByteRange, _ other: ByteRange) -> Bool {
        VideoFeedText(document, one).isSame(as: VideoFeedText(document, other))
    }

    /// Clients and the official server call it `uid`; `uuid` is taken for the same.
    private func readUID(_ feed: inout VideoFeed) throws(VideoRefusal) {
        let uid = VideoFeedText(document, feed[.uid])
        let uuid = VideoFeedText(document, feed[.uuid])
        if uid.count == 0 && uuid.count == 0 { throw .missingUID }
        if uid.count > 0 && uuid.count > 0 && !uid.isSame(as: uuid) { throw .repeatedValue }
        if uid.count > 0 { uid.copy(into: &feed.uid) } else { uuid.copy(into: &feed.uid) }
        if feed.uid.isCut { throw .longUID }
    }
}
