// Reads the field lines of a head (RFC 9112 section 5) and decides at its end what they mean
// together: how long the body is, whether the connection stays. Called by `HTTPHeadParser` only.
// Fields that nothing here asks for are checked for their shape and forgotten.

struct HTTPFieldReader: BitwiseCopyable {
    /// The fields that may be given once, one bit each in `seen`.
    private enum Single: UInt16 {
        case host = 1
        case contentLength = 2
        case transferEncoding = 4
        case expect = 8
        case contentType = 16
        case range = 32
        case ifRange = 64
    }

    private var seen: UInt16 = 0
    private var saysClose = false
    private var saysKeepAlive = false

    /// One line, without its CR LF, not empty.
    mutating func read(
        _ bytes: Slab<UInt8>, _ start: Int, _ end: Int, _ head: inout HTTPRequestHead
    ) throws(HTTPRefusal) {
        if HTTPCharacters.isBlank(bytes[start]) { throw .foldedField }
        var colon = start
        while colon < end, HTTPCharacters.isToken(bytes[colon]) { colon += 1 }
        // A blank in front of the colon ends up here too: proxies disagree about it, so it is
        // how a Content-Length is hidden from one of them.
        if colon == start || colon == end || bytes[colon] != UInt8(ascii: ":") {
            throw .brokenField
        }
        var valueStart = colon + 1
        var valueEnd = end
        while valueStart < end, HTTPCharacters.isBlank(bytes[valueStart]) { valueStart += 1 }
        while valueEnd > valueStart, HTTPCharacters.isBlank(bytes[valueEnd - 1]) { valueEnd -= 1 }
        let name = bytes.slice(start, colon - start)
        let value = bytes.slice(valueStart, valueEnd - valueStart)
        let range = ByteRange(offset: valueStart, count: value.count)
        if valueEnd < end { try checkTail(name, bytes.slice(valueEnd, end - valueEnd)) }
        if try readFraming(name, value, &head) { return }
        if try readSingle(name, value, range, &head) { return }
        readOther(name, range, &head)
    }

    /// What stands behind a value. The RFC allows a tab there, but Node refuses one behind a length
    /// or coding. Where two readers disagree about the end of a request, the stricter one is right.
    private func checkTail(_ name: Slab<UInt8>, _ tail: Slab<UInt8>) throws(HTTPRefusal) {
        var hasTab = false
        var i = 0
        while i < tail.count {
            if tail[i] == UInt8(ascii: "\t") { hasTab = true }
            i += 1
        }
        if !hasTab { return }
        if HTTPCharacters.equals(name, "content-length") { throw .badContentLength }
        if HTTPCharacters.equals(name, "transfer-encoding") { throw .unknownCoding }
    }

    /// The fields that decide where the request ends. True if it was one of them.
    private mutating func readFraming(
        _ name: Slab<UInt8>, _ value: Slab<UInt8>, _ head: inout HTTPRequestHead
    ) throws(HTTPRefusal) -> Bool {
        if HTTPCharacters.equals(name, "content-length") {
            try note(.contentLength)
            guard let length = HTTPCharacters.number(value), length < .max else {
                throw .badContentLength
            }
            head.contentLength = length
        } else if HTTPCharacters.equals(name, "transfer-encoding") {
            try note(.transferEncoding)
            if !HTTPCharacters.equals(value, "chunked") { throw .unknownCoding }
            head.isChunked = true
        } else if HTTPCharacters.equals(name, "connection") {
            readConnection(value)
        } else if HTTPCharacters.equals(name, "expect") {
            try note(.expect)
            if !HTTPCharacters.equals(value, "100-continue") { throw .unknownExpectation }
        } else {
            return false
        }
        return true
    }

    private mutating func readSingle(
        _ name: Slab<UInt8>, _ value: Slab<UInt8>, _ range: ByteRange,
        _ head: inout HTTPRequestHead
    ) throws(HTTPRefusal) -> Bool {
        if HTTPCharacters.equals(name, "host") {
            try note(.host)
            if !HTTPHost.isValid(value) { throw .badHost }
            // That of an absolute target counts, whatever the field says.
            if head.host.isAbsent { head.host = range }
        } else if HTTPCharacters.equals(name, "content-type") {
            try note(.contentType)
            head.contentType = range
        } else if HTTPCharacters.equals(name, "range") {
            try note(.range)
            head.range = range
        } else if HTTPCharacters.equals(name, "if-range") {
            try note(.ifRange)
            head.ifRange = range
        } else {
            return false
        }
        return true
    }

    private func readOther(
        _ name: Slab<UInt8>, _ range: ByteRange, _ head: inout HTTPRequestHead
    ) {
        if HTTPCharacters.equals(name, "if-none-match") {
            if head.ifNoneMatch.isAbsent { head.ifNoneMatch = range }
        } else if HTTPCharacters.equals(name, "x-forwarded-for") {
            head.forwardedFor = range
        } else if HTTPCharacters.equals(name, "x-forwarded-host") {
            head.forwardedHost = range
        } else if HTTPCharacters.equals(name, "x-forwarded-proto") {
            head.forwardedProto = range
        }
    }

    private mutating func note(_ field: Single) throws(HTTPRefusal) {
        if seen & field.rawValue != 0 { throw .repeatedField }
        seen |= field.rawValue
    }

    private func has(_ field: Single) -> Bool { seen & field.rawValue != 0 }

    /// A list of options between commas; unknown ones mean nothing here.
    private mutating func readConnection(_ value: Slab<UInt8>) {
        var start = 0
        while start < value.count {
            var end = start
            while end < value.count, value[end] != UInt8(ascii: ",") { end += 1 }
            let next = end + 1
            while start < end, HTTPCharacters.isBlank(value[start]) { start += 1 }
            while end > start, HTTPCharacters.isBlank(value[end - 1]) { end -= 1 }
            let option = value.slice(start, end - start)
            if HTTPCharacters.equals(option, "close") { saysClose = true }
            if HTTPCharacters.equals(option, "keep-alive") { saysKeepAlive = true }
            start = next
        }
    }

    /// The empty line was reached.
    func finish(_ head: inout HTTPRequestHead) throws(HTTPRefusal) {
        if has(.contentLength) && has(.transferEncoding) { throw .lengthAndCoding }
        if has(.transferEncoding) && !head.isVersion11 { throw .codingInOldVersion }
        if head.isVersion11 && !has(.host) { throw .missingHost }
        head.keepAlive = !saysClose && (head.isVersion11 || saysKeepAlive)
        // A client of 1.0 does not know the 100; one without a body does not wait for it.
        head.expectsContinue = has(.expect) && head.isVersion11 && head.hasBody
        invariant(
            !head.isChunked || head.contentLength == nil, "a body has one length, not two")
    }
}
