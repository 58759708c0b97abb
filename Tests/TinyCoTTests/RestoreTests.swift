// The picture over a restart: the same bytes for a late joiner, no wall crossed, no life prolonged,
// nothing brought back that was deleted, and a notice for whoever does not come back.

import Testing

@testable import TinyCoT

@Suite struct RestoreTests {
    private typealias S = StateStage

    private func events(_ text: String) -> [String] {
        text.split(separator: "</event>").map { $0 + "</event>" }.map(String.init)
    }

    // MARK: Round trip

    /// Each file of the corpus from a client of its own; a late joiner of another relay, with
    /// another seed and another clock, is shown byte for byte what a late joiner of this one is
    /// shown.
    @Test func everyKeptEventOfTheCorpusComesBack() {
        let stage = S(startsAt: 5_000)
        for (i, name) in EventCorpus.names().enumerated() {
            stage.send(stage.join(UInt32(i + 1)), EventCorpus.file(name))
            stage.relay.checkInvariants()
        }
        let before = events(stage.take(stage.join(250)))
        #expect(before.count > 20)
        let pages = stage.pages()
        #expect(pages.flatMap(\.records).count == before.count)
        let other = S(seed: 99, startsAt: 3)
        other.relay.awaitRestore(now: other.now)
        #expect(other.restore(pages) == before.count)
        other.restoreEnd()
        #expect(other.relay.totals.restored == UInt64(before.count))
        other.relay.checkInvariants()
        #expect(events(other.take(other.join(250))).sorted() == before.sorted())
        // And out again: a restored entry is an entry like any other.
        let again = other.pages()
        #expect(again.flatMap(\.records).map(\.bytes) == pages.flatMap(\.records).map(\.bytes))
        func names(_ pages: [StatePage]) -> [String] {
            pages.flatMap(\.seen).map { "\(plain($0.uid)) \($0.isConnected)" }
        }
        #expect(names(again) == names(pages))
    }

    /// A stage that took up what this one holds, `elapsed` milliseconds later.
    private func reborn(
        _ stage: StateStage, teams: [StaticString] = ["open"], elapsed: Int64 = 0
    ) -> StateStage {
        let other = S(teams: teams, seed: 7, startsAt: 1)
        other.relay.awaitRestore(now: other.now)
        other.restore(stage.pages(), elapsed: elapsed)
        other.restoreEnd()
        other.relay.checkInvariants()
        return other
    }

    // MARK: Lives

    @Test func aLifeIsNotProlonged() {
        let stage = S()
        stage.send(stage.join(1), S.event("M", minutes: 10))
        stage.pass(seconds: 200)
        let other = reborn(stage, elapsed: 100_000)
        let record = other.page().records[0].record
        #expect(record.ageMilliseconds == 300_000 && record.leftMilliseconds == 300_000)
        other.pass(milliseconds: 299_999)
        #expect(other.take(other.join(2)) == S.event("M", minutes: 10))
        other.pass(milliseconds: 1)
        #expect(other.take(other.join(3)) == "")
        #expect(reborn(stage, elapsed: 400_000).page().records.isEmpty)
    }

    @Test func noLifeIsLongerThanTheConfigurationAllows() {
        let stage = S()
        let one = stage.join(1)
        stage.send(one, S.event("M", minutes: 600))
        stage.send(one, S.alert("A"))
        stage.pass(seconds: 60)
        let other = S(seed: 2)
        other.reload {
            $0.replayMaxSeconds = 100
            $0.emergencyMaxSeconds = 90
        }
        other.restore(stage.pages())
        #expect(other.page().records.map(\.record.leftMilliseconds) == [40_000, 30_000])
    }

    @Test func theOldestGivesWayAlsoAfterARestart() {
        let stage = S { $0.replayEvents = 4 }
        let one = stage.join(1)
        for uid in ["A", "B", "C"] {
            stage.send(one, S.event(uid))
            stage.pass(seconds: 1)
        }
        // A is renewed: in the first slot lies the youngest.
        stage.send(one, S.event("A"))
        let other = S(seed: 2) { $0.replayEvents = 3 }
        other.restore(stage.pages(), elapsed: 1_000)
        let two = other.join(1)
        other.send(two, S.event("D"))
        let left = events(other.take(other.join(2)))
        #expect(left.sorted() == [S.event("A"), S.event("C"), S.event("D")])
    }

    // MARK: Alerts

    /// Its times move on with its whole age, before and after the restart.
    @Test func anAlertGoesOn() {
        let stage = S(startsAt: 100_000)
        stage.send(stage.join(1), S.alert("A"))
        stage.pass(seconds: 100)
        // The board has been up for a second: the alert is older than its clock.
        let other = reborn(stage, elapsed: 50_000)
        let two = other.join(2)
        #expect(other.take(two).contains("time=\"2026-01-15T12:02:30.000Z\""))
        other.pass(seconds: 10)
        #expect(other.take(two).contains("time=\"2026-01-15T12:02:40.000Z\""))
        // 3600 seconds since it arrived, and it is over.
        other.pass(seconds: 3_439)
        #expect(other.relay.replayTable.count == 1)
        other.pass(seconds: 2)
        #expect(other.relay.replayTable.count == 0)
    }

