// The store of events on their way out. Each event lies here once, whole and contiguous, however
// many clients wait for it; queues hold its slot number. Events that were appended one after the
// other are neighbours in memory, so a run of them goes out as one piece (design 7).
//
// The log is circular. What nobody wants any more is passed over when the tail reaches it; what a
// slow client still wants is moved to the head. So an old event never pins the memory behind it,
// and there is nothing to fragment.
//
//        ┌────────────┬──────────────────────────┬───────────────┐
//   0    │    free    │ oldest ……………………… newest │     free      │  capacity
//        └────────────┴──────────────────────────┴───────────────┘
//                     tail                       head
//
// Invariants: live bytes (of events with references) ≤ liveBytesMax, which leaves room for one
// whole turn of moving; every slot in use stands exactly once in `order`.

/// What the log knows about one stored event.
public struct StoredEvent: BitwiseCopyable {
    public var offset: UInt32 = 0
    public var count: UInt32 = 0
    /// When its bytes were read, in ticks of `LatencyHistogram`; 0 if it was made here.
    public var arrivedAt: UInt32 = 0
    /// Queue entries (and other holders) that refer to it: two for each client at most.
    public var references: UInt16 = 0
    public var importance = EventKind.Importance.marker
    /// The team of its sender: walls are checked again when a client changes teams.
    public var team: UInt8 = 0
    /// The hash of its uid, where a newer event of that uid makes it worthless; else 0.
    public var positionKey: UInt64 = 0
    public init() {}
}

public struct EventLog: ~Copyable {
    /// No slot.
    static var none: UInt32 { .max }

    private let memory: Slab<UInt8>
    private let slots: Slab<StoredEvent>
    private let freeSlots: Slab<UInt32>
    private var freeSlotCount = 0
    /// Slots in the order of their bytes, oldest first: a ring of `slots.count`.
    private let order: Slab<UInt32>
    private var orderFirst = 0
    private var orderCount = 0
    /// Where the next event goes.
    private var head = 0
    /// Room handed out by `reserve` and not yet committed.
    private var reservedBytes = 0

    public private(set) var liveBytes = 0
    public private(set) var liveEvents = 0
    public private(set) var peakLiveBytes = 0
    public private(set) var peakLiveEvents = 0
    /// Bytes that were moved from the tail to the head for slow clients.
    public private(set) var movedBytes: UInt64 = 0

    public init(budget: Budget, arena: inout Arena) {
        memory = arena.take(UInt8.self, count: budget.eventLogBytes)
        slots = arena.take(StoredEvent.self, count: budget.eventLogEvents)
        freeSlots = arena.take(UInt32.self, count: budget.eventLogEvents)
        order = arena.take(UInt32.self, count: budget.eventLogEvents)
        if arena.isMeasuring { return }
        while freeSlotCount < freeSlots.count {
            freeSlots[freeSlotCount] = UInt32(freeSlots.count - 1 - freeSlotCount)
            freeSlotCount += 1
        }
    }

    public var capacityBytes: Int { memory.count }
    /// Half: then a full turn of moving frees at least the other half, less the unusable end.
    public var liveBytesMax: Int { memory.count / 2 }
    public var liveEventsMax: Int { slots.count / 2 }

    /// Would an event of up to `bytes` keep the log within its live limits?
    public func hasRoom(for bytes: Int) -> Bool {
        liveBytes + bytes <= liveBytesMax && liveEvents < liveEventsMax
    }

    @inline(__always)
    public subscript(slot: UInt32) -> StoredEvent {
        unsafeAddress { UnsafePointer(slots.pointer(at: Int(slot))) }
    }

    @inline(__always)
    public func bytes(of slot: UInt32) -> Slab<UInt8> {
        let event = slots[Int(slot)]
        return memory.slice(Int(event.offset), Int(event.count))
    }

    // MARK: Appending

    /// Contiguous room for an event of at most `bytes`. `hasRoom` was asked before.
    /// Nothing else may be called until `commit`.
    public mutating func reserve(_ bytes: Int) -> Slab<UInt8> {
        invariant(hasRoom(for: bytes), "room in the log is asked for before it is reserved")
        invariant(reservedBytes == 0, "one reservation at a time")
        var steps = 0
        while !placeHead(for: bytes) || freeSlotCount == 0 {
            retireOldest()
            steps += 1
            invariant(steps <= 2 * slots.count, "one turn of the log makes room")
        }
        reservedBytes = bytes
        return memory.slice(head, bytes)
    }

    /// Moves `head` to where `bytes` fit in one piece; false if they fit nowhere.
    private mutating func placeHead(for bytes: Int) -> Bool {
        if orderCount == 0 {
            head = 0
            return bytes <= memory.count
        }
        let tail = Int(slots[Int(order[orderFirst])].offset)
        if head <= tail { return bytes <= tail - head }
        if bytes <= memory.count - head { return true }
        if bytes > tail { return false }
        head = 0
        return true
    }

    /// Passes the tail over the oldest event: gone if nobody wants it, else moved to the head.
    private mutating func retireOldest() {
        invariant(orderCount > 0, "there is an oldest event to retire")
        let slot = order[orderFirst]
        orderFirst = orderFirst + 1 == order.count ? 0 : orderFirst + 1
        orderCount -= 1
        let event = slots[Int(slot)]
        if event.references == 0 {
            release(slot: slot)
            return
        }
        let count = Int(event.count)
        let from = Int(event.offset)
        // Its own room became free with it, so it always fits: in front of the tail at worst.
        if head <= from {
            // The free stretch and the event touch: slide it down.
        } else if count > memory.count - head {
            head = 0
        }
        memory.copy(memory.slice(from, count), to: head)
        slots[Int(slot)].offset = UInt32(head)
        head += count
        movedBytes += UInt64(count)
        pushOrder(slot)
    }

