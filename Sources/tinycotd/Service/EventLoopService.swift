// What the relay's loop tells the service manager, and when. READY when all sockets are bound and
// the first turn comes: from then on events are relayed, and newcomers wait for the picture of
// before a restart no longer than the relay lets them (`Relay.awaitRestore`). STATUS at most every
// five seconds and only if it has changed; an idle board is not woken for it.

import CLinuxSys
import TinyCoT

/// The loop's side of it; the messages and their order are the core's.
struct ServiceReport: BitwiseCopyable {
    var duties = ServiceDuties()
    /// As it was sent last.
    var said = ServiceStatus()
    /// As it is now.
    var status = ServiceStatus()
    /// No STATUS before this.
    var statusAt = Instant.zero
    var countedAt = Instant.zero
    var eventsCounted: UInt64 = 0
    var reloadBegan = Instant.zero
}

extension EventLoop {
    private static var statusSeconds: Int { 5 }
    /// What a healthy card may need for one call, without being talked of.
    private static var silenceSeconds: Int { 5 }

    // MARK: What happens

    /// After everything was opened, before the first turn.
    mutating func beginService() {
        if !notifier.isOpen { return }
        service.countedAt = now
        service.statusAt = now.after(seconds: EventLoop.statusSeconds)
        service.status.memoryLimitBytes = budget.memoryBytes
        lookAtFigures()
        // The store has hardly begun.
        service.status.disk = .well
        service.duties.owe(.ready)
        beginWatchdog()
        sendToService()
    }

    mutating func noteReloadBegins() {
        if !notifier.isOpen { return }
        service.reloadBegan = LinuxClock.now()
        service.duties.owe(.reloading)
    }

    /// Also when nothing was changed: the old configuration is in force.
    mutating func noteReloadEnds() {
        if notifier.isOpen { service.duties.owe(.ready) }
    }

    mutating func noteStopping() {
        if !notifier.isOpen { return }
        service.duties.owe(.stopping)
        sendToService()
    }

    // MARK: The turn

    /// Once a turn, after everything else.
    mutating func runService() {
        if !notifier.isOpen { return }
        runWatchdog()
        if now >= service.statusAt && phase == .running {
            lookAtFigures()
            service.statusAt = now.after(seconds: EventLoop.statusSeconds)
            if service.status != service.said { service.duties.owe(.status) }
        }
        sendToService()
    }

    /// When the loop must turn for it. An idle relay is not woken, but the last change is told: who
    /// came or left, and that traffic has ended.
    var serviceDeadline: Instant {
        if !notifier.isOpen { return .never }
        let earliest = min(service.duties.deadline, canary.schedule.deadline)
        let isStale =
            service.said.clients != relay.connectedClients
            || service.said.eventsPerSecond != 0
            || service.eventsCounted != relay.totals.eventsIn
        return isStale && phase == .running ? min(earliest, service.statusAt) : earliest
    }

    // MARK: Figures

    private mutating func lookAtFigures() {
        let events = relay.totals.eventsIn
        let milliseconds = now.milliseconds(since: service.countedAt)
        if milliseconds > 0 {
            let more = Int(clamping: events &- service.eventsCounted) * 1_000
            service.status.eventsPerSecond = (more + Int(milliseconds) / 2) / Int(milliseconds)
        }
        service.countedAt = now
        service.eventsCounted = events
        service.status.clients = relay.connectedClients
        service.status.memoryBytes = PeakMemory.bytes(scratch: tables.received)
        service.status.isCanaryLost = canary.schedule.lostInARow > 1
        let silence = Int(storePulse.silentMilliseconds(now: now) / 1_000)
        service.status.diskSilentSeconds = 0
        if silence >= EventLoop.silenceSeconds {
            service.status.disk = .silent
            service.status.diskSilentSeconds = silence
        } else {
            service.status.disk = storeCounters.value(.isReady) == 1 ? .well : .unavailable
        }
    }

    // MARK: Sending

    private mutating func sendToService() {
        while let message = service.duties.next(now: now) {
            var writer = ByteWriter(tables.serviceText)
            switch message {
            case .reloading: ServiceMessages.reloading(now: service.reloadBegan, into: &writer)
            case .ready:
                ServiceMessages.ready(
                    process: Int(tcs_process()), service.status, into: &writer)
            case .stopping:
                ServiceMessages.stopping(clients: relay.connectedClients, into: &writer)
            case .watchdog: ServiceMessages.watchdog(into: &writer)
            case .status: ServiceMessages.status(service.status, into: &writer)
            }
            invariant(!writer.overflowed, "a message to the service manager fits its room")
            if !notifier.send(writer.written) { return service.duties.failed(now: now) }
            service.duties.settle(message)
            if message == .ready || message == .status { service.said = service.status }
        }
    }
}
