// The relay loop: one thread, one epoll. It tells the relay what happened and does what the relay
// asks; every decision about events is the relay's. A turn is the list in `turn`. After `run` has
// begun nothing here takes memory, touches a disk or waits for anything but the poller.
// Phases: running: all of it. draining: nobody is let in, what arrives is read and thrown away so
// that closing does not reset the connection, queues are sent until empty or `leaveAt`.

import CLinuxSys
import TinyCoT

struct EventLoop: ~Copyable {
    enum Phase: UInt8 { case running, draining }

    /// What an event of the poller is about. Its 64 bits: generation, kind, index (32, 8, 24).
    enum Watched: UInt8 {
        case client, listener, signals, statusListener, statusConnection, reload, questions
        case canary
    }

    let budget: Budget
    var config: Config
    /// The tables that the next reload fills; they change places with `config`.
    var spare: Config
    var relay: Relay
    let tables: EdgeTables
    var log: Log
    let storeCounters: StoreCounters
    let storePulse: StorePulse
    let configPath: UnsafePointer<CChar>
    var configMustExist = false

    var poller = FileDescriptor.none()
    var signals = FileDescriptor.none()
    var statusListener = FileDescriptor.none()
    /// Given up for a moment when there is no other descriptor to accept and refuse with.
    var reserve = FileDescriptor.none()
    /// Asks the reader thread for the file, and says that it has been read.
    var reloadRequest = FileDescriptor.none()
    var reloadAnswer = FileDescriptor.none()
    var reloadRuns = false
    var reloadAgain = false
    /// The way to the store loop; nil where there is none. Set before `open`.
    var bridge: Bridge?
    /// The configuration in force has not been handed to the store yet.
    var owesSettings = false
    var statusPath = Slab<UInt8>(start: nil, count: 0)
    /// Listening sockets of the service manager; none once the loop turns.
    var passed = PassedSockets()
    var notifier = Notifier.none()
    var service = ServiceReport()
    var canary = Canary()

    var phase = Phase.running
    var leaveAt = Instant.never
    /// The store writes the state at the end, and is not waited for beyond this.
    var storeLeaveAt = Instant.never
    var resumeListenersAt = Instant.never
    /// Writes to clients until the clock is looked at for the latency.
    var writesToClock = 0
    var now = Instant.zero
    var wall = WallTime(milliseconds: 0)
    var startedAt = Instant.zero

    init(
        budget: Budget, config: Config, spare: Config, relay: consuming Relay, tables: EdgeTables,
        log: consuming Log, storeCounters: StoreCounters, storePulse: StorePulse,
        configPath: UnsafePointer<CChar>
    ) {
        self.budget = budget
        self.config = config
        self.spare = spare
        self.relay = relay
        self.tables = tables
        self.log = log
        self.storeCounters = storeCounters
        self.storePulse = storePulse
        self.configPath = configPath
        now = LinuxClock.now()
        startedAt = now
    }

    // MARK: The loop

    /// Returns when a signal ended it and the queues are empty, or their time is over.
    mutating func run() {
        while !mayLeave {
            turn()
        }
        leave()
    }

    private mutating func turn() {
        let count = waitForEvents()
        now = LinuxClock.now()
        wall = LinuxClock.wall()
        writesToClock = 0
        relay.beginTurn(now: now, wall: wall)
        dispatchAll(count)
        lookAgain()
        let connections = tables.connections
        relay.runDeadlines { client in
            let bytes = tcs_unacknowledged(connections[client].descriptor)
            return bytes < 0 ? .max : Int(bytes)
        }
        flushClients()
        // Each leaving is announced to others, and sending may find more who have gone. Every
        // round closes somebody, so there are never more rounds than clients.
        while closeClients() { flushClients() }
        handOverFeed()
        runOwnDeadlines()
    }