    private mutating func pushOrder(_ slot: UInt32) {
        invariant(orderCount < order.count, "every slot stands once in the order")
        var at = orderFirst + orderCount
        if at >= order.count { at -= order.count }
        order[at] = slot
        orderCount += 1
    }

    private mutating func release(slot: UInt32) {
        freeSlots[freeSlotCount] = slot
        freeSlotCount += 1
    }

    /// Makes the first `count` bytes of the reservation an event. It has one reference, which is
    /// the caller's: to be dropped when the event has been handed to everyone who gets it.
    public mutating func commit(
        _ count: Int, importance: EventKind.Importance, team: UInt8, positionKey: UInt64,
        arrivedAt: UInt32 = 0
    ) -> UInt32 {
        invariant(count > 0 && count <= reservedBytes, "an event fits its reservation")
        freeSlotCount -= 1
        let slot = freeSlots[freeSlotCount]
        var event = StoredEvent()
        event.offset = UInt32(head)
        event.count = UInt32(count)
        event.arrivedAt = arrivedAt
        event.references = 1
        event.importance = importance
        event.team = team
        event.positionKey = positionKey
        slots[Int(slot)] = event
        head += count
        reservedBytes = 0
        pushOrder(slot)
        liveBytes += count
        liveEvents += 1
        if liveBytes > peakLiveBytes { peakLiveBytes = liveBytes }
        if liveEvents > peakLiveEvents { peakLiveEvents = liveEvents }
        return slot
    }

    /// Gives the reservation back.
    public mutating func cancel() { reservedBytes = 0 }

    // MARK: Holding

    @inline(__always)
    public mutating func retain(_ slot: UInt32) {
        let event = slots.pointer(at: Int(slot))
        invariant(event.pointee.references > 0, "only a held event gets another holder")
        event.pointee.references += 1
    }

    @inline(__always)
    mutating func retain(_ slot: UInt32, times: Int) {
        let event = slots.pointer(at: Int(slot))
        invariant(event.pointee.references > 0, "only a held event gets more holders")
        event.pointee.references += UInt16(times)
    }

    @inline(__always)
    public mutating func release(_ slot: UInt32) {
        let event = slots.pointer(at: Int(slot))
        invariant(event.pointee.references > 0, "a reference is dropped once")
        event.pointee.references -= 1
        if event.pointee.references == 0 { becameUnwanted(slot) }
    }

    private mutating func becameUnwanted(_ slot: UInt32) {
        let event = slots[Int(slot)]
        liveBytes -= Int(event.count)
        liveEvents -= 1
        invariant(liveBytes >= 0 && liveEvents >= 0, "live events add up")
        // An event that nobody took and that is still the newest leaves no trace.
        var newest = orderFirst + orderCount - 1
        if newest >= order.count { newest -= order.count }
        if order[newest] == slot, Int(event.offset) + Int(event.count) == head {
            head = Int(event.offset)
            orderCount -= 1
            release(slot: slot)
        }
    }

    /// Gives the stored events the team numbers of a new configuration.
    func renumberTeams(_ newTeam: InlineArray<64, UInt8>) {
        var i = 0
        var at = orderFirst
        while i < orderCount {
            let event = slots.pointer(at: Int(order[at]))
            event.pointee.team = Teams.renumbered(event.pointee.team, newTeam)
            at = at + 1 == order.count ? 0 : at + 1
            i += 1
        }
    }

    // MARK: Checking

    /// Walks everything and stops if the books do not balance. For tests; linear.
    public func checkInvariants() {
        var bytes = 0
        var events = 0
        var i = 0
        var at = orderFirst
        while i < orderCount {
            let event = slots[Int(order[at])]
            if event.references > 0 {
                bytes += Int(event.count)
                events += 1
            }
            at = at + 1 == order.count ? 0 : at + 1
            i += 1
        }
        invariant(bytes == liveBytes && events == liveEvents, "live events add up")
        invariant(orderCount + freeSlotCount == slots.count, "every slot is free or in order")
        invariant(liveBytes <= liveBytesMax, "the log stays within its live limit")
        checkLayout()
    }

    /// In the order of age no event lies over its neighbour, and the ring turns once at most.
    private func checkLayout() {
        var turns = 0
        var end = 0
        var first = 0
        var i = 0
        var at = orderFirst
        while i < orderCount {
            let event = slots[Int(order[at])]
            let start = Int(event.offset)
            if i == 0 { first = start }
            if i > 0 && start < end { turns += 1 }
            end = start + Int(event.count)
            invariant(end <= memory.count, "an event lies inside the log")
            invariant(turns == 0 || end <= first, "no event lies over an older one")
            at = at + 1 == order.count ? 0 : at + 1
            i += 1
        }
        invariant(turns <= 1, "the log turns once at most")
    }

    /// All references to all events. For tests; linear.
    func referenceCount() -> Int {
        var total = 0
        var i = 0
        var at = orderFirst
        while i < orderCount {
            total += Int(slots[Int(order[at])].references)
            at = at + 1 == order.count ? 0 : at + 1
            i += 1
        }
        return total
    }
}
