// One connected client: who it is, what it is in the middle of sending, what waits for it.

/// A place in the client table. `phase` says what holds:
/// free: nothing else has meaning. connected: bytes flow. closing: marked for the edge to close;
/// nothing is read from it or queued for it any more.
public struct Client: BitwiseCopyable {
    public enum Phase: UInt8, Sendable, BitwiseCopyable { case free, connected, closing }

    public var phase = Phase.free
    public var closeReason = CloseReason.peerClosed
    /// Grows each time the place is used again, so that a stale handle finds nothing.
    public var generation: UInt32 = 0

    public var address = Address()
    /// The team of the port it came in by, or `Config.noTeam`.
    public var listenerTeam = Config.noTeam
    public var team: UInt8 = 0

    /// Set by the first event with uid, callsign and endpoint (protocol 12.6).
    public var isIdentified = false
    public var uidHash: UInt64 = 0
    public var callsignHash: UInt64 = 0
    public var uid = NameText()
    public var callsign = NameText()
    /// `__group/@name` as last reported, and its bit (0 for a colour that ATAK does not have).
    public var colour = ShortText<24>()
    public var colourBit: UInt16 = 0
    /// The type of its last position: the disconnect notice names it (protocol 6.1).
    public var lastType = ShortText<24>()

    public var connectedAt = Instant.zero
    /// Last time the client took a byte, or its queue was empty: decides the stall.
    public var lastTakenAt = Instant.zero
    /// Last time anything was sent: decides the heartbeat.
    public var lastSentAt = Instant.zero

    public var counters = ClientCounters()

    public init() {}
}
