// The figures of the relay at one moment, for who watches from outside: counts and sizes, no name
// and no byte of anybody, so there is no wall to be kept in front of them.

public struct RelayFigures: BitwiseCopyable {
    public internal(set) var totals = RelayTotals()
    public internal(set) var replayEvicted: UInt64 = 0
    public internal(set) var latency = LatencyHistogram()
    public internal(set) var traffic = TrafficHistory()
    /// The relay knows of no watchdog: the edge fills these in.
    public var canary = CanaryFigures()
    /// By number, as `Relay.pool` counts them.
    public internal(set) var pools: InlineArray<9, PoolUse>

    init(of relay: borrowing Relay) {
        invariant(Relay.poolCount == 9, "every pool has its figures")
        pools = .init(repeating: PoolUse(name: "", used: 0, peak: 0, limit: 0))
        var i = 0
        while let pool = relay.pool(i) {
            pools[i] = pool
            i += 1
        }
        totals = relay.totals
        replayEvicted = relay.replayEvicted
        latency = relay.latency
        traffic = relay.traffic
    }
}
