// The picture: what is kept of the stream, and how a newcomer gets it, a page at a time, as its
// ring drains. Order: positions of clients, then items, then active emergencies (protocol 12.8).

extension Relay {
    // MARK: Keeping

    /// Keeps a broadcast event if it is of a kind that lasts (protocol 6.2), and carries out what
    /// deletes and cancels mean for what is kept.
    mutating func keepForReplay(
        _ event: Slab<UInt8>, _ header: EventHeader, _ delivery: Delivery
    ) {
        switch delivery.kind {
        case .delete:
            forgetDeleted(event, header, delivery)
            return
        case .emergencyCancel:
            forget(uidHash: delivery.uidHash, team: delivery.team)
            return
        default: break
        }
        guard delivery.kind.isKept, header.pointIsComplete else { return }
        var entry = ReplayEntry()
        entry.uidHash = delivery.uidHash
        entry.team = delivery.team
        entry.owner = UInt32(delivery.sender)
        entry.ownerGeneration = clients[delivery.sender].generation
        entry.ownerAddress = clients[delivery.sender].address
        entry.sequence = sequence
        entry.receivedAt = now
        entry.kind = replayClass(delivery)
        entry.importance = delivery.kind.importance
        if entry.kind == .emergency {
            entry.endsAt = now.after(seconds: config.emergencyMaxSeconds)
            entry.repeatAt = now.after(seconds: config.emergencyRepeatSeconds)
            repeatAt = min(repeatAt, entry.repeatAt)
        } else {
            // An alert is not silenced by a position that borrows its uid.
            if let old = replayTable.find(uidHash: entry.uidHash, team: entry.team),
                replayTable.entry(at: old).kind == .emergency
            {
                return
            }
            guard let lifetime = lifetimeMilliseconds(event, header) else { return }
            let most = Int64(config.replayMaxSeconds) * 1000
            entry.endsAt = now.after(milliseconds: min(lifetime, most))
        }
        expireAt = min(expireAt, entry.endsAt)
        if !replayTable.store(entry, bytes: log.bytes(of: delivery.slot)) { totals.notKept += 1 }
        peakEmergencies = max(peakEmergencies, replayTable.count(of: .emergency))
        stateChanges += 1
    }

    /// What is deleted or cancelled is not kept any more, and does not come back from a disk.
    private mutating func forget(uidHash: UInt64, team: UInt8) {
        restoration.forget(uidHash: uidHash, team: team)
        guard let kept = replayTable.find(uidHash: uidHash, team: team) else { return }
        replayTable.remove(kept)
        stateChanges += 1
    }

    private func replayClass(_ delivery: Delivery) -> ReplayClass {
        if delivery.kind == .emergency { return .emergency }
        let client = clients.pointer(at: delivery.sender)
        return client.pointee.isIdentified && client.pointee.uidHash == delivery.uidHash
            ? .position : .item
    }

    /// How long an event says it is good for; nil if it does not say or is over already. The
    /// sender's clock and ours need not agree: only the span counts.
    private func lifetimeMilliseconds(_ event: Slab<UInt8>, _ header: EventHeader) -> Int64? {
        guard let time = CoTTime.parse(event, header.time),
            let stale = CoTTime.parse(event, header.stale)
        else { return nil }
        let span = stale.milliseconds - time.milliseconds
        return span > 0 ? span : nil
    }

    /// A delete forgets the item it names. The live position of another connected client is not
    /// forgotten: anyone could erase anyone otherwise.
    private mutating func forgetDeleted(
        _ event: Slab<UInt8>, _ header: EventHeader, _ delivery: Delivery
    ) {
        let target = AttributeValue.hash(event, header.linkUID, key: hashKey)
        var holder = uids.first(target)
        while let owner = holder {
            if owner != delivery.sender && clients[owner].team == delivery.team { return }
            holder = uids.following(owner)
        }
        forget(uidHash: target, team: delivery.team)
    }

    // MARK: Offering

    /// Starts to offer the picture. What arrives from now on reaches the client live. While the
    /// picture of before a restart is awaited it is only noted that this client wants it.
    mutating func startReplay(_ index: Int) {
        let client = clients.pointer(at: index)
        if client.pointee.phase != .connected { return }
        client.pointee.replay.before = sequence
        if restoration.phase == .hold {
            client.pointee.replay.pass = .held
        } else {
            beginReplay(index)
        }
    }

