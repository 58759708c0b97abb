// Every short history of a ring of four events, against an array. What gives way, and in which
// order, is that of design 5: superseded positions, the oldest position, marker, the rest.

import Testing

@testable import TinyCoT

private struct Waiting: Equatable {
    let slot: UInt32
    let key: UInt64
    let importance: EventKind.Importance
    let bytes: Int
}

@Suite struct SendQueueTests {
    fileprivate static func budget() -> Budget {
        var budget = Budget()
        budget.clients = 2
        budget.clientQueueEvents = 4
        budget.clientQueueBytes = 14
        budget.eventLogBytes = 256
        budget.eventLogEvents = 32
        return budget
    }

    /// Of each key only the newest stays, and none of the key that is coming in; the event whose
    /// bytes are on their way stays in any case.
    fileprivate static func superseded(
        _ model: [Waiting], incoming: UInt64, protected: Int
    ) -> [Waiting] {
        model.enumerated().filter { i, event in
            if i < protected || event.key == 0 { return true }
            if event.key == incoming { return false }
            return !model[(i + 1)...].contains { $0.key == event.key }
        }.map(\.element)
    }

    fileprivate static func victim(
        _ model: [Waiting], ceiling: EventKind.Importance, protected: Int
    ) -> Int? {
        let candidates = model.indices.filter { $0 >= protected && model[$0].importance <= ceiling }
        guard let least = candidates.map({ model[$0].importance }).min() else { return nil }
        return candidates.first { model[$0].importance == least }
    }

    /// The steps 0 ..< 4: key, importance and size of what is queued.
    fileprivate static let kinds: [(UInt64, EventKind.Importance, Int)] = [
        (7, .position, 3), (23, .position, 4), (0, .marker, 2), (0, .important, 5),
    ]

    @Test func everyShortHistory() {
        let memory = FreshMemory(bytes: 16_384)
        everyHistory(of: 9, length: 5) { history in
            var bench = Bench(memory)
            for step in history {
                if let wrong = bench.take(step) {
                    Issue.record("\(history): \(wrong)")
                    return false
                }
            }
            return true
        }
    }
}

/// A ring, and the array that says what should be in it.
private struct Bench: ~Copyable {
    private var log: EventLog
    private var queues: SendQueues
    private let removed: Slab<UInt32>
    private var queue = SendQueue()
    private var model: [Waiting] = []

    init(_ memory: FreshMemory) {
        var arena = memory.arena()
        let budget = SendQueueTests.budget()
        log = EventLog(budget: budget, arena: &arena)
        queues = SendQueues(budget: budget, arena: &arena)
        removed = arena.take(UInt32.self, count: 4)
        // Not from the start of the ring, so that it wraps.
        queue.first = 2
    }

    private var protected: Int { queue.sentOfFirst > 0 ? 1 : 0 }

    /// What is wrong after the step, or nil.
    mutating func take(_ step: Int) -> String? {
        var wrong: String?
        switch step {
        case ..<4: wrong = push(SendQueueTests.kinds[step])
        case 4 where !model.isEmpty:
            queues.pop(&queue, event: log[model[0].slot])
            log.release(model.removeFirst().slot)
        case 5 where !model.isEmpty: queue.sentOfFirst = 1
        case 6, 7: wrong = supersede(incoming: step == 6 ? 0 : 7)
        case 8: wrong = giveWay(ceiling: .marker)
        default: break
        }
        return wrong ?? compare()
    }

    private mutating func push(_ kind: (UInt64, EventKind.Importance, Int)) -> String? {
        let (key, importance, bytes) = kind
        let isFull = model.count == 4 || model.reduce(bytes) { $0 + $1.bytes } > 14
        if queues.isFull(queue, for: bytes) != isFull { return "fullness is judged wrongly" }
        if isFull { return nil }
        log.reserve(bytes).fill(0)
        let slot = log.commit(bytes, importance: importance, team: 0, positionKey: key)
        queues.push(1, &queue, slot: slot, event: log[slot])
        // As the relay does when it queues a position without looking for older ones.
        if key != 0 { queue.isSifted = false }
        model.append(Waiting(slot: slot, key: key, importance: importance, bytes: bytes))
        return nil
    }

    private mutating func supersede(incoming key: UInt64) -> String? {
        let left = SendQueueTests.superseded(model, incoming: key, protected: protected)
        let count = queues.supersede(1, &queue, incoming: key, log: log, removed: removed)
        let gone = Set((0..<count).map { removed[$0] })
        if gone != Set(model.map(\.slot)).subtracting(left.map(\.slot)) {
            return "others are superseded than should be"
        }
        for slot in gone { log.release(slot) }
        model = left
        return nil
    }

    private mutating func giveWay(ceiling: EventKind.Importance) -> String? {
        let found = queues.leastImportant(1, queue, ceiling: ceiling, log: log)
        let expected = SendQueueTests.victim(model, ceiling: ceiling, protected: protected)
        if found != expected { return "\(String(describing: found)) gives way" }
        guard let found else { return nil }
        queues.remove(1, &queue, at: found, event: log[model[found].slot])
        log.release(model.remove(at: found).slot)
        return nil
    }

    private func compare() -> String? {
        let slots = (0..<Int(queue.count)).map { queues.slot(1, queue, $0) }
        if slots != model.map(\.slot) || Int(queue.bytes) != model.reduce(0, { $0 + $1.bytes }) {
            return "the ring holds \(slots), not what it should"
        }
        return nil
    }
}
