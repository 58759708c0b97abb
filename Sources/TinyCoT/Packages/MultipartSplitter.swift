// Reads a multipart/form-data body (RFC 7578, RFC 2046 section 5.1) while it arrives, cut anywhere.
// Called by the store loop for uploads (protocol 8.3, 8.6). The content of a part is handed over
// where it lies in the received bytes; it is never copied, collected or looked at for meaning.
// At most the beginning of a delimiter is held back from one stretch to the next, and since that
// is constant text, it is handed over from the splitter's own copy of the delimiter.
//
// States, and what holds in each
//
//     content        in the content of a part, or in the preamble while `isInPreamble`. `matched`
//                    bytes of CR LF -- boundary were seen last.  all of it -> afterDelimiter.
//     afterDelimiter nothing seen behind a delimiter.  -- -> epilogue;  CR LF -> headers;
//                    blanks -> padding;  other -> refused.
//     finalHyphen    one hyphen behind a delimiter.  - -> epilogue;  other -> refused.
//     padding        blanks behind a delimiter (RFC 2046).  CR -> paddingEnd;  other -> refused.
//     paddingEnd     a CR behind a delimiter.  LF -> headers;  other -> refused.
//     headers        in a header line, `lineBytes` of it kept.  CR -> headerEnd.
//     headerEnd      the CR of a header line seen.  LF -> headers, or content after an empty line.
//     epilogue       the final delimiter was read; whatever follows is passed over.
//     refused        nothing is read any more.
//
// Only the first byte of the delimiter is a CR, so a match that fails can begin anew only at the
// byte that made it fail: every byte is compared at most twice, whatever the body holds.

/// Why a body is not multipart/form-data as RFC 7578 wants it. The answer is 400 for all.
public enum MultipartRefusal: UInt8, Sendable, BitwiseCopyable {
    /// Behind a delimiter stands something that is neither a line end nor the final hyphens.
    case badDelimiter
    /// A line of a part's header has no colon or no CR LF, is folded, or holds control characters.
    case badHeader
    case headerTooLong, tooManyHeaders
    /// No Content-Disposition: form-data with a name, or two of them.
    case noName
    /// The content is encoded, in base64 for example (RFC 7578 section 4.7 forbids it).
    case encodedContent
    case tooManyParts
    /// The body ended without the final delimiter.
    case unfinished

    /// A sentence for the log and for the short body of the answer.
    public var sentence: StaticString {
        switch self {
        case .badDelimiter: "behind a multipart boundary stands neither a line end nor \"--\""
        case .badHeader: "a header line in a part of the multipart body is malformed"
        case .headerTooLong: "a header line in a part of the multipart body is over 1024 bytes"
        case .tooManyHeaders: "a part of the multipart body has more than 16 header lines"
        case .noName: "a part of the multipart body has no form-data name"
        case .encodedContent: "a part of the multipart body has an encoding; send it as it is"
        case .tooManyParts: "the multipart body has more than 16 parts"
        case .unfinished: "the multipart body ends before its final boundary"
        }
    }
}

/// What the splitter has to tell, in the order of the body.
public enum MultipartStep: BitwiseCopyable {
    /// The stretch was looked at to its end.
    case needMoreBytes
    /// A part begins; `part` describes it.
    case partBegan
    /// More content of that part. Valid until the next call; not to be written to.
    case content(Slab<UInt8>)
    case partEnded
    /// The final delimiter was read. The rest of the body means nothing.
    case bodyEnded
    case refused(MultipartRefusal)
}

/// The header of one part. A text longer than its field says that it is cut.
public struct MultipartPart: BitwiseCopyable {
    /// The parameter `name` of Content-Disposition: `assetfile` in uploads.
    public internal(set) var name = NameText()
    /// The parameter `filename`, for display only: it must never become a path.
    public internal(set) var fileName = ShortText<255>()
    public internal(set) var hasFileName = false
    /// As sent, without the blanks around it; empty if there is none.
    public internal(set) var contentType = NameText()
    var hasDisposition = false

    public init() {}
}

/// A splitter for one body, fed with its stretches in order.
public struct MultipartSplitter: BitwiseCopyable {
    public static var partLimit: Int { 16 }
    public static var headerLimit: Int { 16 }
    public static var headerLineBytesMax: Int { 1024 }
    /// CR LF, two hyphens, the boundary.
    static var delimiterBytesMax: Int { MultipartBoundary.maxBytes + 4 }
    /// What `init` needs.
    public static var memoryBytes: Int { delimiterBytesMax + headerLineBytesMax }

    enum State: UInt8, BitwiseCopyable {
        case content, afterDelimiter, finalHyphen, padding, paddingEnd, headers, headerEnd
        case epilogue, refused
    }

    private let delimiter: Slab<UInt8>
    let line: Slab<UInt8>
    var state = State.content
    /// Bytes of the delimiter that the bytes before the index are equal to. In the states that
    /// read content only. `matched ≤ delimiter.count`
    private var matched = 0
    /// How many of these were not content of this part: the line end before it.
    private var foreign = 0
    private var isInPreamble = true
    var lineBytes = 0
    private var headerCount = 0
    private var partCount = 0
    private var refusal = MultipartRefusal.unfinished
    /// The part that `.partBegan` spoke of last.
    public internal(set) var part = MultipartPart()

