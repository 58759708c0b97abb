// How much was relayed in each of the last minutes' seconds, for a small plot. Fixed steps of the
// monotonic clock; nothing wakes the relay for it: what was counted since the last look belongs to
// the turn in which that look was, and steps in which the relay slept are empty.

public struct TrafficHistory: BitwiseCopyable {
    /// Five minutes.
    public static var stepCount: Int { 150 }
    public static var stepSeconds: UInt64 { 2 }

    private var received: InlineArray<150, UInt32> = .init(repeating: 0)
    private var sent: InlineArray<150, UInt32> = .init(repeating: 0)
    /// Number of the step that is under way, from the beginning of the clock; its place in the
    /// rings is the rest of the division by their length.
    private var newest: UInt64 = 0
    private var receivedBefore: UInt64 = 0
    private var sentBefore: UInt64 = 0

    public init() {}

    /// - Parameter received: events since the start; it never falls. The same for `sent`.
    mutating func note(received total: UInt64, sent sentTotal: UInt64, at now: Instant) {
        let place = Int(newest % UInt64(TrafficHistory.stepCount))
        received[place] = TrafficHistory.sum(received[place], total &- receivedBefore)
        sent[place] = TrafficHistory.sum(sent[place], sentTotal &- sentBefore)
        receivedBefore = total
        sentBefore = sentTotal
        let number = now.nanoseconds / (TrafficHistory.stepSeconds * 1_000_000_000)
        if number > newest { begin(number) }
    }

    private static func sum(_ count: UInt32, _ more: UInt64) -> UInt32 {
        UInt32(clamping: UInt64(count) + min(more, UInt64(UInt32.max)))
    }

    private mutating func begin(_ number: UInt64) {
        var left = min(number - newest, UInt64(TrafficHistory.stepCount))
        while left > 0 {
            left -= 1
            let place = Int((number - left) % UInt64(TrafficHistory.stepCount))
            received[place] = 0
            sent[place] = 0
        }
        newest = number
    }

    /// Of a step that is over, `ago` steps before the one under way: 1 ..< `stepCount`.
    public func received(ago: Int) -> UInt32 { received[place(ago)] }
    public func sent(ago: Int) -> UInt32 { sent[place(ago)] }

    private func place(_ ago: Int) -> Int {
        let count = TrafficHistory.stepCount
        invariant(ago > 0 && ago < count, "a step is one of those that are kept")
        return (Int(newest % UInt64(count)) + count - ago) % count
    }
}
