// The name under which a browser or phone saves a download (RFC 6266, RFC 8187). It was chosen by
// whoever uploaded the package, so it is hostile: it must not end the header line, leave the
// folder, hide, or pretend another ending by turning the direction of writing. Called by
// `HTTPResponseWriter`. Whatever comes in, what goes out is one well-formed field value.

struct DownloadName {
    /// Longer names are cut; file systems stop at 255 bytes.
    static var maxBytes: Int { 128 }

    private let name: Slab<UInt8>

    /// - Parameter name: any bytes. What stands before the last `/` or `\` is dropped, and so are
    ///   blanks and dots at both ends.
    init(_ name: Slab<UInt8>) {
        var start = 0
        var i = 0
        while i < name.count {
            if name[i] == UInt8(ascii: "/") || name[i] == UInt8(ascii: "\\") { start = i + 1 }
            i += 1
        }
        var end = name.count
        while start < end, DownloadName.isDropped(name[start]) { start += 1 }
        if end - start > DownloadName.maxBytes {
            end = start + DownloadName.maxBytes
            while end > start, name[end] & 0xC0 == 0x80 { end -= 1 }
        }
        while end > start, DownloadName.isDropped(name[end - 1]) { end -= 1 }
        self.name = name.slice(start, end - start)
    }

    /// A dot in front hides a file, one behind is dropped by Windows; `..` is no name at all.
    private static func isDropped(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: ".") || byte <= 0x20
    }

    /// Appends `attachment; filename="…"`, and `filename*=` if that alone cannot say the name.
    func write(into writer: inout ByteWriter) {
        writer.append("attachment; filename=\"")
        if name.count == 0 {
            writer.append("package\"")
            return
        }
        let isWhole = writeCharacters(extended: false, into: &writer)
        writer.append("\"")
        if isWhole { return }
        writer.append("; filename*=UTF-8''")
        _ = writeCharacters(extended: true, into: &writer)
    }

    /// True if every character was written that may be in a name at all.
    private func writeCharacters(extended: Bool, into writer: inout ByteWriter) -> Bool {
        var isWhole = true
        var i = 0
        while i < name.count {
            let character = character(at: i)
            let bytes = name.slice(i, character.count)
            i += character.count
            if !character.isAllowed {
                writer.append(UInt8(ascii: "_"))
            } else if extended {
                writeExtended(bytes, into: &writer)
            } else {
                // Some readers decode a percent sign in the plain form, others do not.
                let isPlain = bytes.count == 1 && bytes[0] != UInt8(ascii: "%")
                writer.append(isPlain ? bytes[0] : UInt8(ascii: "_"))
                isWhole = isWhole && isPlain
            }
        }
        return isWhole
    }

    private func writeExtended(_ character: Slab<UInt8>, into writer: inout ByteWriter) {
        var i = 0
        while i < character.count {
            if HTTPCharacters.isUnreserved(character[i]) {
                writer.append(character[i])
            } else {
                writer.append(UInt8(ascii: "%"))
                writer.append(DownloadName.digit(character[i] >> 4))
                writer.append(DownloadName.digit(character[i] & 15))
            }
            i += 1
        }
    }

    /// RFC 3986 section 2.1 wants capital letters.
    private static func digit(_ nibble: UInt8) -> UInt8 {
        nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "A") + nibble - 10
    }

    /// How many bytes the character at `index` has, and whether it may be in a name. A byte that
    /// begins no character counts as one.
    private func character(at index: Int) -> (count: Int, isAllowed: Bool) {
        let byte = name[index]
        if byte < 0x80 {
            // What Windows or a quoted string does not take.
            switch byte {
            case 0..<0x20, 0x7F, UInt8(ascii: "\""), UInt8(ascii: "*"), UInt8(ascii: ":"),
                UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "?"), UInt8(ascii: "|"):
                return (1, false)
            default: return (1, true)
            }
        }
        guard let start = name.start,
            let scalar = try? Scalar.read(UnsafePointer(start), index, name.count)
        else { return (1, false) }
        return (scalar.count, !DownloadName.isDeceptive(scalar.value))
    }

    /// Controls beyond ASCII, and marks that turn the direction of writing, break the line, or
    /// cannot be seen.
    private static func isDeceptive(_ value: UInt32) -> Bool {
        switch value {
        case 0x80...0x9F, 0x61C, 0x200B...0x200F, 0x2028...0x202E, 0x2060...0x206F, 0xFEFF: true
        default: false
        }
    }
}
