// A connection of HTTP: heads and bodies, one request behind the other, cut anywhere. Must hold:
// every way of cutting gives the same requests, the same bodies and the same refusal; a head ends
// at its first empty line; a body is what a reader finds that sees all of it at once.

enum FuzzHTTP {
    private static let limits = HTTPHeadLimits(
        maxRequestLineBytes: 256, maxHeadBytes: 512, maxFields: 12)

    static func run(_ input: FuzzInput) {
        let bytes = Array(input.bytes)
        let whole = Connection(bytes, cuts: [])
        for request in whole.requests { request.judge(bytes) }
        for cuts in input.ways {
            let cut = Connection(bytes, cuts: cuts)
            invariant(cut == whole, "a connection is read the same for every cut")
        }
    }

    /// One request as it was read, with places counted from the begin of the connection.
    struct Request: Equatable {
        var start = 0
        var bodyStart = 0
        var end = 0
        var numbers: [Int] = []
        var body: [UInt8] = []
        var isChunked = false
        var contentLength: UInt64 = 0

        init(_ head: HTTPRequestHead, _ bytes: Slab<UInt8>, start: Int, consumed: Int) {
            self.start = start
            bodyStart = start + consumed
            isChunked = head.isChunked
            contentLength = head.contentLength ?? 0
            numbers = [
                Int(head.method.rawValue), head.isVersion11 ? 1 : 0, head.expectsContinue ? 1 : 0,
                head.keepAlive ? 1 : 0, head.contentLength == nil ? 0 : 1,
            ]
            invariant(!head.path.isAbsent, "a head has a path")
            let ranges = [
                head.path, head.query, head.host, head.contentType, head.range, head.ifRange,
                head.ifNoneMatch, head.forwardedFor, head.forwardedHost, head.forwardedProto,
            ]
            for range in ranges {
                invariant(range.end <= consumed, "a range lies inside its head")
                numbers += [Int(range.offset), Int(range.count)]
            }
            invariant(!(head.isChunked && head.contentLength != nil), "one framing at most")
            if !head.host.isAbsent {
                let host = bytes.slice(Int(head.host.offset), Int(head.host.count))
                // An empty Host is legal (RFC 9112 3.2) where the target has no authority.
                let isFit = host.count == 0 || HTTPHost.isValid(host)
                invariant(isFit, "a host that is told is fit for a URL")
            }
            for size in [0, 1, 1000, UInt64.max] {
                let range = bytes.slice(Int(head.range.offset), Int(head.range.count))
                if case .part(let offset, let count) = HTTPRange.of(range, size: size) {
                    let isInside = count > 0 && offset < size && count <= size - offset
                    invariant(isInside, "a part of a file lies inside it")
                }
            }
        }

        /// The same with all bytes in view.
        func judge(_ bytes: [UInt8]) {
            var first = start
            while bytes[first...].starts(with: [0x0D, 0x0A]) { first += 2 }
            let empty = firstIndex(of: Array("\r\n\r\n".utf8), in: bytes[...], from: first)
            invariant(empty.map { $0 + 4 } == bodyStart, "a head ends at its first empty line")
            if !isChunked {
                let expected = bytes[bodyStart..<end]
                invariant(UInt64(expected.count) == contentLength, "a body has its length")
                invariant(body.elementsEqual(expected), "a counted body is what follows the head")
                return
            }
            let (expected, behind) = dechunk(bytes)
            invariant(body == expected, "a chunked body is what its chunks hold")
            invariant(end == behind, "a chunked body ends behind its trailer")
        }

        private func dechunk(_ bytes: [UInt8]) -> (body: [UInt8], end: Int) {
            var body: [UInt8] = []
            var at = bodyStart
            func line() -> ArraySlice<UInt8> {
                let end = firstIndex(of: [0x0D, 0x0A], in: bytes[...], from: at) ?? at
                defer { at = end + 2 }
                return bytes[at..<end]
            }
            while true {
                let digits = line().prefix { $0 != UInt8(ascii: ";") }
                let text = String(decoding: digits, as: UTF8.self)
                let size = Int(text, radix: 16) ?? -1
                invariant(size >= 0, "the size of a chunk is a number")
                if size == 0 { break }
                invariant(size <= bytes.count - at, "a chunk lies inside the connection")
                body += bytes[at..<at + size]
                at += size
                invariant(line().isEmpty, "a chunk ends with a line end")
            }
            while !line().isEmpty {}
            return (body, at)
        }
    }

    struct Connection: Equatable {
        var requests: [Request] = []
        /// The begun request, with as much of its body as there is.
        var open: Request?
        var refusal: HTTPRefusal?
        /// Where the next request begins; or where a head was refused.
        private var position = 0
        private var parser = HTTPHeadParser(FuzzHTTP.limits)
        private var head = HTTPRequestHead()
        private var body: HTTPBodyReader?

        static func == (one: Connection, other: Connection) -> Bool {
            one.requests == other.requests && one.open == other.open
                && one.refusal == other.refusal && one.position == other.position
        }

        init(_ bytes: [UInt8], cuts: [Int]) {
            for available in cuts + [bytes.count] {
                while refusal == nil && step(bytes, available) {}
            }
        }

        /// - Returns: false if more bytes are needed.
        private mutating func step(_ bytes: [UInt8], _ available: Int) -> Bool {
            withStretch(bytes[position..<available]) { received in
                body == nil ? readHead(received) : readBody(received)
            }
        }

        private mutating func readHead(_ received: Slab<UInt8>) -> Bool {
            switch parser.parse(received, into: &head) {
            case .incomplete:
                invariant(parser.lookedAtBytes == received.count, "all bytes were looked at")
                return false
            case .refused(let reason):
                refusal = reason
                position += parser.lookedAtBytes
            case .complete(let consumed):
                invariant(consumed > 0 && consumed <= received.count, "a head has an end")
                open = Request(head, received, start: position, consumed: consumed)
                body = HTTPBodyReader(head)
                position += consumed
            }
            return true
        }

        private mutating func readBody(_ received: Slab<UInt8>) -> Bool {
            guard var reader = body, var request = open else { return false }
            var index = 0
            // Each turn passes a byte or is the last.
            while true {
                switch reader.next(received, from: index) {
                case .needMoreBytes:
                    body = reader
                    open = request
                    position += received.count
                    return false
                case .body(let start, let end):
                    let isForward = start >= index && end > start && end <= received.count
                    invariant(isForward, "a body goes on")
                    request.body += array(received.slice(start, end - start))
                    index = end
                case .refused(let reason):
                    refusal = reason
                    open = request
                    // Where in a stretch it was found is not told.
                    position = 0
                    return true
                case .ended(let at):
                    invariant(at >= index && at <= received.count, "a body ends in its bytes")
                    position += at
                    request.end = position
                    requests.append(request)
                    open = nil
                    body = nil
                    parser = HTTPHeadParser(FuzzHTTP.limits)
                    return true
                }
            }
        }
    }
}
