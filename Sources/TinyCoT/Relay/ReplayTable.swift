// The picture for late joiners: the last keepable event of each uid and team, byte for byte, until
// its own lifetime (stale − time) has run on the monotonic clock since it arrived. The bytes lie in
// a pool of their own, so that what is kept for hours never touches the log.
//
// Active emergencies are kept here too. Nothing pushes them out but their end; their number is
// limited by the budget, and their bytes by a quarter of the pool: alerts as long as an event may
// be would leave no room for the picture otherwise.
//
// An entry that is renewed stays in its slot, whoever gives way for it: who walks the slots in
// pages while the table changes meets it exactly once.
//
// Invariants: an entry is in exactly one bucket and one age list; a free entry in neither. Each age
// list is in the order in which its events arrived, also those that arrived before a restart.

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
    /// It was taken over from before the start.
    var isRestored = false
    /// The client it came from; its generation tells whether that client is still there. A restored
    /// one has none: whoever sits in that place today did not send it.
    var owner: UInt32 = ReplayEntry.noOwner
    var ownerGeneration: UInt32 = 0
    var ownerAddress = Address()
    /// Number of the event in the order of arrival; 0 if it was restored while newcomers waited.
    var sequence: UInt64 = 0
    var receivedAt = Instant.zero
    /// How old it was then: 0, or what it had lived before a restart. A span, because that moment
    /// may lie before the monotonic clock began.
    var ageBefore: Int64 = 0
    var endsAt = Instant.zero
    /// Emergencies only: when it is sent again.
    var repeatAt = Instant.never
    var chain = BlockChain()
    fileprivate var nextInBucket = ReplayTable.none
    fileprivate var newer = ReplayTable.none
    fileprivate var older = ReplayTable.none

    static var noOwner: UInt32 { .max }

    var hasOwner: Bool { owner != ReplayEntry.noOwner }

    /// Nobody is the same as nobody: of two restored alerts it is not known who sent them.
    func hasSameOwner(as other: ReplayEntry) -> Bool {
        hasOwner && owner == other.owner && ownerGeneration == other.ownerGeneration
    }

    /// Milliseconds since it first arrived, here or before a restart.
    func age(at now: Instant) -> Int64 { now.milliseconds(since: receivedAt) + ageBefore }

    /// The moment of its first arrival on the monotonic clock, below zero if before its begin.
    fileprivate var born: Int64 { receivedAt.signedMilliseconds - ageBefore }
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

    /// Keeps `bytes` under the entry's uid and team, in place of what was there and in its slot.
    /// False if there is no room even after everything less important has gone.
    mutating func store(_ fresh: ReplayEntry, bytes: Slab<UInt8>) -> Bool {
        if pool.blocks(for: bytes.count) > pool.blockCount { return false }
        var place = ReplayTable.none
        if let old = find(uidHash: fresh.uidHash, team: fresh.team) {
            remove(old)
            // What has just been removed is the first free one. It is set aside, so that nobody
            // who gives way below puts another in front of it.
            place = takeFree()
        }
        guard makeRoom(for: fresh, bytes.count, hasPlace: place != ReplayTable.none) else {
            if place != ReplayTable.none { giveBack(place) }
            return false
        }
        if place == ReplayTable.none { place = takeFree() }
        fill(Int(place), fresh, bytes)
        return true
    }

    /// Could this be kept without anybody giving way?
    func hasRoom(for fresh: ReplayEntry, bytes: Int) -> Bool {
        if fresh.kind == .emergency && !hasRoomForEmergency(bytes) { return false }
        return firstFree != ReplayTable.none && pool.hasRoom(for: bytes, in: BlockChain())
    }

    private mutating func makeRoom(
        for fresh: ReplayEntry, _ bytes: Int, hasPlace: Bool
    ) -> Bool {
        if fresh.kind == .emergency {
            while !hasRoomForEmergency(bytes) {
                guard let victim = oldestAlertOfTheLoudest(with: fresh) else {
                    return false
                }
                remove(victim)
                evicted += 1
            }
        }
        while (firstFree == ReplayTable.none && !hasPlace)
            || !pool.hasRoom(for: bytes, in: BlockChain())
        {
            guard let victim = leastWorthKeeping() else { return false }
            remove(victim)
            evicted += 1
        }
        return true
    }

    private mutating func fill(_ index: Int, _ fresh: ReplayEntry, _ bytes: Slab<UInt8>) {
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
    }

    private mutating func takeFree() -> UInt32 {
        invariant(firstFree != ReplayTable.none, "a slot is taken where there is a free one")
        let place = firstFree
        firstFree = entries[Int(place)].nextInBucket
        return place
    }

    private mutating func giveBack(_ place: UInt32) {
        entries[Int(place)].nextInBucket = firstFree
        firstFree = place
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
        giveBack(UInt32(index))
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

    /// Files an entry behind all that arrived no later than it did. What arrives live is the newest
    /// at once; only what is restored has to look for its place.
    private mutating func link(_ index: Int) {
        let list = Int(entries[index].kind.rawValue)
        let born = entries[index].born
        var newer = ReplayTable.none
        var older = ages[list].newest
        while older != ReplayTable.none && entries[Int(older)].born > born {
            newer = older
            older = entries[Int(older)].older
        }
        entries[index].newer = newer
        entries[index].older = older
        if older == ReplayTable.none {
            ages[list].oldest = UInt32(index)
        } else {
            entries[Int(older)].newer = UInt32(index)
        }
        if newer == ReplayTable.none {
            ages[list].newest = UInt32(index)
        } else {
            entries[Int(newer)].older = UInt32(index)
        }
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
                invariant(
                    entry.newer == ReplayTable.none
                        || entries[Int(entry.newer)].born >= entry.born,
                    "an age list is in the order of arrival")
            }
            i += 1
        }
        invariant(used == count, "kept events add up")
        invariant(blocks == pool.usedCount, "blocks of kept events add up")
    }
}
