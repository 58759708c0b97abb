// Who the status page shows, and where: walls, places, and the bounds of one answer.

import Testing

@testable import TinyCoT

@Suite struct StandingsTests {
    private struct Shown: Equatable {
        var callsign: String
        var latitude: Int64?
        var longitude: Int64?
    }

    private func text<let capacity: Int>(_ text: ShortText<capacity>) -> String {
        String(decoding: (0..<Int(text.count)).map { text[$0] }, as: UTF8.self)
    }

    /// All pages; `most` clients were on one.
    private func pages(
        _ stage: FiguresStage, from host: UInt32 = 1, isOperator: Bool = false
    ) -> (clients: [Shown], teams: [String], count: Int, most: Int) {
        var clients: [Shown] = []
        var teams: [String] = []
        var cursor: UInt64 = 0
        var count = 0
        var most = 0
        while true {
            let page = stage.ask(.standings, from: host, cursor: cursor, isOperator: isOperator)
            for i in 0..<page.contactCount {
                let standing = stage.slot.standings[i]
                clients.append(
                    Shown(
                        callsign: text(stage.slot.contacts[i].callsign),
                        latitude: standing.hasPlace ? standing.place.latitude : nil,
                        longitude: standing.hasPlace ? standing.place.longitude : nil))
                teams.append(text(standing.team))
            }
            count += 1
            most = max(most, page.contactCount)
            if page.isLast { return (clients, teams, count, most) }
            #expect(page.cursor > cursor, "every page gets on")
            cursor = page.cursor
        }
    }

    @Test func aClientIsShownWhereItsPositionIs() {
        let stage = FiguresStage()
        let alpha = stage.join()
        _ = stage.join(2)
        stage.send(alpha, reportedPosition("A"))
        let found = pages(stage, from: 99)
        // The second has not said who it is. With one team nobody needs its name.
        #expect(
            found.clients == [
                Shown(callsign: "C-A", latitude: 47_500_000_000, longitude: -8_250_000_000)
            ])
        #expect(found.teams == [""])
    }

    @Test func aPlaceIsNotShownWhenItIsOverOrNone() {
        let stage = FiguresStage()
        let alpha = stage.join()
        let bravo = stage.join(2)
        stage.send(alpha, reportedPosition("A", seconds: 60))
        stage.send(
            bravo,
            reportedPosition("B", point: "lat=\"0\" lon=\"0\"")
                .replacingOccurrences("ce=\"1\"", "ce=\"9999999\""))
        #expect(pages(stage).clients.map { $0.latitude != nil } == [true, false])
        stage.pass(microseconds: 61_000_000)
        let found = pages(stage).clients
        #expect(found.map { $0.callsign } == ["C-A", "C-B"])
        #expect(found.allSatisfy { $0.latitude == nil })
    }

    @Test func wallsHold() {
        let stage = FiguresStage(teams: ["one", "two", "umpires"])
        for (host, team, uid) in [(1, 0, "A"), (2, 1, "B"), (3, 2, "U")] {
            let client = stage.join(UInt32(host), team: UInt8(team))
            stage.send(client, reportedPosition(uid))
        }
        let names = { (host: UInt32) in pages(stage, from: host).clients.map { $0.callsign } }
        #expect(names(1) == ["C-A"])
        #expect(names(2) == ["C-B"])
        #expect(names(3) == ["C-A", "C-B", "C-U"])
        #expect(names(4) == [])
        let all = pages(stage, from: 4, isOperator: true)
        #expect(all.clients.count == 3 && all.teams == ["one", "two", "umpires"])
        #expect(!stage.ask(.standings, from: 3).seesAll)
        #expect(stage.ask(.standings, isOperator: true).seesAll)
    }

    @Test func aFullHouseComesInPages() {
        let stage = FiguresStage()
        for i in 0..<128 {
            let client = stage.join(UInt32(i + 1))
            #expect(client >= 0)
            stage.send(client, reportedPosition("U\(i)"))
            for receiver in 0...client { while stage.take(receiver) > 0 {} }
        }
        let found = pages(stage)
        #expect(Set(found.clients.map { $0.callsign }).count == 128)
        #expect(found.clients.allSatisfy { $0.latitude == 47_500_000_000 })
        #expect(found.most == QuestionMemory.contactsPerPage && found.count <= 9)
    }

    /// A position may be as long as any event; so long as one of them the relay may read.
    @Test func longPositionsMakeShortPages() {
        let stage = FiguresStage()
        let padding = "<remarks>" + String(repeating: "x", count: 30_000) + "</remarks>"
        for i in 0..<6 {
            let client = stage.join(UInt32(i + 1))
            stage.send(client, reportedPosition("U\(i)", group: padding))
            for receiver in 0...client { while stage.take(receiver) > 0 {} }
        }
        let found = pages(stage)
        #expect(found.clients.count == 6 && found.most == 3)
        #expect(found.clients.allSatisfy { $0.latitude != nil })
    }
}

extension String {
    fileprivate func replacingOccurrences(_ old: String, _ new: String) -> String {
        var parts: [Substring] = []
        var rest = self[...]
        while let range = rest.firstRange(of: old) {
            parts.append(rest[..<range.lowerBound])
            rest = rest[range.upperBound...]
        }
        parts.append(rest)
        return parts.joined(separator: new)
    }
}
