// What waits for one client: a ring of fixed capacity that refers to events in the log.
// When it is full, room is made by importance (design 5): first positions that a newer position
// of the same uid has overtaken, then the oldest position, then the oldest marker, and chat,
// transfers, deletes and emergencies last. The event whose bytes have begun to go out stays.
//
// A hundred clients that read nothing make a full ring the usual case, so a look at one must not
// cost a walk through it: what is counted and known already spares that.
//
// Invariants: 0 ≤ count ≤ capacity; 0 ≤ sentOfFirst < size of the first event;
// bytes = sum of the sizes of the events in the ring; byImportance = how many of each there are.

/// The part of a ring that lies in the client's record.
public struct SendQueue: BitwiseCopyable {
    var first: UInt32 = 0
    var count: UInt32 = 0
    var bytes: UInt32 = 0
    /// Bytes of the first event that the socket has already taken.
    var sentOfFirst: UInt32 = 0
    /// By `EventKind.Importance.rawValue`.
    var byImportance: InlineArray<3, UInt32> = .init(repeating: 0)
    /// No two positions of one uid wait in it, but for one that is on its way out.
    var isSifted = true
    init() {}
}

/// The rings of all clients.
struct SendQueues: ~Copyable {
    /// Slot numbers of the log; `capacity` for each client and for the canary.
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
        entries = arena.take(UInt32.self, count: budget.clientPlaces * capacity)
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
    func push(_ client: Int, _ queue: inout SendQueue, slot: UInt32, event: StoredEvent) {
        invariant(Int(queue.count) < capacity, "a ring is asked for room before")
        entries[place(client, queue, Int(queue.count))] = slot
        queue.count += 1
        queue.bytes += event.count
        queue.byImportance[Int(event.importance.rawValue)] += 1
    }

    /// Appends a run of events; the ring has room for all of it.
    @inline(__always)
    func push(_ client: Int, _ queue: inout SendQueue, _ run: EventRun) {
        invariant(Int(queue.count) + run.count <= capacity, "a ring is asked for room before")
        var at = place(client, queue, Int(queue.count)) - client * capacity
        var i = 0
        while i < run.count {
            entries[client * capacity + at] = run[i]
            at = at + 1 == capacity ? 0 : at + 1
            i += 1
        }
        queue.count += UInt32(run.count)
        queue.bytes += UInt32(run.bytes)
        i = 0
        while i < 3 {
            queue.byImportance[i] += run.byImportance[i]
            i += 1
        }
    }

    /// All that is in it has gone out.
    @inline(__always)
    func empty(_ queue: inout SendQueue) {
        var first = Int(queue.first) + Int(queue.count)
        if first >= capacity { first -= capacity }
        queue = SendQueue()
        queue.first = UInt32(first)
    }

    /// Takes the first event off.
    @inline(__always)
    func pop(_ queue: inout SendQueue, event: StoredEvent) {
        invariant(queue.count > 0, "something is there to pop")
        leave(&queue, event)
        queue.first = Int(queue.first) + 1 == capacity ? 0 : queue.first + 1
        queue.sentOfFirst = 0
    }

    @inline(__always)
    private func leave(_ queue: inout SendQueue, _ event: StoredEvent) {
        queue.count -= 1
        queue.bytes -= event.count
        queue.byImportance[Int(event.importance.rawValue)] -= 1
    }

    /// Removes the entry `index` places behind the first; the order of the others stays.
    func remove(_ client: Int, _ queue: inout SendQueue, at index: Int, event: StoredEvent) {
        invariant(index > 0 || queue.sentOfFirst == 0, "an event on its way out stays")
        var i = index
        if 2 * index < Int(queue.count) {
            // What gives way is mostly old: those before it are fewer than those behind it.
            while i > 0 {
                entries[place(client, queue, i)] = entries[place(client, queue, i - 1)]
                i -= 1
            }
            queue.first = Int(queue.first) + 1 == capacity ? 0 : queue.first + 1
        } else {
            while i + 1 < Int(queue.count) {
                entries[place(client, queue, i)] = entries[place(client, queue, i + 1)]
                i += 1
            }
        }
        leave(&queue, event)
    }

    /// Keeps, of each uid, only the newest position. `incoming` is the key of the position that is
    /// about to be queued, or 0. Removed slots go to `removed`; their number is the result.
    mutating func supersede(
        _ client: Int, _ queue: inout SendQueue, incoming: UInt64, log: borrowing EventLog,
        removed: Slab<UInt32>
    ) -> Int {
        if queue.byImportance[Int(EventKind.Importance.position.rawValue)] == 0 { return 0 }
        if queue.isSifted {
            return supersedeOne(client, &queue, incoming, log: log, removed: removed)
        }
        queue.isSifted = true
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
        queue.byImportance[Int(EventKind.Importance.position.rawValue)] -= UInt32(removedCount)
        return removedCount
    }

    /// The same where at most one position can be overtaken: the one that `incoming` renews.
    private func supersedeOne(
        _ client: Int, _ queue: inout SendQueue, _ incoming: UInt64, log: borrowing EventLog,
        removed: Slab<UInt32>
    ) -> Int {
        if incoming == 0 { return 0 }
        var index = queue.sentOfFirst > 0 ? 1 : 0
        while index < Int(queue.count) {
            let slot = entries[place(client, queue, index)]
            if log[slot].positionKey == incoming {
                removed[0] = slot
                remove(client, &queue, at: index, event: log[slot])
                return 1
            }
            index += 1
        }
        return 0
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
        var present = queue.byImportance
        var index = 0
        if queue.sentOfFirst > 0 {
            present[Int(log[slot(client, queue, 0)].importance.rawValue)] -= 1
            index = 1
        }
        var least = 0
        while present[least] == 0 {
            if least == Int(ceiling.rawValue) { return nil }
            least += 1
        }
        while Int(log[slot(client, queue, index)].importance.rawValue) != least { index += 1 }
        return index
    }
}
