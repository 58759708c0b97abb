// The body of `/status.json`, which the status page draws: what is used of each budget, the traffic
// of the last minutes, and who is here. Called by the store loop with one piece of memory after the
// other, as a part fits or not; a client is a part, so a full house needs no more room than one.
// Counts and sizes are everybody's; clients are those that the relay let the asker see.
//
//   parts:  head, warnings, pools, counters, received, sent, clients… end
//
// Invariant: what is in the pieces, one behind the other, is always the beginning of valid JSON.

/// What an operator should know. Named here; the page has the sentences.
public enum StatusWarning: UInt8, BitwiseCopyable, Sendable {
    /// Events go over the network as they are.
    case unencrypted
    /// The wall clock is that of a board that has none.
    case clock
    case store, state, diskFull, diskErrors, diskBudget, heap

    public static var count: Int { Int(StatusWarning.heap.rawValue) + 1 }

    public var name: StaticString {
        switch self {
        case .unencrypted: "unencrypted"
        case .clock: "clock"
        case .store: "store"
        case .state: "state"
        case .diskFull: "disk_full"
        case .diskErrors: "disk_errors"
        case .diskBudget: "disk_budget"
        case .heap: "heap"
        }
    }
}

/// What the store's side knows.
public struct StatusFacts: BitwiseCopyable {
    public var version: StaticString = ""
    /// Nil if the clock cannot be believed.
    public var time: WallTime?
    public var uptimeSeconds: Int64 = 0
    /// There is no wall between the asker and any client.
    public var seesAll = false
    public var memoryPeak: Int64 = 0
    public var memoryLimit: Int64 = 0
    public var packages: Int64 = 0
    public var packagesLimit: Int64 = 0
    public var packageBytes: Int64 = 0
    public var packageBytesLimit: Int64 = 0
    public var writtenToday: Int64 = 0
    public var writtenLimit: Int64 = 0
    private var warnings: UInt8 = 0

    public init() { invariant(StatusWarning.count <= 8, "every warning has its bit") }

    public mutating func warn(_ warning: StatusWarning, if condition: Bool) {
        if condition { warnings |= 1 << warning.rawValue }
    }

    func warns(_ warning: StatusWarning) -> Bool { warnings >> warning.rawValue & 1 == 1 }
}

/// How a client stands, beside its `ContactRecord`.
public struct ClientStanding: BitwiseCopyable {
    /// Its team in the configuration; empty where there is only one.
    public internal(set) var team = ShortText<40>()
    public internal(set) var connectedSeconds: Int64 = 0
    /// Events in its queue, and those that it lost.
    public internal(set) var waiting: Int64 = 0
    public internal(set) var dropped: Int64 = 0
    /// Of its kept position, if there is one.
    public internal(set) var hasPlace = false
    public internal(set) var place = MapPlace()

    public init() {}
}

/// The document on its way. What does not fit is left out as a whole: send the piece, empty the
/// writer, call again.
public struct StatusDocument: BitwiseCopyable {
    private enum Part: UInt8, BitwiseCopyable {
        case head, warnings, pools, counters, received, sent, clients, whole
    }

    /// A piece must have this room at least: a list of the largest numbers, or a client with
    /// nothing but texts that grow sixfold by their escapes.
    public static var pieceBytesMin: Int { 4_096 }

    private var part = Part.head
    private var json = JSONWriter()

    public init() {}

    /// All before the clients is written.
    public var isAtClients: Bool { part == .clients }

    /// As much of what stands before the clients as fits.
    /// - Parameter pool: of the store, by number, nil behind the last.
    public mutating func begin(
        _ facts: StatusFacts, _ figures: UnsafePointer<RelayFigures>,
        _ writer: inout ByteWriter, pool: (Int) -> PoolUse?
    ) {
        while part.rawValue < Part.clients.rawValue {
            let fits = attempt(&writer) { document, writer in
                document.writePart(facts, figures, &writer, pool)
                document.part = Part(rawValue: document.part.rawValue + 1) ?? .whole
            }
            if !fits { return }
        }
    }

    /// - Returns: false if it did not fit.
    public mutating func add(
        _ contact: ContactRecord, _ standing: ClientStanding, _ writer: inout ByteWriter
    ) -> Bool {
        invariant(part == .clients, "clients come behind the figures")
        return attempt(&writer) { document, writer in
            document.write(contact, standing, &writer)
        }
    }

    /// - Returns: false if it did not fit.
    public mutating func end(_ writer: inout ByteWriter) -> Bool {
        invariant(part == .clients, "the end comes once, behind the clients")
        return attempt(&writer) { document, writer in
            document.json.endList(&writer)
            document.json.endObject(&writer)
            invariant(document.json.isComplete, "a document ends with its last bracket")
            document.part = .whole
        }
    }

    /// Takes everything back if it does not fit.
    @inline(__always)
    private mutating func attempt(
        _ writer: inout ByteWriter, _ write: (inout StatusDocument, inout ByteWriter) -> Void
    ) -> Bool {
        let document = self
        let before = writer
        write(&self, &writer)
        if !writer.overflowed { return true }
        invariant(before.count > 0, "each part fits into an empty piece")
        self = document
        writer = before
        return false
    }

    // MARK: What is written

