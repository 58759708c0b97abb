// State files. Any bytes: read the same for every cut, with the same fault on the same line; and
// what is taken can be written, and is then read as the same. And a picture that the input
// describes: written through a buffer of a size that the input chooses, it is read back as it was,
// and as JSON by the reader of the config, which knows nothing of states.

enum FuzzState {
    static func run(_ input: FuzzInput) {
        let whole = read(Array(input.bytes), cuts: [])
        for cuts in input.ways {
            invariant(read(Array(input.bytes), cuts: cuts) == whole, "the same for every cut")
        }
        if whole.fault == nil { readAgain(whole) }
        writeAndRead(input.all)
    }

    // MARK: Values

    struct Client: Equatable {
        /// uid, callsign, team, colour, role, takv, type; and which of them are cut.
        var names: [[UInt8]] = []
        var cut: [Bool] = []
        var numbers: [Int64] = []

        init(_ record: SeenRecord) {
            names = [
                array(record.uid), array(record.callsign), array(record.team),
                array(record.colour), array(record.role), array(record.takv),
                array(record.lastType),
            ]
            cut = [
                record.uid.isCut, record.callsign.isCut, record.team.isCut, record.colour.isCut,
                record.role.isCut, record.takv.isCut, record.lastType.isCut,
            ]
            numbers = [
                record.lastEventAt.milliseconds, record.agoMilliseconds,
                record.isConnected ? 1 : 0,
            ]
        }
    }

    struct Event: Equatable {
        var kind: UInt8
        var team: [UInt8]
        var address: Address
        var age: Int64
        var left: Int64
        var bytes: [UInt8]

        init(_ record: KeptRecord, _ bytes: [UInt8]) {
            kind = record.kind.rawValue
            team = array(record.team)
            address = record.address
            age = record.ageMilliseconds
            left = record.leftMilliseconds
            self.bytes = bytes
        }
    }

    struct Content: Equatable {
        var header: [Int64] = []
        var boot: [UInt8] = []
        var clients: [Client] = []
        var events: [Event] = []
        var skipped = 0
        var line = 0
        var fault: [UInt8]?

        // What was read, as it can be written.
        var headerRecord = StateHeader()
        var clientRecords: [SeenRecord] = []
        var eventRecords: [KeptRecord] = []

        static func == (one: Content, other: Content) -> Bool {
            one.header == other.header && one.boot == other.boot
                && one.clients == other.clients && one.events == other.events
                && one.skipped == other.skipped && one.line == other.line
                && one.fault == other.fault
        }

        func holdsTheSame(as other: Content) -> Bool {
            header == other.header && boot == other.boot && clients == other.clients
                && events == other.events
        }

        fileprivate mutating func take(_ header: StateHeader) {
            headerRecord = header
            boot = array(header.bootId)
            self.header = [
                Int64(clamping: header.generation), header.bootMilliseconds,
                header.wallMilliseconds, header.isWallSynchronised ? 1 : 0,
                header.livedMilliseconds, Int64(clamping: header.starts),
                Int64(clamping: header.eventsIn), Int64(clamping: header.eventsOut),
                header.dayAgeMilliseconds,
            ]
            for i in 0..<StateHeader.purposeCount {
                self.header.append(Int64(clamping: header.writtenTotal[i]))
                self.header.append(Int64(clamping: header.writtenToday[i]))
            }
        }
    }

    // MARK: Reading

    private static let textBytes = 2048

    static func read(_ bytes: [UInt8], cuts: [Int]) -> Content {
        withRoom(textBytes) { memory in
            var content = Content()
            var reader = StateReader(text: memory)
            do throws(StateFault) {
                var from = 0
                for cut in cuts + [bytes.count] {
                    try readPiece(bytes[from..<cut], &reader, &content)
                    from = cut
                }
                try reader.finish()
                invariant(reader.digest != nil, "a whole state has a hash")
            } catch {
                invariant(error.line == reader.line, "a fault is where the reader is")
                content.fault = written(1024) { error.write(into: &$0) }
                invariant(isOneLine(content.fault ?? []), "a fault is one line")
            }
            content.skipped = reader.skippedCount
            content.line = reader.line
            return content
        }
    }

