// What the tests of recorded events share: a reader with memory of its own that is fed in pieces,
// and what it told, copied out of its memory.

import Testing

@testable import TinyCoT

/// Memory for things that take theirs from an arena; zeroed, and aligned as a mapping is.
final class ArenaMemory {
    private let memory: UnsafeMutableRawBufferPointer

    init(_ byteCount: Int = 1 << 18) {
        memory = .allocate(byteCount: byteCount, alignment: 64)
        memory.initializeMemory(as: UInt8.self, repeating: 0)
    }

    deinit { memory.deallocate() }

    var arena: Arena { Arena(memory: memory) }
}

struct Recorded: Equatable {
    var event: String
    var isPresent = false
    var received = ""
    var clock: Int64?
    var sender = ""
    var callsign = ""
    var team = ""
    var address = ""
    var timeline: UInt64 = 0
}

enum DumpTold: Equatable {
    case event(Recorded)
    case refused(Refusal)
    case foreign
}

final class ReadDump {
    private let memory = ArenaMemory()
    private var reader: DumpReader
    private(set) var told: [DumpTold] = []

    init() {
        var arena = memory.arena
        reader = DumpReader(arena: &arena)
        reader.beginFile()
    }

    convenience init(_ text: String) {
        self.init()
        feed(Array(text.utf8)[...])
    }

    var isInside: Bool { reader.isInside }
    var events: [Recorded] {
        told.compactMap { if case .event(let event) = $0 { event } else { nil } }
    }

    func beginFile() { reader.beginFile() }
    func beginPart() { reader.beginPart() }

    func feed(_ piece: ArraySlice<UInt8>) {
        // A copy that is thrown away: nothing may be remembered by its address.
        var copy = Array(piece) + [0]
        copy.withUnsafeMutableBufferPointer { buffer in
            feed(Slab(start: buffer.baseAddress, count: buffer.count - 1))
        }
    }

    private func feed(_ slab: Slab<UInt8>) {
        var at = 0
        while true {
            switch reader.next(slab, from: at) {
            case .needMoreBytes: return
            case .event(let end):
                told.append(.event(copied(reader.event)))
                at = end
            case .refused(let reason, let resumeAt):
                told.append(.refused(reason))
                at = resumeAt
            case .foreign:
                told.append(.foreign)
                return
            }
        }
    }

    private func copied(_ event: DumpEvent) -> Recorded {
        let data = event.metadata
        return Recorded(
            event: string(event.bytes), isPresent: data.isPresent,
            received: string(data.received), clock: data.clockMilliseconds,
            sender: string(data.sender), callsign: string(data.callsign),
            team: string(data.team), address: string(data.address), timeline: event.timeline)
    }

    private func string(_ slab: Slab<UInt8>) -> String {
        String(decoding: (0..<slab.count).map { slab[$0] }, as: UTF8.self)
    }
}

/// Calls `body` with each event of `text` while it is in the reader's memory.
func withEvents(_ text: String, _ body: (DumpEvent, Int) -> Void) {
    let memory = ArenaMemory()
    var arena = memory.arena
    var reader = DumpReader(arena: &arena)
    reader.beginFile()
    var bytes = Array(text.utf8) + [0]
    bytes.withUnsafeMutableBufferPointer { buffer in
        let slab = Slab(start: buffer.baseAddress, count: buffer.count - 1)
        var at = 0
        while case .event(let end) = reader.next(slab, from: at) {
            body(reader.event, end)
            at = end
        }
    }
}

func withSlab<R>(_ text: String, _ body: (Slab<UInt8>) -> R) -> R {
    var bytes = Array(text.utf8) + [0]
    return bytes.withUnsafeMutableBufferPointer {
        body(Slab(start: $0.baseAddress, count: $0.count - 1))
    }
}

func commentText(
    clock: String = "1000", sender: String = "S", callsign: String = "ALPHA", team: String = "blue"
) -> String {
    "<!-- received=\"2026-11-25T16:05:00.123Z\" clock=\"\(clock)\" sender=\"\(sender)\""
        + " callsign=\"\(callsign)\" team=\"\(team)\" address=\"10.0.0.7\" -->\n"
}
