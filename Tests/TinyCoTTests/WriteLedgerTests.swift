import Testing

@testable import TinyCoT

@Suite struct WriteLedgerTests {
    private let begin = Instant(nanoseconds: 5_000_000_000)
    private let day: Int64 = 24 * 60 * 60 * 1000

    @Test func eachPurposeStopsAtItsShareOfWhatAllHaveWritten() {
        var ledger = WriteLedger(bytesPerDay: 8_000, now: begin)
        #expect(ledger.remaining(for: .dump, now: begin) == 4_000)
        #expect(ledger.remaining(for: .packages, now: begin) == 7_000)
        #expect(ledger.remaining(for: .state, now: begin) == 8_000)
        ledger.note(3_500, for: .packages, now: begin)
        #expect(ledger.mayWrite(500, for: .dump, now: begin))
        #expect(!ledger.mayWrite(501, for: .dump, now: begin))
        ledger.note(3_500, for: .catalogue, now: begin)
        #expect(!ledger.mayWrite(1, for: .dump, now: begin))
        #expect(!ledger.mayWrite(1, for: .packages, now: begin))
        #expect(!ledger.mayWrite(1, for: .catalogue, now: begin))
        #expect(ledger.mayWrite(1_000, for: .state, now: begin))
        ledger.note(1_000, for: .state, now: begin)
        #expect(!ledger.mayWrite(1, for: .state, now: begin))
    }

    @Test func aNewDayBeginsAfterTwentyFourHoursOfTheMonotonicClock() {
        var ledger = WriteLedger(bytesPerDay: 8_000, now: begin)
        ledger.note(8_000, for: .state, now: begin.after(milliseconds: day - 1))
        #expect(!ledger.mayWrite(1, for: .state, now: begin.after(milliseconds: day - 1)))
        #expect(ledger.mayWrite(8_000, for: .state, now: begin.after(milliseconds: day)))
        let report = ledger.report(now: begin.after(milliseconds: day + 5))
        #expect(report.today[0] == 0 && report.total[0] == 8_000)
        #expect(report.dayAgeMilliseconds == 5)
    }

    @Test func aDayGoesOnOverARestart() {
        var first = WriteLedger(bytesPerDay: 8_000, now: begin)
        first.note(6_000, for: .packages, now: begin)
        let kept = first.report(now: begin.after(milliseconds: 1_000))
        #expect(kept.dayAgeMilliseconds == 1_000)

        // Another boot: the monotonic clock counts from elsewhere.
        let later = Instant(nanoseconds: 1_000_000)
        var second = WriteLedger(bytesPerDay: 8_000, now: later)
        second.note(500, for: .state, now: later)
        second.resume(kept, elapsedMilliseconds: 2_000, now: later)
        #expect(second.remaining(for: .packages, now: later) == 500)
        #expect(second.report(now: later).total[2] == 6_000)
        let end = later.after(milliseconds: day - 3_000)
        #expect(second.report(now: Instant(nanoseconds: end.nanoseconds - 1)).today[2] == 6_000)
        #expect(second.report(now: end).today[2] == 0)
    }

    @Test func whatIsOlderThanADayCountsOnlyInTheTotal() {
        var kept = WrittenBytes()
        kept.today[1] = 4_000
        kept.total[1] = 9_000
        kept.dayAgeMilliseconds = 10
        var ledger = WriteLedger(bytesPerDay: 8_000, now: begin)
        ledger.resume(kept, elapsedMilliseconds: day - 10, now: begin)
        let report = ledger.report(now: begin)
        #expect(report.today[1] == 0 && report.total[1] == 9_000)
        #expect(report.dayAgeMilliseconds == 0)
    }

    @Test func absurdFiguresOfAFileDoNotStopIt() {
        var kept = WrittenBytes()
        kept.today = .init(repeating: .max)
        kept.total = .init(repeating: .max)
        for (age, elapsed) in [(Int64.max, Int64.max), (.min, .min), (-1, 5), (5, -1)] {
            kept.dayAgeMilliseconds = age
            var ledger = WriteLedger(bytesPerDay: 8_000, now: begin)
            ledger.resume(kept, elapsedMilliseconds: elapsed, now: begin)
            ledger.note(1, for: .state, now: begin)
            #expect(ledger.report(now: begin).total[0] == .max)
            #expect(ledger.remaining(for: .state, now: begin.after(milliseconds: day)) == 8_000)
        }
    }
}
