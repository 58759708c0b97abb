// Two clocks that are never mixed. `Instant` is monotonic and decides every deadline, because a
// board without a battery clock may believe that it is 1970. `WallTime` is only ever written into
// events that the server makes itself.

/// A moment on the monotonic clock, in nanoseconds since an arbitrary start.
public struct Instant: BitwiseCopyable, Comparable, Sendable {
    public var nanoseconds: UInt64

    @inline(__always)
    public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

    /// Later than every deadline: "no deadline".
    public static var never: Instant { Instant(nanoseconds: .max) }
    public static var zero: Instant { Instant(nanoseconds: 0) }

    @inline(__always)
    public static func < (a: Instant, b: Instant) -> Bool { a.nanoseconds < b.nanoseconds }

    /// Saturates at `never`, so adding to "no deadline" stays "no deadline".
    @inline(__always)
    public func after(milliseconds: Int64) -> Instant {
        if milliseconds <= 0 { return self }
        let (product, lost) = UInt64(milliseconds).multipliedReportingOverflow(by: 1_000_000)
        let (sum, carried) = nanoseconds.addingReportingOverflow(product)
        return lost || carried ? .never : Instant(nanoseconds: sum)
    }

    @inline(__always)
    public func after(seconds: Int) -> Instant { after(milliseconds: Int64(seconds) * 1000) }

    /// For reckoning with moments that lie before the clock's begin.
    @inline(__always)
    var signedMilliseconds: Int64 { Int64(nanoseconds / 1_000_000) }

    /// Whole milliseconds since `earlier`; 0 if `earlier` lies ahead.
    @inline(__always)
    public func milliseconds(since earlier: Instant) -> Int64 {
        earlier.nanoseconds >= nanoseconds
            ? 0 : Int64((nanoseconds - earlier.nanoseconds) / 1_000_000)
    }
}

/// Wall-clock time in milliseconds since 1970-01-01T00:00:00Z.
public struct WallTime: BitwiseCopyable, Comparable, Sendable {
    public var milliseconds: Int64

    @inline(__always)
    public init(milliseconds: Int64) { self.milliseconds = milliseconds }

    @inline(__always)
    public static func < (a: WallTime, b: WallTime) -> Bool { a.milliseconds < b.milliseconds }

    @inline(__always)
    public func adding(milliseconds more: Int64) -> WallTime {
        WallTime(milliseconds: milliseconds &+ more)
    }
}
