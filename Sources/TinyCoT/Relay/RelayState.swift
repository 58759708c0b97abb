// What survives a restart, handed to the store loop page by page while the relay goes on. A page is
// copies of what is kept, nothing is escaped or reckoned, so it costs the relay some microseconds;
// the store makes a file of it. Both tables leave a record in its slot while it lives, and the
// pages follow the slots: what lives from the first page to the last is in exactly one of them.

extension Relay {
    /// A page looks at no more places than this, so that a large table that is nearly empty costs
    /// no more than a full one. A page may be empty and not the last.
    private static var placesPerPage: Int { 2048 }

    /// The cursor is a slot: first those of the seen clients, then those of the kept events.
    func answerStatePage(_ question: inout Question, _ memory: QuestionMemory) {
        question.answeredAt = now
        question.changes = stateChanges
        question.eventsIn = totals.eventsIn
        question.eventsOut = totals.eventsOut
        question.seenCount = 0
        question.recordCount = 0
        let slots = seen.capacity + replayTable.capacity
        var place = min(Int(clamping: question.cursor), slots)
        let end = min(slots, place + Relay.placesPerPage)
        var writer = ByteWriter(memory.bytes)
        while place < end {
            let fits =
                place < seen.capacity
                ? writeSeen(place, &question, memory)
                : writeKept(place - seen.capacity, &question, memory, &writer)
            if !fits { break }
            place += 1
        }
        invariant(!writer.overflowed, "a page of kept events fits")
        question.byteCount = writer.count
        question.cursor = UInt64(place)
        question.isLast = place >= slots
    }

    /// False if there is no room in the page.
    private func writeSeen(
        _ slot: Int, _ question: inout Question, _ memory: QuestionMemory
    ) -> Bool {
        if !seen.isUsed(slot) { return true }
        let client = seen.pointer(at: slot)
        var record = SeenRecord()
        record.isConnected = client.pointee.state != .gone
        if client.pointee.state != .connected {
            record.agoMilliseconds = now.signedMilliseconds - client.pointee.seenAt
        }
        if record.agoMilliseconds >= Int64(config.replayMaxSeconds) * 1000 { return true }
        if question.seenCount == memory.seen.count { return false }
        record.uid = client.pointee.uid
        record.callsign = client.pointee.callsign
        record.team = config.teams[Int(client.pointee.team)].name
        record.colour = client.pointee.colour
        record.role = client.pointee.role
        record.takv = client.pointee.takv
        record.lastType = client.pointee.lastType
        record.lastEventAt = client.pointee.lastEventAt
        if client.pointee.state == .connected {
            let holder = clients.pointer(at: Int(client.pointee.holder))
            record.lastType = holder.pointee.lastType
            record.lastEventAt = holder.pointee.lastEventAt
        }
        memory.seen[question.seenCount] = record
        question.seenCount += 1
        return true
    }

    private func writeKept(
        _ slot: Int, _ question: inout Question, _ memory: QuestionMemory,
        _ writer: inout ByteWriter
    ) -> Bool {
        let entry = replayTable.pointer(at: slot)
        if !entry.pointee.isUsed || entry.pointee.endsAt <= now { return true }
        // An empty page has room for the longest event, so every page gets on.
        let count = Int(entry.pointee.chain.byteCount)
        if question.recordCount == memory.records.count
            || count > memory.bytes.count - writer.count
        {
            return false
        }
        var record = KeptRecord()
        switch entry.pointee.kind {
        case .position: record.kind = .position
        case .item: record.kind = .item
        case .emergency: record.kind = .emergency
        }
        record.team = config.teams[Int(entry.pointee.team)].name
        record.address = entry.pointee.ownerAddress
        record.ageMilliseconds = entry.pointee.age(at: now)
        record.leftMilliseconds = entry.pointee.endsAt.milliseconds(since: now)
        record.offset = writer.count
        record.count = count
        replayTable.pool.copy(entry.pointee.chain, into: &writer)
        memory.records[question.recordCount] = record
        question.recordCount += 1
        return true
    }
}
