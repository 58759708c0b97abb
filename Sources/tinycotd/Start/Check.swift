// `tinycot check` and `tinycot budget`: read both files, compute the plan, compare it with this
// machine. They write no file, open no port and change no limit.

import CLinuxSys
import TinyCoT

enum Check {
    static func run(_ settings: Settings, _ startup: StartupMemory) throws(ExitCode) {
        let budget = try loadBudget(settings, startup)
        let plan = DaemonPlan(budget: budget)
        try plan.check(file: settings.budget, startup: startup)
        report(settings.budget, startup)
        try checkConfig(settings, budget, startup)
        report(settings.config, startup)
        Console.write("ok\n", to: Console.output)
    }

    static func printPlan(_ settings: Settings, _ startup: StartupMemory) throws(ExitCode) {
        let budget = try loadBudget(settings, startup)
        let plan = DaemonPlan(budget: budget)
        try checkConfig(settings, budget, startup)
        var writer = ByteWriter(startup.text)
        plan.plan.write(into: &writer)
        Console.write(writer.written, to: Console.output)
        try plan.check(file: settings.budget, startup: startup)
    }

    static func loadBudget(_ settings: Settings, _ startup: StartupMemory)
        throws(ExitCode) -> Budget
    {
        let file = try settings.budget.load(into: startup.file, complaint: startup.text)
        do throws(ConfigError) {
            return try Parsing.budget(file.bytes)
        } catch {
            error.complain(about: settings.budget, startup: startup)
            throw .configuration
        }
    }

    /// Fills tables of its own, which are given up with the process.
    private static func checkConfig(
        _ settings: Settings, _ budget: Budget, _ startup: StartupMemory
    ) throws(ExitCode) {
        var measuring = Arena.measuring()
        _ = Config(budget: budget, arena: &measuring)
        _ = measuring.take(UInt8.self, count: budget.configFileBytes + 1)
        var arena: Arena
        do throws(SystemError) {
            arena = try Mapping.arena(bytes: measuring.usedBytes)
        } catch {
            complain("cannot take memory", Slab(""), reason: error.number, startup: startup)
            throw .system
        }
        var config = Config(budget: budget, arena: &arena)
        let buffer = arena.take(UInt8.self, count: budget.configFileBytes + 1)
        let file = try settings.config.load(into: buffer, complaint: startup.text)
        do throws(ConfigError) {
            try Parsing.config(file.bytes, hashKey: 0, into: &config)
        } catch {
            error.complain(about: settings.config, startup: startup)
            throw .configuration
        }
    }

    private static func report(_ file: SettingsFile, _ startup: StartupMemory) {
        var status = tcs_file_status()
        let exists = tcs_status_of(file.path, &status) == 0
        var writer = ByteWriter(startup.text)
        writer.append(file.text, as: .plain)
        writer.append(exists ? ": well\n" : ": not there, so the defaults hold\n")
        Console.write(writer.written, to: Console.output)
    }
}
