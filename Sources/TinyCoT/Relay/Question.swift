// What the store loop asks of the relay, and the answer, in one fixed slot. The store fills a slot
// and hands it over; the relay answers in the same slot and hands it back. Only one of the two
// touches it at a time, so nothing in it is atomic.
// Whoever asks is known by the address of its HTTP connection only: it sees what the connected
// clients of that address see together, and where teams are isolated an address without a client
// sees nothing (design 5). The operator has no walls.

/// One question with its answer. A slot is begun anew with `Question()`.
public struct Question: BitwiseCopyable {
    public enum Kind: UInt8, BitwiseCopyable, Sendable {
        case identity, contacts, event, positions, announcement
        /// A page of all that survives a restart; and the same on the way back.
        case statePage, restore, restoreEnd
        /// Counts and sizes, the same for everybody.
        case figures
        /// The figures, and the clients that the asker may see: what the status page shows.
        case standings
    }

    // MARK: Asked

    public var kind = Kind.identity
    /// Of the asking HTTP client.
    public var address = Address()
    /// No walls.
    public var isOperator = false
    /// identity: who the asker says it is; event: whose event. A text that was cut names nobody.
    public var uid = ShortText<255>()
    /// contacts, positions, standings, statePage: where the page begins. 0 first; the answer moves
    /// it.
    public var cursor: UInt64 = 0

    // MARK: Answered

    /// contacts, positions, standings: there is no further page. A page may be empty and not the
    /// last.
    public var isLast = true
    /// event: there is one. announcement: it waits for somebody at least.
    public var isFound = false
    /// identity, standings: there are no walls, for the operator or for anybody.
    public var seesAll = false
    /// identity: of the client that bears `uid` at that address; empty if there is none.
    public var callsign = NameText()
    /// identity: the team of that client; without one the team of all connections of the address,
    /// if they share one; else empty. Without walls the team that all share.
    /// announcement, asked: the team that is told; empty tells nobody, or everybody where teams are
    /// not isolated.
    public var homeTeam = ShortText<40>()
    /// identity: how many names of visible teams lie in `memory.teams`.
    public var teamCount = 0
    /// contacts, standings: how many lie in `memory.contacts`, and in `memory.standings`.
    public var contactCount = 0
    /// event, positions: bytes in `memory.bytes`. announcement, asked: those of the event there.
    public var byteCount = 0
    /// statePage: how many lie in `memory.records` and `memory.seen`. restore, asked: the same.
    public var recordCount = 0
    public var seenCount = 0
    /// restore: how many of the records were taken up; the others were over, or are known anew.
    public var restoredCount = 0
    /// statePage: the moment that the spans of the records count from.
    public var answeredAt = Instant.zero
    /// statePage: grows with each change of what survives a restart.
    public var changes: UInt64 = 0
    /// statePage: events in and out since the start.
    public var eventsIn: UInt64 = 0
    public var eventsOut: UInt64 = 0

    public init() {}
}

/// The long parts of a slot. What lies beyond the counts of the answer is left over from others
/// and must not be shown to anybody.
public struct QuestionMemory: BitwiseCopyable {
    public let teams: Slab<ShortText<40>>
    public let contacts: Slab<ContactRecord>
    /// Beside the contacts.
    public let standings: Slab<ClientStanding>
    public let records: Slab<KeptRecord>
    public let seen: Slab<SeenRecord>
    /// One.
    public let figures: Slab<RelayFigures>
    public let bytes: Slab<UInt8>

    public static var contactsPerPage: Int { 16 }
    public static var recordsPerPage: Int { 32 }
    public static var seenPerPage: Int { 8 }
    /// Beside the longest event: its declaration.
    public static var bytesBeyondEvent: Int { 1024 }

    public init(budget: Budget, arena: inout Arena) {
        teams = arena.take(ShortText<40>.self, count: budget.teams)
        contacts = arena.take(ContactRecord.self, count: QuestionMemory.contactsPerPage)
        standings = arena.take(
            ClientStanding.self, count: QuestionMemory.contactsPerPage)
        records = arena.take(KeptRecord.self, count: QuestionMemory.recordsPerPage)
        seen = arena.take(SeenRecord.self, count: QuestionMemory.seenPerPage)
        figures = arena.take(RelayFigures.self, count: 1)
        bytes = arena.take(
            UInt8.self, count: budget.eventMaxBytes + QuestionMemory.bytesBeyondEvent)
    }
}
