// Positions of a dump, put in order: by thing, then by time. The first reading of the files fills
// it, `arrange` sorts it in place, and the maps are written from it. Called by `export --gpx` and
// `--kml`. Texts stay in the files: the table remembers where the latest event of a thing lies. Its
// size follows from the number of events that were counted before: 48 bytes for each position, up
// to 112 for each thing, of memory that is touched. It never grows.
// thingCount ≤ pointCapacity; things[i].points lie together, in order of time, once arranged.

/// Where an event lies: between the end of the one before it and its own end.
public struct DumpPlace: BitwiseCopyable {
    public var file: Int32 = -1
    public var start: Int64 = 0
    public var end: Int64 = 0

    public init() {}
    public init(file: Int, start: Int64, end: Int64) {
        self.file = Int32(file)
        self.start = start
        self.end = end
    }

    public var isKnown: Bool { file >= 0 }
}

/// One position of one thing.
public struct TrackPoint: BitwiseCopyable {
    public var place = MapPlace()
    /// When; a point without a time of its own stands behind the one that came before it.
    var sortTime: Int64 = 0
    var thing: UInt32 = 0
    var order: UInt32 = 0
    var hasTime = false

    public var time: WallTime? { hasTime ? WallTime(milliseconds: sortTime) : nil }
}

/// All that has one uid.
public struct TrackThing: BitwiseCopyable {
    fileprivate var uid: UInt64 = 0
    fileprivate var team: UInt64 = 0
    /// Teams in the order in which the files show them.
    public fileprivate(set) var teamRank: UInt32 = 0
    public fileprivate(set) var firstPoint: UInt32 = 0
    public fileprivate(set) var pointCount: UInt32 = 0
    fileprivate var lastTime: Int64 = 0
    /// The latest position, in the order of the files.
    public fileprivate(set) var position = DumpPlace()
    /// The latest marker.
    public fileprivate(set) var marker = DumpPlace()
}

public struct TrackTable: BitwiseCopyable {
    private let key: UInt64
    private let points: Slab<TrackPoint>
    private let things: Slab<TrackThing>
    /// Numbers of things, one more, in a table of hashes; 0 is free. At most half of it is used.
    private let slots: Slab<UInt32>
    private let sequence: Slab<UInt32>
    public private(set) var pointCount = 0
    public private(set) var thingCount = 0

    /// - Parameter events: at least as many as will be noted.
    public init(events: Int, key: UInt64, arena: inout Arena) {
        self.key = key
        points = arena.take(TrackPoint.self, count: events)
        things = arena.take(TrackThing.self, count: events)
        var size = 16
        while size < 2 * events { size *= 2 }
        slots = arena.take(UInt32.self, count: size)
        sequence = arena.take(UInt32.self, count: events)
    }

    /// What a map shows of `event`, or why it shows nothing.
    public enum Sight: Sendable { case position, marker, noPlace, nothing }

    public static func sight(_ event: DumpEvent, _ place: inout MapPlace) -> Sight {
        let kind = event.kind
        switch kind {
        case .position, .marker, .casevac, .emergency:
            guard let found = EventPoint(event.bytes).place(event.bytes) else { return .noPlace }
            place = found
            return kind == .position ? .position : .marker
        case .ping, .pong, .takpRequest, .control, .delete, .hello, .chat, .fileTransfer,
            .emergencyCancel, .reply, .other:
            return .nothing
        }
    }

    /// One more event of which there is something to see. False: it is one more than was said.
    public mutating func note(_ event: DumpEvent, at place: DumpPlace) -> Bool {
        var mapPlace = MapPlace()
        let sight = TrackTable.sight(event, &mapPlace)
        if sight != .position && sight != .marker { return true }
        guard let index = thing(event.uid.hash(key: key)) else { return false }
        let thing = things.pointer(at: index)
        thing.pointee.team = event.team.hash(key: key)
        if sight == .marker {
            thing.pointee.marker = place
            return true
        }
        if pointCount == points.count { return false }
        thing.pointee.position = place
        thing.pointee.pointCount += 1
        let time = event.time
        if let time { thing.pointee.lastTime = time.milliseconds }
        let point = points.pointer(at: pointCount)
        point.pointee.place = mapPlace
        point.pointee.hasTime = time != nil
        point.pointee.sortTime = thing.pointee.lastTime
        point.pointee.thing = UInt32(index)
        point.pointee.order = UInt32(pointCount)
        pointCount += 1
        return true
    }

