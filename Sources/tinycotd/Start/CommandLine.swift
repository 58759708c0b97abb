// From argv to an `Invocation`, and the texts of `help` and `version`. Complains about what it does
// not understand, with a suggestion where one is near.

import CLinuxSys
import TinyCoT

enum ProgramArguments {
    static func parse(startup: StartupMemory) throws(ExitCode) -> Invocation {
        var invocation = Invocation()
        var i: Int32 = 1
        while let argument = tcs_argument(i) {
            invocation.take(Slab(cString: argument))
            i += 1
        }
        invocation.finish()
        if invocation.mistake == .nothing { return invocation }
        var writer = ByteWriter(startup.text)
        writer.append("tinycot: ")
        let number = Int32(invocation.mistakeArgument)
        let text = number == 0 ? nil : tcs_argument(number)
        invocation.writeMistake(
            argument: text.map { Slab(cString: $0) } ?? Slab(""), into: &writer)
        writer.append("\n")
        Console.write(writer.written, to: Console.error)
        throw .usage
    }
}

enum ProgramText {
    static var version: StaticString { Version.text }

    static var build: StaticString {
        #if hasFeature(Embedded)
            #if arch(arm64)
                "arm64, static"
            #else
                "amd64, static"
            #endif
        #else
            #if arch(arm64)
                "arm64, development build"
            #else
                "amd64, development build"
            #endif
        #endif
    }

    static func writeVersion() {
        Console.write("tinycot ", to: Console.output)
        Console.write(version, to: Console.output)
        Console.write(" (", to: Console.output)
        Console.write(build, to: Console.output)
        Console.write(")\n", to: Console.output)
    }

    static var help: StaticString {
        """
        tinycot: a tiny TAK server that relays Cursor-on-Target events

        tinycot serve [--config FILE] [--budget FILE] [--state-dir DIR] [--run-dir DIR]
            Relay until SIGTERM or SIGINT. SIGHUP reads the configuration again.
        tinycot check [--config FILE] [--budget FILE]
            Check both files. Nothing is written and no port is opened.
        tinycot budget [--config FILE] [--budget FILE]
            Print the memory plan that follows from the budget.
        tinycot status [--json] [--run-dir DIR]
            Ask the running daemon for its clients, pools and counters.
        tinycot doctor [--json] [--bundle FILE]
            Try the running daemon as its users do: clients on each port, walls between teams,
            a package up and down by each address; and look at disk, clock, memory and
            descriptors. --bundle writes an archive without names, addresses or positions, for
            whoever helps. Takes --config, --budget, --state-dir and --run-dir.
        tinycot packages list [--json]
        tinycot packages add FILE [--name NAME] [--team TEAM] [--private]
        tinycot packages remove HASH
        tinycot packages verify
            Data packages: through the daemon if it runs, else directly. `verify` reads each
            file and compares it with its hash. Each takes --state-dir DIR, --run-dir DIR and
            --budget FILE; --private keeps a package out of the clients' list.
        tinycot backup DIR
            State, catalogue and packages into a folder that is empty or holds a backup of
            before; then only what is missing is copied. The daemon may run.
        tinycot restore DIR [--replace]
            A backup into the state folder, wholly or not at all. The daemon must not run. With
            --replace what is there is moved into before-restore-N. Both take --state-dir DIR,
            --run-dir DIR and --budget FILE. Dumps are no part of a backup.
        tinycot export --gpx|--kml|--json FILE... [--uid UID] [--team NAME] [--type PREFIX]
            Write recorded events to standard output: tracks and markers for maps, or all of
            it as JSON. FILEs are those of the dump, or events that follow each other.
        tinycot replay FILE... --to HOST:PORT [--speed N] [--max-gap SECONDS]
            Send recorded events to a server at the recorded pace, N times as fast (0: at
            once), each sender over a connection of its own. HOST is an address or localhost.
        tinycot version
        tinycot help

        Files:   /etc/tinycot/tinycot.json and /etc/tinycot/budget.json, if they exist.
        Run dir: /run/tinycot for root, else $XDG_RUNTIME_DIR/tinycot, else /tmp/tinycot-UID.
        State:   /var/lib/tinycot for root, else $XDG_STATE_HOME/tinycot, else
                 ~/.local/state/tinycot.

        Exit codes: 0 well, 1 the doctor has found a failure, 64 wrong command line, 65 damaged
        packages or backup, or no events, 66 no such file, package or backup, 69 not running, 71
        refused by the system, 73 the place is taken, 74 output not taken, 75 try again, 77 no
        permission, 78 wrong file or limits.

        """
    }
}
