// Percent-escapes in the path of an address (RFC 3986 section 2.1), decoded once and never twice:
// `%2541` is the text `%41`. Called by the routes and by those who read a parameter of a path.
// A plus sign is a plus sign here; only queries use it for a blank.

public enum PathText {
    /// Has every percent sign two hexadecimal digits behind it?
    public static func isWellFormed(_ path: Slab<UInt8>) -> Bool {
        var i = 0
        while i < path.count {
            if path[i] == UInt8(ascii: "%") {
                if path.count - i < 3 || JSONReader.hexValue(path[i + 1]) < 0
                    || JSONReader.hexValue(path[i + 2]) < 0
                {
                    return false
                }
            }
            i += 1
        }
        return true
    }

    /// The decoded bytes of a part of a well-formed path. They may be anything, NUL and slashes
    /// included.
    public static func append(
        _ path: Slab<UInt8>, _ range: Range<Int>, to writer: inout ByteWriter
    ) {
        var i = range.lowerBound
        while i < range.upperBound {
            writer.append(byte(path, i))
            i += length(path, i)
        }
    }

    /// The digest that a part of a well-formed path is, if it is one.
    public static func digest(_ path: Slab<UInt8>, _ range: Range<Int>) -> SHA256Digest? {
        var text: InlineArray<64, UInt8> = .init(repeating: 0)
        var count = 0
        var i = range.lowerBound
        while i < range.upperBound {
            if count == SHA256Digest.digitCount { return nil }
            text[count] = byte(path, i)
            count += 1
            i += length(path, i)
        }
        return count == SHA256Digest.digitCount ? SHA256Digest(hex: text) : nil
    }

    @inline(__always)
    static func byte(_ path: Slab<UInt8>, _ at: Int) -> UInt8 {
        if path[at] != UInt8(ascii: "%") { return path[at] }
        return UInt8(JSONReader.hexValue(path[at + 1]) << 4 | JSONReader.hexValue(path[at + 2]))
    }

    @inline(__always)
    static func length(_ path: Slab<UInt8>, _ at: Int) -> Int {
        path[at] == UInt8(ascii: "%") ? 3 : 1
    }
}
