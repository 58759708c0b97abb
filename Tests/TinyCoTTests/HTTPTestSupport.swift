// What the tests of HTTP share: a connection fed in any pieces, memory that ends at an unreadable
// page, and realistic requests (protocol 8.3 to 8.6).
import Foundation

@testable import TinyCoT

/// Text with one character for each byte, so that any bytes can be compared with Node's.
func latin(_ bytes: [UInt8]) -> String {
    String(String.UnicodeScalarView(bytes.map { Unicode.Scalar($0) }))
}

/// One request as it was read, ranges turned into text. nil where a field is absent.
struct SeenRequest: Equatable {
    var method: HTTPRequestMethod
    var isVersion11: Bool
    var path: String
    var query: String?
    var host: String?
    var contentType: String?
    var range: String?
    var ifRange: String?
    var ifNoneMatch: String?
    var forwarded: [String?]
    var contentLength: UInt64?
    var isChunked: Bool
    var expectsContinue: Bool
    var keepAlive: Bool
    var body: [UInt8] = []

    init(_ head: HTTPRequestHead, _ bytes: Slab<UInt8>) {
        func text(_ range: ByteRange) -> String? {
            if range.isAbsent { return nil }
            return latin((Int(range.offset)..<range.end).map { bytes[$0] })
        }
        method = head.method
        isVersion11 = head.isVersion11
        path = text(head.path)!
        query = text(head.query)
        host = text(head.host)
        contentType = text(head.contentType)
        range = text(head.range)
        ifRange = text(head.ifRange)
        ifNoneMatch = text(head.ifNoneMatch)
        forwarded = [head.forwardedFor, head.forwardedHost, head.forwardedProto].map(text)
        contentLength = head.contentLength
        isChunked = head.isChunked
        expectsContinue = head.expectsContinue
        keepAlive = head.keepAlive
    }
}

/// What a connection brought: whole requests, and how it came to its end.
struct SeenConnection: Equatable {
    enum End: Equatable { case open, inHead, inBody, closed, refused(HTTPRefusal) }

    static let limits = HTTPHeadLimits(
        maxRequestLineBytes: 2048, maxHeadBytes: 8192, maxFields: 64)

    var requests: [SeenRequest] = []
    var end = End.open
    /// Where the refusal was found, or how many bytes belong to the requests.
    var position = 0
    /// Where the head in hand began.
    var headStart = 0

    var refusal: HTTPRefusal? {
        if case .refused(let reason) = end { return reason }
        return nil
    }

    /// - Parameter cuts: where the stream is cut, in order.
    init(
        _ bytes: [UInt8], cuts: [Int] = [], limits: HTTPHeadLimits = SeenConnection.limits
    ) {
        let memory = OwnedBytes(bytes)
        var parser = HTTPHeadParser(limits)
        var head = HTTPRequestHead()
        var body: HTTPBodyReader?
        var current: SeenRequest?
        for available in cuts + [bytes.count] {
            feeding: while true {
                // Exactly what has arrived, so that looking ahead would be an error.
                let received = memory.slab.slice(position, available - position)
                guard var reader = body else {
                    switch parser.parse(received, into: &head) {
                    case .incomplete: break feeding
                    case .refused(let reason):
                        position += parser.lookedAtBytes
                        end = .refused(reason)
                        return
                    case .complete(let consumed):
                        current = SeenRequest(head, received)
                        body = HTTPBodyReader(head)
                        position += consumed
                        continue feeding
                    }
                }
                let step = reader.next(received, from: 0)
                body = reader
                switch step {
                case .needMoreBytes:
                    position = available
                    break feeding
                case .body(let start, let end):
                    current!.body += (start..<end).map { received[$0] }
                    position += end
                case .refused(let reason):
                    // How far into the piece it was found is not told; the cut is.
                    end = .refused(reason)
                    return
                case .ended(let at):
                    position += at
                    headStart = position
                    requests.append(current!)
                    body = nil
                    parser = HTTPHeadParser(limits)
                    if !current!.keepAlive {
                        end = .closed
                        return
                    }
                }
            }
        }
        end = body != nil ? .inBody : position == bytes.count ? .open : .inHead
    }

    init(_ text: String, limits: HTTPHeadLimits = SeenConnection.limits) {
        self.init(Array(text.utf8), limits: limits)
    }

    /// Equal but for the position of a refusal in a body.
    func agrees(with other: SeenConnection) -> Bool {
        requests == other.requests && end == other.end
            && (refusal != nil || position == other.position)
    }
}

/// Memory whose last byte lies in front of a page that must not be read.
final class GuardedMemory {
    private let memory: UnsafeMutableRawPointer
    private let size: Int
    private let page = Int(sysconf(Int32(_SC_PAGESIZE)))

