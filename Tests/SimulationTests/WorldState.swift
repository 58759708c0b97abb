// The store loop of the simulated world as the keeper of snapshots: it takes them page by page
// while the world goes on, the relay is killed at any moment, and another one begins with another
// seed, another clock, and what the snapshot held. Every page must say what the model says at its
// moment; what was in the picture from the first page to the last must be in the snapshot exactly
// once.

@testable import TinyCoT

/// A page as the model understands it: its own copies of what the records must have meant.
struct ModelPage {
    /// The moment of the page, on the clock of that run.
    var at: UInt64 = 0
    var kept: [Kept] = []
    var seen: [ModelSeen] = []

    func ago(_ record: ModelSeen) -> Int64 {
        record.isConnected ? 0 : Int64(at) - record.seenAt
    }
}

/// A page as the relay wrote it, and what it means.
struct SnapshotPage {
    var model = ModelPage()
    var records: [(record: KeptRecord, bytes: [UInt8])] = []
    var seen: [SeenRecord] = []
    /// From a moment of that run's clock to the same moment on the clock of now.
    var shift: Int64 = 0
}

struct Snapshot {
    var pages: [SnapshotPage] = []
    var cursor: UInt64 = 0
    /// What was there at its begin and has been there ever since.
    var stays: Set<Int>
    var found: Set<Int> = []
}

extension World {
    static let loopback = 1

    // MARK: Snapshots

    /// Begins a snapshot, or asks for the next page of the one that is on its way.
    func takeStatePage() {
        if snapshot == nil { snapshot = Snapshot(stays: staying()) }
        guard var taken = snapshot else { return }
        taken.stays.formIntersection(staying())
        var question = Question()
        question.kind = .statePage
        question.cursor = taken.cursor
        relay.answer(&question, slot)
        if question.cursor <= taken.cursor && !question.isLast { fail("a snapshot stands still") }
        if question.answeredAt.nanoseconds != milliseconds * 1_000_000 {
            fail("a page of the state is of another moment")
        }
        var page = SnapshotPage()
        page.model.at = milliseconds
        for i in 0..<question.seenCount { judge(slot.seen[i], &page, &taken) }
        for i in 0..<question.recordCount { judge(slot.records[i], &page, &taken) }
        taken.pages.append(page)
        taken.cursor = question.cursor
        snapshot = taken
        if !question.isLast { return }
        let missing = taken.stays.subtracting(taken.found)
        if !missing.isEmpty {
            let kept = model.picture.first { missing.contains($0.stay) }
            let client = model.seen.compactMap { $0 }.first { missing.contains($0.stay) }
            fail(
                "a snapshot of \(taken.pages.count) pages lacks \(missing.count) things, as "
                    + "\(kept?.event.uid ?? client?.uid ?? "?")")
        }
        snapshots.append(taken.pages)
        if snapshots.count > 2 { snapshots.removeFirst() }
        snapshot = nil
    }

    /// What is in the picture, or seen, and whose time is not over.
    private func staying() -> Set<Int> {
        let kept = model.picture.filter { $0.endsAt > milliseconds }.map(\.stay)
        let most = Int64(model.config.replayMaxSeconds) * 1000
        let seen = model.seen.compactMap { $0 }
            .filter { $0.isConnected || Int64(milliseconds) - $0.seenAt < most }.map(\.stay)
        return Set(kept + seen)
    }

    /// Called in every step, so that what goes and comes back is not taken for what stays.
    func watchSnapshot() { if snapshot != nil { snapshot?.stays.formIntersection(staying()) } }

    private func judge(_ record: KeptRecord, _ page: inout SnapshotPage, _ taken: inout Snapshot) {
        let part = slot.bytes.slice(record.offset, record.count)
        let bytes = Array(UnsafeBufferPointer(start: part.start, count: part.count))
        guard case .event(let serial) = PieceName(bytes[...]),
            let kept = model.picture.first(where: { $0.event.serial == serial })
        else { return fail("a snapshot holds what is not kept") }
        let kind: KeptRecord.Kind =
            kept.isEmergency ? .emergency : kept.isOwnPosition ? .position : .item
        let now = Int64(milliseconds)
        if World.text(record.team) != kept.team || record.kind != kind || bytes != kept.event.piece
            || record.ageMilliseconds != now - kept.bornAt
            || record.leftMilliseconds != Int64(kept.endsAt) - now
            || record.leftMilliseconds <= 0 || record.address != World.ip(kept.address)
        {
            fail("a snapshot says of event \(serial) what is not so")
        }
        if !taken.found.insert(kept.stay).inserted { fail("event \(serial) comes twice") }
        page.records.append((record, bytes))
        page.model.kept.append(kept)
    }

    private func judge(_ record: SeenRecord, _ page: inout SnapshotPage, _ taken: inout Snapshot) {
        let uid = World.text(record.uid)
        guard let found = model.seenSlot(uid, World.text(record.team)), let seen = model.seen[found]
        else { return fail("a snapshot holds \(uid), which was not seen") }
        page.model.seen.append(seen)
        if record.isConnected != (seen.state != .gone)
            || World.text(record.callsign) != seen.callsign
            || World.text(record.colour) != seen.colour
            || record.agoMilliseconds != page.model.ago(seen)
            || !World.text(record.lastType).hasPrefix("a-")
        {
            fail("a snapshot says of \(uid) what is not so")
        }
        if !taken.found.insert(seen.stay).inserted { fail("\(uid) comes twice in a snapshot") }
        page.seen.append(record)
    }

