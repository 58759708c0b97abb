// Finds where CoT events begin and end in a TCP byte stream that is cut anywhere (protocol 3).
// The relay runs it over each chunk of received bytes, in place, one framer a client.
// It never holds bytes of an event, never allocates, and never looks at a byte twice for good:
// its steps are the same for every way of cutting the same stream. It judges structure only;
// names, characters and attributes are the reader's business.
//
// States, and what holds in each
//
//     opening      no byte seen yet, or only letters that may still become an HTTP method.
//                  -> outside; or the connection speaks something foreign.
//     outside      no document open. White space is skipped. While `inJunk`, so is all else.
//                  < -> outsideWord;  EF -> byteOrderMark;  other -> a run of junk begins.
//     byteOrderMark  one or two bytes of EF BB BF seen.   -> outside.
//     outsideWord  after a < outside; `place` says how far its word has come.
//                  <event, <auth -> tag;  <?xml -> declaration;  <? -> instruction;
//                  <!-- -> comment;  <!DOCTYPE -> doctype;  other -> outside, junk.
//     tag          in a start tag of the open document.  " ' -> value;  > -> text (deeper by
//                  one, unless />);  /> of the root -> outside, a document ends;  < -> broken.
//     value        in an attribute value that `quote` ends.  -> tag;  < -> broken.
//     text         between tags, `depth` > 0.  < -> word.
//     word         after a < in text; `place` as above.
//                  name -> tag;  </ -> endTag;  <? -> instruction;  <!-- -> comment;
//                  <![CDATA[ -> cdata;  other <! -> broken.
//                  </event> -> text, or outside at depth 0 or when no event is open any more.
//                  <event marks the document as nested -> tag.  <?xml: a new document.
//     endTag       in an end tag that is not </event>.  > -> text, or outside at depth 0;
//                  < -> broken.
//     comment, cdata, instruction, declaration, doctype ("hidden"): < and > do not count; each
//                  ends with its own mark, -> text if a document is open, else outside.
//                  Inside an event, or outside one; `cdata` only inside, the last two outside.
//     broken       the open document is lost; raw bytes up to </event> -> outside, or to a new
//                  document. While `isUndecided`, the < that was out of place is still being
//                  read: if it begins a new document, the open one was cut off, not broken.
//
// A new document begins at <?xml + white space (or ?), or at <event + white space, > or /:
//     in broken: at once. In word: <?xml at once; <event when nothing but white space came since
//     an </event> that closed a nested one, or if the open document is <auth>. In hidden states:
//     after </event> and white space. What was open is refused, once.
//
// Why hidden states look for </event> at all: an unclosed comment must not swallow the good
// events that follow it. Why not for <event alone: a comment may rightly hold one.

/// What the framer has to tell. Positions are indices of the chunk in hand.
public enum FramerStep: Equatable, Sendable, BitwiseCopyable {
    /// All bytes were looked at.
    case needMoreBytes
    /// `bytes[start..<end]` ends an event; go on from `end`. `start` is 0 when the event began in
    /// an earlier chunk and its bytes were kept; -6 ... -1 when only that many bytes of its
    /// literal `<event` were in an earlier chunk.
    case event(start: Int, end: Int)
    /// A document or a run of junk was refused, once; go on from `resumeAt`. If the bytes of an
    /// open event were kept, they are to be forgotten.
    case refused(Refusal, resumeAt: Int)
    /// An `<auth>` document was swallowed (protocol 3.3, 5); go on from `resumeAt`.
    case authDocument(resumeAt: Int)
    /// The first bytes of the connection belong to another protocol. Close it.
    case foreign(CloseReason)
}

/// A framer for one connection, fed with its chunks in order.
public struct EventFramer: BitwiseCopyable {
    enum State: UInt8, BitwiseCopyable {
        case opening, outside, byteOrderMark, outsideWord
        case tag, value, text, word, endTag
        case comment, cdata, instruction, declaration, doctype
        case broken
    }

