// Answers to what the store loop asks: who stands behind an address, and whom it may see. Called by
// the relay's own thread, between two events, so every answer is of one moment. Each is bounded by
// the tables of the budget. The wall is the bit set that `sight(of:)` computes; every name and
// every byte of an answer is checked against it.

extension Relay {
    /// Answers a question in its place. A page is of one moment; between two pages the tables may
    /// change, and then a client or an event can be missed or come twice, but never in one page.
    public mutating func answer(_ question: inout Question, _ memory: QuestionMemory) {
        invariant(
            memory.bytes.count >= budget.eventMaxBytes + QuestionMemory.bytesBeyondEvent,
            "the longest event fits a question's memory")
        question.isLast = true
        question.isFound = false
        question.seesAll = false
        question.callsign = NameText()
        question.teamCount = 0
        question.contactCount = 0
        switch question.kind {
        case .announcement: return announce(&question, memory)
        case .statePage: return answerStatePage(&question, memory)
        case .restore: return restore(&question, memory)
        case .restoreEnd: return restoreEnd()
        case .figures: return memory.figures[0] = RelayFigures(of: self)
        case .identity, .contacts, .event, .positions, .standings: break
        }
        question.homeTeam = ShortText()
        question.byteCount = 0
        let sight = sight(of: question)
        switch question.kind {
        case .identity: answerIdentity(&question, memory, sight)
        case .contacts: answerContacts(&question, memory, sight)
        case .event: answerEvent(&question, memory, sight)
        case .positions: answerPositions(&question, memory, sight)
        case .standings: answerStandings(&question, memory, sight)
        case .announcement, .statePage, .restore, .restoreEnd, .figures:
            invariantBroken("these have been answered above")
        }
    }

    // MARK: The wall

    /// The teams whose traffic the asker may have, as a bit set: all of them without walls, else
    /// what the connections of its address may receive at this moment, together.
    private func sight(of question: Question) -> UInt64 {
        if question.isOperator || !config.isolatesTeams { return ~0 }
        var result: UInt64 = 0
        var i = 0
        while i < connectedClients {
            let client = clients.pointer(at: Int(active[i]))
            if isBehind(question.address, client) {
                result |= config.teams[Int(client.pointee.team)].sees
                result |= 1 << UInt64(client.pointee.team)
            }
            i += 1
        }
        return result
    }

    /// A connection that speaks for its address. One that has not said who it is belongs to nobody
    /// yet where teams are isolated, and whoever asks beside it gains nothing from it.
    private func isBehind(_ address: Address, _ client: UnsafeMutablePointer<Client>) -> Bool {
        client.pointee.phase == .connected && client.pointee.address == address
            && Teams.mayReceive(client.pointee, config: config)
    }

    @inline(__always)
    func holds(_ sight: UInt64, _ team: UInt8) -> Bool {
        team < 64 && (sight >> UInt64(team)) & 1 == 1
    }

    // MARK: Who asks

    private func answerIdentity(
        _ question: inout Question, _ memory: QuestionMemory, _ sight: UInt64
    ) {
        question.seesAll = question.isOperator || !config.isolatesTeams
        var i = 0
        while i < config.teamCount {
            if holds(sight, UInt8(i)) {
                memory.teams[question.teamCount] = config.teams[i].name
                question.teamCount += 1
            }
            i += 1
        }
        // Nobody's connections share an address with the operator's socket.
        let bearer = question.isOperator ? nil : bearer(of: question)
        if let bearer { question.callsign = clients[bearer].callsign }
        if !config.isolatesTeams {
            question.homeTeam = config.teams[Int(config.defaultTeam)].name
        } else if !question.isOperator {
            let team = bearer.map { clients[$0].team } ?? commonTeam(of: question.address)
            if let team { question.homeTeam = config.teams[Int(team)].name }
        }
    }

    /// The client that bears the asker's uid at the asker's address. A uid alone proves nothing:
    /// anybody can write it into an address.
    private func bearer(of question: Question) -> Int? {
        if question.uid.isEmpty || question.uid.isCut { return nil }
        var holder = uids.first(NameHash.of(question.uid, key: hashKey))
        while let index = holder {
            if isBehind(question.address, clients.pointer(at: index)) { return index }
            holder = uids.following(index)
        }
        return nil
    }

