// Runs: what one read brings of one sender for everyone goes into each ring at once, not event by
// event. A receiver's record and ring are touched once a run; in a flood that is most of the cost.
//
// A run ends with the call that hands in the bytes. Before anything else is put into a ring, before
// anybody changes teams or begins the picture, and before room in the log is made at somebody's
// expense, it is delivered: so nobody can tell it from one event after the other.

/// Events in the log that go to everyone who may see `team`, but for their sender. It holds one
/// reference to each.
struct EventRun: BitwiseCopyable {
    static var capacity: Int { 32 }

    var sender = 0
    var team = Config.noTeam
    private(set) var count = 0
    private(set) var bytes = 0
    private(set) var byImportance: InlineArray<3, UInt32> = .init(repeating: 0)
    private(set) var hasPositions = false
    private(set) var hasImportant = false
    private var slots: InlineArray<32, UInt32> = .init(repeating: 0)

    init() {}

    @inline(__always)
    subscript(index: Int) -> UInt32 { slots[index] }

    mutating func append(_ slot: UInt32, _ event: StoredEvent) {
        invariant(count < EventRun.capacity, "a full run is delivered before it grows")
        slots[count] = slot
        count += 1
        bytes += Int(event.count)
        byImportance[Int(event.importance.rawValue)] += 1
        if event.positionKey != 0 { hasPositions = true }
        if event.importance == .important { hasImportant = true }
    }
}

extension Relay {
    /// With less than a quarter of a ring in a run, one that is not nearly full has room for it.
    var runEventsMax: Int { min(EventRun.capacity, max(1, queues.capacity / 4)) }
    private var runBytesMax: Int { queues.bytesMax / 4 }

    /// Adds a stored event to the run, of which the caller keeps its own reference.
    mutating func addToRun(_ delivery: Delivery) {
        let event = log[delivery.slot]
        if run.count > 0
            && (run.sender != delivery.sender || run.team != delivery.team
                || run.bytes + Int(event.count) > runBytesMax)
        {
            deliverRun()
        }
        run.sender = delivery.sender
        run.team = delivery.team
        log.retain(delivery.slot)
        run.append(delivery.slot, event)
        if run.count >= runMost { deliverRun() }
    }

    /// Puts the run into the rings of all who get it.
    mutating func deliverRun() {
        if run.count == 0 { return }
        let open = run
        run = EventRun()
        var receivers = 0
        var i = 0
        while i < connectedClients {
            let index = Int(active[i])
            i += 1
            if index == open.sender || !maySee(index, team: open.team) { continue }
            if pushRun(index, open) { receivers += 1 } else { pushEach(index, open) }
        }
        // From the newest on: what nobody took leaves no trace in the log only from its end.
        i = open.count
        while i > 0 {
            i -= 1
            log.retain(open[i], times: receivers)
            log.release(open[i])
        }
    }

    /// False if the ring has no room for all of it.
    @inline(__always)
    private mutating func pushRun(_ index: Int, _ open: EventRun) -> Bool {
        let client = clients.pointer(at: index)
        if Int(client.pointee.queue.count) + open.count > queues.capacity
            || Int(client.pointee.queue.bytes) + open.bytes > queues.bytesMax
        {
            return false
        }
        if open.hasPositions { client.pointee.queue.isSifted = false }
        if client.pointee.queue.count == 0 { waitingBegins(client) }
        queues.push(index, &client.pointee.queue, open)
        noteQueued(index, client, isUrgent: open.hasImportant)
        return true
    }

    private mutating func pushEach(_ index: Int, _ open: EventRun) {
        var i = 0
        while i < open.count {
            push(index, open[i])
            i += 1
        }
    }
}
