// The SHA-256 of a package: its identity everywhere. Made by Digest from the bytes of a file, and
// from the 64 hexadecimal digits of a request or a file name; nothing else ever becomes a path.

import TinyCoT

/// 256 bits; equal values are equal packages.
public struct PackageHash: BitwiseCopyable, Sendable, Equatable {
    /// Digits of the text form.
    public static var digits: Int { 64 }

    /// The most significant first.
    private var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)

    /// - Parameter digest: 32 bytes.
    init(digest: Slab<UInt8>) {
        invariant(digest.count == 32, "a SHA-256 has 32 bytes")
        words = (
            PackageHash.word(digest, 0), PackageHash.word(digest, 8),
            PackageHash.word(digest, 16), PackageHash.word(digest, 24)
        )
    }

    /// - Parameter text: 64 hexadecimal digits in either case.
    /// - Returns: nil for anything else.
    public init?(text: Slab<UInt8>) {
        if text.count != PackageHash.digits { return nil }
        var digest = InlineArray<4, UInt64>(repeating: 0)
        var i = 0
        while i < PackageHash.digits {
            guard let value = PackageHash.nibble(text[i]) else { return nil }
            digest[i / 16] = digest[i / 16] << 4 | UInt64(value)
            i += 1
        }
        words = (digest[0], digest[1], digest[2], digest[3])
    }

    private static func word(_ bytes: Slab<UInt8>, _ offset: Int) -> UInt64 {
        var word: UInt64 = 0
        var i = offset
        while i < offset + 8 {
            word = word << 8 | UInt64(bytes[i])
            i += 1
        }
        return word
    }

    private static func nibble(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    /// 64 lower-case digits.
    public func append(to writer: inout ByteWriter) {
        writer.append(hex: words.0, digits: 16)
        writer.append(hex: words.1, digits: 16)
        writer.append(hex: words.2, digits: 16)
        writer.append(hex: words.3, digits: 16)
    }

    public static func == (left: PackageHash, right: PackageHash) -> Bool {
        left.words.0 == right.words.0 && left.words.1 == right.words.1
            && left.words.2 == right.words.2 && left.words.3 == right.words.3
    }
}
