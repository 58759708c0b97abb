// A stage for what survives a restart: a relay with or without walls, clients on it, its state in
// pages, and another relay that takes them up. Blue and red see only themselves, the umpire both.

@testable import TinyCoT

/// A page of the state, copied out of the slot that it came in.
struct StatePage {
    var records: [(record: KeptRecord, bytes: [UInt8])] = []
    var seen: [SeenRecord] = []
    var isLast = false
    var cursor: UInt64 = 0
    var changes: UInt64 = 0
}

final class StateStage {
    static let blue: UInt8 = 0
    static let red: UInt8 = 1
    static let umpire: UInt8 = 2

    var relay: Relay
    let slot: QuestionMemory
    private let memory: UnsafeMutableRawBufferPointer
    private let pieces: UnsafeMutablePointer<Piece>
    private(set) var now: Instant
    private var wall = WallTime(milliseconds: 1_768_478_400_000)
    private var config: Config
    private var spare: Config
    /// What clients were sent while time passed.
    private var inbox: [Int: String] = [:]

    init(
        teams: [StaticString] = ["open"], seed: UInt64 = 1, startsAt seconds: Int = 1_000,
        _ change: (inout Budget) -> Void = { _ in }
    ) {
        var budget = Budget()
        budget.clientsPerAddress = budget.clients
        change(&budget)
        var measure = Arena.measuring()
        let measured = Config(budget: budget, arena: &measure)
        _ = Config(budget: budget, arena: &measure)
        _ = Relay(budget: budget, config: measured, seed: seed, arena: &measure)
        _ = QuestionMemory(budget: budget, arena: &measure)
        memory = .allocate(byteCount: measure.usedBytes, alignment: 64)
        memory.initializeMemory(as: UInt8.self, repeating: 0)
        var arena = Arena(memory: memory)
        config = Config(budget: budget, arena: &arena)
        spare = Config(budget: budget, arena: &arena)
        config.allow[0] = Network()
        config.allow[0].address = Address(ipv4: 0)
        config.allow[0].prefixBits = 96
        config.allowCount = 1
        config.isolatesTeams = teams.count > 1
        config.teamCount = teams.count
        for (i, name) in teams.enumerated() {
            config.teams[i] = TeamConfig()
            config.teams[i].name.set(name)
        }
        if teams.count > 2 { config.teams[2].sees = 0b011 }
        config.coalesceMilliseconds = 0
        relay = Relay(budget: budget, config: config, seed: seed, arena: &arena)
        slot = QuestionMemory(budget: budget, arena: &arena)
        pieces = .allocate(capacity: 64)
        now = Instant.zero.after(seconds: seconds)
        relay.beginTurn(now: now, wall: wall)
    }

    static func walled(seed: UInt64 = 1, startsAt seconds: Int = 1_000) -> StateStage {
        StateStage(teams: ["blue", "red", "umpire"], seed: seed, startsAt: seconds)
    }

    deinit {
        memory.deallocate()
        pieces.deallocate()
    }

    // MARK: Clients

    func join(_ host: UInt32, team: UInt8 = Config.noTeam) -> Int {
        guard case .admitted(let client) = relay.admit(
            address: Address(ipv4: host), port: 1, listenerTeam: team)
        else { return -1 }
        return client
    }

    /// A client that has said who it is.
    @discardableResult
    func join(_ host: UInt32, team: UInt8 = Config.noTeam, as uid: String) -> Int {
        let client = join(host, team: team)
        send(client, StateStage.position(uid))
        return client
    }

    func leave(_ client: Int) {
        flush()
        relay.connectionEnded(client: client, reason: .peerClosed)
        inbox[client] = nil
        while let gone = relay.nextToClose() { relay.released(client: gone) }
    }

    func send(_ client: Int, _ text: String) { send(client, Array(text.utf8)) }

    func send(_ client: Int, _ bytes: [UInt8]) {
        var bytes = bytes
        bytes.withUnsafeMutableBufferPointer { buffer in
            let slab = Slab(start: buffer.baseAddress, count: buffer.count)
            var done = 0
            while done < slab.count {
                done += relay.bytesArrived(
                    client: client, bytes: slab.slice(done, slab.count - done))
            }
        }
    }

    /// All that a client has been sent since it was last asked for.
    func take(_ client: Int) -> String {
        flush()
        defer { inbox[client] = nil }
        return inbox[client, default: ""]
    }

    /// Everybody reads all there is, as the edge would write it.
    private func flush() {
        while let client = relay.nextToFlush() { inbox[client, default: ""] += read(client) }
    }

    private func read(_ client: Int) -> String {
        var result: [UInt8] = []
        let table = Slab(start: pieces, count: 64)
        while true {
            let count = relay.gather(client: client, into: table)
            if count == 0 { break }
            var taken = 0
            for i in 0..<count {
                result += UnsafeRawBufferPointer(start: table[i].start, count: table[i].count)
                taken += table[i].count
            }
            _ = relay.bytesTaken(client: client, count: taken, blocked: false)
        }
        return String(decoding: result, as: UTF8.self)
    }

    func pass(milliseconds: Int64) {
        flush()
        now = now.after(milliseconds: milliseconds)
        wall = wall.adding(milliseconds: milliseconds)
        relay.beginTurn(now: now, wall: wall)
        relay.runDeadlines()
        while let gone = relay.nextToClose() { relay.released(client: gone) }
        flush()
        relay.checkInvariants()
    }

