// Text of the operator -> addresses, endpoints and networks. Called by ConfigParser and by the
// command line. Strict, as inet_pton is: no octal, no short forms, no zones, no host names.
// It never resolves anything. Writing the same things back is AddressWriter's job.

/// Why a text is no address, endpoint or network.
public enum AddressProblem: UInt8, Error, Sendable {
    case notAnAddress, zone, missingPort, badPort, missingBrackets
    case missingPrefix, badPrefix

    /// The rest of the sentence that begins with the text.
    public var explanation: StaticString {
        switch self {
        case .notAnAddress:
            "which is not an IPv4 or IPv6 address (host names are not looked up)"
        case .zone: "but an address with a zone (%) cannot be used here"
        case .missingPort: "which has no port, as in 0.0.0.0:8087 or [::]:8087"
        case .badPort: "whose port is not a whole number between 1 and 65535"
        case .missingBrackets: "an IPv6 address that needs brackets, as in [::]:8087"
        case .missingPrefix: "which has no prefix length, as in 10.0.0.0/8"
        case .badPrefix: "whose prefix length is not between 0 and 32 (IPv4) or 128 (IPv6)"
        }
    }
}

/// Namespace of the parsing functions; there is no state.
public enum AddressParser {
    /// `192.0.2.1`, `2001:db8::1`, `::ffff:192.0.2.1`. No longer than INET6_ADDRSTRLEN - 1.
    public static func address(_ text: Slab<UInt8>) throws(AddressProblem) -> Address {
        var hasColon = false
        var i = 0
        while i < text.count {
            if text[i] == UInt8(ascii: "%") { throw .zone }
            if text[i] == UInt8(ascii: ":") { hasColon = true }
            i += 1
        }
        if hasColon { return try ipv6(text) }
        return Address(ipv4: try ipv4(text))
    }

    /// `0.0.0.0:8087` or `[::]:8087`; a port from 1 to 65535.
    public static func endpoint(_ text: Slab<UInt8>) throws(AddressProblem) -> Endpoint {
        var result = Endpoint()
        guard let colon = last(UInt8(ascii: ":"), in: text) else {
            _ = try address(text)
            throw .missingPort
        }
        if text[0] == UInt8(ascii: "[") {
            guard let bracket = last(UInt8(ascii: "]"), in: text) else { throw .notAnAddress }
            let inner = text.slice(1, bracket - 1)
            guard last(UInt8(ascii: ":"), in: inner) != nil else { throw .notAnAddress }
            result.address = try address(inner)
            if bracket + 1 == text.count { throw .missingPort }
            guard bracket + 1 == colon else { throw .badPort }
        } else {
            let host = text.slice(0, colon)
            if last(UInt8(ascii: ":"), in: host) != nil {
                // Several colons: an IPv6 address, with or without something like a port.
                throw .missingBrackets
            }
            result.address = try address(host)
        }
        let digits = text.slice(colon + 1, text.count - colon - 1)
        guard let port = number(digits, maximum: 65_535), port > 0 else { throw .badPort }
        result.port = UInt16(port)
        return result
    }

    /// A network as written. If `hasHostBits`, the text was `10.1.2.3/8`, and `network` is what
    /// was probably meant: `10.0.0.0/8`.
    public struct NetworkText: BitwiseCopyable {
        public var network = Network()
        public var hasHostBits = false
    }

    /// `10.0.0.0/8` or `fe80::/10`.
    public static func network(_ text: Slab<UInt8>) throws(AddressProblem) -> NetworkText {
        var result = NetworkText()
        guard let slash = last(UInt8(ascii: "/"), in: text) else {
            _ = try address(text)
            throw .missingPrefix
        }
        let host = text.slice(0, slash)
        let written = try address(host)
        let isDotted = last(UInt8(ascii: ":"), in: host) == nil
        let digits = text.slice(slash + 1, text.count - slash - 1)
        guard let bits = number(digits, maximum: isDotted ? 32 : 128) else { throw .badPrefix }
        result.network.prefixBits =
            UInt8(bits) + (isDotted ? Network.ipv4PrefixBits : 0)
        result.network.address = masked(written, prefixBits: result.network.prefixBits)
        result.hasHostBits = result.network.address != written
        return result
    }

