// The relay at the edges of its limits, one small stage for each rule. What it does in the long run
// and under load is the business of the simulation.

import Testing

@testable import TinyCoT

/// A relay with memory of its own and sockets that take everything, or nothing.
private final class Stage {
    var relay: Relay
    private let memory: UnsafeMutableRawBufferPointer
    private let pieces: UnsafeMutablePointer<Piece>
    private(set) var now = Instant(nanoseconds: 1_000_000_000)

    init(_ budget: Budget = Budget(), teams: Int = 1) {
        var measure = Arena.measuring()
        let measured = Config(budget: budget, arena: &measure)
        _ = Relay(budget: budget, config: measured, seed: 1, arena: &measure)
        memory = .allocate(byteCount: measure.usedBytes, alignment: 64)
        memory.initializeMemory(as: UInt8.self, repeating: 0)
        var arena = Arena(memory: memory)
        var config = Config(budget: budget, arena: &arena)
        config.teamCount = teams
        config.isolatesTeams = teams > 1
        config.allow[0] = Network()
        config.allowCount = 1
        relay = Relay(budget: budget, config: config, seed: 1, arena: &arena)
        pieces = .allocate(capacity: 64)
        relay.beginTurn(now: now, wall: WallTime(milliseconds: 1_768_478_400_000))
    }

    deinit {
        memory.deallocate()
        pieces.deallocate()
    }

    func join(team: UInt8 = Config.noTeam, from address: UInt64 = 0) -> Int {
        guard case .admitted(let client) = relay.admit(
            address: Address(high: 0, low: address), port: 1, listenerTeam: team)
        else { return -1 }
        return client
    }

    func giveWay(to address: UInt64) -> Bool {
        relay.giveWay(to: Address(high: 0, low: address))
    }

    /// As the edge does it where all places are taken. -1 if there is none all the same.
    func squeezeIn(from address: UInt64) -> Int {
        if giveWay(to: address) {
            while let client = relay.nextToClose() { relay.released(client: client) }
        }
        return join(from: address)
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

    /// What a client is sent, at most `most` bytes; then its socket is full if `blocks`.
    func take(_ client: Int, most: Int = .max, blocks: Bool = false) -> String {
        var result: [UInt8] = []
        let table = Slab(start: pieces, count: 64)
        while result.count < most {
            let count = relay.gather(client: client, into: table)
            if count == 0 { break }
            var taken = 0
            for i in 0..<count {
                let part = min(table[i].count, most - result.count)
                result += UnsafeRawBufferPointer(start: table[i].start, count: part)
                taken += part
            }
            _ = relay.bytesTaken(
                client: client, count: taken, blocked: blocks && result.count == most)
        }
        return String(decoding: result, as: UTF8.self)
    }

    func pass(seconds: Int) {
        now = now.after(seconds: seconds)
        relay.beginTurn(now: now, wall: WallTime(milliseconds: 1_768_478_400_000))
        relay.runDeadlines()
    }
}

/// A position that names its connection.
private func position(_ uid: String) -> String {
    "<event uid=\"\(uid)\" type=\"a-f-G-U-C\" time=\"2026-01-15T12:00:00Z\" "
        + "start=\"2026-01-15T12:00:00Z\" stale=\"2026-01-15T12:01:00Z\" how=\"m-g\">"
        + "<point lat=\"1\" lon=\"2\" hae=\"0\" ce=\"1\" le=\"1\"/><detail>"
        + "<contact callsign=\"\(uid)\" endpoint=\"*:-1:stcp\"/></detail></event>"
}

/// An event of exactly `count` bytes if that many are asked for.
private func event(_ uid: String, _ type: String, time: String, count: Int = 0) -> String {
    func text(_ filling: Int) -> String {
        "<event uid=\"\(uid)\" type=\"\(type)\" time=\"\(time)\" start=\"\(time)\" "
            + "stale=\"\(time)\" how=\"m-g\"><point lat=\"1\" lon=\"2\" hae=\"0\" ce=\"1\" "
            + "le=\"1\"/><detail><remarks>\(String(repeating: "x", count: filling))</remarks>"
            + "</detail></event>"
    }
    return text(max(0, count - text(0).utf8.count))
}

@Suite struct RelayTests {
    private let short = "2026-01-15T12:00:00Z"

