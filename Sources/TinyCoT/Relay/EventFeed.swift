// The way of events from the relay to the dump: a ring of bytes that the relay fills and the store
// loop empties. One fills, one empties, and neither waits: an event that finds no room is counted
// and lost to the dump, never to its receivers.
//
//                consumed ──► written                 positions count bytes from the start and
//      ┌────────────┬────────────┬──────────┐         only grow; their place in the ring is the
//      │   free     │ records... │   free   │         remainder by its length
//      └────────────┴────────────┴──────────┘
//
//   relay:  append … append          store:  extend(to: the written that was published)
//           then, once a turn, the           next … pass, next … pass
//           edge publishes `written`         then it publishes its `consumed`
//           and takes `consumed`
//
// The core has no atomics, so both positions are private copies here: `EventFeed.consumed` is at
// most the reader's, `EventFeedReader.end` at most the feed's `written`. The edge carries them over
// with release and acquire (`FeedChannel`); a record is whole before its end is published.
// Invariant: 0 ≤ written − consumed ≤ capacity. A record is a fixed head, the three names, and the
// event as it was framed; any of them may lie across the end of the ring.

/// What is known of an event beside its bytes.
public struct FeedRecord: BitwiseCopyable {
    /// When its end arrived: only information.
    public var received = WallTime(milliseconds: 0)
    /// The same moment on the monotonic clock.
    public var clockMilliseconds: Int64 = 0
    /// Of the connection that sent it. Names are empty while it has not said who it is.
    public var address = Address()
    public var sender = NameText()
    public var callsign = NameText()
    public var team = ShortText<40>()

    public init() {}
}

/// The producer's end, and the owner of the memory.
public struct EventFeed: ~Copyable {
    private let ring: FeedRing
    /// Up to where whole records lie.
    public private(set) var written: UInt64 = 0
    /// Up to where the consumer is known to have read.
    public private(set) var consumed: UInt64 = 0
    /// Events that found no room.
    public private(set) var dropped: UInt64 = 0
    public private(set) var peakBytes = 0

    /// What a record takes beside its names and its event.
    public static var headBytes: Int { MemoryLayout<FeedHead>.size }

    init(budget: Budget, arena: inout Arena) {
        arena.label("dump ring", count: 1)
        ring = FeedRing(bytes: arena.take(UInt8.self, count: budget.dumpRingBytes))
    }

    /// For the consumer's end.
    public var bytes: Slab<UInt8> { ring.bytes }
    public var usedBytes: Int { Int(written - consumed) }

    /// Appends one record, or counts that there was no room.
    mutating func append(_ record: FeedRecord, _ event: Slab<UInt8>) {
        let head = FeedHead(record, eventCount: event.count)
        let count = FeedRing.count(head)
        if count > ring.bytes.count - usedBytes {
            dropped += 1
            return
        }
        var at = written
        withUnsafeBytes(of: head) { bytes in
            let start = bytes.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: UInt8.self)
            ring.put(
                Slab(start: UnsafeMutablePointer(mutating: start), count: bytes.count), &at)
        }
        ring.put(record.sender, &at)
        ring.put(record.callsign, &at)
        ring.put(record.team, &at)
        ring.put(event, &at)
        invariant(at == written + UInt64(count), "a record is as long as it was counted")
        written = at
        peakBytes = max(peakBytes, usedBytes)
    }

    /// The consumer has read up to here.
    mutating func free(upTo position: UInt64) {
        invariant(position >= consumed && position <= written, "only what was written is read")
        consumed = position
    }

    /// Where both ends begin to count. For tests, before anything is appended.
    mutating func begin(at position: UInt64) {
        written = position
        consumed = position
    }
}

/// A record with its event, which lies in one piece or in two. They hold until `pass`.
public struct FeedEntry: BitwiseCopyable {
    public let record: FeedRecord
    public let first: Slab<UInt8>
    public let rest: Slab<UInt8>
    fileprivate let byteCount: Int

    public var eventCount: Int { first.count + rest.count }
}

/// The consumer's end.
public struct EventFeedReader: BitwiseCopyable {
    private let ring: FeedRing
    public private(set) var consumed: UInt64 = 0
    private var end: UInt64 = 0

    public init(_ bytes: Slab<UInt8>) { ring = FeedRing(bytes: bytes) }