    enum Document: UInt8, BitwiseCopyable { case none, event, auth }

    let maxEventBytes: Int
    /// Where the open document, or the hidden piece outside one, began: an index of the chunk in
    /// hand, negative if it began earlier. Meaningless once the document is being discarded.
    var startIndex = 0
    /// Length of the chunk that was finished last, until the next one begins; else -1.
    var finishedChunkBytes = -1

    /// Elements open in the document.
    var depth: UInt32 = 0
    /// Elements of the name `event` open in it.
    var openEvents: UInt32 = 0
    var candidates = HTTPMethod.all

    var state = State.opening
    var document = Document.none
    /// Why the open document will be refused, once that is certain.
    var reason: Refusal?
    /// Why the document to come will be refused: its declaration or its DOCTYPE.
    var pendingReason: Refusal?
    /// A place in `MarkupWord`, in the states that read words.
    var place: UInt8 = 0
    /// The quote that ends the value, or the literal in a DOCTYPE; else 0.
    var quote: UInt8 = 0
    /// How much of the end of a hidden piece was seen; in a tag, 1 after a `/`.
    var closing: UInt8 = 0
    var version = DeclaredVersion.start
    /// Nothing but white space since an `</event>` that did not end the document.
    var sawEventEnd = false
    var isEventTag = false
    var isUndecided = false
    var inJunk = false
    /// The open event began in an earlier chunk.
    var isCarried = false
    /// Something that is never kept but may not be longer than an event either.
    var isMeasured = false

    /// - Parameter maxEventBytes: the longest event that is let through; at least 16.
    public init(maxEventBytes: Int) {
        invariant(maxEventBytes >= 16, "an event may be at least as long as its own tags")
        self.maxEventBytes = maxEventBytes
    }

    /// After `.needMoreBytes`: where in the chunk just looked at the bytes of the open event
    /// begin; the caller keeps them until its end arrives. nil if no event is open or the open
    /// one is being discarded. 0 when it began in an earlier chunk; -6 ... -1 when that many
    /// bytes of its literal `<event` stood at the end of an earlier chunk (the caller writes
    /// those constant bytes itself).
    public var openStart: Int? {
        guard document == .event, reason == nil, !isUndecided else { return nil }
        return isCarried ? 0 : startIndex
    }

    /// There is no room to keep the open event: it is skipped in sync, and refused when it ends.
    public mutating func abandonOpenEvent() {
        if document == .event && reason == nil { reason = .noReceiveBlock }
    }

    /// Looks at `bytes[start...]` and returns at the first thing worth telling. A chunk is looked
    /// at from 0, then from where each step says, until `.needMoreBytes`.
    public mutating func next(_ bytes: Slab<UInt8>, from start: Int) -> FramerStep {
        invariant(start >= 0 && start <= bytes.count, "the framer goes on inside its chunk")
        beginChunk()
        var index = start
        while true {
            let limit = isMeasured ? min(bytes.count, startIndex + maxEventBytes) : bytes.count
            if index >= limit { break }
            if let step = scan(bytes, &index, limit) { return step }
        }
        if isMeasured && index - startIndex >= maxEventBytes { return abandon(at: index) }
        return endChunk(bytes.count)
    }

    @inline(__always)
    private mutating func scan(
        _ bytes: Slab<UInt8>, _ index: inout Int, _ limit: Int
    ) -> FramerStep? {
        switch state {
        case .tag, .value, .text, .endTag: scanElements(bytes, &index, limit)
        case .word: scanWord(bytes, &index, limit)
        case .comment, .cdata, .instruction: scanHidden(bytes, &index, limit)
        case .declaration, .doctype: scanProlog(bytes, &index, limit)
        case .broken: scanBroken(bytes, &index, limit)
        case .outside: scanOutside(bytes, &index, limit)
        case .outsideWord: scanOutsideWord(bytes, &index, limit)
        case .byteOrderMark: scanByteOrderMark(bytes[index], &index)
        case .opening: scanOpening(bytes[index], &index)
        }
    }
}

