// How a command ends, in the numbers of sysexits.h, so that scripts and systemd can tell a typing
// mistake from a full machine. Every command returns one of these; nothing else ends the program.

import CLinuxSys

enum ExitCode: Int32, Error {
    case ok = 0
    /// doctor: at least one check has failed.
    case unwell = 1
    /// The command line is wrong.
    case usage = 64
    /// packages verify, backup, restore: a package is not what its hash says, or a backup is
    /// damaged. export, replay: no event in a file.
    case badData = 65
    /// A file or package that was named does not exist or cannot be read.
    case noInput = 66
    /// status, doctor: the daemon does not run, or does not answer. replay: the server cannot be
    /// reached, or leaves.
    case unavailable = 69
    /// The system refused something that the daemon needs, such as a port.
    case system = 71
    /// The place for a backup or a restore holds something else; the doctor's archive exists.
    case cannotCreate = 73
    /// export: standard output takes no more.
    case output = 74
    /// Passing trouble; the same command may succeed later.
    case temporary = 75
    case noPermission = 77
    /// A file of the operator is wrong, or the plan does not fit this machine.
    case configuration = 78

    /// What the system said, where nothing else is known: not allowed, or refused.
    init(error number: Int32) {
        let isForbidden = number == tcs_errno_access || number == tcs_errno_not_permitted
        self = isForbidden ? .noPermission : .system
    }
}