    mutating func beginReplay(_ index: Int) {
        let client = clients.pointer(at: index)
        client.pointee.replay.pass = .positions
        client.pointee.replay.index = 0
        if replayTable.count == 0 {
            client.pointee.replay.pass = .done
            return
        }
        resumeReplay(index)
    }

    /// Lets the client come out of `nextToFlush`, where its next page is made.
    mutating func resumeReplay(_ index: Int) {
        let client = clients.pointer(at: index)
        if client.pointee.isListed || client.pointee.isBlocked { return }
        client.pointee.isListed = true
        toFlush.append(index)
    }

    /// Fills at most half of the ring, and leaves the log its room for live traffic.
    mutating func fillFromReplay(_ index: Int) {
        let client = clients.pointer(at: index)
        if client.pointee.replay.pass == .held { return }
        while client.pointee.replay.pass != .done {
            if !hasRoomForPage(index) { return }
            if client.pointee.replay.pass == .deferred && !deferredMayGo(index) { return }
            guard let found = nextForReplay(index) else {
                advancePass(client)
                continue
            }
            client.pointee.replay.index = UInt32(found + 1)
            let entry = replayTable.entry(at: found)
            if entry.kind == .emergency {
                sendEmergency(entry, to: index)
            } else {
                sendKept(entry, to: index)
            }
            if client.pointee.phase != .connected { return }
        }
    }

    private func hasRoomForPage(_ index: Int) -> Bool {
        let queue = clients.pointer(at: index).pointee.queue
        return 2 * Int(queue.count) < queues.capacity && 2 * Int(queue.bytes) < queues.bytesMax
            && 4 * log.liveBytes < 3 * log.liveBytesMax
            && 4 * log.liveEvents < 3 * log.liveEventsMax
    }

    /// After a page is gone: is there a next one that could be made now?
    func replayCanGoOn(_ index: Int) -> Bool {
        let client = clients.pointer(at: index)
        switch client.pointee.replay.pass {
        case .done, .held: return false
        case .deferred: return deferredMayGo(index) && hasRoomForPage(index)
        case .positions, .items, .emergencies: return hasRoomForPage(index)
        }
    }

    private func advancePass(_ client: UnsafeMutablePointer<Client>) {
        client.pointee.replay.index = 0
        switch client.pointee.replay.pass {
        case .positions: client.pointee.replay.pass = .items
        case .items: client.pointee.replay.pass = .emergencies
        case .emergencies: client.pointee.replay.pass = .deferred
        case .deferred, .done, .held: client.pointee.replay.pass = .done
        }
    }

    private func nextForReplay(_ index: Int) -> Int? {
        let client = clients.pointer(at: index)
        var i = Int(client.pointee.replay.index)
        while i < replayTable.capacity {
            let entry = replayTable.pointer(at: i)
            if entry.pointee.isUsed && isForReplay(entry, to: index, client) { return i }
            i += 1
        }
        return nil
    }

    private func isForReplay(
        _ entry: UnsafeMutablePointer<ReplayEntry>, to index: Int,
        _ client: UnsafeMutablePointer<Client>
    ) -> Bool {
        if entry.pointee.sequence > client.pointee.replay.before || entry.pointee.endsAt <= now {
            return false
        }
        if !maySee(index, team: entry.pointee.team) { return false }
        if client.pointee.isIdentified && entry.pointee.uidHash == client.pointee.uidHash {
            return false
        }
        let isOwn =
            entry.pointee.owner == UInt32(index)
            && entry.pointee.ownerGeneration == client.pointee.generation
        if isOwn { return false }
        let address = entry.pointee.ownerAddress
        switch client.pointee.replay.pass {
        case .positions:
            return entry.pointee.kind == .position && !mayBeItself(address, client)
        case .items: return entry.pointee.kind == .item
        case .emergencies: return entry.pointee.kind == .emergency
        case .deferred: return entry.pointee.kind == .position && mayBeItself(address, client)
        case .done, .held: return false
        }
    }

