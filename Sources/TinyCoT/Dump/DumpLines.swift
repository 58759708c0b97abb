// The lines of a dump file that are not events (docs/dump.md): the first line of a file and the
// comment before each event. Both are XML comments, so that the file is what a client could have
// sent. Called by the store loop; pure text.

public enum DumpLines {
    /// Either line fits: three bytes for each of a name, and the words around them.
    public static var lineBytes: Int { 1_024 }

    /// The first line of a file.
    public static func writeHead(boot: ShortText<40>, into writer: inout ByteWriter) {
        writer.append("<!-- tinycot dump 1 boot=\"")
        append(boot, to: &writer)
        writer.append("\" -->\n")
    }

    /// What stands before an event.
    public static func writeComment(_ record: FeedRecord, into writer: inout ByteWriter) {
        writer.append("<!-- received=\"")
        CoTTime.write(record.received, into: &writer)
        writer.append("\" clock=\"")
        writer.append(decimal: record.clockMilliseconds)
        writer.append("\" sender=\"")
        append(record.sender, to: &writer)
        writer.append("\" callsign=\"")
        append(record.callsign, to: &writer)
        writer.append("\" team=\"")
        append(record.team, to: &writer)
        writer.append("\" address=\"")
        writer.append(record.address)
        writer.append("\" -->\n")
    }

    /// A value as it may stand in a quoted value of a comment: no byte of it can end either, and
    /// XML allows no two hyphens in a row inside a comment.
    static func append<let capacity: Int>(
        _ text: ShortText<capacity>, to writer: inout ByteWriter
    ) {
        var previous: UInt8 = 0
        var i = 0
        while i < Int(text.count) {
            let byte = text[i]
            i += 1
            let mustBeEncoded: Bool
            switch byte {
            case 0..<0x20, 0x7F, UInt8(ascii: "%"), UInt8(ascii: "\""), UInt8(ascii: "<"),
                UInt8(ascii: ">"), UInt8(ascii: "&"):
                mustBeEncoded = true
            case UInt8(ascii: "-"):
                mustBeEncoded = previous == byte || i == Int(text.count)
            default: mustBeEncoded = false
            }
            if mustBeEncoded { writer.append(percent: byte) } else { writer.append(byte) }
            previous = byte
        }
    }
}

extension ByteWriter {
    fileprivate mutating func append(percent byte: UInt8) {
        append(UInt8(ascii: "%"))
        append(hexDigit: byte >> 4)
        append(hexDigit: byte & 15)
    }

    private mutating func append(hexDigit value: UInt8) {
        append(value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "A") + value - 10)
    }
}
