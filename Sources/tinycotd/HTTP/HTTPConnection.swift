// One HTTP connection: where it is in its exchange, and what it holds. The table of these is the
// store loop's; the bytes lie in its tables, at the connection's index. `phase` says what holds:
//
//     free       nothing else has meaning.
//     head       the head of a request is gathered; `inputCount` bytes of it are there.
//     waiting    a question for the relay is ready; all slots are in use.
//     asking     `slot` is at the relay. Nothing is read, so nothing can be lost.
//     body       the body is read; `bodyUse` says what for. `upload` is an index if it is one.
//     answering  output is on its way; when it is gone, `source` makes more of it.
//     lingering  the answer is out and our side is shut; what still comes is thrown away, because
//                closing over unread bytes would take the answer from the client.
//
// A descriptor is closed in `StoreLoop.closeConnection` and nowhere else; `file` in `closeFile`.

import CLinuxSys
import PackageStore
import TinyCoT

struct HTTPConnection: BitwiseCopyable {
    enum Phase: UInt8, BitwiseCopyable {
        case free, head, waiting, asking, body, answering, lingering
    }

    /// Where the rest of an answer comes from, a piece at a time.
    enum Source: UInt8, BitwiseCopyable {
        case none, packages, packageLines, contacts, event, positions, videos, file, catalogue
        case metrics, page, status

        var isXML: Bool { self == .event || self == .positions || self == .videos }
    }

    /// What the bytes of a body are for.
    enum BodyUse: UInt8, BitwiseCopyable { case upload, text }

    var phase = Phase.free
    var descriptor: Int32 = -1
    var generation: UInt32 = 0
    var peer = Endpoint()
    /// Came by the socket in the run folder: no walls, may delete.
    var isOperator = false
    var interest: UInt32 = 0

    // Input. The head of the request at hand always lies at the beginning of the head buffer.
    var inputCount = 0
    var headCount = 0
    /// Where in the head buffer the next request begins, once the body has ended.
    var restStart = 0
    var hasRest = false
    var parser: HTTPHeadParser
    var head = HTTPRequestHead()
    var body: HTTPBodyReader
    var bodyUse = BodyUse.text
    var textCount = 0
    /// The request was not read to its end, so the next one cannot be found.
    var isBodyLeft = false

    // The question at hand.
    var route = MartiRoute.version
    var method = MartiMethods.get
    var slot = -1
    var slotTakenAt = Instant.zero
    var seesAll = false
    var teamCount = 0
    var upload = -1

    // Output: `outputStart ..< outputEnd` of the output buffer waits for the socket.
    var outputStart = 0
    var outputEnd = 0
    var source = Source.none
    var keepAlive = false
    /// The length of the body is not known: it goes out in chunks, or until the end in HTTP/1.0.
    var isChunked = false
    var sourceEnded = false
    var cursor: UInt64 = 0
    var index = 0
    var list = MartiList(.packages)
    var document = StatusDocument()
    /// The beginning of a document was written.
    var hasPrologue = false
    var wantsPublicOnly = false
    var keyword = ShortText<32>()

    // A download.
    var file: OpenPackage?
    var fileOffset: Int64 = 0
    var fileRest: Int64 = 0
    var digest: SHA256Digest?

    // Time.
    var deadline = Instant.never
    var hasBegun = false
    var windowBytes: Int64 = 0
    var sentBytes: Int64 = 0
    var acknowledgedBytes: Int64 = 0

    init(limits: HTTPHeadLimits) {
        parser = HTTPHeadParser(limits)
        body = HTTPBodyReader(head)
    }

    /// Between two requests, with nothing of the next one here.
    var isIdle: Bool { phase == .head && inputCount == 0 && hasBegun }
}