    func pass(seconds: Int) { pass(milliseconds: Int64(seconds) * 1000) }

    /// A new configuration, made from the one in force.
    func reload(_ change: (inout Config) -> Void) {
        var new = spare
        new.allowCount = config.allowCount
        new.allow[0] = config.allow[0]
        new.isolatesTeams = config.isolatesTeams
        new.coalesceMilliseconds = config.coalesceMilliseconds
        new.teamCount = config.teamCount
        for i in 0..<config.teamCount { new.teams[i] = config.teams[i] }
        change(&new)
        relay.apply(config: new)
        spare = config
        config = new
    }

    // MARK: The state

    func page(_ cursor: UInt64 = 0) -> StatePage {
        var question = Question()
        question.kind = .statePage
        question.cursor = cursor
        relay.answer(&question, slot)
        var page = StatePage()
        for i in 0..<question.seenCount { page.seen.append(slot.seen[i]) }
        for i in 0..<question.recordCount {
            let record = slot.records[i]
            let part = slot.bytes.slice(record.offset, record.count)
            page.records.append(
                (record, Array(UnsafeBufferPointer(start: part.start, count: part.count))))
        }
        page.isLast = question.isLast
        page.cursor = question.cursor
        page.changes = question.changes
        return page
    }

    func pages() -> [StatePage] {
        var result = [page()]
        while let last = result.last, !last.isLast, result.count < 10_000 {
            result.append(page(last.cursor))
        }
        return result
    }

    /// - Returns: how many events were taken up.
    @discardableResult
    func restore(_ page: StatePage, elapsed: Int64 = 0) -> Int {
        var question = Question()
        question.kind = .restore
        for var record in page.seen {
            record.agoMilliseconds += elapsed
            slot.seen[question.seenCount] = record
            question.seenCount += 1
        }
        var end = 0
        for (original, bytes) in page.records {
            var record = original
            record.ageMilliseconds += elapsed
            record.leftMilliseconds -= elapsed
            record.offset = end
            for (i, byte) in bytes.enumerated() { slot.bytes[end + i] = byte }
            end += bytes.count
            slot.records[question.recordCount] = record
            question.recordCount += 1
        }
        relay.answer(&question, slot)
        return question.restoredCount
    }

    @discardableResult
    func restore(_ pages: [StatePage], elapsed: Int64 = 0) -> Int {
        pages.reduce(0) { $0 + restore($1, elapsed: elapsed) }
    }

    func restoreEnd() {
        var question = Question()
        question.kind = .restoreEnd
        relay.answer(&question, slot)
    }

    func contacts(from host: UInt32) -> [ContactRecord] {
        var result: [ContactRecord] = []
        var question = Question()
        question.address = Address(ipv4: host)
        question.kind = .contacts
        repeat {
            relay.answer(&question, slot)
            result += (0..<question.contactCount).map { slot.contacts[$0] }
        } while !question.isLast
        return result
    }

    /// "uid" of those who are here, "(uid)" of those who have gone.
    func contactNames(from host: UInt32) -> [String] {
        contacts(from: host).map { $0.isConnected ? plain($0.uid) : "(\(plain($0.uid)))" }.sorted()
    }

    // MARK: Events

    static func event(
        _ uid: String, type: String = "a-u-G", minutes: Int = 1, how: String = "h-e",
        detail: String = ""
    ) -> String {
        let stale = "2026-01-15T\(12 + minutes / 60):\(minutes % 60 < 10 ? "0" : "")\(minutes % 60)"
        return "<event version=\"2.0\" uid=\"\(uid)\" type=\"\(type)\" "
            + "time=\"2026-01-15T12:00:00.000Z\" start=\"2026-01-15T12:00:00.000Z\" "
            + "stale=\"\(stale):00.000Z\" how=\"\(how)\">"
            + "<point lat=\"1\" lon=\"2\" hae=\"0\" ce=\"1\" le=\"1\"/>"
            + "<detail>\(detail)</detail></event>"
    }

    static func position(_ uid: String, colour: String? = nil, minutes: Int = 5) -> String {
        let group = colour.map { "<__group name=\"\($0)\" role=\"Medic\"/>" } ?? ""
        return event(
            uid, type: "a-f-G-U-C", minutes: minutes, how: "m-g",
            detail: "<contact callsign=\"C-\(uid)\" endpoint=\"*:-1:stcp\"/>\(group)")
    }

    static func delete(_ uid: String) -> String {
        event(
            "delete-\(uid)", type: "t-x-d-d",
            detail: "<link uid=\"\(uid)\" relation=\"p-p\" type=\"a-u-G\"/>")
    }

    static func alert(_ uid: String, cancels: Bool = false) -> String {
        event(
            uid, type: cancels ? "b-a-o-can" : "b-a-o-tbl",
            detail: cancels ? "<emergency cancel=\"true\">X</emergency>" : "")
    }

    /// What the notice that a client left holds of it (protocol 6.1).
    static func notice(_ uid: String) -> String {
        "<link relation=\"p-p\" uid=\"\(uid)\" type=\"a-f-G-U-C\"/>"
    }
}

func plain<let capacity: Int>(_ text: ShortText<capacity>) -> String {
    String(decoding: (0..<Int(text.count)).map { text[$0] }, as: UTF8.self)
}