    /// A position that came from the newcomer's own address may be the newcomer's: phones come back
    /// before their old connection is found dead. It waits until the newcomer has said who it is.
    /// The loopback address tells nothing about who is behind it. Decided by the entry alone, which
    /// does not change: else a position could fall between two passes when its client leaves.
    func mayBeItself(
        _ owner: Address, _ client: UnsafeMutablePointer<Client>
    ) -> Bool {
        owner == client.pointee.address
            && !client.pointee.address.isLoopback
    }

    /// Milliseconds after which an unnamed newcomer gets the deferred positions all the same.
    private static var deferralMilliseconds: Int64 { 2000 }

    private func deferredMayGo(_ index: Int) -> Bool {
        let client = clients.pointer(at: index)
        return client.pointee.isIdentified
            || now.milliseconds(since: client.pointee.connectedAt) >= Relay.deferralMilliseconds
    }

    private mutating func sendKept(_ entry: ReplayEntry, to index: Int) {
        let bytes = Int(entry.chain.byteCount)
        guard makeLogRoom(bytes) else { return }
        var writer = ByteWriter(log.reserve(bytes))
        replayTable.pool.copy(entry.chain, into: &writer)
        let slot = log.commit(
            writer.count, importance: entry.importance, team: entry.team,
            positionKey: entry.importance == .position ? entry.key : 0)
        push(index, slot)
        log.release(slot)
        totals.replayed += 1
    }

    // MARK: Emergencies

    /// An alert as it stood, with times that have moved on with the clock since it arrived: the
    /// sender's clock is trusted for what it said, ours only for how long ago that was.
    func writeEmergency(_ entry: ReplayEntry, into writer: inout ByteWriter, kept: Slab<UInt8>)
        -> Bool
    {
        var header = EventHeader()
        var copy = reader
        if copy.read(kept, into: &header) != nil { return false }
        let age = entry.age(at: now)
        let base = CoTTime.parse(kept, header.time) ?? wall
        let time = base.adding(milliseconds: age)
        let validFor = Int64(config.emergencyRepeatSeconds) * 1500
        EventRewriter.copyWithTimes(
            kept, header, time: time, start: time,
            stale: time.adding(milliseconds: validFor), into: &writer)
        return !writer.overflowed
    }

    /// Stores the refreshed alert; the caller holds the reference.
    private mutating func storeEmergency(_ entry: ReplayEntry) -> UInt32? {
        let most = Int(entry.chain.byteCount) + CoTTime.writtenBytes * 3
        guard makeLogRoom(most) else { return nil }
        var kept = ByteWriter(assembly)
        replayTable.pool.copy(entry.chain, into: &kept)
        var writer = ByteWriter(log.reserve(most))
        if !writeEmergency(entry, into: &writer, kept: kept.written)
            || writer.count > budget.eventMaxBytes
        {
            // Longer times made it longer than a client takes (protocol 3.1): old times, then.
            writer.reset()
            writer.append(kept.written)
        }
        return log.commit(
            writer.count, importance: .important, team: entry.team,
            positionKey: 0)
    }

    private mutating func sendEmergency(_ entry: ReplayEntry, to index: Int) {
        guard let slot = storeEmergency(entry) else { return }
        push(index, slot)
        log.release(slot)
        totals.replayed += 1
    }

    /// Sends every alert whose time has come to all who may see it.
    mutating func repeatEmergencies() {
        if repeatAt > now { return }
        repeatAt = .never
        if replayTable.count(of: .emergency) == 0 { return }
        var i = 0
        while i < replayTable.capacity {
            let entry = replayTable.entry(at: i)
            if entry.isUsed && entry.kind == .emergency {
                if entry.repeatAt <= now {
                    repeatEmergency(entry)
                    replayTable.setRepeat(
                        i, at: now.after(seconds: config.emergencyRepeatSeconds))
                }
                repeatAt = min(repeatAt, replayTable.entry(at: i).repeatAt)
            }
            i += 1
        }
    }

    private mutating func repeatEmergency(_ entry: ReplayEntry) {
        if entry.endsAt <= now { return }
        guard let slot = storeEmergency(entry) else { return }
        var i = 0
        while i < connectedClients {
            let index = Int(active[i])
            let isSender =
                entry.owner == UInt32(index)
                && clients[index].generation == entry.ownerGeneration
            if !isSender && maySee(index, team: entry.team) { push(index, slot) }
            i += 1
        }
        log.release(slot)
    }
}
