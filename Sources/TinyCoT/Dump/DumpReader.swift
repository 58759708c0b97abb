// Reads recorded events back: files of the dump, and events of other tools that just follow each
// other. The bytes come in pieces, cut anywhere; out come whole events with what the comment before
// them says. Called by `export` and `replay`. It finds events as the relay does, with the same
// framer and reader, so what the relay would refuse is refused here, told once, and passed over.
// Fixed memory: one event, one comment. keptCount ≤ maxEventBytes + 8

/// What the reader has to tell. Positions are indices of the piece in hand.
public enum DumpStep: Equatable, Sendable, BitwiseCopyable {
    case needMoreBytes
    /// `reader.event` is the next event, until the next step; go on from `end`.
    case event(end: Int)
    case refused(Refusal, resumeAt: Int)
    /// The file begins like another protocol: nothing in it is an event.
    case foreign
}

/// One recorded event. What it refers to lies in the piece or in the reader.
public struct DumpEvent: BitwiseCopyable {
    public var bytes = Slab<UInt8>("")
    public var header = EventHeader()
    public var metadata = DumpMetadata()
    /// Clocks of events with one timeline can be compared.
    public var timeline: UInt64 = 0

    public init() {}

    public var uid: DumpText { DumpText(bytes, attribute: header.uid) }
    public var type: DumpText { DumpText(bytes, attribute: header.type) }
    /// Of the thing that the event is about, which need not be its sender.
    public var callsign: DumpText { DumpText(bytes, attribute: header.contactCallsign) }
    /// The team that the dump says; in files of other tools, the colour that the event says.
    public var team: DumpText {
        metadata.isPresent
            ? DumpText(metadata.team) : DumpText(bytes, attribute: header.groupName)
    }
    public var kind: EventKind { EventKind.of(bytes, header) }
    /// nil if it is no time, or one before 1970.
    public var time: WallTime? {
        guard let time = CoTTime.parse(bytes, header.time), time.milliseconds >= 0 else {
            return nil
        }
        return time
    }
}

public struct DumpReader: BitwiseCopyable {
    /// No budget lets a longer event pass.
    public static var maxEventBytes: Int { BudgetKey.eventMaxBytes.range.upperBound }

    private var framer = EventFramer(maxEventBytes: DumpReader.maxEventBytes)
    private var reader: EventReader
    private var comments: DumpComments
    private let kept: Slab<UInt8>
    private var keptCount = 0
    public private(set) var event = DumpEvent()

    public init(arena: inout Arena) {
        reader = EventReader(arena: &arena)
        comments = DumpComments(arena: &arena)
        kept = arena.take(UInt8.self, count: DumpReader.maxEventBytes + 8)
    }

    /// Every file is a stream of its own: what an earlier one left unfinished stays unfinished.
    public mutating func beginFile() {
        framer = EventFramer(maxEventBytes: DumpReader.maxEventBytes)
        comments.beginFile()
        keptCount = 0
    }

    /// Begins where an event has ended, in the middle of a file.
    public mutating func beginPart() {
        beginFile()
        // Only the first bytes of a connection can belong to another protocol.
        _ = framer.next(Slab("\n"), from: 0)
    }

    /// After `needMoreBytes`: something has begun and not ended. At the end of a file it was cut
    /// off.
    public var isInside: Bool {
        (framer.state != .outside && framer.state != .opening) || comments.isInside
    }

    /// A piece is looked at from 0, then from where each step says, until `needMoreBytes`.
    public mutating func next(_ bytes: Slab<UInt8>, from start: Int) -> DumpStep {
        var at = start
        while true {
            switch framer.next(bytes, from: at) {
            case .needMoreBytes:
                keep(bytes, from: at)
                return .needMoreBytes
            case .event(let first, let end):
                return take(bytes, at, first, end)
            case .refused(let refusal, let resumeAt):
                forget()
                return .refused(refusal, resumeAt: resumeAt)
            case .authDocument(let resumeAt):
                forget()
                at = resumeAt
            case .foreign:
                return .foreign
            }
        }
    }

    private mutating func forget() {
        comments.forget()
        keptCount = 0
    }

    /// The piece has ended. What lies outside goes to the comments, the open event is kept.
    private mutating func keep(_ bytes: Slab<UInt8>, from at: Int) {
        guard let open = framer.openStart else {
            keptCount = 0
            if framer.document == .none { comments.feed(bytes.slice(at, bytes.count - at)) }
            return
        }
        if keptCount == 0 { beginKeeping(bytes, at, open) }
        let first = max(open, 0)
        keepMore(bytes.slice(first, bytes.count - first))
    }

    /// Up to six bytes of the event lie at the end of an earlier piece; they are always the same.
    private mutating func beginKeeping(_ bytes: Slab<UInt8>, _ at: Int, _ open: Int) {
        if open > at { comments.feed(bytes.slice(at, open - at)) }
        if open < 0 { keepMore(DumpReader.eventName.slice(0, -open)) }
    }

    private static var eventName: Slab<UInt8> { Slab("<event") }

    /// The framer holds to the limit, so there is room.
    private mutating func keepMore(_ bytes: Slab<UInt8>) {
        kept.copy(bytes, to: keptCount)
        keptCount += bytes.count
    }

    private mutating func take(
        _ bytes: Slab<UInt8>, _ at: Int, _ first: Int, _ end: Int
    ) -> DumpStep {
        if keptCount == 0 && first >= 0 {
            if first > at { comments.feed(bytes.slice(at, first - at)) }
            event.bytes = bytes.slice(first, end - first)
        } else {
            if keptCount == 0 { beginKeeping(bytes, at, first) }
            keepMore(bytes.slice(max(first, 0), end - max(first, 0)))
            event.bytes = kept.slice(0, keptCount)
        }
        event.metadata = comments.metadata
        event.timeline = comments.timeline
        forget()
        if let refusal = reader.read(event.bytes, into: &event.header) {
            return .refused(refusal, resumeAt: end)
        }
        return .event(end: end)
    }
}
