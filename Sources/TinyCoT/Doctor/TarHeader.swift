// The archive that the doctor writes is a plain tar of the format `ustar` (POSIX.1-1988, pax(1)):
// for each file one block of 512 bytes with its name and size, the file, zeros up to the next
// block; two blocks of zeros at the end. Every system can unpack it.

public enum TarHeader {
    public static var blockBytes: Int { 512 }

    /// One block: a regular file of everybody's own, mode 0600.
    /// - Parameters:
    ///   - name: at most 99 bytes, without a slash at its beginning.
    ///   - time: of the last change; before 1970 counts as 1970.
    public static func write(
        name: StaticString, bytes: Int, time: WallTime, into writer: inout ByteWriter
    ) {
        invariant(name.utf8CodeUnitCount < 100, "a name in an archive is short")
        let start = writer.count
        writer.append(name)
        fill(&writer, start, to: 100)
        octal(0o600, 8, &writer)
        // User and group: root, and nobody restores them.
        octal(0, 8, &writer)
        octal(0, 8, &writer)
        octal(bytes, 12, &writer)
        octal(Int(max(0, time.milliseconds / 1_000)), 12, &writer)
        // The sum is made with blanks in its own place.
        writer.append("        0")
        fill(&writer, start, to: 257)
        writer.append("ustar")
        writer.append(UInt8(0))
        writer.append("00")
        fill(&writer, start, to: blockBytes)
        if writer.overflowed { return }
        let block = writer.slab.slice(start, blockBytes)
        var sum = 0
        var i = 0
        while i < blockBytes {
            sum += Int(block[i])
            i += 1
        }
        var place = ByteWriter(block.slice(148, 8))
        octal(sum, 7, &place)
        block[155] = UInt8(ascii: " ")
    }

    /// Zeros behind a file of so many bytes.
    public static func padding(behind bytes: Int) -> Int {
        (blockBytes - bytes % blockBytes) % blockBytes
    }

    private static func fill(_ writer: inout ByteWriter, _ start: Int, to offset: Int) {
        while writer.count - start < offset && !writer.overflowed { writer.append(UInt8(0)) }
    }

    /// `width - 1` octal digits and a zero byte.
    private static func octal(_ value: Int, _ width: Int, _ writer: inout ByteWriter) {
        var shift = (width - 2) * 3
        while shift >= 0 {
            writer.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value >> shift & 7))
            shift -= 3
        }
        writer.append(UInt8(0))
    }
}
