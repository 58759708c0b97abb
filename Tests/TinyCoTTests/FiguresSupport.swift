// A relay for tests of what is told about it: three clients' worth of walls, a clock by hand, and
// sockets that take as much as they are told.

@testable import TinyCoT

final class FiguresStage {
    var relay: Relay
    let slot: QuestionMemory
    private let memory: UnsafeMutableRawBufferPointer
    private let pieces: UnsafeMutablePointer<Piece>
    private(set) var now = Instant(nanoseconds: 1_000_000_000)
    private var wall = WallTime(milliseconds: 1_768_478_400_000)

    /// - Parameter teams: with walls between them; the last one sees all. None: one open team.
    init(teams: [StaticString] = [], _ budget: Budget = Budget()) {
        var measure = Arena.measuring()
        let measured = Config(budget: budget, arena: &measure)
        _ = Relay(budget: budget, config: measured, seed: 1, arena: &measure)
        _ = QuestionMemory(budget: budget, arena: &measure)
        memory = .allocate(byteCount: measure.usedBytes, alignment: 64)
        memory.initializeMemory(as: UInt8.self, repeating: 0)
        var arena = Arena(memory: memory)
        var config = Config(budget: budget, arena: &arena)
        config.allow[0] = Network()
        config.allow[0].address = Address(ipv4: 0)
        config.allow[0].prefixBits = 96
        config.allowCount = 1
        config.isolatesTeams = !teams.isEmpty
        config.teamCount = max(1, teams.count)
        for (i, name) in (teams.isEmpty ? ["open"] : teams).enumerated() {
            config.teams[i] = TeamConfig()
            config.teams[i].name.set(name)
        }
        if !teams.isEmpty { config.teams[teams.count - 1].sees = (1 << UInt64(teams.count)) - 1 }
        relay = Relay(budget: budget, config: config, seed: 1, arena: &arena)
        slot = QuestionMemory(budget: budget, arena: &arena)
        pieces = .allocate(capacity: 64)
        relay.beginTurn(now: now, wall: wall)
    }

    deinit {
        memory.deallocate()
        pieces.deallocate()
    }

    /// A new turn, so much later.
    func pass(microseconds: UInt64) {
        now = Instant(nanoseconds: now.nanoseconds + microseconds * 1_000)
        wall = wall.adding(milliseconds: Int64(microseconds / 1_000))
        relay.beginTurn(now: now, wall: wall)
    }

    /// The clock is looked at once more in the same turn.
    func look(after microseconds: UInt64) {
        relay.noteTime(Instant(nanoseconds: now.nanoseconds + microseconds * 1_000))
    }

    func join(_ host: UInt32 = 1, team: UInt8 = Config.noTeam) -> Int {
        guard case .admitted(let client) = relay.admit(
            address: Address(ipv4: host), port: 4_242, listenerTeam: team)
        else { return -1 }
        return client
    }

    func leave(_ client: Int) {
        relay.connectionEnded(client: client, reason: .peerClosed)
        while let gone = relay.nextToClose() { relay.released(client: gone) }
    }

    func send(_ client: Int, _ text: String) {
        var bytes = Array(text.utf8)
        bytes.withUnsafeMutableBufferPointer { buffer in
            let slab = Slab(start: buffer.baseAddress, count: buffer.count)
            var done = 0
            while done < slab.count {
                done += relay.bytesArrived(
                    client: client, bytes: slab.slice(done, slab.count - done))
            }
        }
    }

    /// One write of at most `most` bytes.
    @discardableResult
    func take(_ client: Int, most: Int = .max) -> Int {
        let table = Slab(start: pieces, count: 64)
        let count = relay.gather(client: client, into: table)
        let offered = (0..<count).reduce(0) { $0 + table[$1].count }
        let taken = min(offered, most)
        _ = relay.bytesTaken(client: client, count: taken, blocked: taken < offered)
        return taken
    }

    func ask(
        _ kind: Question.Kind, from host: UInt32 = 1, cursor: UInt64 = 0, isOperator: Bool = false
    ) -> Question {
        var question = Question()
        question.kind = kind
        question.address = Address(ipv4: host)
        question.isOperator = isOperator
        question.cursor = cursor
        relay.answer(&question, slot)
        return question
    }

    var figures: RelayFigures {
        _ = ask(.figures)
        return slot.figures[0]
    }
}

/// A position that names its connection.
func reportedPosition(
    _ uid: String, callsign: String? = nil, point: String = "lat=\"47.5\" lon=\"-8.25\"",
    group: String = "", seconds: Int = 60
) -> String {
    let minutes = seconds / 60
    return "<event version=\"2.0\" uid=\"\(uid)\" type=\"a-f-G-U-C\" time=\"2026-01-15T12:00:00Z\" "
        + "start=\"2026-01-15T12:00:00Z\" "
        + "stale=\"2026-01-15T12:\(minutes < 10 ? "0" : "")\(minutes):00Z\" "
        + "how=\"m-g\"><point \(point) hae=\"0\" ce=\"1\" le=\"1\"/><detail>"
        + "<contact callsign=\"\(callsign ?? "C-" + uid)\" endpoint=\"*:-1:stcp\"/>\(group)"
        + "</detail></event>"
}
