// The picture of before a restart, as the store loop hands it back: into the tables, to those who
// are here, and out again for whoever does not return. Nothing that comes from a disk is believed:
// each event is read again like one from the network, and what has its place taken already by a
// live event stays away.
//
//   hold --restoreEnd--> ended        newcomers wait for the picture, 5 seconds at most
//   hold --5 s--> open                they wait no longer; what comes late is shown to them then
//   open --restoreEnd--> ended        nothing is taken up any more; the time of grace runs
//
// A page that comes after the hold is late, but a slow card shall not cost the picture. Its events
// are taken up and given out to those who are here as if they had just arrived, with a number of
// their own, so that no client gets one twice. After `restoreEnd` nothing is taken.

/// What lasts no longer than the beginning of a run.
struct Restoration: BitwiseCopyable {
    enum Phase: UInt8, BitwiseCopyable { case hold, open, ended }

    struct Forgotten: BitwiseCopyable {
        var uidHash: UInt64 = 0
        var team = Config.noTeam
    }

    var phase = Phase.open
    var holdEndsAt = Instant.never
    /// When those who have not come back are given up.
    var graceAt = Instant.never
    /// What was deleted or cancelled since the start: a restored event must not bring it back. The
    /// newest ones only; more than these are not deleted in the time that a restoration takes.
    private var forgotten: InlineArray<32, Forgotten> = .init(repeating: Forgotten())
    private var forgottenCount = 0

    mutating func forget(uidHash: UInt64, team: UInt8) {
        if phase == .ended { return }
        forgotten[forgottenCount % 32] = Forgotten(uidHash: uidHash, team: team)
        forgottenCount += 1
    }

    func hasForgotten(uidHash: UInt64, team: UInt8) -> Bool {
        var i = 0
        while i < min(forgottenCount, 32) {
            if forgotten[i].uidHash == uidHash && forgotten[i].team == team { return true }
            i += 1
        }
        return false
    }

    mutating func renumberTeams(_ newTeam: InlineArray<64, UInt8>) {
        var i = 0
        while i < 32 {
            forgotten[i].team = Teams.renumbered(forgotten[i].team, newTeam)
            i += 1
        }
    }
}

extension Relay {
    private static var holdSeconds: Int { 5 }
    /// Of those who have not come back: no more in a turn, so that rings drain in between.
    private static var noticesPerTurn: Int { 8 }
    /// Ages on a disk are anything; with these no sum overflows.
    private static var spanMost: Int64 { 1 << 50 }

    /// A restoration will come: newcomers wait for the picture until `restoreEnd`, or for 5
    /// seconds. Without this nobody ever waits.
    public mutating func awaitRestore(now: Instant) {
        restoration.phase = .hold
        restoration.holdEndsAt = now.after(seconds: Relay.holdSeconds)
    }

    // MARK: Taking up

    /// Takes up a page: `memory.seen`, then `memory.records` with their bytes.
    mutating func restore(_ question: inout Question, _ memory: QuestionMemory) {
        question.restoredCount = 0
        if restoration.phase == .ended { return }
        var i = 0
        while i < min(question.seenCount, memory.seen.count) {
            restoreSeen(memory.seen[i])
            i += 1
        }
        i = 0
        while i < min(question.recordCount, memory.records.count) {
            if restoreKept(memory.records[i], memory) { question.restoredCount += 1 }
            i += 1
        }
        totals.restored += UInt64(question.restoredCount)
        beginGrace()
    }

    mutating func restoreEnd() {
        if restoration.phase == .ended { return }
        endHold()
        restoration.phase = .ended
        beginGrace()
    }

    private mutating func beginGrace() {
        restoration.graceAt =
            isShuttingDown ? .never : now.after(seconds: config.returnSeconds)
    }

    /// Teams by name, as at a reload: a team that is no more has nothing that anybody may see. So
    /// what belongs to a team goes nowhere when there are no teams any more, and the other way
    /// round.
    private func team(named name: ShortText<40>) -> UInt8? {
        var i = 0
        while i < config.teamCount {
            if config.teams[i].name.equals(name) { return UInt8(i) }
            i += 1
        }
        return nil
    }

