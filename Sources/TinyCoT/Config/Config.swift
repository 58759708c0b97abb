// What the operator wrote in tinycot.json, checked and in fixed tables. Two of these exist: the
// one in force and the one that a reload fills; they change places only if the new one is whole.

/// An IPv4 or IPv6 address. IPv4 is stored as ::ffff:a.b.c.d, so that comparing is one operation.
public struct Address: BitwiseCopyable, Equatable, Sendable {
    public var high: UInt64 = 0
    public var low: UInt64 = 0
    public init() {}
    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }
    /// From a number in host order: 192.0.2.1 is 0xC0000201.
    public init(ipv4: UInt32) {
        high = 0
        low = 0x0000_FFFF_0000_0000 | UInt64(ipv4)
    }
    public var isIPv4: Bool { high == 0 && low >> 32 == 0xFFFF }
    public var isLoopback: Bool {
        isIPv4 ? (low >> 24) & 0xFF == 127 : high == 0 && low == 1
    }
}

/// An address with the port that a listener binds.
public struct Endpoint: BitwiseCopyable, Equatable, Sendable {
    public var address = Address()
    public var port: UInt16 = 0
    public init() {}

    /// `[::]` with the port that a service has where nothing is configured. On a host without
    /// IPv6 that one listener is left out; any other that cannot be bound is an error.
    public func isDefaultIPv6(port: UInt16) -> Bool {
        address == Address() && self.port == port
    }
}

/// `10.0.0.0/8`: addresses whose first `prefixBits` (counted in 128) equal those of `address`.
/// An IPv6 network never holds an IPv4 address: `::/0` opens the door to all of IPv6 only.
public struct Network: BitwiseCopyable, Equatable, Sendable {
    public var address = Address()
    public var prefixBits: UInt8 = 0
    /// Bits before those of the IPv4 address in its mapped form: a /8 has `prefixBits` 104.
    public static var ipv4PrefixBits: UInt8 { 96 }
    public init() {}
    public func contains(_ other: Address) -> Bool {
        let highBits = min(UInt64(prefixBits), 64)
        let lowBits = UInt64(prefixBits) - highBits
        let highMask: UInt64 = highBits == 0 ? 0 : ~0 << (64 - highBits)
        let lowMask: UInt64 = lowBits == 0 ? 0 : ~0 << (64 - lowBits)
        let crossesFamily = prefixBits < Network.ipv4PrefixBits && other.isIPv4
        return !crossesFamily && (address.high ^ other.high) & highMask == 0
            && (address.low ^ other.low) & lowMask == 0
    }
}

/// A listening address; `team` is the team of whoever connects there, or `noTeam`.
public struct ListenerConfig: BitwiseCopyable {
    public var endpoint = Endpoint()
    public var team = Config.noTeam
    public init() {}
}

/// A team as configured. Names and colours are short text; visibility is a bit set of team
/// indices: bit `i` set means that this team receives what team `i` sends.
public struct TeamConfig: BitwiseCopyable {
    public var name = ShortText<40>()
    public var sees: UInt64 = 0
    /// Bit per colour of `TeamColour`; colours outside ATAK's fourteen cannot be configured.
    public var colours: UInt16 = 0
    public init() {}
}

/// A roster line: the hash of a uid or callsign, and the team it belongs to.
public struct TeamMember: BitwiseCopyable {
    public var nameHash: UInt64 = 0
    public var team: UInt8 = Config.noTeam
    /// The index of the table, in ConfigMembers.swift: of the lines of the bucket that has this
    /// line's number, the last; of the lines of this line's own bucket, the one before it. Both
    /// plus one: 0 is none.
    var first: UInt16 = 0
    var next: UInt16 = 0
    public init() {}
}

/// The configuration in force. Tables have the capacity that the budget gives them.
public struct Config: BitwiseCopyable {
    public static var noTeam: UInt8 { 255 }
    /// Where the two services listen if the file names no address for them.
    public static var cotPort: UInt16 { 8_087 }
    public static var httpPort: UInt16 { 8_080 }

    public let listeners: Slab<ListenerConfig>
    public var listenerCount = 0
    public let httpListeners: Slab<Endpoint>
    /// 0 where HTTP is turned off.
    public var httpListenerCount = 0
    public let allow: Slab<Network>
    public var allowCount = 0
    public let teams: Slab<TeamConfig>
    /// 1 where nothing is configured: one open team that all share.
    public var teamCount = 0
    public let members: Slab<TeamMember>
    public internal(set) var memberCount = 0

    /// Teams were configured, so walls stand and replay waits for identification.
    public var isolatesTeams = false
    /// Where a client goes that no port, roster or colour claims.
    public var defaultTeam: UInt8 = 0

    public var heartbeatSeconds = 25
    public var stallSeconds = 30
    public var drainSeconds = 3
    /// How long positions and markers may wait for company; 0: not at all.
    public var coalesceMilliseconds = 20
    public var replayMaxSeconds = 86_400
    public var emergencyRepeatSeconds = 10
    public var emergencyMaxSeconds = 3_600
    /// The state is written to the disk at most so often, and only if it has changed.
    public var stateSeconds = 300
    /// Time for clients to come back after a start, before they are said to have left.
    public var returnSeconds = 120
    /// When the disk has not answered for so long, the service manager is no longer told that all
    /// is well.
    public var storeStallSeconds = 120
    /// Which events are written to the disk.
    public var dump: DumpConfig

    /// What stands before the path of every URL that is handed out, without a slash at its end.
    /// Empty: the address that the asking client used.
    public var publicURL = ShortText<200>()
    public var allowsDelete = false
    public var announcesUploads = false
    public var evictsOldest = false
    public var httpHeadSeconds = 15
    public var httpStallSeconds = 30
    public var httpIdleSeconds = 30

    /// Takes the tables from the arena. The contents are the built-in defaults only after
    /// `ConfigParser` has run (an absent file parses as `{}`).
    public init(budget: Budget, arena: inout Arena) {
        listeners = arena.take(ListenerConfig.self, count: budget.listeners)
        httpListeners = arena.take(Endpoint.self, count: budget.httpListeners)
        allow = arena.take(Network.self, count: budget.allowedNetworks)
        teams = arena.take(TeamConfig.self, count: budget.teams)
        members = arena.take(TeamMember.self, count: budget.teamMembers)
        dump = DumpConfig(arena: &arena)
    }

    /// Over tables that exist already, with the built-in numbers and nothing in the tables.
    init(tablesOf other: Config) {
        listeners = other.listeners
        httpListeners = other.httpListeners
        allow = other.allow
        teams = other.teams
        members = other.members
        dump = DumpConfig(tablesOf: other.dump)
    }

    /// May a client of team `receiver` get what a client of team `sender` sends?
    @inline(__always)
    public func visible(from sender: UInt8, to receiver: UInt8) -> Bool {
        sender == receiver || (teams[Int(receiver)].sees >> UInt64(sender)) & 1 == 1
    }
}
