// `tinycot packages`: lists, adds, removes and verifies data packages. If the daemon runs it is
// asked through its store socket, because it holds the catalogue; if not, the catalogue is opened
// here. Either way the same is printed. Chosen by Main.

import CLinuxSys
import PackageStore
import TinyCoT

/// What one call of the command works with; of `backup` and `restore`, too.
struct PackagesJob {
    let invocation: Invocation
    let settings: Settings
    let startup: StartupMemory
    let budget: Budget
    let memory: PackagesMemory
    let state: StateDirectory
}

enum PackagesCommand {
    static func run(
        _ invocation: Invocation, _ settings: Settings, _ startup: StartupMemory
    ) throws(ExitCode) {
        let job = try PackagesJob(
            invocation, settings, startup, keepsList: invocation.action == .verify)
        switch invocation.action {
        case .list: try list(job)
        case .add: try add(job)
        case .remove: try remove(job)
        case .verify: try PackagesVerification.run(job)
        case .none: invariantBroken("an invocation of packages has an action")
        }
    }

    fileprivate static func memory(
        _ budget: Budget, keepsList: Bool, _ startup: StartupMemory
    ) throws(ExitCode) -> PackagesMemory {
        do throws(SystemError) {
            return try PackagesMemory(budget: budget, keepsList: keepsList)
        } catch {
            complain("cannot take memory", Slab(""), reason: error.number, startup: startup)
            throw .system
        }
    }

    private static func list(_ job: PackagesJob) throws(ExitCode) {
        if let daemon = try StoreConnection.open(job) {
            try DaemonPackages.list(daemon, job)
        } else {
            try DirectPackages.list(job)
        }
    }

    private static func add(_ job: PackagesJob) throws(ExitCode) {
        let offer = try PackageOffer.open(job)
        if let daemon = try StoreConnection.open(job) {
            try DaemonPackages.add(offer, daemon, job)
        } else {
            try DirectPackages.add(offer, job)
        }
    }

    private static func remove(_ job: PackagesJob) throws(ExitCode) {
        let text = Slab(cString: operand(job))
        guard let digest = SHA256Digest(hex: text) else {
            var writer = job.beginComplaint()
            writer.append(UInt8(ascii: "\""))
            writer.append(text, as: .plain, maxColumns: 80)
            writer.append("\" is not the hash of a package: that has 64 hexadecimal digits.\n")
            Console.write(writer.written, to: Console.error)
            throw .usage
        }
        if let daemon = try StoreConnection.open(job) {
            try DaemonPackages.remove(digest, daemon, job)
        } else {
            try DirectPackages.remove(digest, job)
        }
        var writer = ByteWriter(job.startup.text)
        writer.append("removed ")
        digest.append(to: &writer)
        writer.append("\n")
        Console.write(writer.written, to: Console.output)
    }

    /// The file or hash behind the action.
    static func operand(_ job: PackagesJob) -> UnsafePointer<CChar> {
        guard let text = tcs_argument(Int32(job.invocation.operandArgument)) else {
            invariantBroken("an invocation with an operand has one")
        }
        return text
    }
}

extension PackagesJob {
    /// - Parameter keepsList: the whole list of packages is held in memory.
    init(
        _ invocation: Invocation, _ settings: Settings, _ startup: StartupMemory, keepsList: Bool
    ) throws(ExitCode) {
        let budget = try Check.loadBudget(settings, startup)
        let state = try StateDirectory(settings.stateDirectory, startup: startup)
        self.init(
            invocation: invocation, settings: settings, startup: startup, budget: budget,
            memory: try PackagesCommand.memory(budget, keepsList: keepsList, startup),
            state: state)
    }

    func beginComplaint() -> ByteWriter {
        var writer = ByteWriter(startup.text)
        writer.append("tinycot: ")
        return writer
    }

    func noSuchPackage(_ digest: SHA256Digest) -> ExitCode {
        var writer = beginComplaint()
        writer.append("there is no such package: ")
        digest.append(to: &writer)
        writer.append(".\n")
        Console.write(writer.written, to: Console.error)
        return .noInput
    }

    /// What `add` prints: the hash, and where a client finds the bytes.
    func announce(_ digest: SHA256Digest, _ remark: StaticString = "") {
        var writer = ByteWriter(startup.text)
        digest.append(to: &writer)
        writer.append("  /Marti/sync/content?hash=")
        digest.append(to: &writer)
        writer.append(remark)
        writer.append("\n")
        Console.write(writer.written, to: Console.output)
    }
}
