// Queues to bytes: what waits for a client, what gives way when its ring is full, and the pieces
// that the edge writes. Order on the wire: the rest of an event that has begun, then a pong or
// heartbeat, then the queue.

extension Relay {
    /// Queues an event for a client; the log keeps it until the last of its clients has it.
    @inline(__always)
    mutating func push(_ index: Int, _ slot: UInt32) {
        let client = clients.pointer(at: index)
        deliverRun()
        // Making room in the log for this very event may have ended the client.
        if client.pointee.phase != .connected { return }
        let event = log[slot]
        if queues.isFull(client.pointee.queue, for: Int(event.count)) {
            if !makeQueueRoom(index, for: slot) { return }
        } else if event.positionKey != 0 {
            client.pointee.queue.isSifted = false
        }
        if client.pointee.queue.count == 0 { waitingBegins(client) }
        queues.push(index, &client.pointee.queue, slot: slot, event: event)
        log.retain(slot)
        noteQueued(index, client, isUrgent: event.importance == .important)
    }

    /// The stall is counted from when something begins to wait.
    @inline(__always)
    mutating func waitingBegins(_ client: UnsafeMutablePointer<Client>) {
        if client.pointee.express != EventLog.none { return }
        client.pointee.lastTakenAt = now
        sweep(by: now.after(seconds: config.stallSeconds))
    }

    @inline(__always)
    mutating func list(_ index: Int, _ client: UnsafeMutablePointer<Client>) {
        if client.pointee.isListed || client.pointee.isBlocked { return }
        client.pointee.isListed = true
        toFlush.append(index)
    }

    // MARK: Making room

    /// Makes room for one more event in a full ring (design 5). False: the event itself is the
    /// least important thing there; it is dropped, and counted.
    private mutating func makeQueueRoom(_ index: Int, for slot: UInt32) -> Bool {
        let event = log[slot]
        dropSuperseded(index, incoming: event.positionKey)
        while queues.isFull(clients[index].queue, for: Int(event.count)) {
            guard
                let victim = queues.leastImportant(
                    index, clients[index].queue, ceiling: event.importance, log: log)
            else {
                countDrop(index, Relay.drop(for: event.importance))
                return false
            }
            let reason = Relay.drop(
                for: log[queues.slot(index, clients[index].queue, victim)].importance)
            dropQueued(index, at: victim, reason)
        }
        return true
    }

    private mutating func dropSuperseded(_ index: Int, incoming: UInt64) {
        let removed = queues.supersede(
            index, &clients[index].queue, incoming: incoming, log: log, removed: superseded)
        var i = 0
        while i < removed {
            log.release(superseded[i])
            countDrop(index, .superseded)
            i += 1
        }
    }

    private mutating func dropQueued(_ index: Int, at place: Int, _ reason: QueueDrop) {
        let slot = queues.slot(index, clients[index].queue, place)
        queues.remove(index, &clients[index].queue, at: place, event: log[slot])
        log.release(slot)
        countDrop(index, reason)
    }

    mutating func countDrop(_ index: Int, _ reason: QueueDrop) {
        clients[index].counters.drops[Int(reason.rawValue)] += 1
        if !clients[index].isCanary { totals.drops[Int(reason.rawValue)] += 1 }
    }

    private static func drop(for importance: EventKind.Importance) -> QueueDrop {
        switch importance {
        case .position: .position
        case .marker: .marker
        case .important: .important
        }
    }

    /// Drops from one client at least `bytes`, or a quarter of its queue, for the sake of all.
    /// False if nothing could be dropped.
    mutating func shed(_ index: Int, bytes: Int) -> Bool {
        let before = Int(clients[index].queue.bytes)
        dropSuperseded(index, incoming: 0)
        let goal = max(0, before - max(bytes, before / 4))
        while Int(clients[index].queue.bytes) > goal {
            guard
                let victim = queues.leastImportant(
                    index, clients[index].queue, ceiling: .important, log: log)
            else { break }
            dropQueued(index, at: victim, .logFull)
        }
        return Int(clients[index].queue.bytes) < before
    }

    /// Removes what a client may no longer see: its team has changed while events waited.
    mutating func dropInvisible(_ index: Int) {
        var i = clients[index].queue.sentOfFirst > 0 ? 1 : 0
        while i < Int(clients[index].queue.count) {
            let event = log[queues.slot(index, clients[index].queue, i)]
            if event.team == Config.noTeam || maySee(index, team: event.team) {
                i += 1
            } else {
                dropQueued(index, at: i, .leftTeam)
            }
        }
    }

