// `tinycot export`: recorded events to standard output, as JSON in one reading, or as GPX or KML in
// two: the first counts, so that memory can be taken for exactly what there is, the second fills a
// `TrackTable`. The files may be of any size. What is needed is 230 KiB and as much of the output
// buffer as the longest event takes; for maps also 48 bytes for each position and up to 112 for
// each uid. Chosen by Main.

import CLinuxSys
import TinyCoT

enum ExportCommand {
    static func run(_ invocation: Invocation, _ startup: StartupMemory) throws(ExitCode) {
        let files = try DumpInputs(invocation, startup)
        let memory = try ToolMemory.take(startup) { arena in ExportMemory(&arena) }
        let filter = DumpFilter(
            uid: text(invocation, .uid), team: text(invocation, .team),
            typePrefix: text(invocation, .type))
        var output = ExportOutput(memory.output, startup)
        var walk = DumpWalk(files, memory.reader, piece: memory.piece, isQuiet: false)
        var events = 0
        if invocation.format == .json {
            events = try writeJSON(&walk, filter, &output)
        } else {
            var withoutPlace = 0
            var visible = 0
            while try walk.next() {
                if !filter.lets(walk.event) { continue }
                events += 1
                var place = MapPlace()
                switch TrackTable.sight(walk.event, &place) {
                case .position, .marker: visible += 1
                case .noPlace: withoutPlace += 1
                case .nothing: break
                }
            }
            report(withoutPlace, startup)
            var tracks = try ExportTracks(visible, files, memory, filter, startup)
            try tracks.write(invocation.format, &output)
        }
        try output.flush()
        walk.reportRefused(startup)
        if events == 0 && !walk.hasForeignFile {
            Console.write("tinycot: there is no such event in the files.\n", to: Console.error)
        }
        if walk.hasForeignFile { throw .badData }
    }

    private static func text(_ invocation: Invocation, _ option: Invocation.Option)
        -> Slab<UInt8>?
    {
        Settings.value(invocation, option).map { Slab(cString: $0) }
    }

    private static func writeJSON(
        _ walk: inout DumpWalk, _ filter: DumpFilter, _ output: inout ExportOutput
    ) throws(ExitCode) -> Int {
        var count = 0
        output.writer.append("[")
        while try walk.next() {
            if !filter.lets(walk.event) { continue }
            output.writer.append(count == 0 ? "\n" : ",\n")
            count += 1
            ExportJSON.line(walk.event, into: &output.writer)
            try output.flushIfFull()
        }
        output.writer.append(count == 0 ? "]\n" : "\n]\n")
        return count
    }

    private static func report(_ withoutPlace: Int, _ startup: StartupMemory) {
        if withoutPlace == 0 { return }
        var writer = ByteWriter(startup.text)
        writer.append("tinycot: left out ")
        writer.append(decimal: withoutPlace)
        writer.append(withoutPlace == 1 ? " event that says" : " events that say")
        writer.append(" no place.\n")
        Console.write(writer.written, to: Console.error)
    }
}

struct ExportMemory {
    let reader: DumpReader
    let piece: Slab<UInt8>
    let output: Slab<UInt8>

    init(_ arena: inout Arena) {
        reader = DumpReader(arena: &arena)
        piece = arena.take(UInt8.self, count: DumpWalk.pieceBytes)
        output = arena.take(
            UInt8.self, count: ExportOutput.keptBytes + ExportText.elementBytesMax)
    }
}

/// Memory of a command. Pages are taken only as far as they are used.
enum ToolMemory {
    /// - Parameter layout: called twice, first to measure.
    static func take<T>(
        _ startup: StartupMemory, _ layout: (inout Arena) -> T
    ) throws(ExitCode) -> T {
        var measuring = Arena.measuring()
        _ = layout(&measuring)
        do throws(SystemError) {
            var arena = try Mapping.arena(bytes: measuring.usedBytes)
            return layout(&arena)
        } catch {
            complain("cannot take memory", Slab(""), reason: error.number, startup: startup)
            throw .system
        }
    }

    /// A secret for hashes of names.
    static func key(_ startup: StartupMemory) throws(ExitCode) -> UInt64 {
        var key: UInt64 = 0
        let result = tcs_random(&key, 8)
        if result == 8 { return key }
        complain("cannot draw a random number", Slab(""), reason: -result, startup: startup)
        throw .system
    }
}

/// Standard output, in large pieces.
struct ExportOutput: BitwiseCopyable {
    /// So much may wait. There is always room for one more element.
    static var keptBytes: Int { 65_536 }

    var writer: ByteWriter
    private let startup: StartupMemory

    init(_ buffer: Slab<UInt8>, _ startup: StartupMemory) {
        writer = ByteWriter(buffer)
        self.startup = startup
    }

    /// After each element.
    mutating func flushIfFull() throws(ExitCode) {
        if writer.count > ExportOutput.keptBytes { try flush() }
    }

    mutating func flush() throws(ExitCode) {
        invariant(!writer.overflowed, "an element fits into the room that is kept for it")
        let bytes = writer.written
        var done = 0
        while done < bytes.count {
            let result = tcs_write(Console.output, bytes.pointer(at: done), bytes.count - done)
            if result == -Int64(tcs_errno_interrupted) { continue }
            if result < 0 {
                complain(
                    "cannot write to standard output", Slab(""), reason: Int32(-result),
                    startup: startup)
                throw .output
            }
            done += Int(result)
        }
        writer.reset()
    }
}
