// What the model knows of restarts: who was seen, what a snapshot may hold, what comes back from
// it, and who is told when somebody does not. Written from the rules: a record a uid and team, the
// lowest free slot, the one not seen for longest gives way; a live event beats a restored one, what
// was deleted stays deleted, walls are those of team names.

@testable import TinyCoT

struct ModelSeen {
    enum State: Equatable { case gone, connected(Int), awaited }

    var uid: String
    var team: String
    var callsign = ""
    var colour = ""
    var state = State.gone
    var isRestored = false
    /// When it was last connected.
    var seenAt: Int64 = 0
    var stay = 0

    var isConnected: Bool { state != .gone && state != .awaited }
}

struct ModelRestoration {
    enum Phase { case hold, open, ended }

    var phase = Phase.open
    var holdEndsAt: UInt64 = .max
    var graceAt: UInt64 = .max
    var forgotten: [(uid: String, team: String)] = []

    mutating func forget(_ uid: String, _ team: String) {
        if phase == .ended { return }
        forgotten.append((uid, team))
        if forgotten.count > 32 { forgotten.removeFirst() }
    }
}

extension ReferenceModel {
    func freshStay() -> Int {
        nextStay += 1
        return nextStay
    }

    // MARK: Who is and was here

    func seenSlot(_ uid: String, _ team: String) -> Int? {
        seen.firstIndex { $0?.uid == uid && $0?.team == team }
    }

    private func isOver(_ record: ModelSeen) -> Bool {
        Int64(now) - record.seenAt >= Int64(config.replayMaxSeconds) * 1000
    }

    /// What a client says of itself, in its team.
    func remember(_ client: ModelClient) {
        guard let uid = client.uid else { return }
        var wasAwaited = false
        var cameBack = true
        let slot: Int
        if let known = seenSlot(uid, client.team), let record = seen[known] {
            slot = known
            wasAwaited = record.state == .awaited
            cameBack = !record.isConnected
        } else {
            makeSeenRoom()
            slot = insertSeen(ModelSeen(uid: uid, team: client.team))
        }
        seen[slot]?.callsign = client.callsign
        seen[slot]?.colour = client.colour ?? ""
        seen[slot]?.state = .connected(client.number)
        seen[slot]?.isRestored = false
        if !cameBack { return }
        // Its position of before the restart is its own again.
        if let kept = index(uid: uid, team: client.team), picture[kept].isOwnPosition,
            picture[kept].owner == Kept.nobody
        {
            picture[kept].owner = client.number
        }
        // Where it is awaited in another team, it has left.
        if wasAwaited { return }
        for slot in seen.indices where seen[slot]?.uid == uid && seen[slot]?.state == .awaited {
            giveUp(slot)
        }
    }

    private func insertSeen(_ record: ModelSeen) -> Int {
        guard let slot = seen.firstIndex(where: { $0 == nil }) else {
            fail("there is no place for \(record.uid)")
            return 0
        }
        seen[slot] = record
        seen[slot]?.stay = freshStay()
        return slot
    }

    private func makeSeenRoom() {
        if seen.contains(where: { $0 == nil }) { return }
        if let oldest = oldestSeen(.gone) {
            seen[oldest] = nil
        } else if let oldest = oldestSeen(.awaited) {
            tellNotReturned(oldest)
            seen[oldest] = nil
        }
    }

    private func oldestSeen(_ state: ModelSeen.State) -> Int? {
        seen.indices.filter { seen[$0]?.state == state }
            .min { (seen[$0]?.seenAt ?? 0) < (seen[$1]?.seenAt ?? 0) }
    }

    private func becomesGone(_ slot: Int) {
        seen[slot]?.state = .gone
        if seen.count(where: { $0?.state == .gone }) > goneMax, let oldest = oldestSeen(.gone) {
            seen[oldest] = nil
        }
    }

