// What `public_url` may be: scheme, host, perhaps a port and a path. It is put in front of the path
// of every URL that is handed out, in JSON and in XML, so it holds only characters that mean
// nothing in either. Called by ConfigParser. Never looks a name up.

/// Namespace of the check.
enum PublicURL {
    static var maxBytes: Int { 200 }

    /// The address without the slashes at its end.
    static func trimmed(_ text: Slab<UInt8>) -> Slab<UInt8> {
        var count = text.count
        while count > 0, text[count - 1] == UInt8(ascii: "/") { count -= 1 }
        return text.slice(0, count)
    }

    /// Why it cannot be used, as the end of a sentence; nil if it can.
    static func objection(to text: Slab<UInt8>) -> StaticString? {
        let hostStart = schemeCount(text)
        if hostStart == 0 { return "which does not begin with http:// or https://" }
        var hostEnd = hostStart
        while hostEnd < text.count, text[hostEnd] != UInt8(ascii: "/") { hostEnd += 1 }
        var i = hostStart
        while i < text.count {
            if !isOfPath(text[i]) && !(i < hostEnd && isOfHostOnly(text[i])) {
                return i < hostEnd
                    ? "but the host may hold letters, digits and - . _ ~ : [ ] only"
                    : "but the path may hold letters, digits and - . _ ~ / only"
            }
            i += 1
        }
        return objection(toHost: text.slice(hostStart, hostEnd - hostStart))
    }

    private static func schemeCount(_ text: Slab<UInt8>) -> Int {
        if begins(text, "http://") { return 7 }
        return begins(text, "https://") ? 8 : 0
    }

    private static func begins(_ text: Slab<UInt8>, _ lead: StaticString) -> Bool {
        text.count >= lead.utf8CodeUnitCount
            && text.slice(0, lead.utf8CodeUnitCount).equals(lead)
    }

    /// `host`, `host:8080`, `[::1]` or `[::1]:8080`.
    private static func objection(toHost text: Slab<UInt8>) -> StaticString? {
        var nameEnd = 0
        if text.count > 0, text[0] == UInt8(ascii: "[") {
            while nameEnd < text.count, text[nameEnd] != UInt8(ascii: "]") { nameEnd += 1 }
            if nameEnd == text.count { return "which opens a bracket and does not close it" }
            do throws(AddressProblem) {
                if try AddressParser.address(text.slice(1, nameEnd - 1)).isIPv4 {
                    return "but only an IPv6 address stands in brackets"
                }
            } catch {
                return "but only an IPv6 address stands in brackets"
            }
            nameEnd += 1
        } else {
            while nameEnd < text.count, text[nameEnd] != UInt8(ascii: ":") {
                if isOfHostOnly(text[nameEnd]) {
                    return "but only an IPv6 address has brackets, around all of it"
                }
                nameEnd += 1
            }
        }
        if nameEnd == 0 { return "which names no host" }
        return nameEnd == text.count
            ? nil : objection(toPort: text.slice(nameEnd, text.count - nameEnd))
    }

    /// Text from the colon on.
    private static func objection(toPort text: Slab<UInt8>) -> StaticString? {
        if text[0] == UInt8(ascii: ":"),
            let port = AddressParser.number(text.slice(1, text.count - 1), maximum: 65_535),
            port > 0
        {
            return nil
        }
        return "but behind the host only a port from 1 to 65535 may stand"
    }

    private static func isOfPath(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
            UInt8(ascii: "_"), UInt8(ascii: "~"), UInt8(ascii: "/"):
            true
        default: false
        }
    }

    private static func isOfHostOnly(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: ":") || byte == UInt8(ascii: "[") || byte == UInt8(ascii: "]")
    }
}
