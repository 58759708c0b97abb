// When recorded events are due, worked out by hand, and which connection speaks for whom.

import Testing

@testable import TinyCoT

@Suite struct ReplayPaceTests {
    private func due(
        _ text: String, speed: Int64 = 1_000, gap: Int64? = nil
    ) -> [Int64] {
        var pace = ReplayPace(speedThousandths: speed, gapMilliseconds: gap)
        var all: [Int64] = []
        withEvents(text) { event, _ in all.append(pace.microseconds(for: event)) }
        return all
    }

    private func dump(_ clocks: [Int], boot: String = "b") -> String {
        "<!-- tinycot dump 1 boot=\"\(boot)\" -->\n"
            + clocks.map { commentText(clock: "\($0)") + eventText() }.joined()
    }

    @Test func theClockOfTheRecorderDecides() {
        let text = dump([5_000, 5_250, 5_250, 8_000])
        #expect(due(text) == [0, 250_000, 250_000, 3_000_000])
        #expect(due(text, speed: 10_000) == [0, 25_000, 25_000, 300_000])
        #expect(due(text, speed: 500) == [0, 500_000, 500_000, 6_000_000])
        #expect(due(text, speed: 0) == [0, 0, 0, 0])
        #expect(due(text, speed: 1) == [0, 250_000_000, 250_000_000, 3_000_000_000])
    }

    @Test func aLongSilenceIsCut() {
        #expect(due(dump([0, 100, 90_100]), gap: 1_000) == [0, 100_000, 1_100_000])
        #expect(due(dump([0, 100, 90_100]), gap: 0) == [0, 0, 0])
    }

    @Test func aClockThatGoesBackWaitsForItself() {
        #expect(due(dump([1_000, 2_000, 500, 1_900, 2_500]))
            == [0, 1_000_000, 1_000_000, 1_000_000, 1_500_000])
    }

    @Test func anotherBootGoesOnWithoutAGap() {
        let text = dump([9_000, 9_500]) + dump([20, 120], boot: "c")
        #expect(due(text) == [0, 500_000, 500_000, 600_000])
    }

    @Test func withoutACommentTheEventSaysTheTime() {
        func event(_ time: String) -> String {
            eventText(root: "uid=\"u\" type=\"a-f-G\" how=\"h-e\" time=\"\(time)\"")
        }
        let text = event("2026-01-15T12:00:00Z") + event("2026-01-15T12:00:02.5Z")
            + event("yesterday") + event("2026-01-15T11:00:00Z") + event("2026-01-15T12:00:03Z")
        #expect(due(text) == [0, 2_500_000, 2_500_000, 2_500_000, 3_000_000])
    }

    @Test func nothingOverflows() {
        let most = 999_999_999_999_999_999
        let limit: Int64 = 3_155_760_000_000_000
        #expect(due(dump([0, most]), speed: 1) == [0, limit])
        #expect(due(dump([0, most]), speed: 1_000_000).last! <= limit)
    }

    @Test(arguments: [
        ("1", 1_000), ("0", 0), ("0.5", 500), ("10", 10_000), ("1000", 1_000_000), ("1.25", 1_250),
        ("0.001", 1), ("007", 7_000), ("1000.0", 1_000_000), ("1000.001", nil), ("1001", nil),
        ("", nil), (".5", nil), ("5.", nil), ("1.2.3", nil), ("0.0001", nil), ("-1", nil),
        ("1e3", nil), ("99999999999999999999", nil), (" 1", nil), ("1x", nil), (".", nil),
    ] as [(String, Int64?)]) func aNumberOfTheCommandLine(_ text: String, _ value: Int64?) {
        #expect(withSlab(text) { ReplayPace.thousandths($0, maximum: 1_000) } == value)
    }

    @Test func everySenderHasItsConnectionUntilThereIsNoneLeft() {
        var senders = ReplaySenders(key: 3)
        var found: [Int] = []
        let names = (0..<70).map { "S\($0)" } + ["S0", "S62", "S63", "S69"]
        withEvents(names.map { commentText(sender: $0) + eventText() }.joined()) { event, _ in
            found.append(senders.connection(for: event))
        }
        #expect(Array(found[..<64]) == Array(0..<64))
        #expect(Array(found[64...]) == [63, 63, 63, 63, 63, 63, 0, 62, 63, 63])
        #expect(senders.count == 64)
        #expect(senders.sharedEvents == 7)
    }

    @Test func theNamelessAreKnownByTheirAddress() {
        var senders = ReplaySenders(key: 3)
        let comment = commentText(sender: "")
        let other = comment.replacing("10.0.0.7", with: "10.0.0.8")
        let named = commentText(sender: "10.0.0.7")
        var found: [Int] = []
        withEvents(
            [comment, other, comment, named, "", ""].map { $0 + eventText() }.joined()
        ) { event, _ in found.append(senders.connection(for: event)) }
        #expect(found == [0, 1, 0, 2, 3, 3])
    }
}
