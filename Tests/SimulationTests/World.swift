// The simulated world: fake clock, fake sockets, fake clients, and the relay between them. Plays
// the edge exactly as the head of Relay.swift says, and checks the books after every step.
// Everything follows from one seed.

import Foundation

@testable import TinyCoT

/// A fake client with its two sockets: what it still has to send, and what it has not yet read.
final class FakeClient {
    enum Reading { case all, slow(Int), nothing }

    let model: ModelClient
    let device: Int
    var place: Int { model.place }

    // To the relay.
    var outgoing: [UInt8] = []
    var handed = 0
    var items: [(end: Int, event: SimulatedEvent)] = []
    /// Events of a mutated item that were accepted so far.
    var uncertainAccepted = 0
    var isAtBoundary: Bool { handed == outgoing.count }

    // From the relay: a socket buffer of `capacity` bytes of which `held` are taken.
    var capacity: Int
    var held = 0
    var reading: Reading
    var isBlocked = false
    /// Bytes of a piece whose end has not come, and how far it was searched.
    var partial: [UInt8] = []
    var lastTook: UInt64
    var waitingSince: UInt64?

    init(model: ModelClient, device: Int, capacity: Int, reading: Reading, now: UInt64) {
        self.model = model
        self.device = device
        self.capacity = capacity
        self.reading = reading
        lastTook = now
    }
}

struct Device {
    let uid: String
    var callsign: String
    var colour: String?
}

final class World {
    let seed: UInt64
    var random: SeededRandom
    let scenario: Scenario
    private var memory: UnsafeMutableRawBufferPointer
    var relay: Relay
    private(set) var slot: QuestionMemory
    /// Lists that are asked for page by page while the world goes on.
    var openLists: [Question] = []
    var spareConfig: Config
    let model: ReferenceModel
    var configs: [ModelConfig]
    var modelConfig: Int = 0

    var milliseconds: UInt64 = 1_000_000
    var wall: Int64 = 1_768_478_400_000
    var step = 0
    var trace: [String] = []
    var failure: String?

    var clients: [FakeClient] = []
    var byPlace: [Int: FakeClient] = [:]
    var nextNumber = 0
    var nextSerial = 1
    var devices: [Device] = []
    let scratch: UnsafeMutablePointer<UInt8>
    let pieces: UnsafeMutablePointer<Piece>
    static let piecesMax = 16
    var expectsEnd = false
    var unpredictedEnds = 0
    var delivered = 0
    /// Of those, events of clients, live or from the picture.
    var deliveredEvents = 0

    // The store loop's snapshots (WorldState.swift).
    var snapshot: Snapshot?
    var snapshots: [[SnapshotPage]] = []
    /// What is left to hand back after a restart; nil when that is over.
    var homecoming: [SnapshotPage]?
    var restarts = 0
    /// Of so many steps one kills the relay; 0: it lives as long as the run.
    let stepsPerRestart: Int

    init(seed: UInt64) {
        self.seed = seed
        random = SeededRandom(seed: seed)
        scenario = Scenario(random: &random)
        configs = scenario.configs(random: &random)
        stepsPerRestart = random.pick([0, 20, 60, 300])
        let built = World.build(scenario.budget, configs[0], seed: seed)
        memory = built.memory
        spareConfig = built.spare
        slot = built.slot
        relay = Relay(
            budget: scenario.budget, config: built.config, seed: seed, arena: &built.arena)
        model = ReferenceModel(config: configs[0], budget: scenario.budget)
        scratch = .allocate(capacity: 65_536)
        pieces = .allocate(capacity: World.piecesMax)
        for i in 0..<scenario.devices {
            let callsign = i % 7 == 6 ? "TWIN" : "CALL-\(i)"
            devices.append(
                Device(uid: "ANDROID-\(i)", callsign: callsign, colour: randomColour()))
        }
        model.hasBegunPiece = { [unowned self] client in
            !(byPlace[client.place]?.partial.isEmpty ?? true)
        }
    }

