// What is a head and what is not, by RFC 9112 and RFC 9110; limits to the byte; every prefix.
import Foundation
import Testing

@testable import TinyCoT

@Suite struct HTTPHeadParserTests {
    /// The one request of a text, or nil.
    private func request(_ text: String) -> SeenRequest? {
        let seen = SeenConnection(text)
        return seen.requests.count == 1 ? seen.requests[0] : nil
    }

    private func get(_ lines: String...) -> String {
        (["GET / HTTP/1.1", "Host: a"] + lines).joined(separator: "\r\n") + "\r\n\r\n"
    }

    // MARK: What is read.

    @Test func theUploadOfATAKIsReadWhole() throws {
        let seen = try #require(SeenConnection(HTTPSamples.upload).requests.first)
        #expect(seen.method == .post && seen.isVersion11)
        #expect(seen.path == "/Marti/sync/missionupload")
        let rest = "&filename=pkg%20one.zip&creatorUid=ANDROID-359975090666199"
        #expect(seen.query?.hasSuffix(rest) == true)
        #expect(seen.host == "192.0.2.1:8080")
        #expect(
            seen.contentType
                == "multipart/form-data; boundary=------------------------0123456789abcdef")
        #expect(seen.expectsContinue && seen.keepAlive && !seen.isChunked)
        #expect(seen.contentLength == UInt64(seen.body.count) && seen.body.count > 200)
    }

    @Test func otherFieldsAreFound() throws {
        let download = try #require(SeenConnection(HTTPSamples.content).requests.first)
        #expect(download.range == "bytes=100-" && download.host == "[fd00::1]:8080")
        #expect(download.ifRange?.count == 66 && download.ifNoneMatch == "\"a\"")
        #expect(download.contentLength == nil && download.body == [])
        let proxied = try #require(SeenConnection(HTTPSamples.proxied).requests.first)
        #expect(proxied.host == "tak.example" && proxied.path == "/Marti/sync/delete")
        #expect(proxied.forwarded == ["10.0.0.2", "tak.example:443", "https"])
        #expect(proxied.method == .delete && proxied.contentLength == 0)
        let chunked = try #require(SeenConnection(HTTPSamples.chunked).requests.first)
        #expect(latin(chunked.body) == "<videoConnections></videoConnections>")
    }

    @Test(arguments: [
        ("GET", HTTPRequestMethod.get), ("HEAD", .head), ("POST", .post), ("PUT", .put),
        ("DELETE", .delete), ("OPTIONS", .options), ("PATCH", .other), ("TRACE", .other),
    ])
    func aMethodIsKnown(name: String, method: HTTPRequestMethod) {
        #expect(request("\(name) / HTTP/1.1\r\nHost: a\r\n\r\n")?.method == method)
    }

    @Test(arguments: [
        ("/", "/", nil, "a"), ("/?", "/", "", "a"), ("/a?b?c=/d", "/a", "b?c=/d", "a"),
        ("//x/y", "//x/y", nil, "a"), ("/%00/..", "/%00/..", nil, "a"),
        ("/\"<>\\^`{|}", "/\"<>\\^`{|}", nil, "a"),
        ("http://b", "", nil, "b"), ("HTTP://b:1?c", "", "c", "b:1"),
        ("https://[::1]:8443/d?e", "/d", "e", "[::1]:8443"),
    ] as [(String, String, String?, String)])
    func aTargetIsTakenApart(target: String, path: String, query: String?, host: String) {
        let seen = request("GET \(target) HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(seen?.path == path && seen?.query == query && seen?.host == host, "\(target)")
    }

    @Test(arguments: [
        "a", "A-b_c.d~1", "10.0.0.1:65535", "a:0", "[::1]", "[fe80::1%wlan0]:80",
        "[fe80::1%25eth0]", "[::ffff:10.0.0.1]",
    ])
    func aHostIsGood(host: String) {
        #expect(request("GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n")?.host == host)
    }

    @Test(arguments: [
        ("1.1", [], true), ("1.1", ["close"], false), ("1.1", ["CLOSE"], false),
        ("1.1", ["x, close\t, y"], false), ("1.1", ["x", "close"], false),
        ("1.1", [",,close,"], false), ("1.1", ["closed, xclose"], true),
        ("1.1", ["keep-alive, close"], false), ("1.1", [""], true),
        ("1.0", [], false), ("1.0", ["Keep-Alive"], true), ("1.0", ["keep-alive", "close"], false),
    ] as [(String, [String], Bool)])
    func aConnectionStays(version: String, options: [String], stays: Bool) {
        let fields = options.map { "Connection: \($0)\r\n" }.joined()
        let seen = request("GET / HTTP/\(version)\r\nHost: a\r\n\(fields)\r\n")
        #expect(seen?.keepAlive == stays)
    }

    @Test func whiteSpaceAroundAValueIsNotOfIt() {
        #expect(request(get("Range: \t bytes=1-2 \t "))?.range == "bytes=1-2")
        #expect(request(get("Range:bytes=1-2"))?.range == "bytes=1-2")
        #expect(request(get("Content-Type:"))?.contentType == "")
        #expect(request(get("Content-Type: \t"))?.contentType == "")
        #expect(request(get("cOnTeNt-TyPe: a\tb \u{E9}"))?.contentType == "a\tb \u{C3}\u{A9}")
        #expect(request("\r\n\r\n" + get())?.path == "/")
    }

    @Test func aContinueIsExpectedOnlyWhereItHelps() {
        #expect(request(get("Expect: 100-Continue"))?.expectsContinue == false)
        #expect(request(get("Expect: 100-continue", "Content-Length: 0"))?.expectsContinue == false)
        let old = "PUT / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx"
        #expect(SeenConnection(old).requests.first?.expectsContinue == false)
        let chunked = get("Expect: 100-continue", "Transfer-Encoding: CHUNKED") + "0\r\n\r\n"
        #expect(request(chunked)?.expectsContinue == true)
    }

    // MARK: What is refused, and with which status.

    @Test(arguments: [
        ("GET / HTTP/1.1\nHost: a\r\n\r\n", HTTPRefusal.bareLineFeed, 400),
        ("GET / HTTP/1.1\r\nHost: a\n\r\n", .bareLineFeed, 400),
        ("GET / HTTP/1.1\r\nHost: a\r\n\n", .bareLineFeed, 400),
        ("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", .bareLineFeed, 400),
        ("GET / HTTP/1.1\rHost: a\r\n\r\n", .bareCarriageReturn, 400),
        ("GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", .bareCarriageReturn, 400),
        ("GET / HTTP/1.1\r\nX: a\rContent-Length: 1\r\n", .bareCarriageReturn, 400),
        ("GET / HTTP/1.1\r\nX: a\0b", .controlCharacter, 400),
        ("GET / HTTP/1.1\r\nX: a\u{7F}b", .controlCharacter, 400),
        ("GET / HTTP/1.1\r\nX: a\u{B}b", .controlCharacter, 400),
        ("\u{16}\u{3}\u{1}", .controlCharacter, 400),
        (" GET / HTTP/1.1\r\n", .brokenRequestLine, 400),
        ("GET  / HTTP/1.1\r\n", .brokenRequestLine, 400),
        ("GET\r\n", .brokenRequestLine, 400), ("GET \r\n", .brokenRequestLine, 400),
        ("GET /\r\n", .brokenRequestLine, 400), ("GET / \r\n", .badVersion, 400),
        ("GET\t/ HTTP/1.1\r\n", .brokenRequestLine, 400),
        ("GET /\tHTTP/1.1\r\n", .brokenRequestLine, 400),
        ("G(T / HTTP/1.1\r\n", .brokenRequestLine, 400),
        ("get / HTTP/1.1\r\n", .unknownMethod, 501), ("BREW / HTTP/1.1\r\n", .unknownMethod, 501),
        ("CONNECT a:1 HTTP/1.1\r\n", .unknownMethod, 501),
        ("GET / HTTP/1.1 \r\n", .badVersion, 400), ("GET / http/1.1\r\n", .badVersion, 400),
        ("GET / HTTP/11\r\n", .badVersion, 400), ("GET / HTTP/1.10\r\n", .badVersion, 400),
        ("GET / HTTP/a.1\r\n", .badVersion, 400), ("GET / HTTP/1,1\r\n", .badVersion, 400),
        ("GET / HTTP/1.2\r\n", .unsupportedVersion, 505),
        ("GET / HTTP/2.0\r\n", .unsupportedVersion, 505),
        ("GET / HTTP/0.9\r\n", .unsupportedVersion, 505),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", .unsupportedVersion, 505),
        ("GET a HTTP/1.1\r\n", .badTarget, 400), ("GET * HTTP/1.1\r\n", .badTarget, 400),
        ("OPTIONS ** HTTP/1.1\r\n", .badTarget, 400),
        ("GET /#a HTTP/1.1\r\n", .badTarget, 400), ("GET /\u{E9} HTTP/1.1\r\n", .badTarget, 400),
        ("GET ftp://a/ HTTP/1.1\r\n", .badTarget, 400),
        ("GET http:///a HTTP/1.1\r\n", .badTarget, 400),
        ("GET http://b@a/ HTTP/1.1\r\n", .badTarget, 400),
        ("GET http:// HTTP/1.1\r\n", .badTarget, 400),
        ("GET / HTTP/1.1\r\n\r\n", .missingHost, 400),
        ("GET http://a/ HTTP/1.1\r\n\r\n", .missingHost, 400),
    ])
    func aRequestLineIsRefused(text: String, reason: HTTPRefusal, status: UInt16) {
        let seen = SeenConnection(text)
        #expect(seen.refusal == reason, "\(text.debugDescription)")
        #expect(seen.refusal?.status.rawValue == status)
        #expect(seen.requests.isEmpty)
    }

    @Test(arguments: [
        ("X : y", HTTPRefusal.brokenField), ("X\t: y", .brokenField), (": y", .brokenField),
        ("X", .brokenField), ("X y: z", .brokenField), ("X(: y", .brokenField),
        ("\u{E9}: y", .brokenField), ("X\"y: z", .brokenField),
        (" X: y", .foldedField), ("X: y\r\n z", .foldedField), ("X: y\r\n\t", .foldedField),
        ("Host: a", .repeatedField), ("host: b", .repeatedField),
        ("Content-Length: 1\r\nContent-Length: 1", .repeatedField),
        ("Content-Length: 1\r\ncontent-length: 2", .repeatedField),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", .repeatedField),
        ("Content-Type: a/b\r\nContent-Type: a/b", .repeatedField),
        ("Range: bytes=0-\r\nRange: bytes=0-", .repeatedField),
        ("Expect: 100-continue\r\nExpect: 100-continue", .repeatedField),
        ("Content-Length: 1\t", .badContentLength), ("Content-Length: 1 \t ", .badContentLength),
        ("Content-Length:", .badContentLength), ("Content-Length: +1", .badContentLength),
        ("Content-Length: -0", .badContentLength), ("Content-Length: 1 1", .badContentLength),
        ("Content-Length: 1,1", .badContentLength), ("Content-Length: 0x1", .badContentLength),
        ("Content-Length: 1e3", .badContentLength), ("Content-Length: \u{661}", .badContentLength),
        ("Content-Length: 18446744073709551616", .badContentLength),
        ("Content-Length: 99999999999999999999999999999999999999", .badContentLength),
        ("Content-Length: 0\r\nTransfer-Encoding: chunked", .lengthAndCoding),
        ("Transfer-Encoding: chunked\r\nContent-Length: 5", .lengthAndCoding),
        ("Transfer-Encoding: chunked\t", .unknownCoding),
        ("Transfer-Encoding:", .unknownCoding), ("Transfer-Encoding: identity", .unknownCoding),
        ("Transfer-Encoding: gzip, chunked", .unknownCoding),
        ("Transfer-Encoding: chunked, chunked", .unknownCoding),
        ("Transfer-Encoding: chunked;a=b", .unknownCoding),
        ("Transfer-Encoding: \u{A0}chunked", .unknownCoding),
        ("Expect: 200", .unknownExpectation), ("Expect:", .unknownExpectation),
    ])
    func aFieldIsRefused(field: String, reason: HTTPRefusal) {
        let seen = SeenConnection(get(field) + "0\r\n\r\n")
        #expect(seen.refusal == reason, "\(field.debugDescription)")
        let status: UInt16 =
            reason == .unknownCoding ? 501 : reason == .unknownExpectation ? 417 : 400
        #expect(seen.refusal?.status.rawValue == status)
        #expect(seen.requests.isEmpty)
    }

    @Test(arguments: [
        "", "a b", "a,b", "a/b", "a@b", "a:", "a:b", "a:65536", "a:1:2", ":80", "a&b", "a'b",
        "a\"b", "a<b", "a%41", "[::1", "[]", "[1]", "[::1]a", "[::g]", "[::1%]", "::1", "\u{E9}",
        "a:99999999999999999999999",
    ])
    func aHostIsRefused(host: String) {
        let text = "GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n"
        #expect(SeenConnection(text).refusal == .badHost, "\(host)")
    }

    @Test func versionOneZeroHasNoCodingAndNeedsNoHost() {
        #expect(
            SeenConnection("PUT / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n").refusal
                == .codingInOldVersion)
        let seen = SeenConnection("GET / HTTP/1.0\r\n\r\n")
        #expect(seen.end == .closed && seen.requests.first?.host == nil)
    }

    // MARK: Limits, to the byte.

    @Test func limitsHoldExactly() {
        let line = "GET /" + String(repeating: "a", count: 100) + " HTTP/1.1"
        let text = line + "\r\nHost: a\r\nX: y\r\n\r\n"
        func refusal(_ lineBytes: Int, _ headBytes: Int, _ fields: Int) -> HTTPRefusal? {
            SeenConnection(
                text,
                limits: HTTPHeadLimits(
                    maxRequestLineBytes: lineBytes, maxHeadBytes: headBytes, maxFields: fields)
            ).refusal
        }
        let (lineBytes, headBytes) = (line.utf8.count, text.utf8.count)
        #expect(refusal(lineBytes, headBytes, 2) == nil)
        #expect(refusal(lineBytes - 1, headBytes, 2) == .requestLineTooLong)
        #expect(refusal(lineBytes, headBytes - 1, 2) == .headTooLarge)
        #expect(refusal(lineBytes, headBytes, 1) == .tooManyFields)
        #expect(HTTPRefusal.requestLineTooLong.status.rawValue == 414)
        #expect(HTTPRefusal.headTooLarge.status.rawValue == 431)
        #expect(HTTPRefusal.tooManyFields.status.rawValue == 431)
        let endless = SeenConnection(String(repeating: "\r\n", count: 10_000))
        #expect(endless.refusal == .headTooLarge)
    }

    @Test func theLargestLengthIsOneLessThanTheLargestNumber() {
        let largest = SeenConnection(get("Content-Length: 18446744073709551614"))
        #expect(largest.end == .inBody)
        #expect(SeenConnection(get("Content-Length: 18446744073709551615")).refusal != nil)
        #expect(request(get("Content-Length: 000"))?.contentLength == 0)
    }

    // MARK: Every prefix, every cut, every byte once.

    /// A prefix is never refused and never complete, and nothing behind it is touched.
    @Test func everyPrefixIsIncomplete() throws {
        let memory = GuardedMemory(pages: 1)
        for sample in HTTPSamples.single {
            let whole = try #require(SeenConnection(sample).requests.first)
            var parser = HTTPHeadParser(SeenConnection.limits)
            var head = HTTPRequestHead()
            let headBytes = try #require(
                latin(sample).range(of: "\r\n\r\n").map {
                    latin(sample).utf16.distance(
                        from: latin(sample).startIndex, to: $0.upperBound)
                })
            for length in 0...headBytes {
                let slab = memory.slab(sample[..<length])
                // Dripping, and all at once.
                let dripped = parser.parse(slab, into: &head)
                var fresh = HTTPHeadParser(SeenConnection.limits)
                var other = HTTPRequestHead()
                #expect(fresh.parse(slab, into: &other) == dripped)
                #expect(
                    dripped == (length < headBytes ? .incomplete : .complete(consumed: headBytes)))
                #expect(parser.lookedAtBytes == length)
            }
            if head.path.isAbsent { continue }
            let read = SeenRequest(head, memory.slab(sample[..<headBytes]))
            #expect(read.path == whole.path && read.host == whole.host)
        }
    }

    @Test func hostilePrefixesStayInside() {
        let memory = GuardedMemory(pages: 1)
        let hostile = [
            "GET / HTTP/1.1\r\nHost: [fe80::1%", "GET http://a", "GET / HTTP/1.1\r\nX",
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: a,,\tclose\r\n\r\n", "OPTIONS *",
        ]
        for text in hostile {
            let bytes = Array(text.utf8)
            for length in 0...bytes.count {
                for tail in ["", "\r\n", "\r\n\r\n"] {
                    var parser = HTTPHeadParser(SeenConnection.limits)
                    var head = HTTPRequestHead()
                    let all = bytes[..<length] + Array(tail.utf8)
                    _ = parser.parse(memory.slab(all), into: &head)
                }
            }
        }
    }

    @Test func everyCutGivesTheSame() {
        for sample in HTTPSamples.single + HTTPSamples.pipelined {
            let whole = SeenConnection(sample)
            for cut in 0...sample.count {
                #expect(SeenConnection(sample, cuts: [cut]).agrees(with: whole), "\(cut)")
            }
            let drip = SeenConnection(sample, cuts: Array(0..<sample.count))
            #expect(drip.agrees(with: whole))
        }
    }

    @Test func aVerdictIsForGood() {
        let bytes = OwnedBytes("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET")
        var parser = HTTPHeadParser(SeenConnection.limits)
        var head = HTTPRequestHead()
        #expect(parser.parse(bytes.slab, into: &head) == .complete(consumed: 27))
        #expect(parser.parse(bytes.slab, into: &head) == .complete(consumed: 27))
        let bad = OwnedBytes("GET / HTTP/1.1\nHost")
        var refusing = HTTPHeadParser(SeenConnection.limits)
        #expect(refusing.parse(bad.slab, into: &head) == .refused(.bareLineFeed))
        #expect(refusing.parse(bad.slab, into: &head) == .refused(.bareLineFeed))
        #expect(refusing.lookedAtBytes == 15)
    }

    @Test func everyReasonHasAStatusAndASentence() {
        for number in 0..<HTTPRefusal.count {
            let reason = HTTPRefusal(rawValue: UInt8(number))!
            #expect([400, 414, 417, 431, 501, 505].contains(reason.status.rawValue))
            #expect(reason.sentence.description.hasSuffix("."))
            #expect(reason.status.phrase.utf8CodeUnitCount > 0)
        }
    }

    /// The character classes against the words of the RFC.
    @Test func charactersAreThoseOfTheGrammar() {
        let letters = (UInt8(ascii: "a")...UInt8(ascii: "z")).map { $0 }
        let alphanumeric = letters + letters.map { $0 - 32 } + Array("0123456789".utf8)
        let token = Set(alphanumeric + Array("!#$%&'*+-.^_`|~".utf8))
        let unreserved = Set(alphanumeric + Array("-._~".utf8))
        for byte in UInt8.min...UInt8.max {
            #expect(HTTPCharacters.isToken(byte) == token.contains(byte), "\(byte)")
            #expect(HTTPCharacters.isUnreserved(byte) == unreserved.contains(byte), "\(byte)")
            #expect(HTTPCharacters.isText(byte) == (byte == 9 || byte >= 32 && byte != 127))
            let hex = Int(latin([byte]), radix: 16).map { UInt64($0) }
            #expect(HTTPCharacters.hexadecimal(byte) == (byte < 128 ? hex : nil), "\(byte)")
        }
    }
}
