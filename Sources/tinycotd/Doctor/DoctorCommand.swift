// `tinycot doctor`: looks at the running daemon as its users see it, and at the board it runs on.
// Chosen by Main. It changes nothing that lasts: its clients leave, its packages are removed.

import CLinuxSys
import TinyCoT

enum DoctorCommand {
    static func run(
        _ invocation: Invocation, _ settings: Settings, _ startup: StartupMemory
    ) throws(ExitCode) {
        let budget = try Check.loadBudget(settings, startup)
        let memory = try ToolMemory.take(startup) { arena in
            DoctorMemory(budget: budget, arena: &arena)
        }
        var doctor = Doctor(
            budget: budget, memory: memory,
            config: try readConfig(settings, memory, startup),
            run: try runDirectory(settings, startup),
            state: try StateDirectory(settings.stateDirectory, startup: startup),
            startup: startup, addresses: DoctorAddresses(memory.addresses),
            number: try ToolMemory.key(startup), writesLines: !invocation.wantsJSON,
            report: DoctorReport(memory.report, version: ProgramText.version))
        let bundle = try DoctorBundle.create(settings, startup)
        let answers = doctor.checkDaemon()
        if answers { doctor.checkAll() }
        doctor.checkDisk()
        doctor.checkClock()
        doctor.checkMachine()
        let document = doctor.report.finish()
        if invocation.wantsJSON { Console.write(document, to: Console.output) }
        if !invocation.wantsJSON { sumUp(doctor, startup) }
        if let bundle { try bundle.fill(doctor, document, settings) }
        if !answers { throw .unavailable }
        if doctor.report.count(.failure) > 0 { throw .unwell }
    }

    private static func readConfig(
        _ settings: Settings, _ memory: DoctorMemory, _ startup: StartupMemory
    ) throws(ExitCode) -> Config {
        var config = memory.config
        let file = try settings.config.load(into: memory.configText, complaint: startup.text)
        do throws(ConfigError) {
            try Parsing.config(file.bytes, hashKey: 0, into: &config)
        } catch {
            error.complain(about: settings.config, startup: startup)
            throw .configuration
        }
        return config
    }

    /// That of the user's own daemon if one listens there, else that of the service.
    private static func runDirectory(
        _ settings: Settings, _ startup: StartupMemory
    ) throws(ExitCode) -> RunDirectory {
        guard let own = RunDirectory(given: settings.runDirectory, startup: startup) else {
            Console.write(
                "tinycot: the path of the run folder is too long for a Unix socket.\n",
                to: Console.error)
            throw .usage
        }
        if settings.runDirectory != nil || tcs_user() == 0 { return own }
        let probe = FileDescriptor(owning: tcs_socket_unix(1))
        if tcs_connect_unix(probe.raw, own.cStorePath) == 0 { return own }
        return RunDirectory(ofServiceWith: startup) ?? own
    }

    private static func sumUp(_ doctor: borrowing Doctor, _ startup: StartupMemory) {
        let report = doctor.report
        var writer = ByteWriter(startup.text)
        writer.append("\n")
        writer.append(
            report.result == .ok
                ? "All is well: "
                : report.result == .warning
                    ? "It works, with something to look at: " : "Not well: ")
        writer.append(decimal: report.count(.ok))
        writer.append(" ok, ")
        writer.append(decimal: report.count(.warning))
        writer.append(report.count(.warning) == 1 ? " warning, " : " warnings, ")
        writer.append(decimal: report.count(.failure))
        writer.append(report.count(.failure) == 1 ? " failure, " : " failures, ")
        writer.append(decimal: report.count(.skipped))
        writer.append(" skipped\n")
        Console.write(writer.written, to: Console.output)
    }
}

extension Doctor {
    /// What only a daemon that answers can be asked.
    fileprivate mutating func checkAll() {
        checkRelay()
        checkPackages()
        checkMemory()
        checkDescriptors()
        checkDrops()
        checkWrites()
    }
}
