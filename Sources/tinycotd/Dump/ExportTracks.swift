// GPX and KML out of the files: fills the table in a second reading, sorts it, and writes document
// by document in the order that its format wants. Names are read again from the files where they
// are needed. Used by `ExportCommand`.

import TinyCoT

struct ExportTracks {
    private var table: TrackTable
    private var walk: DumpWalk

    /// - Parameter events: as many as the first reading found to be shown.
    init(
        _ events: Int, _ files: DumpInputs, _ memory: ExportMemory, _ filter: DumpFilter,
        _ startup: StartupMemory
    ) throws(ExitCode) {
        let key = try ToolMemory.key(startup)
        table = try ToolMemory.take(startup) { arena in
            TrackTable(events: events, key: key, arena: &arena)
        }
        walk = DumpWalk(files, memory.reader, piece: memory.piece, isQuiet: true)
        while try walk.next() {
            if !filter.lets(walk.event) { continue }
            if !table.note(walk.event, at: walk.place) {
                Console.write(
                    "tinycot: the files change while they are read.\n", to: Console.error)
                throw .temporary
            }
        }
        table.arrange()
    }

    mutating func write(
        _ format: Invocation.Format, _ output: inout ExportOutput
    ) throws(ExitCode) {
        if format == .gpx { try writeGPX(&output) } else { try writeKML(&output) }
    }

    /// Makes the event at `place` the one in hand.
    private mutating func find(_ place: DumpPlace) throws(ExitCode) {
        if try walk.find(place) { return }
        Console.write("tinycot: the files change while they are read.\n", to: Console.error)
        throw .temporary
    }

    private mutating func writeGPX(_ output: inout ExportOutput) throws(ExitCode) {
        output.writer.append(ExportGPX.begin)
        var i = 0
        while i < table.thingCount {
            let thing = table.thing(i)
            i += 1
            if !thing.marker.isKnown { continue }
            try find(thing.marker)
            ExportGPX.waypoint(walk.event, into: &output.writer)
            try output.flushIfFull()
        }
        i = 0
        while i < table.thingCount {
            let thing = table.thing(i)
            i += 1
            if thing.pointCount == 0 { continue }
            try find(thing.position)
            ExportGPX.beginTrack(walk.event, into: &output.writer)
            var point = 0
            while point < Int(thing.pointCount) {
                ExportGPX.point(table.point(point, of: thing), into: &output.writer)
                try output.flushIfFull()
                point += 1
            }
            output.writer.append(ExportGPX.endTrack)
        }
        output.writer.append(ExportGPX.end)
    }

    private mutating func writeKML(_ output: inout ExportOutput) throws(ExitCode) {
        ExportKML.begin(into: &output.writer)
        var i = 0
        var team: UInt32?
        while i < table.thingCount {
            let thing = table.thing(byTeam: i)
            i += 1
            try find(table.latest(of: thing))
            if team != thing.teamRank {
                if team != nil { output.writer.append(ExportKML.endFolder) }
                team = thing.teamRank
                ExportKML.beginFolder(walk.event, into: &output.writer)
            }
            if thing.marker.isKnown {
                try find(thing.marker)
                ExportKML.marker(walk.event, into: &output.writer)
                try output.flushIfFull()
            }
            if thing.pointCount > 0 { try writeTrack(thing, &output) }
        }
        if team != nil { output.writer.append(ExportKML.endFolder) }
        output.writer.append(ExportKML.end)
    }

    /// A line has at least two ends.
    private mutating func writeTrack(
        _ thing: TrackThing, _ output: inout ExportOutput
    ) throws(ExitCode) {
        try find(thing.position)
        if thing.pointCount > 1 {
            ExportKML.beginLine(walk.event, into: &output.writer)
            var point = 0
            while point < Int(thing.pointCount) {
                ExportKML.coordinates(table.point(point, of: thing), into: &output.writer)
                try output.flushIfFull()
                point += 1
            }
            output.writer.append(ExportKML.endLine)
        }
        let last = table.point(Int(thing.pointCount) - 1, of: thing)
        ExportKML.position(walk.event, last, into: &output.writer)
        try output.flushIfFull()
    }
}
