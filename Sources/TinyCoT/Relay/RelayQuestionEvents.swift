// Answers to what the store loop asks that have events in them: the latest of a uid, the positions
// of clients, and an event of the store's own that is told to a team. Kept events are read from the
// replay table, copied out, and not changed.

extension Relay {
    /// The latest kept event of a uid that the asker may see, as a document of its own. The same
    /// uid may be kept for several teams.
    func answerEvent(_ question: inout Question, _ memory: QuestionMemory, _ sight: UInt64) {
        if question.uid.isEmpty || question.uid.isCut { return }
        let uidHash = NameHash.of(question.uid, key: hashKey)
        var latest: Int?
        var team = 0
        while team < config.teamCount {
            if holds(sight, UInt8(team)),
                let kept = replayTable.find(uidHash: uidHash, team: UInt8(team))
            {
                let entry = replayTable.pointer(at: kept)
                if entry.pointee.endsAt > now && isNewer(kept, than: latest) { latest = kept }
            }
            team += 1
        }
        guard let latest else { return }
        var writer = ByteWriter(memory.bytes)
        writer.append(EventWriter.declaration)
        replayTable.pool.copy(replayTable.pointer(at: latest).pointee.chain, into: &writer)
        invariant(!writer.overflowed, "a kept event fits with its declaration")
        question.byteCount = writer.count
        question.isFound = true
    }

    /// Events that arrived in the same millisecond are told apart by their numbers.
    private func isNewer(_ kept: Int, than other: Int?) -> Bool {
        guard let other else { return true }
        let entry = replayTable.pointer(at: kept)
        let old = replayTable.pointer(at: other)
        let age = entry.pointee.age(at: now)
        let oldAge = old.pointee.age(at: now)
        return age < oldAge || age == oldAge && entry.pointee.sequence > old.pointee.sequence
    }

    /// The positions of clients, whole events one behind the other with a line end between them,
    /// as many as fit. The cursor is a place in the replay table, where an event that is renewed
    /// stays.
    func answerPositions(_ question: inout Question, _ memory: QuestionMemory, _ sight: UInt64) {
        var writer = ByteWriter(memory.bytes)
        var place = Int(clamping: question.cursor)
        while place < replayTable.capacity {
            let entry = replayTable.pointer(at: place)
            if entry.pointee.isUsed && entry.pointee.kind == .position
                && entry.pointee.endsAt > now && holds(sight, entry.pointee.team)
            {
                // An empty page has room for the longest event, so every page gets on.
                let room = memory.bytes.count - writer.count
                if Int(entry.pointee.chain.byteCount) >= room { break }
                if writer.count > 0 { writer.append(UInt8(ascii: "\n")) }
                replayTable.pool.copy(entry.pointee.chain, into: &writer)
            }
            place += 1
        }
        invariant(!writer.overflowed, "a page of positions fits")
        question.byteCount = writer.count
        question.cursor = UInt64(place)
        question.isLast = place >= replayTable.capacity
    }

    // MARK: Announcements

    /// Tells a team of something that the server itself has to say: to its clients and to those who
    /// see the team, as a file transfer, so not kept. It takes its room in log and rings like any
    /// other event. The store made it, but with names of the network in it: what the reader would
    /// refuse from a client is refused here too.
    mutating func announce(_ question: inout Question, _ memory: QuestionMemory) {
        guard question.byteCount > 0, question.byteCount <= budget.eventMaxBytes,
            let team = announcedTeam(question)
        else { return }
        let event = memory.bytes.slice(0, question.byteCount)
        var header = EventHeader()
        if reader.read(event, into: &header) != nil || header.needsRewrite
            || header.martiCount > 0 || EventKind.of(event, header) != .fileTransfer
        {
            return
        }
        guard makeLogRoom(event.count) else { return }
        var writer = ByteWriter(log.reserve(event.count))
        writer.append(event)
        let slot = log.commit(
            writer.count, importance: EventKind.fileTransfer.importance, team: team,
            positionKey: 0)
        var i = 0
        while i < connectedClients {
            let receiver = Int(active[i])
            if maySee(receiver, team: team) { push(receiver, slot) }
            i += 1
        }
        // One reference is our own. A ring may be so full of better things that it took none.
        question.isFound = log[slot].references > 1
        log.release(slot)
    }

    /// Nil: nobody. A team that a reload took away since the store asked is nobody, too.
    private func announcedTeam(_ question: Question) -> UInt8? {
        if question.homeTeam.isEmpty { return config.isolatesTeams ? nil : config.defaultTeam }
        var i = 0
        while i < config.teamCount {
            if config.teams[i].name.equals(question.homeTeam) { return UInt8(i) }
            i += 1
        }
        return nil
    }
}
