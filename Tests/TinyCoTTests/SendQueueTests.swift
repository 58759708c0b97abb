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
    private static func budget() -> Budget {
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
    private static func superseded(
        _ model: [Waiting], incoming: UInt64, protected: Int
    ) -> [Waiting] {
        model.enumerated().filter { i, event in
            if i < protected || event.key == 0 { return true }
            if event.key == incoming { return false }
            return !model[(i + 1)...].contains { $0.key == event.key }
        }.map(\.element)
    }

    private static func victim(
        _ model: [Waiting], ceiling: EventKind.Importance, protected: Int
    ) -> Int? {
        let candidates = model.indices.filter { $0 >= protected && model[$0].importance <= ceiling }
        guard let least = candidates.map({ model[$0].importance }).min() else { return nil }
        return candidates.first { model[$0].importance == least }
    }

    private static let kinds: [(UInt64, EventKind.Importance, Int)] = [
        (7, .position, 3), (23, .position, 4), (0, .marker, 2), (0, .important, 5),
    ]

    @Test func everyShortHistory() {
        let memory = FreshMemory(bytes: 16_384)
        everyHistory(of: 9, length: 5) { history in
            var arena = memory.arena()
            let budget = SendQueueTests.budget()
            var log = EventLog(budget: budget, arena: &arena)
            var queues = SendQueues(budget: budget, arena: &arena)
            let removed = arena.take(UInt32.self, count: 4)
            var queue = SendQueue()
            var model: [Waiting] = []
            // Not from the start of the ring, so that it wraps.
            queue.first = 2
            for step in history {
                let protected = queue.sentOfFirst > 0 ? 1 : 0
                switch step {
                case ..<4:
                    let (key, importance, bytes) = SendQueueTests.kinds[step]
                    let isFull = model.count == 4 || model.reduce(bytes) { $0 + $1.bytes } > 14
                    if queues.isFull(queue, for: bytes) != isFull {
                        Issue.record("\(history): fullness is judged wrongly")
                        return false
                    }
                    if isFull { continue }
                    log.reserve(bytes).fill(0)
                    let slot = log.commit(
                        bytes, importance: importance, team: 0, positionKey: key)
                    queues.push(1, &queue, slot: slot, bytes: UInt32(bytes))
                    model.append(
                        Waiting(slot: slot, key: key, importance: importance, bytes: bytes))
                case 4 where !model.isEmpty:
                    queues.pop(&queue, bytes: UInt32(model[0].bytes))
                    log.release(model.removeFirst().slot)
                case 5 where !model.isEmpty: queue.sentOfFirst = 1
                case 6, 7:
                    let key: UInt64 = step == 6 ? 0 : 7
                    let left = SendQueueTests.superseded(model, incoming: key, protected: protected)
                    let count = queues.supersede(
                        1, &queue, incoming: key, log: log, removed: removed)
                    let gone = Set((0..<count).map { removed[$0] })
                    if gone != Set(model.map(\.slot)).subtracting(left.map(\.slot)) {
                        Issue.record("\(history): others are superseded than should be")
                        return false
                    }
                    for slot in gone { log.release(slot) }
                    model = left
                case 8:
                    let ceiling = EventKind.Importance.marker
                    let found = queues.leastImportant(1, queue, ceiling: ceiling, log: log)
                    let expected = SendQueueTests.victim(
                        model, ceiling: ceiling, protected: protected)
                    if found != expected {
                        Issue.record("\(history): \(String(describing: found)) gives way")
                        return false
                    }
                    guard let found else { continue }
                    queues.remove(1, &queue, at: found, bytes: UInt32(model[found].bytes))
                    log.release(model.remove(at: found).slot)
                default: continue
                }
                let slots = (0..<Int(queue.count)).map { queues.slot(1, queue, $0) }
                if slots != model.map(\.slot)
                    || Int(queue.bytes) != model.reduce(0, { $0 + $1.bytes })
                {
                    Issue.record("\(history): the ring holds \(slots), not what it should")
                    return false
                }
            }
            return true
        }
    }
}
