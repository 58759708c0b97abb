// The head of an answer of the daemon: its status, and how long the body is. Read by
// StoreConnection. It is our own daemon that writes it, so a few rules are enough; whatever breaks
// them is no answer.

import TinyCoT

struct StoreAnswerHead {
    private(set) var status = 0
    private(set) var contentLength: UInt64?
    private(set) var isChunked = false

    /// Nothing says where the body ends but the end of the connection.
    var endsWithConnection: Bool { contentLength == nil && !isChunked && status != 204 }

    init() {}

    /// Behind the empty line, or nil if it has not come.
    static func end(of bytes: Slab<UInt8>) -> Int? {
        var i = 3
        while i < bytes.count {
            if bytes[i] == 0x0A && bytes[i - 1] == 0x0D && bytes[i - 2] == 0x0A
                && bytes[i - 3] == 0x0D
            {
                return i + 1
            }
            i += 1
        }
        return nil
    }

    /// - Parameter head: with the empty line at its end.
    init?(_ head: Slab<UInt8>) {
        // HTTP/1.1 200 OK
        if head.count < 13 || !head.slice(0, 9).equals("HTTP/1.1 ") { return nil }
        guard let number = DecimalText.number(head.slice(9, 3)), number >= 200 else {
            return nil
        }
        status = Int(number)
        var start = StoreAnswerHead.endOfLine(head, from: 0) + 2
        while start < head.count {
            let end = StoreAnswerHead.endOfLine(head, from: start)
            if !take(head.slice(start, end - start)) { return nil }
            start = end + 2
        }
    }

    private mutating func take(_ line: Slab<UInt8>) -> Bool {
        if let value = StoreAnswerHead.value(of: line, "content-length:") {
            contentLength = DecimalText.number(value)
            return contentLength != nil
        }
        if let value = StoreAnswerHead.value(of: line, "transfer-encoding:") {
            isChunked = value.equals("chunked")
            return isChunked
        }
        return true
    }

    /// Where the carriage return of a line stands.
    private static func endOfLine(_ head: Slab<UInt8>, from start: Int) -> Int {
        var i = start
        while i + 1 < head.count && !(head[i] == 0x0D && head[i + 1] == 0x0A) { i += 1 }
        return i
    }

    /// - Parameter name: in small letters, with its colon.
    private static func value(of line: Slab<UInt8>, _ name: StaticString) -> Slab<UInt8>? {
        if line.count < name.utf8CodeUnitCount { return nil }
        var i = 0
        while i < name.utf8CodeUnitCount {
            let isCapital = line[i] >= UInt8(ascii: "A") && line[i] <= UInt8(ascii: "Z")
            if (isCapital ? line[i] | 0x20 : line[i]) != name.utf8Start[i] { return nil }
            i += 1
        }
        while i < line.count && line[i] == UInt8(ascii: " ") { i += 1 }
        return line.slice(i, line.count - i)
    }
}
