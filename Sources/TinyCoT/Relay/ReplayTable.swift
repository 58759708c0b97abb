// The picture for late joiners: the last keepable event of each uid and team, byte for byte, until
// its own lifetime (stale − time) has run on the monotonic clock since it arrived. The bytes lie in
// a pool of their own, so that what is kept for hours never touches the log.
//
// Active emergencies are kept here too. Nothing pushes them out but their end; their number is
// limited by the budget, and their bytes by a quarter of the pool: alerts as long as an event may
// be would leave no room for the picture otherwise.
//
// Invariants: an entry is in exactly one bucket and one age list; a free entry in neither.

/// What an entry is: decides the order of replay and who gives way when the table is full.
enum ReplayClass: UInt8, BitwiseCopyable {
    case position, item, emergency
    static var count: Int { 3 }
}

struct ReplayEntry: BitwiseCopyable {
    var key: UInt64 = 0
    var uidHash: UInt64 = 0
    var team: UInt8 = 0
    var kind = ReplayClass.item
    /// As it was when it went out live: a slow newcomer loses it no sooner than others.
    var importance = EventKind.Importance.marker
    var isUsed = false
    /// The client it came from; its generation tells whether that client is still there.
    var owner: UInt32 = 0
    var ownerGeneration: UInt32 = 0
    var ownerAddress = Address()
    /// Number of the event in the order of arrival.
    var sequence: UInt64 = 0
    var receivedAt = Instant.zero
    var endsAt = Instant.zero
    /// Emergencies only: when it is sent again.
    var repeatAt = Instant.never
    var chain = BlockChain()
    fileprivate var nextInBucket = ReplayTable.none
    fileprivate var newer = ReplayTable.none
    fileprivate var older = ReplayTable.none

    func hasSameOwner(as other: ReplayEntry) -> Bool {
        owner == other.owner && ownerGeneration == other.ownerGeneration
    }
}

/// A doubly linked list of entries, newest first.
private struct AgeList: BitwiseCopyable {
    var newest = ReplayTable.none
    var oldest = ReplayTable.none
    var count: UInt32 = 0
}

struct ReplayTable: ~Copyable {
    fileprivate static var none: UInt32 { .max }
    /// Small, because most events are 500 to 900 bytes (protocol 2.5): little is wasted at the end.
    static var blockBytes: Int { 256 }

    private let entries: Slab<ReplayEntry>
    private let buckets: Slab<UInt32>
    var pool: BlockPool
    private var ages: InlineArray<3, AgeList> = .init(repeating: AgeList())
    private var firstFree: UInt32 = ReplayTable.none
    private let emergenciesMax: Int
    private var emergencyBlocks = 0
    private(set) var count = 0
    private(set) var peakCount = 0
    /// Entries that had to give way to newer ones before their time.
    private(set) var evicted: UInt64 = 0

    init(budget: Budget, arena: inout Arena) {
        entries = arena.take(ReplayEntry.self, count: budget.replayEvents)
        var size = 16
        while size < 2 * budget.replayEvents { size *= 2 }
        buckets = arena.take(UInt32.self, count: size)
        pool = BlockPool(
            poolBytes: budget.replayBytes, blockBytes: ReplayTable.blockBytes, arena: &arena)
        emergenciesMax = budget.emergencies
        if arena.isMeasuring { return }
        buckets.fill(ReplayTable.none)
        var i = entries.count
        while i > 0 {
            i -= 1
            entries[i] = ReplayEntry()
            entries[i].nextInBucket = firstFree
            firstFree = UInt32(i)
        }
    }

    var capacity: Int { entries.count }

    func entry(at index: Int) -> ReplayEntry { entries[index] }
    func pointer(at index: Int) -> UnsafeMutablePointer<ReplayEntry> { entries.pointer(at: index) }

    func count(of kind: ReplayClass) -> Int { Int(ages[Int(kind.rawValue)].count) }

