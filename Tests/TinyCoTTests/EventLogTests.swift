// The log against a list of what is live: every short history in a log of 24 bytes, and a long
// random one in which old events are held while the log turns many times.

import Testing

@testable import TinyCoT

private struct LiveEvent {
    let slot: UInt32
    let bytes: [UInt8]
    var references: Int
}

@Suite struct EventLogTests {
    private static func budget(bytes: Int, events: Int) -> Budget {
        var budget = Budget()
        budget.eventLogBytes = bytes
        budget.eventLogEvents = events
        return budget
    }

    /// Appends `count` bytes, of which `reserved` were asked for.
    private static func append(
        _ log: inout EventLog, _ count: Int, reserved: Int, _ next: inout UInt8
    ) -> LiveEvent {
        let room = log.reserve(reserved)
        var bytes: [UInt8] = []
        for i in 0..<count {
            next &+= 1
            room[i] = next
            bytes.append(next)
        }
        let slot = log.commit(count, importance: .marker, team: 0, positionKey: 0)
        return LiveEvent(slot: slot, bytes: bytes, references: 1)
    }

    private static func agrees(_ log: borrowing EventLog, _ live: [LiveEvent]) -> Bool {
        log.checkInvariants()
        if log.liveEvents != live.count { return false }
        if log.liveBytes != live.reduce(0, { $0 + $1.bytes.count }) { return false }
        for event in live where array(log.bytes(of: event.slot)) != event.bytes { return false }
        return log.referenceCount() == live.reduce(0) { $0 + $1.references }
    }

    private static func release(_ log: inout EventLog, _ live: inout [LiveEvent], at index: Int) {
        log.release(live[index].slot)
        live[index].references -= 1
        if live[index].references == 0 { live.remove(at: index) }
    }

    @Test func everyShortHistory() {
        let memory = FreshMemory(bytes: 8192)
        everyHistory(of: 6, length: 6) { history in
            var arena = memory.arena()
            var log = EventLog(budget: EventLogTests.budget(bytes: 24, events: 8), arena: &arena)
            var live: [LiveEvent] = []
            var next: UInt8 = 0
            // Twice over, so that the log turns.
            for step in history + history {
                switch step {
                case 0, 1, 2:
                    let count = [1, 3, 6][step]
                    let hasRoom =
                        live.count < 4
                        && live.reduce(0) { $0 + $1.bytes.count } + count <= 12
                    if log.hasRoom(for: count) != hasRoom {
                        Issue.record("\(history): room is judged wrongly")
                        return false
                    }
                    if !hasRoom { continue }
                    live.append(EventLogTests.append(&log, count, reserved: count, &next))
                case 3 where !live.isEmpty: EventLogTests.release(&log, &live, at: 0)
                case 4 where !live.isEmpty:
                    EventLogTests.release(&log, &live, at: live.count - 1)
                case 5 where !live.isEmpty:
                    log.retain(live[live.count / 2].slot)
                    live[live.count / 2].references += 1
                default: continue
                }
                if !EventLogTests.agrees(log, live) {
                    Issue.record("\(history): an event is not what was stored")
                    return false
                }
            }
            return true
        }
    }

    @Test func oldEventsSurviveManyTurns() {
        let memory = FreshMemory(bytes: 16_384)
        var random = SeededGenerator(seed: 3)
        var arena = memory.arena()
        var log = EventLog(budget: EventLogTests.budget(bytes: 1000, events: 64), arena: &arena)
        var live: [LiveEvent] = []
        var next: UInt8 = 0
        for _ in 0..<30_000 {
            let count = Int.random(in: 1...200, using: &random)
            let spare = Int.random(in: 0...20, using: &random)
            if log.hasRoom(for: count + spare), Int.random(in: 0..<3, using: &random) > 0 {
                live.append(EventLogTests.append(&log, count, reserved: count + spare, &next))
            } else if Int.random(in: 0..<20, using: &random) == 0, log.hasRoom(for: count) {
                _ = log.reserve(count)
                log.cancel()
            } else if live.count > 2 {
                // The first one is held for ever.
                let index = Int.random(in: 1..<live.count, using: &random)
                EventLogTests.release(&log, &live, at: index)
            }
            if !EventLogTests.agrees(log, live) {
                Issue.record("an event is not what was stored")
                return
            }
        }
        #expect(log.movedBytes > 1000, "the old event was moved")
    }
}
