// Finds clients by the hash of a name. One index for uids (one client each: the newest connection
// owns a uid), one for callsigns (not unique: protocol 7.1).
// Invariant: a client is in the index at most once, in the bucket of its key.

/// Hash buckets of client numbers, chained through one `next` per client.
struct ClientIndex: ~Copyable {
    private static var end: UInt32 { .max }
    private let buckets: Slab<UInt32>
    private let next: Slab<UInt32>
    /// The key under which a client is filed; 0 when it is not.
    private let keys: Slab<UInt64>

    init(clients: Int, arena: inout Arena) {
        var size = 16
        while size < 2 * clients { size *= 2 }
        buckets = arena.take(UInt32.self, count: size)
        next = arena.take(UInt32.self, count: clients)
        keys = arena.take(UInt64.self, count: clients)
        if !arena.isMeasuring { buckets.fill(ClientIndex.end) }
    }

    private func bucket(_ key: UInt64) -> Int {
        Int(truncatingIfNeeded: key) & (buckets.count - 1)
    }

    /// Files `client` under `key`, or moves it there.
    func insert(_ client: Int, key: UInt64) {
        remove(client)
        invariant(key != 0, "a name has a hash")
        keys[client] = key
        next[client] = buckets[bucket(key)]
        buckets[bucket(key)] = UInt32(client)
    }

    func remove(_ client: Int) {
        let key = keys[client]
        if key == 0 { return }
        keys[client] = 0
        let bucket = bucket(key)
        if buckets[bucket] == UInt32(client) {
            buckets[bucket] = next[client]
            return
        }
        var at = Int(buckets[bucket])
        while next[at] != UInt32(client) { at = Int(next[at]) }
        next[at] = next[client]
    }

    /// The key under which a client is filed, or 0.
    func key(of client: Int) -> UInt64 { keys[client] }

    /// The first client filed under `key`.
    func first(_ key: UInt64) -> Int? { match(buckets[bucket(key)], key) }

    /// The next client with the same key.
    func following(_ client: Int) -> Int? { match(next[client], keys[client]) }

    private func match(_ start: UInt32, _ key: UInt64) -> Int? {
        var at = start
        while at != ClientIndex.end {
            if keys[Int(at)] == key { return Int(at) }
            at = next[Int(at)]
        }
        return nil
    }
}
