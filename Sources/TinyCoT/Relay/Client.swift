// One connected client: who it is, what it is in the middle of, what waits for it.

/// A place in the client table. `phase` says what holds:
/// - free: nothing else has meaning.
/// - connected: bytes flow in both directions.
/// - closing: its queue is empty and stays so; nothing is read from it; the edge will be told to
///   close it (`nextToClose`), and the place becomes free when it has (`released`).
public struct Client: BitwiseCopyable {
    public enum Phase: UInt8, Sendable, BitwiseCopyable { case free, connected, closing }

    public internal(set) var phase = Phase.free
    public internal(set) var closeReason = CloseReason.peerClosed
    /// Grows each time the place is used again, so that a stale handle finds nothing.
    public internal(set) var generation: UInt32 = 0

    // Where it came in.
    public internal(set) var address = Address()
    public internal(set) var port: UInt16 = 0
    /// The team of the port it came in by, or `Config.noTeam`.
    public internal(set) var listenerTeam = Config.noTeam
    public internal(set) var team: UInt8 = 0

    // Who it says it is: set by the first position with callsign and endpoint (protocol 12.6).
    public internal(set) var isIdentified = false
    public internal(set) var uidHash: UInt64 = 0
    public internal(set) var callsignHash: UInt64 = 0
    public internal(set) var uid = NameText()
    public internal(set) var callsign = NameText()
    /// `__group/@name` as last reported; the bit is 0 for a colour that ATAK does not have.
    public internal(set) var colour = ShortText<24>()
    public internal(set) var colourHash: UInt64 = 0
    public internal(set) var colourBit: UInt16 = 0
    /// For lists of contacts; nothing is decided by these two: `__group/@role`, and of `takv`
    /// platform and version with a blank between them.
    public internal(set) var role = ShortText<24>()
    public internal(set) var takv = NameText()
    /// Of the bytes that the two were made from.
    var programHash: UInt64 = 0
    /// The type of its last position: the disconnect notice names it (protocol 6.1).
    public internal(set) var lastType = ShortText<24>()

    /// The daemon's own connection; in the place behind those of the clients only.
    var isCanary = false

    // Times.
    public internal(set) var connectedAt = Instant.zero
    /// When its last event was accepted; only shown.
    public internal(set) var lastEventAt = WallTime(milliseconds: 0)
    /// When it last took a byte, or when something began to wait: decides the stall.
    public internal(set) var lastTakenAt = Instant.zero
    /// When anything was last sent: decides the heartbeat.
    public internal(set) var lastSentAt = Instant.zero

    public internal(set) var counters = ClientCounters()

    // Inbound: where the framer stands, and the kept beginning of an event.
    // The limit of a free place has no meaning; admission sets the budget's.
    var framer = EventFramer(maxEventBytes: 1024)
    var kept = BlockChain()
    /// When the first of these bytes was kept.
    var keptSince = Instant.zero

    // Outbound.
    var queue = SendQueue()
    /// A pong or heartbeat: overtakes the queue, but never splits an event. `none` if absent.
    var express = EventLog.none
    var expressSent: UInt32 = 0
    /// The socket took less than was offered; nothing is tried until it is writable again.
    var isBlocked = false
    /// While blocked: the least that the kernel has been seen to hold for it, unacknowledged.
    var leastUnacknowledged = Int.max
    /// It stands in the list of clients to flush.
    var isListed = false

    // The picture: how far this newcomer has got.
    var replay = ReplayCursor()
    /// The last event in which this client was a recipient: several `dest` may name it.
    var routeMark: UInt64 = 0
    /// While a new configuration is put in force: the teams that it received from before, as a bit
    /// set in the new numbers; 0 if it could not receive anything.
    var sawBefore: UInt64 = 0
    /// Its place in the dense list of clients.
    var activeIndex: UInt32 = 0

    init() {}
}

/// How far a newcomer has got through the picture. Only events that arrived before `before` are
/// replayed: later ones reach it live, and must not reach it twice.
struct ReplayCursor: BitwiseCopyable {
    /// held: the picture of before the restart is not there yet.
    enum Pass: UInt8, BitwiseCopyable { case held, positions, items, emergencies, deferred, done }
    var pass = Pass.done
    var index: UInt32 = 0
    var before: UInt64 = 0
}
