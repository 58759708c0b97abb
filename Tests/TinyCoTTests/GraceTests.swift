// The time of grace after a restart: who comes back has never been away; for whoever does not, the
// notice goes to those who may see its team, and its position is forgotten. No ghost stays.

import Testing

@testable import TinyCoT

@Suite struct GraceTests {
    private typealias S = StateStage

    /// A walled stage on which X of blue (and others) stood when the old relay was killed.
    private func reborn(_ names: [String] = ["X"], seconds: Int = 20) -> StateStage {
        let stage = S.walled()
        for name in names { stage.join(5, team: S.blue, as: name) }
        let pages = stage.pages()
        let other = S.walled(seed: 2, startsAt: 1)
        other.reload { $0.returnSeconds = seconds }
        other.relay.awaitRestore(now: other.now)
        other.restore(pages)
        other.restoreEnd()
        return other
    }

    @Test func whoDoesNotComeBackIsSaidToHaveLeft() {
        let stage = reborn()
        let blue = stage.join(1, team: S.blue)
        let red = stage.join(2, team: S.red)
        let umpire = stage.join(3, team: S.umpire)
        #expect(stage.take(blue) == S.position("X"))
        #expect(stage.take(umpire) == S.position("X"))
        #expect(stage.contactNames(from: 1) == ["(X)"])
        #expect(stage.page().seen.map(\.isConnected) == [true])
        stage.pass(milliseconds: 19_999)
        #expect(!stage.take(blue).contains("t-x-d-d") && stage.relay.replayTable.count == 1)
        #expect(stage.relay.nextDeadline() == stage.now.after(milliseconds: 1))
        stage.pass(milliseconds: 1)
        #expect(stage.take(blue).contains(S.notice("X")))
        #expect(stage.take(umpire).contains(S.notice("X")))
        #expect(!stage.take(red).contains("t-x-d-d"))
        #expect(stage.relay.replayTable.count == 0)
        #expect(stage.relay.totals.notReturned == 1)
        #expect(stage.page().seen.map(\.isConnected) == [false])
        stage.pass(seconds: 60)
        #expect(!stage.take(blue).contains("t-x-d-d"))
    }

    /// It is its position again: it goes when it goes, even if it sent no other since.
    @Test func whoComesBackHasNeverBeenAway() {
        let stage = reborn()
        let blue = stage.join(1, team: S.blue)
        let back = stage.join(5, team: S.blue)
        stage.send(back, S.position("X", minutes: 0))
        #expect(!stage.take(back).contains("uid=\"X\""))
        stage.pass(seconds: 30)
        #expect(!stage.take(blue).contains("t-x-d-d"))
        #expect(stage.relay.totals.notReturned == 0)
        #expect(stage.relay.replayTable.count == 1)
        stage.leave(back)
        #expect(stage.take(blue).contains(S.notice("X")))
        #expect(stage.relay.replayTable.count == 0)
    }

    @Test func whoComesIntoAnotherTeamHasLeftTheOldOne() {
        let stage = reborn()
        let blue = stage.join(1, team: S.blue)
        let umpire = stage.join(3, team: S.umpire)
        _ = (stage.take(blue), stage.take(umpire))
        stage.join(5, team: S.red, as: "X")
        #expect(stage.take(blue).contains(S.notice("X")))
        // The umpire sees it in red.
        let seen = stage.take(umpire)
        #expect(seen.contains(S.position("X")) && !seen.contains("t-x-d-d"))
        #expect(stage.relay.totals.notReturned == 1)
        stage.pass(seconds: 30)
        #expect(!stage.take(blue).contains("t-x-d-d"))
        #expect(stage.relay.replayTable.count == 1)
    }

    /// One device with a connection in each of two teams: both may come back, one after the other.
    @Test func twinsAreAwaitedEachInItsTeam() {
        let old = S.walled()
        old.join(5, team: S.blue, as: "X")
        old.join(5, team: S.red, as: "X")
        let stage = S.walled(seed: 2)
        stage.restore(old.pages())
        stage.restoreEnd()
        let blue = stage.join(1, team: S.blue)
        stage.join(5, team: S.red, as: "X")
        #expect(!stage.take(blue).contains("t-x-d-d"))
        stage.join(5, team: S.blue, as: "X")
        stage.pass(seconds: 200)
        #expect(!stage.take(blue).contains("t-x-d-d"))
        #expect(stage.relay.totals.notReturned == 0)
    }

