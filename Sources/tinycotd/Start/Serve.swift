// `tinycot serve`: everything that happens before the loop turns, in the order of `run`. Whatever
// can be refused is refused here, with one sentence and an exit code; after the seal nothing takes
// memory any more.

import CLinuxSys
import TinyCoT

enum Serve {
    static func run(_ settings: Settings, _ startup: StartupMemory) throws(ExitCode) {
        // 1. Know what is wanted.
        let budget = try Check.loadBudget(settings, startup)
        let plan = DaemonPlan(budget: budget)
        // 2. Refuse what this machine cannot give.
        try plan.check(file: settings.budget, startup: startup)
        // Those that have these numbers now and not later.
        let passed = try PassedSockets(budget: budget, startup: startup)
        let state = try prepareStateDirectory(settings, startup)
        // 3. Signals wait from here on, also in the thread that is made later.
        _ = tcs_hold_signals()
        // 4. Take all memory.
        try plan.limitDescriptors(startup: startup)
        let memory = try mapMemory(plan, startup)
        var arena = Arena(memory: memory)
        // 5. Fill it. The order of the takes is that of `DaemonPlan`.
        arena.label("configurations", count: 2)
        var config = Config(budget: budget, arena: &arena)
        let spare = Config(budget: budget, arena: &arena)
        let seed = try drawSeed(startup)
        // The relay copies the configuration's view of its tables, so the contents may follow.
        var relay = Relay(budget: budget, config: config, seed: seed, arena: &arena)
        let tables = EdgeTables(budget: budget, arena: &arena)
        let store = StoreMemory(budget: budget, arena: &arena)
        let quota = UploadQuota(budget: budget, arena: &arena)
        let exists = try loadConfig(settings, relay.hashKey, tables, &config, startup)
        relay.apply(config: config)
        // 6. Open everything.
        var log = Log(line: startup.logLine)
        log.linesPerSecond = budget.logLinesPerSecond
        var loop = EventLoop(
            budget: budget, config: config, spare: spare, relay: relay, tables: tables, log: log,
            storeCounters: store.counters, storePulse: store.pulse,
            configPath: settings.config.path)
        loop.passed = passed
        loop.notifier.open()
        loop.bridge = store.bridge
        let dumpRing = loop.relay.feed.bytes
        loop.configMustExist = exists || settings.config.mustExist
        try loop.open(settings: settings, startup: startup)
        // Here too: what the store begins with shall not come on top of what was needed so far.
        tcs_release_program()
        try startStore(
            store, quota, config, &loop.passed, dumpRing, memory, budget, state, settings, startup)
        loop.passed.closeRest(log: &loop.log, at: loop.now)
        // 7. Close the door behind us, and relay.
        plan.limitData()
        tcs_release_program()
        tcs_heap_seal()
        // For tests: a counter that cannot count also reads 0.
        if tcs_environment("TINYCOT_PROBE_HEAP") != nil { tcs_heap_probe() }
        loop.relay.awaitRestore(now: loop.now)
        loop.announce(planBytes: plan.processBytes, http: store.tables.listeners)
        loop.beginService()
        loop.run()
    }

    private static func mapMemory(_ plan: DaemonPlan, _ startup: StartupMemory)
        throws(ExitCode) -> UnsafeMutableRawBufferPointer
    {
        do throws(SystemError) {
            return try Mapping.memory(bytes: plan.arenaBytes)
        } catch {
            var writer = ByteWriter(startup.text)
            writer.append("tinycot: cannot take the ")
            writer.append(decimal: plan.arenaBytes)
            writer.append(" bytes of the arena")
            writer.append(reason: error.number)
            writer.append("\n")
            Console.write(writer.written, to: Console.error)
            throw .system
        }
    }

    private static func drawSeed(_ startup: StartupMemory) throws(ExitCode) -> UInt64 {
        var seed: UInt64 = 0
        let result = tcs_random(&seed, 8)
        if result == 8 { return seed }
        complain("cannot draw a random number", Slab(""), reason: -result, startup: startup)
        throw .system
    }

    /// - Returns: whether the file exists.
    private static func loadConfig(
        _ settings: Settings, _ hashKey: UInt64, _ tables: EdgeTables, _ config: inout Config,
        _ startup: StartupMemory
    ) throws(ExitCode) -> Bool {
        let file = try settings.config.load(into: tables.configFile, complaint: startup.text)
        do throws(ConfigError) {
            try Parsing.config(file.bytes, hashKey: hashKey, into: &config)
            return file.exists
        } catch {
            error.complain(about: settings.config, startup: startup)
            throw .configuration
        }
    }

    /// One that was named must be there. Without the usual one there are no packages, which the
    /// store says and tries again; the relay needs none.
    private static func prepareStateDirectory(
        _ settings: Settings, _ startup: StartupMemory
    ) throws(ExitCode) -> StateDirectory {
        let state = try StateDirectory(settings.stateDirectory, startup: startup)
        do throws(ExitCode) {
            try state.prepare(startup: startup)
        } catch {
            if settings.stateDirectory != nil { throw error }
            return state
        }
        try SettledState.settle(state, startup)
        return state
    }

    private static func startStore(
        _ memory: StoreMemory, _ quota: consuming UploadQuota, _ config: Config,
        _ passed: inout PassedSockets, _ dumpRing: Slab<UInt8>,
        _ arena: UnsafeMutableRawBufferPointer, _ budget: Budget, _ state: StateDirectory,
        _ settings: Settings, _ startup: StartupMemory
    ) throws(ExitCode) {
        guard let run = RunDirectory(given: settings.runDirectory, startup: startup) else {
            throw .usage
        }
        var store = StoreLoop(
            budget: budget, memory: memory, quota: quota,
            settings: memory.bridge.firstSettings(config),
            server: MartiServer.ofThisHost(scratch: startup.text), statePath: state.cPath,
            dumpRing: dumpRing, arena: arena)
        do throws(SystemError) {
            try store.openPoller()
        } catch {
            complain("cannot start the store", Slab(""), reason: error.number, startup: startup)
            throw .system
        }
        do throws(StoreLoop.DoorTrouble) {
            try store.openListeners(config: config, passed: &passed, socket: run.cStorePath)
        } catch {
            if error.isStoreSocket {
                complain(
                    "cannot open the socket ", run.storePath, reason: error.number,
                    startup: startup)
                throw .system
            }
            var writer = ByteWriter(startup.text)
            writer.append("tinycot: cannot listen on ")
            writer.append(error.endpoint)
            writer.append(reason: error.number)
            writer.append(" (\"http\", \"listen\")\n")
            Console.write(writer.written, to: Console.error)
            throw .system
        }
        do throws(SystemError) {
            try memory.start(store)
        } catch {
            complain("cannot start the store", Slab(""), reason: error.number, startup: startup)
            throw .system
        }
    }
}
