// Who gets an event. Order (protocol 12, routing): control was swallowed before; then explicit
// destinations; then the rules for chat without destinations; then everyone the sender's team is
// visible to, minus the sender. A destination that is not here gets nothing, and nobody else does
// in its place: it was private.

/// What an event's own addressing asks for.
private enum Audience: BitwiseCopyable {
    case everyone
    case destinations
    /// Chat without destinations: the members of a colour, one uid, or the listed uids.
    case colour, chatPartner, chatMembers
    /// The canary comes back to the daemon's own connection, and goes nowhere else.
    case canary
}

extension Relay {
    /// Routes an accepted event that is not control.
    mutating func route(
        _ sender: Int, _ event: Slab<UInt8>, _ header: EventHeader, _ kind: EventKind
    ) {
        sequence += 1
        let uidHash = AttributeValue.hash(event, header.uid, key: hashKey)
        let isCanary = clients[sender].isCanary
        if !isCanary { noteIdentity(sender, event, header, uidHash: uidHash) }
        // Identification may have moved the sender to another team.
        let team = clients[sender].team
        if config.dump.isEnabled && !isCanary { feedDump(sender, event, header, uidHash: uidHash) }
        var delivery = Delivery(sender: sender, team: team, kind: kind, uidHash: uidHash)
        switch isCanary ? .canary : audience(of: event, header, kind) {
        case .everyone:
            broadcast(event, header, &delivery)
        case .destinations:
            deliverToDestinations(event, header, &delivery)
        case .colour:
            deliverToColour(event, header, &delivery)
        case .chatPartner:
            deliver(event, header, toUID: header.chatID, &delivery)
        case .chatMembers:
            var members = ChatMembers(event, header)
            while let uid = members.next(event) { deliver(event, header, toUID: uid, &delivery) }
        case .canary:
            if store(event, header, &delivery) {
                push(sender, delivery.slot)
                delivery.recipients += 1
            }
        }
        if delivery.slot != EventLog.none { log.release(delivery.slot) }
        if !delivery.isBroadcast && delivery.recipients == 0 && !isCanary {
            totals.undeliverable += 1
        }
    }

    private func audience(
        of event: Slab<UInt8>, _ header: EventHeader, _ kind: EventKind
    ) -> Audience {
        var isExplicit = false
        if header.martiCount > 0 {
            var list = DestinationList(header)
            while let destination = list.next(event) {
                isExplicit = true
                if AttributeValue.equals(event, destination.callsign, "All Streaming") {
                    return .everyone
                }
            }
        }
        if isExplicit { return .destinations }
        if kind != .chat || !header.hasChat { return .everyone }
        if AttributeValue.equals(event, header.chatRoom, "All Chat Rooms")
            || AttributeValue.equals(event, header.chatID, "All Chat Rooms")
        {
            return .everyone
        }
        if AttributeValue.equals(event, header.chatParent, "TeamGroups") { return .colour }
        if AttributeValue.equals(event, header.chatParent, "UserGroups") { return .chatMembers }
        return .chatPartner
    }

    // MARK: The ways of delivery

    private mutating func broadcast(
        _ event: Slab<UInt8>, _ header: EventHeader, _ delivery: inout Delivery
    ) {
        delivery.isBroadcast = true
        guard store(event, header, &delivery) else { return }
        addToRun(delivery)
        keepForReplay(event, header, delivery)
    }

    private mutating func deliverToDestinations(
        _ event: Slab<UInt8>, _ header: EventHeader, _ delivery: inout Delivery
    ) {
        var list = DestinationList(header)
        while let destination = list.next(event) {
            deliver(event, header, toUID: destination.uid, &delivery)
            if destination.callsign.isEmpty { continue }
            let hash = AttributeValue.hash(event, destination.callsign, key: hashKey)
            var holder = callsigns.first(hash)
            while let index = holder {
                holder = callsigns.following(index)
                deliver(event, header, to: index, &delivery)
            }
        }
    }

    private mutating func deliver(
        _ event: Slab<UInt8>, _ header: EventHeader, toUID uid: ByteRange,
        _ delivery: inout Delivery
    ) {
        if uid.isEmpty { return }
        var holder = uids.first(AttributeValue.hash(event, uid, key: hashKey))
        while let index = holder {
            holder = uids.following(index)
            deliver(event, header, to: index, &delivery)
        }
    }

