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
        if question.kind == .announcement {
            announce(&question, memory)
            return
        }
        question.homeTeam = ShortText()
        question.byteCount = 0
        let sight = sight(of: question)
        switch question.kind {
        case .identity: answerIdentity(&question, memory, sight)
        case .contacts: answerContacts(&question, memory, sight)
        case .event: answerEvent(&question, memory, sight)
        case .positions: answerPositions(&question, memory, sight)
        case .announcement, .statePage, .restore, .restoreEnd: break
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

    // MARK: Who is here

    /// The cursor is a place in the table of clients: places do not move while others come and go.
    private func answerContacts(
        _ question: inout Question, _ memory: QuestionMemory, _ sight: UInt64
    ) {
        var place = Int(clamping: question.cursor)
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
        question.cursor = UInt64(place)
        question.isLast = place >= clients.count
    }

    private func contact(_ client: UnsafeMutablePointer<Client>) -> ContactRecord {
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
