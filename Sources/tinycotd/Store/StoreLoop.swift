// The store loop: the second thread, with a poller of its own. It serves the Marti API, and it
// alone touches the disk, so that a card that stalls stalls downloads and never an event. What it
// needs to know of clients and of the picture it asks the relay (`Bridge`); it shares nothing else
// with it but counters. A turn: the poller's events, the relay's answers among them, then what was
// put off, then deadlines. One room a file: Store* for the catalogue, the uploads and the relay's
// answers, HTTP* for connections, requests and answers.

import CLinuxSys
import PackageStore
import StateStore
import TinyCoT

struct StoreLoop: ~Copyable {
    /// What an event of the poller is about: generation, kind, index (32, 8, 24 bits).
    enum Watched: UInt8 { case connection, listener, bridge }

    let budget: Budget
    let tables: StoreTables
    let bridge: Bridge
    let counters: StoreCounters
    let pulse: StorePulse
    let limits: HTTPHeadLimits
    let startedAt = LinuxClock.now()
    var settings: StoreSettings
    var server: MartiServer
    var log: Log
    var quota: UploadQuota
    var ledger: WriteLedger
    var dump: StoreDump
    /// All that the two loops take their memory from.
    let arena: UnsafeMutableRawBufferPointer
    var isWriteBudgetUsedUp = false
    /// Of the catalogue that is open: pages that the ledger knows of.
    var cataloguePagesNoted: Int64 = 0
    /// Ended by a zero.
    let statePath: UnsafePointer<CChar>
    /// The operator's door, once it is open; ended by a zero.
    var socketPath: UnsafePointer<CChar>?

    var poller = FileDescriptor.none()
    var files: PackageFiles?
    var catalogue: Catalogue?
    var stateFiles: StateFiles?
    var state = StateJob()
    var isSQLiteReady = false
    var lastTrouble = Trouble.none
    /// When opening the folder is tried again; `never` while it is open.
    var openAt = Instant.zero
    /// Free room on the disk as last asked for, less what was written since.
    var freeBytes: Int64 = 0
    var freeBytesAtLook: Int64 = 0
    var freeBytesAskedAt: Instant?
    var pendingAnnouncements = 0
    /// While the operator reads the catalogue.
    var catalogueCopy: CatalogueCopy?
    /// Which connection asked what lies in a slot; the generation tells whether it is still there.
    var askers: InlineArray<4, SlotAsker> = .init(repeating: SlotAsker())

    var listenersAreWatched = true
    var acceptAgainAt = Instant.zero
    var operatorIsWatched = true
    /// Some connection has bytes to look at that the poller does not know of.
    var hasMore = false
    var isStopping = false
    /// Not older than the last answer: what came before it may have waited for the disk for long.
    var now = Instant.zero
    /// When the poller was asked. What a client sent later nobody has seen yet, so no deadline of
    /// this turn is measured with a later time.
    var askedAt = Instant.zero
    var wall = WallTime(milliseconds: 0)
    /// Until then nobody has to give way: we have stood still, and whoever waits for us does not.
    var judgedFrom = Instant.zero

    init(
        budget: Budget, memory: StoreMemory, quota: consuming UploadQuota,
        settings: StoreSettings, server: MartiServer, statePath: UnsafePointer<CChar>,
        dumpRing: Slab<UInt8>, arena: UnsafeMutableRawBufferPointer
    ) {
        self.arena = arena
        self.budget = budget
        tables = memory.tables
        bridge = memory.bridge
        counters = memory.counters
        pulse = memory.pulse
        limits = StoreTables.limits(budget)
        self.settings = settings
        self.server = server
        self.statePath = statePath
        self.quota = quota
        dump = StoreDump(ring: dumpRing, budget: budget, tables: memory.tables)
        ledger = WriteLedger(bytesPerDay: budget.diskWriteBytesPerDay, now: LinuxClock.now())
        log = Log(line: memory.tables.logLine)
        log.linesPerSecond = budget.logLinesPerSecond
    }

    mutating func openPoller() throws(SystemError) {
        poller = FileDescriptor(owning: try SystemError.check(tcs_poller()))
        try SystemError.check(
            tcs_poller_add(
                poller.raw, bridge.storeWake, tcs_event_readable,
                StoreLoop.eventData(.bridge, index: 0, generation: 0)))
    }

    // MARK: The loop

    mutating func run() {
        now = LinuxClock.now()
        wall = LinuxClock.wall()
        pulse.step()
        loadState()
        applyDump()
        openStore()
        settleMemory()
        while !bridge.isStopRequested {
            if now >= openAt { openStore() }
            turn()
        }
        stop()
    }

