// The answer to who is here and how they stand, for the status page: the connected clients that the
// asker may see, with the place of the position that is kept of them. Nothing of it is kept ready;
// a position is read only when somebody looks.

extension Relay {
    /// The cursor is a place in the client table. A page ends when its list is full, or when as
    /// many bytes of positions were read as the longest event may have: so long the clients wait.
    func answerStandings(_ question: inout Question, _ memory: QuestionMemory, _ sight: UInt64) {
        question.seesAll = question.isOperator || !config.isolatesTeams
        if question.cursor == 0 { memory.figures[0] = RelayFigures(of: self) }
        var left = budget.eventMaxBytes
        var place = Int(clamping: question.cursor)
        while place < clients.count && question.contactCount < memory.contacts.count && left > 0 {
            let client = clients.pointer(at: place)
            if client.pointee.phase == .connected && client.pointee.isIdentified
                && holds(sight, client.pointee.team)
            {
                memory.contacts[question.contactCount] = contact(client)
                memory.standings[question.contactCount] = standing(place, memory.bytes, &left)
                question.contactCount += 1
            }
            place += 1
        }
        question.cursor = UInt64(place)
        question.isLast = place >= clients.count
    }

    private func standing(
        _ index: Int, _ scratch: Slab<UInt8>, _ left: inout Int
    ) -> ClientStanding {
        let client = clients.pointer(at: index)
        var standing = ClientStanding()
        if config.teamCount > 1 { standing.team = config.teams[Int(client.pointee.team)].name }
        standing.connectedSeconds = now.milliseconds(since: client.pointee.connectedAt) / 1_000
        standing.waiting = Int64(client.pointee.queue.count)
        standing.dropped = Int64(clamping: client.pointee.counters.dropSum)
        guard
            let kept = replayTable.find(
                uidHash: client.pointee.uidHash, team: client.pointee.team)
        else { return standing }
        let entry = replayTable.pointer(at: kept)
        if entry.pointee.kind != .position || entry.pointee.endsAt <= now { return standing }
        var writer = ByteWriter(scratch)
        replayTable.pool.copy(entry.pointee.chain, into: &writer)
        left -= writer.count
        if let found = EventPoint(writer.written).place(writer.written) {
            standing.hasPlace = true
            standing.place = found
        }
        return standing
    }
}
