// The store loop of the simulated world: it asks the relay at random moments, in the name of random
// addresses, and every name and every byte that comes back must be one that the model lets through.
// Whole lists, asked for within one moment, must be complete as well.

import Foundation

@testable import TinyCoT

/// What the model lets an asker see.
private struct Sight {
    /// Nil: no walls.
    let teams: Set<String>?

    func holds(_ team: String) -> Bool { teams?.contains(team) ?? true }
}

extension World {
    /// Asks one thing, or goes on with a list that was begun earlier.
    func ask() {
        if !openLists.isEmpty && random.chance(50) { return turnPage() }
        let question = freshQuestion()
        switch random.below(10) {
        case ..<2: askIdentity(question)
        case ..<4: askWholeList(question, .contacts)
        case ..<6: askWholeList(question, .positions)
        case 6: beginList(question)
        case ..<9: askEvent(question)
        default: announce(question)
        }
    }

    private func freshQuestion() -> Question {
        var question = Question()
        // 9 is nobody's address.
        question.address = World.ip(random.pick([1, 2, 3, 9, random.below(devices.count) + 10]))
        question.isOperator = random.chance(5)
        return question
    }

    /// The connections of the asker's address that may receive anything, by the model.
    private func connections(_ question: Question) -> [ModelClient] {
        model.clients.values.filter {
            $0.phase == .connected && World.ip($0.address) == question.address
                && model.mayReceive($0)
        }
    }

    private func sight(_ question: Question) -> Sight {
        if question.isOperator || !model.config.isolates { return Sight(teams: nil) }
        var teams: Set<String> = []
        for client in connections(question) { teams.formUnion(model.config.sight(of: client.team)) }
        return Sight(teams: teams)
    }

    private func answer(_ question: inout Question, _ kind: Question.Kind) {
        question.kind = kind
        relay.answer(&question, slot)
    }

    private func refuse(_ question: Question, _ sentence: String) {
        fail("\(question.kind) for \(question.address.low & 0xFFFF): \(sentence)")
    }

    // MARK: Who asks

    private func askIdentity(_ asked: Question) {
        var question = asked
        let uid = random.chance(80) ? random.pick(devices).uid : "NOBODY"
        Scenario.withSlab(uid) { question.uid.set($0) }
        answer(&question, .identity)
        let sight = sight(question)
        if question.seesAll != (sight.teams == nil) { refuse(question, "walls are misjudged") }
        let known = Set(model.config.teams.map(\.name))
        let names = (0..<question.teamCount).map { World.text(slot.teams[$0]) }
        let visible = sight.teams.map { $0.intersection(known) } ?? known
        if names.count != Set(names).count || Set(names) != visible {
            refuse(question, "it sees \(names)")
        }
        // The relay may know more than one bearer, in different teams.
        let bearers = question.isOperator ? [] : connections(question).filter { $0.uid == uid }
        let callsign = World.text(question.callsign)
        let callsigns = bearers.isEmpty ? [""] : bearers.map(\.callsign)
        if !callsigns.contains(callsign) {
            refuse(question, "\(uid) is called \(callsign)")
        }
        let home = World.text(question.homeTeam)
        let shared = Set(connections(question).map(\.team))
        let expected: Set<String>
        if !model.config.isolates {
            expected = [model.config.defaultTeam]
        } else if question.isOperator {
            expected = [""]
        } else if !bearers.isEmpty {
            expected = Set(bearers.map(\.team))
        } else {
            expected = shared.count == 1 ? shared : [""]
        }
        if !expected.contains(home) { refuse(question, "its team is \(home), not \(expected)") }
    }

    // MARK: Lists

    /// One list with all its pages, in one moment: exactly what the model says.
    private func askWholeList(_ asked: Question, _ kind: Question.Kind) {
        var question = asked
        var names: [String] = []
        var rounds = 0
        repeat {
            let before = question.cursor
            answer(&question, kind)
            names += judgePage(question)
            rounds += 1
            if question.cursor <= before && !question.isLast || rounds > 5000 {
                return refuse(question, "a list does not get on at \(before)")
            }
        } while !question.isLast && !hasFailed
        let sight = sight(question)
        let expected: [String]
        if kind == .contacts {
            expected = model.clients.values
                .filter { $0.phase == .connected && $0.uid != nil && sight.holds($0.team) }
                .map { "\($0.uid ?? "") \($0.callsign) \($0.colour ?? "")" }
                + model.gone { sight.holds($0) }
                .map { "\($0.uid) \($0.callsign) \($0.colour) gone" }
        } else {
            expected = model.picture
                .filter { $0.isOwnPosition && $0.endsAt > model.now && sight.holds($0.team) }
                .map { "\($0.event.serial)" }
        }
        if names.sorted() != expected.sorted() {
            refuse(question, "got \(names.sorted()), not \(expected.sorted())")
        }
    }

    private func beginList(_ asked: Question) {
        var question = asked
        question.kind = random.pick([.contacts, .positions])
        openLists.append(question)
        if openLists.count > 4 { openLists.removeFirst() }
        turnPage()
    }

    private func turnPage() {
        let index = random.below(openLists.count)
        var question = openLists.remove(at: index)
        let before = question.cursor
        answer(&question, question.kind)
        _ = judgePage(question)
        if question.isLast { return }
        if question.cursor <= before { refuse(question, "a list does not get on at \(before)") }
        openLists.append(question)
    }

    /// Whatever the moment, a page holds nothing that its asker may not see, and nothing twice.
    private func judgePage(_ question: Question) -> [String] {
        let sight = sight(question)
        let names = question.kind == .contacts
            ? judgeContacts(question, sight) : judgePositions(question, sight)
        // Twins of one device in two teams are two contacts; an event is kept once.
        if question.kind == .positions && Set(names).count != names.count {
            refuse(question, "an event comes twice in a page")
        }
        return names
    }

