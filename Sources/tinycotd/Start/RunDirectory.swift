// The folder that holds the sockets: made by `serve`, looked into by `status` and `packages`.
// Without --run-dir it is /run/tinycot for root, else tinycot under $XDG_RUNTIME_DIR, else a folder
// of the user's own under /tmp, which must really be theirs: anybody may make a name there first.

import CLinuxSys
import TinyCoT

struct RunDirectory {
    /// All end in a zero byte, which `count` does not count.
    let path: Slab<UInt8>
    let statusPath: Slab<UInt8>
    /// Where the store loop listens to the operator.
    let storePath: Slab<UInt8>

    static var statusName: StaticString { "/status.sock" }
    static var storeName: StaticString { "/store.sock" }

    /// - Returns: nil if the path is longer than a Unix socket's name may be (108 bytes).
    init?(given: UnsafePointer<CChar>?, startup: StartupMemory) {
        var writer = ByteWriter(startup.runDirectory)
        if let given {
            writer.append(Slab(cString: given))
        } else if tcs_user() == 0 {
            writer.append("/run/tinycot")
        } else if let runtime = tcs_environment("XDG_RUNTIME_DIR"), runtime[0] != 0 {
            writer.append(Slab(cString: runtime))
            writer.append("/tinycot")
        } else {
            writer.append("/tmp/tinycot-")
            writer.append(decimal: Int(tcs_user()))
        }
        self.init(writer, startup)
    }

    /// Where the packaged service keeps it.
    init?(ofServiceWith startup: StartupMemory) {
        var writer = ByteWriter(startup.runDirectory)
        writer.append("/run/tinycot")
        self.init(writer, startup)
    }

    private init?(_ writer: ByteWriter, _ startup: StartupMemory) {
        var path = writer
        path.append(0)
        if path.overflowed { return nil }
        self.path = startup.runDirectory.slice(0, path.count - 1)
        guard
            let status = RunDirectory.socket(
                self.path, RunDirectory.statusName, startup.statusPath),
            let store = RunDirectory.socket(self.path, RunDirectory.storeName, startup.storePath)
        else { return nil }
        statusPath = status
        storePath = store
    }

    private static func socket(
        _ folder: Slab<UInt8>, _ name: StaticString, _ memory: Slab<UInt8>
    ) -> Slab<UInt8>? {
        var writer = ByteWriter(memory)
        writer.append(folder)
        writer.append(name)
        let count = writer.count
        writer.append(0)
        return writer.overflowed || count > 107 ? nil : memory.slice(0, count)
    }

    static func cString(_ text: Slab<UInt8>) -> UnsafePointer<CChar> {
        UnsafeRawPointer(text.start.unsafelyUnwrapped).assumingMemoryBound(to: CChar.self)
    }

    var cPath: UnsafePointer<CChar> { RunDirectory.cString(path) }
    var cStatusPath: UnsafePointer<CChar> { RunDirectory.cString(statusPath) }
    var cStorePath: UnsafePointer<CChar> { RunDirectory.cString(storePath) }

    /// Makes the folder if it is not there, and sees that it is a folder of ours.
    func prepare(startup: StartupMemory) throws(ExitCode) {
        let made = tcs_make_directory(cPath, 0o750)
        if made < 0 && made != -tcs_errno_exists {
            complain("cannot make the folder ", path, reason: -made, startup: startup)
            throw .system
        }
        var status = tcs_file_status()
        let found = tcs_status_of_link(cPath, &status)
        if found < 0 {
            complain("cannot look at the folder ", path, reason: -found, startup: startup)
            throw .system
        }
        // Root too: whoever owns the folder could put a link in the place of the socket.
        let isOurs = status.user == tcs_user()
        if status.is_directory == 1 && isOurs { return }
        var writer = ByteWriter(startup.text)
        writer.append("tinycot: ")
        writer.append(path, as: .plain)
        writer.append(
            status.is_directory == 1
                ? " belongs to another user; name a folder of your own with --run-dir.\n"
                : " is not a folder; name one with --run-dir.\n")
        Console.write(writer.written, to: Console.error)
        throw .system
    }
}
