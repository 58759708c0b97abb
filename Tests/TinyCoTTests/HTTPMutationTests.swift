// Thousands of damaged connections. Each is cut in many ways, which must change nothing; and each
// is judged by Node's own parser: a request that Node does not see must not be seen here, and one
// that only Node sees must be refused here by one of the written, deliberately stricter rules.
import Foundation
import Testing

@testable import TinyCoT

@Suite struct HTTPMutationTests {
    private static let pieces: [[UInt8]] =
        [
            "\r\n", "\n", "\r", "\r\n\r\n", " ", "  ", "\t", "\r\n ", ":", ";", "=", ",", "\"",
            "\\", "%", "#", "?", "*", "/", "@", "-", "+", "0", "00", "7", "ff", "0x10", "\0",
            "\u{7F}", "\u{B}", "é", "Content-Length: 7\r\n", "Content-Length: +7\r\n",
            "Content-Length : 7\r\n", "Content-Length: 7, 7\r\n", "Content-Length:\r\n",
            "Content-Length: 0\r\n", "content-length: 18446744073709551616\r\n",
            "Content-Length: 18446744073709551614\r\n", "Content_Length: 7\r\n",
            "Transfer-Encoding: chunked\r\n", "Transfer-Encoding: gzip, chunked\r\n",
            "Transfer-Encoding: chunked, identity\r\n", "Transfer-Encoding: identity\r\n",
            "transfer-encoding:\tchunked \r\n", "Transfer-Encoding: xchunked\r\n",
            "Transfer-Encoding\r\n", "Transfer-Encoding:\r\n", " Transfer-Encoding: chunked\r\n",
            "Host: b\r\n", "Host:\r\n", "Host: a b\r\n", "Host: a:80:80\r\n", "Host: a@b\r\n",
            "Connection: close\r\n", "Connection: keep-alive\r\n", "Connection: upgrade, close\r\n",
            "Connection: , ,close,\r\n", "Connection: closed\r\n", "Upgrade: h2c\r\n",
            "Expect: 100-continue\r\n", "Expect: 200-ok\r\n", "EXPECT: 100-Continue\r\n",
            "Content-Type: text/plain\r\n", "Range: bytes=0-1\r\n", "If-None-Match: *\r\n",
            "X: y\r\n", "X: \u{E9}\r\n", "X:\r\n", ": y\r\n", "X Y: z\r\n", "X: a\r\n b\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET", "PATCH", "BREW", "CONNECT a:1 HTTP/1.1\r\n",
            "http://a", "HTTP://", "ftp://a/", "//a/b", "HTTP/1.0", "HTTP/1.2", "HTTP/2.0",
            "HTTP/0.9", "http/1.1", "1", "0\r\n\r\n", "3\r\nabc\r\n", "03\r\nabc\r\n",
            "ffffffffffffffff\r\n", "fffffffffffffffff\r\n", "10000000000000000\r\n", "-1\r\n",
            ";x", ";x=", ";x=y", ";x=\"y\"", ";x=\"y", ";;", " ;x", ";x y", "0;x=\"\r\n\"\r\n\r\n",
            "0\r\nContent-Length: 3\r\n\r\n", "0\r\nA: b\r\n\r\n", "0\r\nA:b\r\n c\r\n\r\n",
            "0\r\nA : b\r\n\r\n", "0\r\nTransfer-Encoding: chunked\r\n\r\n", "0\r\nHost: c\r\n\r\n",
        ].map { Array($0.utf8) } + [[0xE9], [0xFF], [0x80]]

    private static let lines = pieces.filter { $0.count > 2 && $0.last == 10 }

    /// Places where parsers go wrong: the begins and ends of lines, and around blanks and colons.
    private static func edges(_ bytes: [UInt8]) -> [Int] {
        bytes.indices.filter { i in
            i > 0 && "\r\n: ;".utf8.contains(bytes[i - 1]) || "\r\n: ;".utf8.contains(bytes[i])
        }
    }