    /// The new times are longer than the sender's; ATAK loses what is longer than 65,536 bytes.
    @Test func aRepeatedAlertIsNoLongerThanAnEventMayBe() {
        let stage = Stage()
        let sender = stage.join()
        let receiver = stage.join()
        let alert = event("A-9-1-1", "b-a-o-tbl", time: short, count: 65_530)
        stage.send(sender, alert)
        #expect(stage.take(receiver) == alert)
        stage.pass(seconds: 11)
        let again = stage.take(receiver)
        #expect(again.utf8.count <= 65_536)
        #expect(again.hasPrefix("<event uid=\"A-9-1-1\"") && again.hasSuffix("</event>"))
    }

    /// Sixteen long alerts must leave room for what newcomers are shown.
    @Test func alertsDoNotFillThePicture() {
        let stage = Stage()
        let sender = stage.join()
        for i in 0..<16 {
            stage.send(sender, event("E-\(i)", "b-a-o-tbl", time: short, count: 65_000))
        }
        let blocks = stage.relay.pool(5)
        #expect(4 * (blocks?.used ?? 0) <= blocks?.limit ?? 0)
        // All are one sender's: its oldest gave way to its newest.
        #expect(stage.relay.pool(6)?.used == 4)
        #expect(stage.relay.replayEvicted == 12)
    }

    /// Who has most alerts open makes room for others; who has one keeps it.
    @Test func nobodyKeepsAllPlacesForAlerts() {
        var budget = Budget()
        budget.emergencies = 3
        let stage = Stage(budget)
        let loud = stage.join()
        let hurt = stage.join()
        for i in 0..<5 { stage.send(loud, event("L-\(i)", "b-a-o-tbl", time: short)) }
        stage.send(hurt, event("H-1", "b-a-o-tbl", time: short))
        for i in 5..<9 { stage.send(loud, event("L-\(i)", "b-a-o-tbl", time: short)) }
        let late = stage.join()
        let picture = stage.take(late)
        #expect(picture.contains("H-1") && picture.contains("L-8") && picture.contains("L-7"))
        #expect(!picture.contains("L-6"))
        #expect(stage.relay.totals.notKept == 0)
    }

    /// Behind a wall nobody can throw a client off by saying its uid; in its own team the newest
    /// connection owns the uid.
    @Test func aUidIsOwnedInsideATeam() {
        let stage = Stage(teams: 2)
        let blue = stage.join(team: 0)
        let other = stage.join(team: 0)
        let red = stage.join(team: 1)
        stage.send(blue, position("X"))
        #expect(stage.take(other) == position("X"))
        stage.send(red, position("X"))
        #expect(stage.relay.client(at: blue).phase == .connected)
        #expect(stage.take(other) == "")
        // The same device again, on the same side of the wall.
        let again = stage.join(team: 0)
        stage.send(again, position("X"))
        #expect(stage.relay.client(at: blue).phase == .closing)
        #expect(stage.relay.client(at: blue).closeReason == .replaced)
        #expect(stage.relay.client(at: red).phase == .connected)
        stage.relay.checkInvariants()
    }

    /// Halves of events, left lying about, do not keep out an honest one.
    @Test func theOldestUnfinishedEventGivesWay() {
        var budget = Budget()
        budget.receivePoolBytes = 73_728
        let stage = Stage(budget)
        let hoarders = (0..<18).map { _ in stage.join() }
        for hoarder in hoarders {
            stage.send(hoarder, String(event("H", "a-u-G", time: short, count: 4_090).dropLast(9)))
        }
        stage.pass(seconds: 1)
        let sender = stage.join()
        let receiver = stage.join()
        let long = event("L", "a-u-G", time: short, count: 20_000)
        stage.send(sender, String(long.prefix(15_000)))
        stage.send(sender, String(long.dropFirst(15_000)))
        #expect(stage.take(receiver) == long)
        stage.relay.checkInvariants()
    }

