// Writes the head of an answer: status line, fields, empty line (RFC 9112 section 4). Called by
// the routes, which append the body themselves. What comes from outside (names, types, tags) goes
// out in a form that cannot end a line, so no request can put a field into an answer.
// Invariant: what was written before `finish` is a status line and whole fields.

/// Collects one head. Fields appear in the order of the calls; whether all of it did fit shows in
/// the writer that `finish` returns.
public struct HTTPResponseWriter: BitwiseCopyable {
    private var writer: ByteWriter

    /// Room for the longest head: a part of the largest file with the longest name and type, and
    /// two more fields of ours.
    public static var headBytesMax: Int { 1_152 }

    /// The answer to `Expect: 100-continue`, whole.
    public static var goOn: StaticString { "HTTP/1.1 100 Continue\r\n\r\n" }

    /// Writes the status line, `Connection`, and `Date` if the clock of the board can be believed
    /// (RFC 9110 6.6.1: a server without a clock sends none).
    /// - Parameter writer: where to append, behind what it already holds.
    public init(
        _ status: HTTPStatus, keepAlive: Bool, date: WallTime?, into writer: ByteWriter
    ) {
        self.writer = writer
        self.writer.append("HTTP/1.1 ")
        self.writer.append(decimal: Int(status.rawValue))
        self.writer.append(" ")
        self.writer.append(status.phrase)
        self.writer.append("\r\n")
        // Said in both cases: a client of 1.0 that asked to stay has to be told.
        field("Connection", keepAlive ? "keep-alive" : "close")
        if let date {
            self.writer.append("Date: ")
            HTTPDate.write(date, into: &self.writer)
            endLine()
        }
    }

    /// A field whose name and value are ours.
    public mutating func field(_ name: StaticString, _ value: StaticString) {
        writer.append(name)
        writer.append(": ")
        writer.append(value)
        endLine()
    }

    public mutating func contentLength(_ bytes: UInt64) {
        writer.append("Content-Length: ")
        append(bytes)
        endLine()
    }

    public mutating func contentType(_ type: StaticString) { field("Content-Type", type) }

    /// A type that came with an upload. One that is not of the form `type/subtype`, with or
    /// without plain parameters, becomes `application/octet-stream`.
    public mutating func contentType(_ type: Slab<UInt8>) {
        if !HTTPResponseWriter.isMediaType(type) {
            contentType("application/octet-stream")
            return
        }
        writer.append("Content-Type: ")
        writer.append(type)
        endLine()
    }

    public mutating func acceptRanges() { field("Accept-Ranges", "bytes") }

    /// The methods that a resource has; with 405 and with OPTIONS.
    public mutating func allow(_ methods: StaticString) { field("Allow", methods) }

    public mutating func allow(_ methods: MartiMethods) {
        writer.append("Allow: ")
        methods.append(to: &writer)
        endLine()
    }

    /// Of a 206: which bytes these are.
    public mutating func contentRange(offset: UInt64, count: UInt64, size: UInt64) {
        invariant(count > 0 && offset < size, "a part begins inside its whole")
        invariant(count <= size - offset, "a part ends inside its whole")
        writer.append("Content-Range: bytes ")
        append(offset)
        writer.append("-")
        append(offset + count - 1)
        writer.append("/")
        append(size)
        endLine()
    }

    /// Of a 416: how large the whole is.
    public mutating func unsatisfiedRange(size: UInt64) {
        writer.append("Content-Range: bytes */")
        append(size)
        endLine()
    }

    /// A strong tag.
    /// - Parameter tag: letters, digits and `-._~`, such as the SHA-256 of the content.
    public mutating func entityTag(_ tag: Slab<UInt8>) {
        var i = 0
        while i < tag.count {
            invariant(HTTPCharacters.isUnreserved(tag[i]), "a tag is made of plain characters")
            i += 1
        }
        writer.append("ETag: \"")
        writer.append(tag)
        writer.append("\"")
        endLine()
    }

    /// When a client that met a limit may try again.
    public mutating func retryAfter(seconds: Int) {
        invariant(seconds >= 0, "nobody can try again in the past")
        writer.append("Retry-After: ")
        writer.append(decimal: seconds)
        endLine()
    }

    /// - Parameter fileName: any bytes, however hostile.
    public mutating func contentDisposition(fileName: Slab<UInt8>) {
        writer.append("Content-Disposition: ")
        DownloadName(fileName).write(into: &writer)
        endLine()
    }

    /// Writes the empty line. The body may be appended to what is returned.
    public consuming func finish() -> ByteWriter {
        endLine()
        return writer
    }

    // MARK: Pieces of a field, for those who put one together

    mutating func begin(_ name: StaticString) {
        append(name)
        append(": ")
    }

    mutating func append(_ text: StaticString) { writer.append(text) }
    mutating func append(_ byte: UInt8) { writer.append(byte) }
    mutating func endLine() { writer.append("\r\n") }

    /// The writer's own numbers are signed; sizes are not.
    private mutating func append(_ value: UInt64) {
        let tenth = value / 10
        if tenth > 0 { writer.append(decimal: Int64(tenth)) }
        writer.append(UInt8(ascii: "0") + UInt8(value % 10))
    }

    private static func isMediaType(_ type: Slab<UInt8>) -> Bool {
        if type.count > 128 { return false }
        var i = 0
        while i < type.count, HTTPCharacters.isToken(type[i]) { i += 1 }
        if i == 0 || i == type.count || type[i] != UInt8(ascii: "/") { return false }
        let subtype = i + 1
        i = subtype
        while i < type.count, HTTPCharacters.isToken(type[i]) { i += 1 }
        if i == subtype { return false }
        if i < type.count, type[i] != UInt8(ascii: ";"), type[i] != UInt8(ascii: " ") {
            return false
        }
        while i < type.count, type[i] >= 0x20 && type[i] < 0x7F { i += 1 }
        return i == type.count
    }
}