    func noteLeft(_ client: ModelClient, of team: String, isShuttingDown: Bool = false) {
        guard let uid = client.uid, let slot = seenSlot(uid, team),
            seen[slot]?.state == .connected(client.number)
        else { return }
        seen[slot]?.seenAt = Int64(now)
        if isShuttingDown { seen[slot]?.state = .awaited } else { becomesGone(slot) }
    }

    func forgetSeen(of teams: [String]) {
        for slot in seen.indices where teams.contains(seen[slot]?.team ?? "") { seen[slot] = nil }
        restoration.forgotten.removeAll { teams.contains($0.team) }
    }

    /// What a list of contacts shows of those who are not here: each uid once, and not if it is
    /// here.
    func gone(_ holds: (String) -> Bool) -> [ModelSeen] {
        let visible = seen.compactMap { $0 }.filter {
            !$0.isConnected && holds($0.team) && !isOver($0)
        }
        let here = Set(
            clients.values.filter { $0.phase == .connected && holds($0.team) }.compactMap(\.uid))
        var latest: [String: ModelSeen] = [:]
        for record in visible where !here.contains(record.uid) {
            if let other = latest[record.uid], other.seenAt >= record.seenAt { continue }
            latest[record.uid] = record
        }
        return Array(latest.values)
    }

    /// The relay has forgotten those whose time is over, as it may.
    func expireSeen(isUsed: (Int) -> Bool) {
        for slot in seen.indices {
            if let record = seen[slot], record.state == .gone, isOver(record), !isUsed(slot) {
                seen[slot] = nil
            }
            if isUsed(slot) != (seen[slot] != nil) {
                let record = seen[slot]
                fail("\(record?.uid ?? "a client") of \(record?.team ?? "?") is seen, or not")
            }
        }
    }

    // MARK: Those who do not come back

    func giveUp(_ slot: Int) {
        tellNotReturned(slot)
        becomesGone(slot)
    }

    private func tellNotReturned(_ slot: Int) {
        guard let record = seen[slot] else { return }
        notReturned += 1
        let bearers = owners(of: record.uid).filter { $0.phase == .connected }
        for receiver in clients.values where maySee(receiver, record.team) {
            let sees = bearers.contains { config.visible(from: $0.team, to: receiver.team) }
            if !sees { push(receiver, .notice(record.uid)) }
        }
        picture.removeAll {
            $0.event.uid == record.uid && $0.team == record.team && $0.isOwnPosition
                && $0.owner == Kept.nobody
        }
    }

    /// What time does, behind the repeats of alerts.
    func runRestoration() {
        if restoration.holdEndsAt <= now { endHold() }
        if restoration.graceAt > now { return }
        for _ in 0..<8 {
            guard let slot = seen.firstIndex(where: { $0?.state == .awaited }) else { break }
            giveUp(slot)
        }
        if seen.contains(where: { $0?.state == .awaited }) { return }
        restoration.graceAt = .max
        picture.removeAll { $0.isOwnPosition && $0.owner == Kept.nobody }
    }

    // MARK: A restart

    /// Nothing is left but what the world remembers for its judgements.
    func restart(_ new: ModelConfig) {
        config = new
        clients = [:]
        picture = []
        serials = [:]
        sequence = 0
        undeliverable = 0
        notReturned = 0
        seen = seen.map { _ in nil }
        restoration = ModelRestoration()
    }

    func awaitRestore() {
        restoration.phase = .hold
        restoration.holdEndsAt = now + 5000
    }

    private func endHold() {
        if restoration.phase != .hold { return }
        restoration.phase = .open
        restoration.holdEndsAt = .max
        for client in clients.values where client.phase == .connected && client.isHeld {
            beginPicture(client)
        }
    }

    func restoreEnd() {
        if restoration.phase == .ended { return }
        endHold()
        restoration.phase = .ended
        restoration.graceAt = now + UInt64(config.returnSeconds) * 1000
    }

