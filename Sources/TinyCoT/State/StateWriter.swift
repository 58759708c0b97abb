// Writes the state as JSON through a small buffer, one record a line. Called by the store loop,
// which brings each full buffer to the disk (StateFiles) and computes the hash meanwhile.
//
//   var state = StateWriter()
//   while !state.begin(header, &writer) { flush() }
//   for each page:   while !state.add(client, milliseconds, &writer) { flush() }
//                    while !state.add(event, bytes, milliseconds, &writer) { flush() }
//   while !state.end(&writer) { flush() }
//   flush(); StateFiles.commit adds the last line, which holds the hash of all before it
//
// `false` means: the buffer is full. Write it out, reset it, and call again with the same
// arguments; a long event takes several buffers. All clients come before all events, or all events
// before all clients. Each buffer has `bufferBytesMin` at least.
//
// What stands in the file are spans from the header's moment. The spans of a record count from the
// moment of its page, so whoever adds it says how many milliseconds the page is later.

/// The state between two pieces of one file. `eventOffset` says how much of the event that is
/// being written has been written.
public struct StateWriter: BitwiseCopyable {
    /// The longest client with every byte escaped fits, and the header.
    public static var bufferBytesMin: Int { 4096 }
    /// `"sha256":"<64 digits>"}` and a line feed.
    public static var lastLineBytes: Int { 77 }

    private enum Section: UInt8, BitwiseCopyable { case nothing, header, clients, events, ended }

    private var section = Section.nothing
    private var hasClients = false
    private var hasEvents = false
    /// The open list has a record.
    private var isFilled = false
    private var isInEvent = false
    private var eventOffset = 0
    public private(set) var clientCount = 0
    public private(set) var eventCount = 0
    /// Events that were left out because JSON cannot hold them: not UTF-8, or with control
    /// characters. The framer lets none through.
    public private(set) var unfitCount = 0

    public init() {}

    /// Writes the line that ends a file.
    /// - Parameter digest: of all bytes before it.
    public static func writeLastLine(_ digest: SHA256Digest, into writer: inout ByteWriter) {
        writer.append("\"")
        writer.append(StateHeader.Field.digest.name)
        writer.append("\":\"")
        digest.append(to: &writer)
        writer.append("\"}\n")
    }

    // MARK: The parts

    public mutating func begin(_ header: StateHeader, _ writer: inout ByteWriter) -> Bool {
        invariant(section == .nothing, "a state file begins once")
        return whole(&writer) { state, writer in
            StateWriter.write(header, into: &writer)
            state.section = .header
        }
    }

    /// - Parameter later: milliseconds from the header's moment to that of the page.
    public mutating func add(
        _ client: SeenRecord, later: Int64, _ writer: inout ByteWriter
    ) -> Bool {
        whole(&writer) { state, writer in
            state.enter(.clients, &writer)
            StateWriter.write(client, later, into: &writer)
            state.clientCount += 1
        }
    }

    /// - Parameter bytes: the event itself, the same at each call.
    /// - Parameter later: milliseconds from the header's moment to that of the page.
    public mutating func add(
        _ event: KeptRecord, _ bytes: Slab<UInt8>, later: Int64, _ writer: inout ByteWriter
    ) -> Bool {
        if !isInEvent {
            if !StateWriter.isFit(bytes) {
                unfitCount += 1
                return true
            }
            let isBegun = whole(&writer) { state, writer in
                state.enter(.events, &writer)
                StateWriter.write(event, later, into: &writer)
                state.isInEvent = true
                state.eventOffset = 0
            }
            if !isBegun { return false }
        }
        writeText(bytes, &writer)
        if eventOffset < bytes.count || writer.slab.count - writer.count < 2 { return false }
        writer.append("\"}")
        isInEvent = false
        eventCount += 1
        return true
    }

    /// Everything but the last line.
    public mutating func end(_ writer: inout ByteWriter) -> Bool {
        whole(&writer) { state, writer in
            if !state.hasClients { state.enter(.clients, &writer, isRecord: false) }
            if !state.hasEvents { state.enter(.events, &writer, isRecord: false) }
            writer.append("\n],\n")
            state.section = .ended
        }
    }

    // MARK: How

