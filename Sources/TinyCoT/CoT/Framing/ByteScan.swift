// How the framer finds the next byte that means something.

extension Int {
    /// The first index from here on that holds `stop`, or `limit`.
    @inline(__always)
    func advancedTo(_ stop: UInt8, _ bytes: Slab<UInt8>, _ limit: Int) -> Int {
        advancedTo(stop, or: stop, bytes, limit)
    }

    /// The first index from here on that holds one of two bytes, or `limit`.
    @inline(__always)
    func advancedTo(
        _ stop: UInt8, or other: UInt8, _ bytes: Slab<UInt8>, _ limit: Int
    ) -> Int {
        let stops = EightBytes(repeating: stop)
        let others = EightBytes(repeating: other)
        var here = self
        while limit - here >= 8 {
            let eight = EightBytes(bytes, at: here)
            let found = eight.matches(stops) | eight.matches(others)
            if found != 0 { return here + found.trailingZeroBitCount >> 3 }
            here += 8
        }
        while here < limit && bytes[here] != stop && bytes[here] != other { here += 1 }
        return here
    }
}

/// Eight bytes of a chunk at a time: most runs of bytes that mean nothing are longer than that.
struct EightBytes {
    let value: UInt64

    @inline(__always)
    init(repeating byte: UInt8) { value = UInt64(byte) &* 0x0101_0101_0101_0101 }

    @inline(__always)
    init(_ bytes: Slab<UInt8>, at index: Int) {
        invariant(index >= 0 && bytes.count - index >= 8, "eight bytes lie inside their slab")
        let address = UnsafeRawPointer(bytes.start.unsafelyUnwrapped + index)
        value = UInt64(littleEndian: address.loadUnaligned(as: UInt64.self))
    }

    /// The high bit of the first byte that is the same in both; bits above it mean nothing.
    @inline(__always)
    func matches(_ other: EightBytes) -> UInt64 {
        let difference = value ^ other.value
        return (difference &- 0x0101_0101_0101_0101) & ~difference & 0x8080_8080_8080_8080
    }
}
