// Bodies of both kinds: where they end to the byte, what is refused, and what bounds them.
import Foundation
import Testing

@testable import TinyCoT

@Suite struct HTTPBodyReaderTests {
    private let chunkedHead = "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    private let next = "GET /next HTTP/1.1\r\nHost: a\r\n\r\n"

    private func chunked(_ body: String) -> SeenConnection { SeenConnection(chunkedHead + body) }

    @Test func theNextRequestIsFoundBehindABody() {
        for count in [0, 1, 2, 1000] {
            let body = String(repeating: "b", count: count)
            let text = "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: \(count)\r\n\r\n" + body + next
            let seen = SeenConnection(text)
            #expect(seen.requests.count == 2 && seen.end == .open)
            #expect(seen.requests[0].body.count == count && seen.requests[1].path == "/next")
            #expect(seen.position == text.utf8.count)
            let missing = SeenConnection(String(text.dropLast(next.count + 1)))
            #expect(missing.end == (count == 0 ? .inHead : .inBody))
        }
    }

    @Test(arguments: [
        ("0\r\n\r\n", ""), ("000\r\n\r\n", ""), ("1\r\na\r\n0\r\n\r\n", "a"),
        ("0A\r\n0123456789\r\n0\r\n\r\n", "0123456789"),
        ("a\r\n\r\n0\r\n\r\nxyz\r\n0\r\n\r\n", "\r\n0\r\n\r\nxyz"),
        ("1;a\r\nx\r\n0;b=c;d=\"e;\\\"\\\\f\";g\r\n\r\n", "x"), ("1;a=\"\"\r\nx\r\n0\r\n\r\n", "x"),
        ("0\r\nA: b\r\nC:\r\nContent-Lengths: 1\r\nContent-Lengt: 1\r\n\r\n", ""),
        ("0000000000000000000000000000000000000001\r\nz\r\n0\r\n\r\n", "z"),
    ])
    func chunksAreJoined(body: String, whole: String) {
        let seen = chunked(body + next)
        #expect(seen.requests.count == 2 && seen.end == .open, "\(body.debugDescription)")
        #expect(seen.requests.first.map { latin($0.body) } == whole)
        #expect(chunked(String(body.dropLast())).end == .inBody)
    }

    @Test(arguments: [
        ("\r\n", HTTPRefusal.badChunkSize), ("g\r\n", .badChunkSize), ("-1\r\n", .badChunkSize),
        ("+1\r\n", .badChunkSize), ("0x1\r\n", .badChunkSize), (" 1\r\n", .badChunkSize),
        ("1 \r\n", .badChunkSize), ("1 ;a\r\n", .badChunkSize), ("1\n", .badChunkSize),
        (";a\r\n", .badChunkSize), ("1_0\r\n", .badChunkSize), ("1\0", .badChunkSize),
        ("10000000000000000\r\n", .badChunkSize), ("fffffffffffffffff\r\n", .badChunkSize),
        ("1\rx", .bareCarriageReturn), ("0\r\n\rx", .bareCarriageReturn),
        ("0\r\nA: b\rc", .bareCarriageReturn),
        ("1\r\nab\r\n", .badChunkEnd), ("1\r\na\n", .badChunkEnd), ("1\r\na\rb", .badChunkEnd),
        ("2\r\na\r\n0\r\n\r\n", .badChunkEnd),
        ("1;\r\n", .badChunkExtension), ("1;;a\r\n", .badChunkExtension),
        ("1;=b\r\n", .badChunkExtension), ("1;a=\r\n", .badChunkExtension),
        ("1;a b\r\n", .badChunkExtension), ("1; a\r\n", .badChunkExtension),
        ("1;a=b c\r\n", .badChunkExtension), ("1;a=\"b\r\n", .badChunkExtension),
        ("1;a=\"b\"c\r\n", .badChunkExtension), ("1;a=\"\\\r\n", .badChunkExtension),
        ("1;a\n", .badChunkExtension), ("1;a=\"\0", .badChunkExtension),
        ("0\r\n: b\r\n", .brokenTrailer), ("0\r\nA\r\n", .brokenTrailer),
        ("0\r\nA : b\r\n", .brokenTrailer), ("0\r\n A: b\r\n", .brokenTrailer),
        ("0\r\nA: b\r\n c\r\n", .brokenTrailer), ("0\r\nA: b\0", .brokenTrailer),
        ("0\r\nA: b\n", .brokenTrailer), ("0\r\n\n", .brokenTrailer),
        ("0\r\ncontent-LENGTH: 3\r\n\r\n", .framingInTrailer),
        ("0\r\nConnection: close\r\n\r\n", .framingInTrailer),
        ("0\r\nA: b\r\nTransfer-Encoding: chunked\r\n\r\n", .framingInTrailer),
    ])
    func isRefused(body: String, reason: HTTPRefusal) {
        #expect(chunked(body).refusal == reason, "\(body.debugDescription)")
        #expect(chunked("3\r\nabc\r\n" + body).refusal == reason)
        #expect(reason.status == .badRequest)
    }

