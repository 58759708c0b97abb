// The splitter against the text of RFC 7578, a naive reference, and Python's own parser; every cut
// of the same body must tell the same.

import Foundation
import Testing

@testable import TinyCoT

@Suite struct MultipartSplitterTests {
    /// What libcurl sends for ATAK (protocol 8.3).
    private static let curlBoundary = "------------------------0123456789abcdef"
    private static let curlBody = Array(
        ("--\(curlBoundary)\r\n"
            + "Content-Disposition: form-data; name=\"assetfile\"; filename=\"pkg one.zip\"\r\n"
            + "Content-Type: application/x-zip-compressed\r\n\r\n"
            + "PK\u{3}\u{4}\r\n--not\r\n-\r\r\n\r\n--\(curlBoundary)--\r\n").utf8)

    private func expectSame(_ body: [UInt8], _ name: String, as expected: [MultipartTold]) {
        guard let limit = boundary("multipart/form-data; boundary=\"\(name)\"") else {
            Issue.record("no boundary \(name)")
            return
        }
        #expect(split(body, limit) == expected)
        #expect(split(body, limit, cuts: Array(0...body.count)) == expected, "byte by byte")
        for cut in 0...body.count {
            if split(body, limit, cuts: [cut]) != expected {
                Issue.record("cut at \(cut): \(split(body, limit, cuts: [cut]))")
                return
            }
        }
    }

    @Test func readsWhatCurlSendsInEverySplit() {
        expectSame(
            MultipartSplitterTests.curlBody, MultipartSplitterTests.curlBoundary,
            as: [
                .part(
                    name: Array("assetfile".utf8), fileName: Array("pkg one.zip".utf8),
                    type: Array("application/x-zip-compressed".utf8)),
                .content(Array("PK\u{3}\u{4}\r\n--not\r\n-\r\r\n".utf8)), .partEnded, .bodyEnded,
            ])
    }

    @Test func everyPairOfCutsOfAShortBodyTellsTheSame() throws {
        let body = Array(
            "--b\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n-\r\n--\r\n--b--".utf8)
        let limit = try #require(boundary("multipart/form-data;boundary=b"))
        let expected: [MultipartTold] = [
            .part(name: [0x61], fileName: nil, type: []), .content(Array("\r\n-\r\n--".utf8)),
            .partEnded, .bodyEnded,
        ]
        for first in 0...body.count {
            for second in first...body.count {
                #expect(split(body, limit, cuts: [first, second]) == expected)
            }
        }
    }

    @Test func emptyPartsPreambleAndEpilogue() {
        let head = "Content-Disposition: form-data; name=\"a\"\r\n\r\n"
        let part: [MultipartTold] = [.part(name: [0x61], fileName: nil, type: [])]
        // With and without a line of its own for the empty content.
        let body =
            "pre\r\n--x--not\r\n--xy \t\r\n\(head)--xy\r\n\(head)\r\n--xy--\r\n"
            + "epi\r\n--xy\r\n"
        expectSame(
            Array(body.utf8), "xy", as: part + [.partEnded] + part + [.partEnded, .bodyEnded])
    }

    @Test func quotedNamesAreUnescapedAndOtherParametersPassedOver() {
        let body =
            "--x\r\nCONTENT-disposition:Form-Data;; size=4 ; FileName=\"a\\\"\\\\;b\\c.zip\" ; "
            + "filename*=utf-8''z; name=plain\r\n\r\nc\r\n--x--"
        expectSame(
            Array(body.utf8), "x",
            as: [
                .part(
                    name: Array("plain".utf8), fileName: Array("a\"\\;bc.zip".utf8), type: []),
                .content([0x63]), .partEnded, .bodyEnded,
            ])
    }

    @Test func contentIsHandedOverAtOnce() throws {
        let limit = try #require(boundary("multipart/form-data; boundary=0123456789"))
        let head = Array("--0123456789\r\nContent-Disposition: form-data; name=a\r\n\r\n".utf8)
        let content = Array("abc\r\n--01234567x\r\r\n--0123456789".utf8)
        // Held back is only what may still become a delimiter: 14 bytes at most.
        let held = [
            0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
            11, 12, 13,
        ]
        let body = SplitBody(limit)
        body.feed(head[...])
        for (i, byte) in content.dropLast().enumerated() {
            body.feed([byte])
            #expect(body.contentBytes == i + 1 - held[i], "after byte \(i)")
        }
    }

