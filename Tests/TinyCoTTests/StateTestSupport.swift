// What the tests of the state file share: writing one through a small buffer, reading one in
// pieces, and everything that a file holds as values that can be compared.
import Foundation

@testable import TinyCoT

struct StateEvent: Equatable {
    var kind = KeptRecord.Kind.item
    var team = ""
    var address = Address()
    var age: Int64 = 0
    var left: Int64 = 0
    var bytes: [UInt8] = []

    var record: KeptRecord {
        var record = KeptRecord()
        record.kind = kind
        withStateBytes(Array(team.utf8)) { record.team.set($0) }
        record.address = address
        record.ageMilliseconds = age
        record.leftMilliseconds = left
        return record
    }
}

struct StateClient: Equatable {
    var uid: [UInt8] = []
    var callsign: [UInt8] = []
    var team: [UInt8] = []
    var colour: [UInt8] = []
    var role: [UInt8] = []
    var takv: [UInt8] = []
    var lastType: [UInt8] = []
    var lastEvent: Int64 = 0
    var ago: Int64 = 0
    var isConnected = false
    /// uid, callsign, team, colour, role, takv, type.
    var cut = [Bool](repeating: false, count: 7)

    init() {}

    init(_ record: SeenRecord) {
        uid = stateBytes(record.uid)
        callsign = stateBytes(record.callsign)
        team = stateBytes(record.team)
        colour = stateBytes(record.colour)
        role = stateBytes(record.role)
        takv = stateBytes(record.takv)
        lastType = stateBytes(record.lastType)
        lastEvent = record.lastEventAt.milliseconds
        ago = record.agoMilliseconds
        isConnected = record.isConnected
        cut = [
            record.uid.isCut, record.callsign.isCut, record.team.isCut, record.colour.isCut,
            record.role.isCut, record.takv.isCut, record.lastType.isCut,
        ]
    }

    var record: SeenRecord {
        var record = SeenRecord()
        withStateBytes(uid) { record.uid.set($0) }
        withStateBytes(callsign) { record.callsign.set($0) }
        withStateBytes(team) { record.team.set($0) }
        withStateBytes(colour) { record.colour.set($0) }
        withStateBytes(role) { record.role.set($0) }
        withStateBytes(takv) { record.takv.set($0) }
        withStateBytes(lastType) { record.lastType.set($0) }
        // Of the others, their length decides.
        if cut[0] { record.uid.markCut() }
        record.lastEventAt = WallTime(milliseconds: lastEvent)
        record.agoMilliseconds = ago
        record.isConnected = isConnected
        return record
    }
}

/// All numbers of a header, in the order of its fields.
func stateNumbers(_ header: StateHeader) -> [Int64] {
    var all: [Int64] = [
        Int64(clamping: header.generation), header.bootMilliseconds, header.wallMilliseconds,
        header.isWallSynchronised ? 1 : 0, header.livedMilliseconds,
        Int64(clamping: header.starts), Int64(clamping: header.eventsIn),
        Int64(clamping: header.eventsOut), header.dayAgeMilliseconds,
    ]
    for i in 0..<4 { all.append(Int64(clamping: header.writtenTotal[i])) }
    for i in 0..<4 { all.append(Int64(clamping: header.writtenToday[i])) }
    return all
}

/// What a file holds.
struct StateContent: Equatable {
    var boot: [UInt8] = []
    var numbers: [Int64] = []
    var clients: [StateClient] = []
    var events: [StateEvent] = []
    var skipped = 0
    var fault: String?
}

func withStateBytes<R>(_ bytes: [UInt8], _ body: (Slab<UInt8>) -> R) -> R {
    // Exactly so long, so that a look behind the end meets nothing of ours.
    let start = UnsafeMutablePointer<UInt8>.allocate(capacity: max(1, bytes.count))
    defer { start.deallocate() }
    start.initialize(from: bytes, count: bytes.count)
    return body(Slab(start: start, count: bytes.count))
}

func stateBytes(_ slab: Slab<UInt8>) -> [UInt8] { (0..<slab.count).map { slab[$0] } }

func stateBytes<let capacity: Int>(_ text: ShortText<capacity>) -> [UInt8] {
    (0..<Int(text.count)).map { text[$0] }
}

func stateSentence(_ write: (inout ByteWriter) -> Void) -> String {
    withStateBytes([UInt8](repeating: 0, count: 1024)) { slab in
        var writer = ByteWriter(slab)
        write(&writer)
        return String(decoding: stateBytes(writer.written), as: UTF8.self)
    }
}

