// Who is here, and who was not long ago: what lists of contacts show of those who have gone, and
// what a restart has to know to tell the others who has not come back. Asked and kept by the relay.
//
// One record a uid and team: the same uid in two teams is two. The budget says how many of those
// who have gone are remembered; each connected client has a place besides, so that nobody who is
// here ever gives way. A record stays in its slot while it lives: who walks them in pages meets it
// once. The table is small and asked when somebody comes or goes, so it is searched from its begin.
//
// States of a record:   connected --leaves--> gone --comes back--> connected
//   after a restart:    awaited --comes back--> connected;  awaited --does not--> gone

/// The texts are those of the last report in that team: what a client says of itself in its next
/// team is not to be read in the lists of the one that it left.
struct SeenClient: BitwiseCopyable {
    enum State: UInt8, BitwiseCopyable { case gone, connected, awaited }

    var uid = NameText()
    var callsign = NameText()
    var takv = NameText()
    var colour = ShortText<24>()
    var role = ShortText<24>()
    var lastType = ShortText<24>()
    var team: UInt8 = 0
    fileprivate(set) var state = State.gone
    /// It comes from before the start, and nothing has been heard of it since.
    var isRestored = false
    /// Connected: the place of its client.
    fileprivate(set) var holder: UInt32 = 0
    var lastEventAt = WallTime(milliseconds: 0)
    /// When it was last connected, on the monotonic clock: below zero if before the clock's begin.
    var seenAt: Int64 = 0
    /// Which change of the state it was when it left; 0 if that was before the start.
    var leftWith: UInt64 = 0
}

struct SeenClients: ~Copyable {
    private let records: Slab<SeenClient>
    /// Apart from the records, so that a search runs over little memory. 0 is a free slot.
    private let uidHashes: Slab<UInt64>
    let goneMax: Int
    private var counts: InlineArray<3, Int> = .init(repeating: 0)
    private(set) var peakGone = 0

    init(budget: Budget, arena: inout Arena) {
        goneMax = budget.seenClients
        records = arena.take(SeenClient.self, count: budget.seenClients + budget.clients)
        uidHashes = arena.take(UInt64.self, count: budget.seenClients + budget.clients)
    }

    var capacity: Int { records.count }
    var count: Int { counts[0] + counts[1] + counts[2] }
    var isFull: Bool { count == records.count }

    func count(of state: SeenClient.State) -> Int { counts[Int(state.rawValue)] }

    func isUsed(_ slot: Int) -> Bool { uidHashes[slot] != 0 }
    func uidHash(at slot: Int) -> UInt64 { uidHashes[slot] }
    func pointer(at slot: Int) -> UnsafeMutablePointer<SeenClient> { records.pointer(at: slot) }

    // MARK: Finding

    func find(uidHash: UInt64, team: UInt8) -> Int? {
        var slot = first(uidHash, from: 0)
        while let found = slot {
            if records[found].team == team { return found }
            slot = first(uidHash, from: found + 1)
        }
        return nil
    }

    /// The first record of a uid, in whatever team, at `from` or behind it.
    func first(_ uidHash: UInt64, from: Int) -> Int? {
        var slot = from
        while slot < uidHashes.count {
            if uidHashes[slot] == uidHash { return slot }
            slot += 1
        }
        return nil
    }

    func first(in state: SeenClient.State, from: Int) -> Int? {
        if counts[Int(state.rawValue)] == 0 { return nil }
        var slot = from
        while slot < records.count {
            if isUsed(slot) && records.pointer(at: slot).pointee.state == state { return slot }
            slot += 1
        }
        return nil
    }

    /// The one in that state that was not seen for longest.
    func oldest(in state: SeenClient.State) -> Int? {
        var best: Int?
        var seenAt = Int64.max
        var slot = first(in: state, from: 0)
        while let found = slot {
            if records.pointer(at: found).pointee.seenAt < seenAt {
                best = found
                seenAt = records.pointer(at: found).pointee.seenAt
            }
            slot = first(in: state, from: found + 1)
        }
        return best
    }

    // MARK: Changing

    /// A new record, gone until it is said otherwise. The caller has made room.
    mutating func insert(uidHash: UInt64, team: UInt8) -> Int {
        invariant(uidHash != 0, "a name has a hash")
        guard let slot = first(0, from: 0) else { invariantBroken("a seen client finds a place") }
        uidHashes[slot] = uidHash
        records[slot] = SeenClient()
        records[slot].team = team
        counts[Int(SeenClient.State.gone.rawValue)] += 1
        return slot
    }

    mutating func remove(_ slot: Int) {
        invariant(isUsed(slot), "only a record in use is removed")
        counts[Int(records[slot].state.rawValue)] -= 1
        uidHashes[slot] = 0
    }

    mutating func setConnected(_ slot: Int, holder: Int) {
        change(slot, to: .connected)
        records[slot].holder = UInt32(holder)
        records[slot].isRestored = false
    }

    mutating func setAwaited(_ slot: Int) { change(slot, to: .awaited) }

    /// It is gone. Of those there are never more than the budget says: the one that was not seen
    /// for longest is forgotten.
    mutating func setGone(_ slot: Int) {
        change(slot, to: .gone)
        if count(of: .gone) > goneMax, let oldest = oldest(in: .gone) { remove(oldest) }
        peakGone = max(peakGone, count(of: .gone))
    }

    private mutating func change(_ slot: Int, to state: SeenClient.State) {
        invariant(isUsed(slot), "only a record in use changes")
        counts[Int(records[slot].state.rawValue)] -= 1
        records[slot].state = state
        counts[Int(state.rawValue)] += 1
    }

    /// Forgets those who left before `bound`. The result is when the next one of the others left.
    mutating func expire(before bound: Int64) -> Int64? {
        var next: Int64?
        var slot = first(in: .gone, from: 0)
        while let found = slot {
            let seenAt = records.pointer(at: found).pointee.seenAt
            if seenAt <= bound {
                remove(found)
            } else {
                next = min(next ?? seenAt, seenAt)
            }
            slot = first(in: .gone, from: found + 1)
        }
        return next
    }

    /// Gives the records the team numbers of a new configuration; those of teams that are no more
    /// are forgotten.
    mutating func renumberTeams(_ newTeam: InlineArray<64, UInt8>) {
        var slot = 0
        while slot < records.count {
            if isUsed(slot) {
                records[slot].team = Teams.renumbered(records[slot].team, newTeam)
                if records[slot].team == Config.noTeam { remove(slot) }
            }
            slot += 1
        }
    }

    /// For tests; quadratic.
    func checkInvariants() {
        var used: InlineArray<3, Int> = .init(repeating: 0)
        var slot = 0
        while slot < records.count {
            if isUsed(slot) {
                used[Int(records[slot].state.rawValue)] += 1
                invariant(
                    find(uidHash: uidHashes[slot], team: records[slot].team) == slot,
                    "a uid is seen once in a team")
            }
            slot += 1
        }
        var i = 0
        while i < 3 {
            invariant(used[i] == counts[i], "seen clients add up")
            i += 1
        }
        invariant(count(of: .gone) <= goneMax, "those who have gone stay within their limit")
    }
}
