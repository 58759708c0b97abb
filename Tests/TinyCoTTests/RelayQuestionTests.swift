// What the relay tells the store loop, on a stage with walls: blue and red see only themselves, the
// umpire sees both. What must not come out is asked for as carefully as what must.

import Testing

@testable import TinyCoT

private let blue: UInt8 = 0
private let red: UInt8 = 1
private let umpire: UInt8 = 2

/// A relay with teams, and one slot for questions.
private final class Stage {
    var relay: Relay
    let slot: QuestionMemory
    private let memory: UnsafeMutableRawBufferPointer
    private let pieces: UnsafeMutablePointer<Piece>
    private(set) var now = Instant(nanoseconds: 1_000_000_000)
    private var wall = WallTime(milliseconds: 1_768_478_400_000)

    init(isolates: Bool = true, _ change: (inout Budget) -> Void = { _ in }) {
        var budget = Budget()
        change(&budget)
        var measure = Arena.measuring()
        let measured = Config(budget: budget, arena: &measure)
        _ = Relay(budget: budget, config: measured, seed: 1, arena: &measure)
        _ = QuestionMemory(budget: budget, arena: &measure)
        memory = .allocate(byteCount: measure.usedBytes, alignment: 64)
        memory.initializeMemory(as: UInt8.self, repeating: 0)
        var arena = Arena(memory: memory)
        var config = Config(budget: budget, arena: &arena)
        Stage.fill(&config, isolates)
        relay = Relay(budget: budget, config: config, seed: 1, arena: &arena)
        slot = QuestionMemory(budget: budget, arena: &arena)
        pieces = .allocate(capacity: 64)
        relay.beginTurn(now: now, wall: wall)
    }

    deinit {
        memory.deallocate()
        pieces.deallocate()
    }

    private static func fill(_ config: inout Config, _ isolates: Bool) {
        config.allow[0] = Network()
        config.allow[0].address = Address(ipv4: 0)
        config.allow[0].prefixBits = 96
        config.allowCount = 1
        config.isolatesTeams = isolates
        config.teamCount = isolates ? 3 : 1
        let names: [StaticString] = isolates ? ["blue", "red", "umpire"] : ["open"]
        for (i, name) in names.enumerated() {
            config.teams[i] = TeamConfig()
            config.teams[i].name.set(name)
        }
        if isolates { config.teams[2].sees = 0b011 }
    }

    func join(_ host: UInt32, team: UInt8 = Config.noTeam) -> Int {
        guard case .admitted(let client) = relay.admit(
            address: Address(ipv4: host), port: 1, listenerTeam: team)
        else { return -1 }
        return client
    }

    /// A client that has said who it is.
    func join(_ host: UInt32, team: UInt8, as uid: String) -> Int {
        let client = join(host, team: team)
        send(client, position(uid))
        return client
    }

    func leave(_ client: Int) {
        relay.connectionEnded(client: client, reason: .peerClosed)
        while let gone = relay.nextToClose() { relay.released(client: gone) }
    }

    func send(_ client: Int, _ text: String) {
        withBytes(text) { slab in
            var done = 0
            while done < slab.count {
                done += relay.bytesArrived(
                    client: client, bytes: slab.slice(done, slab.count - done))
            }
        }
    }

    /// All that a client is sent.
    func take(_ client: Int) -> String {
        var result: [UInt8] = []
        let table = Slab(start: pieces, count: 64)
        while true {
            let count = relay.gather(client: client, into: table)
            if count == 0 { break }
            var taken = 0
            for i in 0..<count {
                result += UnsafeRawBufferPointer(start: table[i].start, count: table[i].count)
                taken += table[i].count
            }
            _ = relay.bytesTaken(client: client, count: taken, blocked: false)
        }
        return String(decoding: result, as: UTF8.self)
    }

    func pass(seconds: Int) {
        now = now.after(seconds: seconds)
        wall = wall.adding(milliseconds: Int64(seconds) * 1000)
        relay.beginTurn(now: now, wall: wall)
        relay.runDeadlines()
    }

    // MARK: Asking

    func ask(
        _ kind: Question.Kind, from host: UInt32, uid: String = "", cursor: UInt64 = 0,
        isOperator: Bool = false
    ) -> Question {
        var question = Question()
        question.kind = kind
        question.address = Address(ipv4: host)
        question.isOperator = isOperator
        question.cursor = cursor
        withBytes(uid) { question.uid.set($0) }
        relay.answer(&question, slot)
        return question
    }