    /// The thing with this uid, made where there is none.
    private mutating func thing(_ uid: UInt64) -> Int? {
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: uid) & mask
        while slots[slot] != 0 {
            let index = Int(slots[slot]) - 1
            if things[index].uid == uid { return index }
            slot = (slot + 1) & mask
        }
        if thingCount == things.count { return nil }
        things.pointer(at: thingCount).pointee = TrackThing()
        things.pointer(at: thingCount).pointee.uid = uid
        thingCount += 1
        slots[slot] = UInt32(thingCount)
        return thingCount - 1
    }

    /// After the last event.
    public mutating func arrange() {
        let things = things
        HeapSort.sort(points.slice(0, pointCount)) { a, b in
            if a.thing != b.thing { return a.thing < b.thing }
            return a.sortTime != b.sortTime ? a.sortTime < b.sortTime : a.order < b.order
        }
        var first: UInt32 = 0
        var i = 0
        while i < thingCount {
            things.pointer(at: i).pointee.firstPoint = first
            first += things[i].pointCount
            sequence[i] = UInt32(i)
            i += 1
        }
        rankTeams()
        HeapSort.sort(sequence.slice(0, thingCount)) { a, b in
            let left = things[Int(a)].teamRank
            let right = things[Int(b)].teamRank
            return left != right ? left < right : a < b
        }
    }

    /// The rank of a team is the number of its first thing.
    private func rankTeams() {
        let things = things
        HeapSort.sort(sequence.slice(0, thingCount)) { a, b in
            let left = things[Int(a)].team
            let right = things[Int(b)].team
            return left != right ? left < right : a < b
        }
        var rank: UInt32 = 0
        var i = 0
        while i < thingCount {
            let index = Int(sequence[i])
            let isFirst = i == 0 || things[index].team != things[Int(sequence[i - 1])].team
            if isFirst { rank = UInt32(index) }
            things.pointer(at: index).pointee.teamRank = rank
            i += 1
        }
    }

    /// In the order in which the files name them.
    public func thing(_ index: Int) -> TrackThing {
        invariant(index < thingCount, "a thing that is asked for was noted")
        return things[index]
    }

    /// Its latest event, which says its team.
    public func latest(of thing: TrackThing) -> DumpPlace {
        let isMarker =
            thing.marker.file != thing.position.file
            ? thing.marker.file > thing.position.file : thing.marker.end > thing.position.end
        return isMarker ? thing.marker : thing.position
    }

    /// The things of one team together.
    public func thing(byTeam index: Int) -> TrackThing { thing(Int(sequence[index])) }

    public func point(_ index: Int, of thing: TrackThing) -> TrackPoint {
        invariant(index < Int(thing.pointCount), "a point that is asked for was noted")
        return points[Int(thing.firstPoint) + index]
    }
}

/// In place, without recursion, and never slow: n log n steps whatever the order.
enum HeapSort {
    static func sort<T: BitwiseCopyable>(_ slab: Slab<T>, _ precedes: (T, T) -> Bool) {
        var root = slab.count / 2
        while root > 0 {
            root -= 1
            sink(slab, root, slab.count, precedes)
        }
        var end = slab.count
        while end > 1 {
            end -= 1
            let last = slab[end]
            slab[end] = slab[0]
            slab[0] = last
            sink(slab, 0, end, precedes)
        }
    }

    /// Puts the element at `start` where no child of it, before `end`, should come after it.
    private static func sink<T: BitwiseCopyable>(
        _ slab: Slab<T>, _ start: Int, _ end: Int, _ precedes: (T, T) -> Bool
    ) {
        let element = slab[start]
        var root = start
        while 2 * root + 1 < end {
            var child = 2 * root + 1
            if child + 1 < end && precedes(slab[child], slab[child + 1]) { child += 1 }
            if !precedes(element, slab[child]) { break }
            slab[root] = slab[child]
            root = child
        }
        slab[root] = element
    }
}