    @Test func limitsHoldExactly() {
        func line(_ count: Int) -> String { "1;" + String(repeating: "x", count: count - 2) }
        #expect(chunked(line(256) + "\r\na\r\n0\r\n\r\n").end == .open)
        #expect(chunked(line(257) + "\r\na\r\n0\r\n\r\n").refusal == .chunkLineTooLong)
        let zeros = String(repeating: "0", count: 256)
        #expect(chunked(zeros + "\r\n\r\n").end == .open)
        #expect(chunked("0" + zeros + "\r\n\r\n").refusal == .chunkLineTooLong)
        // 32 extensions of 128 bytes; size and first semicolon are not counted.
        func many(_ count: Int) -> String {
            String(repeating: line(130) + "\r\na\r\n", count: count) + "0\r\n\r\n"
        }
        #expect(chunked(many(32)).end == .open)
        #expect(chunked(many(33)).refusal == .chunkLineTooLong)
        func trailer(_ count: Int) -> String {
            "0\r\nA:" + String(repeating: "b", count: count - 6) + "\r\n\r\n"
        }
        #expect(chunked(trailer(4096)).end == .open)
        #expect(chunked(trailer(4097)).refusal == .trailersTooLarge)
        #expect(HTTPRefusal.trailersTooLarge.status.rawValue == 431)
        #expect(chunked("ffffffffffffffff\r\nabc").end == .inBody)
    }

    @Test func itRemembersWhatIsMissing() {
        let bytes = OwnedBytes(chunkedHead + "5\r\nab")
        var parser = HTTPHeadParser(SeenConnection.limits)
        var head = HTTPRequestHead()
        guard case .complete(let consumed) = parser.parse(bytes.slab, into: &head) else {
            Issue.record("the head is whole")
            return
        }
        var body = HTTPBodyReader(head)
        let first = body.next(bytes.slab, from: consumed)
        #expect(first == .body(start: consumed + 3, end: consumed + 5))
        #expect(body.remainingBytes == 3 && !body.hasEnded)
        #expect(body.next(bytes.slab, from: consumed + 5) == .needMoreBytes)
        let rest = OwnedBytes("cde\r\n0\r\n\r\nGET")
        #expect(body.next(rest.slab, from: 0) == .body(start: 0, end: 3))
        #expect(body.next(rest.slab, from: 3) == .ended(at: 10))
        #expect(body.next(rest.slab, from: 10) == .ended(at: 10))
        #expect(body.hasEnded)
    }

    /// Stretches never overlap, never leave the piece, and never are empty.
    @Test func everyCutGivesTheSameBytes() {
        let memory = GuardedMemory(pages: 1)
        let text = "5;a=\"b\"\r\nab\r\nc\r\n10\r\n0123456789abcdef\r\n0\r\nA: b\r\n\r\n"
        let bytes = Array((text + next).utf8)
        var head = HTTPRequestHead()
        head.isChunked = true
        for first in 0...bytes.count {
            for second in stride(from: first, through: bytes.count, by: 7) {
                var body = HTTPBodyReader(head)
                var joined: [UInt8] = []
                var end: Int?
                for (from, to) in [(0, first), (first, second), (second, bytes.count)] {
                    if end != nil { continue }
                    let slab = memory.slab(bytes[from..<to])
                    var at = 0
                    piece: while true {
                        switch body.next(slab, from: at) {
                        case .needMoreBytes: break piece
                        case .body(let start, let stop):
                            #expect(start >= at && stop > start && stop <= slab.count)
                            joined += (start..<stop).map { slab[$0] }
                            at = stop
                        case .ended(let stop):
                            end = from + stop
                            break piece
                        case .refused(let reason):
                            Issue.record("\(reason)")
                            return
                        }
                    }
                }
                #expect(latin(joined) == "ab\r\nc0123456789abcdef")
                #expect(end == text.utf8.count)
            }
        }
    }
}