// Beginning and ending: chunks, documents, hidden pieces.
extension EventFramer {
    private mutating func beginChunk() {
        if finishedChunkBytes < 0 { return }
        // Beyond the limit the length does not matter any more; so it cannot overflow either.
        if isMeasured || reason == nil { startIndex -= finishedChunkBytes }
        if document == .none && !isMeasured { startIndex = 0 }
        isCarried = document == .event
        finishedChunkBytes = -1
    }

    private mutating func endChunk(_ count: Int) -> FramerStep {
        if document == .event && reason == nil && count - startIndex > maxEventBytes {
            reason = .tooLarge
        }
        finishedChunkBytes = count
        return .needMoreBytes
    }

    /// Something outside an event that is longer than an event may be. What is left of it is
    /// junk that has been told already; a word it may be in the middle of is read on.
    private mutating func abandon(at index: Int) -> FramerStep {
        close()
        pendingReason = nil
        inJunk = true
        state = place == 0 ? .outside : .outsideWord
        return .refused(.tooLarge, resumeAt: index)
    }

    /// Forgets the open document or hidden piece, but not the word being read.
    private mutating func close() {
        document = .none
        state = .outside
        reason = nil
        depth = 0
        openEvents = 0
        closing = 0
        quote = 0
        sawEventEnd = false
        isEventTag = false
        isUndecided = false
        isCarried = false
        isMeasured = false
    }

    /// Notes why the open document is refused; the first reason stays. `seen` is the index after
    /// the byte that decided: if the event was too long by then, that came first.
    mutating func refuse(_ newReason: Refusal, seen: Int) {
        if reason != nil { return }
        let isTooLarge = document == .event && seen - startIndex > maxEventBytes
        reason = isTooLarge ? .tooLarge : newReason
    }

    /// The open document ends before `end`.
    mutating func finish(at end: Int) -> FramerStep {
        let step: FramerStep
        if document == .event && end - startIndex > maxEventBytes { refuse(.tooLarge, seen: end) }
        if let reason {
            step = .refused(reason, resumeAt: end)
        } else if document == .auth {
            step = .authDocument(resumeAt: end)
        } else {
            step = .event(start: isCarried ? 0 : startIndex, end: end)
        }
        close()
        place = 0
        return step
    }

    /// A document begins whose word ended before `index`.
    mutating func begin(_ word: UInt8, at index: Int) {
        invariant(
            word == MarkupWord.event || word == MarkupWord.auth,
            "a document is an event or an auth")
        document = word == MarkupWord.event ? .event : .auth
        startIndex = index - (word == MarkupWord.event ? 6 : 5)
        reason = pendingReason
        pendingReason = nil
        isEventTag = word == MarkupWord.event
        isMeasured = word == MarkupWord.auth
        inJunk = false
        state = .tag
        closing = 0
        place = 0
    }

    /// A piece begins outside a document in which < and > do not count.
    mutating func beginHidden(_ newState: State, startingAt start: Int) {
        state = newState
        startIndex = start
        isMeasured = true
        inJunk = false
        closing = 0
        quote = 0
        version = DeclaredVersion.start
        place = 0
    }

    @inline(__always)
    mutating func endHidden() {
        state = document == .none ? .outside : .text
        isMeasured = document == .auth
        place = 0
        closing = 0
        quote = 0
        sawEventEnd = false
    }

    /// What is open turns out to be cut off: `word`, a new document, ended before `index`.
    mutating func startAnew(_ word: UInt8, at index: Int) -> FramerStep {
        if document == .none {
            reason = pendingReason
            pendingReason = nil
        }
        refuse(.unterminated, seen: index + 1)
        let told = reason ?? .unterminated
        close()
        if word == MarkupWord.event {
            begin(word, at: index)
        } else {
            beginHidden(.declaration, startingAt: index - 5)
        }
        return .refused(told, resumeAt: index)
    }
}