    /// Memory of its own for a relay, and what is taken from it before the relay itself.
    private final class Built {
        let memory: UnsafeMutableRawBufferPointer
        var arena: Arena
        let config: Config
        let spare: Config
        let slot: QuestionMemory

        init(_ budget: Budget, _ model: ModelConfig, seed: UInt64) {
            var measure = Arena.measuring()
            let measured = Config(budget: budget, arena: &measure)
            _ = Config(budget: budget, arena: &measure)
            _ = Relay(budget: budget, config: measured, seed: seed, arena: &measure)
            _ = QuestionMemory(budget: budget, arena: &measure)
            memory = .allocate(byteCount: measure.usedBytes, alignment: 64)
            memory.initializeMemory(as: UInt8.self, repeating: 0)
            arena = Arena(memory: memory)
            var first = Config(budget: budget, arena: &arena)
            spare = Config(budget: budget, arena: &arena)
            slot = QuestionMemory(budget: budget, arena: &arena)
            Scenario.fill(&first, from: model, hashKey: Relay.hashKey(seed: seed))
            config = first
        }
    }

    private static func build(_ budget: Budget, _ model: ModelConfig, seed: UInt64) -> Built {
        Built(budget, model, seed: seed)
    }

    /// Another relay in the place of this one, in fresh memory, with the configuration of now.
    func makeRelay(seed: UInt64) {
        let built = World.build(scenario.budget, configs[modelConfig], seed: seed)
        relay = Relay(
            budget: scenario.budget, config: built.config, seed: seed, arena: &built.arena)
        memory.deallocate()
        memory = built.memory
        spareConfig = built.spare
        slot = built.slot
    }

    deinit {
        memory.deallocate()
        scratch.deallocate()
        pieces.deallocate()
    }

    func randomColour() -> String? {
        random.pick(["Cyan", "Blue", "Red", "Maroon", "Yellow", "Invented", nil])
    }

    func note(_ sentence: @autoclosure () -> String) {
        if trace.count >= 60 { trace.removeFirst(30) }
        trace.append("step \(step): \(sentence())")
    }

    func fail(_ sentence: String) {
        if failure == nil { failure = sentence }
    }

    var hasFailed: Bool {
        if let broken = model.failure { fail(broken) }
        return failure != nil
    }

    var report: String {
        "seed \(seed), step \(step) (\(scenario.name)): \(failure ?? "no failure")\n"
            + trace.suffix(30).joined(separator: "\n")
    }

    // MARK: A turn of the edge

    func turn(_ actions: () -> Void) {
        step += 1
        passTime()
        relay.beginTurn(
            now: Instant(nanoseconds: milliseconds * 1_000_000),
            wall: WallTime(milliseconds: wall))
        model.now = milliseconds
        watchSnapshot()
        actions()
        readAll()
        runDeadlines()
        close()
        flush()
        if !hasFailed { check() }
    }

    private func passTime() {
        let roll = random.below(1000)
        let most = roll < 900 ? 20 : roll < 990 ? 1500 : 9000
        let more = random.below(most)
        milliseconds += UInt64(more)
        wall += Int64(more)
        if random.below(400) == 0 {
            wall = random.pick([0, 1_768_478_400_000, 4_102_444_800_000, 59_999])
            note("the wall clock jumps to \(wall) ms")
        }
    }

    /// Clients read what lies in their sockets; the relay hears of room only where it waits for it.
    private func readAll() {
        for client in clients where client.model.phase == .connected {
            switch client.reading {
            case .all: client.held = 0
            case .slow(let bytes): client.held = max(0, client.held - bytes)
            case .nothing: continue
            }
            if client.isBlocked && client.held < client.capacity {
                client.isBlocked = false
                relay.becameWritable(client: client.place)
            }
        }
    }

