// The folder that holds what survives a restart: the catalogue and, in `packages`, the packages.
// Used by `serve` and by `packages`. Without --state-dir it is /var/lib/tinycot for root, else
// tinycot under $XDG_STATE_HOME, else under ~/.local/state, and is made where it is missing. A
// folder that was named must exist: a typing mistake must not begin a second, empty store.

import CLinuxSys
import TinyCoT

struct StateDirectory {
    /// Both end in a zero byte, which `count` does not count.
    let path: Slab<UInt8>
    let packagesPath: Slab<UInt8>
    private let isGiven: Bool
    /// Bytes at the beginning of the path that must be there: the folders below are made.
    private let rootCount: Int

    /// SQLite takes no longer path for the catalogue (see PackageStore).
    static var maxBytes: Int { 480 }

    /// Says on standard error why there is none.
    init(_ given: UnsafePointer<CChar>?, startup: StartupMemory) throws(ExitCode) {
        var writer = ByteWriter(startup.stateDirectory)
        isGiven = given != nil
        var root = 0
        if let given {
            writer.append(Slab(cString: given))
            root = writer.count
        } else if tcs_user() == 0 {
            writer.append("/var/lib")
            root = writer.count
            writer.append("/tinycot")
        } else if let home = StateDirectory.folder("XDG_STATE_HOME") {
            writer.append(home)
            root = writer.count
            writer.append("/tinycot")
        } else if let home = StateDirectory.folder("HOME") {
            writer.append(home)
            root = writer.count
            writer.append("/.local/state/tinycot")
        } else {
            Console.write(
                "tinycot: there is no home folder for packages; name one with --state-dir.\n",
                to: Console.error)
            throw .usage
        }
        rootCount = root
        let count = writer.count
        writer.append(0)
        var packages = ByteWriter(startup.packagesPath)
        packages.append(startup.stateDirectory.slice(0, count))
        packages.append("/packages")
        let packagesCount = packages.count
        packages.append(0)
        if writer.overflowed || packages.overflowed {
            Console.write(
                "tinycot: the path of the state folder has more than 480 bytes.\n",
                to: Console.error)
            throw .usage
        }
        path = startup.stateDirectory.slice(0, count)
        packagesPath = startup.packagesPath.slice(0, packagesCount)
    }

    /// A folder of the environment. One that is not absolute is not used, as the XDG base directory
    /// specification wants it.
    private static func folder(_ name: StaticString) -> Slab<UInt8>? {
        let cName = UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self)
        guard let value = tcs_environment(cName) else { return nil }
        let text = Slab(cString: value)
        return text.count > 0 && text[0] == UInt8(ascii: "/") ? text : nil
    }

    var cPath: UnsafePointer<CChar> { RunDirectory.cString(path) }
    var cPackagesPath: UnsafePointer<CChar> { RunDirectory.cString(packagesPath) }

    /// Makes what is missing of the usual place. Says on standard error what fails. The folder of
    /// packages is made by `PackageFiles.prepareFolder`.
    func prepare(startup: StartupMemory) throws(ExitCode) {
        try makeFolders(startup)
        try expectFolder(startup)
    }

    /// Complains where there is no such folder; makes nothing.
    func expectFolder(_ startup: StartupMemory) throws(ExitCode) {
        var status = tcs_file_status()
        let result = tcs_status_of(cPath, &status)
        if result < 0 {
            complain(
                isGiven ? "--state-dir " : "the state folder ", path, reason: -result,
                startup: startup)
            throw result == -tcs_errno_access ? .noPermission : .noInput
        }
        if status.is_directory == 1 { return }
        var writer = ByteWriter(startup.text)
        writer.append(isGiven ? "tinycot: --state-dir " : "tinycot: the state folder ")
        writer.append(path, as: .plain)
        writer.append(": is not a folder.\n")
        Console.write(writer.written, to: Console.error)
        throw .noInput
    }

    /// One folder after the other, behind the part that must be there.
    private func makeFolders(_ startup: StartupMemory) throws(ExitCode) {
        var parentEnd = rootCount
        var end = rootCount + 1
        while !isGiven && end <= path.count {
            if end == path.count || path[end] == UInt8(ascii: "/") {
                let made = withPath(startup, end) { tcs_make_directory($0, 0o700) }
                if made < 0 && made != -tcs_errno_exists {
                    complain(
                        "cannot make the folder ", path.slice(0, end), reason: -made,
                        startup: startup)
                    throw StateDirectory.exitCode(made)
                }
                // Without it a pulled plug takes the folder with all that was acknowledged in it.
                if made >= 0 { syncFolder(startup, parentEnd) }
                parentEnd = end
            }
            end += 1
        }
    }

    /// Where it fails the packages are none the worse for it now, so nothing is said.
    private func syncFolder(_ startup: StartupMemory, _ end: Int) {
        let folder = FileDescriptor(owning: withPath(startup, end) { tcs_open_folder($0) })
        if folder.isOpen { _ = tcs_sync(folder.raw) }
    }

    /// Calls `body` with the first `end` bytes of the path: the byte behind them is a zero for as
    /// long as that lasts.
    private func withPath(
        _ startup: StartupMemory, _ end: Int, _ body: (UnsafePointer<CChar>) -> Int32
    ) -> Int32 {
        let next = startup.stateDirectory.pointer(at: end)
        let kept = next.pointee
        next.pointee = 0
        let result = body(cPath)
        next.pointee = kept
        return result
    }

    private static func exitCode(_ result: Int32) -> ExitCode {
        if result == -tcs_errno_access || result == -tcs_errno_not_permitted {
            return .noPermission
        }
        return result == -tcs_errno_absent ? .noInput : .system
    }
}
