// What is counted for each client, and why a queued event was thrown away.

/// Why an event that was queued for a client (or should have been) did not go out.
public enum QueueDrop: UInt8, Sendable, BitwiseCopyable {
    /// A newer position of the same uid was waiting behind it.
    case superseded
    /// The queue was full; the oldest of the least important kind went.
    case position, marker, important
    /// The event log ran out of room for all clients together.
    case logFull
    /// The client left with events still waiting.
    case clientLeft
    /// The client moved to another team, which may not see what was waiting.
    case leftTeam

    public static var count: Int { Int(QueueDrop.leftTeam.rawValue) + 1 }

    public var name: StaticString {
        switch self {
        case .superseded: "superseded"
        case .position: "queue_full_position"
        case .marker: "queue_full_marker"
        case .important: "queue_full_important"
        case .logFull: "log_full"
        case .clientLeft: "client_left"
        case .leftTeam: "left_team"
        }
    }
}

/// Why a connection ended.
public enum CloseReason: UInt8, Sendable, BitwiseCopyable {
    case peerClosed, peerReset, stalled, replaced, tlsOnPlainPort, httpOnCoTPort, protobufUnasked
    case shutdown, gaveWay

    public static var count: Int { Int(CloseReason.gaveWay.rawValue) + 1 }

    public var name: StaticString {
        switch self {
        case .peerClosed: "peer_closed"
        case .peerReset: "peer_reset"
        case .stalled: "stalled"
        case .replaced: "replaced_by_newer_connection"
        case .tlsOnPlainPort: "tls_on_plain_port"
        case .httpOnCoTPort: "http_on_cot_port"
        case .protobufUnasked: "protobuf_not_negotiated"
        case .shutdown: "shutdown"
        case .gaveWay: "gave_way"
        }
    }
}

/// Why a connection was not admitted.
public enum AdmissionRefusal: UInt8, Sendable, BitwiseCopyable {
    case addressNotAllowed, clientsFull, addressFull, noDescriptor

    public static var count: Int { Int(AdmissionRefusal.noDescriptor.rawValue) + 1 }

    public var name: StaticString {
        switch self {
        case .addressNotAllowed: "address_not_allowed"
        case .clientsFull: "clients_full"
        case .addressFull: "address_full"
        case .noDescriptor: "no_descriptor"
        }
    }
}

/// Running totals of one client. Never reset while the client is connected.
public struct ClientCounters: BitwiseCopyable {
    public var eventsIn: UInt64 = 0
    public var bytesIn: UInt64 = 0
    public var eventsOut: UInt64 = 0
    public var bytesOut: UInt64 = 0
    public var refused: UInt64 = 0
    public var drops: InlineArray<7, UInt64> = .init(repeating: 0)
    public init() {}

    public var dropSum: UInt64 {
        var sum: UInt64 = 0
        var i = 0
        while i < QueueDrop.count {
            sum &+= drops[i]
            i += 1
        }
        return sum
    }
}