    /// - Parameter memory: at least `memoryBytes`, for as long as the splitter is used.
    public init(_ boundary: MultipartBoundary, memory: Slab<UInt8>) {
        var writer = ByteWriter(memory.slice(0, MultipartSplitter.delimiterBytesMax))
        writer.append("\r\n--")
        var i = 0
        while i < boundary.count {
            writer.append(boundary[i])
            i += 1
        }
        delimiter = writer.written
        line = memory.slice(
            MultipartSplitter.delimiterBytesMax, MultipartSplitter.headerLineBytesMax)
        expectContent()
    }

    /// The line end before the content may already be that of a delimiter: a body begins with
    /// one, and an empty part is followed by one.
    private mutating func expectContent() {
        state = .content
        matched = 2
        foreign = 2
    }

    /// Tells the next thing in `bytes` from `index` on, and moves `index` behind it.
    public mutating func next(_ bytes: Slab<UInt8>, from index: inout Int) -> MultipartStep {
        invariant(index >= 0 && index <= bytes.count, "the index lies inside the stretch")
        // Each turn passes at least one byte, tells something or changes to another kind of state.
        while true {
            switch state {
            case .content:
                let step = readContent(bytes, &index)
                if isInPreamble, case .content = step { continue }
                if isInPreamble, case .partEnded = step {
                    isInPreamble = false
                    continue
                }
                return step
            case .epilogue:
                index = bytes.count
                return .needMoreBytes
            case .refused: return .refused(refusal)
            default:
                if index == bytes.count { return .needMoreBytes }
                let byte = bytes[index]
                index += 1
                if let step = readMarkup(byte) { return step }
            }
        }
    }

    /// The body is over.
    /// - Returns: what is wrong with it, or nil if it was whole.
    public mutating func finish() -> MultipartRefusal? {
        if state == .epilogue { return nil }
        if state != .refused { _ = refuse(.unfinished) }
        return refusal
    }

    // MARK: Content

    private mutating func readContent(_ bytes: Slab<UInt8>, _ index: inout Int) -> MultipartStep {
        if matched > 0 {
            matchOn(bytes, &index)
            if matched == delimiter.count { return endPart() }
            if index == bytes.count { return .needMoreBytes }
            let held = delimiter.slice(foreign, matched - foreign)
            matched = 0
            if held.count > 0 { return .content(held) }
        }
        let start = index
        var at = index
        // `at` grows with every turn.
        while at < bytes.count {
            at = bytes.firstIndex(of: UInt8(ascii: "\r"), from: at)
            if at == bytes.count { break }
            var end = at
            foreign = 0
            matchOn(bytes, &end)
            if matched == delimiter.count || end == bytes.count {
                index = end
                if at > start { return .content(bytes.slice(start, at - start)) }
                return matched == delimiter.count ? endPart() : .needMoreBytes
            }
            matched = 0
            at = end
        }
        index = bytes.count
        if index == start { return .needMoreBytes }
        return .content(bytes.slice(start, index - start))
    }

    private mutating func endPart() -> MultipartStep {
        matched = 0
        state = .afterDelimiter
        return .partEnded
    }

    @inline(__always)
    private mutating func matchOn(_ bytes: Slab<UInt8>, _ index: inout Int) {
        while matched < delimiter.count, index < bytes.count, bytes[index] == delimiter[matched] {
            matched += 1
            index += 1
        }
    }

    // MARK: Delimiters and headers

    private mutating func readMarkup(_ byte: UInt8) -> MultipartStep? {
        switch state {
        case .afterDelimiter:
            if byte == UInt8(ascii: "-") {
                state = .finalHyphen
                return nil
            }
            return readPadding(byte)
        case .finalHyphen:
            if byte != UInt8(ascii: "-") { return refuse(.badDelimiter) }
            state = .epilogue
            return .bodyEnded
        case .padding: return readPadding(byte)
        case .paddingEnd:
            if byte != UInt8(ascii: "\n") { return refuse(.badDelimiter) }
            if partCount == MultipartSplitter.partLimit { return refuse(.tooManyParts) }
            partCount += 1
            part = MultipartPart()
            headerCount = 0
            lineBytes = 0
            state = .headers
            return nil
        case .headers: return readHeader(byte)
        case .headerEnd:
            if byte != UInt8(ascii: "\n") { return refuse(.badHeader) }
            return endLine()
        case .content, .epilogue, .refused: invariantBroken("markup is read between contents")
        }
    }

    private mutating func readPadding(_ byte: UInt8) -> MultipartStep? {
        switch byte {
        case UInt8(ascii: " "), UInt8(ascii: "\t"): state = .padding
        case UInt8(ascii: "\r"): state = .paddingEnd
        default: return refuse(.badDelimiter)
        }
        return nil
    }

    private mutating func readHeader(_ byte: UInt8) -> MultipartStep? {
        if byte == UInt8(ascii: "\r") {
            state = .headerEnd
            return nil
        }
        // A tab is text; NUL, a lone LF and their like are how header lines get smuggled.
        if byte < 0x20 && byte != 0x09 || byte == 0x7F { return refuse(.badHeader) }
        if lineBytes == line.count { return refuse(.headerTooLong) }
        line[lineBytes] = byte
        lineBytes += 1
        return nil
    }

    private mutating func endLine() -> MultipartStep? {
        if lineBytes == 0 {
            if !part.hasDisposition { return refuse(.noName) }
            expectContent()
            return .partBegan
        }
        if headerCount == MultipartSplitter.headerLimit { return refuse(.tooManyHeaders) }
        headerCount += 1
        if let refusal = part.read(line.slice(0, lineBytes)) { return refuse(refusal) }
        lineBytes = 0
        state = .headers
        return nil
    }

    private mutating func refuse(_ reason: MultipartRefusal) -> MultipartStep {
        refusal = reason
        state = .refused
        return .refused(reason)
    }
}
