// Addresses, endpoints and networks -> text, for messages, `status` and the log (RFC 5952).
// An address that is stored as ::ffff:a.b.c.d is IPv4 and is written a.b.c.d: on a wire and in
// a log it is nothing else. What is written here, AddressParser reads back as the same value.

extension ByteWriter {
    /// At most 39 bytes.
    public mutating func append(_ address: Address) {
        if address.isIPv4 {
            append(ipv4: UInt32(truncatingIfNeeded: address.low))
            return
        }
        let gap = address.longestZeroRun
        var group = 0
        while group < 8 {
            if gap.count >= 2 && group == gap.start {
                append("::")
                group += gap.count
                continue
            }
            if group > 0 && !(gap.count >= 2 && group == gap.start + gap.count) {
                append(UInt8(ascii: ":"))
            }
            append(group: address.group(group))
            group += 1
        }
    }

    /// `0.0.0.0:8087` or `[::]:8087`; at most 47 bytes.
    public mutating func append(_ endpoint: Endpoint) {
        if endpoint.address.isIPv4 {
            append(endpoint.address)
        } else {
            append(UInt8(ascii: "["))
            append(endpoint.address)
            append(UInt8(ascii: "]"))
        }
        append(UInt8(ascii: ":"))
        append(decimal: Int(endpoint.port))
    }

    /// `10.0.0.0/8` or `fe80::/10`. An IPv4 network counts its prefix in 32 bits.
    public mutating func append(_ network: Network) {
        let isIPv4 =
            network.address.isIPv4 && network.prefixBits >= Network.ipv4PrefixBits
        append(network.address)
        append(UInt8(ascii: "/"))
        append(decimal: Int(network.prefixBits) - (isIPv4 ? Int(Network.ipv4PrefixBits) : 0))
    }

    private mutating func append(ipv4 value: UInt32) {
        var shift: UInt32 = 24
        append(decimal: Int(value >> shift))
        while shift > 0 {
            shift -= 8
            append(UInt8(ascii: "."))
            append(decimal: Int((value >> shift) & 0xFF))
        }
    }

    /// One to four lower-case digits, without leading zeros.
    private mutating func append(group: UInt16) {
        let digits = group > 0xFFF ? 4 : group > 0xFF ? 3 : group > 0xF ? 2 : 1
        append(hex: UInt64(group), digits: digits)
    }
}

extension Address {
    /// Group 0 is the most significant.
    fileprivate func group(_ index: Int) -> UInt16 {
        let half = index < 4 ? high : low
        return UInt16(truncatingIfNeeded: half >> UInt64((3 - index & 3) * 16))
    }

    /// The run of zero groups that `::` stands for: the longest, the first of equals.
    fileprivate var longestZeroRun: (start: Int, count: Int) {
        var best = (start: 0, count: 0)
        var current = (start: 0, count: 0)
        var i = 0
        while i < 8 {
            if group(i) == 0 {
                if current.count == 0 { current.start = i }
                current.count += 1
                if current.count > best.count { best = current }
            } else {
                current.count = 0
            }
            i += 1
        }
        return best
    }
}
