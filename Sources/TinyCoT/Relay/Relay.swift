// The relay: bytes of clients in, bytes for clients out. It makes no system call and reads no
// clock; the edge (or the simulator) tells it what happened and asks what to do next.
//
// A turn of the loop, as the edge drives it:
//   beginTurn(now, wall)
//   for each new connection:    admit(address, …)
//   for each readable socket:   while bytes are left { bytesArrived(…); if ringsFillUp, flush }
//                               or connectionEnded(client, why)
//   for each writable socket:   becameWritable(client)
//   runDeadlines()
//   close: while let c = nextToClose() { close the descriptor; released(c) }   (tells the others)
//   flush: while let c = nextToFlush() { n = gather(c); write them; bytesTaken(c, …) }
//   sleep until nextDeadline()
//
// One room a file: RelayClients (who is here), RelayInbound (bytes to events), RelayRouting (who
// gets an event), RelayOutbound (queues to bytes), RelayIdentity (names and teams), RelayReplay
// (the picture), RelayDeadlines (everything that time does), RelayReload (a new configuration),
// RelayRuns (neighbours go into the rings together), RelayPatience (waiting for company),
// RelaySeen (who was here), RelayState and RelayRestore (what survives a restart, out and in),
// RelayFeed (what goes to the dump), RelayCanary (the daemon's own connection), RelayStandings
// (what the status page shows).

/// One stretch of memory to write. Laid out like `struct iovec`.
public struct Piece: BitwiseCopyable {
    public var start: UnsafeRawPointer?
    public var count: Int
    public init() {
        start = nil
        count = 0
    }
    public init(start: UnsafeRawPointer?, count: Int) {
        self.start = start
        self.count = count
    }
}

public enum Admission: Sendable, BitwiseCopyable {
    /// The index of the client, 0 ..< budget.clients. It stays the client's until `released`.
    case admitted(Int)
    case refused(AdmissionRefusal)
}

public enum Flow: Sendable, Equatable, BitwiseCopyable {
    /// Nothing is left to send: no need to watch for writability.
    case drained
    /// The socket is full: watch for writability, then call `becameWritable`.
    case blocked
    /// More waits and the socket is not known to be full: it comes out of `nextToFlush` again.
    case moreWaiting
}

public struct Relay: ~Copyable {
    let budget: Budget
    public internal(set) var config: Config
    /// The secret of all name hashes of this run.
    public let hashKey: UInt64
    var randomState: UInt64

    let clients: Slab<Client>
    let freeClients: Slab<UInt32>
    var freeClientCount = 0
    /// The clients that are not free, without gaps.
    let active: Slab<UInt32>
    public internal(set) var connectedClients = 0
    var peakClients = 0
    var peakEmergencies = 0
    var uids: ClientIndex
    var callsigns: ClientIndex

    var reader: EventReader
    var receivePool: BlockPool
    /// Where an event that arrived in several reads is put together.
    let assembly: Slab<UInt8>

    var log: EventLog
    var queues: SendQueues
    /// Slots that one pass of `SendQueues.supersede` took out of a queue.
    let superseded: Slab<UInt32>
    var replayTable: ReplayTable
    var seen: SeenClients
    /// The way to the dump.
    public internal(set) var feed: EventFeed

    var toFlush: WorkList
    var toClose: WorkList

    var now = Instant.zero
    var wall = WallTime(milliseconds: 0)
    /// When `runDeadlines` has to look at the clients again.
    var sweepAt = Instant.never
    var expireAt = Instant.never
    var repeatAt = Instant.never

    /// The pong of this second, shared by all who get one, and the second it was made for.
    var pong = EventLog.none
    var pongSecond: Int64 = .min
    /// Number of the newest accepted event.
    var sequence: UInt64 = 0
    /// A ring is nearly full although its socket would take more: flush before going on.
    public internal(set) var ringsFillUp = false
    /// What this read has brought for everyone so far, and how many events may be in it.
    var run = EventRun()
    var runMost = 1
    /// When what waits to be sent in company goes out at the latest; and when such a thing last
    /// did.
    var patientAt = Instant.never
    var patientSentAt = Instant.zero
    /// A ring holds as much as one write can carry.
    var holdsFullWrite = false
    /// No more admissions; queues drain.
    var isShuttingDown = false
    var restoration = Restoration()
    /// Grows with each change of what survives a restart: kept events and seen clients. That the
    /// time of something is over is no change: whoever has the span knows it.
    public internal(set) var stateChanges: UInt64 = 0

    public internal(set) var totals = RelayTotals()
    public internal(set) var latency = LatencyHistogram()
    var traffic = TrafficHistory()
    /// The beginning of this turn, and the last look at the clock in it, in the histogram's ticks.
    var turnTick: UInt32 = 1
    var lastTick: UInt32 = 1

