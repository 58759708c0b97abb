// Places of HTTP connections, and who gives one up to somebody who waits for it. That is, in this
// order: whoever idles between two requests, the longest idle first; then whoever has only held the
// place for longest, because its head did not come, nothing moves, or the answer was sent and its
// end is awaited. While nobody waits nobody is put out, and all have the times of tinycot.json.
// Without this, eight connections that say nothing would keep everybody out for `head_seconds`,
// and then the next eight would.

import CLinuxSys
import TinyCoT

extension StoreLoop {
    /// Milliseconds. The head of a phone comes with its connection. Where many connections wait, a
    /// newcomer waits for about their number times this, divided by the places.
    private static var headPatience: Int64 { 100 }
    /// A body or an answer may rest for so long.
    private static var bodyPatience: Int64 { 2_000 }

    func hasPlace(isOperator: Bool) -> Bool {
        if isOperator { return tables.connections[tables.operatorIndex].phase == .free }
        return freeNormalPlace != nil || longestIdle(of: nil) != nil || longestHolding != nil
    }

    /// A place for a newcomer who is there.
    mutating func placeForNewcomer() -> Int {
        if let free = freeNormalPlace { return free }
        guard let index = longestIdle(of: nil) ?? longestHolding else {
            invariantBroken("nobody is accepted without a place")
        }
        if !tables.connections[index].isIdle { counters.add(.gaveWay) }
        closeConnection(index)
        return index
    }

    private var freeNormalPlace: Int? {
        var i = 0
        while i < tables.normalCount {
            if tables.connections[i].phase == .free { return i }
            i += 1
        }
        return nil
    }

    func longestIdle(of address: Address?) -> Int? {
        var best: Int?
        var i = 0
        while i < tables.normalCount {
            let connection = tables.connections[i]
            let isMeant = address == nil || connection.peer.address == address
            if connection.isIdle && isMeant {
                if best == nil || connection.deadline < tables.connections[best ?? i].deadline {
                    best = i
                }
            }
            i += 1
        }
        return best
    }

    private var longestHolding: Int? {
        var best: Int?
        var earliest = now
        var i = 0
        while i < tables.normalCount {
            let at = givesWayAt(i)
            if at <= earliest {
                earliest = at
                best = i
            }
            i += 1
        }
        return best
    }

    /// When to look at the listeners again, because somebody has held a place for too long.
    var nextHoldingDeadline: Instant {
        if listenersAreWatched || acceptAgainAt > now { return .never }
        var earliest = Instant.never
        var i = 0
        while i < tables.normalCount {
            earliest = min(earliest, givesWayAt(i))
            i += 1
        }
        return earliest
    }

    /// A disk that stood still is no fault of a client: what it sent was not read meanwhile.
    mutating func noteStandstill() {
        let time = LinuxClock.now()
        if time.milliseconds(since: askedAt) > StoreLoop.headPatience {
            judgedFrom = time.after(milliseconds: StoreLoop.headPatience)
        }
    }

    /// From when on a connection gives way if nothing more comes of it.
    private func givesWayAt(_ index: Int) -> Instant { max(holdsSince(index), judgedFrom) }

    private func holdsSince(_ index: Int) -> Instant {
        let connection = tables.connections.pointer(at: index)
        let deadline = connection.pointee.deadline
        switch connection.pointee.phase {
        case .free, .waiting, .asking: return .never
        case .head:
            if connection.pointee.hasRest { return .never }
            return moment(deadline, settings.headSeconds, StoreLoop.headPatience)
        case .body:
            return moment(
                deadline, settings.stallSeconds, patience(connection.pointee.windowBytes))
        case .answering:
            return moment(deadline, settings.stallSeconds, patience(takenBytes(index)))
        case .lingering:
            return moment(deadline, StoreLoop.lingerSeconds, StoreLoop.headPatience)
        }
    }

    /// What has moved buys time, at the rate that no connection may fall below.
    private func patience(_ bytes: Int64) -> Int64 {
        max(StoreLoop.bodyPatience, bytes * 1_000 / Int64(StoreLoop.leastBytesPerSecond))
    }

    /// So long after the time began that ends at `deadline`.
    private func moment(_ deadline: Instant, _ seconds: Int, _ milliseconds: Int64) -> Instant {
        let span = UInt64(seconds) * 1_000_000_000
        let began = deadline.nanoseconds > span ? deadline.nanoseconds - span : 0
        return Instant(nanoseconds: began).after(milliseconds: milliseconds)
    }

    /// Bytes of the answer that the client has taken since the last look at its deadline.
    func takenBytes(_ index: Int) -> Int64 {
        let connection = tables.connections.pointer(at: index)
        let held = tcs_unacknowledged(connection.pointee.descriptor)
        return connection.pointee.sentBytes - Int64(max(0, held))
            - connection.pointee.acknowledgedBytes
    }
}