    func teams(_ answer: Question) -> [String] {
        (0..<answer.teamCount).map { plain(slot.teams[$0]) }
    }

    func contacts(_ answer: Question) -> [ContactRecord] {
        (0..<answer.contactCount).map { slot.contacts[$0] }
    }

    func bytes(_ answer: Question) -> String {
        let part = slot.bytes.slice(0, answer.byteCount)
        return String(
            decoding: UnsafeBufferPointer(start: part.start, count: part.count), as: UTF8.self)
    }

    /// The uids of all contacts, page by page.
    func contactUIDs(from host: UInt32) -> [String] {
        var answer = ask(.contacts, from: host)
        var all = contacts(answer).map { plain($0.uid) }
        while !answer.isLast {
            answer = ask(.contacts, from: host, cursor: answer.cursor)
            all += contacts(answer).map { plain($0.uid) }
        }
        return all.sorted()
    }

    func announce(_ event: String, to team: String) -> Bool {
        var question = Question()
        question.kind = .announcement
        withBytes(team) { question.homeTeam.set($0) }
        withBytes(event) {
            slot.bytes.copy($0, to: 0)
            question.byteCount = $0.count
        }
        relay.answer(&question, slot)
        return question.isFound
    }

    private func withBytes(_ text: String, _ body: (Slab<UInt8>) -> Void) {
        var bytes = Array(text.utf8)
        bytes.withUnsafeMutableBufferPointer {
            body(Slab(start: $0.baseAddress, count: $0.count))
        }
    }
}

private func position(_ uid: String, callsign: String? = nil, more: String = "") -> String {
    "<event uid=\"\(uid)\" type=\"a-f-G-U-C\" time=\"2026-01-15T12:00:00Z\" "
        + "start=\"2026-01-15T12:00:00Z\" stale=\"2026-01-15T12:01:00Z\" how=\"m-g\">"
        + "<point lat=\"1\" lon=\"2\" hae=\"0\" ce=\"1\" le=\"1\"/><detail>"
        + "<contact callsign=\"\(callsign ?? "C-" + uid)\" endpoint=\"*:-1:stcp\"/>\(more)"
        + "</detail></event>"
}

private func marker(_ uid: String, more: String = "") -> String {
    "<event uid=\"\(uid)\" type=\"a-u-G\" time=\"2026-01-15T12:00:00Z\" "
        + "start=\"2026-01-15T12:00:00Z\" stale=\"2026-01-15T12:01:00Z\" how=\"h-e\">"
        + "<point lat=\"1\" lon=\"2\" hae=\"0\" ce=\"1\" le=\"1\"/><detail>\(more)</detail></event>"
}

private func offer(_ name: String = "pkg", type: String = "b-f-t-r") -> String {
    "<event version=\"2.0\" uid=\"offer\" type=\"\(type)\" time=\"2026-01-15T12:00:00Z\" "
        + "start=\"2026-01-15T12:00:00Z\" stale=\"2026-01-15T12:00:10Z\" how=\"h-e\">"
        + "<point lat=\"0\" lon=\"0\" hae=\"0\" ce=\"1\" le=\"1\"/><detail>"
        + "<fileshare filename=\"\(name)\"/></detail></event>"
}

@Suite struct RelayQuestionTests {
    private let declaration = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"

    // MARK: Who asks

    @Test func anAddressSeesWhatItsConnectionsSee() {
        let stage = Stage()
        _ = stage.join(1, team: blue, as: "B")
        _ = stage.join(2, team: red, as: "R")
        _ = stage.join(3, team: umpire, as: "U")
        #expect(stage.teams(stage.ask(.identity, from: 1)) == ["blue"])
        #expect(stage.teams(stage.ask(.identity, from: 2)) == ["red"])
        #expect(stage.teams(stage.ask(.identity, from: 3)) == ["blue", "red", "umpire"])
        #expect(!stage.ask(.identity, from: 3).seesAll)
        #expect(plain(stage.ask(.identity, from: 1).homeTeam) == "blue")
        #expect(plain(stage.ask(.identity, from: 3).homeTeam) == "umpire")
    }