    private static func isOneLine(_ text: [UInt8]) -> Bool {
        text.allSatisfy { $0 >= 0x20 && $0 < 0x7F }
    }

    private static func readPiece(
        _ piece: ArraySlice<UInt8>, _ reader: inout StateReader, _ content: inout Content
    ) throws(StateFault) {
        let bytes = Array(piece)
        let memory = UnsafeMutablePointer<UInt8>.allocate(capacity: max(bytes.count, 1))
        defer { memory.deallocate() }
        _ = UnsafeMutableBufferPointer(start: memory, count: bytes.count).initialize(from: bytes)
        let slab = Slab(start: memory, count: bytes.count)
        var offset = 0
        while true {
            let found = try reader.read(slab, &offset)
            invariant(offset >= 0 && offset <= bytes.count, "a reader stays in its piece")
            switch found {
            case .more:
                invariant(offset == bytes.count, "a piece is read to its end")
                return
            case .header:
                invariant(content.header.isEmpty, "there is one header")
                content.take(reader.header)
            case .client:
                invariant(!content.header.isEmpty, "records stand behind the header")
                content.clients.append(Client(reader.client))
                content.clientRecords.append(reader.client)
            case .event:
                invariant(!content.header.isEmpty, "records stand behind the header")
                let text = array(reader.eventBytes)
                let isUTF8 = String(validating: text, as: UTF8.self) != nil
                invariant(isUTF8, "the text of an event is UTF-8")
                content.events.append(Event(reader.event, text))
                content.eventRecords.append(reader.event)
            case .end: break
            }
        }
    }

    // MARK: Writing

    static func write(
        _ header: StateHeader, _ clients: [SeenRecord], _ events: [(KeptRecord, [UInt8])],
        bufferBytes: Int, later: Int64
    ) -> (bytes: [UInt8], unfit: Int) {
        withRoom(bufferBytes) { slab in
            var file: [UInt8] = []
            var writer = ByteWriter(slab)
            var state = StateWriter()
            func fill(_ piece: (inout StateWriter, inout ByteWriter) -> Bool) {
                while !piece(&state, &writer) {
                    invariant(writer.count > 0, "a full buffer holds something")
                    file += array(writer.written)
                    writer.reset()
                }
            }
            fill { $0.begin(header, &$1) }
            for client in clients { fill { $0.add(client, later: later, &$1) } }
            for (event, bytes) in events {
                withStretch(bytes) { text in fill { $0.add(event, text, later: later, &$1) } }
            }
            fill { $0.end(&$1) }
            file += array(writer.written)
            writer.reset()
            let digest = withRoom(SHA256Digest.byteCount) { SHA256Digest(bytes: $0) }
            StateWriter.writeLastLine(digest, into: &writer)
            invariant(writer.count == StateWriter.lastLineBytes, "the last line has its length")
            file += array(writer.written)
            return (file, state.unfitCount)
        }
    }

    /// What was taken, whoever wrote it, is written by us and read as the same.
    private static func readAgain(_ content: Content) {
        let events = zip(content.eventRecords, content.events).map { ($0, $1.bytes) }
        let file = write(
            content.headerRecord, content.clientRecords, events,
            bufferBytes: StateWriter.bufferBytesMin, later: 0)
        let again = read(file.bytes, cuts: [])
        invariant(again.fault == nil, "we read what we write")
        // A \u escape may have brought in a control character, which is not an event's.
        if file.unfit > 0 { return }
        invariant(again.holdsTheSame(as: content), "what is written is read as it was")
    }

