// What an event is, as far as a relay must know: whether it answers, swallows, routes, keeps or
// repeats it, and how soon it may be dropped for a client that does not keep up.
// Decided by the relay once for each accepted event, from `type`, and for `a-` events from `how`
// and `contact`. Compared as decoded text: a reference in a type must not smuggle it past.

public enum EventKind: UInt8, Sendable, BitwiseCopyable {
    /// `t-x-c-t`: answered at once, never forwarded (protocol 4.2).
    case ping
    /// `t-x-c-t-r`: swallowed.
    case pong
    /// `t-x-takp-q`: denied, never forwarded (protocol 5.1).
    case takpRequest
    /// Everything else between a client and its server (protocol 7.7): swallowed.
    case control
    /// `t-x-d-d` that names a uid in its link: forwarded, and the item is forgotten.
    case delete
    /// `t-x-d-d` without a link, the greeting of PyTAK: swallowed.
    case hello
    /// `b-t-f` and its receipts (protocol 7.3).
    case chat
    /// `b-f-t-*`: offer and acknowledgement of a data package.
    case fileTransfer
    /// `b-a-o-*`, `b-a-g`: kept and repeated until it is cancelled (protocol 7.6).
    case emergency
    /// `b-a-o-can`, or an alert with `emergency cancel="true"`.
    case emergencyCancel
    /// `b-r-f-h-c`: kept, and never dropped before positions.
    case casevac
    /// `y-*`: an answer that somebody waits for.
    case reply
    /// `a-*` from a receiver (`how` is `m-…`) or from a client (callsign and endpoint).
    case position
    /// Other `a-*`, and the drawings, routes and points that are kept for late joiners.
    case marker
    /// Forwarded like any other, but not kept.
    case other

    /// In which order a queue that is full gives up events.
    public enum Importance: UInt8, Comparable, Sendable, BitwiseCopyable {
        case position, marker, important

        public static func < (a: Importance, b: Importance) -> Bool { a.rawValue < b.rawValue }
    }

    public var importance: Importance {
        switch self {
        case .position: .position
        case .marker, .other: .marker
        case .ping, .pong, .takpRequest, .control, .delete, .hello, .chat, .fileTransfer,
            .emergency, .emergencyCancel, .casevac, .reply:
            .important
        }
    }

    /// Belongs into the store for late joiners, if it was a broadcast (protocol 6.2).
    public var isKept: Bool {
        switch self {
        case .position, .marker, .casevac, .emergency: true
        case .ping, .pong, .takpRequest, .control, .delete, .hello, .chat, .fileTransfer,
            .emergencyCancel, .reply, .other:
            false
        }
    }

    public static func of(_ event: Slab<UInt8>, _ header: EventHeader) -> EventKind {
        var first = DecodedBytes(event, header.type)
        let letter = first.next()
        if first.next() != UInt8(ascii: "-") { return .other }
        let type = DecodedText(event: event, range: header.type)
        switch letter {
        case UInt8(ascii: "a"): return ofAtom(event, header)
        case UInt8(ascii: "b"): return ofBits(type, header)
        case UInt8(ascii: "t"): return ofTasking(type, header)
        case UInt8(ascii: "u"):
            let isKept = type.starts("u-d-") || type.equals("u-rb-a") || type.starts("u-r-b-")
            return isKept ? .marker : .other
        case UInt8(ascii: "y"): return .reply
        default: return .other
        }
    }

    private static func ofAtom(_ event: Slab<UInt8>, _ header: EventHeader) -> EventKind {
        let isClient = !header.contactCallsign.isEmpty && !header.contactEndpoint.isEmpty
        return isClient || AttributeValue.hasPrefix(event, header.how, "m-")
            ? .position : .marker
    }

    private static func ofBits(_ type: DecodedText, _ header: EventHeader) -> EventKind {
        if type.isOrStarts("b-t-f", "b-t-f-") { return .chat }
        if type.starts("b-f-t-") { return .fileTransfer }
        if type.starts("b-a-") {
            if header.emergencyCancelled || type.equals("b-a-o-can") { return .emergencyCancel }
            return type.starts("b-a-o-") || type.isOrStarts("b-a-g", "b-a-g-")
                ? .emergency : .other
        }
        if type.equals("b-r-f-h-c") { return .casevac }
        let isKept =
            type.starts("b-m-p-") || type.isOrStarts("b-m-r", "b-m-r-")
            || type.isOrStarts("b-i-v", "b-i-v-")
        return isKept ? .marker : .other
    }

    private static func ofTasking(_ type: DecodedText, _ header: EventHeader) -> EventKind {
        if type.equals("t-x-c-t") { return .ping }
        if type.equals("t-x-c-t-r") { return .pong }
        if type.equals("t-x-d-d") { return header.linkUID.isEmpty ? .hello : .delete }
        if type.equals("t-x-takp-q") { return .takpRequest }
        let isControl =
            type.starts("t-x-takp-") || type.equals("t-x-c-m") || type.equals("t-x-c-i-e")
            || type.equals("t-x-c-i-d") || type.equals("t-x-c-f") || type.equals("t-x-g-c")
            || type.starts("t-x-m-") || type.equals("t-b") || type.equals("t-b-a")
            || type.equals("t-b-c") || type.equals("t-b-q")
        return isControl ? .control : .other
    }
}

/// A raw value together with its event, for a row of comparisons.
private struct DecodedText: BitwiseCopyable {
    let event: Slab<UInt8>
    let range: ByteRange

    func equals(_ text: StaticString) -> Bool { AttributeValue.equals(event, range, text) }
    func starts(_ text: StaticString) -> Bool { AttributeValue.hasPrefix(event, range, text) }
    func isOrStarts(_ whole: StaticString, _ prefix: StaticString) -> Bool {
        equals(whole) || starts(prefix)
    }
}
