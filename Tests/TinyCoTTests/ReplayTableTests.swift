// Every short history of a table of three entries and four blocks, against an array: one entry for
// a uid and team, alerts pushed out only by their own sender's, items give way before positions,
// the oldest first.

import Testing

@testable import TinyCoT

private struct KeptEvent: Equatable {
    let uid: UInt64
    let team: UInt8
    let kind: ReplayClass
    let bytes: Int
    let endsAt: UInt64
    let mark: UInt64
}

@Suite struct ReplayTableTests {
    private static let operations: [(uid: UInt64, kind: ReplayClass, bytes: Int)] = [
        (1, .position, 10), (2, .item, 300), (3, .item, 256), (1, .emergency, 10),
        (4, .position, 700), (5, .emergency, 20),
    ]

    private static func blocks(_ events: [KeptEvent]) -> Int {
        events.reduce(0) { $0 + ($1.bytes + 255) / 256 }
    }

    /// The rule in plain words; false if the event is not kept.
    private static func store(
        _ fresh: KeptEvent, in model: inout [KeptEvent], oneSender: Bool
    ) -> Bool {
        model.removeAll { $0.uid == fresh.uid && $0.team == fresh.team }
        if fresh.kind == .emergency, model.contains(where: { $0.kind == .emergency }) {
            if !oneSender { return false }
            model.removeAll { $0.kind == .emergency }
        }
        while model.count == 3 || blocks(model + [fresh]) > 4 {
            let victim =
                model.firstIndex { $0.kind == .item } ?? model.firstIndex { $0.kind == .position }
            guard let victim else { return false }
            model.remove(at: victim)
        }
        model.append(fresh)
        return true
    }

    /// - Parameter oneSender: all alerts are of one client, or each of another.
    @Test(arguments: [false, true]) func everyShortHistory(oneSender: Bool) {
        let memory = FreshMemory(bytes: 16_384)
        var budget = Budget()
        budget.replayEvents = 3
        budget.replayBytes = 1024
        budget.emergencies = 1
        let text = [UInt8](repeating: 120, count: 700)
        everyHistory(of: 8, length: 5) { history in
            var arena = memory.arena()
            var table = ReplayTable(budget: budget, arena: &arena)
            var model: [KeptEvent] = []
            var mark: UInt64 = 0
            for step in history {
                mark += 1
                switch step {
                case ..<6:
                    let operation = ReplayTableTests.operations[step]
                    let fresh = KeptEvent(
                        uid: operation.uid, team: 0, kind: operation.kind,
                        bytes: operation.bytes, endsAt: mark + 3, mark: mark)
                    var entry = ReplayEntry()
                    entry.uidHash = fresh.uid
                    entry.owner = oneSender ? 0 : UInt32(fresh.uid)
                    entry.kind = fresh.kind
                    entry.sequence = mark
                    entry.endsAt = Instant(nanoseconds: fresh.endsAt)
                    let isKept = ReplayTableTests.store(
                        fresh, in: &model, oneSender: oneSender)
                    let did = withSlab(Array(text[..<fresh.bytes])) {
                        table.store(entry, bytes: $0)
                    }
                    if did != isKept {
                        Issue.record("\(history): kept \(did), should be \(isKept)")
                        return false
                    }
                case 6:
                    if let found = table.find(uidHash: 1, team: 0) { table.remove(found) }
                    model.removeAll { $0.uid == 1 }
                default:
                    let next = table.expire(at: Instant(nanoseconds: mark))
                    model.removeAll { $0.endsAt <= mark }
                    if next.nanoseconds != model.map(\.endsAt).min() ?? .max {
                        Issue.record("\(history): the next end is \(next.nanoseconds)")
                        return false
                    }
                }
                table.checkInvariants()
                table.pool.checkInvariants()
                let marks = (0..<table.capacity).map { table.entry(at: $0) }
                    .filter(\.isUsed).map(\.sequence).sorted()
                if marks != model.map(\.mark).sorted() {
                    Issue.record("\(history): \(marks) are kept, not \(model.map(\.mark))")
                    return false
                }
            }
            return true
        }
    }

    /// The same uid in two teams is two things, and a team that is no more takes its own with it.
    @Test func teamsAreApart() {
        let memory = FreshMemory(bytes: 16_384)
        var budget = Budget()
        budget.replayEvents = 4
        budget.replayBytes = 1024
        var arena = memory.arena()
        var table = ReplayTable(budget: budget, arena: &arena)
        for team: UInt8 in [0, 1, 2] {
            var entry = ReplayEntry()
            entry.uidHash = 9
            entry.team = team
            entry.sequence = UInt64(team)
            #expect(withSlab([1, 2, 3]) { table.store(entry, bytes: $0) })
        }
        #expect(table.count == 3)
        // 0 becomes 2, 1 is no more, 2 becomes 0.
        var newTeam: InlineArray<64, UInt8> = .init(repeating: Config.noTeam)
        newTeam[0] = 2
        newTeam[2] = 0
        table.renumberTeams(newTeam)
        table.checkInvariants()
        #expect(table.find(uidHash: 9, team: 0).map { table.entry(at: $0).sequence } == 2)
        #expect(table.find(uidHash: 9, team: 2).map { table.entry(at: $0).sequence } == 0)
        #expect(table.find(uidHash: 9, team: 1) == nil)
    }
}
