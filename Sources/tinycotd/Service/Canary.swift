// The watchdog's proof (ADR 0013): the daemon connects to a listener of its own, is accepted,
// sends an event and reads it back. Only then is WATCHDOG=1 sent, and only if the disk has answered
// within `store_stall_seconds`. This is our end of the connection; the other end is a client's
// place of the relay like any other (`RelayCanary`).
//
//   resting ─due─► connecting ─writable─► waiting ─all bytes back─► resting, WATCHDOG=1
//                      └──────────────────────┴─error, other bytes, time─► lost, tried again
//
// The accepted end is known by its peer: address and port to which our own end was bound. No other
// socket of this machine can have them while we hold them.

import CLinuxSys
import TinyCoT

struct Canary: BitwiseCopyable {
    var schedule = WatchdogSchedule()
    var descriptor: Int32 = -1
    var generation: UInt32 = 0
    /// What our end is bound to; port 0 while there is none.
    var own = Endpoint()
    /// One was given up before it was accepted. It was reset, and may still come out of a queue.
    var mayHaveStrays = false
    var isAccepted = false
    /// Place in the table of listeners: where it flies to, as long as it comes back.
    var listener = 0
    var number: UInt64 = 0
    var hasSent = false
    /// Bytes that have come back and were right.
    var matched = 0
    var sentBytes = 0
    var backBytes = 0
    var hasToldStall = false
}

extension EventLoop {
    // MARK: When

    mutating func beginWatchdog() {
        guard let text = tcs_environment("WATCHDOG_USEC"),
            let microseconds = ServiceEnvironment.number(Slab(cString: text)), microseconds > 0,
            ServiceEnvironment.isFor(
                process: Int(tcs_process()),
                tcs_environment("WATCHDOG_PID").map { Slab(cString: $0) })
        else { return }
        canary.schedule = WatchdogSchedule(timeoutMicroseconds: microseconds, now: now)
        canary.listener = EventLoop.firstGoal(tables.listeners)
    }

    mutating func runWatchdog() {
        switch canary.schedule.step(now: now) {
        case .nothing: break
        case .launch: launchCanary()
        case .giveUp: loseCanary("no answer in time", 0)
        }
    }

    /// No flights while the queues drain: the listeners are closed.
    mutating func stopWatchdog() {
        closeCanary()
        canary.schedule.stop()
    }

    // MARK: Where

    /// Rather one that the loopback interface reaches: it is there whatever happens to others.
    private static func firstGoal(_ listeners: Slab<Listener>) -> Int {
        var i = 0
        while i < listeners.count {
            let address = listeners[i].endpoint.address
            if listeners[i].descriptor >= 0 && (address.isUnspecified || address.isLoopback) {
                return i
            }
            i += 1
        }
        return 0
    }

    /// The next one that is open, from the present one on.
    private mutating func chooseGoal() -> Endpoint? {
        var rounds = 0
        while rounds < tables.listeners.count {
            if canary.listener >= tables.listeners.count { canary.listener = 0 }
            if tables.listeners[canary.listener].descriptor >= 0 {
                var goal = tables.listeners[canary.listener].endpoint
                if goal.address.isUnspecified {
                    goal.address =
                        goal.address.isIPv4
                        ? Address(ipv4: 0x7F00_0001) : Address(high: 0, low: 1)
                }
                return goal
            }
            canary.listener += 1
            rounds += 1
        }
        return nil
    }

    // MARK: The flight

    private mutating func launchCanary() {
        canary.schedule.launched(now: now)
        canary.generation &+= 1
        canary.isAccepted = false
        canary.hasSent = false
        canary.matched = 0
        guard let goal = chooseGoal() else { return loseCanary("no listener is open", 0) }
        let result = connectCanary(to: goal)
        if result < 0 { loseCanary("cannot connect to ", -result) }
    }

    private mutating func connectCanary(to goal: Endpoint) -> Int32 {
        var name = tcs_endpoint(goal)
        canary.descriptor = tcs_socket_tcp(&name)
        if canary.descriptor < 0 { return canary.descriptor }
        _ = tcs_set_reset_on_close(canary.descriptor)
        _ = tcs_set_no_delay(canary.descriptor)
        setCanaryBuffers(canary.descriptor)
        // Bound to the address that is called: if that is not ours any more, no packet leaves.
        var source = name
        source.port = 0
        var result = tcs_bind(canary.descriptor, &source)
        if result < 0 { return result }
        result = tcs_connect(canary.descriptor, &name)
        if result < 0 && result != -tcs_errno_in_progress { return result }
        result = tcs_local_endpoint(canary.descriptor, &source)
        if result < 0 { return result }
        canary.own = Endpoint(source)
        return tcs_poller_add(
            poller.raw, canary.descriptor, tcs_event_writable,
            EventLoop.eventData(.canary, index: 0, generation: canary.generation))
    }