    mutating func emptyQueue(_ index: Int) {
        let client = clients.pointer(at: index)
        while client.pointee.queue.count > 0 {
            let slot = queues.slot(index, client.pointee.queue, 0)
            queues.pop(&client.pointee.queue, event: log[slot])
            log.release(slot)
        }
        dropExpress(client)
    }

    private mutating func dropExpress(_ client: UnsafeMutablePointer<Client>) {
        if client.pointee.express == EventLog.none { return }
        log.release(client.pointee.express)
        client.pointee.express = EventLog.none
        client.pointee.expressSent = 0
    }

    // MARK: Pongs and other answers

    /// Answers a ping, ahead of everything that waits. One pong answers all pings before it.
    mutating func sendPong(_ index: Int) {
        if sendExpress(index) { totals.pongs += 1 }
    }

    /// Puts the pong of this second into the client's express place. False if one is there already
    /// or no room could be made for it.
    mutating func sendExpress(_ index: Int) -> Bool {
        let client = clients.pointer(at: index)
        if client.pointee.phase != .connected || client.pointee.express != EventLog.none {
            return false
        }
        guard renewPong(), client.pointee.phase == .connected else { return false }
        if client.pointee.queue.count == 0 { waitingBegins(client) }
        log.retain(pong)
        client.pointee.express = pong
        client.pointee.expressSent = 0
        list(index, client)
        return true
    }

    /// All pongs of one second are the same bytes, stored once.
    private mutating func renewPong() -> Bool {
        let second = wall.milliseconds / 1000
        if pong != EventLog.none && second == pongSecond { return true }
        guard makeLogRoom(EventWriter.maxBytes) else { return pong != EventLog.none }
        if pong != EventLog.none { log.release(pong) }
        var writer = ByteWriter(log.reserve(EventWriter.maxBytes))
        EventWriter.pong(now: wall, into: &writer)
        invariant(!writer.overflowed, "a pong fits the room that is set aside for it")
        pong = log.commit(
            writer.count, importance: .important, team: Config.noTeam, positionKey: 0)
        pongSecond = second
        return true
    }

    /// "No" to a client that asks for TAK protocol v1, which was never offered (protocol 5.1).
    mutating func denyProtocol(_ index: Int, _ event: Slab<UInt8>, _ header: EventHeader) {
        let most = EventWriter.maxBytes + Int(header.uid.count)
        guard makeLogRoom(most) else { return }
        var writer = ByteWriter(log.reserve(most))
        EventWriter.takpDenial(event, uid: header.uid, now: wall, into: &writer)
        if writer.overflowed || writer.count > budget.eventMaxBytes {
            log.cancel()
            return
        }
        let slot = log.commit(
            writer.count, importance: .important, team: Config.noTeam, positionKey: 0)
        if clients[index].phase == .connected { push(index, slot) }
        log.release(slot)
    }

    // MARK: Writing

    /// The next client to write to. Each comes once until `bytesTaken` says that more is waiting.
    public mutating func nextToFlush() -> Int? {
        if patientAt <= now { endPatience() }
        while let index = toFlush.next() {
            clients[index].isListed = false
            if clients[index].phase == .connected && !clients[index].isBlocked { return index }
        }
        ringsFillUp = false
        return nil
    }

    /// The pieces to write to a client, in order; neighbours in the log come as one piece.
    /// - Returns: how many pieces were filled in; 0 if nothing waits.
    public mutating func gather(client index: Int, into pieces: Slab<Piece>) -> Int {
        let client = clients.pointer(at: index)
        if client.pointee.phase != .connected { return 0 }
        if client.pointee.replay.pass != .done {
            fillFromReplay(index)
            // What holds it up may end without a byte of this client's.
            if client.pointee.replay.pass != .done { sweep(by: now.after(seconds: 1)) }
        }
        var count = 0
        var place = 0
        let queued = Int(client.pointee.queue.count)
        var sent = Int(client.pointee.queue.sentOfFirst)
        if sent > 0 {
            appendPiece(queues.slot(index, client.pointee.queue, 0), skip: sent, pieces, &count)
            place = 1
            sent = 0
        }
        if client.pointee.express != EventLog.none {
            appendPiece(
                client.pointee.express, skip: Int(client.pointee.expressSent), pieces, &count)
        }
        while place < queued {
            let slot = queues.slot(index, client.pointee.queue, place)
            if !appendPiece(slot, skip: 0, pieces, &count) { break }
            place += 1
        }
        return count
    }

