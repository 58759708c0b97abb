import Testing

@testable import TinyCoT

@Suite struct WatchdogScheduleTests {
    private func at(_ milliseconds: Int64) -> Instant {
        Instant.zero.after(milliseconds: 1_000_000 + milliseconds)
    }

    @Test func oneThatIsOffNeverFlies() {
        var schedule = WatchdogSchedule()
        #expect(schedule.deadline == .never)
        #expect(schedule.step(now: at(1_000_000)) == .nothing)
        schedule.lost(now: at(0))
        #expect(schedule.phase == .off && schedule.deadline == .never)
    }

    @Test func aCanaryFliesAtOnceAndThenEveryQuarter() {
        var schedule = WatchdogSchedule(timeoutMicroseconds: 20_000_000, now: at(0))
        #expect(schedule.step(now: at(0)) == .launch)
        schedule.launched(now: at(0))
        #expect(schedule.step(now: at(1)) == .nothing)
        schedule.returned(now: at(2))
        #expect(schedule.deadline == at(5_002))
        #expect(schedule.step(now: at(5_001)) == .nothing)
        #expect(schedule.step(now: at(5_002)) == .launch)
    }

    /// After the last one that came back, two more may be lost before the manager loses patience.
    @Test func twoMayBeLostInOneTimeout() {
        var schedule = WatchdogSchedule(timeoutMicroseconds: 20_000_000, now: at(0))
        schedule.launched(now: at(0))
        schedule.returned(now: at(0))
        var now: Int64 = 0
        var lost = 0
        while true {
            now = schedule.deadline.milliseconds(since: at(0))
            schedule.launched(now: at(now))
            now += 5_000
            if now >= 20_000 { break }
            #expect(schedule.step(now: at(now - 1)) == .nothing)
            #expect(schedule.step(now: at(now)) == .giveUp)
            schedule.lost(now: at(now))
            lost += 1
            #expect(schedule.lostInARow == UInt32(lost))
        }
        #expect(lost == 2)
        schedule.returned(now: at(now))
        #expect(schedule.lostInARow == 0)
    }

    @Test func oneThatCannotBeSentIsTriedAgainSoonButNotAtOnce() {
        var schedule = WatchdogSchedule(timeoutMicroseconds: 600_000_000, now: at(0))
        schedule.launched(now: at(0))
        schedule.lost(now: at(0))
        #expect(schedule.deadline == at(1_000))
        var hasty = WatchdogSchedule(timeoutMicroseconds: 1, now: at(0))
        hasty.launched(now: at(0))
        hasty.returned(now: at(0))
        #expect(hasty.deadline == at(50))
    }

    @Test func theLongestTimeoutDoesNotOverflow() {
        var schedule = WatchdogSchedule(timeoutMicroseconds: .max, now: at(0))
        schedule.launched(now: at(0))
        #expect(schedule.deadline > at(1_000_000_000))
        schedule.stop()
        #expect(schedule.phase == .off)
    }

    @Test func everyFlightIsCountedWithItsEnd() {
        var schedule = WatchdogSchedule(timeoutMicroseconds: 20_000_000, now: at(0))
        #expect(schedule.figures.isOn && schedule.figures.flown == 0)
        schedule.launched(now: at(0))
        #expect(schedule.figures.flown == 1 && schedule.figures.returned == 0)
        schedule.returned(now: at(3))
        #expect(schedule.figures.returned == 1)
        #expect(schedule.figures.roundTripNanoseconds == 3_000_000)
        schedule.launched(now: at(5_003))
        schedule.lost(now: at(10_003))
        #expect(schedule.figures.flown == 2 && schedule.figures.lost == 1)
        // Of the last one that came back.
        #expect(schedule.figures.roundTripNanoseconds == 3_000_000)
        schedule.stop()
        #expect(!schedule.figures.isOn && schedule.figures.flown == 2)
        // What ends while nothing flies is no flight.
        schedule.lost(now: at(20_000))
        #expect(schedule.figures.lost == 1)
    }
}