    /// The store is waited for in the poller like everything else. While it writes the state it
    /// asks for the picture, so the clients stay for that long, even with no time to drain.
    var mayLeave: Bool {
        phase == .draining && (relay.isDrained || now >= leaveAt)
            && (storeHasStopped || now >= storeLeaveAt)
    }

    private func waitForEvents() -> Int {
        var deadline = min(relay.nextDeadline(), log.deadline)
        deadline = min(deadline, resumeListenersAt)
        if phase == .draining { deadline = min(deadline, leaveAt > now ? leaveAt : storeLeaveAt) }
        deadline = min(deadline, min(statusDeadline, serviceDeadline))
        return poll(milliseconds: LinuxClock.milliseconds(until: deadline))
    }

    private func poll(milliseconds: Int32) -> Int {
        let result = tcs_poller_wait(
            poller.raw, tables.events.start, Int32(tables.events.count), milliseconds)
        // Interrupted (a debugger, a stop and continue): a turn without events does no harm.
        return max(0, Int(result))
    }

    /// More than this would keep those waiting who have something to read.
    private static var looksPerTurn: Int { 4 }

    /// In a flood more has come while this was dealt with: it goes out in the same writes.
    private mutating func lookAgain() {
        var looks = 0
        while looks < EventLoop.looksPerTurn && relay.wouldRatherSendMore {
            let count = poll(milliseconds: 0)
            if count == 0 { return }
            dispatchAll(count)
            looks += 1
        }
    }

    /// Those who leave make room for those who come.
    private mutating func dispatchAll(_ count: Int) {
        dispatch(count, newcomers: false)
        dispatch(count, newcomers: true)
    }

    private mutating func dispatch(_ count: Int, newcomers: Bool) {
        var i = 0
        while i < count {
            let event = tables.events[i]
            i += 1
            guard let kind = Watched(rawValue: UInt8(truncatingIfNeeded: event.data >> 24))
            else { continue }
            if newcomers != (kind == .listener) { continue }
            let index = Int(event.data & 0xFF_FFFF)
            let generation = UInt32(truncatingIfNeeded: event.data >> 32)
            switch kind {
            case .client: clientIsReady(index, generation, event.events)
            case .listener: listenerIsReady(index, generation)
            case .signals: takeSignals()
            case .statusListener: acceptStatusConnections()
            case .statusConnection: statusConnectionIsReady(index, generation)
            case .reload: finishReload()
            case .questions: storeIsReady()
            case .canary: canaryIsReady(generation)
            }
        }
    }

    private mutating func runOwnDeadlines() {
        if now >= resumeListenersAt { resumeListeners() }
        dropSlowStatusConnections()
        log.reportSuppressed(at: now)
        runService()
    }

    static func eventData(_ kind: Watched, index: Int, generation: UInt32) -> UInt64 {
        UInt64(generation) << 32 | UInt64(kind.rawValue) << 24 | UInt64(index)
    }

    // MARK: Signals and the end

    /// For the state to be written at the end; a healthy card needs a fraction of a second.
    private static var stateSeconds: Int { 3 }

    private mutating func takeSignals() {
        var number = tcs_next_signal(signals.raw)
        while number > 0 {
            if number == tcs_signal_hang_up {
                startReload()
            } else if phase == .running {
                beginDraining(number)
            } else {
                // Whoever asks twice does not want to wait.
                leaveAt = now
                storeLeaveAt = now
            }
            number = tcs_next_signal(signals.raw)
        }
    }

    private mutating func beginDraining(_ signal: Int32) {
        phase = .draining
        leaveAt = now.after(seconds: config.drainSeconds)
        storeLeaveAt = leaveAt.after(seconds: EventLoop.stateSeconds)
        stopWatchdog()
        relay.beginShutdown()
        closeAllListeners()
        noteStopping()
        // Nothing is taken from clients any more: this is the end of the dump.
        handOverFeed()
        bridge?.requestStop()
        var line = log.begin(.notice)
        line.append(signal == tcs_signal_terminate ? "SIGTERM" : "SIGINT")
        line.append(": no new clients; sending what waits for ")
        line.append(decimal: relay.connectedClients)
        line.append(relay.connectedClients == 1 ? " client" : " clients")
        log.end(line, at: now, limited: false)
    }

