// The sockets of clients: bytes in, bytes out, the end. The relay says which client has something
// to send and which is to be closed; the poller says which has bytes for us. A client's descriptor
// is closed in `closeClients` and nowhere else (but for the end of the program).

import CLinuxSys
import TinyCoT

extension EventLoop {
    /// Per client and turn, so that one who takes everything does not keep the others waiting.
    private static var bytesPerTurn: Int { 262_144 }
    /// After the first write of a turn and then after so many, the clock is read: a hundredth of
    /// what they cost, and no delivery is timed by more than these few writes too early.
    private static var writesPerClock: Int { 8 }

    // MARK: The beginning

    mutating func connect(_ client: Int, _ descriptor: Int32, _ peer: Endpoint) {
        invariant(
            tables.connections[client].descriptor < 0, "the relay admits only to a free place")
        let generation = tables.connections[client].generation &+ 1
        var connection = Connection()
        connection.descriptor = descriptor
        connection.generation = generation
        connection.port = peer.port
        tables.connections[client] = connection
        setOptions(client, descriptor)
        let result = tcs_poller_add(
            poller.raw, descriptor, tcs_event_readable,
            EventLoop.eventData(.client, index: client, generation: generation))
        if result < 0 { relay.connectionEnded(client: client, reason: .peerReset) }
    }

    /// None of these can make a connection wrong, so a refusal of the system is passed over.
    private func setOptions(_ client: Int, _ descriptor: Int32) {
        _ = tcs_set_no_delay(descriptor)
        if client == relay.canaryPlace { return setCanaryBuffers(descriptor) }
        _ = tcs_set_receive_buffer(descriptor, Int32(clamping: budget.clientReceiveBufferBytes))
        _ = tcs_set_send_buffer(descriptor, Int32(clamping: budget.clientSendBufferBytes))
        // A phone that left the network says nothing: ask after a minute, give up half a minute
        // later, or a minute after the relay would have called a full queue a stall. Not sooner:
        // the kernel takes a slow reader's closed window for silence.
        _ = tcs_set_keep_alive(descriptor)
        _ = tcs_set_keep_alive_idle(descriptor, 60)
        _ = tcs_set_keep_alive_interval(descriptor, 10)
        _ = tcs_set_keep_alive_count(descriptor, 3)
        _ = tcs_set_user_timeout(descriptor, Int32(clamping: (config.stallSeconds + 60) * 1_000))
    }

    // MARK: In

    mutating func clientIsReady(_ client: Int, _ generation: UInt32, _ events: UInt32) {
        let connection = tables.connections[client]
        if connection.descriptor < 0 || connection.generation != generation { return }
        if events & tcs_event_writable != 0 {
            // If the relay has nothing for it any more, nobody would switch this off again.
            watchWriting(client, false)
            relay.becameWritable(client: client)
        }
        if events & ~tcs_event_writable != 0 { receive(client) }
    }

    private mutating func receive(_ client: Int) {
        let result = tcs_receive(
            tables.connections[client].descriptor, tables.received.start, tables.received.count)
        if result > 0 {
            if phase == .draining { return }
            handIn(client, tables.received.slice(0, Int(result)))
            if !tables.connections[client].identificationIsLogged { logIdentification(client) }
        } else if result == 0 {
            relay.connectionEnded(client: client, reason: .peerClosed)
        } else if result != -Int64(tcs_errno_again) && result != -Int64(tcs_errno_interrupted) {
            relay.connectionEnded(client: client, reason: .peerReset)
        }
    }

    /// The relay stops when rings fill up faster than they drain: what they hold is sent before
    /// it gets the rest.
    private mutating func handIn(_ client: Int, _ bytes: Slab<UInt8>) {
        var done = 0
        while true {
            done += relay.bytesArrived(
                client: client, bytes: bytes.slice(done, bytes.count - done))
            if relay.ringsFillUp { flushClients() }
            if done == bytes.count { return }
        }
    }

    // MARK: Out

    mutating func flushClients() {
        while let client = relay.nextToFlush() { flush(client) }
    }

