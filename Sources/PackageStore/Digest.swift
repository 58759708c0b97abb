// SHA-256 of bytes that come in pieces: of an upload while it is received, of a file that is
// verified. libcrypto does the work, with the processor's own instructions where it has them. One
// digest has a fixed size and lies in its owner's table; nothing is allocated.

import CCrypto
import TinyCoT

public struct Digest: BitwiseCopyable {
    private var context = tcc_sha256()
    /// Bytes taken so far.
    public private(set) var byteCount: Int64 = 0

    public init() {
        let isDone = tcc_sha256_init(&context)
        invariant(isDone == 1, "SHA-256 starts")
    }

    public mutating func update(_ bytes: Slab<UInt8>) {
        if bytes.count == 0 { return }
        let isDone = tcc_sha256_update(&context, bytes.start, bytes.count)
        invariant(isDone == 1, "SHA-256 takes bytes")
        byteCount += Int64(bytes.count)
    }

    /// The hash of all bytes since the beginning. The digest then begins anew.
    public mutating func finish() -> SHA256Digest {
        var digest = InlineArray<32, UInt8>(repeating: 0)
        var result: SHA256Digest?
        withUnsafeMutablePointer(to: &digest) { pointer in
            let bytes = UnsafeMutableRawPointer(pointer).assumingMemoryBound(to: UInt8.self)
            let isDone = tcc_sha256_final(&context, bytes)
            invariant(isDone == 1, "SHA-256 ends")
            result = SHA256Digest(bytes: Slab(start: bytes, count: 32))
        }
        self = Digest()
        return result.unsafelyUnwrapped
    }
}