    private mutating func writePart(
        _ facts: StatusFacts, _ figures: UnsafePointer<RelayFigures>,
        _ writer: inout ByteWriter, _ pool: (Int) -> PoolUse?
    ) {
        switch part {
        case .head: writeHead(facts, &writer)
        case .warnings: writeWarnings(facts, &writer)
        case .pools: writePools(figures, &writer, pool)
        case .counters: writeCounters(facts, figures, &writer)
        case .received:
            json.key("traffic", &writer)
            json.beginObject(&writer)
            member("seconds", Int64(TrafficHistory.stepSeconds), &writer)
            writeSteps("received", facts, &writer) { figures.pointee.traffic.received(ago: $0) }
        case .sent:
            writeSteps("sent", facts, &writer) { figures.pointee.traffic.sent(ago: $0) }
            json.endObject(&writer)
            json.key("clients", &writer)
            json.beginList(&writer)
        case .clients, .whole: invariantBroken("only what stands before the clients is here")
        }
    }

    private mutating func member(
        _ name: StaticString, _ value: Int64, _ writer: inout ByteWriter
    ) {
        json.key(name, &writer)
        json.number(value, &writer)
    }

    private mutating func writeHead(_ facts: StatusFacts, _ writer: inout ByteWriter) {
        json.beginObject(&writer)
        json.key("version", &writer)
        json.string(facts.version, &writer)
        json.key("time", &writer)
        if let time = facts.time {
            json.number(time.milliseconds, &writer)
        } else {
            json.null(&writer)
        }
        member("uptime_seconds", facts.uptimeSeconds, &writer)
        json.key("sees_all", &writer)
        json.boolean(facts.seesAll, &writer)
    }

    private mutating func writeWarnings(_ facts: StatusFacts, _ writer: inout ByteWriter) {
        json.key("warnings", &writer)
        json.beginList(&writer)
        var i: UInt8 = 0
        while let warning = StatusWarning(rawValue: i) {
            if facts.warns(warning) { json.string(warning.name, &writer) }
            i += 1
        }
        json.endList(&writer)
    }

    private mutating func writePools(
        _ figures: UnsafePointer<RelayFigures>, _ writer: inout ByteWriter,
        _ pool: (Int) -> PoolUse?
    ) {
        json.key("pools", &writer)
        json.beginList(&writer)
        var i = 0
        while i < Relay.poolCount {
            write(figures.pointee.pools[i], &writer)
            i += 1
        }
        i = 0
        while let pool = pool(i) {
            write(pool, &writer)
            i += 1
        }
        json.endList(&writer)
    }

    private mutating func write(_ pool: PoolUse, _ writer: inout ByteWriter) {
        json.beginObject(&writer)
        json.key("name", &writer)
        json.string(pool.name, &writer)
        member("used", Int64(pool.used), &writer)
        member("peak", Int64(pool.peak), &writer)
        member("limit", Int64(pool.limit), &writer)
        json.endObject(&writer)
    }

    private mutating func writeCounters(
        _ facts: StatusFacts, _ figures: UnsafePointer<RelayFigures>, _ writer: inout ByteWriter
    ) {
        json.key("memory", &writer)
        json.beginObject(&writer)
        member("peak", facts.memoryPeak, &writer)
        member("limit", facts.memoryLimit, &writer)
        json.endObject(&writer)
        json.key("events", &writer)
        json.beginObject(&writer)
        let totals = figures.pointee.totals
        member("received", Int64(clamping: totals.eventsIn), &writer)
        member("sent", Int64(clamping: totals.eventsOut), &writer)
        member("refused", Int64(clamping: totals.refusedSum), &writer)
        member("dropped", Int64(clamping: totals.dropSum), &writer)
        json.endObject(&writer)
        json.key("packages", &writer)
        json.beginObject(&writer)
        member("count", facts.packages, &writer)
        member("limit", facts.packagesLimit, &writer)
        member("bytes", facts.packageBytes, &writer)
        member("limit_bytes", facts.packageBytesLimit, &writer)
        json.endObject(&writer)
        json.key("disk", &writer)
        json.beginObject(&writer)
        member("written_today", facts.writtenToday, &writer)
        member("limit", facts.writtenLimit, &writer)
        json.endObject(&writer)
    }

    /// Oldest first. Nothing of before the start, and not the step that is under way.
    private mutating func writeSteps(
        _ name: StaticString, _ facts: StatusFacts, _ writer: inout ByteWriter,
        _ value: (Int) -> UInt32
    ) {
        json.key(name, &writer)
        json.beginList(&writer)
        let lived = facts.uptimeSeconds / Int64(TrafficHistory.stepSeconds)
        var ago = Int(min(lived, Int64(TrafficHistory.stepCount - 1)))
        while ago > 0 {
            json.number(Int64(value(ago)), &writer)
            ago -= 1
        }
        json.endList(&writer)
    }

    private mutating func write(
        _ contact: ContactRecord, _ standing: ClientStanding, _ writer: inout ByteWriter
    ) {
        json.beginObject(&writer)
        json.key("callsign", &writer)
        json.string(contact.callsign, &writer)
        json.key("colour", &writer)
        json.string(contact.team, &writer)
        json.key("role", &writer)
        json.string(contact.role, &writer)
        json.key("team", &writer)
        json.string(standing.team, &writer)
        member("connected_seconds", standing.connectedSeconds, &writer)
        member("waiting", standing.waiting, &writer)
        member("dropped", standing.dropped, &writer)
        if standing.hasPlace {
            json.key("lat", &writer)
            json.degrees(standing.place.latitude, &writer)
            json.key("lon", &writer)
            json.degrees(standing.place.longitude, &writer)
        }
        json.endObject(&writer)
    }
}
