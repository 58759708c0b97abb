// The memory of the store loop inside the arena, one row a thing. Taken once, in the same order
// when it is measured and when it is used. SQLite's own memory is a piece of it, too.

import CLinuxSys
import PackageStore
import TinyCoT

/// A socket that hands in HTTP connections. The relay's thread opens them at start; they are closed
/// by the store loop when it stops.
struct HTTPListener: BitwiseCopyable {
    var descriptor: Int32 = -1
    var endpoint = Endpoint()
    var isOperator = false
}

struct StoreTables: BitwiseCopyable {
    /// `http_connections`, then one for the operator, then those that are refused with an answer.
    let connections: Slab<HTTPConnection>
    let heads: Slab<UInt8>
    let outputs: Slab<UInt8>
    /// For each connection the names of the teams whose packages it may see.
    let teams: Slab<ShortText<40>>
    let uploads: Slab<Upload>
    let splitters: Slab<UInt8>
    /// One read goes in here, is split, hashed and written before the next: one buffer for all.
    let received: Slab<UInt8>
    let events: Slab<tcs_event>
    let texts: Slab<UInt8>
    let logLine: Slab<UInt8>
    let listeners: Slab<HTTPListener>
    let announcements: Slab<Announcement>
    let sqliteHeap: Slab<UInt8>
    let catalogueBuffer: Slab<UInt8>
    let dumpBuffer: Slab<UInt8>

    let headBytes: Int
    let outputBytes: Int
    let teamsEach: Int
    let normalCount: Int

    static var eventsPerTurn: Int { 32 }
    /// Places for connections that are answered 503 and nothing else.
    static var refusalCount: Int { MemoryPlan.refusedConnections }
    static var textBytes: Int { 4_096 }
    static var announcementCount: Int { 8 }

    var operatorIndex: Int { normalCount }

    init(budget: Budget, arena: inout Arena) {
        headBytes = budget.httpHeadBytes
        outputBytes = budget.httpOutputBytes
        teamsEach = budget.teams
        normalCount = budget.httpConnections
        let count = budget.httpConnections + 1 + StoreTables.refusalCount
        arena.label("http connections", count: count)
        connections = arena.take(HTTPConnection.self, count: count)
        heads = arena.take(UInt8.self, count: headBytes * count)
        outputs = arena.take(UInt8.self, count: outputBytes * count)
        teams = arena.take(ShortText<40>.self, count: teamsEach * count)
        arena.label("uploads", count: budget.uploads)
        uploads = arena.take(Upload.self, count: budget.uploads)
        splitters = arena.take(
            UInt8.self, count: MultipartSplitter.memoryBytes * budget.uploads)
        arena.label("http receive scratch", count: 1)
        received = arena.take(UInt8.self, count: budget.httpReceiveBytes)
        arena.label("store loop tables", count: 1)
        events = arena.take(tcs_event.self, count: StoreTables.eventsPerTurn)
        texts = arena.take(UInt8.self, count: StoreTables.textBytes)
        logLine = arena.take(UInt8.self, count: Log.lineBytes)
        listeners = arena.take(HTTPListener.self, count: budget.httpListeners + 1)
        announcements = arena.take(
            Announcement.self, count: StoreTables.announcementCount)
        catalogueBuffer = arena.take(UInt8.self, count: Catalogue.bufferBytes)
        arena.label("dump buffer", count: 1)
        dumpBuffer = arena.take(UInt8.self, count: DumpFiles.bufferBytes)
        arena.label("sqlite heap", count: 1)
        sqliteHeap = arena.take(UInt8.self, count: budget.sqliteHeapBytes)
        if arena.isMeasuring { return }
        connections.fill(HTTPConnection(limits: StoreTables.limits(budget)))
        uploads.fill(Upload())
        listeners.fill(HTTPListener())
        announcements.fill(Announcement())
    }

    /// Half of the head may be its first line.
    static func limits(_ budget: Budget) -> HTTPHeadLimits {
        HTTPHeadLimits(
            maxRequestLineBytes: budget.httpHeadBytes / 2, maxHeadBytes: budget.httpHeadBytes,
            maxFields: 64)
    }

    func head(_ connection: Int) -> Slab<UInt8> {
        heads.slice(connection * headBytes, headBytes)
    }

    func output(_ connection: Int) -> Slab<UInt8> {
        outputs.slice(connection * outputBytes, outputBytes)
    }

    func visibleTeams(_ connection: Int) -> Slab<ShortText<40>> {
        teams.slice(connection * teamsEach, teamsEach)
    }

    func splitter(_ upload: Int) -> Slab<UInt8> {
        splitters.slice(
            upload * MultipartSplitter.memoryBytes, MultipartSplitter.memoryBytes)
    }
}
