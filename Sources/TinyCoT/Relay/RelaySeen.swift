// Who is here and who was: the relay's side of the table of seen clients. Called where a client
// says who it is, changes its team, or leaves; and what the table says of those who do not come
// back.

extension Relay {
    /// Writes down what a client says of itself, in the team in which it stands. Called when it
    /// names itself and whenever anything of that changes. A uid that was cut names nobody.
    mutating func rememberSeen(_ index: Int) {
        let client = clients.pointer(at: index)
        if client.pointee.uid.isCut { return }
        let uidHash = client.pointee.uidHash
        var slot = seen.find(uidHash: uidHash, team: client.pointee.team)
        var cameBack = false
        var wasAwaited = false
        if let slot {
            wasAwaited = seen.pointer(at: slot).pointee.state == .awaited
            cameBack = seen.pointer(at: slot).pointee.state != .connected
        } else {
            makeSeenRoom()
            slot = seen.insert(uidHash: uidHash, team: client.pointee.team)
            cameBack = true
        }
        guard let slot else { return }
        seen.setConnected(slot, holder: index)
        copySeen(client, to: seen.pointer(at: slot))
        stateChanges += 1
        if !cameBack { return }
        adoptRestoredPosition(index)
        if !wasAwaited { noteMoved(uidHash) }
    }

    private func copySeen(
        _ client: UnsafeMutablePointer<Client>, to record: UnsafeMutablePointer<SeenClient>
    ) {
        record.pointee.uid = client.pointee.uid
        record.pointee.callsign = client.pointee.callsign
        record.pointee.takv = client.pointee.takv
        record.pointee.colour = client.pointee.colour
        record.pointee.role = client.pointee.role
        record.pointee.lastType = client.pointee.lastType
        record.pointee.lastEventAt = client.pointee.lastEventAt
    }

    /// A client has left a team: by going, or for another team. While the relay shuts down they all
    /// go, and it is after the restart that they are expected again.
    mutating func noteLeft(_ index: Int, of team: UInt8) {
        let client = clients.pointer(at: index)
        guard let slot = seenSlot(of: index, in: team) else { return }
        let record = seen.pointer(at: slot)
        stateChanges += 1
        record.pointee.leftWith = stateChanges
        record.pointee.seenAt = now.signedMilliseconds
        record.pointee.lastEventAt = client.pointee.lastEventAt
        if isShuttingDown {
            record.pointee.lastType = client.pointee.lastType
            seen.setAwaited(slot)
        } else {
            seen.setGone(slot)
            expireAt = min(expireAt, now.after(seconds: config.replayMaxSeconds))
        }
    }

    /// The record that a client holds in a team.
    func seenSlot(of index: Int, in team: UInt8) -> Int? {
        guard let slot = seen.find(uidHash: clients[index].uidHash, team: team) else { return nil }
        let record = seen.pointer(at: slot)
        return record.pointee.state == .connected && record.pointee.holder == UInt32(index)
            ? slot : nil
    }

    /// There is a place for everybody who is connected. Only what a restart brought back may leave
    /// none: then somebody who is still awaited is given up before the time.
    mutating func makeSeenRoom() {
        if !seen.isFull { return }
        if let oldest = seen.oldest(in: .gone) { return seen.remove(oldest) }
        guard let oldest = seen.oldest(in: .awaited) else {
            invariantBroken("every connected client has a place among the seen")
        }
        _ = tellNotReturned(oldest)
        seen.remove(oldest)
    }

    /// Forgets those who were not seen for longer than anything is kept.
    /// - Returns: when it is to be called again.
    mutating func expireSeen() -> Instant {
        let most = Int64(config.replayMaxSeconds) * 1000
        guard let next = seen.expire(before: now.signedMilliseconds - most) else { return .never }
        return now.after(milliseconds: next + most - now.signedMilliseconds)
    }

    // MARK: Coming back after a restart

    /// The position of before the restart is its own again, and goes when it goes.
    private func adoptRestoredPosition(_ index: Int) {
        let client = clients.pointer(at: index)
        guard
            let kept = replayTable.find(
                uidHash: client.pointee.uidHash, team: client.pointee.team)
        else { return }
        let entry = replayTable.pointer(at: kept)
        if entry.pointee.kind != .position || entry.pointee.hasOwner { return }
        entry.pointee.owner = UInt32(index)
        entry.pointee.ownerGeneration = client.pointee.generation
    }

    /// A uid has come into a team where nobody waited for it. Where it is still awaited, it has
    /// left. (Who is awaited in its own team has two connections in two teams; both may come back.)
    private mutating func noteMoved(_ uidHash: UInt64) {
        var slot = seen.first(uidHash, from: 0)
        while let found = slot {
            if seen.pointer(at: found).pointee.state == .awaited { giveUp(found) }
            slot = seen.first(uidHash, from: found + 1)
        }
    }

    /// Tells of one that did not come back, and remembers it as gone. False if there was no room in
    /// the log: then it is still awaited.
    @discardableResult
    mutating func giveUp(_ slot: Int) -> Bool {
        if !tellNotReturned(slot) { return false }
        seen.setGone(slot)
        expireAt = min(expireAt, now)
        stateChanges += 1
        return true
    }

    /// The notice that an awaited client left, to all who may see its team and do not see its uid
    /// in another one; and its position is forgotten. Its open alerts stay.
    private mutating func tellNotReturned(_ slot: Int) -> Bool {
        let record = seen.pointer(at: slot)
        let team = record.pointee.team
        let uidHash = seen.uidHash(at: slot)
        let notice = storeNotice(
            uid: record.pointee.uid, type: record.pointee.lastType, team: team)
        guard let notice else { return false }
        var i = 0
        while i < connectedClients {
            let receiver = Int(active[i])
            if maySee(receiver, team: team) && !sees(receiver, uidHash) { push(receiver, notice) }
            i += 1
        }
        log.release(notice)
        totals.notReturned += 1
        if let kept = replayTable.find(uidHash: uidHash, team: team) {
            let entry = replayTable.pointer(at: kept)
            if entry.pointee.kind == .position && !entry.pointee.hasOwner {
                replayTable.remove(kept)
            }
        }
        return true
    }

    /// Does this client see a connection that bears the uid? It may be that one itself.
    private func sees(_ receiver: Int, _ uidHash: UInt64) -> Bool {
        var holder = uids.first(uidHash)
        while let other = holder {
            if clients[other].phase == .connected
                && config.visible(from: clients[other].team, to: clients[receiver].team)
            {
                return true
            }
            holder = uids.following(other)
        }
        return false
    }
}
