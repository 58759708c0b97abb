// The identity of a uid or callsign of any length, in 64 bits. Keyed with a secret drawn at start,
// so that nobody on the network can make two names collide on purpose.
// The mixing step is a 64 x 64 -> 128 bit multiplication folded by XOR.

/// A keyed 64-bit hash that takes its input byte by byte, so that decoded attribute values never
/// need a buffer. Zero is never produced: tables use it for "no name".
public struct NameHash: BitwiseCopyable {
    private var state: UInt64
    private var pending: UInt64 = 0
    private var count: UInt64 = 0

    @inline(__always)
    public init(key: UInt64) { state = key ^ 0x9E37_79B9_7F4A_7C15 }

    @inline(__always)
    private static func fold(_ a: UInt64, _ b: UInt64) -> UInt64 {
        let product = a.multipliedFullWidth(by: b)
        return product.high ^ product.low
    }

    @inline(__always)
    public mutating func add(_ byte: UInt8) {
        pending |= UInt64(byte) << ((count & 7) * 8)
        count += 1
        if count & 7 == 0 { absorb() }
    }

    @inline(__always)
    private mutating func absorb() {
        state = NameHash.fold(state ^ pending, 0xA076_1D64_78BD_642F) ^ (state >> 29)
        pending = 0
    }

    @inline(__always)
    public consuming func finish() -> UInt64 {
        if count & 7 != 0 { absorb() }
        let result = NameHash.fold(state ^ count, 0xE703_7ED1_A0B4_28DB ^ state)
        return result == 0 ? 1 : result
    }

    public static func of(_ bytes: Slab<UInt8>, key: UInt64) -> UInt64 {
        var hash = NameHash(key: key)
        var i = 0
        while i < bytes.count {
            hash.add(bytes[i])
            i += 1
        }
        return hash.finish()
    }

    /// Of a text that is whole: a cut one has lost its identity.
    public static func of<let capacity: Int>(_ text: ShortText<capacity>, key: UInt64) -> UInt64 {
        var hash = NameHash(key: key)
        var i = 0
        while i < Int(text.count) {
            hash.add(text[i])
            i += 1
        }
        return hash.finish()
    }
}
