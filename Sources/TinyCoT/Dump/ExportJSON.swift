// One event as one line of JSON (RFC 8259). Called by `export --json`, which writes the brackets of
// the list and the commas between. The members are always the same and in the same order; what is
// not known is null.

public enum ExportJSON {
    /// Enough for the line of any event: it is escaped to at most six times its length, once whole
    /// and once in parts.
    public static var lineBytesMax: Int {
        2 * 6 * DumpReader.maxEventBytes + 6 * DumpComments.bytesMax + 4_096
    }

    public static func line(_ event: DumpEvent, into writer: inout ByteWriter) {
        let metadata = event.metadata
        let header = event.header
        let point = EventPoint(event.bytes)
        writer.append("{\"received\":")
        write(DumpText(metadata.received), &writer)
        writer.append(",\"clock\":")
        if let clock = metadata.clockMilliseconds {
            writer.append(decimal: clock)
        } else {
            writer.append("null")
        }
        member("sender", DumpText(metadata.sender), &writer)
        member("callsign", DumpText(metadata.callsign), &writer)
        member("team", event.team, &writer)
        member("uid", event.uid, &writer)
        member("type", event.type, &writer)
        member("how", DumpText(event.bytes, attribute: header.how), &writer)
        member("time", DumpText(event.bytes, attribute: header.time), &writer)
        member("start", DumpText(event.bytes, attribute: header.start), &writer)
        member("stale", DumpText(event.bytes, attribute: header.stale), &writer)
        number("lat", event, point.latitude, &writer)
        number("lon", event, point.longitude, &writer)
        number("hae", event, point.height, &writer)
        number("ce", event, point.circularError, &writer)
        number("le", event, point.linearError, &writer)
        member("event", DumpText(event.bytes), &writer)
        writer.append("}")
    }

    private static func name(_ name: StaticString, _ writer: inout ByteWriter) {
        writer.append(",\"")
        writer.append(name)
        writer.append("\":")
    }

    private static func member(
        _ name: StaticString, _ text: DumpText, _ writer: inout ByteWriter
    ) {
        self.name(name, &writer)
        write(text, &writer)
    }

    private static func number(
        _ name: StaticString, _ event: DumpEvent, _ range: ByteRange, _ writer: inout ByteWriter
    ) {
        self.name(name, &writer)
        EventPoint.writeJSON(event.bytes, range, into: &writer)
    }

    private static func write(_ text: DumpText, _ writer: inout ByteWriter) {
        if text.isEmpty {
            writer.append("null")
            return
        }
        writer.append(UInt8(ascii: "\""))
        text.write(.json, into: &writer)
        writer.append(UInt8(ascii: "\""))
    }
}
