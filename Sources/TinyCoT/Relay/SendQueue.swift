// What waits for one client: a ring of fixed capacity that refers to events in the log.
// When it is full, room is made by importance (design 5): first positions that a newer position
// of the same uid has overtaken, then the oldest position, then the oldest marker, and chat,
// transfers, deletes and emergencies last. The event whose bytes have begun to go out stays.
//
// Invariants: 0 ≤ count ≤ capacity; 0 ≤ sentOfFirst < size of the first event;
// bytes = sum of the sizes of the events in the ring.

/// The part of a ring that lies in the client's record.
public struct SendQueue: BitwiseCopyable {
    var first: UInt32 = 0
    var count: UInt32 = 0
    var bytes: UInt32 = 0
    /// Bytes of the first event that the socket has already taken.
    var sentOfFirst: UInt32 = 0
    init() {}
}

/// The rings of all clients.
struct SendQueues: ~Copyable {
    /// Slot numbers of the log; `capacity` for each client.
    private let entries: Slab<UInt32>
    let capacity: Int
    let bytesMax: Int
    /// A hash set of the position keys seen during one pass of `supersede`; a place is taken only
    /// if its stamp is that of the pass, so that nothing has to be cleared.
    private let seenKeys: Slab<UInt64>
    private let seenStamps: Slab<UInt32>
    private var pass: UInt32 = 0

    init(budget: Budget, arena: inout Arena) {
        capacity = budget.clientQueueEvents
        bytesMax = budget.clientQueueBytes
        entries = arena.take(UInt32.self, count: budget.clients * capacity)
        seenKeys = arena.take(UInt64.self, count: SendQueues.tableSize(capacity))
        seenStamps = arena.take(UInt32.self, count: SendQueues.tableSize(capacity))
    }

    /// A power of two, at least twice the ring: probing stays short.
    static func tableSize(_ capacity: Int) -> Int {
        var size = 16
        while size < 2 * capacity { size *= 2 }
        return size
    }

    @inline(__always)
    private func place(_ client: Int, _ queue: SendQueue, _ index: Int) -> Int {
        var at = Int(queue.first) + index
        if at >= capacity { at -= capacity }
        return client * capacity + at
    }

    /// The slot `index` places behind the first.
    @inline(__always)
    func slot(_ client: Int, _ queue: SendQueue, _ index: Int) -> UInt32 {
        entries[place(client, queue, index)]
    }

    func isFull(_ queue: SendQueue, for more: Int) -> Bool {
        Int(queue.count) == capacity || Int(queue.bytes) + more > bytesMax
    }

    /// Appends an event; the ring has room.
    @inline(__always)
    func push(_ client: Int, _ queue: inout SendQueue, slot: UInt32, bytes: UInt32) {
        invariant(Int(queue.count) < capacity, "a ring is asked for room before")
        entries[place(client, queue, Int(queue.count))] = slot
        queue.count += 1
        queue.bytes += bytes
    }

    /// Takes the first event off.
    @inline(__always)
    func pop(_ queue: inout SendQueue, bytes: UInt32) {
        invariant(queue.count > 0, "something is there to pop")
        queue.first = Int(queue.first) + 1 == capacity ? 0 : queue.first + 1
        queue.count -= 1
        queue.bytes -= bytes
        queue.sentOfFirst = 0
    }

    /// Removes the entry `index` places behind the first; the order of the others stays.
    func remove(_ client: Int, _ queue: inout SendQueue, at index: Int, bytes: UInt32) {
        invariant(index > 0 || queue.sentOfFirst == 0, "an event on its way out stays")
        if index == 0 {
            pop(&queue, bytes: bytes)
            return
        }
        var i = index
        while i + 1 < Int(queue.count) {
            entries[place(client, queue, i)] = entries[place(client, queue, i + 1)]
            i += 1
        }
        queue.count -= 1
        queue.bytes -= bytes
    }

    /// Keeps, of each uid, only the newest position. `incoming` is the key of the position that is
    /// about to be queued, or 0. Removed slots go to `removed`; their number is the result.
    mutating func supersede(
        _ client: Int, _ queue: inout SendQueue, incoming: UInt64, log: borrowing EventLog,
        removed: Slab<UInt32>
    ) -> Int {
        pass &+= 1
        if pass == 0 {
            seenStamps.fill(0)
            pass = 1
        }
        if incoming != 0 { _ = firstSight(of: incoming) }
        let protected = queue.sentOfFirst > 0 ? 1 : 0
        var removedCount = 0
        // From the newest to the oldest: the first sight of a key is the one that stays.
        var write = Int(queue.count)
        var read = Int(queue.count)
        while read > 0 {
            read -= 1
            let slot = entries[place(client, queue, read)]
            let event = log[slot]
            if event.positionKey != 0, read >= protected, !firstSight(of: event.positionKey) {
                removed[removedCount] = slot
                removedCount += 1
                queue.bytes -= event.count
            } else {
                write -= 1
                entries[place(client, queue, write)] = slot
            }
        }
        var first = Int(queue.first) + write
        if first >= capacity { first -= capacity }
        queue.first = UInt32(first)
        queue.count -= UInt32(removedCount)
        return removedCount
    }

    /// True the first time a key is asked for in this pass. Keys are hashes already.
    private func firstSight(of key: UInt64) -> Bool {
        let mask = seenKeys.count - 1
        var at = Int(truncatingIfNeeded: key) & mask
        while seenStamps[at] == pass {
            if seenKeys[at] == key { return false }
            at = (at + 1) & mask
        }
        seenStamps[at] = pass
        seenKeys[at] = key
        return true
    }

    /// The oldest entry of the least important kind present, if that kind is at most `ceiling`.
    func leastImportant(
        _ client: Int, _ queue: SendQueue, ceiling: EventKind.Importance, log: borrowing EventLog
    ) -> Int? {
        var best: Int?
        var bestImportance = ceiling
        var index = queue.sentOfFirst > 0 ? 1 : 0
        while index < Int(queue.count) {
            let importance = log[slot(client, queue, index)].importance
            if importance < bestImportance || (best == nil && importance == bestImportance) {
                best = index
                bestImportance = importance
                if importance == .position { return best }
            }
            index += 1
        }
        return best
    }
}
