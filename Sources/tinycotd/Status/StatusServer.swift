// Answers `tinycot status` over a Unix socket in the run folder. A request is one line, "json" or
// "text". The answer is made in pieces through a small fixed buffer, at the pace of the reader, so
// that a thousand clients need no large one and a slow reader holds nothing but its own place. Who
// takes no byte for two seconds, or ten seconds in all, is dropped.
// reading: waiting for the request line. answering: sentBytes ≤ pieceBytes; `cursor` says what
// comes after this piece.

import CLinuxSys
import TinyCoT

struct StatusConnection: BitwiseCopyable {
    enum Phase: UInt8, BitwiseCopyable { case free, reading, answering }

    var phase = Phase.free
    var descriptor: Int32 = -1
    var generation: UInt32 = 0
    var requestBytes = 0
    var pieceBytes = 0
    var sentBytes = 0
    var cursor = StatusCursor(format: .text)
    var idleDeadline = Instant.never
    var lastDeadline = Instant.never
}

extension EventLoop {
    /// A reader that always has room gets this many pieces a turn; the poller brings it back.
    private static var statusPiecesPerTurn: Int { 8 }
    private static var statusIdleSeconds: Int { 2 }
    private static var statusTotalSeconds: Int { 10 }
    private static var longestRequest: Int { 16 }

    // MARK: Opening and closing

    mutating func openStatusServer(settings: Settings, startup: StartupMemory) throws(ExitCode) {
        guard let folder = RunDirectory(given: settings.runDirectory, startup: startup) else {
            Console.write(
                "tinycot: the path of the run folder is too long for a Unix socket.\n",
                to: Console.error)
            throw .usage
        }
        try folder.prepare(startup: startup)
        try refuseSecondDaemon(folder, startup)
        _ = tcs_unlink(folder.cStatusPath)
        do throws(SystemError) {
            statusListener = FileDescriptor(owning: try SystemError.check(tcs_socket_unix(1)))
            try SystemError.check(tcs_bind_unix(statusListener.raw, folder.cStatusPath))
            statusPath = folder.statusPath
            try SystemError.check(tcs_change_mode(folder.cStatusPath, 0o660))
            try SystemError.check(tcs_listen(statusListener.raw, 8))
            try SystemError.check(
                tcs_poller_add(
                    poller.raw, statusListener.raw, tcs_event_readable,
                    EventLoop.eventData(.statusListener, index: 0, generation: 0)))
        } catch {
            complain(
                "cannot open the status socket ", folder.statusPath, reason: error.number,
                startup: startup)
            throw .system
        }
    }

    /// A socket that nobody answers is left over from a daemon that was killed.
    private func refuseSecondDaemon(_ folder: RunDirectory, _ startup: StartupMemory)
        throws(ExitCode)
    {
        let probe = FileDescriptor(owning: tcs_socket_unix(1))
        let result = tcs_connect_unix(probe.raw, folder.cStatusPath)
        if result < 0 && result != -tcs_errno_again { return }
        var writer = ByteWriter(startup.text)
        writer.append("tinycot: another tinycot runs already: it answers at ")
        writer.append(folder.statusPath, as: .plain)
        writer.append(".\n")
        Console.write(writer.written, to: Console.error)
        throw .temporary
    }

    mutating func closeStatusServer() {
        var i = 0
        while i < tables.statusConnections.count {
            closeStatusConnection(i)
            i += 1
        }
        statusListener.close()
        _ = tcs_unlink(RunDirectory.cString(statusPath))
    }

    private func closeStatusConnection(_ index: Int) {
        let place = tables.statusConnections.pointer(at: index)
        if place.pointee.phase == .free { return }
        _ = tcs_close(place.pointee.descriptor)
        place.pointee.phase = .free
        place.pointee.generation &+= 1
    }

    // MARK: In the loop

    mutating func acceptStatusConnections() {
        var rounds = 0
        while rounds < 4 {
            rounds += 1
            let descriptor = tcs_accept(statusListener.raw, nil)
            if descriptor < 0 {
                // Without a descriptor, look away: relaying comes first. The next turn tries again
                // only because the listeners' pause ends.
                if descriptor == -tcs_errno_descriptors_process
                    || descriptor == -tcs_errno_descriptors_system
                {
                    pauseStatusListener()
                }
                return
            }
            if !takeStatusConnection(descriptor) { _ = tcs_close(descriptor) }
        }
    }

    private mutating func pauseStatusListener() {
        watchStatusListener(0)
        resumeListenersAt = min(resumeListenersAt, now.after(milliseconds: 100))
    }

