// System calls that fail. The program's own definitions stand before those of the C library, also
// for SQLite; each counts, and passes on. The numbered one meets the fault:
//
//   kill     the process ends before the call
//   torn     half of what is written is written, and the process ends
//   EIO, ENOSPC      the call fails once
//   EIO+, ENOSPC+    it and all later ones fail
//   EIO!, ENOSPC!    it fails, and the process ends with the change that it was part of
//   <function>:<fault>   only calls of this function count
//
// Only calls that reach a file are counted, reading only for EIO. Nothing is counted before `arm`.

import Glibc

enum Faults {
    nonisolated(unsafe) fileprivate(set) static var count = 0
    nonisolated(unsafe) private static var isArmed = false
    nonisolated(unsafe) private static var fault = ""
    nonisolated(unsafe) private static var only = ""
    nonisolated(unsafe) private static var number = Int.max
    nonisolated(unsafe) private static var errorNumber: Int32 = 0
    nonisolated(unsafe) private static var isLasting = false
    nonisolated(unsafe) private(set) static var endsAfterFailure = false

    static func arm(_ name: String, at number: Int) {
        let parts = name.split(separator: ":").map(String.init)
        only = parts.count > 1 ? parts[0] : ""
        fault = parts.last ?? ""
        self.number = number
        isLasting = fault.hasSuffix("+")
        endsAfterFailure = fault.hasSuffix("!")
        let errors = [
            "EIO": EIO, "ENOSPC": ENOSPC, "EINVAL": EINVAL, "ENOSYS": ENOSYS, "ESPIPE": ESPIPE,
        ]
        errorNumber = errors[String(fault.prefix { $0.isLetter })] ?? 0
        isArmed = true
    }

    /// - Parameter tear: writes a half.
    /// - Returns: whether the call fails; errno is set.
    fileprivate static func meet(_ name: String, tear: () -> Void = {}) -> Bool {
        if !isArmed || name.hasPrefix("pread") && errorNumber != EIO { return false }
        if !only.isEmpty && name != only { return false }
        count += 1
        if count < number || count > number && !isLasting { return false }
        if errorNumber != 0 {
            errno = errorNumber
            return true
        }
        if fault == "torn" { tear() }
        if fault == "kill" || fault == "torn" { kill(getpid(), SIGKILL) }
        return false
    }

    /// The most that were open after a call that opened one, since `watchDescriptors`.
    nonisolated(unsafe) private(set) static var mostDescriptors = 0
    nonisolated(unsafe) private static var isWatching = false

    static func watchDescriptors() {
        mostDescriptors = openDescriptors()
        isWatching = true
    }

    static func openDescriptors() -> Int {
        var count = 0
        for number: Int32 in 0..<64 where fcntl(number, F_GETFD) >= 0 { count += 1 }
        return count
    }

    fileprivate static func note(_ descriptor: Int32) -> Int32 {
        if isWatching { mostDescriptors = max(mostDescriptors, openDescriptors()) }
        return descriptor
    }

    fileprivate static func real<Function>(_ name: String, _ type: Function.Type) -> Function {
        // RTLD_NEXT.
        unsafeBitCast(dlsym(UnsafeMutableRawPointer(bitPattern: -1), name), to: type)
    }
}

private typealias Bytes = UnsafeRawPointer
private typealias Text = UnsafePointer<CChar>
private typealias Write = @convention(c) (Int32, Bytes?, Int) -> Int
private typealias WriteAt = @convention(c) (Int32, Bytes?, Int, Int) -> Int
private typealias ReadAt = @convention(c) (Int32, UnsafeMutableRawPointer?, Int, Int) -> Int
private typealias Sync = @convention(c) (Int32) -> Int32
private typealias Truncate = @convention(c) (Int32, Int) -> Int32
private typealias Unlink = @convention(c) (Text?) -> Int32
private typealias UnlinkIn = @convention(c) (Int32, Text?, Int32) -> Int32
private typealias RenameIn = @convention(c) (Int32, Text?, Int32, Text?) -> Int32
private typealias MakeIn = @convention(c) (Int32, Text?, UInt32) -> Int32
private typealias Open = @convention(c) (Text?, Int32, UInt32) -> Int32
private typealias OpenIn = @convention(c) (Int32, Text?, Int32, UInt32) -> Int32
private typealias SyncRange = @convention(c) (Int32, Int, Int, UInt32) -> Int32

