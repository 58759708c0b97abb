// Reads the head of a request (RFC 9112) out of the fixed buffer in which the connection gathers
// it. Called by the store loop after every read, always with all bytes of the head so far; it
// looks at each byte once, however the bytes drip in, and judges the same for every way of
// cutting them. It never reads behind the bytes given, never copies and never guesses: two
// parsers that read one head differently are how requests are smuggled, so what is not plain
// grammar is refused. Invariant: lineStart ≤ lookedAtBytes ≤ maxHeadBytes.
//
// States, and what holds in each
//
//     requestLine  no line but empty ones was seen.  line -> fields.
//     fields       the request line was good.  line -> fields;  empty line -> complete.
//     complete     the head ended at `lookedAtBytes`; what follows is body or the next request.
//     refused      for good; `refusal` says why.
//
// Where the RFC leaves a choice: a line ends in CR LF only, a bare LF is refused (2.2); empty
// lines in front of the request line are passed over and count as part of the head (2.2); exactly
// one blank separates the parts of the request line (3); a folded field is refused (5.2).

/// How large a head may be. From the budget.
public struct HTTPHeadLimits: BitwiseCopyable, Sendable {
    /// Without its CR LF. Beyond it the answer is 414.
    public var maxRequestLineBytes: Int
    /// With all ends of lines; not larger than the head buffer. Beyond it the answer is 431.
    public var maxHeadBytes: Int
    public var maxFields: Int

    public init(maxRequestLineBytes: Int, maxHeadBytes: Int, maxFields: Int) {
        invariant(maxRequestLineBytes > 0, "a request line has room")
        invariant(maxRequestLineBytes < maxHeadBytes, "a request line fits into a head")
        invariant(maxHeadBytes <= Int(UInt32.max), "a range reaches every byte of a head")
        invariant(maxFields > 0, "a head may have a field")
        self.maxRequestLineBytes = maxRequestLineBytes
        self.maxHeadBytes = maxHeadBytes
        self.maxFields = maxFields
    }
}

public enum HTTPHeadStep: Equatable, Sendable, BitwiseCopyable {
    /// All bytes were looked at; the head goes on.
    case incomplete
    /// The head ends before `bytes[consumed]`.
    case complete(consumed: Int)
    case refused(HTTPRefusal)
}

/// The parser of one head. For the next request of the connection a new one is made.
public struct HTTPHeadParser: BitwiseCopyable {
    private enum State: UInt8, BitwiseCopyable { case requestLine, fields, complete, refused }

    private let limits: HTTPHeadLimits
    private var state = State.requestLine
    private var refusal = HTTPRefusal.brokenRequestLine
    private var lineStart = 0
    private var fieldCount = 0
    private var fields = HTTPFieldReader()
    /// How many bytes of the head were looked at; they need not be looked at again.
    public private(set) var lookedAtBytes = 0

    public init(_ limits: HTTPHeadLimits) { self.limits = limits }

    /// - Parameter bytes: everything received since the head began, with what follows it. May
    ///   only have grown since the last call.
    /// - Parameter head: the same at every call; meaningful once the answer is `.complete`.
    public mutating func parse(
        _ bytes: Slab<UInt8>, into head: inout HTTPRequestHead
    ) -> HTTPHeadStep {
        invariant(lookedAtBytes <= bytes.count, "a head only grows")
        if state == .complete { return .complete(consumed: lookedAtBytes) }
        if state == .refused { return .refused(refusal) }
        do throws(HTTPRefusal) {
            let limit = min(bytes.count, limits.maxHeadBytes)
            while lookedAtBytes < limit {
                try look(at: bytes, &head)
                if state == .complete { return .complete(consumed: lookedAtBytes) }
            }
            if limit == limits.maxHeadBytes { throw .headTooLarge }
            return .incomplete
        } catch {
            refusal = error
            state = .refused
            return .refused(error)
        }
    }

    /// Takes the next byte.
    @inline(__always)
    private mutating func look(
        at bytes: Slab<UInt8>, _ head: inout HTTPRequestHead
    ) throws(HTTPRefusal) {
        let index = lookedAtBytes
        let byte = bytes[index]
        let isBehindReturn = index > lineStart && bytes[index - 1] == HTTPHeadParser.carriageReturn
        lookedAtBytes += 1
        if byte == HTTPHeadParser.lineFeed {
            if !isBehindReturn { throw .bareLineFeed }
            let line = (start: lineStart, end: index - 1)
            lineStart = lookedAtBytes
            try take(bytes, line.start, line.end, &head)
            return
        }
        if isBehindReturn { throw .bareCarriageReturn }
        if byte == HTTPHeadParser.carriageReturn { return }
        if !HTTPCharacters.isText(byte) { throw .controlCharacter }
        if state == .requestLine && lookedAtBytes - lineStart > limits.maxRequestLineBytes {
            throw .requestLineTooLong
        }
    }

    /// A line is `bytes[start..<end]`, without its CR LF.
    private mutating func take(
        _ bytes: Slab<UInt8>, _ start: Int, _ end: Int, _ head: inout HTTPRequestHead
    ) throws(HTTPRefusal) {
        invariant(start <= end && end < lookedAtBytes, "a line ends before what was looked at")
        if state == .requestLine {
            if start == end { return }
            head = HTTPRequestHead()
            try HTTPRequestLine.read(bytes, start, end, &head)
            state = .fields
        } else if start == end {
            try fields.finish(&head)
            state = .complete
        } else {
            if fieldCount == limits.maxFields { throw .tooManyFields }
            fieldCount += 1
            try fields.read(bytes, start, end, &head)
        }
    }

    private static var carriageReturn: UInt8 { 0x0D }
    private static var lineFeed: UInt8 { 0x0A }
}