    @Test func refusesWhatIsMalformed() throws {
        let limit = try #require(boundary("multipart/form-data; boundary=x"))
        let good = "Content-Disposition: form-data; name=a\r\n"
        let cases: [(String, MultipartRefusal)] = [
            ("", .unfinished), ("no boundary", .unfinished), ("--x", .unfinished),
            ("--x-", .unfinished), ("--x\r\n\(good)\r\ncontent", .unfinished),
            ("--x\r\n\(good)\r\ncontent\r\n--x\r\n", .unfinished), ("--x-y", .badDelimiter),
            ("--xy\r\n\(good)", .badDelimiter), ("--x\n\(good)", .badDelimiter),
            ("--x \r-", .badDelimiter), ("--x\r\n\r\n", .noName),
            ("--x\r\nContent-Type: a/b\r\n\r\n", .noName),
            ("--x\r\nContent-Disposition: attachment; name=a\r\n", .noName),
            ("--x\r\nContent-Disposition: form-data; filename=a\r\n", .noName),
            ("--x\r\n\(good)\(good)", .noName), ("--x\r\nno colon\r\n", .badHeader),
            ("--x\r\nContent-Disposition: form-data; name=a; name=b\r\n", .badHeader),
            ("--x\r\nContent-Disposition: form-data; name=\"a\r\n", .badHeader),
            ("--x\r\nContent-Disposition: form-data; name=\"a\\\"\r\n", .badHeader),
            ("--x\r\nContent-Disposition: form-data; name\r\n", .badHeader),
            ("--x\r\n\(good) folded\r\n", .badHeader), ("--x\r\nA: b\n", .badHeader),
            ("--x\r\nA: b\rc", .badHeader), ("--x\r\nA: \u{0}", .badHeader),
            ("--x\r\nA : b\r\n", .badHeader), ("--x\r\n: b\r\n", .badHeader),
            ("--x\r\n\(good)Content-Transfer-Encoding: base64\r\n", .encodedContent),
            ("--x\r\nA:" + String(repeating: "b", count: 1023), .headerTooLong),
            ("--x\r\n" + String(repeating: "A: b\r\n", count: 17), .tooManyHeaders),
            (String(repeating: "--x\r\n\(good)\r\n\r\n", count: 17), .tooManyParts),
        ]
        for (body, reason) in cases {
            let bytes = Array(body.utf8)
            #expect(split(bytes, limit).last == .refused(reason), "\(body.debugDescription)")
            #expect(
                split(bytes, limit, cuts: Array(0...bytes.count)) == split(bytes, limit),
                "\(body.debugDescription)")
            #expect(split(bytes, limit) == NaiveSplitter.split(bytes, "x"))
        }
        let most = String(repeating: "--x\r\n\(good)\r\n\r\n", count: 16) + "--x--"
        #expect(split(Array(most.utf8), limit).last == .bodyEnded)
    }

    @Test func readsGeneratedBodiesInRandomSplits() throws {
        var generator = MultipartGenerator(random: SeededGenerator(seed: 7578))
        for _ in 0..<1500 {
            let body = generator.body()
            let limit = try #require(
                boundary("multipart/form-data; charset=utf-8; boundary=\"\(body.boundary)\""))
            let naive = NaiveSplitter.split(body.bytes, body.boundary)
            try #require(naive == body.told, "the reference itself: \(body)")
            try #require(split(body.bytes, limit) == body.told, "\(body)")
            for _ in 0..<4 {
                let cuts = randomCuts(body.bytes.count, &generator.random)
                try #require(split(body.bytes, limit, cuts: cuts) == body.told, "\(cuts) \(body)")
            }
        }
    }

    @Test func twentyThousandMutationsTellWhatTheReferenceTells() throws {
        var generator = MultipartGenerator(random: SeededGenerator(seed: 2046))
        let pieces = [
            "\r\n", "\r", "\n", "--", "-", "\"", "\\", ";", "=", " ", ":", "\r\n\r\n",
            "\u{0}", "name",
        ].map { Array($0.utf8) }
        var refused = 0
        for _ in 0..<2000 {
            let body = generator.body()
            let limit = try #require(
                boundary("multipart/form-data; boundary=\"\(body.boundary)\""))
            let delimiter = Array("\r\n--\(body.boundary)".utf8)
            for _ in 0..<10 {
                var bytes = body.bytes
                for _ in 0...generator.random.below(3) {
                    let at = generator.random.below(bytes.count + 1)
                    let end = min(bytes.count, at + generator.random.below(6))
                    switch generator.random.below(6) {
                    case 0: bytes.removeSubrange(at..<end)
                    case 1: bytes.insert(contentsOf: delimiter, at: at)
                    case 2: bytes = Array(bytes[..<at])
                    case 3: bytes.insert(contentsOf: bytes[at..<end], at: at)
                    case 4 where at < bytes.count:
                        bytes[at] = UInt8(generator.random.below(256))
                    default:
                        bytes.insert(
                            contentsOf: pieces[generator.random.below(pieces.count)], at: at)
                    }
                }
                let expected = NaiveSplitter.split(bytes, body.boundary)
                if case .refused = expected.last { refused += 1 }
                let cuts = randomCuts(bytes.count, &generator.random)
                let told = split(bytes, limit, cuts: cuts)
                try #require(
                    told == expected,
                    "\(String(decoding: bytes, as: UTF8.self).debugDescription) \(cuts)")
            }
        }
        #expect(refused > 5000 && refused < 19_000, "mutations are neither all good nor all bad")
    }

    /// Four times the body takes about four times the time, whatever it holds.
    @Test(.serialized, arguments: ["x", "\r", "\r\n", "\r\n-", "\r\n--", "\r\n--" + "a"])
    func hostileBodiesCostLinearTime(unit: String) throws {
        let name = String(repeating: "a", count: 69) + "b"
        let limit = try #require(boundary("multipart/form-data; boundary=\(name)"))
        func milliseconds(_ count: Int) -> Double {
            let head = Array("--\(name)\r\nContent-Disposition: form-data; name=a\r\n\r\n".utf8)
            // The longest beginnings of a delimiter that are none.
            let long = unit.hasSuffix("a") ? unit + String(repeating: "a", count: 68) : unit
            let piece = Array(long.utf8)
            var body = head
            while body.count < count { body += piece }
            let memory = UnsafeMutablePointer<UInt8>.allocate(
                capacity: MultipartSplitter.memoryBytes)
            defer { memory.deallocate() }
            return withSlab(body) { slab in
                var splitter = MultipartSplitter(
                    limit,
                    memory: Slab(start: memory, count: MultipartSplitter.memoryBytes))
                var index = 0
                var content = 0
                let start = ContinuousClock.now
                reading: while true {
                    switch splitter.next(slab, from: &index) {
                    case .needMoreBytes: break reading
                    case .content(let part): content += part.count
                    default: break
                    }
                }
                let spent = ContinuousClock.now - start
                #expect(content > count - 200)
                return Double(spent.components.attoseconds) / 1e15
                    + Double(spent.components.seconds) * 1000
            }
        }
        _ = milliseconds(10_000)
        let small = (0..<3).map { _ in milliseconds(25_000) }.min() ?? 0
        let large = (0..<3).map { _ in milliseconds(100_000) }.min() ?? 0
        #expect(large < 10 * small + 20, "\(small) ms, then \(large) ms")
    }
}