    @Test func anAddressWithoutConnectionsSeesNothing() {
        let stage = Stage()
        let one = stage.join(1, team: blue, as: "B")
        let answer = stage.ask(.identity, from: 9, uid: "B")
        #expect(answer.teamCount == 0 && answer.homeTeam.isEmpty && answer.callsign.isEmpty)
        #expect(stage.contactUIDs(from: 9) == [])
        #expect(stage.ask(.positions, from: 9).byteCount == 0)
        #expect(!stage.ask(.event, from: 9, uid: "B").isFound)
        // It loses its sight in the moment in which it goes, closed or not.
        #expect(stage.ask(.event, from: 1, uid: "B").isFound)
        stage.relay.connectionEnded(client: one, reason: .peerClosed)
        #expect(stage.ask(.identity, from: 1).teamCount == 0)
        #expect(!stage.ask(.event, from: 1, uid: "B").isFound)
    }

    @Test func anAddressWithTwoTeamsSeesBothAndHasNoHome() {
        let stage = Stage()
        _ = stage.join(1, team: blue, as: "B")
        _ = stage.join(1, team: red, as: "R")
        let nobody = stage.ask(.identity, from: 1, uid: "somebody else")
        #expect(stage.teams(nobody) == ["blue", "red"])
        #expect(nobody.homeTeam.isEmpty && nobody.callsign.isEmpty)
        // Who says that it is one of the two is taken for it.
        let named = stage.ask(.identity, from: 1, uid: "R")
        #expect(plain(named.homeTeam) == "red" && plain(named.callsign) == "C-R")
        #expect(stage.contactUIDs(from: 1) == ["B", "R"])
    }

    @Test func aUidOfAnotherAddressIsNotBelieved() {
        let stage = Stage()
        _ = stage.join(1, team: blue, as: "B")
        _ = stage.join(2, team: red, as: "R")
        let answer = stage.ask(.identity, from: 1, uid: "R")
        #expect(answer.callsign.isEmpty)
        #expect(plain(answer.homeTeam) == "blue")
        #expect(stage.teams(answer) == ["blue"])
    }

    /// On a shared port a connection belongs to nobody until it has said who it is.
    @Test func anUnnamedConnectionGivesNothingWhereTeamsAreIsolated() {
        let stage = Stage()
        _ = stage.join(1, team: blue, as: "B")
        let unnamed = stage.join(4)
        let answer = stage.ask(.identity, from: 4)
        #expect(answer.teamCount == 0 && answer.homeTeam.isEmpty)
        #expect(stage.contactUIDs(from: 4) == [])
        #expect(stage.ask(.positions, from: 4).byteCount == 0)
        #expect(!stage.ask(.event, from: 4, uid: "B").isFound)
        // It also takes nothing away from the one beside it.
        _ = stage.join(1)
        #expect(plain(stage.ask(.identity, from: 1).homeTeam) == "blue")
        // Then it is of the default team, which is blue here.
        stage.send(unnamed, position("N"))
        #expect(stage.contactUIDs(from: 4) == ["B", "N"])
    }

    @Test func withoutWallsEverybodySeesAll() {
        let stage = Stage(isolates: false)
        let one = stage.join(1)
        stage.send(one, position("A"))
        let answer = stage.ask(.identity, from: 9, uid: "A")
        #expect(answer.seesAll && plain(answer.homeTeam) == "open" && answer.callsign.isEmpty)
        #expect(stage.teams(answer) == ["open"])
        #expect(plain(stage.ask(.identity, from: 1, uid: "A").callsign) == "C-A")
        #expect(stage.contactUIDs(from: 9) == ["A"])
        #expect(stage.ask(.event, from: 9, uid: "A").isFound)
    }

    @Test func theOperatorHasNoWallsAndNoTeam() {
        let stage = Stage()
        _ = stage.join(1, team: blue, as: "B")
        _ = stage.join(2, team: red, as: "R")
        let answer = stage.ask(.identity, from: 1, uid: "B", isOperator: true)
        #expect(answer.seesAll && answer.homeTeam.isEmpty && answer.callsign.isEmpty)
        #expect(stage.teams(answer) == ["blue", "red", "umpire"])
        let contacts = stage.ask(.contacts, from: 9, isOperator: true)
        #expect(stage.contacts(contacts).map { plain($0.uid) }.sorted() == ["B", "R"])
        #expect(stage.ask(.event, from: 9, uid: "R", isOperator: true).isFound)
        let picture = stage.bytes(stage.ask(.positions, from: 9, isOperator: true))
        #expect(picture.contains("\"B\"") && picture.contains("\"R\""))
    }