    private func runDeadlines() {
        let order = keptSerials()
        relay.runDeadlines()
        model.repeatEmergencies(order: order)
        model.runRestoration()
        noticeEnds(duringDeadlines: true)
        let stall = UInt64(model.config.stallSeconds) * 1000
        for client in clients where client.model.phase == .connected {
            guard let since = client.waitingSince else { continue }
            if max(since, client.lastTook) + stall < milliseconds {
                fail("client \(client.model.number) stalls and is not ended")
            }
        }
        let left = keptSerials()
        if left.count != model.picture.count || step % 8 == 0 { model.compare(kept: Set(left)) }
    }

    /// Serial numbers of the kept events, in the order of their slots. A restored one has no number
    /// in this run: its bytes say who it is.
    func keptSerials() -> [Int] {
        var result: [Int] = []
        if relay.replayTable.count == 0 { return result }
        for i in 0..<relay.replayTable.capacity {
            let entry = relay.replayTable.pointer(at: i)
            if !entry.pointee.isUsed { continue }
            if entry.pointee.sequence > 0 {
                result.append(model.serials[entry.pointee.sequence] ?? -1)
                continue
            }
            var writer = ByteWriter(Slab(start: scratch, count: 65_536))
            relay.replayTable.pool.copy(entry.pointee.chain, into: &writer)
            let bytes = UnsafeBufferPointer(start: scratch, count: writer.count)
            if case .event(let serial) = PieceName(Array(bytes)[...]) { result.append(serial) }
        }
        return result
    }

    private func close() {
        while let place = relay.nextToClose() {
            guard let client = byPlace[place] else {
                return fail("place \(place) is to be closed, where nobody is")
            }
            model.leaves(client.model)
            byPlace[place] = nil
            clients.removeAll { $0 === client }
            relay.released(client: place)
            noticeEnds()
        }
    }

    /// As the edge does it where all places are taken: whoever leaves leaves now, and if that frees
    /// none, somebody who has said nothing may have to go.
    func makePlace(for address: Address) {
        if !relay.isFull { return }
        close()
        if hasFailed || !relay.giveWay(to: address) { return }
        let gone = clients.filter {
            $0.model.phase == .connected && relay.client(at: $0.place).phase != .connected
        }
        if gone.count != 1 || relay.client(at: gone[0].place).counters.eventsIn != 0 {
            return fail("one that has said nothing gives way, not \(gone.count)")
        }
        note("client \(gone[0].model.number) gives way")
        model.ended(gone[0].model)
        close()
    }

    func flush() {
        var rounds = 0
        while let place = relay.nextToFlush() {
            rounds += 1
            if rounds > 100_000 { return fail("the flush does not end") }
            guard let client = byPlace[place] else {
                return fail("place \(place) is to be flushed, where nobody is")
            }
            write(client)
            if hasFailed { return }
        }
    }

    private func write(_ client: FakeClient) {
        let count = gather(client)
        noticeEnds()
        if client.model.phase != .connected { return }
        let offered = (0..<count).reduce(0) { $0 + pieces[$1].count }
        var room = max(0, client.capacity - client.held)
        // The kernel may always take less.
        if room > 0 && random.below(50) == 0 { room = random.below(room) }
        let taken = min(offered, room)
        var rest = taken
        for i in 0..<count where rest > 0 {
            let part = min(rest, pieces[i].count)
            client.partial.append(
                contentsOf: UnsafeRawBufferPointer(start: pieces[i].start, count: part))
            rest -= part
        }
        client.held += taken
        if taken > 0 { client.lastTook = milliseconds }
        let flow = relay.bytesTaken(client: client.place, count: taken, blocked: taken < offered)
        client.isBlocked = flow == .blocked
        cut(client, fresh: taken)
    }