    /// The team of all connections of an address; nil if it has none, or if they differ.
    private func commonTeam(of address: Address) -> UInt8? {
        var team: UInt8?
        var i = 0
        while i < connectedClients {
            let client = clients.pointer(at: Int(active[i]))
            if isBehind(address, client) {
                if let team, team != client.pointee.team { return nil }
                team = client.pointee.team
            }
            i += 1
        }
        return team
    }

    // MARK: Who is here, and who was

    /// Of those who have gone a page looks closely at no more than these: each is searched for.
    private static var gonePerPage: Int { 64 }
    private static var placeBits: UInt64 { 24 }

    /// The cursor holds a place, and above it how far `stateChanges` was when the list was begun.
    /// Places are first those of the clients, then those of the seen ones: neither move while
    /// others come and go. Who has left since the list was begun is not gone for it: it may be in
    /// the list already.
    private func answerContacts(
        _ question: inout Question, _ memory: QuestionMemory, _ sight: UInt64
    ) {
        let places = clients.count + seen.capacity
        let mask: UInt64 = 1 << Relay.placeBits - 1
        var place = min(Int(question.cursor & mask), places)
        let begun =
            question.cursor == 0 ? stateChanges : question.cursor >> Relay.placeBits
        while place < clients.count && question.contactCount < memory.contacts.count {
            let client = clients.pointer(at: place)
            if client.pointee.phase == .connected && client.pointee.isIdentified
                && holds(sight, client.pointee.team)
            {
                memory.contacts[question.contactCount] = contact(client)
                question.contactCount += 1
            }
            place += 1
        }
        var looks = 0
        while place >= clients.count && place < places && looks < Relay.gonePerPage
            && question.contactCount < memory.contacts.count
        {
            let slot = place - clients.count
            if isGone(slot, sight) && seen.pointer(at: slot).pointee.leftWith <= begun {
                looks += 1
                if isListedAsGone(slot, sight) {
                    memory.contacts[question.contactCount] = contact(gone: slot)
                    question.contactCount += 1
                }
            }
            place += 1
        }
        question.cursor = begun << Relay.placeBits | UInt64(place)
        question.isLast = place >= places
    }

    /// No uid comes twice: one that is connected in a team that the asker sees is not gone, and of
    /// several records of it the youngest counts.
    private func isListedAsGone(_ slot: Int, _ sight: UInt64) -> Bool {
        let uidHash = seen.uidHash(at: slot)
        var holder = uids.first(uidHash)
        while let index = holder {
            if clients[index].phase == .connected && holds(sight, clients[index].team) {
                return false
            }
            holder = uids.following(index)
        }
        let seenAt = seen.pointer(at: slot).pointee.seenAt
        var other = seen.first(uidHash, from: 0)
        while let found = other {
            if found != slot && isGone(found, sight) {
                let otherSeenAt = seen.pointer(at: found).pointee.seenAt
                if otherSeenAt > seenAt || otherSeenAt == seenAt && found < slot { return false }
            }
            other = seen.first(uidHash, from: found + 1)
        }
        return true
    }

    /// It is not here, and the asker may know that it was.
    private func isGone(_ slot: Int, _ sight: UInt64) -> Bool {
        let record = seen.pointer(at: slot)
        return seen.isUsed(slot) && record.pointee.state != .connected
            && holds(sight, record.pointee.team)
            && now.signedMilliseconds - record.pointee.seenAt
                < Int64(config.replayMaxSeconds) * 1000
    }

    private func contact(gone slot: Int) -> ContactRecord {
        let record = seen.pointer(at: slot)
        var contact = ContactRecord()
        contact.callsign = record.pointee.callsign
        contact.uid = record.pointee.uid
        contact.team.set(record.pointee.colour)
        contact.role.set(record.pointee.role)
        contact.takv = record.pointee.takv
        contact.lastEventAt = record.pointee.lastEventAt
        return contact
    }

    func contact(_ client: UnsafeMutablePointer<Client>) -> ContactRecord {
        var contact = ContactRecord()
        contact.callsign = client.pointee.callsign
        contact.uid = client.pointee.uid
        contact.team.set(client.pointee.colour)
        contact.role.set(client.pointee.role)
        contact.takv = client.pointee.takv
        contact.lastEventAt = client.pointee.lastEventAt
        contact.isConnected = true
        return contact
    }
}
