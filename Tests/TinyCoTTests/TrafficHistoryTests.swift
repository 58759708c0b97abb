// The traffic of the last minutes, with a clock that the test moves by hand.

import Testing

@testable import TinyCoT

@Suite struct TrafficHistoryTests {
    private func moment(_ milliseconds: UInt64) -> Instant {
        Instant(nanoseconds: milliseconds * 1_000_000)
    }

    private func received(_ history: TrafficHistory) -> [UInt32] {
        (1..<TrafficHistory.stepCount).map { history.received(ago: $0) }
    }

    @Test func whatWasCountedBelongsToTheStepOfTheLookBefore() {
        var history = TrafficHistory()
        history.note(received: 0, sent: 0, at: moment(10_000))
        history.note(received: 3, sent: 30, at: moment(11_999))
        history.note(received: 5, sent: 50, at: moment(12_000))
        #expect(history.received(ago: 1) == 5 && history.sent(ago: 1) == 50)
        history.note(received: 6, sent: 51, at: moment(14_500))
        #expect(history.received(ago: 1) == 1 && history.received(ago: 2) == 5)
        #expect(history.sent(ago: 1) == 1 && history.sent(ago: 2) == 50)
        #expect(received(history).dropFirst(2).allSatisfy { $0 == 0 })
    }

    @Test func stepsThatWereSleptThroughAreEmpty() {
        var history = TrafficHistory()
        history.note(received: 0, sent: 0, at: moment(4_000))
        history.note(received: 7, sent: 0, at: moment(10_000))
        #expect(received(history).prefix(4) == [0, 0, 7, 0])
    }

    /// Without a gap, with gaps, and with one longer than what is kept.
    @Test func itKeepsTheLastOnesOnly() {
        var history = TrafficHistory()
        var model: [UInt64: UInt32] = [:]
        var random = SeededGenerator(seed: 7)
        var total: UInt64 = 0
        var now: UInt64 = 1
        history.note(received: 0, sent: 0, at: moment(now))
        for round in 0..<3_000 {
            let more = UInt64.random(in: 0...9, using: &random)
            total += more
            model[now / 2_000, default: 0] += UInt32(more)
            now += UInt64.random(in: 0...(round % 500 == 499 ? 900_000 : 5_000), using: &random)
            history.note(received: total, sent: 0, at: moment(now))
            let expected = (1..<150).map { ago in
                now / 2_000 >= UInt64(ago) ? model[now / 2_000 - UInt64(ago)] ?? 0 : 0
            }
            #expect(received(history) == expected)
        }
    }

    @Test func aStepHoldsNoMoreThanItsNumberCan() {
        var history = TrafficHistory()
        history.note(received: .max - 5, sent: 1 << 33, at: moment(1_000))
        history.note(received: .max, sent: 1 << 34, at: moment(3_000))
        #expect(history.received(ago: 1) == .max && history.sent(ago: 1) == .max)
    }

    @Test func theRelayKeepsIt() {
        let stage = FiguresStage()
        let sender = stage.join()
        let receiver = stage.join(2)
        stage.send(sender, reportedPosition("A"))
        stage.take(receiver)
        stage.pass(microseconds: 2_000_000)
        let figures = stage.figures
        #expect(figures.traffic.received(ago: 1) == 1)
        #expect(figures.traffic.sent(ago: 1) == 1)
    }
}
