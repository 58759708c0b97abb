// What a state file says about itself, before its records: which generation it is, the clocks at
// the moment that all its spans count from, and the figures that go on over a restart. Written by
// StateWriter, read by StateReader; the store loop fills it in when a snapshot begins.

public struct StateHeader: BitwiseCopyable {
    /// A reader takes its own version and no later one. Members may be added without a new number:
    /// readers pass over what they do not know.
    public static var version: Int64 { 1 }
    /// The largest whole number that every JSON tool keeps exactly: 2^53 - 1. What is larger is
    /// written as this, and refused by the reader.
    public static var numberMax: Int64 { 9_007_199_254_740_991 }
    /// A file that claims to be later is no file of ours: there must always be a next one.
    public static var generationMax: Int64 { numberMax / 2 }

    /// The file with the highest one is the newest (`StateFiles.nextGeneration`).
    public var generation: UInt64 = 0
    /// Names the boot in which it was written. Empty if the kernel did not tell.
    public var bootId = ShortText<40>()
    /// The moment of the snapshot's begin, by CLOCK_BOOTTIME and by the wall clock.
    public var bootMilliseconds: Int64 = 0
    public var wallMilliseconds: Int64 = 0
    /// The kernel said that the wall clock was synchronised.
    public var isWallSynchronised = false
    /// Time that this installation is known to have lived through, over all starts.
    public var livedMilliseconds: Int64 = 0
    public var starts: UInt64 = 0
    /// Over all starts.
    public var eventsIn: UInt64 = 0
    public var eventsOut: UInt64 = 0
    /// Bytes written to the disk, by purpose (`purposeName`): ever, and in the current day window.
    public var writtenTotal: InlineArray<4, UInt64> = .init(repeating: 0)
    public var writtenToday: InlineArray<4, UInt64> = .init(repeating: 0)
    /// How long ago that window began.
    public var dayAgeMilliseconds: Int64 = 0

    public init() {}

    public static var purposeCount: Int { 4 }

    public static func purposeName(_ index: Int) -> StaticString {
        switch index {
        case 0: "state"
        case 1: "dump"
        case 2: "packages"
        default: "catalogue"
        }
    }

    /// The members of the file's outer object, as they are spelled.
    enum Field: UInt8, BitwiseCopyable {
        case version, generation, boot, bootMilliseconds, wallMilliseconds, isWallSynchronised
        case livedMilliseconds, starts, eventsIn, eventsOut, writtenTotal, writtenToday
        case dayAgeMilliseconds
        case clients, events, digest

        static var count: UInt8 { 16 }
        /// Those before `clients` make the header.
        static var headerMask: UInt32 { 1 << UInt32(Field.clients.rawValue) - 1 }

        var name: StaticString {
            switch self {
            case .version: "version"
            case .generation: "generation"
            case .boot: "boot"
            case .bootMilliseconds: "boot_ms"
            case .wallMilliseconds: "wall_ms"
            case .isWallSynchronised: "wall_is_synchronised"
            case .livedMilliseconds: "lived_ms"
            case .starts: "starts"
            case .eventsIn: "events_in"
            case .eventsOut: "events_out"
            case .writtenTotal: "written_total"
            case .writtenToday: "written_today"
            case .dayAgeMilliseconds: "day_age_ms"
            case .clients: "clients"
            case .events: "events"
            case .digest: "sha256"
            }
        }
    }
}

extension SeenRecord {
    /// The members of a client, as they are spelled.
    enum Field: UInt8, BitwiseCopyable {
        case uid, callsign, team, colour, role, takv, lastType, lastEventAt, ago, isConnected, cut

        static var count: UInt8 { 11 }
        /// All but `cut`, which only stands where a name was cut.
        static var requiredMask: UInt32 { 1 << UInt32(Field.cut.rawValue) - 1 }

        var name: StaticString {
            switch self {
            case .uid: "uid"
            case .callsign: "callsign"
            case .team: "team"
            case .colour: "colour"
            case .role: "role"
            case .takv: "takv"
            case .lastType: "last_type"
            case .lastEventAt: "last_event_ms"
            case .ago: "ago_ms"
            case .isConnected: "is_connected"
            case .cut: "cut"
            }
        }
    }
}

extension KeptRecord {
    /// The members of an event, as they are spelled.
    enum Field: UInt8, BitwiseCopyable {
        case kind, team, address, age, left, event

        static var count: UInt8 { 6 }
        static var requiredMask: UInt32 { 1 << UInt32(count) - 1 }

        var name: StaticString {
            switch self {
            case .kind: "kind"
            case .team: "team"
            case .address: "address"
            case .age: "age_ms"
            case .left: "left_ms"
            case .event: "event"
            }
        }
    }
}
