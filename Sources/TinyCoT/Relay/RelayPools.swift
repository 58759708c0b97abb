// How much of each pool is used: for `status`, so that an operator sees a limit coming.

extension Relay {
    public static var poolCount: Int { 9 }

    /// Pool number `index`; nil after the last.
    public func pool(_ index: Int) -> PoolUse? {
        switch index {
        case 0:
            PoolUse(
                name: "clients", used: connectedClients, peak: peakClients,
                limit: budget.clients)
        case 1:
            PoolUse(
                name: "event_log_bytes", used: log.liveBytes, peak: log.peakLiveBytes,
                limit: log.liveBytesMax)
        case 2:
            PoolUse(
                name: "event_log_events", used: log.liveEvents, peak: log.peakLiveEvents,
                limit: log.liveEventsMax)
        case 3:
            PoolUse(
                name: "receive_blocks", used: receivePool.usedCount, peak: receivePool.peakUsed,
                limit: receivePool.blockCount)
        case 4:
            PoolUse(
                name: "replay_events", used: replayTable.count, peak: replayTable.peakCount,
                limit: replayTable.capacity)
        case 5:
            PoolUse(
                name: "replay_blocks", used: replayTable.pool.usedCount,
                peak: replayTable.pool.peakUsed, limit: replayTable.pool.blockCount)
        case 6:
            PoolUse(
                name: "emergencies", used: replayTable.count(of: .emergency),
                peak: peakEmergencies, limit: budget.emergencies)
        case 7:
            PoolUse(
                name: "seen_clients", used: seen.count(of: .gone), peak: seen.peakGone,
                limit: budget.seenClients)
        case 8:
            PoolUse(
                name: "dump_ring_bytes", used: feed.usedBytes, peak: feed.peakBytes,
                limit: budget.dumpRingBytes)
        default: nil
        }
    }

    /// Kept events that had to give way to newer ones before their time.
    public var replayEvicted: UInt64 { replayTable.evicted }
}
