// One request to the daemon through its store socket, in plain HTTP/1.1, and the answer. Used by
// `tinycot packages` only. It waits as long as a disk may stall, but not for ever; each thing that
// goes wrong is one sentence on standard error.
//
// States:  open --send…--> asked --readHead--> answered --nextOfBody…--> nil: the answer was whole

import CLinuxSys
import TinyCoT

/// Owns the socket. One request a connection.
struct StoreConnection: ~Copyable {
    /// An fsync of hundreds of megabytes on a bad card takes minutes.
    private static var patienceSeconds: Int { 300 }

    private let socket: FileDescriptor
    private let poller: FileDescriptor
    private let startup: StartupMemory
    private let memory: PackagesMemory
    private(set) var head = StoreAnswerHead()
    private var body = HTTPBodyReader(length: 0, isChunked: false)
    /// Received and not yet handed out: in `memory.head` first, then in `memory.piece`.
    private var pending = Slab<UInt8>(start: nil, count: 0)

    private init(
        _ socket: consuming FileDescriptor, _ poller: consuming FileDescriptor, _ job: PackagesJob
    ) {
        self.socket = socket
        self.poller = poller
        startup = job.startup
        memory = job.memory
    }

    // MARK: Opening

    /// - Returns: nil if no daemon listens there.
    static func open(_ job: PackagesJob) throws(ExitCode) -> StoreConnection? {
        guard let folder = RunDirectory(given: job.settings.runDirectory, startup: job.startup)
        else {
            Console.write(
                "tinycot: the path of the run folder is too long for a Unix socket.\n",
                to: Console.error)
            throw .usage
        }
        if let socket = try connect(folder, job) { return socket }
        // A user who runs none, and named nothing, means the one that the system runs.
        let isNamed = job.settings.runDirectory != nil || job.settings.stateDirectory != nil
        if isNamed || tcs_user() == 0 { return nil }
        guard let service = RunDirectory(ofServiceWith: job.startup) else { return nil }
        return try connect(service, job)
    }

    private static func connect(
        _ folder: RunDirectory, _ job: PackagesJob
    ) throws(ExitCode) -> StoreConnection? {
        let socket = FileDescriptor(owning: tcs_socket_unix(0))
        let poller = FileDescriptor(owning: tcs_poller())
        if !socket.isOpen || !poller.isOpen {
            let reason = socket.isOpen ? -poller.raw : -socket.raw
            complain("cannot open a socket", Slab(""), reason: reason, startup: job.startup)
            throw .system
        }
        let result = tcs_connect_unix(socket.raw, folder.cStorePath)
        if result == -tcs_errno_absent || result == -tcs_errno_refused { return nil }
        if result < 0 {
            complain(
                "cannot ask at ", folder.storePath, reason: -result, startup: job.startup)
            let isForbidden = result == -tcs_errno_access || result == -tcs_errno_not_permitted
            throw isForbidden ? .noPermission : .system
        }
        let added = tcs_poller_add(poller.raw, socket.raw, 0, 0)
        if added < 0 {
            complain("cannot watch a socket", Slab(""), reason: -added, startup: job.startup)
            throw .system
        }
        return StoreConnection(socket, poller, job)
    }

    // MARK: Asking

    /// Sends all bytes.
    /// - Returns: false if the daemon has answered already or hung up; then read the answer.
    mutating func send(_ bytes: Slab<UInt8>) throws(ExitCode) -> Bool {
        var done = 0
        while done < bytes.count {
            let result = tcs_send(socket.raw, bytes.pointer(at: done), bytes.count - done)
            if result >= 0 {
                done += Int(result)
            } else if result == -Int64(tcs_errno_again) {
                let ready = try wait(tcs_event_readable | tcs_event_writable)
                if ready & tcs_event_readable != 0 || ready & tcs_event_writable == 0 {
                    return false
                }
            } else if result != -Int64(tcs_errno_interrupted) {
                return false
            }
        }
        return true
    }

    /// - Returns: what the socket is ready for; neither of both if it has failed.
    private func wait(_ events: UInt32) throws(ExitCode) -> UInt32 {
        _ = tcs_poller_change(poller.raw, socket.raw, events, 0)
        var found = tcs_event()
        while true {
            let count = tcs_poller_wait(
                poller.raw, &found, 1, Int32(StoreConnection.patienceSeconds * 1_000))
            if count == 1 { return found.events }
            if count == -tcs_errno_interrupted { continue }
            Console.write("tinycot: the daemon does not answer.\n", to: Console.error)
            throw .temporary
        }
    }