    /// Uid and team together: the same uid in two teams is two things.
    static func key(uidHash: UInt64, team: UInt8) -> UInt64 {
        uidHash ^ (UInt64(team) &+ 1) &* 0x9E37_79B9_7F4A_7C15
    }

    private func bucket(_ key: UInt64) -> Int {
        Int(truncatingIfNeeded: key ^ (key >> 32)) & (buckets.count - 1)
    }

    func find(uidHash: UInt64, team: UInt8) -> Int? {
        let key = ReplayTable.key(uidHash: uidHash, team: team)
        var at = buckets[bucket(key)]
        while at != ReplayTable.none {
            if entries[Int(at)].key == key { return Int(at) }
            at = entries[Int(at)].nextInBucket
        }
        return nil
    }

    // MARK: Changing

    /// Keeps `bytes` under the entry's uid and team, in place of what was there. False if there is
    /// no room even after everything less important has gone.
    mutating func store(_ fresh: ReplayEntry, bytes: Slab<UInt8>) -> Bool {
        if pool.blocks(for: bytes.count) > pool.blockCount { return false }
        if let old = find(uidHash: fresh.uidHash, team: fresh.team) { remove(old) }
        if fresh.kind == .emergency {
            while !hasRoomForEmergency(bytes.count) {
                guard let victim = oldestAlertOfTheLoudest(with: fresh) else {
                    return false
                }
                remove(victim)
                evicted += 1
            }
        }
        while firstFree == ReplayTable.none || !pool.hasRoom(for: bytes.count, in: BlockChain()) {
            guard let victim = leastWorthKeeping() else { return false }
            remove(victim)
            evicted += 1
        }
        let index = Int(firstFree)
        firstFree = entries[index].nextInBucket
        var entry = fresh
        entry.key = ReplayTable.key(uidHash: fresh.uidHash, team: fresh.team)
        entry.isUsed = true
        pool.append(bytes, to: &entry.chain)
        if entry.kind == .emergency { emergencyBlocks += pool.blocks(for: bytes.count) }
        entries[index] = entry
        file(index)
        link(index)
        count += 1
        if count > peakCount { peakCount = count }
        return true
    }

    private func hasRoomForEmergency(_ bytes: Int) -> Bool {
        count(of: .emergency) < emergenciesMax
            && 4 * (emergencyBlocks + pool.blocks(for: bytes)) <= pool.blockCount
    }

    /// Where there is no room for an alert, the oldest of whoever has most gives way, if that is
    /// more than one: nobody keeps all the places, and nobody's only alert is silenced.
    private func oldestAlertOfTheLoudest(with newcomer: ReplayEntry) -> Int? {
        var best: Int?
        var most = 1
        var at = ages[Int(ReplayClass.emergency.rawValue)].oldest
        while at != ReplayTable.none {
            let alert = entries[Int(at)]
            // The newcomer's next alert counts, so that it gives way to itself first.
            let weight = alertCount(alert) + (alert.hasSameOwner(as: newcomer) ? 1 : 0)
            if weight > most {
                most = weight
                best = Int(at)
            }
            at = entries[Int(at)].newer
        }
        return best
    }

    /// How many alerts the sender of this one has open.
    private func alertCount(_ alert: ReplayEntry) -> Int {
        var count = 0
        var at = ages[Int(ReplayClass.emergency.rawValue)].oldest
        while at != ReplayTable.none {
            if entries[Int(at)].hasSameOwner(as: alert) { count += 1 }
            at = entries[Int(at)].newer
        }
        return count
    }

    /// The item that was not renewed for longest; positions only when there are no items.
    private func leastWorthKeeping() -> Int? {
        let items = ages[Int(ReplayClass.item.rawValue)].oldest
        if items != ReplayTable.none { return Int(items) }
        let positions = ages[Int(ReplayClass.position.rawValue)].oldest
        return positions == ReplayTable.none ? nil : Int(positions)
    }

