// The books of the whole relay, balanced. Called by the simulation after every step and by tests;
// never by the daemon, because it is linear in everything. Changes nothing; stops if a book does
// not balance.

extension Relay {
    func checkInvariants() {
        invariant(run.count == 0, "a run is delivered before its bytes are dealt with")
        log.checkInvariants()
        replayTable.checkInvariants()
        receivePool.checkInvariants()
        replayTable.pool.checkInvariants()
        checkClients()
        checkIndexes()
        checkSeen()
        invariant(replayTable.count <= budget.replayEvents, "the picture stays within its limit")
        invariant(
            replayTable.count(of: .emergency) <= budget.emergencies,
            "alerts stay within their limit")
    }

    /// Whoever has a name is seen, in the team in which it stands, and nobody else holds a record.
    private func checkSeen() {
        seen.checkInvariants()
        var slot = 0
        while slot < seen.capacity {
            let record = seen.pointer(at: slot)
            if seen.isUsed(slot) && record.pointee.state == .connected {
                let holder = clients.pointer(at: Int(record.pointee.holder))
                invariant(
                    holder.pointee.phase != .free && holder.pointee.isIdentified
                        && holder.pointee.uidHash == seen.uidHash(at: slot)
                        && holder.pointee.team == record.pointee.team,
                    "a connected client's record is its own")
            }
            slot += 1
        }
        var i = 0
        while i < connectedClients {
            let client = clients.pointer(at: Int(active[i]))
            if client.pointee.phase == .connected && client.pointee.isIdentified
                && !client.pointee.uid.isCut
            {
                invariant(
                    seenSlot(of: Int(active[i]), in: client.pointee.team) != nil,
                    "a client with a name is seen")
            }
            i += 1
        }
    }

    /// Every client in use stands in `active` once; what they hold is all that is held.
    private func checkClients() {
        invariant(
            connectedClients + freeClientCount == budget.clients,
            "every place is free or in use")
        var blocks = 0
        var references = pong == EventLog.none ? 0 : 1
        var i = 0
        while i < connectedClients {
            let client = clients.pointer(at: Int(active[i]))
            invariant(client.pointee.phase != .free, "an active place is in use")
            invariant(Int(client.pointee.activeIndex) == i, "an active place knows where it stands")
            blocks += receivePool.blocks(for: Int(client.pointee.kept.byteCount))
            references += checkQueue(Int(active[i]), client)
            i += 1
        }
        let canary = clients.pointer(at: canaryPlace)
        if canary.pointee.phase != .free {
            blocks += receivePool.blocks(for: Int(canary.pointee.kept.byteCount))
            references += checkQueue(canaryPlace, canary)
        }
        invariant(blocks == receivePool.usedCount, "every receive block in use has its client")
        invariant(references == log.referenceCount(), "every reference to an event has its holder")
        i = 0
        while i < freeClientCount {
            invariant(clients[Int(freeClients[i])].phase == .free, "a free place is free")
            i += 1
        }
    }

    /// - Returns: references to the log that the client holds.
    private func checkQueue(_ index: Int, _ client: UnsafeMutablePointer<Client>) -> Int {
        let queue = client.pointee.queue
        var bytes = 0
        var byImportance: InlineArray<3, UInt32> = .init(repeating: 0)
        var i = 0
        while i < Int(queue.count) {
            let event = log[queues.slot(index, queue, i)]
            invariant(event.references > 0, "a queued event is held")
            if i == 0 {
                invariant(queue.sentOfFirst < event.count, "an event that is out is not queued")
            }
            bytes += Int(event.count)
            byImportance[Int(event.importance.rawValue)] += 1
            i += 1
        }
        checkSifted(index, queue)
        checkPatience(client)
        i = 0
        while i < 3 {
            invariant(byImportance[i] == queue.byImportance[i], "the kinds in a ring add up")
            i += 1
        }
        invariant(Int(queue.count) <= queues.capacity, "a ring stays within its events")
        invariant(bytes == Int(queue.bytes), "the bytes of a ring add up")
        invariant(bytes <= queues.bytesMax, "a ring stays within its bytes")
        invariant(queue.count > 0 || queue.sentOfFirst == 0, "an empty ring has sent nothing")
        if client.pointee.phase == .closing {
            invariant(queue.count == 0, "nothing waits for a client that goes")
            invariant(client.pointee.kept.isEmpty, "nothing is kept of a client that goes")
        }
        return Int(queue.count) + (client.pointee.express == EventLog.none ? 0 : 1)
    }

    /// What waits has a writer, a socket that will be writable, or a time at which it goes.
    private func checkPatience(_ client: UnsafeMutablePointer<Client>) {
        if client.pointee.phase != .connected || client.pointee.queue.count == 0 { return }
        invariant(
            client.pointee.isListed || client.pointee.isBlocked || patientAt != .never,
            "nothing waits for ever")
    }

    /// A sifted ring holds one position of each uid, not counting one that is on its way out.
    private func checkSifted(_ index: Int, _ queue: SendQueue) {
        if !queue.isSifted { return }
        var i = queue.sentOfFirst > 0 ? 1 : 0
        while i < Int(queue.count) {
            let key = log[queues.slot(index, queue, i)].positionKey
            var j = i + 1
            while key != 0 && j < Int(queue.count) {
                invariant(
                    log[queues.slot(index, queue, j)].positionKey != key,
                    "a sifted ring holds one position of a uid")
                j += 1
            }
            i += 1
        }
    }

    private func checkOwnership(_ index: Int) {
        var holder = uids.following(index)
        while let other = holder {
            invariant(
                clients[other].team != clients[index].team || clients[other].phase == .closing,
                "a uid has one owner in a team")
            holder = uids.following(other)
        }
    }

    /// A connected client is found by its names exactly if it has said who it is.
    private func checkIndexes() {
        var i = 0
        while i < connectedClients {
            let index = Int(active[i])
            let client = clients.pointer(at: index)
            if client.pointee.phase == .connected {
                let key = client.pointee.isIdentified ? client.pointee.uidHash : 0
                invariant(uids.key(of: index) == key, "a client is filed under its uid")
                invariant(
                    callsigns.key(of: index)
                        == (client.pointee.isIdentified ? client.pointee.callsignHash : 0),
                    "a client is filed under its callsign")
                if key != 0 { checkOwnership(index) }
            }
            i += 1
        }
        i = 0
        while i < freeClientCount {
            let index = Int(freeClients[i])
            invariant(
                uids.key(of: index) == 0 && callsigns.key(of: index) == 0,
                "a free place has no name")
            i += 1
        }
    }
}