    // MARK: Contacts

    @Test func aContactIsWhatTheClientLastSaid() throws {
        let stage = Stage()
        let one = stage.join(1, team: blue, as: "B")
        stage.pass(seconds: 2)
        let takv = "<takv os=\"30\" version=\"4.6 (x).17\" platform=\"ATAK&amp;\"/>"
        let group = "<__group role=\"Team Lead\" name=\"Cyan\"/>"
        stage.send(one, position("B", callsign: "NEW", more: takv + group + "<takv version='0'/>"))
        stage.pass(seconds: 5)
        let first = try #require(stage.contacts(stage.ask(.contacts, from: 1)).first)
        #expect(plain(first.callsign) == "NEW" && plain(first.uid) == "B")
        #expect(plain(first.team) == "Cyan" && plain(first.role) == "Team Lead")
        #expect(plain(first.takv) == "ATAK& 4.6 (x).17")
        #expect(first.lastEventAt == WallTime(milliseconds: 1_768_478_402_000))
        #expect(first.isConnected)
        // Only the role is new; then only the program.
        let medic = "<__group role=\"Medic\" name=\"Cyan\"/>"
        stage.send(one, position("B", callsign: "NEW", more: takv + medic))
        let second = try #require(stage.contacts(stage.ask(.contacts, from: 1)).first)
        #expect(plain(second.role) == "Medic" && plain(second.takv) == "ATAK& 4.6 (x).17")
        stage.send(one, position("B", callsign: "NEW", more: medic + "<takv version=\"5\"/>"))
        let third = try #require(stage.contacts(stage.ask(.contacts, from: 1)).first)
        #expect(plain(third.role) == "Medic" && plain(third.takv) == "5")
        // What it says of another thing is not said of itself.
        stage.send(one, position("OTHER", more: takv))
        let last = try #require(stage.contacts(stage.ask(.contacts, from: 1)).first)
        #expect(plain(last.takv) == "5")
        #expect(last.lastEventAt == WallTime(milliseconds: 1_768_478_407_000))
    }

    @Test func contactsStayBehindTheirWall() {
        let stage = Stage()
        for i in 0..<20 { _ = stage.join(1, team: blue, as: "B\(i)") }
        for i in 0..<20 { _ = stage.join(2, team: red, as: "R\(i)") }
        _ = stage.join(3, team: umpire, as: "U")
        #expect(stage.contactUIDs(from: 1) == (0..<20).map { "B\($0)" }.sorted())
        #expect(stage.contactUIDs(from: 2) == (0..<20).map { "R\($0)" }.sorted())
        #expect(stage.contactUIDs(from: 3).count == 41)
    }

