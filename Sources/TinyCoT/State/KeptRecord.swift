// What passes between the relay and the store loop when the picture is written to the disk, and
// again when it comes back after a start: kept events and recently seen clients, as plain values.
// Times are spans, never moments: a span means the same after a reboot (ADR 0009).

/// One kept event. Its bytes lie in the memory of the question that carries it.
public struct KeptRecord: BitwiseCopyable {
    public enum Kind: UInt8, BitwiseCopyable, Sendable {
        /// The position of a client, an item that somebody placed, an open alert.
        case position, item, emergency

        public static var count: UInt8 { 3 }

        /// As the state file spells it.
        public var name: StaticString {
            switch self {
            case .position: "position"
            case .item: "item"
            case .emergency: "emergency"
            }
        }
    }

    public var kind = Kind.item
    /// The team whose event it is, by name: numbers change with the configuration.
    public var team = ShortText<40>()
    /// Where it came from: a phone that comes back is not shown its own old position.
    public var address = Address()
    /// Since it was received, at the moment of the page (`Question.answeredAt`).
    public var ageMilliseconds: Int64 = 0
    /// Until it is forgotten, from the same moment.
    public var leftMilliseconds: Int64 = 0
    /// Where its bytes lie.
    public var offset = 0
    public var count = 0

    public init() {}
}

/// A client that is here, or was not long ago.
public struct SeenRecord: BitwiseCopyable {
    public var uid = NameText()
    public var callsign = NameText()
    /// The team it stood in, by name.
    public var team = ShortText<40>()
    public var colour = ShortText<24>()
    public var role = ShortText<24>()
    /// Platform and version, as in `Client.takv`.
    public var takv = NameText()
    /// The type of its last position: the notice that it left names it (protocol 6.1).
    public var lastType = ShortText<24>()
    /// When its last event came, by our wall clock of that time; only shown.
    public var lastEventAt = WallTime(milliseconds: 0)
    /// Since it was last connected, on the monotonic clock, at the moment of the page; 0 while it
    /// is.
    public var agoMilliseconds: Int64 = 0
    /// It is here, or (in the time of grace after a restart) is not yet given up: its position may
    /// stand in the picture, and those who see it have not been told that it left.
    public var isConnected = false

    public init() {}
}