    private mutating func leave() {
        let isDrained = relay.isDrained
        var clients = 0
        relay.endAll()
        while let client = relay.nextToClose() {
            let descriptor = tables.connections[client].descriptor
            finishPolitely(descriptor)
            _ = tcs_close(descriptor)
            tables.connections[client].descriptor = -1
            relay.released(client: client)
            clients += 1
        }
        closeStatusServer()
        let totals = relay.totals
        var line = log.begin(.notice)
        line.append(isDrained ? "stopped" : "stopped before all was sent")
        line.append(": ")
        line.append(decimal: clients)
        line.append(clients == 1 ? " client disconnected, " : " clients disconnected, ")
        line.append(decimal: Int(totals.eventsIn))
        line.append(" events in, ")
        line.append(decimal: Int(totals.eventsOut))
        line.append(" out, ")
        line.append(decimal: Int(tcs_heap_allocations_after_seal()))
        line.append(" heap allocations after start")
        // What it has answered for is safe on the disk all the same.
        if !storeHasStopped { line.append("; the store did not stop in time") }
        log.end(line, at: now, limited: false)
    }

    /// Reads what still lies in the socket: closing over unread bytes sends a reset, and a reset
    /// makes the peer's kernel throw away what we have just sent.
    func finishPolitely(_ descriptor: Int32) {
        _ = tcs_shutdown_writing(descriptor)
        var rounds = 0
        while rounds < 4 {
            let result = tcs_receive(descriptor, tables.received.start, tables.received.count)
            if result <= 0 { return }
            rounds += 1
        }
    }

    // MARK: The start

    /// Opens what the loop needs, or says what cannot be opened.
    mutating func open(settings: Settings, startup: StartupMemory) throws(ExitCode) {
        do throws(SystemError) {
            try openPoller()
            signals = FileDescriptor(owning: try SystemError.check(tcs_signal_descriptor()))
            reserve = FileDescriptor(owning: try SystemError.check(openReserve()))
            try SystemError.check(
                tcs_poller_add(
                    poller.raw, signals.raw, tcs_event_readable,
                    EventLoop.eventData(.signals, index: 0, generation: 0)))
            try startReader()
            try openBridge()
        } catch {
            complain("cannot start the loop", Slab(""), reason: error.number, startup: startup)
            throw .system
        }
        // First the status socket: "another tinycot runs already" says more than "address in use".
        try openStatusServer(settings: settings, startup: startup)
        do throws(ExitCode) {
            try openConfiguredListeners(startup)
        } catch {
            closeStatusServer()
            throw error
        }
    }

    mutating func openPoller() throws(SystemError) {
        poller = FileDescriptor(owning: try SystemError.check(tcs_poller()))
    }

    func openReserve() -> Int32 { tcs_open_for_reading("/dev/null") }

    /// One line that says that the relay is there, and where.
    mutating func announce(planBytes: Int, http: Slab<HTTPListener>) {
        var line = log.begin(.notice)
        line.append("tinycot ")
        line.append(ProgramText.version)
        line.append(" (")
        line.append(ProgramText.build)
        line.append(") relays for up to ")
        line.append(decimal: budget.clients)
        line.append(" clients in ")
        line.append(decimal: planBytes)
        line.append(" bytes; listening on")
        var i = 0
        while i < tables.listeners.count {
            if tables.listeners[i].descriptor >= 0 {
                line.append(" ")
                line.append(tables.listeners[i].endpoint)
            }
            i += 1
        }
        i = 0
        while i < http.count {
            if http[i].descriptor >= 0 && !http[i].isOperator {
                line.append(" http://")
                line.append(http[i].endpoint)
            }
            i += 1
        }
        log.end(line, at: now, limited: false)
    }
}