    /// Who is here all the time is listed once, whoever comes and goes between the pages.
    @Test func contactPagesHoldWhileOthersComeAndGo() {
        let stage = Stage()
        let early = (0..<10).map { stage.join(1, team: blue, as: "early\($0)") }
        for i in 0..<30 { _ = stage.join(1, team: blue, as: "stays\(i)") }
        let page = stage.ask(.contacts, from: 1)
        #expect(page.contactCount == 16 && !page.isLast)
        var seen = stage.contacts(page).map { plain($0.uid) }
        for client in early { stage.leave(client) }
        for i in 0..<5 { _ = stage.join(1, team: blue, as: "late\(i)") }
        var cursor = page.cursor
        var pages = 1
        while true {
            let next = stage.ask(.contacts, from: 1, cursor: cursor)
            #expect(next.cursor > cursor)
            seen += stage.contacts(next).map { plain($0.uid) }
            pages += 1
            cursor = next.cursor
            if next.isLast { break }
        }
        #expect(pages <= 4)
        for i in 0..<30 { #expect(seen.count { $0 == "stays\(i)" } == 1) }
        #expect(Set(seen).count == seen.count)
        // A cursor from nowhere ends at once.
        let beyond = stage.ask(.contacts, from: 1, cursor: .max)
        #expect(beyond.isLast && beyond.contactCount == 0)
    }

    // MARK: One event

    @Test func theLatestEventOfAUidComesAsADocument() {
        let stage = Stage()
        let one = stage.join(1, team: blue, as: "B")
        stage.send(one, "<?xml version='1.0'?>" + marker("M"))
        stage.send(one, marker("M", more: "<remarks>new</remarks><marti/>"))
        let answer = stage.ask(.event, from: 1, uid: "M")
        #expect(answer.isFound)
        #expect(stage.bytes(answer) == declaration + marker("M", more: "<remarks>new</remarks>"))
        #expect(!stage.ask(.event, from: 1, uid: "m").isFound)
        #expect(!stage.ask(.event, from: 1, uid: "").isFound)
        stage.pass(seconds: 61)
        #expect(!stage.ask(.event, from: 1, uid: "M").isFound)
    }

    @Test func anEventBehindAWallIsNotThere() {
        let stage = Stage()
        let one = stage.join(1, team: blue, as: "B")
        let two = stage.join(2, team: red, as: "R")
        _ = stage.join(3, team: umpire, as: "U")
        stage.send(two, marker("SECRET"))
        let hidden = stage.ask(.event, from: 1, uid: "SECRET")
        #expect(!hidden.isFound && hidden.byteCount == 0)
        #expect(stage.bytes(stage.ask(.event, from: 3, uid: "SECRET"))
            == declaration + marker("SECRET"))
        // The same uid on both sides of the wall: each side has its own, the umpire the latest.
        stage.send(one, marker("SECRET", more: "<blue/>"))
        stage.send(two, marker("SECRET", more: "<red/>"))
        #expect(stage.bytes(stage.ask(.event, from: 1, uid: "SECRET")).contains("<blue/>"))
        #expect(stage.bytes(stage.ask(.event, from: 2, uid: "SECRET")).contains("<red/>"))
        #expect(stage.bytes(stage.ask(.event, from: 3, uid: "SECRET")).contains("<red/>"))
        stage.send(one, marker("SECRET", more: "<blue/>"))
        #expect(stage.bytes(stage.ask(.event, from: 3, uid: "SECRET")).contains("<blue/>"))
    }

    @Test func theLongestEventFitsWithItsDeclaration() {
        let stage = Stage()
        let one = stage.join(1, team: blue, as: "B")
        let rest = 65_536 - marker("LONG").utf8.count
        let long = marker("LONG", more: "<x>" + String(repeating: "x", count: rest - 7) + "</x>")
        stage.send(one, long)
        #expect(long.utf8.count == 65_536)
        #expect(stage.bytes(stage.ask(.event, from: 1, uid: "LONG")) == declaration + long)
    }

    @Test func aUidThatWasCutNamesNobody() {
        let stage = Stage()
        let uid = String(repeating: "u", count: 255)
        let one = stage.join(1, team: blue, as: "B")
        stage.send(one, marker(uid))
        #expect(stage.ask(.event, from: 1, uid: uid).isFound)
        #expect(!stage.ask(.event, from: 1, uid: uid + "u").isFound)
    }

    // MARK: Positions

    /// All pages, each checked to be whole events with a line end between them.
    private func positions(_ stage: Stage, from host: UInt32) -> [String] {
        var all: [String] = []
        var cursor: UInt64 = 0
        while true {
            let answer = stage.ask(.positions, from: host, cursor: cursor)
            let page = stage.bytes(answer)
            #expect(answer.cursor > cursor || answer.isLast)
            cursor = answer.cursor
            all += page.split(separator: "\n").map(String.init)
            if answer.isLast { return all.sorted() }
        }
    }

    @Test func positionsStayBehindTheirWall() {
        let stage = Stage()
        let one = stage.join(1, team: blue, as: "B")
        _ = stage.join(2, team: red, as: "R")
        _ = stage.join(3, team: umpire, as: "U")
        stage.send(one, marker("M"))
        #expect(positions(stage, from: 1) == [position("B")])
        #expect(positions(stage, from: 2) == [position("R")])
        #expect(positions(stage, from: 3) == [position("B"), position("R"), position("U")])
        stage.pass(seconds: 61)
        #expect(positions(stage, from: 3) == [])
    }

