// `tinycot packages`: not there yet.

import TinyCoT

enum PackagesCommand {
    static func run(
        _ invocation: Invocation, _ settings: Settings, _ startup: StartupMemory
    ) throws(ExitCode) {
        Console.write("tinycot: packages is not there yet.\n", to: Console.error)
        throw .unavailable
    }
}
