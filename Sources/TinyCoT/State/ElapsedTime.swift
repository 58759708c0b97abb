// How much time has passed since a snapshot was written, decided from what the clocks said then and
// say now (ADR 0009). Called once, at start. It reads no clock itself.

/// What the clocks say at one moment.
public struct ClockReading: BitwiseCopyable {
    /// `/proc/sys/kernel/random/boot_id`, without its line feed. Empty if it cannot be read.
    public var bootId = ShortText<40>()
    /// CLOCK_BOOTTIME: since this boot, sleep included.
    public var bootMilliseconds: Int64 = 0
    public var wallMilliseconds: Int64 = 0
    /// The kernel says that somebody keeps the wall clock right (adjtimex).
    public var isWallSynchronised = false

    public init() {}
}

public struct ElapsedTime: BitwiseCopyable, Equatable, Sendable {
    public enum Evidence: UInt8, BitwiseCopyable, Sendable {
        /// The clock of the boot, which is still the same: exact.
        case sameBoot
        /// The wall clock, which was right then and is right now.
        case wallClocks
        /// Only the time since this boot: at least so much has passed.
        case uptime

        var words: StaticString {
            switch self {
            case .sameBoot: "by the clock of this boot"
            case .wallClocks: "by the wall clock, which was synchronised then and is now"
            case .uptime:
                "at least, which is the time since this boot: no other clock is to be trusted"
            }
        }
    }

    public let milliseconds: Int64
    public let evidence: Evidence

    /// Ten years. Nothing that is kept lives that long; a sum with it never comes near the end of
    /// its type.
    public static var mostMilliseconds: Int64 { 10 * 366 * 86_400_000 }

    public static func since(_ then: StateHeader, now: ClockReading) -> ElapsedTime {
        let uptime = bounded(now.bootMilliseconds)
        if !now.bootId.isEmpty && now.bootId.equals(then.bootId) {
            // A clock that went back within its boot is no clock; then nothing is known.
            let passed = difference(now.bootMilliseconds, then.bootMilliseconds)
            return ElapsedTime(milliseconds: passed, evidence: .sameBoot)
        }
        if then.isWallSynchronised && now.isWallSynchronised {
            let passed = difference(now.wallMilliseconds, then.wallMilliseconds)
            let isForward = now.wallMilliseconds >= then.wallMilliseconds
            if isForward && passed >= uptime {
                return ElapsedTime(milliseconds: passed, evidence: .wallClocks)
            }
        }
        return ElapsedTime(milliseconds: uptime, evidence: .uptime)
    }

    private static func difference(_ later: Int64, _ earlier: Int64) -> Int64 {
        let (passed, isOver) = later.subtractingReportingOverflow(earlier)
        if isOver { return later > earlier ? mostMilliseconds : 0 }
        return bounded(passed)
    }

    private static func bounded(_ span: Int64) -> Int64 { min(max(span, 0), mostMilliseconds) }

    /// For the end of a sentence: `3 min 5 s ago by the clock of this boot`.
    public func write(into writer: inout ByteWriter) {
        let seconds = milliseconds / 1000
        if seconds >= 86_400 {
            part(seconds / 86_400, " d ", &writer)
            part(seconds / 3600 % 24, " h", &writer)
        } else if seconds >= 3600 {
            part(seconds / 3600, " h ", &writer)
            part(seconds / 60 % 60, " min", &writer)
        } else if seconds >= 60 {
            part(seconds / 60, " min ", &writer)
            part(seconds % 60, " s", &writer)
        } else {
            part(seconds, " s", &writer)
        }
        writer.append(" ago ")
        writer.append(evidence.words)
    }

    private func part(_ value: Int64, _ unit: StaticString, _ writer: inout ByteWriter) {
        writer.append(decimal: value)
        writer.append(unit)
    }
}
