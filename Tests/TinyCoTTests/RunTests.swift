// What one read brings goes into the rings as one run. Nobody may be able to tell.

import Testing

@testable import TinyCoT

@Suite struct RunTests {
    private typealias S = StateStage

    @Test func aReadGoesToEveryoneInOrder() {
        let stage = S()
        let sender = stage.join(1, as: "A")
        let others = [stage.join(2, as: "B"), stage.join(3, as: "C")]
        for other in others { _ = stage.take(other) }
        let text = (0..<100).map { S.event("m\($0)") }.joined()
        stage.send(sender, text)
        for other in others { #expect(stage.take(other) == text) }
        #expect(stage.take(sender).contains("\"m0\"") == false)
        stage.relay.checkInvariants()
        #expect(stage.relay.log.liveEvents == 0)
    }

    /// A directed event in the middle of a read does not overtake what was said before.
    @Test func aDirectedEventKeepsItsPlace() {
        let stage = S()
        let sender = stage.join(1, as: "A")
        let other = stage.join(2, as: "B")
        _ = stage.take(other)
        let directed = S.event("d", detail: "<marti><dest callsign=\"C-B\"/></marti>")
        stage.send(sender, S.event("m1") + directed + S.event("m2"))
        let got = stage.take(other)
        let places = ["\"m1\"", "\"d\"", "\"m2\""].map { got.split(separator: $0).first!.count }
        #expect(places == places.sorted() && Set(places).count == 3)
    }

    /// Who is named in the middle of a read was somebody else, in another team, before.
    @Test func whatWasSentUnderAnotherColourStaysInItsTeam() {
        let stage = S.walled()
        let sender = stage.join(1, team: S.blue)
        let blue = stage.join(2, team: S.blue)
        let red = stage.join(3, team: S.red)
        stage.send(sender, S.event("m1") + S.position("A") + S.event("m2"))
        #expect(stage.take(blue) == S.event("m1") + S.position("A") + S.event("m2"))
        #expect(stage.take(red).isEmpty)
    }

    /// Whoever the read itself throws off (a second connection of the device) has got what came
    /// before its end.
    @Test func whoIsReplacedInTheMiddleLeavesTheBooksBalanced() {
        let stage = S()
        let old = stage.join(1, as: "A")
        let new = stage.join(2)
        let other = stage.join(3, as: "C")
        _ = stage.take(other)
        stage.send(new, S.event("m1") + S.position("A") + S.event("m2"))
        #expect(stage.relay.client(at: old).phase == .closing)
        #expect(stage.take(other) == S.event("m1") + S.position("A") + S.event("m2"))
        stage.relay.checkInvariants()
    }

    /// A ring without room for the whole run takes what it can, and gives up what matters least.
    @Test func aFullRingGivesWayEventByEvent() {
        let stage = S { $0.clientQueueEvents = 16 }
        let sender = stage.join(1, as: "A")
        let other = stage.join(2, as: "B")
        _ = stage.take(other)
        // Three quarters are listed for a flush, so the stage hands in the rest event by event.
        stage.send(sender, (0..<40).map { S.event("m\($0)") }.joined())
        stage.relay.checkInvariants()
        #expect(stage.relay.queueDepth(client: other).events == 16)
        #expect(stage.relay.client(at: other).counters.drops[
            Int(QueueDrop.marker.rawValue)] == 24)
        let got = stage.take(other)
        #expect(got == (24..<40).map { S.event("m\($0)") }.joined())
    }
}
