// Heads of answers, byte by byte as the RFCs write them; and file names that try to break out.
import Foundation
import Testing

@testable import TinyCoT

@Suite struct HTTPResponseWriterTests {
    private func answer(
        _ status: HTTPStatus = .ok, keepAlive: Bool = true, date: WallTime? = nil,
        _ body: (inout HTTPResponseWriter) -> Void = { _ in }
    ) -> String {
        written { writer in
            var answer = HTTPResponseWriter(status, keepAlive: keepAlive, date: date, into: writer)
            body(&answer)
            writer = answer.finish()
        }
    }

    @Test func aWholeHeadIsWritten() {
        let date = WallTime(milliseconds: 784_111_777_999)
        let text = answer(.partialContent, keepAlive: false, date: date) {
            $0.contentType("application/zip")
            $0.contentLength(100)
            $0.acceptRanges()
            $0.contentRange(offset: 5, count: 100, size: .max)
            let tag = OwnedBytes("9f86d081")
            $0.entityTag(tag.slab)
        }
        #expect(
            text == """
                HTTP/1.1 206 Partial Content\r
                Connection: close\r
                Date: Sun, 06 Nov 1994 08:49:37 GMT\r
                Content-Type: application/zip\r
                Content-Length: 100\r
                Accept-Ranges: bytes\r
                Content-Range: bytes 5-104/18446744073709551615\r
                ETag: "9f86d081"\r
                \r

                """)
        #expect(answer() == "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n\r\n")
    }

    /// The largest file that a budget allows, and the name and type that take most room.
    @Test func theLongestHeadOfADownloadHasRoom() {
        let date = WallTime(milliseconds: 1_800_000_000_000)
        let size: UInt64 = 1 << 44
        let text = answer(.partialContent, keepAlive: true, date: date) {
            $0.field("X-Content-Type-Options", "nosniff")
            let type = OwnedBytes("a/" + String(repeating: "b", count: 125))
            $0.contentType(type.slab)
            $0.contentLength(size - 1)
            $0.contentRange(offset: size - 2, count: 1, size: size)
            $0.acceptRanges()
            let tag = OwnedBytes(String(repeating: "f", count: 64))
            $0.entityTag(tag.slab)
            let name = OwnedBytes(String(repeating: "%", count: 255))
            $0.contentDisposition(fileName: name.slab)
        }
        #expect(text.utf8.count > 1_024)
        #expect(text.utf8.count + 80 <= HTTPResponseWriter.headBytesMax)
    }

    @Test func refusalsSayWhatTheClientNeeds() {
        #expect(answer(.rangeNotSatisfiable) { $0.unsatisfiedRange(size: 0) }
            .contains("\r\nContent-Range: bytes */0\r\n\r\n"))
        #expect(answer(.serviceUnavailable) { $0.retryAfter(seconds: 30) }
            .contains("503 Service Unavailable\r\nConnection: keep-alive\r\nRetry-After: 30\r\n"))
        #expect(answer(.methodNotAllowed) { $0.allow("GET, HEAD") }
            .hasSuffix("\r\nAllow: GET, HEAD\r\n\r\n"))
        #expect(HTTPResponseWriter.goOn.description == "HTTP/1.1 100 Continue\r\n\r\n")
    }

    @Test(arguments: [0, 9, 10, 99, 4_294_967_296, UInt64(Int64.max), UInt64(Int64.max) + 1, .max])
    func anyLengthIsWritten(length: UInt64) {
        #expect(answer { $0.contentLength(length) }.contains("Content-Length: \(length)\r\n"))
    }

    @Test func whatDoesNotFitIsSeen() {
        let whole = answer { $0.contentLength(7) }
        for room in 0...whole.utf8.count {
            let memory = OwnedBytes([UInt8](repeating: 0, count: room))
            var answer = HTTPResponseWriter(
                .ok, keepAlive: true, date: nil, into: ByteWriter(memory.slab))
            answer.contentLength(7)
            #expect(answer.finish().overflowed == (room < whole.utf8.count))
        }
    }

    /// Foundation's calendar is the judge.
    @Test func datesAreThoseOfTheCalendar() {
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.timeZone = TimeZone(identifier: "GMT")
        formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
        var random = SeededGenerator(seed: 7)
        for round in 0..<3000 {
            let seconds =
                round < 400 ? round * 86_400 + 86_399 : random.below(253_402_300_800)
            let text = written {
                HTTPDate.write(WallTime(milliseconds: Int64(seconds) * 1000 + 999), into: &$0)
            }
            let date = Date(timeIntervalSince1970: Double(seconds))
            #expect(text == formatter.string(from: date))
        }
        let first = written { HTTPDate.write(WallTime(milliseconds: .min), into: &$0) }
        #expect(first == "Thu, 01 Jan 1970 00:00:00 GMT")
        let last = written { HTTPDate.write(WallTime(milliseconds: .max), into: &$0) }
        #expect(last == "Fri, 31 Dec 9999 23:59:59 GMT")
    }

    @Test(arguments: [
        ("text/plain", true), ("application/x-zip-compressed", true), ("a/b;c=d", true),
        ("text/html; charset=\"utf-8\"", true), ("text/plain;", true), ("text", false),
        ("", false), ("/", false), ("text/", false), ("/plain", false), ("a/b/c", false),
        ("a/b\r\nX: y", false), ("a/b;\r\nX: y", false), ("a/b;\0", false), ("a/b;\u{E9}", false),
        ("a b/c", false), ("a/b,c", false), (" a/b", false),
    ])
    func aTypeFromOutsideIsJudged(type: String, isGood: Bool) {
        let memory = OwnedBytes(type)
        let text = answer { $0.contentType(memory.slab) }
        let shown = isGood ? type : "application/octet-stream"
        #expect(text.hasSuffix("\r\nContent-Type: \(shown)\r\n\r\n"))
    }

    // MARK: File names.

    private func disposition(_ name: [UInt8]) -> String {
        let memory = OwnedBytes(name)
        let text = answer { $0.contentDisposition(fileName: memory.slab) }
        let mark = "\r\nContent-Disposition: "
        // CR LF is one character of a string.
        guard text.contains(mark), text.hasSuffix("\r\n\r\n") else { return "" }
        return String(text[text.range(of: mark)!.upperBound...].dropLast(2))
    }

    @Test(arguments: [
        ("pkg one.zip", "\"pkg one.zip\""), ("a.b-c_d~e!(1)", "\"a.b-c_d~e!(1)\""),
        ("", "\"package\""), (".", "\"package\""), ("..", "\"package\""), ("a/..", "\"package\""),
        ("../../etc/passwd", "\"passwd\""), ("C:\\a\\b.zip", "\"b.zip\""),
        ("/a/", "\"package\""), (" .a. ", "\"a\""), (".bashrc", "\"bashrc\""),
        ("a\"b.zip", "\"a_b.zip\""), ("a\r\nX: y", "\"a__X_ y\""),
        ("a\0b\u{7F}c", "\"a_b_c\""), ("a<b>|c?*:", "\"a_b__c___\""),
        ("a;filename=b", "\"a;filename=b\""),
        ("a%41", "\"a_41\"; filename*=UTF-8''a%2541"),
        ("Lage.zip\u{E9}", "\"Lage.zip_\"; filename*=UTF-8''Lage.zip%C3%A9"),
        ("\u{1F600} x", "\"_ x\"; filename*=UTF-8''%F0%9F%98%80%20x"),
        // The right-to-left override makes exe.zip out of this in the eyes of a person.
        ("a\u{202E}piz.exe", "\"a_piz.exe\""), ("a\u{85}\u{2028}b", "\"a__b\""),
        ("\u{202E}", "\"_\""),
    ])
    func aFileNameIsMadeSafe(name: String, shown: String) {
        #expect(disposition(Array(name.utf8)) == "attachment; filename=" + shown)
    }

    @Test func aFileNameThatIsNotUTF8IsMadeSafe() {
        #expect(disposition([0x61, 0xE9, 0x62]) == "attachment; filename=\"a_b\"")
        #expect(disposition([0xC0, 0xAF, 0x62]) == "attachment; filename=\"__b\"")
    }

    @Test func aLongNameIsCutBetweenCharacters() {
        #expect(disposition([UInt8](repeating: 97, count: 500)).count == 23 + 128)
        let umlauts = disposition(Array(("x" + String(repeating: "\u{E9}", count: 500)).utf8))
        #expect(umlauts.hasSuffix("%C3%A9"))
        #expect(umlauts.components(separatedBy: "%C3%A9").count == 64)
    }

    /// One line, two quotes, only ASCII, whatever comes.
    @Test func noNameBreaksOut() {
        var random = SeededGenerator(seed: 11)
        let pieces: [[UInt8]] = ["\"", "\\", "/", "\r\n", "..", "%", ";", "\u{202E}", "\u{E9}"]
            .map { Array($0.utf8) } + [[0xFF], [0xE2], [0]]
        for _ in 0..<4000 {
            let name = mutate(Array("pkg one.zip".utf8), pieces: pieces, using: &random)
            let text = disposition(name)
            let pattern =
                "^attachment; filename=\"[^\"\\\\/%:*?<>|\\x00-\\x1F\\x7F-\\xFF]+\""
                + "(; filename\\*=UTF-8''([A-Za-z0-9._~-]|%[0-9A-F]{2})+)?$"
            #expect(text.range(of: pattern, options: .regularExpression) != nil, "\(text)")
            #expect(!text.contains("%00") && !text.contains("%0A") && !text.contains("%2F"))
        }
    }

    /// The hash of nothing, and one whose letters are the last of the alphabet.
    @Test func aPolicyNamesTheHashesAndNothingElse() throws {
        let empty = OwnedBytes("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        let ones = OwnedBytes(String(repeating: "f", count: 64))
        let script = try #require(SHA256Digest(hex: empty.slab))
        let style = try #require(SHA256Digest(hex: ones.slab))
        let text = answer { $0.contentPolicy(script: script, style: style) }
        let last = String(repeating: "/", count: 42)
        #expect(
            text.hasSuffix(
                "\r\nContent-Security-Policy: default-src 'none'; script-src "
                    + "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='; style-src "
                    + "'sha256-\(last)8='; img-src data:; connect-src 'self'; "
                    + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n\r\n"))
    }
}