    /// Asks for what is to be written, and tells the model what of it comes from the picture.
    private func gather(_ client: FakeClient) -> Int {
        let place = client.place
        let slab = Slab(start: pieces, count: random.chance(20) ? 2 : World.piecesMax)
        if relay.client(at: place).replay.pass == .done {
            return relay.gather(client: place, into: slab)
        }
        let before = queued(place)
        let replayed = relay.totals.replayed
        let drops = totalDrops(place)
        let count = relay.gather(client: place, into: slab)
        let shown = Int(relay.totals.replayed - replayed)
        if relay.client(at: place).phase != .connected { return 0 }
        let after = queued(place)
        // What was there before keeps its order; what is new stands behind it.
        var kept = 0
        for name in before where kept < after.count && after[kept] == name { kept += 1 }
        let isExact = totalDrops(place) == drops
        if isExact && after.count != before.count + shown {
            fail("client \(client.model.number) is shown \(shown) events, but its queue differs")
        }
        let fresh = after.suffix(isExact ? shown : after.count - kept)
        for name in fresh { model.showed(client.model, name) }
        // What was dropped at once was pushed all the same.
        client.model.pushes += shown - fresh.count
        client.model.shownAndDropped += shown - fresh.count
        if shown > 0 { note("client \(client.model.number) is shown \(shown) events") }
        return count
    }

    private func queued(_ place: Int) -> [PieceName] {
        let client = relay.client(at: place)
        return (0..<Int(client.queue.count)).map { i in
            let slot = relay.queues.slot(place, client.queue, i)
            let bytes = relay.log.bytes(of: slot)
            let copy = Array(UnsafeBufferPointer(start: bytes.start, count: bytes.count))
            return PieceName(copy[...])
        }
    }

    func totalDrops(_ place: Int) -> Int {
        let drops = relay.client(at: place).counters.drops
        return (0..<QueueDrop.count).reduce(0) { $0 + Int(drops[$1]) }
    }

    // MARK: What clients see

    private static let beginning = Array("<event ".utf8)
    private static let ending = Array("</event>".utf8)

    /// Cuts a client's stream as ATAK does, at `</event>`.
    private func cut(_ client: FakeClient, fresh: Int) {
        let ending = World.ending
        var begin = 0
        var at = max(ending.count - 1, client.partial.count - fresh)
        while at < client.partial.count {
            if client.partial[at] == UInt8(ascii: ">"), at - begin >= ending.count - 1,
                client.partial[(at - ending.count + 1)...at].elementsEqual(ending)
            {
                judge(client, client.partial[begin...at])
                begin = at + 1
            }
            at += 1
        }
        if begin > 0 { client.partial.removeFirst(begin) }
    }

    private func judge(_ client: FakeClient, _ piece: ArraySlice<UInt8>) {
        delivered += 1
        let name = PieceName(piece)
        if !piece.starts(with: World.beginning) {
            fail("client \(client.model.number) got a piece that begins with junk")
        }
        if piece.count > scenario.budget.eventMaxBytes {
            fail("client \(client.model.number) got \(name) of \(piece.count) bytes")
        }
        switch name {
        case .event(let serial):
            deliveredEvents += 1
            guard let event = model.events[serial] else { break }
            if !event.isEmergency && !event.isRewritten && !piece.elementsEqual(event.piece) {
                fail(
                    "client \(client.model.number) got \(name) changed: "
                        + String(decoding: piece.prefix(2000), as: UTF8.self))
            }
            // The others have just been compared with what they must be.
            if event.isRewritten && (contains(piece, "<marti") || contains(piece, "<!DOCTYPE")) {
                fail("client \(client.model.number) got \(name) with marti or a DOCTYPE")
            }
        case .pong:
            client.model.owesPong = false
        case .notice, .denial: break
        case .unknown:
            fail("client \(client.model.number) got \(String(decoding: piece, as: UTF8.self))")
        }
        model.took(client.model, name)
    }