    /// 30 positions of 10,000 bytes come on several pages, each whole, while the table changes.
    @Test func positionPagesHoldWhileThePictureChanges() {
        let stage = Stage()
        let padding = "<x>" + String(repeating: "p", count: 10_000) + "</x>"
        var places: [Int] = []
        for i in 0..<30 {
            let client = stage.join(1, team: blue)
            stage.send(client, position("P\(i)", more: padding))
            places.append(client)
        }
        var seen: [String] = []
        var cursor: UInt64 = 0
        var pages = 0
        while pages < 100 {
            let answer = stage.ask(.positions, from: 1, cursor: cursor)
            let page = stage.bytes(answer).split(separator: "\n").map(String.init)
            #expect(Set(page).count == page.count)
            for event in page {
                #expect(event.hasPrefix("<event uid=\"P") && event.hasSuffix("</event>"))
            }
            seen += page
            pages += 1
            cursor = answer.cursor
            if answer.isLast { break }
            // One leaves, one is renewed, one is new.
            stage.leave(places[pages])
            stage.send(places[29], position("P29", more: padding))
            stage.send(stage.join(1, team: blue), position("PN\(pages)", more: padding))
        }
        #expect(pages > 4 && pages < 12)
        for i in 15..<29 {
            #expect(seen.count { $0 == position("P\(i)", more: padding) } == 1)
        }
        let beyond = stage.ask(.positions, from: 1, cursor: .max)
        #expect(beyond.isLast && beyond.byteCount == 0)
        stage.relay.checkInvariants()
    }