    func watchStatusListener(_ events: UInt32) {
        _ = tcs_poller_change(
            poller.raw, statusListener.raw, events,
            EventLoop.eventData(.statusListener, index: 0, generation: 0))
    }

    private func takeStatusConnection(_ descriptor: Int32) -> Bool {
        var i = 0
        while i < tables.statusConnections.count {
            let place = tables.statusConnections.pointer(at: i)
            if place.pointee.phase == .free {
                let generation = place.pointee.generation
                let result = tcs_poller_add(
                    poller.raw, descriptor, tcs_event_readable,
                    EventLoop.eventData(.statusConnection, index: i, generation: generation))
                if result < 0 { return false }
                place.pointee = StatusConnection()
                place.pointee.generation = generation
                place.pointee.phase = .reading
                place.pointee.descriptor = descriptor
                place.pointee.idleDeadline = now.after(seconds: EventLoop.statusIdleSeconds)
                place.pointee.lastDeadline = now.after(seconds: EventLoop.statusTotalSeconds)
                return true
            }
            i += 1
        }
        return false
    }

    mutating func statusConnectionIsReady(_ index: Int, _ generation: UInt32) {
        let connection = tables.statusConnections[index]
        if connection.generation != generation { return }
        switch connection.phase {
        case .free: break
        case .reading: readRequest(index)
        case .answering: continueAnswer(index)
        }
    }

    private mutating func readRequest(_ index: Int) {
        let place = tables.statusConnections.pointer(at: index)
        let buffer = statusBuffer(index)
        let used = place.pointee.requestBytes
        let result = tcs_receive(
            place.pointee.descriptor, buffer.pointer(at: used), EventLoop.longestRequest - used)
        if result == -Int64(tcs_errno_again) { return }
        if result <= 0 { return closeStatusConnection(index) }
        place.pointee.requestBytes += Int(result)
        let request = buffer.slice(0, place.pointee.requestBytes)
        if request[request.count - 1] != UInt8(ascii: "\n") {
            if request.count == EventLoop.longestRequest { closeStatusConnection(index) }
            return
        }
        let isJSON = request[0] == UInt8(ascii: "j")
        place.pointee.cursor = StatusCursor(format: isJSON ? .json : .text)
        place.pointee.phase = .answering
        let data = EventLoop.eventData(
            .statusConnection, index: index, generation: place.pointee.generation)
        _ = tcs_poller_change(poller.raw, place.pointee.descriptor, tcs_event_writable, data)
        continueAnswer(index)
    }

    private mutating func continueAnswer(_ index: Int) {
        let buffer = statusBuffer(index)
        var connection = tables.statusConnections[index]
        var rounds = 0
        while rounds < EventLoop.statusPiecesPerTurn {
            if connection.sentBytes == connection.pieceBytes {
                var writer = ByteWriter(buffer)
                writeStatus(&connection.cursor, into: &writer)
                if writer.count == 0 { return closeStatusConnection(index) }
                connection.pieceBytes = writer.count
                connection.sentBytes = 0
            }
            let rest = buffer.slice(
                connection.sentBytes, connection.pieceBytes - connection.sentBytes)
            let result = tcs_send(connection.descriptor, rest.start, rest.count)
            if result < 0 && result != -Int64(tcs_errno_again) {
                return closeStatusConnection(index)
            }
            if result <= 0 { break }
            connection.sentBytes += Int(result)
            connection.idleDeadline = now.after(seconds: EventLoop.statusIdleSeconds)
            rounds += 1
        }
        tables.statusConnections[index] = connection
    }

    private func statusBuffer(_ index: Int) -> Slab<UInt8> {
        tables.statusBytes.slice(
            index * EdgeTables.statusPieceBytes, EdgeTables.statusPieceBytes)
    }

    // MARK: Deadlines

    var statusDeadline: Instant {
        var earliest = Instant.never
        var i = 0
        while i < tables.statusConnections.count {
            let connection = tables.statusConnections[i]
            if connection.phase != .free {
                earliest = min(earliest, min(connection.idleDeadline, connection.lastDeadline))
            }
            i += 1
        }
        return earliest
    }

    func dropSlowStatusConnections() {
        var i = 0
        while i < tables.statusConnections.count {
            let connection = tables.statusConnections[i]
            if now >= connection.idleDeadline || now >= connection.lastDeadline {
                closeStatusConnection(i)
            }
            i += 1
        }
    }
}
