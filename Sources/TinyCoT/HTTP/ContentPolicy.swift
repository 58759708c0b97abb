// The policy that a page of ours is sent with (Content Security Policy Level 3): a browser runs the
// one script and uses the one style whose hashes are named here, asks nobody but this server for
// data, and loads nothing else. Whatever a name in the data holds, there is nothing it could start.

extension HTTPResponseWriter {
    public mutating func contentPolicy(script: SHA256Digest, style: SHA256Digest) {
        begin("Content-Security-Policy")
        append("default-src 'none'; script-src 'sha256-")
        append(base64: script)
        append("'; style-src 'sha256-")
        append(base64: style)
        // The empty icon of the page is a piece of data.
        append("'; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; ")
        append("frame-ancestors 'none'")
        endLine()
    }

    /// RFC 4648 section 4; 32 bytes leave a rest of two.
    private mutating func append(base64 digest: SHA256Digest) {
        var i = 0
        while i < SHA256Digest.byteCount {
            let hasThird = i + 2 < SHA256Digest.byteCount
            let bits =
                UInt32(digest[i]) << 16 | UInt32(digest[i + 1]) << 8
                | (hasThird ? UInt32(digest[i + 2]) : 0)
            append(letter: bits >> 18)
            append(letter: bits >> 12)
            append(letter: bits >> 6)
            if hasThird { append(letter: bits) } else { append("=") }
            i += 3
        }
    }

    private mutating func append(letter bits: UInt32) {
        let value = UInt8(bits & 63)
        switch value {
        case 0..<26: append(UInt8(ascii: "A") + value)
        case 26..<52: append(UInt8(ascii: "a") + value - 26)
        case 52..<62: append(UInt8(ascii: "0") + value - 52)
        case 62: append(UInt8(ascii: "+"))
        default: append(UInt8(ascii: "/"))
        }
    }
}
