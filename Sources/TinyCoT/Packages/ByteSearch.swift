// Finds one byte in a long stretch, sixteen at a time: the body of an upload is looked at once for
// its boundary, and a gigabyte of it must not cost more than its hash. Called by the multipart
// splitter. It never reads outside the slab; what is left at the end is looked at byte by byte.

extension Slab where Element == UInt8 {
    /// The index of the first `byte` from `start` on, or `count`.
    @inline(__always)
    func firstIndex(of byte: UInt8, from start: Int) -> Int {
        var at = start
        if count - at >= 16 {
            let memory = UnsafeRawPointer(pointer(at: at))
            let wanted = SIMD16<UInt8>(repeating: byte)
            let first = at
            while count - at >= 16 {
                let sixteen = memory.loadUnaligned(
                    fromByteOffset: at - first, as: SIMD16<UInt8>.self)
                // A lane that holds the byte becomes 0, and the smallest lane tells of it.
                if (sixteen ^ wanted).min() == 0 { break }
                at += 16
            }
        }
        while at < count, self[at] != byte { at += 1 }
        return at
    }
}