    /// What opening took of the program is given back before the arena is taken whole: so the two
    /// never add up. From here on nothing can fail for want of a page. Until then, and for ever on
    /// a kernel older than 5.14, pages come when they are first used.
    private func settleMemory() {
        tcs_release_program()
        _ = tcs_populate(arena.baseAddress, arena.count)
        pulse.step()
    }

    private mutating func turn() {
        noteStandstill()
        let timeout = hasMore ? 0 : LinuxClock.milliseconds(until: nextDeadline())
        pulse.rest()
        let result = tcs_poller_wait(
            poller.raw, tables.events.start, Int32(tables.events.count), timeout)
        let count = max(0, Int(result))
        now = LinuxClock.now()
        askedAt = now
        wall = LinuxClock.wall()
        // What has come is read before anybody has to give way to a newcomer.
        dispatch(count, newcomers: false)
        dispatch(count, newcomers: true)
        pulse.step()
        if hasMore { advanceAll() }
        pulse.step()
        // First who is given up: what it held is then free for those who wait.
        runDeadlines()
        if isWriteBudgetUsedUp { noteWriteBudget() }
        runDump()
        pulse.step()
        serveWaiting()
        pulse.step()
        announcePending()
        limitCatalogueCopy()
        pulse.step()
        runState()
        pulse.step()
        watchListeners()
        noteCatalogueWrites()
        notePools()
        log.reportSuppressed(at: now)
    }

    private mutating func dispatch(_ count: Int, newcomers: Bool) {
        var i = 0
        while i < count {
            let event = tables.events[i]
            i += 1
            let kind = Watched(rawValue: UInt8(event.data >> 24 & 0xFF))
            if newcomers != (kind == .listener) { continue }
            pulse.step()
            dispatch(event)
        }
    }

    private mutating func dispatch(_ event: tcs_event) {
        guard let kind = Watched(rawValue: UInt8(truncatingIfNeeded: event.data >> 24))
        else { return }
        let index = Int(event.data & 0xFF_FFFF)
        switch kind {
        case .connection:
            let generation = UInt32(truncatingIfNeeded: event.data >> 32)
            connectionIsReady(index, generation, event.events)
        case .listener: accept(index)
        case .bridge: takeFromRelay()
        }
    }

    private func nextDeadline() -> Instant {
        var earliest = min(openAt, log.deadline)
        if let catalogueCopy { earliest = min(earliest, catalogueCopy.deadline) }
        // While it waits for a slot, whoever gives one back wakes the loop.
        if state.phase == .idle { earliest = min(earliest, state.dueAt) }
        if acceptAgainAt > now { earliest = min(earliest, acceptAgainAt) }
        earliest = min(min(earliest, dump.deadline), nextHoldingDeadline)
        var i = 0
        while i < tables.connections.count {
            let connection = tables.connections[i]
            if connection.phase != .free { earliest = min(earliest, connection.deadline) }
            i += 1
        }
        return earliest
    }

    private mutating func runDeadlines() {
        var i = 0
        while i < tables.connections.count {
            let connection = tables.connections[i]
            if connection.phase != .free && askedAt >= connection.deadline { deadlinePassed(i) }
            i += 1
        }
    }

    /// For `status`.
    func notePools() {
        counters.note(
            connectionCount(of: nil), as: .connectionsUsed, peak: .connectionsPeak)
        counters.note(uploadCount(of: nil), as: .uploadsUsed, peak: .uploadsPeak)
        counters.set(.sqliteHeapUsed, UInt64(SQLiteMemory.usedBytes))
        counters.set(.sqliteHeapPeak, UInt64(SQLiteMemory.peakBytes))
        showWrites()
    }

    static func eventData(_ kind: Watched, index: Int, generation: UInt32) -> UInt64 {
        UInt64(generation) << 32 | UInt64(kind.rawValue) << 24 | UInt64(index)
    }

    // MARK: What the relay says

    mutating func takeFromRelay() {
        bridge.drainStoreWake()
        if let fresh = bridge.takeSettings() {
            settings = fresh
            applyDump()
        }
        while let slot = bridge.nextAnswer() { answerArrived(slot) }
    }

    /// Connections and uploads end here; what was answered is on the disk already. Then the state
    /// is written for the last time.
    private mutating func stop() {
        pulse.step()
        var i = 0
        while i < tables.connections.count {
            if tables.connections[i].phase != .free { closeConnection(i) }
            i += 1
        }
        i = 0
        while i < tables.listeners.count {
            if tables.listeners[i].descriptor >= 0 { _ = tcs_close(tables.listeners[i].descriptor) }
            tables.listeners[i].descriptor = -1
            i += 1
        }
        if let socketPath { _ = tcs_unlink(socketPath) }
        finishState()
        endDump()
        closeStore()
        bridge.storeHasStopped()
    }
}