    init(pages: Int) {
        size = pages * page
        memory = mmap(
            nil, size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        precondition(memory != MAP_FAILED && mprotect(memory + size, page, PROT_NONE) == 0)
    }

    deinit { munmap(memory, size + page) }

    /// The bytes, flush against the page.
    func slab(_ bytes: ArraySlice<UInt8>) -> Slab<UInt8> {
        let start = (memory + size - bytes.count).assumingMemoryBound(to: UInt8.self)
        for (i, byte) in bytes.enumerated() { start[i] = byte }
        return Slab(start: start, count: bytes.count)
    }
}

/// Requests as clients send them.
enum HTTPSamples {
    private static let hash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

    private static func request(_ lines: [String], _ body: String = "") -> [UInt8] {
        Array((lines.joined(separator: "\r\n") + "\r\n\r\n" + body).utf8)
    }

    /// ATAK by libcurl: step 2 of a transfer.
    static let query = request([
        "GET /Marti/sync/missionquery?hash=\(hash) HTTP/1.1", "Host: 192.0.2.1:8080",
        "Accept: */*",
    ])

    /// Step 3.
    static let upload: [UInt8] = {
        let boundary = "------------------------0123456789abcdef"
        let body =
            "--\(boundary)\r\nContent-Disposition: form-data; name=\"assetfile\"; "
            + "filename=\"pkg one.zip\"\r\nContent-Type: application/x-zip-compressed\r\n\r\n"
            + "PK\u{3}\u{4}\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n--\(boundary)--\r\n"
        return request(
            [
                "POST /Marti/sync/missionupload?hash=\(hash)&filename=pkg%20one.zip"
                    + "&creatorUid=ANDROID-359975090666199 HTTP/1.1", "Host: 192.0.2.1:8080",
                "Accept: */*", "Content-Length: \(body.utf8.count)",
                "Content-Type: multipart/form-data; boundary=\(boundary)", "Expect: 100-continue",
            ], body)
    }()

    /// Step 4.
    static let metadata = request(
        [
            "PUT /Marti/api/sync/metadata/\(hash)/tool HTTP/1.1", "Host: 192.0.2.1:8080",
            "Content-Type: text/plain", "Content-Length: 7", "Connection: keep-alive",
        ], "private")

    /// Step 7, and a download that is resumed with a Range.
    static let content = request([
        "GET /Marti/sync/content?hash=\(hash)&receiver=BRAVO HTTP/1.1", "Host: [fd00::1]:8080",
        "Range: bytes=100-", "If-Range: \"\(hash)\"", "If-None-Match: \"a\"", "Accept: */*",
    ])

    static let itak = request(
        [
            "POST /Marti/sync/upload?CreatorUid=F00&keywords=missionpackage&name=X+1.zip HTTP/1.1",
            "Host: tak.local:8080", "Content-Type: application/x-zip-compressed",
            "User-Agent: iTAK/2.8 CFNetwork/1410.0.3 Darwin/22.6.0", "Connection: keep-alive",
            "Accept-Language: de-DE,de;q=0.9", "Accept-Encoding: gzip, deflate",
            "Content-Length: 5",
        ], "PK\u{3}\u{4}\u{0}")

    static let chunked = request(
        [
            "POST /Marti/vcm HTTP/1.1", "Host: tak", "Transfer-Encoding: chunked",
            "Content-Encoding: UTF-8", "Connection: Keep-Alive, X",
        ], "4\r\n<vid\r\n1b;a=b;c=\"d\\\";e\"\r\neoConnections></videoConnec\r\n0006\r\ntions>\r\n"
            + "0\r\nX-Sum: 7\r\n\r\n")

    static let close = request([
        "HEAD /Marti/api/version HTTP/1.1", "Host: a", "connection: Close",
    ])

    static let old = request(["GET / HTTP/1.0", "Connection: keep-alive"])

    static let options = request(["OPTIONS * HTTP/1.1", "Host: a:1"])

    static let proxied = request(
        [
            "DELETE http://tak.example/Marti/sync/delete?hash=\(hash) HTTP/1.1", "Host: other",
            "X-Forwarded-For: 10.0.0.1", "x-forwarded-for: 10.0.0.2", "X-Forwarded-Proto: https",
            "X-Forwarded-Host: tak.example:443", "Content-Length: 0",
        ])

    static let single = [
        query, upload, metadata, content, itak, chunked, close, old, options, proxied,
    ]
    static let pipelined = [
        query + metadata + content, chunked + chunked + query, old + upload + query,
        metadata + close + query, Array("\r\n".utf8) + options + proxied + itak,
    ]
}