    /// False if all pieces are used and the event is no neighbour of the last one.
    @inline(__always)
    @discardableResult
    private func appendPiece(
        _ slot: UInt32, skip: Int, _ pieces: Slab<Piece>, _ count: inout Int
    ) -> Bool {
        let bytes = log.bytes(of: slot)
        let start = UnsafeRawPointer(bytes.start.unsafelyUnwrapped) + skip
        if count > 0 {
            let last = pieces.pointer(at: count - 1)
            if let end = last.pointee.start, end + last.pointee.count == start {
                last.pointee.count += bytes.count - skip
                return true
            }
        }
        if count == pieces.count { return false }
        pieces[count] = Piece(start: start, count: bytes.count - skip)
        count += 1
        return true
    }

    /// The socket took `count` bytes. `blocked`: it took less than offered, or nothing.
    public mutating func bytesTaken(client index: Int, count: Int, blocked: Bool) -> Flow {
        let client = clients.pointer(at: index)
        if client.pointee.phase != .connected { return .drained }
        var rest = count
        if client.pointee.express == EventLog.none && count > 0
            && count == Int(client.pointee.queue.bytes) - Int(client.pointee.queue.sentOfFirst)
        {
            takeAll(index, client)
            rest = 0
        }
        while rest > 0 {
            let isExpress =
                client.pointee.express != EventLog.none && client.pointee.queue.sentOfFirst == 0
            if isExpress { takeExpress(client, &rest) } else { takeFirst(index, client, &rest) }
        }
        if count > 0 {
            client.pointee.lastTakenAt = now
            client.pointee.lastSentAt = now
            client.pointee.counters.bytesOut += UInt64(count)
            if !client.pointee.isCanary { totals.bytesOut += UInt64(count) }
        }
        let waits =
            client.pointee.queue.count > 0 || client.pointee.express != EventLog.none
        if blocked && waits && !client.pointee.isBlocked {
            client.pointee.leastUnacknowledged = .max
            sweep(by: now.after(milliseconds: Relay.slackMilliseconds))
        }
        client.pointee.isBlocked = blocked && waits
        if client.pointee.isBlocked { return .blocked }
        if waits || replayCanGoOn(index) {
            list(index, client)
            return .moreWaiting
        }
        return .drained
    }

    @inline(__always)
    private mutating func takeExpress(
        _ client: UnsafeMutablePointer<Client>, _ rest: inout Int
    ) {
        let slot = client.pointee.express
        let left = Int(log[slot].count) - Int(client.pointee.expressSent)
        if rest < left {
            client.pointee.expressSent += UInt32(rest)
            rest = 0
            return
        }
        rest -= left
        dropExpress(client)
        noteSent(client)
    }

    @inline(__always)
    private mutating func takeFirst(
        _ index: Int, _ client: UnsafeMutablePointer<Client>, _ rest: inout Int
    ) {
        invariant(client.pointee.queue.count > 0, "the socket takes only what was offered")
        let slot = queues.slot(index, client.pointee.queue, 0)
        let event = log[slot]
        let left = Int(event.count) - Int(client.pointee.queue.sentOfFirst)
        if rest < left {
            client.pointee.queue.sentOfFirst += UInt32(rest)
            rest = 0
            return
        }
        rest -= left
        queues.pop(&client.pointee.queue, event: event)
        if event.arrivedAt != 0 { latency.add(from: event.arrivedAt, to: lastTick) }
        log.release(slot)
        noteSent(client)
    }

    /// All that waited is out: the ring is emptied at once.
    @inline(__always)
    private mutating func takeAll(_ index: Int, _ client: UnsafeMutablePointer<Client>) {
        let queue = client.pointee.queue
        // Most of them arrived in the same turn.
        var arrivedAt: UInt32 = 0
        var alike = 0
        var i = 0
        while i < Int(queue.count) {
            let slot = queues.slot(index, queue, i)
            let moment = log[slot].arrivedAt
            if moment != arrivedAt {
                if arrivedAt != 0 { latency.add(from: arrivedAt, to: lastTick, times: alike) }
                arrivedAt = moment
                alike = 0
            }
            alike += 1
            log.release(slot)
            i += 1
        }
        if arrivedAt != 0 { latency.add(from: arrivedAt, to: lastTick, times: alike) }
        queues.empty(&client.pointee.queue)
        client.pointee.counters.eventsOut += UInt64(queue.count)
        if !client.pointee.isCanary { totals.eventsOut += UInt64(queue.count) }
    }

    @inline(__always)
    private mutating func noteSent(_ client: UnsafeMutablePointer<Client>) {
        client.pointee.counters.eventsOut += 1
        if !client.pointee.isCanary { totals.eventsOut += 1 }
    }

    /// The socket can take bytes again.
    public mutating func becameWritable(client index: Int) {
        let client = clients.pointer(at: index)
        if client.pointee.phase != .connected { return }
        client.pointee.isBlocked = false
        list(index, client)
    }
}