    @Test func aRestoredAlertCanBeCancelled() {
        let stage = S()
        stage.send(stage.join(1), S.alert("A"))
        let other = reborn(stage)
        other.send(other.join(1), S.alert("A", cancels: true))
        #expect(other.relay.replayTable.count == 0)
    }

    /// Who sent them is not known any more: none is taken for one of many of the same sender.
    @Test func restoredAlertsDoNotGiveWay() {
        let stage = S()
        for i in 0..<3 { stage.send(stage.join(UInt32(i + 1)), S.alert("A\(i)")) }
        let other = S(seed: 2) { $0.emergencies = 3 }
        #expect(other.restore(stage.pages()) == 3)
        other.send(other.join(9), S.alert("NEW"))
        #expect(other.relay.totals.notKept == 1)
        #expect(other.relay.replayTable.count == 3)
    }

    // MARK: What is newer

    @Test func aLiveEventBeatsARestoredOne() {
        let stage = S()
        stage.send(stage.join(1), S.event("M", detail: "old"))
        let other = S(seed: 2)
        other.relay.awaitRestore(now: other.now)
        other.send(other.join(1), S.event("M", detail: "new"))
        #expect(other.restore(stage.pages()) == 0)
        other.restoreEnd()
        #expect(other.take(other.join(2)) == S.event("M", detail: "new"))
    }

    @Test func whatWasDeletedDoesNotComeBack() {
        let stage = S()
        let one = stage.join(1)
        stage.send(one, S.event("M"))
        stage.send(one, S.alert("A"))
        let other = S(seed: 2)
        other.relay.awaitRestore(now: other.now)
        let two = other.join(1)
        other.send(two, S.delete("M"))
        other.send(two, S.alert("A", cancels: true))
        #expect(other.restore(stage.pages()) == 0)
        #expect(other.relay.replayTable.count == 0)
    }

    /// It was here since the start and has gone again: it is not awaited, and leaves no ghost.
    @Test func whoHasLeftAgainLeavesNoGhost() {
        let stage = S()
        stage.join(1, as: "X")
        let other = S(seed: 2)
        other.relay.awaitRestore(now: other.now)
        let one = other.join(3, as: "X")
        other.leave(one)
        other.restore(stage.pages())
        other.restoreEnd()
        #expect(other.relay.replayTable.count == 0)
        #expect(other.page().seen.map(\.isConnected) == [false])
    }

    /// Gone and come again while the snapshot was taken, it is in it twice: the younger one counts.
    @Test(arguments: [false, true]) func theYoungerOfTwoCounts(youngerFirst: Bool) {
        let stage = S()
        let one = stage.join(1)
        stage.send(one, S.event("M", detail: "old"))
        let old = stage.pages()
        stage.pass(seconds: 1)
        stage.send(one, S.event("M", detail: "young"))
        let young = stage.pages()
        let other = S(seed: 2)
        other.relay.awaitRestore(now: other.now)
        // Both told at the same moment: the older page is a second older.
        if youngerFirst { other.restore(young) }
        other.restore(old, elapsed: 1_000)
        if !youngerFirst { other.restore(young) }
        other.restoreEnd()
        #expect(other.take(other.join(2)) == S.event("M", detail: "young"))
    }

    // MARK: Walls

    @Test func teamsAreFoundByName() {
        let stage = S.walled()
        stage.send(stage.join(1, team: S.blue), S.event("IN-BLUE"))
        stage.send(stage.join(2, team: S.red), S.event("IN-RED"))
        stage.send(stage.join(3, team: S.umpire), S.event("IN-UMPIRE"))
        // Another order, and blue is no more.
        let other = reborn(stage, teams: ["red", "green", "umpire"])
        #expect(other.relay.replayTable.count == 2)
        #expect(other.take(other.join(1, team: 0)) == S.event("IN-RED"))
        #expect(other.take(other.join(2, team: 1)) == "")
        #expect(other.take(other.join(3, team: 2)).contains("IN-UMPIRE"))
    }

    @Test func whatWasBehindWallsDoesNotComeOutWithoutThem() {
        let stage = S.walled()
        stage.join(1, team: S.red, as: "R")
        stage.send(stage.join(1, team: S.red), S.event("IN-RED"))
        let open = reborn(stage)
        #expect(open.relay.replayTable.count == 0 && open.page().seen.isEmpty)
        // Nor the other way round, except where the open team's name is that of a team.
        let free = S()
        free.send(free.join(1), S.event("OPEN"))
        #expect(reborn(free, teams: ["blue", "red"]).relay.replayTable.count == 0)
        #expect(reborn(free, teams: ["blue", "open"]).relay.replayTable.count == 1)
    }

    // MARK: Bad records