    /// The producer has written up to here.
    public mutating func extend(to written: UInt64) {
        invariant(
            written >= end && written - consumed <= UInt64(ring.bytes.count),
            "the producer goes forward and never overtakes the reader")
        end = written
    }

    public var isEmpty: Bool { consumed == end }

    /// The oldest record that is there, again and again until it is passed.
    public func next() -> FeedEntry? {
        if isEmpty { return nil }
        var at = consumed
        let head = ring.head(&at)
        let count = FeedRing.count(head)
        invariant(UInt64(count) <= end - consumed, "only whole records are handed over")
        var record = FeedRecord()
        record.received = WallTime(milliseconds: head.received)
        record.clockMilliseconds = head.clock
        record.address = Address(high: head.addressHigh, low: head.addressLow)
        ring.get(&record.sender, Int(head.senderCount), &at)
        ring.get(&record.callsign, Int(head.callsignCount), &at)
        ring.get(&record.team, Int(head.teamCount), &at)
        let (first, rest) = ring.pieces(at, Int(head.eventCount))
        return FeedEntry(record: record, first: first, rest: rest, byteCount: count)
    }

    public mutating func pass(_ entry: FeedEntry) {
        consumed += UInt64(entry.byteCount)
    }

    /// As `EventFeed.begin`.
    mutating func begin(at position: UInt64) {
        consumed = position
        end = position
    }
}

/// The head of a record, as it lies in the ring.
private struct FeedHead: BitwiseCopyable {
    var received: Int64 = 0
    var clock: Int64 = 0
    var addressHigh: UInt64 = 0
    var addressLow: UInt64 = 0
    var eventCount: UInt32 = 0
    var senderCount: UInt8 = 0
    var callsignCount: UInt8 = 0
    var teamCount: UInt8 = 0

    init() {}

    init(_ record: FeedRecord, eventCount: Int) {
        received = record.received.milliseconds
        clock = record.clockMilliseconds
        addressHigh = record.address.high
        addressLow = record.address.low
        self.eventCount = UInt32(eventCount)
        senderCount = record.sender.count
        callsignCount = record.callsign.count
        teamCount = record.team.count
    }
}

/// Bytes at positions that only grow.
private struct FeedRing: BitwiseCopyable {
    let bytes: Slab<UInt8>

    static func count(_ head: FeedHead) -> Int {
        MemoryLayout<FeedHead>.size + Int(head.senderCount) + Int(head.callsignCount)
            + Int(head.teamCount) + Int(head.eventCount)
    }

    func pieces(_ position: UInt64, _ count: Int) -> (Slab<UInt8>, Slab<UInt8>) {
        let begin = Int(position % UInt64(bytes.count))
        let first = min(count, bytes.count - begin)
        return (bytes.slice(begin, first), bytes.slice(0, count - first))
    }

    func put(_ source: Slab<UInt8>, _ at: inout UInt64) {
        let (first, rest) = pieces(at, source.count)
        first.copy(source.slice(0, first.count), to: 0)
        rest.copy(source.slice(first.count, rest.count), to: 0)
        at += UInt64(source.count)
    }

    func put<let capacity: Int>(_ text: ShortText<capacity>, _ at: inout UInt64) {
        let (first, rest) = pieces(at, Int(text.count))
        var i = 0
        while i < Int(text.count) {
            if i < first.count { first[i] = text[i] } else { rest[i - first.count] = text[i] }
            i += 1
        }
        at += UInt64(text.count)
    }

    func get<let capacity: Int>(
        _ text: inout ShortText<capacity>, _ count: Int, _ at: inout UInt64
    ) {
        let (first, rest) = pieces(at, count)
        text.set(first, rest)
        at += UInt64(count)
    }

    func head(_ at: inout UInt64) -> FeedHead {
        var head = FeedHead()
        let (first, rest) = pieces(at, MemoryLayout<FeedHead>.size)
        withUnsafeMutableBytes(of: &head) { bytes in
            var i = 0
            while i < MemoryLayout<FeedHead>.size {
                bytes[i] = i < first.count ? first[i] : rest[i - first.count]
                i += 1
            }
        }
        at += UInt64(MemoryLayout<FeedHead>.size)
        return head
    }
}