    // MARK: The end of a run, and the next

    /// Sometimes the relay has time to say good-bye; more often it is just gone.
    func kill() {
        if random.chance(20) { shutDown() }
        if hasFailed { return }
        let down = random.pick([0, 300, 2_000, 40_000, 200_000, 7_200_000, 90_000_000])
        let old = Int64(milliseconds) + Int64(down)
        milliseconds = random.pick([0, 7, 20_000, 1_000_000, 4_000_000_000])
        wall = random.pick([0, 1_768_478_400_000, 2_399_630_400_000])
        modelConfig = random.chance(80) ? modelConfig : random.below(configs.count)
        let shift = Int64(milliseconds) - old
        for i in snapshots.indices {
            for j in snapshots[i].indices { snapshots[i][j].shift += shift }
        }
        let pages =
            snapshots.isEmpty || random.chance(5)
            ? [] : snapshots[random.chance(70) ? snapshots.count - 1 : 0]
        note("the relay is killed, and begins anew with \(pages.count) pages of the state")
        restarts += 1
        clients = []
        byPlace = [:]
        openLists = []
        snapshot = nil
        unpredictedEnds = 0
        makeRelay(seed: UInt64(random.below(.max)))
        model.now = milliseconds
        model.restart(configs[modelConfig])
        homecoming = pages
        if random.chance(85) {
            relay.awaitRestore(now: Instant(nanoseconds: milliseconds * 1_000_000))
            model.awaitRestore()
        }
    }

    /// All go, nobody is told, and the store takes a last snapshot.
    private func shutDown() {
        note("the relay shuts down")
        relay.beginTurn(
            now: Instant(nanoseconds: milliseconds * 1_000_000),
            wall: WallTime(milliseconds: wall))
        relay.beginShutdown()
        relay.endAll()
        while let place = relay.nextToClose() {
            if let client = byPlace[place]?.model, client.uid != nil, !client.isReplaced {
                model.noteLeft(client, of: client.team, isShuttingDown: true)
            }
            relay.released(client: place)
        }
        relay.checkInvariants()
        snapshot = nil
        repeat { takeStatePage() } while snapshot != nil && !hasFailed
    }

    // MARK: Coming home

    /// Hands back some of what is left of the snapshot.
    func comeHome(all: Bool) {
        while let home = homecoming, !hasFailed {
            if let page = home.first {
                homecoming?.removeFirst()
                handBack(page)
            } else {
                var question = Question()
                question.kind = .restoreEnd
                relay.answer(&question, slot)
                model.restoreEnd()
                note("the restoration is over")
                homecoming = nil
            }
            if !all { return }
        }
    }

    private func handBack(_ page: SnapshotPage) {
        let elapsed = Int64(milliseconds) - page.shift - Int64(page.model.at)
        var question = Question()
        question.kind = .restore
        var meant = page.model
        for record in page.seen {
            var record = record
            record.agoMilliseconds += elapsed
            slot.seen[question.seenCount] = record
            question.seenCount += 1
        }
        var end = 0
        for (i, (record, bytes)) in page.records.enumerated() {
            var record = record
            record.offset = end
            record.ageMilliseconds += elapsed
            record.leftMilliseconds -= elapsed
            for (j, byte) in bytes.enumerated() { slot.bytes[end + j] = byte }
            end += bytes.count
            if random.chance(2) {
                spoil(&record)
                meant.kept[i].team = "no team, so not taken up"
            }
            slot.records[i] = record
            question.recordCount += 1
        }
        relay.answer(&question, slot)
        let taken = model.restore(meant, elapsed: elapsed)
        note("\(taken) events and \(page.seen.count) clients of a page are handed back")
        if question.restoredCount != taken {
            fail("\(question.restoredCount) events of a page are restored, not \(taken)")
        }
        noticeEnds()
    }

    /// Nothing of this may be taken up.
    private func spoil(_ record: inout KeptRecord) {
        switch random.below(6) {
        case 0: record.count -= 1
        case 1: record.offset += 1
        case 2: record.offset = slot.bytes.count
        case 3: record.team.set("green")
        case 4: record.leftMilliseconds = 0
        default: record.kind = record.kind == .emergency ? .item : .emergency
        }
    }

    // MARK: Checks after every step

    func checkSeen() {
        model.expireSeen { relay.seen.isUsed($0) }
        for (i, record) in model.seen.enumerated() {
            guard let record, relay.seen.isUsed(i) else { continue }
            let found = relay.seen.pointer(at: i).pointee
            let state: SeenClient.State =
                record.isConnected ? .connected : record.state == .gone ? .gone : .awaited
            if found.state != state {
                return fail("\(record.uid) of \(record.team) is \(found.state), not \(state)")
            }
            if step % 8 > 0 { continue }
            if World.text(found.uid) != record.uid
                || Scenario.name(of: found.team, in: relay.config) != record.team
                || World.text(found.callsign) != record.callsign
                || World.text(found.colour) != record.colour
            {
                return fail("\(record.uid) of \(record.team) is taken for somebody else")
            }
        }
        if Int(relay.totals.notReturned) != model.notReturned {
            fail("\(model.notReturned) have not returned, \(relay.totals.notReturned) are counted")
        }
    }
}