    /// Two events and the line end between them fill a page to its last byte, or want one byte
    /// more than there is; every one comes out, also the longest.
    @Test(arguments: [0, 1]) func aPageIsFilledToTheLastByte(excess: Int) {
        let stage = Stage()
        let room = 65_536 + 1024
        func padded(_ uid: String, _ count: Int) -> String {
            let filling = count - position(uid).utf8.count - 7
            return position(uid, more: "<x>" + String(repeating: "p", count: filling) + "</x>")
        }
        let events = [
            padded("A", 2_000), padded("B", room - 2_001 + excess), padded("C", 65_536),
        ]
        for event in events { stage.send(stage.join(1, team: blue), event) }
        let first = stage.ask(.positions, from: 1)
        #expect(first.byteCount == (excess == 0 ? room : 2_000))
        // Not the events themselves: a failure would print them.
        #expect(positions(stage, from: 1).map(\.hashValue).sorted()
            == events.map(\.hashValue).sorted())
    }

    // MARK: Announcements

    @Test func anAnnouncementReachesItsTeamAndWhoeverSeesIt() {
        let stage = Stage()
        let one = stage.join(1, team: blue, as: "B")
        let other = stage.join(2, team: blue)
        let two = stage.join(3, team: red, as: "R")
        let judge = stage.join(4, team: umpire, as: "U")
        let unnamed = stage.join(5)
        for client in [one, other, two, judge, unnamed] { _ = stage.take(client) }
        let before = stage.relay.totals.eventsOut
        #expect(stage.announce(offer(), to: "blue"))
        #expect(stage.take(one) == offer())
        #expect(stage.take(other) == offer())
        #expect(stage.take(two) == "")
        #expect(stage.take(judge) == offer())
        #expect(stage.take(unnamed) == "")
        #expect(stage.relay.totals.eventsOut == before + 3)
        // Nobody sees what the umpire is told, and a late one gets nothing of all that.
        #expect(stage.announce(offer(), to: "umpire"))
        #expect(stage.take(judge) == offer())
        #expect(stage.take(one) == "")
        #expect(!stage.take(stage.join(6, team: blue)).contains("b-f-t-r"))
        stage.relay.checkInvariants()
    }

    @Test func anAnnouncementToNobodyIsNotFound() {
        let stage = Stage()
        let one = stage.join(1, team: blue, as: "B")
        _ = stage.take(one)
        #expect(!stage.announce(offer(), to: ""))
        #expect(!stage.announce(offer(), to: "red"))
        #expect(!stage.announce(offer(), to: "green"))
        #expect(!stage.announce(offer(), to: "Blue"))
        #expect(stage.take(one) == "")
    }

    @Test func withoutWallsEverybodyIsTold() {
        let stage = Stage(isolates: false)
        let one = stage.join(1)
        #expect(stage.announce(offer(), to: ""))
        #expect(stage.announce(offer("second"), to: "open"))
        #expect(stage.take(one) == offer() + offer("second"))
        #expect(!stage.announce(offer(), to: "blue"))
        #expect(stage.take(one) == "")
    }

    @Test func anUnsoundAnnouncementIsRefused() {
        let stage = Stage()
        let one = stage.join(1, team: blue, as: "B")
        _ = stage.take(one)
        let unsound = [
            "", offer("a\" b=\"<"), offer("&nothing;"), offer("\u{01}"), offer() + offer(),
            offer() + " ", declaration + offer(), String(offer().dropLast()),
            offer(type: "a-f-G"), offer(type: "t-x-d-d"), offer(type: "b-t-f"),
            offer("\"/><marti/><x y=\""), offer("\"/><!-- </event> --><x y=\""),
            offer("\"/></detail></event><event uid=\"x\"><detail><x y=\""),
            offer(String(repeating: "x", count: 65_536)),
        ]
        for event in unsound { #expect(!stage.announce(event, to: "blue"), "\(event.prefix(300))") }
        #expect(stage.take(one) == "")
        #expect(stage.announce(offer("a &amp; b"), to: "blue"))
        stage.relay.checkInvariants()
    }

    /// It stands in the ring like any other event: positions give way to it, and it gives way to
    /// nothing less important.
    @Test func anAnnouncementKeepsToTheLimitsOfTheRing() {
        let stage = Stage { $0.clientQueueEvents = 4 }
        let sender = stage.join(1, team: blue, as: "B")
        let slow = stage.join(2, team: blue)
        for i in 0..<4 { stage.send(sender, marker("M\(i)")) }
        #expect(stage.relay.queueDepth(client: slow).events == 4)
        #expect(stage.announce(offer("a"), to: "blue"))
        #expect(stage.relay.queueDepth(client: slow).events == 4)
        let drops = stage.relay.client(at: slow).counters.drops
        #expect(drops[Int(QueueDrop.marker.rawValue)] >= 1)
        let got = stage.take(slow)
        #expect(got.contains(offer("a")) && !got.contains("\"M0\""))
        stage.relay.checkInvariants()
    }

    /// What it cannot have without taking it from those who have begun to send is not announced.
    @Test func anAnnouncementThatFitsNowhereIsRefused() {
        let stage = Stage {
            $0.eventMaxBytes = 1_024
            $0.eventLogBytes = 4_096
            $0.clientQueueBytes = 4_096
        }
        let one = stage.join(1, team: blue, as: "B")
        _ = stage.take(one)
        #expect(!stage.announce(offer(String(repeating: "x", count: 1_024)), to: "blue"))
        for i in 0..<20 { #expect(stage.announce(offer("\(i)"), to: "blue")) }
        stage.relay.checkInvariants()
        #expect(stage.take(one).contains(offer("19")))
    }

    // MARK: Slots

    /// A slot is used again and again: nothing of the answer before stays in its counts.
    @Test func anAnswerForgetsTheOneBefore() {
        let stage = Stage()
        _ = stage.join(1, team: blue, as: "B")
        var question = Question()
        question.address = Address(ipv4: 1)
        withUnsafeBytes(of: UInt8(ascii: "B")) { raw in
            let bytes = UnsafeMutablePointer(
                mutating: raw.bindMemory(to: UInt8.self).baseAddress)
            question.uid.set(Slab(start: bytes, count: 1))
        }
        let kinds: [Question.Kind] = [.identity, .contacts, .event, .positions]
        for first in kinds {
            for second in kinds {
                question.address = Address(ipv4: 1)
                question.cursor = 0
                question.kind = first
                stage.relay.answer(&question, stage.slot)
                #expect(
                    question.teamCount + question.contactCount + question.byteCount > 0,
                    "\(first)")
                question.address = Address(ipv4: 9)
                question.cursor = 0
                question.kind = second
                stage.relay.answer(&question, stage.slot)
                #expect(question.teamCount + question.contactCount + question.byteCount == 0)
                #expect(!question.isFound && !question.seesAll && question.isLast)
                #expect(question.callsign.isEmpty && question.homeTeam.isEmpty)
            }
        }
    }
}
