// What can go wrong with a file of a package, of the state or of the dump: the step, and the errno
// of the system call. Thrown by PackageFiles, StateRing and DumpFiles; the store loop turns
// `isFull` into a status code, the log prints the sentence.

import CLinuxSys
import TinyCoT

public struct FileError: Error, BitwiseCopyable, Sendable {
    public enum Step: BitwiseCopyable, Sendable {
        case openState, syncState, makeFolder
        case openFolder, listFolder, syncFolder, askSpace
        case create, write, sync, close, publish
        case open, read, look, remove, setAside
        case restoreIsRunning, finishRestore
        // The files of the state.
        case stateLeftover, stateCreate, stateWrite, stateLimit, stateSync, stateClose
        case statePublish, stateLook, stateOpen, stateRead, stateRemove, stateSetAside
        // Of the dump.
        case makeDumps, openDumps, listDumps
        case createDump, writeDump, syncDump, closeDump, removeDump, mendDump, keepReserve
    }

    public let step: Step
    public let errno: Int32

    public init(step: Step, errno: Int32) {
        self.step = step
        self.errno = errno
    }

    /// A package that was opened could not be read to its end.
    public init(reading errno: Int32) { self.init(step: .read, errno: errno) }

    /// - Parameter result: what a `tcs_` function returned: the value, or -errno.
    @discardableResult
    public static func check(_ step: Step, _ result: Int32) throws(FileError) -> Int32 {
        if result < 0 { throw FileError(step: step, errno: -result) }
        return result
    }

    /// The disk, the quota or the largest size of a file is used up. A state that is larger
    /// than the budget allows has not met the disk's end.
    public var isFull: Bool {
        if step == .stateLimit { return false }
        return errno == tcs_errno_no_space || errno == tcs_errno_quota
            || errno == tcs_errno_file_too_big
    }

    public var isRestoreRunning: Bool { step == .restoreIsRunning }
    public var isAbsent: Bool { errno == tcs_errno_absent }

    /// One sentence, without a full stop at the end.
    public func write(into writer: inout ByteWriter) {
        writer.append(step.sentence)
        writer.append(": ")
        writer.append(errorText: errno)
    }
}

extension FileError.Step {
    fileprivate var sentence: StaticString {
        switch self {
        case .openState: "the state folder cannot be opened"
        case .syncState: "the state folder cannot be brought to the disk"
        case .makeFolder: "the folder of packages cannot be made"
        case .openFolder: "the folder of packages cannot be opened"
        case .listFolder: "the folder of packages cannot be listed"
        case .syncFolder: "the folder of packages cannot be brought to the disk"
        case .askSpace: "the free room on the disk cannot be asked for"
        case .create: "a temporary file for an upload cannot be made"
        case .write: "an upload cannot be written"
        case .sync: "an upload cannot be brought to the disk"
        case .close: "an upload cannot be closed"
        case .publish: "an upload cannot be given its name"
        case .open: "a package cannot be opened"
        case .read: "a package cannot be read"
        case .look: "a package cannot be looked at"
        case .remove: "a package cannot be removed"
        case .setAside: "a broken catalogue cannot be set aside"
        case .restoreIsRunning: "another process restores or opens the state folder"
        case .finishRestore: "a restore that was cut off cannot be finished"
        case .stateLeftover: "a temporary state file that was left over cannot be removed"
        case .stateCreate: "a temporary state file cannot be made"
        case .stateWrite: "the state cannot be written"
        case .stateLimit: "the state has more bytes than the budget gives it"
        case .stateSync: "the state cannot be brought to the disk"
        case .stateClose: "the state cannot be closed"
        case .statePublish: "the state cannot be given its name"
        case .stateLook: "a state file cannot be looked at"
        case .stateOpen: "a state file cannot be opened"
        case .stateRead: "a state file cannot be read"
        case .stateRemove: "an old state file cannot be removed"
        case .stateSetAside: "a state file cannot be set aside"
        case .makeDumps: "the folder of the dump cannot be made"
        case .openDumps: "the folder of the dump cannot be opened"
        case .listDumps: "the folder of the dump cannot be listed"
        case .createDump: "a dump file cannot be made"
        case .writeDump: "a dump file cannot be written"
        case .syncDump: "a dump file cannot be brought to the disk"
        case .closeDump: "a dump file cannot be closed"
        case .removeDump: "an old dump file cannot be removed"
        case .mendDump: "a dump file that was cut off cannot be mended"
        case .keepReserve: "no more than disk_reserve_bytes is free"
        }
    }
}
