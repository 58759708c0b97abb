// What the relay has counted since it started. Shown by `status`.

public struct RelayTotals: BitwiseCopyable {
    public internal(set) var eventsIn: UInt64 = 0
    public internal(set) var bytesIn: UInt64 = 0
    public internal(set) var eventsOut: UInt64 = 0
    public internal(set) var bytesOut: UInt64 = 0
    /// Pings, pongs, negotiation, metrics and the like: consumed, by rule.
    public internal(set) var swallowed: UInt64 = 0
    public internal(set) var pongs: UInt64 = 0
    public internal(set) var heartbeats: UInt64 = 0
    public internal(set) var replayed: UInt64 = 0
    /// Directed events whose addressee is not here (or not visible): nobody got them.
    public internal(set) var undeliverable: UInt64 = 0
    /// Keepable events for which the table had no room.
    public internal(set) var notKept: UInt64 = 0
    /// Kept events taken over from before the start, and clients that did not come back after it.
    public internal(set) var restored: UInt64 = 0
    public internal(set) var notReturned: UInt64 = 0
    public internal(set) var admitted: UInt64 = 0
    /// By `Refusal.rawValue`.
    public internal(set) var refused: InlineArray<24, UInt64> = .init(repeating: 0)
    /// By `AdmissionRefusal.rawValue`.
    public internal(set) var admissionRefused: InlineArray<4, UInt64> = .init(repeating: 0)
    /// By `CloseReason.rawValue`.
    public internal(set) var closed: InlineArray<9, UInt64> = .init(repeating: 0)
    /// By `QueueDrop.rawValue`.
    public internal(set) var drops: InlineArray<7, UInt64> = .init(repeating: 0)

    public init() {
        invariant(Refusal.count <= 24, "every refusal has its counter")
        invariant(AdmissionRefusal.count == 4, "every admission refusal has its counter")
        invariant(CloseReason.count == 9, "every close reason has its counter")
        invariant(QueueDrop.count == 7, "every drop has its counter")
    }

    var refusedSum: UInt64 {
        var sum: UInt64 = 0
        var i = 0
        while i < Refusal.count {
            sum &+= refused[i]
            i += 1
        }
        return sum
    }

    var dropSum: UInt64 {
        var sum: UInt64 = 0
        var i = 0
        while i < QueueDrop.count {
            sum &+= drops[i]
            i += 1
        }
        return sum
    }
}

/// How much of one pool is used, was used at most, and can be.
public struct PoolUse: BitwiseCopyable {
    public let name: StaticString
    public let used: Int
    public let peak: Int
    public let limit: Int

    public init(name: StaticString, used: Int, peak: Int, limit: Int) {
        self.name = name
        self.used = used
        self.peak = peak
        self.limit = limit
    }
}