    func setCanaryBuffers(_ descriptor: Int32) {
        _ = tcs_set_receive_buffer(descriptor, Int32(MemoryPlan.canaryBufferBytes))
        _ = tcs_set_send_buffer(descriptor, Int32(MemoryPlan.canaryBufferBytes))
    }

    mutating func canaryIsReady(_ generation: UInt32) {
        if canary.descriptor < 0 || canary.generation != generation { return }
        if canary.hasSent { readCanary() } else { sendCanary() }
    }

    private mutating func sendCanary() {
        let error = tcs_pending_error(canary.descriptor)
        if error < 0 { return loseCanary("cannot connect to ", -error) }
        canary.number &+= 1
        let number = relay.hashKey ^ canary.number
        var out = ByteWriter(tables.canaryOut)
        EventWriter.canary(number: number, now: wall, isBack: false, into: &out)
        var back = ByteWriter(tables.canaryBack)
        EventWriter.canary(number: number, now: wall, isBack: true, into: &back)
        invariant(!out.overflowed && !back.overflowed, "a canary fits its room")
        canary.backBytes = back.count
        let sent = tcs_send(canary.descriptor, out.written.start, out.count)
        if sent != Int64(out.count) { return loseCanary("cannot send to ", 0) }
        canary.hasSent = true
        let result = tcs_poller_change(
            poller.raw, canary.descriptor, tcs_event_readable,
            EventLoop.eventData(.canary, index: 0, generation: canary.generation))
        if result < 0 { loseCanary("cannot wait for ", -result) }
    }

    private mutating func readCanary() {
        let room = tables.received.slice(0, EventWriter.maxBytes)
        let result = tcs_receive(canary.descriptor, room.start, room.count)
        if result == -Int64(tcs_errno_again) || result == -Int64(tcs_errno_interrupted) { return }
        if result <= 0 { return loseCanary("the connection was closed by ", Int32(-result)) }
        let rest = tables.canaryBack.slice(canary.matched, canary.backBytes - canary.matched)
        let count = Int(result)
        if count > rest.count || !room.slice(0, count).equals(rest.slice(0, count)) {
            return loseCanary("other bytes came back from ", 0)
        }
        canary.matched += count
        if canary.matched == canary.backBytes { canaryIsBack() }
    }

    private mutating func canaryIsBack() {
        if canary.schedule.lostInARow > 0 {
            log.say("watchdog: the relay answers itself again", .notice, at: now, limited: false)
        }
        closeCanary()
        canary.schedule.returned(now: now)
        let silence = storePulse.silentMilliseconds(now: now)
        if silence < Int64(config.storeStallSeconds) * 1_000 {
            canary.hasToldStall = false
            service.duties.owe(.watchdog)
            return
        }
        if canary.hasToldStall { return }
        canary.hasToldStall = true
        var line = log.begin(.error)
        line.append("watchdog: the disk has not answered for ")
        line.append(decimal: silence / 1_000)
        line.append(" seconds (store_stall_seconds is ")
        line.append(decimal: config.storeStallSeconds)
        line.append("); the service manager is not told that all is well")
        log.end(line, at: now, limited: false)
    }

    // MARK: The end

    private mutating func loseCanary(_ what: StaticString, _ error: Int32) {
        if canary.schedule.lostInARow == 0 {
            var line = log.begin(.warning)
            line.append("watchdog: the relay does not answer itself: ")
            line.append(what)
            if canary.listener < tables.listeners.count && what.utf8CodeUnitCount > 0 {
                line.append(" [")
                line.append(tables.listeners[canary.listener].endpoint)
                line.append("]")
            }
            if error > 0 { line.append(reason: error) }
            log.end(line, at: now, limited: false)
        }
        closeCanary()
        canary.schedule.lost(now: now)
        // Another way in may be open.
        canary.listener += 1
    }

    /// Both ends. Safe at any time.
    private mutating func closeCanary() {
        if canary.descriptor >= 0 { _ = tcs_close(canary.descriptor) }
        canary.descriptor = -1
        if canary.own.port != 0 && !canary.isAccepted { canary.mayHaveStrays = true }
        canary.own = Endpoint()
        relay.connectionEnded(client: relay.canaryPlace, reason: .peerClosed)
    }

    // MARK: Accepting

    /// - Returns: the connection is one of ours, and has been taken care of.
    mutating func admitCanary(_ descriptor: Int32, _ peer: Endpoint) -> Bool {
        if canary.descriptor >= 0 && !canary.isAccepted && peer == canary.own {
            canary.isAccepted = true
            if let client = relay.admitCanary(address: peer.address, port: peer.port) {
                connect(client, descriptor, peer)
            } else {
                _ = tcs_close(descriptor)
            }
            return true
        }
        // Whoever has reset its connection meanwhile is no client, ours or not.
        if !canary.mayHaveStrays || tcs_pending_error(descriptor) == 0 { return false }
        _ = tcs_close(descriptor)
        return true
    }
}