    private func contains(_ piece: ArraySlice<UInt8>, _ text: String) -> Bool {
        piece.count < 4096 && String(decoding: piece, as: UTF8.self).contains(text)
    }

    // MARK: Bytes in

    /// Hands `count` more bytes of what a client sends to the relay.
    func feed(_ client: FakeClient, _ count: Int) {
        var rest = min(count, client.outgoing.count - client.handed)
        var rounds = 0
        while rest > 0 && client.model.phase == .connected && !hasFailed {
            let part = min(rest, 65_536)
            for i in 0..<part { scratch[i] = client.outgoing[client.handed + i] }
            let before = relay.client(at: client.place).counters
            let noBlock = relay.totals.refused[Int(Refusal.noReceiveBlock.rawValue)]
            let unread = Slab(start: scratch, count: part)
            let done = relay.bytesArrived(client: client.place, bytes: unread)
            // The relay must not remember where the bytes lay.
            for i in 0..<part { scratch[i] = UInt8(ascii: "#") }
            let after = relay.client(at: client.place).counters
            let refused = relay.totals.refused[Int(Refusal.noReceiveBlock.rawValue)] - noBlock
            account(
                client, bytes: done, accepted: Int(after.eventsIn - before.eventsIn),
                withoutRoom: Int(refused))
            noticeEnds()
            rest -= done
            rounds += 1
            if done == 0 || rounds > 100_000 { return fail("bytes arrive and nothing is done") }
            if rest > 0 || relay.ringsFillUp { flush() }
        }
        if client.handed == client.outgoing.count {
            client.outgoing.removeAll(keepingCapacity: true)
            client.handed = 0
        }
    }

    /// Tells the model which events the relay must have taken with these bytes.
    private func account(_ client: FakeClient, bytes: Int, accepted: Int, withoutRoom: Int) {
        let wasHanded = client.handed
        client.handed += bytes
        var left = accepted
        let isOpen = relay.client(at: client.place).phase == .connected
        let due = client.items.prefix { $0.end <= client.handed }.count {
            $0.event.fate != .refused && $0.event.fate != .ignored && $0.event.fate != .uncertain
        }
        // Only an event that began in earlier bytes needs blocks, so it was the first one.
        var firstIsLost = withoutRoom > 0 && due > accepted
        while let item = client.items.first, item.end <= client.handed {
            client.items.removeFirst()
            switch item.event.fate {
            case .refused, .ignored: continue
            case .uncertain:
                let total = client.uncertainAccepted + left
                client.uncertainAccepted = 0
                left = 0
                if total > 1 { fail("a mutated event became \(total) events") }
                if total == 0 { continue }
            case .routed, .ping, .takpRequest, .swallowed:
                if firstIsLost {
                    firstIsLost = false
                    note("event \(item.event.serial) found no room")
                    continue
                }
                if left > 0 {
                    left -= 1
                } else if !isOpen {
                    note("event \(item.event.serial) was read by nobody")
                    continue
                } else {
                    return fail("event \(item.event.serial) was not accepted")
                }
            }
            model.accept(item.event, from: client.model)
        }
        if left > 0 {
            if client.items.first?.event.fate == .uncertain {
                client.uncertainAccepted += left
            } else {
                fail("\(left) events too many were accepted of bytes \(wasHanded)...")
            }
        }
        if client.handed == client.outgoing.count && !client.items.isEmpty {
            // Whatever was cut off never had an end.
            client.items.removeAll { $0.end <= client.handed }
        }
    }

