// How much has been written to the disk, for what, and whether more may be: SD cards die of being
// written to. The store loop, which alone writes, asks before and notes after. A day is a span of
// the monotonic clock and goes on over a restart (the state file carries it); what was written
// since the last state file is not known after a kill.
// Who may go on when a day's bytes run out: the dump stops at a half of them, packages at seven
// eighths, so that the state, which is small, always finds room.
// Invariant: a purpose that may write may do so for every more important purpose, too.

/// What bytes are written for.
public enum WritePurpose: UInt8, BitwiseCopyable, Sendable {
    case state, dump, packages, catalogue

    public static var count: Int { 4 }

    public var name: StaticString {
        switch self {
        case .state: "state"
        case .packages: "packages"
        case .catalogue: "catalogue"
        case .dump: "dump"
        }
    }

    /// Its share of a day's bytes, in eighths, with everything that was written before it.
    var eighths: Int {
        switch self {
        case .state: 8
        case .packages, .catalogue: 7
        case .dump: 4
        }
    }
}

/// What a state file keeps of the ledger.
public struct WrittenBytes: BitwiseCopyable {
    /// By `WritePurpose.rawValue`: since the installation, and in the present day.
    public var total: InlineArray<4, UInt64> = .init(repeating: 0)
    public var today: InlineArray<4, UInt64> = .init(repeating: 0)
    /// How much of the day is over.
    public var dayAgeMilliseconds: Int64 = 0

    public init() {}
}

public struct WriteLedger: BitwiseCopyable {
    private let bytesPerDay: Int
    private var written = WrittenBytes()
    private var dayEndsAt: Instant

    static var dayMilliseconds: Int64 { 86_400_000 }

    public init(bytesPerDay: Int, now: Instant) {
        self.bytesPerDay = bytesPerDay
        dayEndsAt = now.after(milliseconds: WriteLedger.dayMilliseconds)
    }

    /// Goes on where an earlier life of the daemon stood. What this one has written already counts.
    /// - Parameter elapsedMilliseconds: how long ago that was, at least.
    public mutating func resume(_ earlier: WrittenBytes, elapsedMilliseconds: Int64, now: Instant) {
        let age = max(0, earlier.dayAgeMilliseconds).addingReportingOverflow(
            max(0, elapsedMilliseconds))
        let isOver = age.overflow || age.partialValue >= WriteLedger.dayMilliseconds
        var i = 0
        while i < WritePurpose.count {
            written.total[i] = WriteLedger.sum(written.total[i], earlier.total[i])
            if !isOver { written.today[i] = WriteLedger.sum(written.today[i], earlier.today[i]) }
            i += 1
        }
        if isOver { return }
        dayEndsAt = now.after(milliseconds: WriteLedger.dayMilliseconds - age.partialValue)
    }

    /// May so many bytes be written for this now?
    public func mayWrite(_ bytes: Int64, for purpose: WritePurpose, now: Instant) -> Bool {
        bytes <= remaining(for: purpose, now: now)
    }

    /// How many bytes may still be written for this, today.
    public func remaining(for purpose: WritePurpose, now: Instant) -> Int64 {
        let share = UInt64(bytesPerDay / 8 * purpose.eighths)
        let used = now < dayEndsAt ? usedToday : 0
        return used >= share ? 0 : Int64(clamping: share - used)
    }

    public mutating func note(_ bytes: Int64, for purpose: WritePurpose, now: Instant) {
        invariant(bytes >= 0, "nothing is ever unwritten")
        beginDay(now)
        let place = Int(purpose.rawValue)
        written.total[place] = WriteLedger.sum(written.total[place], UInt64(bytes))
        written.today[place] = WriteLedger.sum(written.today[place], UInt64(bytes))
    }

    /// For the state file and for `status`.
    public func report(now: Instant) -> WrittenBytes {
        var current = self
        current.beginDay(now)
        current.written.dayAgeMilliseconds =
            WriteLedger.dayMilliseconds - current.dayEndsAt.milliseconds(since: now)
        return current.written
    }

    /// Seconds until there may be written again what is refused today.
    public func secondsToWait(now: Instant) -> Int {
        Int(dayEndsAt.milliseconds(since: now) / 1_000) + 1
    }

    private var usedToday: UInt64 {
        var sum: UInt64 = 0
        var i = 0
        while i < WritePurpose.count {
            sum = WriteLedger.sum(sum, written.today[i])
            i += 1
        }
        return sum
    }

    private mutating func beginDay(_ now: Instant) {
        if now < dayEndsAt { return }
        written.today = .init(repeating: 0)
        // Days follow one another without a gap, however long nobody asked.
        let late = now.milliseconds(since: dayEndsAt) % WriteLedger.dayMilliseconds
        dayEndsAt = now.after(milliseconds: WriteLedger.dayMilliseconds - late)
    }

    /// A damaged figure must not stop the program.
    private static func sum(_ a: UInt64, _ b: UInt64) -> UInt64 {
        let (sum, isTooMuch) = a.addingReportingOverflow(b)
        return isTooMuch ? .max : sum
    }
}
