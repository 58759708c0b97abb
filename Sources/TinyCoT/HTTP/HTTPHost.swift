// What may stand in a Host field or in the authority of a target (RFC 9110 section 7.2, RFC 3986
// section 3.2.2). The host is written into URLs that go to phones, inside XML and JSON, so this
// is narrower than the RFC: no percent signs but for a zone, no sub-delimiters such as & and '.

enum HTTPHost {
    /// A name or IPv4 address, or an IPv6 address in brackets; then perhaps `:` and a port.
    static func isValid(_ text: Slab<UInt8>) -> Bool {
        if text.count == 0 { return false }
        var i = 0
        if text[0] == UInt8(ascii: "[") {
            guard let end = endOfAddress(text) else { return false }
            i = end
        } else {
            while i < text.count, HTTPCharacters.isUnreserved(text[i]) { i += 1 }
            if i == 0 { return false }
        }
        if i == text.count { return true }
        if text[i] != UInt8(ascii: ":") { return false }
        guard let port = HTTPCharacters.number(text.slice(i + 1, text.count - i - 1)) else {
            return false
        }
        return port <= 65_535
    }

    /// The index behind `]`, or nil. Link-local addresses carry a zone: `[fe80::1%25wlan0]`
    /// (RFC 6874); some clients write its `%` as such.
    private static func endOfAddress(_ text: Slab<UInt8>) -> Int? {
        var i = 1
        var hasColon = false
        while i < text.count {
            let byte = text[i]
            if byte == UInt8(ascii: ":") {
                hasColon = true
            } else if HTTPCharacters.hexadecimal(byte) == nil && byte != UInt8(ascii: ".") {
                break
            }
            i += 1
        }
        if !hasColon { return nil }
        if i < text.count, text[i] == UInt8(ascii: "%") {
            let zoneStart = i + 1
            i = zoneStart
            while i < text.count, HTTPCharacters.isUnreserved(text[i]) { i += 1 }
            if i == zoneStart { return nil }
        }
        return i < text.count && text[i] == UInt8(ascii: "]") ? i + 1 : nil
    }
}