@Suite struct MultipartBoundaryTests {
    private func found(_ contentType: String) -> String? {
        boundary(contentType).map { limit in
            String(decoding: (0..<limit.count).map { limit[$0] }, as: UTF8.self)
        }
    }

    @Test func readsTokensAndQuotedTexts() {
        let cases: [(String, String)] = [
            ("multipart/form-data; boundary=abc", "abc"),
            ("Multipart/Form-Data;BOUNDARY=\"a b'()+_,-./:=?\"", "a b'()+_,-./:=?"),
            ("multipart/form-data; charset=utf-8; boundary=\"a\\b\" ", "ab"),
            ("multipart/form-data; boundary====1234===", "===1234==="),
            ("multipart/form-data; boundary=a; x=y;", "a"),
            (
                "multipart/form-data; boundary=" + String(repeating: "z", count: 70),
                String(repeating: "z", count: 70)
            ),
        ]
        for (contentType, expected) in cases { #expect(found(contentType) == expected) }
    }

    @Test func refusesAllElse() {
        let cases = [
            "multipart/form-data", "multipart/form-data; boundary=",
            "multipart/form-data; boundary",
            "multipart/form-data; boundary=\"\"", "multipart/form-data; boundary=\"a \"",
            "multipart/form-data; boundary=\"a", "multipart/form-data; boundary=\"a\\",
            "multipart/form-data; boundary=a\"b", "multipart/form-data; boundary=a b",
            "multipart/form-data; boundary=a; boundary=a", "multipart/form-data; boundary=a!",
            "multipart/form-data; boundary=\"a\r\nb\"", "multipart/form-data; boundary=é",
            "multipart/form-data; boundary=\"a\"b",
            "multipart/form-data; boundary=" + String(repeating: "z", count: 71),
        ]
        for contentType in cases {
            let isMalformed = withSlab(Array(contentType.utf8)) {
                if case .malformed = MultipartBoundary.read($0) { return true }
                return false
            }
            #expect(isMalformed, "\(contentType)")
        }
        for contentType in ["", " ", "application/zip", "multipart/mixed; boundary=a"] {
            let isOther = withSlab(Array(contentType.utf8)) {
                if case .notMultipart = MultipartBoundary.read($0) { return true }
                return false
            }
            #expect(isOther, "\(contentType)")
        }
    }
}