    @Test func whatIsBadIsPassedOver() {
        let stage = S()
        stage.send(stage.join(1), S.event("M", minutes: 5))
        let good = stage.page()
        func taken(_ change: (inout KeptRecord, inout [UInt8]) -> Void) -> Int {
            var page = good
            var row = page.records[0]
            change(&row.record, &row.bytes)
            page.records[0] = row
            let other = S(seed: 2)
            let count = other.restore(page)
            other.relay.checkInvariants()
            #expect(other.relay.replayTable.count == count)
            #expect((0..<24).allSatisfy { other.relay.totals.refused[$0] == 0 })
            return count
        }
        #expect(taken { _, _ in } == 1)
        #expect(taken { _, bytes in bytes[0] = 0x20 } == 0)
        #expect(taken { _, bytes in bytes.removeLast() } == 0)
        #expect(taken { record, _ in record.count = 0 } == 0)
        #expect(taken { record, _ in record.count = -1 } == 0)
        #expect(taken { record, _ in record.count = .max } == 0)
        #expect(taken { record, _ in record.leftMilliseconds = 0 } == 0)
        #expect(taken { record, _ in record.leftMilliseconds = .min } == 0)
        #expect(taken { record, _ in record.ageMilliseconds = .max } == 0)
        #expect(taken { record, _ in record.ageMilliseconds = .min } == 1)
        #expect(taken { record, _ in record.leftMilliseconds = .max } == 1)
        #expect(taken { record, _ in record.kind = .emergency } == 0)
        #expect(taken { record, _ in record.team.set("other") } == 0)
        let hidden = Array(S.event("M").replacing("</detail>", with: "<marti/></detail>").utf8)
        #expect(taken { record, bytes in (bytes, record.count) = (hidden, hidden.count) } == 0)
        let chat = Array(S.event("M", type: "b-t-f").utf8)
        #expect(taken { record, bytes in (bytes, record.count) = (chat, chat.count) } == 0)
    }

    @Test func offsetsOutsideThePageAreRefused() {
        let stage = S(seed: 2)
        for offset in [-1, Int.min, stage.slot.bytes.count, Int.max] {
            var question = Question()
            question.kind = .restore
            question.recordCount = 1
            var record = KeptRecord()
            record.team.set("open")
            record.leftMilliseconds = 1_000
            record.count = 100
            record.offset = offset
            stage.slot.records[0] = record
            stage.relay.answer(&question, stage.slot)
            #expect(question.restoredCount == 0)
        }
    }

    // MARK: The hold

    @Test func newcomersWaitForThePicture() {
        let stage = S()
        stage.send(stage.join(1), S.event("M"))
        let pages = stage.pages()
        let other = S(seed: 2)
        other.relay.awaitRestore(now: other.now)
        let two = other.join(2)
        let three = other.join(3)
        // What happens live does not wait.
        other.send(two, S.event("LIVE"))
        #expect(other.take(three) == S.event("LIVE"))
        other.pass(seconds: 4)
        #expect(other.take(three) == "")
        other.restore(pages)
        #expect(other.take(three) == "")
        other.restoreEnd()
        // Once, and not what came live.
        #expect(other.take(three) == S.event("M"))
        #expect(other.take(two) == S.event("M"))
        other.pass(seconds: 5)
        #expect(other.take(three) == "")
    }

    @Test func nobodyWaitsLongerThanFiveSeconds() {
        let other = S(seed: 2)
        other.relay.awaitRestore(now: other.now)
        let one = other.join(1)
        other.send(one, S.event("LIVE"))
        let two = other.join(2)
        #expect(other.take(two) == "")
        #expect(other.relay.nextDeadline() <= other.now.after(seconds: 5))
        other.pass(milliseconds: 4_999)
        #expect(other.take(two) == "")
        other.pass(milliseconds: 1)
        #expect(other.take(two) == S.event("LIVE"))
    }

    /// What comes late is shown to all who are here, like a live event: once.
    @Test func whatComesLateIsShownAtOnce() {
        let stage = S.walled()
        stage.join(5, team: S.blue, as: "X")
        let old = stage.join(1, team: S.blue)
        stage.send(old, S.event("M"))
        stage.send(old, S.alert("A"))
        let other = S.walled(seed: 2)
        other.relay.awaitRestore(now: other.now)
        other.pass(seconds: 6)
        let own = other.join(5, team: S.blue)
        let red = other.join(2, team: S.red)
        let blue = other.join(3, team: S.blue)
        #expect(other.restore(stage.pages()) == 3)
        other.pass(milliseconds: 1)
        let shown = other.take(blue)
        #expect(events(shown).count == 3)
        #expect(shown.contains(S.event("M")) && shown.contains(S.position("X")))
        #expect(other.take(red) == "")
        // It may be X itself, come back and not yet named.
        #expect(!other.take(own).contains("uid=\"X\""))
        #expect(events(other.take(other.join(4, team: S.blue))).count == 3)
        other.restoreEnd()
        #expect(other.restore(stage.pages()) == 0)
        #expect(other.take(blue) == "")
    }

    @Test func withoutARestorationNobodyWaits() {
        let stage = S()
        stage.send(stage.join(1), S.event("M"))
        #expect(stage.take(stage.join(2)) == S.event("M"))
    }
}
