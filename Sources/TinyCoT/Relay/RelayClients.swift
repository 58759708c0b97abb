// Who is here: admission, leaving, and the table of clients.
// Leaving has three steps. `end` empties the client at once and marks it; `nextToClose` tells the
// others and hands it to the edge; `released` frees the place when the descriptor is closed.

extension Relay {
    /// Decides on a new connection. The refusal is counted here.
    public mutating func admit(address: Address, port: UInt16, listenerTeam: UInt8) -> Admission {
        if let refusal = admissionRefusal(for: address) {
            noteAdmissionRefused(refusal)
            return .refused(refusal)
        }
        freeClientCount -= 1
        let index = Int(freeClients[freeClientCount])
        let before = clients[index]
        invariant(before.phase == .free, "a free place is free")
        clients[index] = Client()
        let client = clients.pointer(at: index)
        client.pointee.generation = before.generation &+ 1
        // Who had the place a moment ago may stand in the list still.
        client.pointee.isListed = before.isListed
        client.pointee.phase = .connected
        client.pointee.address = address
        client.pointee.port = port
        client.pointee.listenerTeam = listenerTeam
        client.pointee.team = listenerTeam == Config.noTeam ? config.defaultTeam : listenerTeam
        client.pointee.connectedAt = now
        client.pointee.lastSentAt = now
        client.pointee.lastTakenAt = now
        client.pointee.framer = EventFramer(maxEventBytes: budget.eventMaxBytes)
        client.pointee.activeIndex = UInt32(connectedClients)
        active[connectedClients] = UInt32(index)
        connectedClients += 1
        peakClients = max(peakClients, connectedClients)
        totals.admitted += 1
        sweep(by: now.after(seconds: config.heartbeatSeconds))
        if Teams.mayReceive(client.pointee, config: config) { startReplay(index) }
        return .admitted(index)
    }

    private func admissionRefusal(for address: Address) -> AdmissionRefusal? {
        if !isAllowed(address) { return .addressNotAllowed }
        if isFull || isShuttingDown { return .clientsFull }
        return connections(from: address) >= budget.clientsPerAddress ? .addressFull : nil
    }

    private func isAllowed(_ address: Address) -> Bool {
        var i = 0
        while i < config.allowCount {
            if config.allow[i].contains(address) { return true }
            i += 1
        }
        return false
    }

    private func connections(from address: Address) -> Int {
        var same = 0
        var i = 0
        while i < connectedClients {
            if clients[Int(active[i])].address == address { same += 1 }
            i += 1
        }
        return same
    }

    /// All places are taken.
    public var isFull: Bool { freeClientCount == 0 }

    /// Somebody new is here and all places are taken: of those who have never sent a whole event,
    /// the one that has been here for longest is ended, or else whoever fills all places with
    /// connections that say nothing keeps everybody out. A phone says who it is at once.
    /// - Returns: whether anybody gives way. Then `nextToClose` has it, and there is a place when
    ///   it is released.
    public mutating func giveWay(to address: Address) -> Bool {
        if !isFull || isShuttingDown || !isAllowed(address) { return false }
        guard let silent = longestSilent() else { return false }
        // Nobody is put out for a newcomer who may not come in.
        let freed = clients[silent].address == address ? 1 : 0
        if connections(from: address) - freed >= budget.clientsPerAddress { return false }
        end(silent, .gaveWay)
        return true
    }

    private func longestSilent() -> Int? {
        clientWithEarliest { _, client in
            client.phase == .connected && client.counters.eventsIn == 0
                ? client.connectedAt : .never
        }
    }

    /// The client whose moment comes first; nil if that of all is never.
    @inline(__always)
    func clientWithEarliest(_ moment: (Int, borrowing Client) -> Instant) -> Int? {
        var best: Int?
        var earliest = Instant.never
        var i = 0
        while i < connectedClients {
            let index = Int(active[i])
            let its = moment(index, clients.pointer(at: index).pointee)
            if its < earliest {
                earliest = its
                best = index
            }
            i += 1
        }
        return best
    }

    /// The edge could not accept, or had no descriptor for it.
    public mutating func noteAdmissionRefused(_ refusal: AdmissionRefusal) {
        totals.admissionRefused[Int(refusal.rawValue)] += 1
    }

    /// The peer closed, or the socket failed.
    public mutating func connectionEnded(client: Int, reason: CloseReason) {
        end(client, reason)
    }

    /// Takes everything from a client and marks it for closing. Safe in the middle of routing: the
    /// tables that routing walks do not change.
    mutating func end(_ index: Int, _ reason: CloseReason) {
        let client = clients.pointer(at: index)
        if client.pointee.phase != .connected { return }
        client.pointee.phase = .closing
        client.pointee.closeReason = reason
        if !client.pointee.isCanary {
            totals.closed[Int(reason.rawValue)] += 1
            let waiting = UInt64(client.pointee.queue.count)
            client.pointee.counters.drops[Int(QueueDrop.clientLeft.rawValue)] += waiting
            totals.drops[Int(QueueDrop.clientLeft.rawValue)] += waiting
        }
        emptyQueue(index)
        receivePool.release(&client.pointee.kept)
        client.pointee.replay.pass = .done
        toClose.append(index)
    }

    /// The next client whose descriptor is to be closed. Its leaving has been announced.
    public mutating func nextToClose() -> Int? {
        guard let index = toClose.next() else { return nil }
        let client = clients[index]
        if client.isIdentified {
            let owns = uids.key(of: index) != 0
            uids.remove(index)
            callsigns.remove(index)
            if owns && !isShuttingDown { announceLeaving(index) }
            if owns { noteLeft(index, of: client.team) }
        }
        return index
    }

    /// The descriptor is closed: the place is free again.
    public mutating func released(client index: Int) {
        let client = clients.pointer(at: index)
        invariant(client.pointee.phase == .closing, "only a closing client is released")
        if client.pointee.isCanary {
            client.pointee.phase = .free
            return
        }
        let hole = Int(client.pointee.activeIndex)
        connectedClients -= 1
        let last = active[connectedClients]
        active[hole] = last
        clients[Int(last)].activeIndex = UInt32(hole)
        client.pointee.phase = .free
        freeClients[freeClientCount] = UInt32(index)
        freeClientCount += 1
    }

    /// No more admissions; what is queued still goes out.
    public mutating func beginShutdown() {
        isShuttingDown = true
        if patientAt != .never { patientAt = now }
        restoration.graceAt = .never
    }

    /// Nothing waits for any client.
    public var isDrained: Bool {
        var i = 0
        while i < connectedClients {
            let client = clients[Int(active[i])]
            if client.queue.count > 0 || client.express != EventLog.none { return false }
            i += 1
        }
        return true
    }

    /// Ends everyone, when the time for draining is over.
    public mutating func endAll() {
        var i = 0
        while i < connectedClients {
            end(Int(active[i]), .shutdown)
            i += 1
        }
    }
}