    /// `address` with everything behind the prefix set to zero.
    public static func masked(_ address: Address, prefixBits: UInt8) -> Address {
        let highBits = min(UInt64(prefixBits), 64)
        let lowBits = min(UInt64(prefixBits), 128) - highBits
        return Address(
            high: highBits == 0 ? 0 : address.high & ~0 << (64 - highBits),
            low: lowBits == 0 ? 0 : address.low & ~0 << (64 - lowBits))
    }

    // MARK: Parts

    /// Four numbers from 0 to 255 without leading zeros.
    private static func ipv4(_ text: Slab<UInt8>) throws(AddressProblem) -> UInt32 {
        var value: UInt32 = 0
        var parts = 0
        var start = 0
        while parts < 4 {
            var end = start
            while end < text.count, text[end] != UInt8(ascii: ".") { end += 1 }
            guard let part = number(text.slice(start, end - start), maximum: 255) else {
                throw .notAnAddress
            }
            value = value << 8 | UInt32(part)
            parts += 1
            // The fourth part ends with the text, the others at a dot.
            guard (end == text.count) == (parts == 4) else { throw .notAnAddress }
            start = min(end + 1, text.count)
        }
        return value
    }

    /// Eight groups, `::` once for at least one group of zeros, IPv4 form in the last two
    /// (RFC 4291, 2.2). Groups before the gap are collected in `front`, those behind in `back`.
    private static func ipv6(_ text: Slab<UInt8>) throws(AddressProblem) -> Address {
        var front = Address()
        var back = Address()
        var frontCount = 0
        var backCount = 0
        var hasGap = false
        var i = 0
        if text[0] == UInt8(ascii: ":") {
            guard text.count >= 2, text[1] == UInt8(ascii: ":") else { throw .notAnAddress }
            hasGap = true
            i = 2
        }
        // Every turn passes one group and what separates it from the next.
        while i < text.count {
            var end = i
            while end < text.count, text[end] != UInt8(ascii: ":") { end += 1 }
            let part = text.slice(i, end - i)
            var groups = 1
            var value: UInt32
            if last(UInt8(ascii: "."), in: part) != nil {
                guard end == text.count else { throw .notAnAddress }
                value = try ipv4(part)
                groups = 2
            } else {
                value = try group(part)
            }
            if hasGap {
                back = shifted(back, groups, value)
                backCount += groups
            } else {
                front = shifted(front, groups, value)
                frontCount += groups
            }
            guard frontCount + backCount <= 8 else { throw .notAnAddress }
            if end == text.count { break }
            i = end + 1
            if i == text.count { throw .notAnAddress }
            if text[i] == UInt8(ascii: ":") {
                if hasGap { throw .notAnAddress }
                hasGap = true
                i += 1
            }
        }
        guard frontCount + backCount <= (hasGap ? 7 : 8), hasGap || frontCount == 8 else {
            throw .notAnAddress
        }
        var missing = 8 - frontCount
        while missing > 0 {
            front = shifted(front, 1, 0)
            missing -= 1
        }
        return Address(high: front.high | back.high, low: front.low | back.low)
    }

    /// One to four hexadecimal digits.
    private static func group(_ text: Slab<UInt8>) throws(AddressProblem) -> UInt32 {
        guard text.count >= 1 && text.count <= 4 else { throw .notAnAddress }
        var value: UInt32 = 0
        var i = 0
        while i < text.count {
            let digit = JSONReader.hexValue(text[i])
            if digit < 0 { throw .notAnAddress }
            value = value << 4 | UInt32(digit)
            i += 1
        }
        return value
    }

    /// `address` moved up by one or two groups of 16 bits, with `value` put into the room.
    private static func shifted(_ address: Address, _ groups: Int, _ value: UInt32) -> Address {
        let bits = UInt64(groups) * 16
        return Address(
            high: address.high << bits | address.low >> (64 - bits),
            low: address.low << bits | UInt64(value))
    }

    /// A decimal number without sign and leading zeros, from 0 to `maximum` (at most 65,535).
    static func number(_ text: Slab<UInt8>, maximum: Int) -> Int? {
        guard let value = DecimalText.number(text, maxDigits: 5) else { return nil }
        if text[0] == UInt8(ascii: "0") && text.count > 1 { return nil }
        return value <= UInt64(maximum) ? Int(value) : nil
    }

    private static func last(_ byte: UInt8, in text: Slab<UInt8>) -> Int? {
        var i = text.count - 1
        while i >= 0 {
            if text[i] == byte { return i }
            i -= 1
        }
        return nil
    }
}
