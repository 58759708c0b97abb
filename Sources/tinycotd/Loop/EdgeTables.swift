// The memory of the edge inside the arena: one row per thing that the loop keeps. Taken once, in
// the same order when it is measured and when it is used. Nothing else of the edge grows with the
// budget.

import CLinuxSys
import TinyCoT

/// The socket of one client, at the client's index in the relay's table. `descriptor` is -1 in a
/// free place; `generation` changes at each use, so that an event meant for the connection before
/// finds nothing. Closed in one place only: `EventLoop.closeClient`.
struct Connection: BitwiseCopyable {
    var descriptor: Int32 = -1
    var generation: UInt32 = 0
    var port: UInt16 = 0
    /// The poller tells us when the socket takes bytes again.
    var watchesWriting = false
    var identificationIsLogged = false
}

/// A listening socket. A reload marks before it changes anything.
struct Listener: BitwiseCopyable {
    enum Mark: UInt8, BitwiseCopyable {
        /// Not named by the new configuration (yet).
        case stale
        /// Named by it, and open already.
        case kept
        /// Opened for it.
        case fresh
    }
    var descriptor: Int32 = -1
    var generation: UInt32 = 0
    var endpoint = Endpoint()
    var team = Config.noTeam
    var mark = Mark.stale
    var nextTeam = Config.noTeam
}

struct EdgeTables {
    /// One read goes in here, and the relay looks at it in place: one buffer for all clients.
    let received: Slab<UInt8>
    let pieces: Slab<Piece>
    let events: Slab<tcs_event>
    let connections: Slab<Connection>
    /// Twice as many as may be configured: a reload opens the new ones before it closes the old.
    let listeners: Slab<Listener>
    let statusConnections: Slab<StatusConnection>
    let statusBytes: Slab<UInt8>
    /// One byte longer than the file may be.
    let configFile: Slab<UInt8>
    let mailbox: Slab<ReloadMailbox>
    /// One message to the service manager.
    let serviceText: Slab<UInt8>
    /// The canary as it is sent, and as it must come back.
    let canaryOut: Slab<UInt8>
    let canaryBack: Slab<UInt8>

    static var receivedBytes: Int { 65_536 }
    static var eventsPerTurn: Int { 64 }
    static var piecesPerWrite: Int { 64 }
    static var statusPieceBytes: Int { 8_192 }

    init(budget: Budget, arena: inout Arena) {
        arena.label("receive scratch", count: 1)
        received = arena.take(UInt8.self, count: EdgeTables.receivedBytes)
        arena.label("loop tables", count: 1)
        pieces = arena.take(Piece.self, count: EdgeTables.piecesPerWrite)
        events = arena.take(tcs_event.self, count: EdgeTables.eventsPerTurn)
        mailbox = arena.take(ReloadMailbox.self, count: 1)
        serviceText = arena.take(UInt8.self, count: ServiceMessages.maxBytes)
        canaryOut = arena.take(UInt8.self, count: EventWriter.maxBytes)
        canaryBack = arena.take(UInt8.self, count: EventWriter.maxBytes)
        arena.label("connections", count: budget.clientPlaces)
        connections = arena.take(Connection.self, count: budget.clientPlaces)
        arena.label("listeners", count: 2 * budget.listeners)
        listeners = arena.take(Listener.self, count: 2 * budget.listeners)
        arena.label("status connections", count: budget.statusConnections)
        statusConnections = arena.take(StatusConnection.self, count: budget.statusConnections)
        statusBytes = arena.take(
            UInt8.self, count: EdgeTables.statusPieceBytes * budget.statusConnections)
        arena.label("configuration file", count: 1)
        configFile = arena.take(UInt8.self, count: budget.configFileBytes + 1)
        if arena.isMeasuring { return }
        connections.fill(Connection())
        listeners.fill(Listener())
        statusConnections.fill(StatusConnection())
        mailbox.fill(ReloadMailbox())
    }
}
