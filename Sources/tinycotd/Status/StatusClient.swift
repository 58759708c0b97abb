// `tinycot status`: asks the daemon that runs and prints what it answers. Changes nothing.

import CLinuxSys
import TinyCoT

enum StatusClient {
    /// The daemon answers in milliseconds; a stopped one must not hold a script for ever.
    private static var patienceSeconds: Int32 { 5 }

    static func run(_ settings: Settings, json: Bool, _ startup: StartupMemory) throws(ExitCode) {
        let descriptor = try connect(settings, startup)
        _ = tcs_set_receive_timeout(descriptor.raw, patienceSeconds)
        let request = Slab(json ? "json\n" : "text\n")
        _ = tcs_send(descriptor.raw, request.start, request.count)
        var total = 0
        while true {
            let result = tcs_read(descriptor.raw, startup.text.start, startup.text.count)
            if result == -Int64(tcs_errno_interrupted) { continue }
            if result == -Int64(tcs_errno_again) {
                Console.write(
                    "tinycot: the daemon did not answer within 5 seconds.\n", to: Console.error)
                throw .temporary
            }
            // Turned away before it read our request, it resets the connection.
            if result == 0 || (result < 0 && total == 0) { break }
            if result < 0 {
                Console.write(
                    "tinycot: the daemon stopped in the middle of its answer.\n",
                    to: Console.error)
                throw .temporary
            }
            total += Int(result)
            Console.write(startup.text.slice(0, Int(result)), to: Console.output)
        }
        if total > 0 { return }
        Console.write(
            "tinycot: the daemon answers others at the moment; try again.\n", to: Console.error)
        throw .temporary
    }

    private static func connect(_ settings: Settings, _ startup: StartupMemory)
        throws(ExitCode) -> FileDescriptor
    {
        guard let folder = RunDirectory(given: settings.runDirectory, startup: startup) else {
            Console.write(
                "tinycot: the path of the run folder is too long for a Unix socket.\n",
                to: Console.error)
            throw .usage
        }
        let descriptor = tcs_socket_unix(0)
        if descriptor < 0 {
            complain("cannot open a socket", Slab(""), reason: -descriptor, startup: startup)
            throw .system
        }
        let socket = FileDescriptor(owning: descriptor)
        var result = tcs_connect_unix(socket.raw, folder.cStatusPath)
        // A user who runs none asks for the one that the system runs.
        if result < 0 && settings.runDirectory == nil && tcs_user() != 0,
            let service = RunDirectory(ofServiceWith: startup)
        {
            result = tcs_connect_unix(socket.raw, service.cStatusPath)
        }
        if result == 0 { return socket }
        if result == -tcs_errno_access || result == -tcs_errno_not_permitted {
            complain(
                "not allowed to ask at ", Slab(cString: folder.cStatusPath), reason: -result,
                startup: startup)
            throw .noPermission
        }
        var writer = ByteWriter(startup.text)
        writer.append("tinycot is not running (no answer at ")
        writer.append(Slab(cString: folder.cStatusPath), as: .plain)
        writer.append(").\n")
        Console.write(writer.written, to: Console.error)
        throw .unavailable
    }
}
