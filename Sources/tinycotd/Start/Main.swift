// Where the program begins. Reads the command line and hands over to one command; what that
// command returns is the exit code. Nothing here outlives the choice.

import CLinuxSys
import TinyCoT

@main struct Main {
    static func main() {
        installInvariantSink()
        tcs_exit(run().rawValue)
    }

    private static func run() -> ExitCode {
        do throws(ExitCode) {
            let startup = try startupMemory()
            let invocation = try ProgramArguments.parse(startup: startup)
            if invocation.wantsHelp {
                Console.write(ProgramText.help, to: Console.output)
                return .ok
            }
            let settings = Settings(invocation)
            switch invocation.command {
            case .serve: try Serve.run(settings, startup)
            case .check: try Check.run(settings, startup)
            case .budget: try Check.printPlan(settings, startup)
            case .status:
                try StatusClient.run(settings, json: invocation.wantsJSON, startup)
            case .packages: try PackagesCommand.run(invocation, settings, startup)
            case .backup: try BackupCommand.run(invocation, settings, startup)
            case .restore: try RestoreCommand.run(invocation, settings, startup)
            case .export: try ExportCommand.run(invocation, startup)
            case .replay: try ReplayCommand.run(invocation, startup)
            case .doctor: try DoctorCommand.run(invocation, settings, startup)
            case .version: ProgramText.writeVersion()
            case .help, .none: Console.write(ProgramText.help, to: Console.output)
            }
            return .ok
        } catch {
            return error
        }
    }

    private static func startupMemory() throws(ExitCode) -> StartupMemory {
        do throws(SystemError) {
            return try StartupMemory()
        } catch {
            Console.write("tinycot: the system gives no memory at all.\n", to: Console.error)
            throw .system
        }
    }
}
