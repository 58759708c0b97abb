// Reads `method SP target SP version` (RFC 9112 section 3). Called by `HTTPHeadParser` with a line
// that has neither CR nor LF nor control characters other than a tab. Sets the method, version,
// path, query and, from an absolute target, the host; says nothing about the fields.

enum HTTPRequestLine {
    static func read(
        _ bytes: Slab<UInt8>, _ start: Int, _ end: Int, _ head: inout HTTPRequestHead
    ) throws(HTTPRefusal) {
        let methodEnd = blank(bytes, from: start, to: end)
        let targetStart = methodEnd + 1
        if methodEnd == start || targetStart >= end { throw .brokenRequestLine }
        let targetEnd = blank(bytes, from: targetStart, to: end)
        if targetEnd == targetStart || targetEnd == end { throw .brokenRequestLine }
        let version = bytes.slice(targetEnd + 1, end - targetEnd - 1)
        head.isVersion11 = try readVersion(version)
        head.method = try readMethod(bytes.slice(start, methodEnd - start))
        try readTarget(bytes, targetStart, targetEnd, &head)
    }

    /// The index of the first blank, or `end`.
    private static func blank(_ bytes: Slab<UInt8>, from start: Int, to end: Int) -> Int {
        var i = start
        while i < end, bytes[i] != UInt8(ascii: " ") { i += 1 }
        return i
    }

    /// True for 1.1. A client of a later 1.x is no reason to guess (RFC 9110 2.5 allows a refusal).
    private static func readVersion(_ text: Slab<UInt8>) throws(HTTPRefusal) -> Bool {
        if text.count != 8 || !text.slice(0, 5).equals("HTTP/") || text[6] != UInt8(ascii: ".") {
            throw .badVersion
        }
        guard let major = HTTPCharacters.decimal(text[5]),
            let minor = HTTPCharacters.decimal(text[7])
        else { throw .badVersion }
        if major != 1 || minor > 1 { throw .unsupportedVersion }
        return minor == 1
    }

    private static func readMethod(_ text: Slab<UInt8>) throws(HTTPRefusal) -> HTTPRequestMethod {
        if text.equals("GET") { return .get }
        if text.equals("POST") { return .post }
        if text.equals("PUT") { return .put }
        if text.equals("HEAD") { return .head }
        if text.equals("DELETE") { return .delete }
        if text.equals("OPTIONS") { return .options }
        if text.equals("PATCH") || text.equals("TRACE") { return .other }
        var i = 0
        while i < text.count {
            if !HTTPCharacters.isToken(text[i]) { throw .brokenRequestLine }
            i += 1
        }
        throw .unknownMethod
    }

    private static func readTarget(
        _ bytes: Slab<UInt8>, _ start: Int, _ end: Int, _ head: inout HTTPRequestHead
    ) throws(HTTPRefusal) {
        // No fragment, nothing beyond ASCII. The few visible characters that a URL may not hold
        // either ("<>\^`{|}) do no harm: paths are compared, never used.
        var i = start
        while i < end {
            let byte = bytes[i]
            if byte <= 0x20 || byte >= 0x7F || byte == UInt8(ascii: "#") { throw .badTarget }
            i += 1
        }
        if bytes[start] == UInt8(ascii: "/") {
            readPath(bytes, start, end, &head)
        } else if bytes[start] == UInt8(ascii: "*") {
            if end - start > 1 || head.method != .options { throw .badTarget }
            head.path = ByteRange(offset: start, count: 1)
        } else {
            try readAddress(bytes, start, end, &head)
        }
    }

    private static func readPath(
        _ bytes: Slab<UInt8>, _ start: Int, _ end: Int, _ head: inout HTTPRequestHead
    ) {
        var i = start
        while i < end, bytes[i] != UInt8(ascii: "?") { i += 1 }
        head.path = ByteRange(offset: start, count: i - start)
        if i < end { head.query = ByteRange(offset: i + 1, count: end - i - 1) }
    }

    /// `http://host:port/path?query`, as a client sends it that takes us for a proxy.
    private static func readAddress(
        _ bytes: Slab<UInt8>, _ start: Int, _ end: Int, _ head: inout HTTPRequestHead
    ) throws(HTTPRefusal) {
        let target = bytes.slice(start, end - start)
        var hostStart = start
        if target.count > 7, HTTPCharacters.equals(target.slice(0, 7), "http://") {
            hostStart += 7
        } else if target.count > 8, HTTPCharacters.equals(target.slice(0, 8), "https://") {
            hostStart += 8
        } else {
            throw .badTarget
        }
        var hostEnd = hostStart
        while hostEnd < end {
            if bytes[hostEnd] == UInt8(ascii: "/") || bytes[hostEnd] == UInt8(ascii: "?") { break }
            hostEnd += 1
        }
        if !HTTPHost.isValid(bytes.slice(hostStart, hostEnd - hostStart)) { throw .badTarget }
        head.host = ByteRange(offset: hostStart, count: hostEnd - hostStart)
        readPath(bytes, hostEnd, end, &head)
    }
}