    @Test func itsOpenAlertsStay() {
        let old = S.walled()
        let one = old.join(5, team: S.blue, as: "X")
        old.send(one, S.alert("X-9-1-1"))
        let stage = S.walled(seed: 2)
        stage.restore(old.pages())
        stage.restoreEnd()
        stage.pass(seconds: 121)
        let shown = stage.take(stage.join(1, team: S.blue))
        #expect(shown.contains("X-9-1-1") && !shown.contains("uid=\"X\""))
    }

    /// A few notices a turn; the next turn comes at once, until all have gone.
    @Test func manyNoticesGoInSeveralTurns() {
        let names = (0..<50).map { "X\($0)" }
        let stage = reborn(names)
        let blue = stage.join(1, team: S.blue)
        _ = stage.take(blue)
        stage.pass(seconds: 20)
        var turns = 1
        while stage.relay.nextDeadline() <= stage.now && turns < 100 {
            stage.pass(milliseconds: 0)
            turns += 1
        }
        #expect(turns >= 7 && turns <= 10)
        let shown = stage.take(blue)
        for name in names { #expect(shown.contains(S.notice(name)), "\(name)") }
        #expect(stage.relay.totals.notReturned == 50 && stage.relay.replayTable.count == 0)
    }

    /// There is no name to tell, but its position is no ghost either.
    @Test func aUIDThatIsCutLeavesNoGhost() {
        let stage = reborn([String(repeating: "u", count: 90)])
        #expect(stage.relay.replayTable.count == 1)
        stage.pass(seconds: 20)
        #expect(stage.relay.replayTable.count == 0 && stage.relay.totals.notReturned == 0)
    }

    /// Killed again within the time of grace: they are awaited once more.
    @Test func theTimeOfGraceSurvivesARestart() {
        let stage = reborn()
        stage.pass(seconds: 10)
        let other = S.walled(seed: 3)
        other.restore(stage.pages())
        other.restoreEnd()
        let blue = other.join(1, team: S.blue)
        #expect(other.take(blue) == S.position("X"))
        other.pass(seconds: 120)
        #expect(other.take(blue).contains(S.notice("X")))
    }

    /// After an orderly end those who were here to the last are awaited, not gone.
    @Test func anOrderlyEndIsNoLeaving() {
        let old = S.walled()
        old.join(5, team: S.blue, as: "X")
        let early = old.join(5, team: S.blue, as: "EARLY")
        old.leave(early)
        old.relay.beginShutdown()
        old.relay.endAll()
        while let gone = old.relay.nextToClose() { old.relay.released(client: gone) }
        let page = old.page()
        #expect(page.seen.map { plain($0.uid) } == ["X", "EARLY"])
        #expect(page.seen.map(\.isConnected) == [true, false])
        #expect(page.seen.map { plain($0.lastType) } == ["a-f-G-U-C", "a-f-G-U-C"])
        #expect(page.records.count == 1)
        let stage = S.walled(seed: 2)
        stage.restore([page])
        stage.restoreEnd()
        let blue = stage.join(1, team: S.blue)
        _ = stage.take(blue)
        stage.pass(seconds: 120)
        let shown = stage.take(blue)
        #expect(shown.contains(S.notice("X")) && !shown.contains(S.notice("EARLY")))
    }

    @Test func aReloadTakesTheAwaitedOfATeamThatIsNoMore() {
        let stage = reborn()
        let blue = stage.join(1, team: S.blue)
        _ = stage.take(blue)
        stage.reload { $0.teams[0].name.set("green") }
        stage.pass(seconds: 30)
        #expect(!stage.take(blue).contains("t-x-d-d"))
        #expect(stage.page().seen.isEmpty)
    }
}
