// Who a connection is: learned from its position reports, never demanded. And what follows from
// it: its team, the end of an older connection of the same device, the notice when it leaves.

extension Relay {
    /// Learns from a position that carries callsign and endpoint. The first one names the
    /// connection; later ones count only if their uid is the connection's own: clients also move
    /// other people's markers (protocol 6.2, 12.6).
    mutating func noteIdentity(
        _ index: Int, _ event: Slab<UInt8>, _ header: EventHeader, uidHash: UInt64
    ) {
        if header.contactCallsign.isEmpty || header.contactEndpoint.isEmpty { return }
        if !AttributeValue.hasPrefix(event, header.type, "a-") { return }
        let client = clients.pointer(at: index)
        if client.pointee.isIdentified && client.pointee.uidHash != uidHash { return }
        let callsignHash = AttributeValue.hash(event, header.contactCallsign, key: hashKey)
        let colourHash =
            header.groupName.isAbsent
            ? 0 : AttributeValue.hash(event, header.groupName, key: hashKey)
        client.pointee.lastType = ShortText()
        AttributeValue.copy(event, header.type, into: &client.pointee.lastType)
        let isOtherProgram = noteProgram(client, event, header)
        let isNew = !client.pointee.isIdentified
        if !isNew && client.pointee.callsignHash == callsignHash
            && client.pointee.colourHash == colourHash
        {
            if isOtherProgram { rememberSeen(index) }
            return
        }
        // What it sent before went out in its old name and team.
        deliverRun()
        client.pointee.uidHash = uidHash
        client.pointee.callsignHash = callsignHash
        client.pointee.colourHash = colourHash
        AttributeValue.copy(event, header.uid, into: &client.pointee.uid)
        AttributeValue.copy(event, header.contactCallsign, into: &client.pointee.callsign)
        client.pointee.colour = ShortText()
        AttributeValue.copy(event, header.groupName, into: &client.pointee.colour)
        client.pointee.colourBit = TeamColour.bit(event, header.groupName)
        if isNew { uids.insert(index, key: uidHash) }
        callsigns.insert(index, key: callsignHash)
        let couldReceive = Teams.mayReceive(client.pointee, config: config)
        client.pointee.isIdentified = true
        settleTeam(index, wasNamed: !isNew, couldReceive: couldReceive)
        rememberSeen(index)
    }

    /// Keeps what lists of contacts show beside the names. Most positions repeat it.
    /// - Returns: it is not what it was.
    private func noteProgram(
        _ client: UnsafeMutablePointer<Client>, _ event: Slab<UInt8>, _ header: EventHeader
    ) -> Bool {
        var hash = NameHash(key: hashKey)
        hash.add(event, header.groupRole)
        hash.add(event, header.takvPlatform)
        hash.add(event, header.takvVersion)
        let programHash = hash.finish()
        if client.pointee.programHash == programHash { return false }
        client.pointee.programHash = programHash
        client.pointee.role = ShortText()
        AttributeValue.copy(event, header.groupRole, into: &client.pointee.role)
        client.pointee.takv = ShortText()
        AttributeValue.copy(
            event, header.takvPlatform, header.takvVersion, into: &client.pointee.takv)
        return true
    }

    /// The newest connection owns a uid (protocol 4.7). The older one goes without a notice: the
    /// device has not left. Only inside a team: else whoever stands outside a wall could throw
    /// those inside it off the server, by saying their names.
    mutating func takeOver(_ index: Int) {
        let client = clients.pointer(at: index)
        var holder = uids.first(client.pointee.uidHash)
        while let other = holder {
            holder = uids.following(other)
            if other == index || clients[other].team != client.pointee.team { continue }
            uids.remove(other)
            callsigns.remove(other)
            end(other, .replaced)
        }
    }

    /// Puts a client where port, roster and colour say it belongs, with all that follows: its old
    /// team is told that it left, it loses what it may not see any more, and it gets the picture
    /// of its new team.
    mutating func settleTeam(_ index: Int, wasNamed: Bool, couldReceive: Bool) {
        let client = clients.pointer(at: index)
        let oldTeam = client.pointee.team
        let newTeam = Teams.team(of: client.pointee, config: config)
        if newTeam != oldTeam {
            // Whether or not its position is still kept: its old team has seen it.
            if wasNamed {
                announceLeaving(index, of: oldTeam, toNewTeam: newTeam)
                noteLeft(index, of: oldTeam)
            }
            forgetOwnPosition(index)
            client.pointee.team = newTeam
            dropInvisible(index)
        }
        if client.pointee.isIdentified && (newTeam != oldTeam || !wasNamed) { takeOver(index) }
        if newTeam != oldTeam || !couldReceive { startReplay(index) }
    }

    /// The kept position of a client, in its present team, if it is its own.
    func ownPosition(_ index: Int) -> Int? {
        let client = clients.pointer(at: index)
        guard
            let kept = replayTable.find(
                uidHash: client.pointee.uidHash, team: client.pointee.team)
        else { return nil }
        let entry = replayTable.entry(at: kept)
        return entry.kind == .position && entry.owner == UInt32(index)
            && entry.ownerGeneration == client.pointee.generation ? kept : nil
    }

    // MARK: Leaving

    /// Tells everyone who could see a client that it is gone, and forgets its position.
    mutating func announceLeaving(_ index: Int) {
        announceLeaving(index, of: clients[index].team, toNewTeam: nil)
        forgetOwnPosition(index)
    }

    private mutating func forgetOwnPosition(_ index: Int) {
        guard let kept = ownPosition(index) else { return }
        replayTable.remove(kept)
        stateChanges += 1
    }

    /// - Parameter toNewTeam: whoever sees that team, too, is not told: for them it is still here.
    private mutating func announceLeaving(
        _ index: Int, of team: UInt8, toNewTeam newTeam: UInt8?
    ) {
        // A uid that had to be cut would name nobody.
        if clients[index].uid.isCut { return }
        let client = clients.pointer(at: index)
        let notice = storeNotice(
            uid: client.pointee.uid, type: client.pointee.lastType, team: team)
        guard let slot = notice else { return }
        var i = 0
        while i < connectedClients {
            let receiver = Int(active[i])
            if receiver != index && maySee(receiver, team: team) {
                let stillSees =
                    newTeam.map { config.visible(from: $0, to: clients[receiver].team) } ?? false
                if !stillSees { push(receiver, slot) }
            }
            i += 1
        }
        log.release(slot)
    }

    /// The notice that a uid of a team has left, in the log; the caller holds the reference. Nil if
    /// no room could be made.
    mutating func storeNotice(uid: NameText, type: ShortText<24>, team: UInt8) -> UInt32? {
        guard makeLogRoom(EventWriter.maxBytes) else { return nil }
        let high = random()
        let low = random()
        var writer = ByteWriter(log.reserve(EventWriter.maxBytes))
        EventWriter.disconnectNotice(
            randomHigh: high, randomLow: low, uid: uid, type: type, now: wall, into: &writer)
        invariant(!writer.overflowed, "a disconnect notice fits the room that is set aside for it")
        return log.commit(writer.count, importance: .important, team: team, positionKey: 0)
    }
}

extension NameHash {
    /// The raw bytes of a value and its end, so that two values do not run into one.
    fileprivate mutating func add(_ event: Slab<UInt8>, _ range: ByteRange) {
        var at = Int(range.offset)
        while at < range.end {
            add(event[at])
            at += 1
        }
        add(0xFF)
    }
}