    /// Takes everything the relay will ever need from the arena.
    /// - Parameter seed: random; keys the name hashes and makes the uids of server events.
    public init(budget: Budget, config: Config, seed: UInt64, arena: inout Arena) {
        self.budget = budget
        self.config = config
        hashKey = Relay.hashKey(seed: seed)
        randomState = seed
        arena.label("client records", count: budget.clientPlaces)
        clients = arena.take(Client.self, count: budget.clientPlaces)
        freeClients = arena.take(UInt32.self, count: budget.clients)
        active = arena.take(UInt32.self, count: budget.clients)
        uids = ClientIndex(clients: budget.clients, arena: &arena)
        callsigns = ClientIndex(clients: budget.clients, arena: &arena)
        toFlush = WorkList(capacity: budget.clientPlaces, arena: &arena)
        toClose = WorkList(capacity: budget.clientPlaces, arena: &arena)
        arena.label("client queues", count: budget.clientPlaces)
        queues = SendQueues(budget: budget, arena: &arena)
        superseded = arena.take(UInt32.self, count: budget.clientQueueEvents)
        arena.label("event log", count: 1)
        log = EventLog(budget: budget, arena: &arena)
        arena.label("receive blocks", count: budget.receivePoolBytes / Relay.receiveBlockBytes)
        receivePool = BlockPool(
            poolBytes: budget.receivePoolBytes, blockBytes: Relay.receiveBlockBytes, arena: &arena)
        arena.label("replay table", count: budget.replayEvents)
        replayTable = ReplayTable(budget: budget, arena: &arena)
        arena.label("seen clients", count: budget.seenClients + budget.clients)
        seen = SeenClients(budget: budget, arena: &arena)
        feed = EventFeed(budget: budget, arena: &arena)
        arena.label("event reader", count: 1)
        reader = EventReader(arena: &arena)
        assembly = arena.take(UInt8.self, count: budget.eventMaxBytes)
        if arena.isMeasuring { return }
        clients[budget.clients] = Client()
        while freeClientCount < budget.clients {
            let index = budget.clients - 1 - freeClientCount
            clients[index] = Client()
            freeClients[freeClientCount] = UInt32(index)
            freeClientCount += 1
        }
    }

    /// A block holds a typical event, so that most partial events take one (protocol 2.5).
    static var receiveBlockBytes: Int { 1024 }

    /// The key under which names must be hashed before there is a relay: rosters are.
    public static func hashKey(seed: UInt64) -> UInt64 {
        seed &* 0xD6E8_FEB8_6659_FD93 ^ 0x2545_F491
    }

    /// The clock is read once a turn, by the edge.
    public mutating func beginTurn(now: Instant, wall: WallTime) {
        // The kernel's monotonic clock never goes back; a simulated one is held to it.
        invariant(self.now <= now, "the monotonic clock does not go back")
        self.now = now
        self.wall = wall
        turnTick = LatencyHistogram.tick(now)
        lastTick = turnTick
        traffic.note(received: totals.eventsIn, sent: totals.eventsOut, at: now)
    }

    /// The clock was read once more in this turn. Only the latency is measured with it.
    public mutating func noteTime(_ fresh: Instant) {
        invariant(now <= fresh, "the monotonic clock does not go back")
        lastTick = LatencyHistogram.tick(fresh)
    }

    public func client(at index: Int) -> Client { clients[index] }

    public func queueDepth(client: Int) -> (events: Int, bytes: Int) {
        (Int(clients[client].queue.count), Int(clients[client].queue.bytes))
    }

    /// A fresh 64-bit random number (SplitMix64): for uids of server events, not for secrets.
    mutating func random() -> UInt64 {
        randomState &+= 0x9E37_79B9_7F4A_7C15
        var z = randomState
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// Asks to be woken no later than `instant`.
    @inline(__always)
    mutating func sweep(by instant: Instant) {
        if instant < sweepAt { sweepAt = instant }
    }
}

/// A queue of client numbers, each in it at most once (the client's flag says so).
struct WorkList: ~Copyable {
    private let items: Slab<UInt32>
    private var first = 0
    private(set) var count = 0

    init(capacity: Int, arena: inout Arena) {
        items = arena.take(UInt32.self, count: capacity)
    }

    @inline(__always)
    mutating func append(_ client: Int) {
        invariant(count < items.count, "a client stands in a work list once")
        var at = first + count
        if at >= items.count { at -= items.count }
        items[at] = UInt32(client)
        count += 1
    }

    @inline(__always)
    mutating func next() -> Int? {
        if count == 0 { return nil }
        let client = Int(items[first])
        first = first + 1 == items.count ? 0 : first + 1
        count -= 1
        return client
    }
}