    private mutating func flush(_ client: Int) {
        let descriptor = tables.connections[client].descriptor
        invariant(descriptor >= 0, "only a connected client is flushed")
        var sent = 0
        while sent < EventLoop.bytesPerTurn {
            let count = relay.gather(client: client, into: tables.pieces)
            if count == 0 { return watchWriting(client, false) }
            let offered = bytes(inPieces: count)
            // One piece is the rule, and the shorter call the cheaper one.
            let result =
                count == 1
                ? tcs_send(descriptor, tables.pieces[0].start, offered)
                : tcs_send_pieces(descriptor, tables.pieces.start, count)
            noteWrite()
            if result < 0 && !isPassing(result) {
                return relay.connectionEnded(client: client, reason: .peerReset)
            }
            let taken = max(0, Int(result))
            let isBlocked = taken < offered
            let flow = relay.bytesTaken(client: client, count: taken, blocked: isBlocked)
            if flow == .drained { return watchWriting(client, false) }
            if isBlocked { return watchWriting(client, true) }
            sent += taken
        }
        // Its share of this turn is used up. The poller brings it back at once if it can take more.
        watchWriting(client, true)
    }

    private mutating func noteWrite() {
        if writesToClock == 0 {
            relay.noteTime(LinuxClock.now())
            writesToClock = EventLoop.writesPerClock
        }
        writesToClock -= 1
    }

    private func bytes(inPieces count: Int) -> Int {
        var sum = 0
        var i = 0
        while i < count {
            sum += tables.pieces[i].count
            i += 1
        }
        return sum
    }

    private func isPassing(_ result: Int64) -> Bool {
        result == -Int64(tcs_errno_again) || result == -Int64(tcs_errno_interrupted)
            || result == -Int64(tcs_errno_no_buffers) || result == -Int64(tcs_errno_no_memory)
    }

    private mutating func watchWriting(_ client: Int, _ watches: Bool) {
        let connection = tables.connections[client]
        if connection.watchesWriting == watches { return }
        tables.connections[client].watchesWriting = watches
        let result = tcs_poller_change(
            poller.raw, connection.descriptor,
            watches ? tcs_event_readable | tcs_event_writable : tcs_event_readable,
            EventLoop.eventData(.client, index: client, generation: connection.generation))
        if result < 0 { relay.connectionEnded(client: client, reason: .peerReset) }
    }

    // MARK: The end

    /// - Returns: whether anybody was closed.
    mutating func closeClients() -> Bool {
        var hasClosed = false
        while let client = relay.nextToClose() {
            let connection = tables.connections[client]
            invariant(connection.descriptor >= 0, "only a connected client is closed")
            logDeparture(client)
            _ = tcs_close(connection.descriptor)
            tables.connections[client].descriptor = -1
            relay.released(client: client)
            hasClosed = true
        }
        return hasClosed
    }

    // MARK: Lines of the log

    private mutating func logIdentification(_ index: Int) {
        let client = relay.client(at: index)
        if !client.isIdentified { return }
        tables.connections[index].identificationIsLogged = true
        var line = log.begin(.information)
        line.append("client identified: ")
        describe(client, index, into: &line)
        log.end(line, at: now)
    }

    private mutating func logDeparture(_ index: Int) {
        let client = relay.client(at: index)
        switch client.closeReason {
        case .tlsOnPlainPort, .httpOnCoTPort, .protobufUnasked:
            var line = log.begin(.warning)
            line.append("connection closed: ")
            line.append(endpoint(of: client, index))
            line.append(" speaks ")
            switch client.closeReason {
            case .tlsOnPlainPort: line.append("TLS; this port takes plain CoT")
            case .httpOnCoTPort: line.append("HTTP; this port takes CoT")
            default: line.append("the TAK protobuf protocol, which it did not negotiate")
            }
            log.end(line, at: now)
        default:
            // Whoever never said who they are was no client; the counters know of them.
            if !client.isIdentified { return }
            var line = log.begin(.information)
            line.append("client left: ")
            describe(client, index, into: &line)
            line.append(" (")
            line.append(client.closeReason.name)
            line.append(")")
            log.end(line, at: now)
        }
    }

    private func describe(_ client: Client, _ index: Int, into line: inout ByteWriter) {
        line.append(client.callsign, as: .plain)
        line.append(", uid ")
        line.append(client.uid, as: .plain)
        line.append(", from ")
        line.append(endpoint(of: client, index))
        if let team = teamName(of: client) {
            line.append(", team ")
            line.append(team, as: .plain)
        }
    }

    func endpoint(of client: Client, _ index: Int) -> Endpoint {
        var endpoint = Endpoint()
        endpoint.address = client.address
        endpoint.port = tables.connections[index].port
        return endpoint
    }

    func teamName(of client: Client) -> ShortText<40>? {
        let team = Int(client.team)
        return team < config.teamCount ? config.teams[team].name : nil
    }
}