/// Every member different, and none of them zero.
func stateHeader(generation: UInt64 = 7) -> StateHeader {
    var header = StateHeader()
    header.generation = generation
    header.bootId.set("0f9a2c5e-6c1b-4a53-9d7e-000000000001")
    header.bootMilliseconds = 81_234_567
    header.wallMilliseconds = 1_795_622_700_123
    header.isWallSynchronised = true
    header.livedMilliseconds = 400_000_000
    header.starts = 3
    header.eventsIn = 123_456
    header.eventsOut = 7_890_123
    for i in 0..<4 {
        header.writtenTotal[i] = UInt64(1000 + i)
        header.writtenToday[i] = UInt64(10 + i)
    }
    header.dayAgeMilliseconds = 3_600_000
    return header
}

/// The bytes of a file, hash of nothing but zeros at the end.
func stateFile(
    _ header: StateHeader, _ clients: [StateClient], _ events: [StateEvent], later: Int64 = 0,
    bufferBytes: Int = StateWriter.bufferBytesMin, eventsFirst: Bool = false
) -> [UInt8] {
    var file: [UInt8] = []
    withStateBytes([UInt8](repeating: 0xA5, count: bufferBytes)) { slab in
        var writer = ByteWriter(slab)
        var state = StateWriter()
        func fill(_ piece: (inout StateWriter, inout ByteWriter) -> Bool) {
            while !piece(&state, &writer) {
                file += stateBytes(writer.written)
                writer.reset()
            }
        }
        fill { $0.begin(header, &$1) }
        func writeClients() {
            for client in clients { fill { $0.add(client.record, later: later, &$1) } }
        }
        func writeEvents() {
            for event in events {
                withStateBytes(event.bytes) { bytes in
                    fill { $0.add(event.record, bytes, later: later, &$1) }
                }
            }
        }
        if eventsFirst { writeEvents() }
        writeClients()
        if !eventsFirst { writeEvents() }
        fill { $0.end(&$1) }
        file += stateBytes(writer.written)
        writer.reset()
        let digest = withStateBytes([UInt8](repeating: 0, count: 32)) { SHA256Digest(bytes: $0) }
        StateWriter.writeLastLine(digest, into: &writer)
        precondition(writer.count == StateWriter.lastLineBytes)
        file += stateBytes(writer.written)
    }
    return file
}

/// Reads a file that is cut at `cuts`, which ascend.
func readState(
    _ file: [UInt8], cuts: [Int] = [], eventMaxBytes: Int = 65_536
) -> StateContent {
    var content = StateContent()
    withStateBytes([UInt8](repeating: 0xA5, count: eventMaxBytes)) { memory in
        var reader = StateReader(text: memory)
        do throws(StateFault) {
            var start = 0
            for end in cuts + [file.count] {
                let piece = Array(file[start..<end])
                start = end
                try readPiece(piece, &reader, &content)
            }
            try reader.finish()
        } catch {
            content.fault = stateSentence { error.write(into: &$0) }
        }
        content.skipped = reader.skippedCount
    }
    return content
}

private func readPiece(
    _ piece: [UInt8], _ reader: inout StateReader, _ content: inout StateContent
) throws(StateFault) {
    let memory = UnsafeMutablePointer<UInt8>.allocate(capacity: max(1, piece.count))
    defer { memory.deallocate() }
    memory.initialize(from: piece, count: piece.count)
    let slab = Slab(start: memory, count: piece.count)
    var offset = 0
    while true {
        switch try reader.read(slab, &offset) {
        case .more: return
        case .header:
            content.boot = stateBytes(reader.header.bootId)
            content.numbers = stateNumbers(reader.header)
        case .client: content.clients.append(StateClient(reader.client))
        case .event:
            content.events.append(
                StateEvent(
                    kind: reader.event.kind,
                    team: String(decoding: stateBytes(reader.event.team), as: UTF8.self),
                    address: reader.event.address, age: reader.event.ageMilliseconds,
                    left: reader.event.leftMilliseconds, bytes: stateBytes(reader.eventBytes)))
        case .end: break
        }
    }
}

/// What Python's json makes of each file: its answer to `expression`, in which the text is `s`.
func pythonJSON(_ files: [[UInt8]], _ expression: String) throws -> [String] {
    let program = """
        import json, sys
        for line in open(sys.argv[1]):
            try:
                s = json.loads(bytes.fromhex(line).decode())
                print(\(expression))
            except ValueError:
                print('refused')
        """
    let input = FileManager.default.temporaryDirectory
        .appendingPathComponent("state-\(UUID().uuidString).txt")
    defer { try? FileManager.default.removeItem(at: input) }
    let lines = files.map { file in
        file.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined() + "\n"
    }
    try Data(lines.joined().utf8).write(to: input)
    let python = Process()
    python.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    python.arguments = ["python3", "-c", program, input.path]
    let output = Pipe()
    python.standardOutput = output
    try python.run()
    let answer = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    python.waitUntilExit()
    return answer.split(separator: "\n").map(String.init)
}
