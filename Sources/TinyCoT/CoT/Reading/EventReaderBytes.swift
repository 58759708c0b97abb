// How the reader looks at eight bytes at once. The boards have no cheap way to turn a vector
// comparison into a position, plain 64-bit arithmetic does it on every processor.
// Used by `MarkupCursor` only. In every mask the lowest set bit is exact; bits above it may be
// false, so only the lowest one may be looked at.

enum EightByteWord {
    @inline(__always)
    static func all(_ byte: UInt8) -> UInt64 { 0x0101_0101_0101_0101 &* UInt64(byte) }

    static var highBits: UInt64 {
        @inline(__always) get { 0x8080_8080_8080_8080 }
    }

    /// Eight bytes in memory order, the first one lowest.
    @inline(__always)
    static func load(_ bytes: UnsafePointer<UInt8>) -> UInt64 {
        UInt64(littleEndian: UnsafeRawPointer(bytes).loadUnaligned(as: UInt64.self))
    }

    /// The high bit of every byte that is `mark`, `<`, `&`, below a space, or not ASCII.
    @inline(__always)
    static func stops(_ word: UInt64, mark: UInt8) -> UInt64 {
        // Subtracting one borrows out of a zero byte. Bytes with the high bit set stop anyway, so
        // the usual "and not x" of that trick is not needed.
        let marks = (word ^ all(mark)) &- all(1)
        let lessThan = (word ^ all(UInt8(ascii: "<"))) &- all(1)
        let ampersand = (word ^ all(UInt8(ascii: "&"))) &- all(1)
        let control = word &- all(0x20)
        return (marks | lessThan | ampersand | control | word) & highBits
    }

    /// The high bit of every byte that is not an ASCII name character.
    @inline(__always)
    static func notNames(_ word: UInt64) -> UInt64 {
        let low = word & ~highBits
        let folded = low | all(0x20)
        let letters = atLeast(folded, UInt8(ascii: "a")) & ~atLeast(folded, UInt8(ascii: "z") + 1)
        // From '-' to ':' everything but '/' is a name character.
        let digits = atLeast(low, UInt8(ascii: "-")) & ~atLeast(low, UInt8(ascii: ":") + 1)
        let notSlash = (low ^ all(UInt8(ascii: "/"))) &+ all(0x7F)
        let notUnderscore = (low ^ all(UInt8(ascii: "_"))) &+ all(0x7F)
        let names = (letters | (digits & notSlash) | ~notUnderscore) & ~word
        return ~names & highBits
    }

    /// The high bit of every byte that is at least `limit`; all bytes are below 0x80.
    @inline(__always)
    private static func atLeast(_ word: UInt64, _ limit: UInt8) -> UInt64 {
        word &+ all(0x80 - limit)
    }

    /// How many bytes lie before the lowest set bit of a mask.
    @inline(__always)
    static func before(_ mask: UInt64) -> Int { mask.trailingZeroBitCount >> 3 }

    /// The first `count` bytes of a word, 0 … 8.
    @inline(__always)
    static func first(_ count: Int, of word: UInt64) -> UInt64 {
        count >= 8 ? word : word & ((1 &<< UInt64(truncatingIfNeeded: count &* 8)) &- 1)
    }

    /// A name of up to eight ASCII characters as the word that it is in memory.
    @inline(__always)
    static func word(
        _ a: Unicode.Scalar, _ b: Unicode.Scalar = "\0", _ c: Unicode.Scalar = "\0",
        _ d: Unicode.Scalar = "\0", _ e: Unicode.Scalar = "\0", _ f: Unicode.Scalar = "\0",
        _ g: Unicode.Scalar = "\0", _ h: Unicode.Scalar = "\0"
    ) -> UInt64 {
        let low = a.value | b.value << 8 | c.value << 16 | d.value << 24
        let high = e.value | f.value << 8 | g.value << 16 | h.value << 24
        return UInt64(low) | UInt64(high) << 32
    }
}
