// Finds one byte in a long stretch, sixteen at a time: the body of an upload is looked at once for
// its boundary, and a gigabyte of it must not cost more than its hash. Called by the multipart
// splitter. It never reads outside the slab; what is left at the end is looked at byte by byte.
// Two words, not a SIMD vector: those come with array literals, which the core may not have.

extension Slab where Element == UInt8 {
    /// The index of the first `byte` from `start` on, or `count`.
    @inline(__always)
    func firstIndex(of byte: UInt8, from start: Int) -> Int {
        var at = start
        if count - at >= 16 {
            let memory = UnsafeRawPointer(pointer(at: at))
            let wanted = 0x0101_0101_0101_0101 &* UInt64(byte)
            let first = at
            while count - at >= 16 {
                let offset = at - first
                let low = memory.loadUnaligned(fromByteOffset: offset, as: UInt64.self) ^ wanted
                let high =
                    memory.loadUnaligned(fromByteOffset: offset + 8, as: UInt64.self) ^ wanted
                if Slab.zeroBytes(low) | Slab.zeroBytes(high) != 0 { break }
                at += 16
            }
        }
        while at < count, self[at] != byte { at += 1 }
        return at
    }

    /// Not 0 if and only if one of the eight bytes is 0: only such a byte borrows its own top bit.
    @inline(__always)
    private static func zeroBytes(_ word: UInt64) -> UInt64 {
        (word &- 0x0101_0101_0101_0101) & ~word & 0x8080_8080_8080_8080
    }
}