    /// An answer that the log can never hold must not cost anybody what waits.
    @Test func whatFitsNowhereTakesNothingFromOthers() {
        var budget = Budget()
        budget.eventMaxBytes = 1_024
        budget.eventLogBytes = 4_096
        budget.clientQueueBytes = 4_096
        let stage = Stage(budget)
        let sender = stage.join()
        let receiver = stage.join()
        stage.send(sender, event("M", "a-u-G", time: short))
        let uid = String(repeating: "u", count: 900)
        stage.send(sender, "<event uid=\"\(uid)\" type=\"t-x-takp-q\"><point lat=\"0\" lon=\"0\"/>"
            + "</event>")
        #expect(stage.take(receiver) == event("M", "a-u-G", time: short))
        #expect(stage.relay.totals.drops[Int(QueueDrop.logFull.rawValue)] == 0)
    }

    private func full(_ stage: Stage, silent: Set<Int>) -> [Int] {
        (0..<4).map { number in
            let client = stage.join(from: 1 + UInt64(number))
            if !silent.contains(number) { stage.send(client, position("P\(number)")) }
            stage.pass(seconds: 1)
            return client
        }
    }

    private var four: Budget {
        var budget = Budget()
        budget.clients = 4
        budget.clientsPerAddress = 2
        return budget
    }

    /// Half an event, or a broken one, is no word.
    @Test func whoeverHasSaidNothingForLongestGivesWay() {
        let stage = Stage(four)
        let clients = full(stage, silent: [1, 2])
        stage.send(clients[1], String(position("P1").dropLast(3)))
        stage.send(clients[2], "<event></nothing>")
        let witness = stage.take(clients[3])
        #expect(witness.contains("P0"))
        for place in [clients[1], clients[2]] {
            let newcomer = stage.squeezeIn(from: 9)
            #expect(newcomer == place)
            stage.send(newcomer, position("NEW"))
        }
        #expect(stage.squeezeIn(from: 10) == -1, "all have spoken")
        #expect(stage.relay.totals.closed[Int(CloseReason.gaveWay.rawValue)] == 2)
        let told = stage.take(clients[3])
        #expect(!told.contains("t-x-d-d") || !told.contains("P1"), "nobody is told of the unnamed")
        stage.relay.checkInvariants()
    }

    /// What waited for those who went is no work for those who come.
    @Test func aPlaceThatChangesHandsIsFlushedOnce() {
        let stage = Stage(four)
        let clients = full(stage, silent: [1, 2, 3])
        for number in 0..<20 {
            stage.send(clients[0], position("P0"))
            #expect(stage.squeezeIn(from: 100 + UInt64(number)) >= 0)
        }
        var flushed = 0
        while stage.relay.nextToFlush() != nil { flushed += 1 }
        #expect(flushed <= 4)
    }

    @Test func nobodyGivesWayWithoutNeed() {
        let stage = Stage(four)
        let first = stage.join(from: 1)
        #expect(!stage.giveWay(to: 9), "there are places")
        #expect(stage.join(from: 1) >= 0 && stage.join(from: 2) >= 0 && stage.join(from: 3) >= 0)
        stage.send(first, position("P1"))
        stage.pass(seconds: 1)
        let second = stage.squeezeIn(from: 1)
        #expect(second >= 0, "the one that gives way has the newcomer's own address")
        stage.send(second, position("P2"))
        #expect(stage.squeezeIn(from: 1) == -1, "this address has all that it may have")
        #expect(stage.relay.connectedClients == 4)
        stage.relay.beginShutdown()
        #expect(!stage.giveWay(to: 9), "nobody is let in any more")
    }
}
