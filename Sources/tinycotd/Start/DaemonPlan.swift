// The memory of the whole daemon, measured before any of it is taken, and compared with everything
// that could refuse it: the budget itself, the control group, the limits of the process. Called by
// `serve`, and by `check` and `budget`, which print it. Changes no limit.

import CLinuxSys
import TinyCoT

struct DaemonPlan {
    let budget: Budget
    let plan: MemoryPlan
    let arenaBytes: Int

    /// Runs through everything that takes memory, with an arena that only counts.
    init(budget: Budget) {
        var arena = Arena.measuring()
        arena.label("configurations", count: 2)
        let config = Config(budget: budget, arena: &arena)
        _ = Config(budget: budget, arena: &arena)
        _ = Relay(budget: budget, config: config, seed: 0, arena: &arena)
        _ = EdgeTables(budget: budget, arena: &arena)
        _ = StoreMemory(budget: budget, arena: &arena)
        _ = UploadQuota(budget: budget, arena: &arena)
        self.budget = budget
        plan = MemoryPlan(budget: budget, arena: arena)
        arenaBytes = arena.usedBytes
    }

    /// What the process needs, its own pages and stacks included.
    var processBytes: Int { arenaBytes + budget.processBytes }

    /// Says on standard error what does not fit.
    func check(file: SettingsFile, startup: StartupMemory) throws(ExitCode) {
        let group = ControlGroup.memoryLimit(scratch: startup.text)
        var soft: UInt64 = 0
        var hard: UInt64 = 0
        _ = tcs_limit_get(tcs_limit_descriptors, &soft, &hard)
        let error = plan.check(
            cgroupBytes: group?.bytes, groupCountsSockets: group?.countsSockets ?? true,
            descriptorLimit: Int(clamping: hard))
        if let error {
            error.complain(about: file, startup: startup)
            throw .configuration
        }
        try checkProcessLimit(tcs_limit_data, "RLIMIT_DATA", startup)
        try checkProcessLimit(tcs_limit_address_space, "RLIMIT_AS", startup)
    }

    private func checkProcessLimit(
        _ which: Int32, _ name: StaticString, _ startup: StartupMemory
    ) throws(ExitCode) {
        var soft: UInt64 = 0
        var hard: UInt64 = 0
        if tcs_limit_get(which, &soft, &hard) < 0 || soft >= UInt64(processBytes) { return }
        var writer = ByteWriter(startup.text)
        writer.append("tinycot: the plan needs ")
        writer.append(decimal: processBytes)
        writer.append(" bytes, but ")
        writer.append(name)
        writer.append(" of this process allows ")
        writer.append(decimal: Int(clamping: soft))
        writer.append(" (memory_bytes is ")
        writer.append(decimal: budget.memoryBytes)
        writer.append(").\n")
        Console.write(writer.written, to: Console.error)
        throw .configuration
    }

    /// No descriptor beyond the budget can be opened from here on.
    func limitDescriptors(startup: StartupMemory) throws(ExitCode) {
        var soft: UInt64 = 0
        var hard: UInt64 = 0
        _ = tcs_limit_get(tcs_limit_descriptors, &soft, &hard)
        // The plan fits below a lower limit of the system, too; that has been checked.
        let limit = min(UInt64(budget.fileDescriptors), hard)
        let result = tcs_limit_set(tcs_limit_descriptors, limit, hard)
        if result == 0 { return }
        complain(
            "cannot set the limit of file descriptors", Slab(""), reason: -result,
            startup: startup)
        throw .system
    }

    /// No private memory beyond the budget can be mapped from here on. Called after the arena is
    /// mapped: the development build's own runtime may lie above the budget already, and then
    /// nothing more can come.
    func limitData() {
        var soft: UInt64 = 0
        var hard: UInt64 = 0
        _ = tcs_limit_get(tcs_limit_data, &soft, &hard)
        let limit = min(UInt64(budget.memoryBytes), hard)
        _ = tcs_limit_set(tcs_limit_data, limit, hard)
    }
}