    /// What has been heard of since the start is known better. Of two pages that tell of the same
    /// client the younger one is right.
    private mutating func restoreSeen(_ record: SeenRecord) {
        let ago = min(max(record.agoMilliseconds, 0), Relay.spanMost)
        let most = Int64(config.replayMaxSeconds) * 1000
        guard !record.uid.isEmpty, !record.uid.isCut, ago < most,
            let team = team(named: record.team)
        else { return }
        let uidHash = NameHash.of(record.uid, key: hashKey)
        let seenAt = now.signedMilliseconds - ago
        var slot = seen.find(uidHash: uidHash, team: team)
        if let slot {
            let known = seen.pointer(at: slot)
            if !known.pointee.isRestored || known.pointee.seenAt > seenAt { return }
        } else {
            // Nobody who is awaited is given up for the memory of one who has gone.
            if !record.isConnected && seen.isFull && seen.count(of: .gone) == 0 { return }
            makeSeenRoom()
            slot = seen.insert(uidHash: uidHash, team: team)
        }
        guard let slot else { return }
        let client = seen.pointer(at: slot)
        client.pointee.uid = record.uid
        client.pointee.callsign = record.callsign
        client.pointee.takv = record.takv
        client.pointee.colour = record.colour
        client.pointee.role = record.role
        client.pointee.lastType = record.lastType
        client.pointee.lastEventAt = record.lastEventAt
        client.pointee.seenAt = seenAt
        client.pointee.isRestored = true
        if record.isConnected { seen.setAwaited(slot) } else { seen.setGone(slot) }
        expireAt = min(expireAt, now.after(milliseconds: most - ago))
    }

    /// False if it is bad, over, of no team, or known anew.
    private mutating func restoreKept(_ record: KeptRecord, _ memory: QuestionMemory) -> Bool {
        guard record.offset >= 0, record.count > 0, record.count <= budget.eventMaxBytes,
            record.offset <= memory.bytes.count - record.count,
            let team = team(named: record.team)
        else { return false }
        let event = memory.bytes.slice(record.offset, record.count)
        var header = EventHeader()
        // What was kept was fit to go out: what now is not, or has an address, was never kept.
        if reader.read(event, into: &header) != nil || header.needsRewrite
            || header.martiCount > 0 || !header.pointIsComplete
        {
            return false
        }
        let kind = EventKind.of(event, header)
        if !kind.isKept || (kind == .emergency) != (record.kind == .emergency) { return false }
        guard var entry = restoredEntry(record, team: team) else { return false }
        entry.uidHash = AttributeValue.hash(event, header.uid, key: hashKey)
        entry.importance = kind.importance
        guard mayTakeUp(entry) else { return false }
        if let older = replayTable.find(uidHash: entry.uidHash, team: team) {
            replayTable.remove(older)
        }
        // Nothing gives way for it: what came in since the start is newer.
        if !replayTable.hasRoom(for: entry, bytes: event.count) { return false }
        if restoration.phase == .open {
            sequence += 1
            entry.sequence = sequence
        }
        if !replayTable.store(entry, bytes: event) { return false }
        expireAt = min(expireAt, entry.endsAt)
        repeatAt = min(repeatAt, entry.repeatAt)
        peakEmergencies = max(peakEmergencies, replayTable.count(of: .emergency))
        if restoration.phase == .open && entry.kind != .emergency { showLate(entry, event) }
        return true
    }