private let realWrite = Faults.real("write", Write.self)
private let realWriteAt = Faults.real("pwrite64", WriteAt.self)
private let realReadAtSmall = Faults.real("pread", ReadAt.self)
private let realReadAt = Faults.real("pread64", ReadAt.self)
private let realSync = Faults.real("fsync", Sync.self)
private let realSyncData = Faults.real("fdatasync", Sync.self)
private let realTruncateSmall = Faults.real("ftruncate", Truncate.self)
private let realTruncate = Faults.real("ftruncate64", Truncate.self)
private let realUnlink = Faults.real("unlink", Unlink.self)
private let realUnlinkIn = Faults.real("unlinkat", UnlinkIn.self)
private let realRenameIn = Faults.real("renameat", RenameIn.self)
private let realMakeIn = Faults.real("mkdirat", MakeIn.self)
private let realOpen = Faults.real("open64", Open.self)
private let realOpenSmall = Faults.real("open", Open.self)
private let realOpenIn = Faults.real("openat", OpenIn.self)
private let realSyncRange = Faults.real("sync_file_range", SyncRange.self)

@_cdecl("write") func faultyWrite(
    _ file: Int32, _ bytes: UnsafeRawPointer?, _ count: Int
) -> Int {
    // The output is the test's, not the store's.
    let fails = file > 2 && Faults.meet("write") { _ = realWrite(file, bytes, count / 2) }
    return fails ? -1 : realWrite(file, bytes, count)
}
@_cdecl("pwrite64") func faultyWriteAt(
    _ file: Int32, _ bytes: UnsafeRawPointer?, _ count: Int, _ offset: Int
) -> Int {
    let fails = Faults.meet("pwrite64") { _ = realWriteAt(file, bytes, count / 2, offset) }
    return fails ? -1 : realWriteAt(file, bytes, count, offset)
}
@_cdecl("pread64") func faultyReadAt(
    _ file: Int32, _ bytes: UnsafeMutableRawPointer?, _ count: Int, _ offset: Int
) -> Int {
    Faults.meet("pread64") ? -1 : realReadAt(file, bytes, count, offset)
}
@_cdecl("fsync") func faultySync(_ file: Int32) -> Int32 {
    Faults.meet("fsync") ? -1 : realSync(file)
}
@_cdecl("fdatasync") func faultySyncData(_ file: Int32) -> Int32 {
    Faults.meet("fdatasync") ? -1 : realSyncData(file)
}
@_cdecl("ftruncate64") func faultyTruncate(_ file: Int32, _ size: Int) -> Int32 {
    Faults.meet("ftruncate64") ? -1 : realTruncate(file, size)
}
@_cdecl("ftruncate") func faultyTruncateSmall(_ file: Int32, _ size: Int) -> Int32 {
    Faults.meet("ftruncate") ? -1 : realTruncateSmall(file, size)
}
@_cdecl("pread") func faultyReadAtSmall(
    _ file: Int32, _ bytes: UnsafeMutableRawPointer?, _ count: Int, _ offset: Int
) -> Int {
    Faults.meet("pread") ? -1 : realReadAtSmall(file, bytes, count, offset)
}
@_cdecl("unlink") func faultyUnlink(_ path: UnsafePointer<CChar>?) -> Int32 {
    Faults.meet("unlink") ? -1 : realUnlink(path)
}
@_cdecl("unlinkat") func faultyUnlinkIn(
    _ folder: Int32, _ name: UnsafePointer<CChar>?, _ flags: Int32
) -> Int32 { Faults.meet("unlinkat") ? -1 : realUnlinkIn(folder, name, flags) }
@_cdecl("renameat") func faultyRenameIn(
    _ folder: Int32, _ name: UnsafePointer<CChar>?, _ to: Int32, _ new: UnsafePointer<CChar>?
) -> Int32 { Faults.meet("renameat") ? -1 : realRenameIn(folder, name, to, new) }
@_cdecl("mkdirat") func faultyMakeIn(
    _ folder: Int32, _ name: UnsafePointer<CChar>?, _ mode: UInt32
) -> Int32 { Faults.meet("mkdirat") ? -1 : realMakeIn(folder, name, mode) }
@_cdecl("open64") func faultyOpen(
    _ path: UnsafePointer<CChar>?, _ flags: Int32, _ mode: UInt32
) -> Int32 { Faults.meet("open64") ? -1 : Faults.note(realOpen(path, flags, mode)) }
@_cdecl("open") func faultyOpenSmall(
    _ path: UnsafePointer<CChar>?, _ flags: Int32, _ mode: UInt32
) -> Int32 { Faults.meet("open") ? -1 : Faults.note(realOpenSmall(path, flags, mode)) }
@_cdecl("openat") func faultyOpenIn(
    _ folder: Int32, _ name: UnsafePointer<CChar>?, _ flags: Int32, _ mode: UInt32
) -> Int32 { Faults.meet("openat") ? -1 : Faults.note(realOpenIn(folder, name, flags, mode)) }
@_cdecl("sync_file_range") func faultySyncRange(
    _ file: Int32, _ offset: Int, _ count: Int, _ flags: UInt32
) -> Int32 { Faults.meet("sync_file_range") ? -1 : realSyncRange(file, offset, count, flags) }