    mutating func remove(_ index: Int) {
        invariant(entries[index].isUsed, "only a kept event is removed")
        unlink(index)
        unfile(index)
        if entries[index].kind == .emergency {
            emergencyBlocks -= pool.blocks(for: Int(entries[index].chain.byteCount))
        }
        pool.release(&entries[index].chain)
        entries[index] = ReplayEntry()
        entries[index].nextInBucket = firstFree
        firstFree = UInt32(index)
        count -= 1
    }

    func setRepeat(_ index: Int, at instant: Instant) { entries[index].repeatAt = instant }

    /// Gives the kept events the team numbers of a new configuration; those of teams that are no
    /// more are forgotten.
    mutating func renumberTeams(_ newTeam: InlineArray<64, UInt8>) {
        var i = 0
        while i < entries.count {
            if entries[i].isUsed { unfile(i) }
            i += 1
        }
        i = 0
        while i < entries.count {
            if entries[i].isUsed {
                entries[i].team = Teams.renumbered(entries[i].team, newTeam)
                entries[i].key = ReplayTable.key(
                    uidHash: entries[i].uidHash, team: entries[i].team)
                file(i)
                if entries[i].team == Config.noTeam { remove(i) }
            }
            i += 1
        }
    }

    private func file(_ index: Int) {
        let bucket = bucket(entries[index].key)
        entries[index].nextInBucket = buckets[bucket]
        buckets[bucket] = UInt32(index)
    }

    private func unfile(_ index: Int) {
        let bucket = bucket(entries[index].key)
        if buckets[bucket] == UInt32(index) {
            buckets[bucket] = entries[index].nextInBucket
            return
        }
        var at = Int(buckets[bucket])
        while entries[at].nextInBucket != UInt32(index) { at = Int(entries[at].nextInBucket) }
        entries[at].nextInBucket = entries[index].nextInBucket
    }

    /// Removes what has lived its time; the result is when the next one will have.
    mutating func expire(at now: Instant) -> Instant {
        var next = Instant.never
        if count == 0 { return next }
        var i = 0
        while i < entries.count {
            if entries[i].isUsed {
                if entries[i].endsAt <= now {
                    remove(i)
                } else {
                    next = min(next, entries[i].endsAt)
                }
            }
            i += 1
        }
        return next
    }

    // MARK: Age lists

    private mutating func link(_ index: Int) {
        let list = Int(entries[index].kind.rawValue)
        entries[index].newer = ReplayTable.none
        entries[index].older = ages[list].newest
        if ages[list].newest == ReplayTable.none {
            ages[list].oldest = UInt32(index)
        } else {
            entries[Int(ages[list].newest)].newer = UInt32(index)
        }
        ages[list].newest = UInt32(index)
        ages[list].count += 1
    }

    private mutating func unlink(_ index: Int) {
        let entry = entries[index]
        let list = Int(entry.kind.rawValue)
        if entry.newer == ReplayTable.none {
            ages[list].newest = entry.older
        } else {
            entries[Int(entry.newer)].older = entry.older
        }
        if entry.older == ReplayTable.none {
            ages[list].oldest = entry.newer
        } else {
            entries[Int(entry.older)].newer = entry.newer
        }
        ages[list].count -= 1
    }

    /// Walks everything and stops if the books do not balance. For tests; linear.
    func checkInvariants() {
        var used = 0
        var blocks = 0
        var i = 0
        while i < entries.count {
            let entry = entries[i]
            if entry.isUsed {
                used += 1
                blocks += pool.blocks(for: Int(entry.chain.byteCount))
                invariant(
                    find(uidHash: entry.uidHash, team: entry.team) == i, "an entry can be found")
            }
            i += 1
        }
        invariant(used == count, "kept events add up")
        invariant(blocks == pool.usedCount, "blocks of kept events add up")
    }
}
