// The written list of what TinyCoT refuses although Node takes it, each with a reason, and each
// looked for in what Node saw, not in what our parser says. What is refused for any reason that is
// not in this list must be refused by Node, too.
import Foundation

@testable import TinyCoT

enum HTTPStricter {
    static func explains(
        _ seen: SeenConnection, _ request: JudgedRequest?, _ bytes: [UInt8]
    ) -> Bool {
        guard let reason = seen.refusal else { return false }
        switch reason {
        case .bareLineFeed, .bareCarriageReturn:
            // In front of a request line Node passes over any CR and LF; a line of HTTP/0.9 may
            // end in LF alone.
            return request?.version == "0.9"
                || bytes[seen.headStart..<seen.position - 1].allSatisfy { $0 == 13 || $0 == 10 }
        case .missingHost:
            // Node's server demands it, too, but not its parser.
            return request.map { $0.version == "1.1" && $0.values("host").isEmpty } ?? false
        case .repeatedField:
            // Node keeps the first or joins them; the next reader may keep the last.
            let single = [
                "host", "content-length", "transfer-encoding", "expect", "content-type", "range",
                "if-range",
            ]
            return request.map { request in single.contains { request.values($0).count > 1 } }
                ?? false
        case .badHost:
            // The host is written into URLs for phones.
            return request?.values("host").contains { !isPlainHost($0) } ?? false
        case .unknownCoding:
            // Node hands on codings in front of chunked; nothing here decodes them.
            return request?.values("transfer-encoding").contains {
                $0.lowercased() != "chunked"
            } ?? false
        case .codingInOldVersion:
            // RFC 9112 6.1: treat as if the framing were faulty.
            return request?.version == "1.0"
                && request?.values("transfer-encoding").isEmpty == false
        case .unknownExpectation:
            return request?.values("expect").contains {
                $0.lowercased() != "100-continue"
            } ?? false
        case .badTarget:
            return request.map { !isPlainTarget($0) } ?? false
        case .unsupportedVersion: return request?.version == "2.0" || request?.version == "0.9"
        case .badVersion, .brokenRequestLine:
            // Node takes several blanks in the request line, and lines of HTTP/0.9.
            return request.map {
                $0.version == "0.9" || isLoose($0, bytes[seen.headStart...])
            } ?? false
        case .badChunkExtension:
            // Node takes empty names and values, and a quote in the middle of a value.
            return request != nil && hasBrokenExtension(bytes)
        case .framingInTrailer:
            // Node obeys a Connection field among the trailers, which we drop, and passes over a
            // Transfer-Encoding without a value.
            let trailer =
                "\n0+(?:;[^\r\n]*)?\r\n(?:[^\r\n]+\r\n)*"
                + "(?i:connection:|transfer-encoding:[ \t]*\r)"
            return request != nil
                && latin(bytes).range(of: trailer, options: .regularExpression) != nil
        case .unknownMethod: return request.map { !isServed($0.method) } ?? false
        default: return false
        }
    }

    private static func isServed(_ method: String) -> Bool {
        ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"].contains(method)
    }

    private static func matches(_ text: String, _ pattern: String) -> Bool {
        text.range(of: "^(?:\(pattern))$", options: .regularExpression) != nil
    }

    /// A chunk's line is not as RFC 9112 7.1.1 writes it.
    private static func hasBrokenExtension(_ bytes: [UInt8]) -> Bool {
        let token = "[A-Za-z0-9!#$%&'*+.^_`|~-]+"
        let good = "[0-9A-Fa-f]+(?:;\(token)(?:=(?:\(token)|\"(?:[^\"\\\\]|\\\\.)*\"))?)*"
        return latin(bytes).components(separatedBy: "\r\n").contains { line in
            matches(line, "[0-9A-Fa-f]+;.*") && !matches(line, good)
        }
    }

    private static let host =
        "(?:[A-Za-z0-9._~-]+|\\[[0-9A-Fa-f.]*:[0-9A-Fa-f.:]*(?:%[A-Za-z0-9._~-]+)?\\])(?::[0-9]+)?"

    private static func isPlainHost(_ text: String) -> Bool {
        if !matches(text, host) { return false }
        guard let port = text.range(of: ":[0-9]+$", options: .regularExpression),
            !text.hasSuffix("]")
        else { return true }
        return Int(text[port].dropFirst()).map { $0 <= 65_535 } ?? false
    }

    /// No fragment; `*` with OPTIONS only; an address of http with a plain host.
    private static func isPlainTarget(_ request: JudgedRequest) -> Bool {
        if request.url.contains("#") { return false }
        if request.url == "*" { return request.method == "OPTIONS" }
        return matches(request.url, "/.*|(?i:https?)://\(host)(?:[/?].*)?")
    }

    /// The request line is not what it would be with one blank between its parts.
    private static func isLoose(_ request: JudgedRequest, _ bytes: ArraySlice<UInt8>) -> Bool {
        let line = bytes.drop { $0 == 13 || $0 == 10 }.prefix { $0 != 13 && $0 != 10 }
        return latin(Array(line)) != "\(request.method) \(request.url) HTTP/\(request.version)"
    }

    /// What the two parsers say differently about a request that both took.
    static func differences(_ ours: SeenRequest, _ theirs: JudgedRequest) -> [String] {
        var found: [String] = []
        func compare<T: Equatable>(_ name: String, _ mine: T, _ other: T) {
            if mine != other { found.append("\(name): \(mine), Node \(other)") }
        }
        let methods: [HTTPRequestMethod: String] = [
            .get: "GET", .head: "HEAD", .post: "POST", .put: "PUT", .delete: "DELETE",
            .options: "OPTIONS",
        ]
        if let method = methods[ours.method] {
            compare("method", method, theirs.method)
        } else {
            compare("other method", ["PATCH", "TRACE"].contains(theirs.method), true)
        }
        let target = ours.path + (ours.query.map { "?" + $0 } ?? "")
        if theirs.url.hasPrefix("/") || theirs.url == "*" {
            compare("target", target, theirs.url)
            compare("host", ours.host, theirs.values("host").first)
        } else {
            let address = theirs.url.drop { $0 != "/" }.dropFirst(2)
            compare("address", (ours.host ?? "") + target, String(address))
        }
        compare("version", ours.isVersion11 ? "1.1" : "1.0", theirs.version)
        compare("keepAlive", ours.keepAlive, theirs.staysOpen)
        compare("type", ours.contentType, theirs.values("content-type").first)
        compare("range", ours.range, theirs.values("range").first)
        compare("if-range", ours.ifRange, theirs.values("if-range").first)
        compare("if-none-match", ours.ifNoneMatch, theirs.values("if-none-match").first)
        compare(
            "forwarded", ours.forwarded,
            ["for", "host", "proto"].map { theirs.values("x-forwarded-\($0)").last })
        compare(
            "body", latin(ours.body.flatMap { Array(String(format: "%02x", $0).utf8) }),
            theirs.body)
        if ours.isChunked || (ours.contentLength ?? 0) > 0 {
            compare("expects", ours.expectsContinue, theirs.expects)
        }
        return found
    }
}