    private func judgeContacts(_ question: Question, _ sight: Sight) -> [String] {
        (0..<question.contactCount).map { i in
            let contact = slot.contacts[i]
            let uid = World.text(contact.uid)
            let callsign = World.text(contact.callsign)
            let isHere = model.clients.values.contains {
                $0.phase == .connected && $0.uid == uid && $0.callsign == callsign
                    && sight.holds($0.team)
            }
            let isKnown =
                contact.isConnected
                ? isHere
                : model.gone { sight.holds($0) }.contains {
                    $0.uid == uid && $0.callsign == callsign
                }
            if !isKnown { refuse(question, "\(uid), \(callsign) is none of its contacts") }
            let role = World.text(contact.role)
            let colour = World.text(contact.team)
            if role != (colour.isEmpty ? "" : "Team Member") {
                refuse(question, "\(uid) is \(role) of \(colour)")
            }
            return "\(uid) \(callsign) \(colour)" + (contact.isConnected ? "" : " gone")
        }
    }

    private func judgePositions(_ question: Question, _ sight: Sight) -> [String] {
        let page = slot.bytes.slice(0, question.byteCount)
        let bytes = Array(UnsafeBufferPointer(start: page.start, count: page.count))
        if bytes.isEmpty { return [] }
        return bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map {
            judgeKept(question, $0, sight) ?? "?"
        }
    }

    /// A kept event, byte for byte, of a team that the asker sees.
    private func judgeKept(
        _ question: Question, _ piece: ArraySlice<UInt8>, _ sight: Sight
    ) -> String? {
        guard case .event(let serial) = PieceName(piece), let event = model.events[serial],
            let kept = model.picture.first(where: { $0.event === event })
        else {
            refuse(question, "\(String(decoding: piece.prefix(300), as: UTF8.self)) is not kept")
            return nil
        }
        if !sight.holds(kept.team) { refuse(question, "event \(serial) of \(kept.team) comes out") }
        if kept.endsAt <= model.now { refuse(question, "event \(serial) has lived its time") }
        if !event.isRewritten && !piece.elementsEqual(event.piece) {
            refuse(question, "event \(serial) comes changed")
        }
        return "\(serial)"
    }

    // MARK: One event

    private func askEvent(_ asked: Question) {
        var question = asked
        let uid = random.pick([
            random.pick(devices).uid, random.pick(devices).uid + "-9-1-1",
            "MARKER-\(random.below(12))",
        ])
        Scenario.withSlab(uid) { question.uid.set($0) }
        answer(&question, .event)
        let sight = sight(question)
        let latest = model.picture
            .filter { $0.event.uid == uid && sight.holds($0.team) && $0.endsAt > model.now }
            .max { ($0.bornAt, $0.sequence) < ($1.bornAt, $1.sequence) }
        if question.isFound != (latest != nil) {
            return refuse(question, "\(uid) is found, or not, by mistake")
        }
        guard let latest else {
            if question.byteCount != 0 { refuse(question, "nothing has bytes") }
            return
        }
        let page = slot.bytes.slice(0, question.byteCount)
        let bytes = Array(UnsafeBufferPointer(start: page.start, count: page.count))
        let declaration = Array("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".utf8)
        if !bytes.starts(with: declaration) { return refuse(question, "no declaration") }
        let serial = judgeKept(question, bytes[declaration.count...], sight)
        let found = model.picture.first { "\($0.event.serial)" == serial }
        if found?.bornAt != latest.bornAt || found?.sequence != latest.sequence {
            refuse(question, "\(uid) is event \(serial ?? ""), not \(latest.event.serial)")
        }
    }

    // MARK: Announcements

    private func announce(_ asked: Question) {
        var question = asked
        let event = fresh()
        event.uid = "OFFER-\(event.serial)"
        event.type = "b-f-t-r"
        event.how = "h-e"
        event.compose(declaration: "")
        let named = model.config.teams.map(\.name) + ["", "green"]
        let team = random.pick(named)
        Scenario.withSlab(team) { question.homeTeam.set($0) }
        for (i, byte) in event.piece.enumerated() { slot.bytes[i] = byte }
        question.byteCount = event.piece.count
        let lost = clients.reduce(0) { $0 + totalDrops($1.place) }
        answer(&question, .announcement)
        let reached = model.announce(event, to: team)
        note("event \(event.serial) is announced to \"\(team)\": \(reached) clients")
        noticeEnds()
        if question.isFound && reached == 0 { refuse(question, "nobody was told of it") }
        let lostNow = clients.reduce(0) { $0 + totalDrops($1.place) }
        if !question.isFound && reached > 0 && lostNow == lost {
            refuse(question, "\(reached) clients were not told of it, uncounted")
        }
    }

    static func text<let capacity: Int>(_ text: ShortText<capacity>) -> String {
        String(decoding: (0..<Int(text.count)).map { text[$0] }, as: UTF8.self)
    }
}

extension ReferenceModel {
    /// Something that the server itself tells a team. Returns how many should get it.
    func announce(_ event: SimulatedEvent, to name: String) -> Int {
        let team = name.isEmpty && !config.isolates ? config.defaultTeam : name
        guard config.has(team) else { return 0 }
        event.team = team
        events[event.serial] = event
        acceptedAtReload[event.serial] = reloads
        let receivers = clients.values.filter { maySee($0, team) }
        for receiver in receivers { pushEvent(receiver, event) }
        return receivers.count
    }
}
