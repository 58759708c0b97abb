// What the relay says of its state: every kind of event with its times, who is and was here, pages
// that are whole while the tables change, and the counter that tells whether there is news.

import Testing

@testable import TinyCoT

@Suite struct StatePageTests {
    @Test func aPageSaysWhatIsKept() {
        let stage = StateStage.walled()
        let one = stage.join(7, team: StateStage.blue, as: "B")
        stage.pass(seconds: 2)
        stage.send(one, StateStage.event("M", minutes: 10))
        stage.send(one, StateStage.alert("A"))
        stage.pass(seconds: 3)
        let page = stage.page()
        #expect(page.isLast && page.seen.count == 1)
        let rows = page.records.map { row in
            "\(row.record.kind.name) \(plain(row.record.team)) \(row.record.ageMilliseconds) "
                + "\(row.record.leftMilliseconds)"
        }
        // Position: 5 minutes; marker: 10; an alert for as long as alerts last, an hour.
        #expect(
            rows == [
                "position blue 5000 295000", "item blue 3000 597000",
                "emergency blue 3000 3597000",
            ])
        #expect(page.records.allSatisfy { $0.record.address == Address(ipv4: 7) })
        let texts = page.records.map { String(decoding: $0.bytes, as: UTF8.self) }
        #expect(
            texts == [
                StateStage.position("B"), StateStage.event("M", minutes: 10),
                StateStage.alert("A"),
            ])
    }

    @Test func aPageSaysWhoIsAndWasHere() {
        let stage = StateStage.walled()
        let one = stage.join(1, team: StateStage.blue)
        stage.send(one, StateStage.position("B", colour: "Cyan"))
        let two = stage.join(2, team: StateStage.red, as: "R")
        stage.pass(seconds: 1)
        stage.leave(two)
        stage.pass(seconds: 4)
        let seen = stage.page().seen
        #expect(seen.map { plain($0.uid) } == ["B", "R"])
        #expect(seen.map { plain($0.callsign) } == ["C-B", "C-R"])
        #expect(seen.map { plain($0.team) } == ["blue", "red"])
        #expect(seen.map { plain($0.colour) } == ["Cyan", ""])
        #expect(seen.map { plain($0.role) } == ["Medic", ""])
        #expect(seen.map { plain($0.lastType) } == ["a-f-G-U-C", "a-f-G-U-C"])
        #expect(seen.map(\.isConnected) == [true, false])
        #expect(seen.map(\.agoMilliseconds) == [0, 4_000])
        #expect(seen.allSatisfy { $0.lastEventAt.milliseconds == 1_768_478_400_000 })
    }

    @Test func whatIsOverIsLeftOut() {
        let stage = StateStage()
        let one = stage.join(1)
        stage.send(one, StateStage.event("short", minutes: 1))
        stage.send(one, StateStage.event("long", minutes: 2))
        stage.pass(milliseconds: 59_999)
        #expect(stage.page().records.map(\.record.leftMilliseconds) == [1, 60_001])
        // Its time is over, although nobody has taken it away yet.
        stage.pass(milliseconds: 1)
        #expect(stage.page().records.map(\.record.leftMilliseconds) == [60_000])
    }

    @Test func longEventsAndManyClientsFillPages() {
        let stage = StateStage()
        let fill = String(repeating: "x", count: 60_000)
        for i in 0..<20 { stage.join(UInt32(i + 1), as: "U\(i)") }
        let one = stage.join(99)
        for i in 0..<5 { stage.send(one, StateStage.event("L\(i)", detail: "<x>\(fill)</x>")) }
        let pages = stage.pages()
        #expect(pages.allSatisfy { $0.seen.count <= 8 && $0.records.count <= 32 })
        #expect(pages.flatMap(\.seen).count == 20)
        #expect(pages.flatMap(\.records).count == 25)
        #expect(Set(pages.flatMap(\.records).map(\.bytes)).count == 25)
        // Two of the long ones never fit together.
        #expect(pages.filter { $0.records.contains { $0.bytes.count > 60_000 } }.count == 5)
    }

    @Test func aLargeEmptyTableIsCrossedInBoundedSteps() {
        let stage = StateStage { $0.replayEvents = 5_000 }
        #expect(stage.pages().count == (5_000 + 256 + 2_047) / 2_048)
        let beyond = stage.page(.max)
        #expect(beyond.isLast && beyond.records.isEmpty && beyond.seen.isEmpty)
    }

    /// While pages are taken, half of the events are renewed with more bytes, so that others must
    /// go for them. Nobody who is there all the time is missed or comes twice.
    @Test func pagesHoldWhileTheTableChanges() {
        let stage = StateStage {
            $0.replayEvents = 128
            $0.replayBytes = 128 * 256 + 4_096
        }
        let one = stage.join(1)
        for i in 0..<128 { stage.send(one, StateStage.event("M\(i)", minutes: 10)) }
        var staying = Set(uids(stage.pages().flatMap(\.records)))
        #expect(staying.count > 40)
        var found: [String] = []
        var page = stage.page()
        var round = 0
        while true {
            found += uids(page.records)
            for i in 0..<30 {
                let more = String(repeating: "y", count: 100 + 60 * round)
                let uid = "M\((i * 4 + round) % 128)"
                if staying.contains(uid) {
                    stage.send(one, StateStage.event(uid, minutes: 10, detail: more))
                }
            }
            stage.relay.checkInvariants()
            staying.formIntersection(uids(stage.pages().flatMap(\.records)))
            if page.isLast { break }
            page = stage.page(page.cursor)
            round += 1
        }
        #expect(round >= 2 && staying.count > 10)
        for uid in staying { #expect(found.count { $0 == uid } == 1, "\(uid)") }
        #expect(Set(found).count == found.count)
    }

    private func uids(_ records: [(record: KeptRecord, bytes: [UInt8])]) -> [String] {
        records.map { row in
            let text = String(decoding: row.bytes, as: UTF8.self)
            return String(text.split(separator: "\"")[3])
        }
    }

    // MARK: News

    @Test func onlyWhatChangesTheStateIsNews() {
        let stage = StateStage()
        var last = stage.relay.stateChanges
        func hasNews(_ body: () -> Void) -> Bool {
            body()
            defer { last = stage.relay.stateChanges }
            return stage.relay.stateChanges > last
        }
        var one = -1
        #expect(!hasNews { one = stage.join(1) })
        #expect(hasNews { stage.send(one, StateStage.position("B")) })
        #expect(hasNews { stage.send(one, StateStage.position("B")) })
        #expect(hasNews { stage.send(one, StateStage.event("M")) })
        #expect(!hasNews { stage.send(one, StateStage.event("chat", type: "b-t-f")) })
        #expect(!hasNews { stage.send(one, StateStage.delete("nothing")) })
        #expect(hasNews { stage.send(one, StateStage.delete("M")) })
        #expect(hasNews { stage.send(one, StateStage.alert("A")) })
        #expect(hasNews { stage.send(one, StateStage.alert("A", cancels: true)) })
        #expect(hasNews { stage.send(one, StateStage.event("M")) })
        // Its minute is over, and it is taken away.
        #expect(!hasNews { stage.pass(seconds: 70) })
        #expect(!hasNews { _ = stage.pages() })
        #expect(hasNews { stage.leave(one) })
        #expect(stage.page().changes == last)
    }
}
