// When a canary flies, and when it is given up: the clockwork of the watchdog (ADR 0013). The
// service manager must hear from us once in `timeout`. A canary flies every quarter of that, and
// is given up after another quarter, so that two may be lost before the end. Driven by the edge,
// which makes the connection and tells how it went; has no clock of its own.
//
//   off
//   resting --due--> launch --launched--> flying --returned--> resting for a quarter
//                                           └--lost, or a quarter has passed--> resting for a while

public struct WatchdogSchedule: BitwiseCopyable, Sendable {
    public enum Phase: UInt8, Sendable, BitwiseCopyable { case off, resting, flying }
    public enum Step: UInt8, Sendable, BitwiseCopyable { case nothing, launch, giveUp }

    public private(set) var phase = Phase.off
    /// resting: when the next one flies. flying: when it is given up. off: never.
    public private(set) var deadline = Instant.never
    public private(set) var quarterMilliseconds: Int64 = 0
    /// Lost since the last one that came back.
    public private(set) var lostInARow: UInt32 = 0

    public private(set) var figures = CanaryFigures()
    private var launchedAt = Instant.zero

    /// Turned off.
    public init() {}

    /// - Parameter timeoutMicroseconds: as WATCHDOG_USEC says it.
    public init(timeoutMicroseconds: UInt64, now: Instant) {
        phase = .resting
        figures.isOn = true
        deadline = now
        quarterMilliseconds = Int64(clamping: timeoutMicroseconds / 4_000)
        // Faster than this would be work for nothing; no service manager asks for it.
        quarterMilliseconds = max(quarterMilliseconds, WatchdogSchedule.leastMilliseconds)
    }

    private static var leastMilliseconds: Int64 { 50 }
    private static var againMilliseconds: Int64 { 1_000 }

    public func step(now: Instant) -> Step {
        if now < deadline { return .nothing }
        switch phase {
        case .off: return .nothing
        case .resting: return .launch
        case .flying: return .giveUp
        }
    }

    public mutating func launched(now: Instant) {
        invariant(phase == .resting, "one canary flies at a time")
        phase = .flying
        launchedAt = now
        figures.flown &+= 1
        deadline = now.after(milliseconds: quarterMilliseconds)
    }

    public mutating func returned(now: Instant) {
        invariant(phase == .flying, "only what flies comes back")
        phase = .resting
        lostInARow = 0
        figures.returned &+= 1
        figures.roundTripNanoseconds = now.nanoseconds &- launchedAt.nanoseconds
        deadline = now.after(milliseconds: quarterMilliseconds)
    }

    /// It did not come back, or could not be sent. The next one soon, but not at once.
    public mutating func lost(now: Instant) {
        if phase == .off { return }
        phase = .resting
        figures.lost &+= 1
        lostInARow &+= 1
        deadline = now.after(
            milliseconds: min(quarterMilliseconds, WatchdogSchedule.againMilliseconds))
    }

    /// What was counted stays.
    public mutating func stop() {
        var counted = figures
        counted.isOn = false
        self = WatchdogSchedule()
        figures = counted
    }
}

/// What became of the canaries, for who watches from outside.
public struct CanaryFigures: BitwiseCopyable, Equatable, Sendable {
    public internal(set) var isOn = false
    public internal(set) var flown: UInt64 = 0
    public internal(set) var returned: UInt64 = 0
    public internal(set) var lost: UInt64 = 0
    /// Of the last one that came back.
    public internal(set) var roundTripNanoseconds: UInt64 = 0

    public init() {}
}
