// What can go wrong with the file of a package: the step, and the errno of the system call. Thrown
// by PackageFiles; the store loop turns `isFull` into a status code, the log prints the sentence.

import CLinuxSys
import TinyCoT

public struct FileError: Error, BitwiseCopyable, Sendable {
    public enum Step: BitwiseCopyable, Sendable {
        case openState, syncState, makeFolder
        case openFolder, listFolder, syncFolder, askSpace
        case create, write, sync, close, publish
        case open, read, look, remove, setAside
        case restoreIsRunning, finishRestore
    }

    public let step: Step
    public let errno: Int32

    init(step: Step, errno: Int32) {
        self.step = step
        self.errno = errno
    }

    /// A package that was opened could not be read to its end.
    public init(reading errno: Int32) { self.init(step: .read, errno: errno) }

    /// - Parameter result: what a `tcs_` function returned: the value, or -errno.
    @discardableResult
    static func check(_ step: Step, _ result: Int32) throws(FileError) -> Int32 {
        if result < 0 { throw FileError(step: step, errno: -result) }
        return result
    }

    /// The disk, the quota or the largest size of a file is used up.
    public var isFull: Bool {
        errno == tcs_errno_no_space || errno == tcs_errno_quota
            || errno == tcs_errno_file_too_big
    }

    public var isRestoreRunning: Bool { step == .restoreIsRunning }
    public var isAbsent: Bool { errno == tcs_errno_absent }

    /// One sentence, without a full stop at the end.
    public func write(into writer: inout ByteWriter) {
        switch step {
        case .openState: writer.append("the state folder cannot be opened")
        case .syncState: writer.append("the state folder cannot be brought to the disk")
        case .makeFolder: writer.append("the folder of packages cannot be made")
        case .openFolder: writer.append("the folder of packages cannot be opened")
        case .listFolder: writer.append("the folder of packages cannot be listed")
        case .syncFolder: writer.append("the folder of packages cannot be brought to the disk")
        case .askSpace: writer.append("the free room on the disk cannot be asked for")
        case .create: writer.append("a temporary file for an upload cannot be made")
        case .write: writer.append("an upload cannot be written")
        case .sync: writer.append("an upload cannot be brought to the disk")
        case .close: writer.append("an upload cannot be closed")
        case .publish: writer.append("an upload cannot be given its name")
        case .open: writer.append("a package cannot be opened")
        case .read: writer.append("a package cannot be read")
        case .look: writer.append("a package cannot be looked at")
        case .remove: writer.append("a package cannot be removed")
        case .setAside: writer.append("a broken catalogue cannot be set aside")
        case .restoreIsRunning: writer.append("another process restores or opens the state folder")
        case .finishRestore: writer.append("a restore that was cut off cannot be finished")
        }
        writer.append(": ")
        writer.append(errorText: errno)
    }
}
