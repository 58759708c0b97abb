// Everything that time does: heartbeats, stalls, the end of kept events, repeats of alerts.
// Deadlines are found by a sweep over the clients, at most once a second unless a stall is due,
// so that a hundred idle clients wake the board once a second at most.

extension Relay {
    /// Work that is due less than this ahead is done in the same sweep.
    static var slackMilliseconds: Int64 { 1000 }

    /// The edge sleeps no longer than until this instant.
    public func nextDeadline() -> Instant {
        if toClose.count > 0 || toFlush.count > 0 { return now }
        if connectedClients == 0 && replayTable.count == 0 && seen.count == 0 {
            return restorationDeadline
        }
        return min(min(sweepAt, restorationDeadline), min(min(expireAt, repeatAt), patientAt))
    }

    /// Does what is due. Called once a turn.
    /// - Parameter unacknowledgedBytes: what the kernel still holds for a blocked client. A slow
    ///   radio takes bytes from there long before the socket takes new ones from us (it does only
    ///   when a third of its buffer is free), and such a client has not stalled.
    public mutating func runDeadlines(
        unacknowledgedBytes: (_ client: Int) -> Int = { _ in .max }
    ) {
        if expireAt <= now {
            // A second later at the earliest, so that many short lives do not mean many walks.
            let next = min(replayTable.expire(at: now), expireSeen())
            expireAt = max(next, now.after(milliseconds: Relay.slackMilliseconds))
            if next == .never { expireAt = .never }
        }
        repeatEmergencies()
        runRestoration()
        if sweepAt <= now { sweepClients(unacknowledgedBytes) }
    }

    private mutating func sweepClients(_ unacknowledgedBytes: (Int) -> Int) {
        sweepAt = .never
        let soon = now.after(milliseconds: Relay.slackMilliseconds)
        let heartbeat = Int64(config.heartbeatSeconds) * 1000
        var i = 0
        while i < connectedClients {
            let index = Int(active[i])
            let client = clients.pointer(at: index)
            i += 1
            if client.pointee.phase != .connected { continue }
            let waits =
                client.pointee.queue.count > 0 || client.pointee.express != EventLog.none
            if client.pointee.isBlocked {
                noteProgress(client, unacknowledgedBytes(index))
                sweep(by: soon)
            }
            if waits {
                let stall = client.pointee.lastTakenAt.after(seconds: config.stallSeconds)
                if stall <= now {
                    end(index, .stalled)
                    continue
                }
                sweep(by: stall)
            }
            if client.pointee.replay.pass != .done {
                resumeReplay(index)
                sweep(by: soon)
            }
            var next = client.pointee.lastSentAt.after(milliseconds: heartbeat)
            if next <= soon {
                if !waits && sendExpress(index) { totals.heartbeats += 1 }
                next = now.after(milliseconds: heartbeat)
            }
            sweep(by: next)
        }
    }

    private func noteProgress(_ client: UnsafeMutablePointer<Client>, _ unacknowledged: Int) {
        if unacknowledged >= client.pointee.leastUnacknowledged { return }
        // The first look is no progress yet, only where to count from.
        if client.pointee.leastUnacknowledged != .max { client.pointee.lastTakenAt = now }
        client.pointee.leastUnacknowledged = unacknowledged
    }
}
