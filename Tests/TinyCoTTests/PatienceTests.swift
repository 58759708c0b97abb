// What waits for company, how long, and what never does.

import Testing

@testable import TinyCoT

@Suite struct PatienceTests {
    private typealias S = StateStage

    /// Two clients that have read all there is, a while ago.
    private func quiet(milliseconds: Int = 20) -> (stage: StateStage, sender: Int, receiver: Int) {
        let stage = S()
        stage.reload { $0.coalesceMilliseconds = milliseconds }
        let sender = stage.join(1, as: "A")
        let receiver = stage.join(2, as: "B")
        // What waits of the two goes out, and is forgotten a while later.
        stage.pass(milliseconds: Int64(milliseconds))
        stage.pass(milliseconds: 1_000)
        _ = stage.take(sender)
        _ = stage.take(receiver)
        return (stage, sender, receiver)
    }

    /// The stage after a lone event, which the next ones wait for.
    private func busy(milliseconds: Int = 20) -> (stage: StateStage, sender: Int, receiver: Int) {
        let (stage, sender, receiver) = quiet(milliseconds: milliseconds)
        stage.send(sender, S.position("first"))
        #expect(stage.take(receiver) == S.position("first"))
        return (stage, sender, receiver)
    }

    @Test func aLoneEventGoesAtOnce() {
        let (stage, sender, receiver) = quiet()
        for name in ["one", "two", "three"] {
            stage.send(sender, S.position(name))
            #expect(stage.take(receiver) == S.position(name))
            stage.pass(milliseconds: 40)
        }
    }

    @Test func whatFollowsSoonWaitsAndGoesTogether() {
        let (stage, sender, receiver) = busy()
        stage.pass(milliseconds: 39)
        stage.send(sender, S.position("second"))
        #expect(stage.take(receiver).isEmpty)
        #expect(stage.relay.nextDeadline() == stage.now.after(milliseconds: 20))
        stage.pass(milliseconds: 19)
        stage.send(sender, S.event("marker"))
        #expect(stage.take(receiver).isEmpty)
        stage.pass(milliseconds: 1)
        #expect(stage.take(receiver) == S.position("second") + S.event("marker"))
        #expect(stage.relay.patientAt == .never)
    }

    @Test func whatIsImportantGoesAtOnceAndTakesAlongWhatWaits() {
        for important in [S.alert("sos"), S.delete("marker")] {
            let (stage, sender, receiver) = busy()
            stage.send(sender, S.position("second"))
            #expect(stage.take(receiver).isEmpty)
            stage.send(sender, important)
            #expect(stage.take(receiver) == S.position("second") + important)
        }
    }

    @Test func aPingIsAnsweredAtOnce() {
        let (stage, sender, receiver) = busy()
        stage.send(sender, S.position("second"))
        stage.send(receiver, S.event("ping", type: "t-x-c-t"))
        #expect(stage.take(receiver).contains("t-x-c-t-r"))
    }

    @Test func enoughForAWriteDoesNotWait() {
        let (stage, sender, receiver) = busy()
        for i in 0..<15 { stage.send(sender, S.position("p\(i)")) }
        #expect(stage.take(receiver).isEmpty)
        stage.send(sender, S.position("p15"))
        #expect(stage.take(receiver).contains("\"p15\""))
    }

    @Test func manyBytesDoNotWait() {
        let (stage, sender, receiver) = busy()
        let large = S.event(
            "large", detail: "<remarks>\(String(repeating: "x", count: 16_384))</remarks>")
        stage.send(sender, large)
        #expect(stage.take(receiver) == large)
    }

    @Test func withoutPatienceNothingWaits() {
        let (stage, sender, receiver) = busy(milliseconds: 0)
        stage.send(sender, S.position("second"))
        #expect(stage.take(receiver) == S.position("second"))
    }

    @Test func nothingWaitsWhenTheServerStops() {
        let (stage, sender, receiver) = busy(milliseconds: 500)
        stage.send(sender, S.position("second"))
        stage.relay.beginShutdown()
        #expect(stage.take(receiver) == S.position("second"))
    }

    /// The picture is for the newcomer alone; what others wait for stays where it is.
    @Test func aNewcomerGetsThePictureAtOnce() {
        let (stage, sender, receiver) = busy()
        stage.send(sender, S.position("second"))
        let newcomer = stage.join(3)
        #expect(stage.take(newcomer).contains("\"second\""))
        #expect(stage.take(receiver).isEmpty)
    }
}
