// A process that stores packages, for tests that end it at any moment, let its system calls fail,
// or measure it. The tests start it and look at what it left.
//
//   PackageStoreHelper fill <folder> <seed> [<largest file in bytes>]
//       stores packages until somebody ends it, or its files may not grow any more
//   PackageStoreHelper script <folder> [<fault> <number>]
//       every kind of change once; the numbered system call meets the fault (Faults)
//   PackageStoreHelper large <folder> [<fault> <number>]
//       one upload of several writeback windows
//   PackageStoreHelper dump <folder> <fault> <number> <bytes of all files>
//       numbered events, some long, through several files of the dump (Dump)
//   PackageStoreHelper figures <folder>
//       how much stack and heap and how many descriptors the catalogue needs (Figures)
//
// `<folder>` is the state folder. Before a change it writes `begin <what>`, afterwards
// `done <what>` or `failed <what>`, at an error one sentence, to its output.

import Glibc
import PackageStore
import TinyCoT

let arguments = CommandLine.arguments
let mode = arguments[1]
let folder = arguments[2]
do throws(StoreError) {
    if mode == "fill" {
        if arguments.count > 4, let bytes = UInt(arguments[4]) {
            signal(SIGXFSZ, SIG_IGN)
            var limit = rlimit(rlim_cur: bytes, rlim_max: bytes)
            setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
        }
        var worker = try openWorker(folder, seed: UInt64(arguments[3]) ?? 0)
        say("ready")
        while true { try worker.upload() }
    } else if mode == "figures" {
        try Figures.report(folder)
    } else {
        if arguments.count > 4, let number = Int(arguments[4]) {
            Faults.arm(arguments[3], at: number)
        } else {
            Faults.arm("none", at: .max)
        }
        switch mode {
        case "large": try uploadLarge(folder)
        case "dump": runDump(folder, totalBytes: Int64(arguments[5]) ?? 0)
        default: try runScript(folder)
        }
        say("calls \(Faults.count)")
    }
} catch {
    say(sentence { error.write(into: &$0) })
    exit(1)
}