    /// The relay may end a client by itself: because it stalls, or stalls everyone else.
    func noticeEnds(duringDeadlines: Bool = false) {
        for client in clients where client.model.phase == .connected {
            let record = relay.client(at: client.place)
            if record.phase == .connected { continue }
            model.ended(client.model)
            unpredictedEnds += 1
            note("the relay ends client \(client.model.number): \(record.closeReason.name)")
            switch record.closeReason {
            case .stalled:
                let drops = relay.totals.drops[Int(QueueDrop.logFull.rawValue)]
                let since = max(client.waitingSince ?? milliseconds, client.lastTook)
                let stall = UInt64(model.config.stallSeconds) * 1000
                // `waitingSince` is looked at once a turn, so it may be late by one turn.
                if drops == 0 && duringDeadlines && since + stall > milliseconds + 9000 {
                    fail("client \(client.model.number) is ended as stalled too soon")
                }
            case .httpOnCoTPort, .tlsOnPlainPort, .protobufUnasked:
                if !expectsEnd { fail("client \(client.model.number) is taken for foreign") }
            case .peerClosed, .peerReset, .replaced, .shutdown, .gaveWay:
                fail("client \(client.model.number) is ended without a cause")
            }
        }
    }

    // MARK: Checks after every step

    private func check() {
        relay.checkInvariants()
        checkSeen()
        watchSnapshot()
        if relay.connectedClients != clients.count {
            fail("\(clients.count) clients are here, the relay counts \(relay.connectedClients)")
        }
        // Timed is what of it was live, and each once.
        if relay.latency.count > UInt64(deliveredEvents) {
            fail("\(relay.latency.count) deliveries are timed; \(deliveredEvents) were seen")
        }
        for client in clients {
            check(client)
            if hasFailed { return }
        }
        if unpredictedEnds == 0 && Int(relay.totals.undeliverable) != model.undeliverable {
            fail("\(model.undeliverable) events were for nobody; \(relay.totals.undeliverable)")
        }
    }

    private func check(_ client: FakeClient) {
        let record = relay.client(at: client.place)
        let seen = client.model
        // Ended while others were flushed: it is closed in the next turn.
        if record.phase == .closing && seen.phase == .closing { return }
        if record.phase != .connected { return fail("client \(seen.number) lingers") }
        let team = Scenario.name(of: record.team, in: relay.config)
        if team != seen.team {
            return fail("client \(seen.number) is in team \(team), not in \(seen.team)")
        }
        if record.isIdentified != (seen.uid != nil) {
            return fail("client \(seen.number) is named, or not, by mistake")
        }
        let drops = totalDrops(client.place)
        let waiting = Int(record.queue.count)
        if seen.pushes != seen.received + waiting + drops {
            return fail(
                "client \(seen.number): \(seen.pushes) events were for it, \(seen.received) came, "
                    + "\(waiting) wait, \(drops) were dropped and counted")
        }
        if seen.owesPong && record.express == EventLog.none {
            return fail("client \(seen.number) waits for a pong that is not there")
        }
        if record.replay.pass == .done { model.sawAll(seen) }
        let waits = waiting > 0 || record.express != EventLog.none
        if !waits {
            client.waitingSince = nil
        } else if client.waitingSince == nil {
            client.waitingSince = milliseconds
        }
        if !waits && !record.isBlocked && !client.partial.isEmpty {
            return fail("client \(seen.number) is left with half an event")
        }
        if waiting == 0 && seen.waiting > 0 {
            model.isDrained(seen)
            checkLosses(seen, record.counters)
        }
    }

    /// What was lost must be what the counters say was dropped, by importance.
    private func checkLosses(_ client: ModelClient, _ counters: ClientCounters) {
        func drops(_ reason: QueueDrop) -> Int { Int(counters.drops[Int(reason.rawValue)]) }
        let forAll = drops(.logFull) + drops(.leftTeam)
        if client.lost[2] > drops(.important) + forAll {
            fail("client \(client.number) lost \(client.lost[2]) important events, uncounted")
        }
        if client.lost[1] > drops(.marker) + drops(.important) + forAll {
            fail("client \(client.number) lost \(client.lost[1]) markers, uncounted")
        }
        if client.lostNewest > drops(.position) + forAll {
            fail("client \(client.number) lost the newest position of a uid, not an older one")
        }
    }
}
