// When each recorded event is due in a replay. Called by `replay` for one event after the other;
// the caller waits. The recorder's own clock decides; in files without one, the time that each
// event says. Time never goes backwards: an event that says an earlier time than one before it is
// due at once, and so is the first event after a change of clocks.
// recorded ≤ recordedMax; it never decreases.

public struct ReplayPace: BitwiseCopyable {
    /// 0 is as fast as possible.
    private let speedThousandths: Int64
    private let gapMilliseconds: Int64
    private var timeline: UInt64?
    /// The latest time seen of this clock.
    private var latest: Int64 = 0
    /// Milliseconds of the recording that lie before the next event.
    public private(set) var recorded: Int64 = 0

    /// A hundred years.
    private static var recordedMax: Int64 { 3_155_760_000_000 }

    /// - Parameter gapMilliseconds: silence in the recording that is longer is cut to this.
    public init(speedThousandths: Int64, gapMilliseconds: Int64?) {
        self.speedThousandths = speedThousandths
        self.gapMilliseconds = min(gapMilliseconds ?? .max, ReplayPace.recordedMax)
    }

    /// How long after the beginning of the replay this event is due.
    public mutating func microseconds(for event: DumpEvent) -> Int64 {
        if let clock = event.metadata.clockMilliseconds {
            advance(to: clock, of: event.timeline)
        } else if let time = event.time {
            advance(to: time.milliseconds, of: ReplayPace.wallTimeline)
        }
        if !isTimed { return 0 }
        return min(
            recorded * 1_000_000 / speedThousandths, ReplayPace.recordedMax * 1_000)
    }

    /// There is a pace to keep.
    public var isTimed: Bool { speedThousandths > 0 }

    /// No hash of a boot is likely to be this one.
    private static var wallTimeline: UInt64 { .max }

    private mutating func advance(to time: Int64, of timeline: UInt64) {
        if self.timeline != timeline {
            self.timeline = timeline
            latest = time
            return
        }
        if time <= latest { return }
        let gap = min(time - latest, gapMilliseconds)
        recorded = min(recorded + gap, ReplayPace.recordedMax)
        latest = time
    }

    /// A number of thousandths from text like `1`, `0.5` or `1000`; at most `maximum` whole ones.
    /// nil if it is anything else.
    public static func thousandths(_ text: Slab<UInt8>, maximum: Int64) -> Int64? {
        var value: Int64 = 0
        var fractionDigits = -1
        var i = 0
        while i < text.count {
            let byte = text[i]
            i += 1
            if byte == UInt8(ascii: ".") && fractionDigits < 0 && i > 1 && i < text.count {
                fractionDigits = 0
                continue
            }
            let digit = byte &- UInt8(ascii: "0")
            if digit > 9 || fractionDigits == 3 { return nil }
            value = value * 10 + Int64(digit)
            if fractionDigits >= 0 { fractionDigits += 1 }
            if value > maximum * 1_000 { return nil }
        }
        if text.count == 0 { return nil }
        while fractionDigits < 3 {
            value *= 10
            fractionDigits = max(fractionDigits, 0) + 1
        }
        return value <= maximum * 1_000 ? value : nil
    }
}