    /// Times and kind; nil if its time is over. It lives as long as it would have without a
    /// restart, and never longer than anything of its kind lives today.
    private func restoredEntry(_ record: KeptRecord, team: UInt8) -> ReplayEntry? {
        let age = min(max(record.ageMilliseconds, 0), Relay.spanMost)
        let most =
            record.kind == .emergency ? config.emergencyMaxSeconds : config.replayMaxSeconds
        let left = min(record.leftMilliseconds, Int64(most) * 1000 - age)
        if left <= 0 { return nil }
        var entry = ReplayEntry()
        entry.team = team
        entry.isRestored = true
        entry.ownerAddress = record.address
        entry.receivedAt = now
        entry.ageBefore = age
        entry.endsAt = now.after(milliseconds: left)
        switch record.kind {
        case .position: entry.kind = .position
        case .item: entry.kind = .item
        case .emergency:
            entry.kind = .emergency
            // Who has been given the picture before it came learns of it with this repeat.
            entry.repeatAt =
                restoration.phase == .open
                ? now : now.after(seconds: config.emergencyRepeatSeconds)
        }
        return entry
    }

    private func mayTakeUp(_ entry: ReplayEntry) -> Bool {
        if restoration.hasForgotten(uidHash: entry.uidHash, team: entry.team) { return false }
        // Who was here since the start has a newer position, or has left again.
        if entry.kind == .position,
            let slot = seen.find(uidHash: entry.uidHash, team: entry.team),
            !seen.pointer(at: slot).pointee.isRestored
        {
            return false
        }
        guard let kept = replayTable.find(uidHash: entry.uidHash, team: entry.team) else {
            return true
        }
        let old = replayTable.entry(at: kept)
        return old.isRestored && entry.age(at: now) <= old.age(at: now)
    }

    /// To all who are here, as if it had just arrived. A position that may be a client's own is not
    /// shown to that client.
    private mutating func showLate(_ entry: ReplayEntry, _ event: Slab<UInt8>) {
        guard makeLogRoom(event.count) else { return }
        var writer = ByteWriter(log.reserve(event.count))
        writer.append(event)
        let slot = log.commit(
            writer.count, importance: entry.importance, team: entry.team,
            positionKey: entry.importance == .position
                ? ReplayTable.key(uidHash: entry.uidHash, team: entry.team) : 0)
        var i = 0
        while i < connectedClients {
            let index = Int(active[i])
            let client = clients.pointer(at: index)
            let mayBeOwn =
                client.pointee.isIdentified
                ? client.pointee.uidHash == entry.uidHash
                : entry.kind == .position && mayBeItself(entry.ownerAddress, client)
            if !mayBeOwn && maySee(index, team: entry.team) { push(index, slot) }
            i += 1
        }
        log.release(slot)
    }

    // MARK: What time does

    /// The picture begins for all who wait for it. Whatever came in since they asked has reached
    /// them live.
    mutating func endHold() {
        if restoration.phase != .hold { return }
        restoration.phase = .open
        restoration.holdEndsAt = .never
        var i = 0
        while i < connectedClients {
            let index = Int(active[i])
            let client = clients.pointer(at: index)
            if client.pointee.phase == .connected && client.pointee.replay.pass == .held {
                beginReplay(index)
            }
            i += 1
        }
    }

    /// The end of the hold, and the end of the time of grace.
    mutating func runRestoration() {
        if restoration.holdEndsAt <= now { endHold() }
        if restoration.graceAt > now { return }
        var told = 0
        while let slot = seen.first(in: .awaited, from: 0) {
            // The next ones in the next turn, which comes at once.
            if told == Relay.noticesPerTurn { return }
            if !giveUp(slot) {
                restoration.graceAt = now.after(milliseconds: Relay.slackMilliseconds)
                return
            }
            told += 1
        }
        restoration.graceAt = .never
        forgetUnclaimedPositions()
    }

    /// Restored positions of clients that nobody could wait for, because their uids are too long to
    /// be kept.
    private mutating func forgetUnclaimedPositions() {
        var i = 0
        while i < replayTable.capacity {
            let entry = replayTable.pointer(at: i)
            if entry.pointee.isUsed && entry.pointee.kind == .position
                && !entry.pointee.hasOwner
            {
                replayTable.remove(i)
                stateChanges += 1
            }
            i += 1
        }
    }

    /// No later than this there is something to do here.
    var restorationDeadline: Instant { min(restoration.holdEndsAt, restoration.graceAt) }
}