    /// A page of a snapshot, `elapsed` milliseconds after it was made on a clock that began at
    /// `at`. Returns how many events are taken up.
    func restore(_ page: ModelPage, elapsed: Int64) -> Int {
        if restoration.phase == .ended { return 0 }
        for record in page.seen { restore(record, ago: page.ago(record) + elapsed) }
        var taken = 0
        for kept in page.kept {
            let age = Int64(page.at) - kept.bornAt + elapsed
            let left = Int64(kept.endsAt) - Int64(page.at) - elapsed
            if restore(kept, age: age, left: left) { taken += 1 }
        }
        restoration.graceAt = now + UInt64(config.returnSeconds) * 1000
        return taken
    }

    private func restore(_ record: ModelSeen, ago: Int64) {
        var fresh = record
        fresh.seenAt = Int64(now) - ago
        fresh.isRestored = true
        if !config.has(record.team) || isOver(fresh) { return }
        let isAwaited = record.state != .gone
        fresh.state = .gone
        let slot: Int
        if let known = seenSlot(record.uid, record.team), let old = seen[known] {
            if !old.isRestored || old.seenAt > fresh.seenAt { return }
            fresh.stay = old.stay
            slot = known
            seen[known] = fresh
        } else {
            let isFull = !seen.contains { $0 == nil }
            if isFull && !isAwaited && oldestSeen(.gone) == nil { return }
            makeSeenRoom()
            slot = insertSeen(fresh)
        }
        if isAwaited { seen[slot]?.state = .awaited } else { becomesGone(slot) }
    }

    private func restore(_ old: Kept, age: Int64, left: Int64) -> Bool {
        let most =
            old.isEmergency ? config.emergencyMaxSeconds : config.replayMaxSeconds
        let span = min(left, Int64(most) * 1000 - age)
        let uid = old.event.uid
        guard config.has(old.team), span > 0,
            !restoration.forgotten.contains(where: { $0.uid == uid && $0.team == old.team })
        else { return false }
        // Whoever was here since has a newer position, or none.
        if old.isOwnPosition, let slot = seenSlot(uid, old.team), seen[slot]?.isRestored == false {
            return false
        }
        var kept = old
        kept.owner = Kept.nobody
        kept.isRestored = true
        kept.sequence = 0
        kept.bornAt = Int64(now) - age
        kept.endsAt = now + UInt64(span)
        kept.stay = freshStay()
        let isLate = restoration.phase == .open
        if kept.isEmergency {
            kept.repeatAt = isLate ? now : now + UInt64(config.emergencyRepeatSeconds) * 1000
        }
        if let known = index(uid: uid, team: old.team) {
            if !picture[known].isRestored || picture[known].bornAt > kept.bornAt { return false }
            kept.stay = picture[known].stay
            picture.remove(at: known)
        }
        if !hasRoom(for: kept) { return false }
        if isLate {
            sequence += 1
            kept.sequence = sequence
            serials[sequence] = kept.event.serial
        }
        acceptedAtReload[kept.event.serial] = reloads
        // In the order of arrival, as if there had been no restart.
        let place = picture.lastIndex { $0.bornAt <= kept.bornAt }.map { $0 + 1 } ?? 0
        picture.insert(kept, at: place)
        if isLate && !kept.isEmergency { showLate(kept) }
        return true
    }

    /// Nothing gives way for what is restored.
    private func hasRoom(for kept: Kept) -> Bool {
        let blocks = picture.reduce(kept.blocks) { $0 + $1.blocks }
        if picture.count >= entriesMax || blocks > blocksMax { return false }
        if !kept.isEmergency { return true }
        let alerts = picture.filter(\.isEmergency)
        return alerts.count < emergenciesMax
            && 4 * alerts.reduce(kept.blocks) { $0 + $1.blocks } <= blocksMax
    }

    /// To all who are here, but not to whom it may belong.
    private func showLate(_ kept: Kept) {
        for client in clients.values where maySee(client, kept.team) {
            if let uid = client.uid {
                if uid == kept.event.uid { continue }
            } else if kept.isOwnPosition && kept.address == client.address
                && client.address != World.loopback
            {
                continue
            }
            pushEvent(client, kept.event)
        }
    }
}