    /// Team chat without destinations: whoever wears the colour that names the room.
    private mutating func deliverToColour(
        _ event: Slab<UInt8>, _ header: EventHeader, _ delivery: inout Delivery
    ) {
        let room = AttributeValue.hash(event, header.chatRoom, key: hashKey)
        var i = 0
        while i < connectedClients {
            let index = Int(active[i])
            if clients[index].isIdentified && clients[index].colourHash == room {
                deliver(event, header, to: index, &delivery)
            }
            i += 1
        }
    }

    /// To one client, once however often it is named, never to the sender, never over a wall.
    private mutating func deliver(
        _ event: Slab<UInt8>, _ header: EventHeader, to index: Int, _ delivery: inout Delivery
    ) {
        if index == delivery.sender || !maySee(index, team: delivery.team) { return }
        if clients[index].routeMark == sequence { return }
        clients[index].routeMark = sequence
        if delivery.slot == EventLog.none && !store(event, header, &delivery) { return }
        push(index, delivery.slot)
        delivery.recipients += 1
    }

    /// The wall. Every byte that goes from one client to another passes here.
    @inline(__always)
    func maySee(_ receiver: Int, team: UInt8) -> Bool {
        let client = clients.pointer(at: receiver)
        return client.pointee.phase == .connected
            && config.visible(from: team, to: client.pointee.team)
            && Teams.mayReceive(client.pointee, config: config)
    }

    // MARK: The log

    /// Puts the event into the log as it will go out. The delivery holds one reference.
    private mutating func store(
        _ event: Slab<UInt8>, _ header: EventHeader, _ delivery: inout Delivery
    ) -> Bool {
        if delivery.failed { return false }
        let most = header.needsRewrite ? budget.eventMaxBytes : event.count
        guard makeLogRoom(most) else {
            delivery.failed = true
            // Nobody gets it: once, with the sender, because no receiver is to blame.
            countDrop(delivery.sender, .logFull)
            return false
        }
        var writer = ByteWriter(log.reserve(most))
        if header.needsRewrite {
            EventRewriter.rewrite(event, header, into: &writer)
        } else {
            EventRewriter.copyWithoutMarti(event, header, into: &writer)
        }
        if writer.overflowed {
            log.cancel()
            delivery.failed = true
            refuse(delivery.sender, .rewriteTooLarge)
            return false
        }
        delivery.slot = log.commit(
            writer.count, importance: delivery.kind.importance, team: delivery.team,
            positionKey: delivery.kind == .position
                ? ReplayTable.key(uidHash: delivery.uidHash, team: delivery.team) : 0,
            arrivedAt: clients[delivery.sender].isCanary ? 0 : turnTick)
        return true
    }

    /// Makes room in the log by taking from the client that has most waiting. False if even that
    /// does not help; every event that is lost is counted with the client that loses it.
    mutating func makeLogRoom(_ bytes: Int) -> Bool {
        // What can never fit must not cost anybody what waits.
        if bytes > log.liveBytesMax { return false }
        if log.hasRoom(for: bytes) { return true }
        deliverRun()
        var rounds = 0
        while !log.hasRoom(for: bytes) {
            guard let victim = longestQueue(), rounds < 4 * budget.clients else { return false }
            // Only what it has begun to send is left: it stalls everyone, so it goes.
            if !shed(victim, bytes: bytes) { end(victim, .stalled) }
            rounds += 1
        }
        return true
    }

    private func longestQueue() -> Int? {
        var best: Int?
        var most: UInt32 = 0
        var i = 0
        while i < connectedClients {
            let index = Int(active[i])
            if clients[index].queue.bytes > most {
                most = clients[index].queue.bytes
                best = index
            }
            i += 1
        }
        return best
    }
}

/// One event on its way to its receivers.
struct Delivery: BitwiseCopyable {
    let sender: Int
    let team: UInt8
    let kind: EventKind
    let uidHash: UInt64
    var slot = EventLog.none
    var recipients = 0
    var isBroadcast = false
    var failed = false

    init(sender: Int, team: UInt8, kind: EventKind, uidHash: UInt64) {
        self.sender = sender
        self.team = team
        self.kind = kind
        self.uidHash = uidHash
    }
}