    /// Writes all of it or nothing.
    private mutating func whole(
        _ writer: inout ByteWriter, _ body: (inout StateWriter, inout ByteWriter) -> Void
    ) -> Bool {
        invariant(!isInEvent && !writer.overflowed, "one thing is written at a time")
        let before = (self, writer)
        body(&self, &writer)
        if !writer.overflowed { return true }
        (self, writer) = before
        invariant(writer.count > 0, "an empty buffer takes a record")
        return false
    }

    /// Opens a list where it is not open, and begins a line in it.
    private mutating func enter(
        _ wanted: Section, _ writer: inout ByteWriter, isRecord: Bool = true
    ) {
        invariant(section != .nothing && section != .ended, "records stand behind the header")
        if section != wanted {
            let isNew = wanted == .clients ? !hasClients : !hasEvents
            invariant(isNew, "a list is written in one go")
            if section != .header { writer.append("\n],\n") }
            writer.append("\"")
            writer.append(
                wanted == .clients
                    ? StateHeader.Field.clients.name : StateHeader.Field.events.name)
            writer.append("\":[")
            section = wanted
            isFilled = false
            if wanted == .clients { hasClients = true } else { hasEvents = true }
        }
        if !isRecord { return }
        writer.append(isFilled ? ",\n" : "\n")
        isFilled = true
    }

    /// As much of the event as there is room for.
    private mutating func writeText(_ bytes: Slab<UInt8>, _ writer: inout ByteWriter) {
        // Every turn passes a run and what ends it, or fills the buffer.
        while eventOffset < bytes.count {
            let room = writer.slab.count - writer.count
            let longest = min(bytes.count - eventOffset, room)
            var run = 0
            while run < longest, StateWriter.escape(bytes[eventOffset + run]) == 0 { run += 1 }
            writer.append(bytes.slice(eventOffset, run))
            eventOffset += run
            if eventOffset == bytes.count || room - run < 2 { return }
            writer.append(UInt8(ascii: "\\"))
            writer.append(StateWriter.escape(bytes[eventOffset]))
            eventOffset += 1
        }
    }

