// How long the relay takes: from the turn of the loop that read the end of an event to the write
// that took its last byte, once for each client that it went to. Counted in fixed steps, so that
// adding one costs a subtraction and a few comparisons, and no clock: the edge says how late it is
// when it looks anyway (`Relay.noteTime`).
// What is not relayed but made here (pongs, the picture for newcomers, notices) is not in it.

public struct LatencyHistogram: BitwiseCopyable {
    public static var bucketCount: Int { 17 }
    static var nanosecondsPerTick: UInt64 { 10_000 }

    /// By bucket, each without those below it.
    private var counts: InlineArray<17, UInt64> = .init(repeating: 0)
    private var ticks: UInt64 = 0

    public init() {}

    // MARK: Moments

    /// The moment in ticks, for the four bytes that an event has for it. They come round again
    /// after half a day, and no event waits for that long. Never 0: that stands for "not measured".
    static func tick(_ moment: Instant) -> UInt32 {
        let tick = UInt32(
            truncatingIfNeeded: moment.nanoseconds / LatencyHistogram.nanosecondsPerTick)
        return tick == 0 ? 1 : tick
    }

    // MARK: Counting

    @inline(__always)
    mutating func add(from arrivedAt: UInt32, to takenAt: UInt32, times: Int = 1) {
        let span = takenAt &- arrivedAt
        counts[LatencyHistogram.bucket(of: span)] &+= UInt64(times)
        ticks &+= UInt64(span) &* UInt64(times)
    }

    /// The order is that of likelihood.
    private static func bucket(of span: UInt32) -> Int {
        var i = 0
        while i < bucketCount - 1 && span > limit(i) { i += 1 }
        return i
    }

    @inline(__always)
    private static func limit(_ bucket: Int) -> UInt32 {
        switch bucket {
        case 0: 10
        case 1: 25
        case 2: 50
        case 3: 100
        case 4: 250
        case 5: 500
        case 6: 1_000
        case 7: 2_500
        case 8: 5_000
        case 9: 10_000
        case 10: 25_000
        case 11: 50_000
        case 12: 100_000
        case 13: 250_000
        case 14: 500_000
        default: 1_000_000
        }
    }

    // MARK: Reading

    /// The upper limit of a bucket in seconds.
    public static func limitName(_ bucket: Int) -> StaticString {
        switch bucket {
        case 0: "0.0001"
        case 1: "0.00025"
        case 2: "0.0005"
        case 3: "0.001"
        case 4: "0.0025"
        case 5: "0.005"
        case 6: "0.01"
        case 7: "0.025"
        case 8: "0.05"
        case 9: "0.1"
        case 10: "0.25"
        case 11: "0.5"
        case 12: "1"
        case 13: "2.5"
        case 14: "5"
        case 15: "10"
        default: "+Inf"
        }
    }

    /// How many took no longer than the limit of this bucket.
    public func count(upTo bucket: Int) -> UInt64 {
        var sum: UInt64 = 0
        var i = 0
        while i <= bucket {
            sum &+= counts[i]
            i += 1
        }
        return sum
    }

    public var count: UInt64 { count(upTo: LatencyHistogram.bucketCount - 1) }

    public var sumNanoseconds: UInt64 { ticks &* LatencyHistogram.nanosecondsPerTick }
}
