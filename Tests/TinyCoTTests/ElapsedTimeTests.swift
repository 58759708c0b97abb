// How much time has passed: the rule of ADR 0009, case by case.
import Testing

@testable import TinyCoT

@Suite struct ElapsedTimeTests {
    private static let year: Int64 = 365 * 86_400_000
    private static let wall: Int64 = 1_795_622_700_000

    private func then(
        boot: StaticString = "one", _ uptime: Int64, wall: Int64 = wall, synchronised: Bool
    ) -> StateHeader {
        var header = StateHeader()
        header.bootId.set(boot)
        header.bootMilliseconds = uptime
        header.wallMilliseconds = wall
        header.isWallSynchronised = synchronised
        return header
    }

    private func now(
        boot: StaticString = "two", _ uptime: Int64, wall: Int64 = wall, synchronised: Bool
    ) -> ClockReading {
        var reading = ClockReading()
        reading.bootId.set(boot)
        reading.bootMilliseconds = uptime
        reading.wallMilliseconds = wall
        reading.isWallSynchronised = synchronised
        return reading
    }

    private func expect(
        _ milliseconds: Int64, _ evidence: ElapsedTime.Evidence, _ then: StateHeader,
        _ now: ClockReading, line: Int = #line
    ) {
        let found = ElapsedTime.since(then, now: now)
        #expect(found == ElapsedTime(milliseconds: milliseconds, evidence: evidence), "\(line)")
    }

    @Test func withinOneBootItsClockIsExact() {
        for jump in [-20 * ElapsedTimeTests.year, 0, 20 * ElapsedTimeTests.year] {
            for synchronised in [false, true] {
                expect(
                    4000, .sameBoot, then(5000, synchronised: synchronised),
                    now(
                        boot: "one", 9000, wall: ElapsedTimeTests.wall + jump,
                        synchronised: synchronised))
            }
        }
    }

    @Test func aBootClockThatWentBackTellsNothing() {
        expect(
            0, .sameBoot, then(9000, synchronised: true),
            now(boot: "one", 5000, synchronised: true))
    }

    @Test func withoutABootIdBootsAreNeverTheSame() {
        expect(
            9000, .uptime, then(boot: "", 5000, synchronised: false),
            now(boot: "", 9000, synchronised: false))
    }

    @Test func afterARebootTheWallClockCountsIfItWasRightAndIs() {
        let wall = ElapsedTimeTests.wall
        expect(
            3_600_000, .wallClocks, then(5000, synchronised: true),
            now(20_000, wall: wall + 3_600_000, synchronised: true))
        for (before, after) in [(false, false), (true, false), (false, true)] {
            expect(
                20_000, .uptime, then(5000, synchronised: before),
                now(20_000, wall: wall + 3_600_000, synchronised: after))
        }
    }

    /// It cannot be less than this boot has lasted.
    @Test func atLeastTheUptime() {
        let wall = ElapsedTimeTests.wall
        expect(
            20_000, .wallClocks, then(5000, synchronised: true),
            now(20_000, wall: wall + 20_000, synchronised: true))
        expect(
            20_000, .uptime, then(5000, synchronised: true),
            now(20_000, wall: wall + 19_999, synchronised: true))
        expect(
            20_000, .uptime, then(5000, synchronised: true),
            now(20_000, wall: wall - 20 * ElapsedTimeTests.year, synchronised: true))
    }

    @Test func aWallClockThatJumps() {
        let wall = ElapsedTimeTests.wall
        let most = ElapsedTime.mostMilliseconds
        #expect(most > 10 * ElapsedTimeTests.year && most < 11 * ElapsedTimeTests.year)
        expect(
            most, .wallClocks, then(5000, synchronised: true),
            now(20_000, wall: wall + 20 * ElapsedTimeTests.year, synchronised: true))
        expect(
            20_000, .uptime, then(5000, synchronised: false),
            now(20_000, wall: wall + 20 * ElapsedTimeTests.year, synchronised: false))
        expect(
            20_000, .uptime, then(5000, wall: 0, synchronised: false),
            now(20_000, wall: 15_000, synchronised: false))
        // It was 1970 then and is right now, or the other way round.
        expect(
            20_000, .uptime, then(5000, wall: 5000, synchronised: false),
            now(20_000, wall: wall, synchronised: true))
        expect(
            20_000, .uptime, then(5000, wall: wall, synchronised: true),
            now(20_000, wall: 15_000, synchronised: false))
    }

    @Test func absurdNumbersAreBounded() {
        let most = ElapsedTime.mostMilliseconds
        expect(
            most, .wallClocks, then(0, wall: .min, synchronised: true),
            now(0, wall: .max, synchronised: true))
        expect(
            0, .uptime, then(0, wall: .max, synchronised: true),
            now(0, wall: .min, synchronised: true))
        expect(0, .uptime, then(0, synchronised: false), now(.min, synchronised: false))
        expect(most, .uptime, then(0, synchronised: false), now(.max, synchronised: false))
        expect(
            most, .sameBoot, then(.min, synchronised: false),
            now(boot: "one", .max, synchronised: false))
        expect(
            0, .sameBoot, then(.max, synchronised: false),
            now(boot: "one", .min, synchronised: false))
    }

    @Test func words() {
        let sentences: [(Int64, ElapsedTime.Evidence, String)] = [
            (999, .sameBoot, "0 s ago by the clock of this boot"),
            (61_000, .sameBoot, "1 min 1 s ago by the clock of this boot"),
            (
                2 * 86_400_000 + 5 * 3_600_000, .wallClocks,
                "2 d 5 h ago by the wall clock, which was synchronised then and is now"
            ),
            (
                3_600_000 + 120_000, .uptime,
                "1 h 2 min ago at least, which is the time since this boot: "
                    + "no other clock is to be trusted"
            ),
        ]
        for (milliseconds, evidence, sentence) in sentences {
            let elapsed = ElapsedTime(milliseconds: milliseconds, evidence: evidence)
            #expect(stateSentence { elapsed.write(into: &$0) } == sentence)
        }
    }
}