    /// Nothing here but bytes that say what comes next.
    private struct Script {
        var rest: ArraySlice<UInt8>
        mutating func byte() -> UInt8 { rest.popFirst() ?? 0 }
        mutating func text() -> [UInt8] {
            let count = min(Int(byte()), rest.count)
            defer { rest = rest.dropFirst(count) }
            return Array(rest.prefix(count))
        }
        mutating func number() -> Int64 {
            var value: Int64 = 0
            for _ in 0..<8 { value = value << 8 | Int64(byte()) }
            return value >> Int64(byte() & 63)
        }
    }

    private static func writeAndRead(_ bytes: [UInt8]) {
        var script = Script(rest: bytes[...])
        let bufferBytes = StateWriter.bufferBytesMin + Int(script.byte())
        let later = script.number()
        var header = StateHeader()
        header.generation = UInt64(script.byte())
        withStretch(script.text()) { header.bootId.set($0) }
        header.wallMilliseconds = script.number()
        header.bootMilliseconds = script.number()
        header.eventsIn = UInt64(bitPattern: script.number())
        var clients: [SeenRecord] = []
        var events: [(KeptRecord, [UInt8])] = []
        while !script.rest.isEmpty && clients.count + events.count < 32 {
            if script.byte() & 3 == 0 {
                var client = SeenRecord()
                withStretch(script.text()) { client.uid.set($0) }
                withStretch(script.text()) { client.callsign.set($0) }
                withStretch(script.text()) { client.lastType.set($0) }
                client.agoMilliseconds = script.number()
                clients.append(client)
            } else {
                var event = KeptRecord()
                event.kind = KeptRecord.Kind(rawValue: script.byte() % 3) ?? .item
                withStretch(script.text()) { event.team.set($0) }
                event.address = Address(
                    high: UInt64(bitPattern: script.number()),
                    low: UInt64(bitPattern: script.number()))
                event.ageMilliseconds = script.number()
                event.leftMilliseconds = script.number()
                // Up to twenty times, so that an event may be longer than the buffer.
                let text = script.text()
                let times = 1 + Int(script.byte() % 20)
                events.append((event, Array(Array(repeating: text, count: times).joined())))
            }
        }
        let file = write(header, clients, events, bufferBytes: bufferBytes, later: later)
        judge(file, clients, events)
    }

    private static func judge(
        _ file: (bytes: [UInt8], unfit: Int), _ clients: [SeenRecord],
        _ events: [(KeptRecord, [UInt8])]
    ) {
        let content = read(file.bytes, cuts: [])
        invariant(content.fault == nil, "we read what we write")
        let fit = events.filter { _, bytes in
            String(validating: bytes, as: UTF8.self) != nil
                && bytes.allSatisfy { $0 >= 0x20 || [0x09, 0x0A, 0x0D].contains($0) }
        }
        invariant(file.unfit == events.count - fit.count, "what JSON cannot hold is left out")
        let short = fit.filter { $0.1.count <= textBytes }
        invariant(content.skipped == fit.count - short.count, "what is too long is skipped")
        invariant(content.events.map(\.bytes) == short.map(\.1), "events come back")
        invariant(
            content.events.map(\.address) == short.map(\.0.address), "addresses come back")
        invariant(
            content.events.map(\.kind) == short.map(\.0.kind.rawValue), "kinds come back")
        invariant(content.clients.count == clients.count, "clients come back")
        for (read, client) in zip(content.clients, clients) {
            if String(validating: array(client.uid), as: UTF8.self) == nil { continue }
            invariant(read.names[0] == array(client.uid), "a uid comes back")
            invariant(read.cut[0] == client.uid.isCut, "a uid that was cut stays cut")
        }
        withStretch(file.bytes) { slab in
            var reader = JSONReader(slab)
            do throws(ConfigError) {
                while try reader.next() != .end {}
            } catch { invariantBroken("what we write is JSON") }
        }
    }
}