    // MARK: The answer

    /// Reads status and fields. The body follows.
    mutating func readHead() throws(ExitCode) {
        var count = 0
        while true {
            let room = memory.head.slice(count, memory.head.count - count)
            let got = room.count > 0 ? try receive(into: room) : 0
            if got == 0 { throw count == 0 ? turnedAway() : brokenAnswer() }
            count += got
            let bytes = memory.head.slice(0, count)
            guard let end = StoreAnswerHead.end(of: bytes) else { continue }
            guard let read = StoreAnswerHead(bytes.slice(0, end)) else { throw brokenAnswer() }
            head = read
            body = HTTPBodyReader(length: read.contentLength ?? 0, isChunked: read.isChunked)
            pending = bytes.slice(end, count - end)
            return
        }
    }

    /// The next bytes of the body; nil when it was whole. They stay until the next call.
    mutating func nextOfBody() throws(ExitCode) -> Slab<UInt8>? {
        if head.endsWithConnection { return try nextUntilClosed() }
        switch try nextPart() {
        case .bytes(let bytes): return bytes
        case .ended: return nil
        case .brokenOff: throw brokenAnswer()
        }
    }

    enum BodyPart {
        case bytes(Slab<UInt8>), ended, brokenOff
    }

    /// The same of a body whose length is known or that comes in chunks; says nothing where it
    /// breaks off.
    mutating func nextPart() throws(ExitCode) -> BodyPart {
        while true {
            switch body.next(pending, from: 0) {
            case .body(let start, let end):
                let bytes = pending.slice(start, end - start)
                pending = pending.slice(end, pending.count - end)
                return .bytes(bytes)
            case .ended: return .ended
            case .refused: return .brokenOff
            case .needMoreBytes:
                let got = try receive(into: memory.piece)
                if got == 0 { return .brokenOff }
                pending = memory.piece.slice(0, got)
            }
        }
    }

    private mutating func nextUntilClosed() throws(ExitCode) -> Slab<UInt8>? {
        if pending.count == 0 {
            pending = memory.piece.slice(0, try receive(into: memory.piece))
        }
        let bytes = pending
        pending = pending.slice(0, 0)
        return bytes.count == 0 ? nil : bytes
    }

    /// - Returns: 0 at the end of the connection, also where it was reset.
    private func receive(into buffer: Slab<UInt8>) throws(ExitCode) -> Int {
        while true {
            let result = tcs_receive(socket.raw, buffer.start, buffer.count)
            if result >= 0 { return Int(result) }
            if result == -Int64(tcs_errno_again) {
                _ = try wait(tcs_event_readable)
            } else if result != -Int64(tcs_errno_interrupted) {
                return 0
            }
        }
    }

    // MARK: What goes wrong

    private func turnedAway() -> ExitCode {
        Console.write(
            "tinycot: the daemon answers others at the moment; try again.\n", to: Console.error)
        return .temporary
    }

    private func brokenAnswer() -> ExitCode {
        Console.write(
            "tinycot: the daemon's answer breaks off, or is not one.\n", to: Console.error)
        return .temporary
    }

    /// The daemon has said no: its status and the sentence in the body.
    mutating func refusal() throws(ExitCode) -> ExitCode {
        let status = head.status
        var writer = ByteWriter(startup.text)
        writer.append("tinycot: the daemon refuses with ")
        writer.append(decimal: status)
        var written = 0
        while written < 1_024, let bytes = try nextOfBody() {
            if written == 0 { writer.append(": ") }
            let part = bytes.slice(0, min(bytes.count, 1_024 - written))
            writer.append(part.trimmedOfLineEnds, as: .plain)
            written += part.count
        }
        writer.append("\n")
        Console.write(writer.written, to: Console.error)
        switch status {
        case 403: return .noPermission
        case 404, 410: return .noInput
        case 413, 507: return .configuration
        case 408, 409, 429, 503: return .temporary
        default: return .system
        }
    }
}

extension Slab where Element == UInt8 {
    fileprivate var trimmedOfLineEnds: Slab<UInt8> {
        var end = count
        while end > 0 && (self[end - 1] == 0x0A || self[end - 1] == 0x0D) { end -= 1 }
        return slice(0, end)
    }
}
