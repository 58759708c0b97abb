// Finds the body of a request in the bytes that follow its head (RFC 9112 sections 6 and 7), of
// any size and over any cut. Called by the store loop with whatever was received; it hands back
// stretches of body bytes where they lie and says where the request ends, so that a request that
// came behind it in the same read is found. It keeps no bytes and looks at each one once.
// Chunk extensions and trailers are checked, bounded, and dropped.
//
// States, and what holds in each
//
//     counted        `remainingBytes` of the body or chunk are to come.
//     size           in the size of a chunk; `sizeDigits` of it seen.    ; -> extensionName; CR
//     extensionName, extensionValue, extensionToken, extensionQuoted, extensionEscape,
//     extensionQuotedEnd   in `;name=token` or `;name="text"` behind the size.
//     sizeEnd        CR seen, LF must follow.    -> counted, or trailerStart if the size was 0.
//     chunkEnd, chunkEndFeed   the CR and LF behind a chunk's bytes.    -> size
//     trailerStart   at the begin of a line.     CR -> lastFeed;  name -> trailerName
//     trailerName, trailerValue, trailerFeed     in a trailer field.    -> trailerStart
//     lastFeed       LF must follow.             -> ended
//     ended          the request is over.
//     refused        for good; `refusal` says why.

public enum HTTPBodyStep: Equatable, Sendable, BitwiseCopyable {
    /// All bytes were looked at; the body goes on.
    case needMoreBytes
    /// `bytes[start..<end]`, never empty, belong to the body; go on from `end`.
    case body(start: Int, end: Int)
    /// The request ends before `bytes[at]`.
    case ended(at: Int)
    case refused(HTTPRefusal)
}

public struct HTTPBodyReader: BitwiseCopyable {
    enum State: UInt8, BitwiseCopyable {
        case counted
        case size, extensionName, extensionValue, extensionToken, extensionQuoted
        case extensionEscape, extensionQuotedEnd, sizeEnd
        case chunkEnd, chunkEndFeed
        case trailerStart, trailerName, trailerValue, trailerFeed, lastFeed
        case ended, refused
    }

    /// One line of size and extensions, without its end.
    public static var maxChunkLineBytes: Int { 256 }
    /// All extensions of one body: without a bound, a byte of body could cost 256 of them.
    public static var maxExtensionBytes: Int { 4096 }
    public static var maxTrailerBytes: Int { 4096 }

    let isChunked: Bool
    var state: State
    /// Bytes of the body, or of the chunk in hand, that are still to come.
    public internal(set) var remainingBytes: UInt64
    private var refusal = HTTPRefusal.badChunkSize
    var chunkLineBytes = 0
    var extensionBytes = 0
    var trailerBytes = 0
    /// Digits of the size of the chunk in hand.
    var sizeDigits = 0
    /// Bytes of the name of the extension in hand.
    var extensionNameBytes = 0
    var trailerName = HTTPTrailerName()

    public init(_ head: HTTPRequestHead) {
        self.init(length: head.contentLength ?? 0, isChunked: head.isChunked)
    }

    /// The body of an answer is framed in the same way.
    /// - Parameter length: means nothing where the body is chunked.
    public init(length: UInt64, isChunked: Bool) {
        self.isChunked = isChunked
        remainingBytes = isChunked ? 0 : length
        state = isChunked ? .size : length > 0 ? .counted : .ended
    }

    public var hasEnded: Bool { state == .ended }

    /// Looks at `bytes[start...]` and returns at the first thing worth telling. Bytes are looked
    /// at from 0, then from where each step says, until `.needMoreBytes` or `.ended`.
    public mutating func next(_ bytes: Slab<UInt8>, from start: Int) -> HTTPBodyStep {
        invariant(start >= 0 && start <= bytes.count, "a body goes on inside its bytes")
        var index = start
        while index < bytes.count {
            switch state {
            case .ended: return .ended(at: index)
            case .refused: return .refused(refusal)
            case .counted: return take(bytes, index)
            default: break
            }
            do throws(HTTPRefusal) {
                try look(at: bytes[index])
                index += 1
            } catch {
                refusal = error
                state = .refused
            }
        }
        switch state {
        case .ended: return .ended(at: index)
        case .refused: return .refused(refusal)
        default: return .needMoreBytes
        }
    }

    /// Hands out what is there of the body or chunk.
    private mutating func take(_ bytes: Slab<UInt8>, _ index: Int) -> HTTPBodyStep {
        let count = min(UInt64(bytes.count - index), remainingBytes)
        invariant(count > 0, "a stretch of body is never empty")
        remainingBytes -= count
        if remainingBytes == 0 { state = isChunked ? .chunkEnd : .ended }
        return .body(start: index, end: index + Int(count))
    }
}