    /// What stands behind the backslash, or 0 for a byte that stands for itself.
    @inline(__always)
    private static func escape(_ byte: UInt8) -> UInt8 {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): byte
        case 0x09: UInt8(ascii: "t")
        case 0x0A: UInt8(ascii: "n")
        case 0x0D: UInt8(ascii: "r")
        default: 0
        }
    }

    /// UTF-8 without control characters but tab, line feed and carriage return.
    private static func isFit(_ bytes: Slab<UInt8>) -> Bool {
        var check = UTF8Check()
        var i = 0
        while i < bytes.count {
            let byte = bytes[i]
            if byte < 0x20 && escape(byte) == 0 || !check.take(byte) { return false }
            i += 1
        }
        return check.isWhole
    }

    // MARK: What

    /// One member a line. `version` comes first, in every version that there will be.
    private static func write(_ header: StateHeader, into writer: inout ByteWriter) {
        writer.append("{")
        member(.version, StateHeader.version, &writer)
        member(.generation, Int64(clamping: header.generation), &writer)
        begin(.boot, &writer)
        writer.append("\"")
        writer.append(header.bootId, as: .json)
        writer.append("\",\n")
        member(.bootMilliseconds, header.bootMilliseconds, &writer)
        member(.wallMilliseconds, header.wallMilliseconds, &writer)
        begin(.isWallSynchronised, &writer)
        writer.append(header.isWallSynchronised ? "true,\n" : "false,\n")
        member(.livedMilliseconds, header.livedMilliseconds, &writer)
        member(.starts, Int64(clamping: header.starts), &writer)
        member(.eventsIn, Int64(clamping: header.eventsIn), &writer)
        member(.eventsOut, Int64(clamping: header.eventsOut), &writer)
        purposes(.writtenTotal, header.writtenTotal, &writer)
        purposes(.writtenToday, header.writtenToday, &writer)
        member(.dayAgeMilliseconds, header.dayAgeMilliseconds, &writer)
    }

    private static func begin(_ field: StateHeader.Field, _ writer: inout ByteWriter) {
        writer.append("\"")
        writer.append(field.name)
        writer.append("\":")
    }

    private static func member(
        _ field: StateHeader.Field, _ value: Int64, _ writer: inout ByteWriter
    ) {
        begin(field, &writer)
        let isSigned = field == .wallMilliseconds
        writer.append(decimal: isSigned ? bounded(value) : max(0, bounded(value)))
        writer.append(",\n")
    }

    private static func purposes(
        _ field: StateHeader.Field, _ values: InlineArray<4, UInt64>, _ writer: inout ByteWriter
    ) {
        begin(field, &writer)
        var json = JSONWriter()
        json.beginObject(&writer)
        var i = 0
        while i < StateHeader.purposeCount {
            json.key(StateHeader.purposeName(i), &writer)
            json.number(bounded(Int64(clamping: values[i])), &writer)
            i += 1
        }
        json.endObject(&writer)
        writer.append(",\n")
    }

    static func bounded(_ value: Int64) -> Int64 {
        min(max(value, -StateHeader.numberMax), StateHeader.numberMax)
    }

    /// Negative for what came after the header's moment.
    private static func span(_ value: Int64, _ more: Int64) -> Int64 {
        bounded(bounded(value) + more)
    }

    private static func write(
        _ client: SeenRecord, _ later: Int64, into writer: inout ByteWriter
    ) {
        typealias Field = SeenRecord.Field
        var json = JSONWriter()
        json.beginObject(&writer)
        var cut = Cut()
        cut.name(.uid, client.uid, &json, &writer)
        cut.name(.callsign, client.callsign, &json, &writer)
        cut.name(.team, client.team, &json, &writer)
        cut.name(.colour, client.colour, &json, &writer)
        cut.name(.role, client.role, &json, &writer)
        cut.name(.takv, client.takv, &json, &writer)
        cut.name(.lastType, client.lastType, &json, &writer)
        json.key(Field.lastEventAt.name, &writer)
        json.number(bounded(client.lastEventAt.milliseconds), &writer)
        json.key(Field.ago.name, &writer)
        json.number(span(client.agoMilliseconds, -bounded(later)), &writer)
        json.key(Field.isConnected.name, &writer)
        json.boolean(client.isConnected, &writer)
        cut.list(&json, &writer)
        json.endObject(&writer)
    }

    /// Which names of a client were too long for their fields: what is here is their beginning, and
    /// such a name is nobody's.
    private struct Cut {
        var fields: UInt32 = 0

        mutating func name<let capacity: Int>(
            _ field: SeenRecord.Field, _ text: ShortText<capacity>, _ json: inout JSONWriter,
            _ writer: inout ByteWriter
        ) {
            json.key(field.name, &writer)
            json.string(text, &writer)
            if text.isCut { fields |= 1 << UInt32(field.rawValue) }
        }

        func list(_ json: inout JSONWriter, _ writer: inout ByteWriter) {
            if fields == 0 { return }
            json.key(SeenRecord.Field.cut.name, &writer)
            json.beginList(&writer)
            var i: UInt8 = 0
            while i < SeenRecord.Field.count {
                if fields & 1 << UInt32(i) != 0, let field = SeenRecord.Field(rawValue: i) {
                    json.string(field.name, &writer)
                }
                i += 1
            }
            json.endList(&writer)
        }
    }

    /// Up to the first byte of the event.
    private static func write(
        _ event: KeptRecord, _ later: Int64, into writer: inout ByteWriter
    ) {
        typealias Field = KeptRecord.Field
        var json = JSONWriter()
        json.beginObject(&writer)
        json.key(Field.kind.name, &writer)
        json.string(event.kind.name, &writer)
        json.key(Field.team.name, &writer)
        json.string(event.team, &writer)
        json.key(Field.address.name, &writer)
        writer.append("\"")
        writer.append(event.address)
        writer.append("\",\"")
        writer.append(Field.age.name)
        writer.append("\":")
        writer.append(decimal: span(event.ageMilliseconds, -bounded(later)))
        writer.append(",\"")
        writer.append(Field.left.name)
        writer.append("\":")
        writer.append(decimal: max(0, span(event.leftMilliseconds, bounded(later))))
        writer.append(",\"")
        writer.append(Field.event.name)
        writer.append("\":\"")
    }
}
