// The SHA-256 of a package: its name in the protocol (`hash`, protocol 8.3) and on the disk.
// Called wherever a package is named. Computing it is the edge's business; here it is read,
// written and compared. Whatever is made of a request's text is 32 bytes or nothing, so that no
// text of the network ever becomes a path.

/// 256 bits. Equal digests are equal packages.
public struct SHA256Digest: BitwiseCopyable, Equatable, Sendable {
    public static var byteCount: Int { 32 }
    /// Hexadecimal digits of the written form.
    public static var digitCount: Int { 64 }

    private var bytes: InlineArray<32, UInt8> = .init(repeating: 0)

    /// - Parameter digest: 32 bytes, the first one first.
    public init(bytes digest: Slab<UInt8>) {
        invariant(digest.count == SHA256Digest.byteCount, "a SHA-256 has 32 bytes")
        var i = 0
        while i < SHA256Digest.byteCount {
            bytes[i] = digest[i]
            i += 1
        }
    }

    /// - Parameter text: 64 hexadecimal digits in either case.
    /// - Returns: nil for anything else.
    public init?(hex text: Slab<UInt8>) {
        if text.count != SHA256Digest.digitCount { return nil }
        var digits: InlineArray<64, UInt8> = .init(repeating: 0)
        var i = 0
        while i < SHA256Digest.digitCount {
            digits[i] = text[i]
            i += 1
        }
        self.init(hex: digits)
    }

    public init?(hex text: InlineArray<64, UInt8>) {
        var i = 0
        while i < SHA256Digest.byteCount {
            let high = JSONReader.hexValue(text[2 * i])
            let low = JSONReader.hexValue(text[2 * i + 1])
            if high < 0 || low < 0 { return nil }
            bytes[i] = UInt8(high << 4 | low)
            i += 1
        }
    }

    public subscript(index: Int) -> UInt8 { bytes[index] }

    /// 64 lower-case digits.
    public func append(to writer: inout ByteWriter) {
        var i = 0
        while i < SHA256Digest.byteCount {
            writer.append(hex: UInt64(bytes[i]), digits: 2)
            i += 1
        }
    }

    public static func == (one: SHA256Digest, other: SHA256Digest) -> Bool {
        var i = 0
        while i < SHA256Digest.byteCount {
            if one.bytes[i] != other.bytes[i] { return false }
            i += 1
        }
        return true
    }
}
