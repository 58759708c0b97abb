// The head of a request to the daemon. Texts of the operator go into its query percent-encoded.

import TinyCoT

/// Appends to the memory it was given; `finish` ends the head.
struct StoreRequest {
    private var writer: ByteWriter
    private var hasQuery = false

    /// - Parameter method: `GET`, for example; `path` begins with a slash.
    init(_ method: StaticString, _ path: StaticString, _ memory: Slab<UInt8>) {
        writer = ByteWriter(memory)
        writer.append(method)
        writer.append(" ")
        writer.append(path)
    }

    mutating func parameter(_ name: StaticString, _ value: Slab<UInt8>) {
        begin(name)
        var i = 0
        while i < value.count {
            if StoreRequest.isUnreserved(value[i]) {
                writer.append(value[i])
            } else {
                writer.append("%")
                writer.append(hex: UInt64(value[i]), digits: 2)
            }
            i += 1
        }
    }

    mutating func parameter(_ name: StaticString, _ digest: SHA256Digest) {
        begin(name)
        digest.append(to: &writer)
    }

    private mutating func begin(_ name: StaticString) {
        writer.append(hasQuery ? "&" : "?")
        hasQuery = true
        writer.append(name)
        writer.append("=")
    }

    /// - Parameter bodyBytes: nil if there is none.
    mutating func finish(bodyBytes: Int64? = nil) -> Slab<UInt8> {
        writer.append(" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n")
        if let bodyBytes {
            writer.append("Content-Type: application/x-zip-compressed\r\nContent-Length: ")
            writer.append(decimal: bodyBytes)
            writer.append("\r\n")
        }
        writer.append("\r\n")
        invariant(!writer.overflowed, "the head of a request fits")
        return writer.written
    }

    private static func isUnreserved(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
            UInt8(ascii: "_"), UInt8(ascii: "~"):
            true
        default: false
        }
    }
}
