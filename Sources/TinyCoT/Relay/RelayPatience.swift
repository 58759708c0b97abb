// Patience: what one system call carries costs hardly more than the call, so a relay that has much
// to send waits a moment for what comes next, and wakes the radios of the phones less often, too.
//
// Positions and markers wait for `coalesce_milliseconds` at most, and only if the last of them went
// out no longer than twice that ago: a lone event never waits. Whatever is important (chat,
// transfers, deletes, alerts) goes at once and takes along what waits in the same ring; pongs,
// heartbeats and the picture for newcomers do not wait either. Nor does anything wait in a ring
// that holds enough for a write to be worth it; but the edge looks first whether more has arrived
// in the meantime, until a ring holds what the socket's buffer takes.

extension Relay {
    /// For more than this a wait is too long for what it saves.
    private static var worthwhileEvents: UInt32 { 16 }
    private static var worthwhileBytes: UInt32 { 16_384 }

    /// What waits goes out in this turn, and would gladly take more along.
    public var wouldRatherSendMore: Bool {
        patientAt <= now && !ringsFillUp && !holdsFullWrite
    }

    /// Something was put into a ring: it goes out in this turn, or with what waits.
    @inline(__always)
    mutating func noteQueued(
        _ index: Int, _ client: UnsafeMutablePointer<Client>, isUrgent: Bool
    ) {
        if client.pointee.isBlocked { return }
        let mayWait =
            !isUrgent && !client.pointee.isCanary && config.coalesceMilliseconds > 0
            && !isShuttingDown
        if !mayWait {
            list(index, client)
        } else if !client.pointee.isListed && patientAt == .never {
            patientAt = endOfPatience
        }
        noteFullness(client)
    }

    private var endOfPatience: Instant {
        let span = Int64(config.coalesceMilliseconds)
        let isBusy = now < patientSentAt.after(milliseconds: 2 * span)
        return isBusy ? now.after(milliseconds: span) : now
    }

    @inline(__always)
    private mutating func noteFullness(_ client: UnsafeMutablePointer<Client>) {
        let queue = client.pointee.queue
        if Int(queue.bytes) >= budget.clientSendBufferBytes { holdsFullWrite = true }
        let fillsUp =
            4 * Int(queue.count) >= 3 * queues.capacity
            || 2 * Int(queue.bytes) >= queues.bytesMax
        if fillsUp { ringsFillUp = true }
        let isWorthwhile =
            queue.count >= Relay.worthwhileEvents || queue.bytes >= Relay.worthwhileBytes
        if (isWorthwhile || fillsUp) && patientAt != .never { patientAt = now }
    }

    /// Whoever has something waiting comes out of `nextToFlush`.
    mutating func endPatience() {
        patientAt = .never
        patientSentAt = now
        holdsFullWrite = false
        var i = 0
        while i < connectedClients {
            let index = Int(active[i])
            let client = clients.pointer(at: index)
            if client.pointee.phase == .connected && client.pointee.queue.count > 0 {
                list(index, client)
            }
            i += 1
        }
    }
}