    static func damaged(_ bytes: [UInt8], _ random: inout SeededGenerator) -> [UInt8] {
        var bytes = bytes
        for _ in 0..<(1 + random.below(4) / 3) {
            if random.below(6) == 0 {
                bytes = mutate(bytes, pieces: pieces, using: &random)
                continue
            }
            let at = edges(bytes).randomElement(using: &random) ?? 0
            let starts = bytes.indices.filter { $0 > 0 && bytes[$0 - 1] == 10 }
            switch random.below(12) {
            case 8...11 where !starts.isEmpty:
                // A whole line among others, which is where two readers differ quietly.
                let line = lines.randomElement(using: &random)!
                bytes.insert(contentsOf: line, at: starts.randomElement(using: &random)!)
            case 0: bytes.removeSubrange(at..<min(bytes.count, at + 1 + random.below(3)))
            case 1: bytes[at] = UInt8.random(in: 0...255, using: &random)
            case 2:
                let piece = pieces.randomElement(using: &random)!
                bytes.replaceSubrange(at..<min(bytes.count, at + 1 + random.below(3)), with: piece)
            default: bytes.insert(contentsOf: pieces.randomElement(using: &random)!, at: at)
            }
        }
        return bytes
    }

    private static func cases(seed: UInt64, count: Int) -> [[UInt8]] {
        var random = SeededGenerator(seed: seed)
        let samples = HTTPSamples.single + HTTPSamples.pipelined
        return (0..<count).map { damaged(samples[$0 % samples.count], &random) }
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func cuttingAStreamChangesNothing(seed: UInt64) {
        var random = SeededGenerator(seed: seed &+ 1000)
        for bytes in HTTPMutationTests.cases(seed: seed, count: 400) {
            let whole = SeenConnection(bytes)
            let count = random.below(6)
            let cuts = (0..<count).map { _ in random.below(bytes.count + 1) }.sorted()
            let cut = SeenConnection(bytes, cuts: cuts)
            #expect(cut.agrees(with: whole), "\(latin(bytes).debugDescription) at \(cuts)")
        }
    }

    @Test(.enabled(if: HTTPJudge.isHere, "node, the judge of these tests, is not installed"))
    func nothingIsSeenThatNodeDoesNotSee() throws {
        let samples = HTTPSamples.single + HTTPSamples.pipelined
        let cases = samples + HTTPMutationTests.cases(seed: 20_261_122, count: 6000)
        let judged = try HTTPJudge.judge(cases)
        #expect(judged.count == cases.count)
        var tally = (accepted: 0, refused: 0, stricter: 0)
        for (bytes, node) in zip(cases, judged) {
            let seen = SeenConnection(bytes)
            let shown = latin(bytes).debugDescription
            var expected = node.requests
            if let last = expected.firstIndex(where: { !$0.staysOpen }) {
                expected.removeSubrange((last + 1)...)
            }
            #expect(seen.requests.count <= expected.count, "Node: \(node.error ?? "") \(shown)")
            for (ours, theirs) in zip(seen.requests, expected) {
                let differences = HTTPStricter.differences(ours, theirs)
                #expect(differences.isEmpty, "\(differences) in \(shown)")
            }
            let isShort = seen.requests.count < expected.count
            let isStricter = isShort || node.error == nil && seen.refusal != nil
            if isStricter {
                let request = isShort ? expected[seen.requests.count] : nil
                let isWritten = HTTPStricter.explains(seen, request, bytes)
                #expect(isWritten, "\(seen.end), but Node takes it: \(shown)")
            }
            tally.stricter += isStricter ? 1 : 0
            tally.refused += node.error != nil ? 1 : 0
            tally.accepted += node.error == nil ? 1 : 0
        }
        // A judge that always says the same proves nothing.
        #expect(tally.accepted > 1000)
        #expect(tally.refused > 1000)
        #expect(tally.stricter > 100)
    }

    @Test func theSamplesAreReadAsTheyWereMeant() {
        for sample in HTTPSamples.single {
            let seen = SeenConnection(sample)
            #expect(seen.requests.count == 1, "\(latin(sample))")
            #expect(seen.end == (sample == HTTPSamples.close ? .closed : .open))
        }
        #expect(HTTPSamples.pipelined.map { SeenConnection($0).requests.count } == [3, 3, 3, 2, 3])
    }
}
