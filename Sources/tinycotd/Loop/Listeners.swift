// The listening sockets: opened at start and by a reload, accepted from in the loop. When the
// system has no descriptor left, a waiting connection is accepted with the reserve and closed at
// once: it would keep the poller awake for ever otherwise.

import CLinuxSys
import TinyCoT

extension EventLoop {
    /// Per listener and turn: newcomers must not keep those who are in waiting.
    private static var acceptsPerTurn: Int { 16 }

    // MARK: Opening

    /// A listener of the configuration could not be opened.
    struct ListenTrouble: Error {
        let endpoint: Endpoint
        let number: Int32
    }

    mutating func openConfiguredListeners(_ startup: StartupMemory) throws(ExitCode) {
        do throws(ListenTrouble) {
            try openMissingListeners(of: config)
            commitListeners()
        } catch {
            var writer = ByteWriter(startup.text)
            writer.append("tinycot: ")
            EventLoop.write(error, into: &writer)
            writer.append("\n")
            Console.write(writer.written, to: Console.error)
            throw .system
        }
    }

    static func write(_ trouble: ListenTrouble, into writer: inout ByteWriter) {
        writer.append("cannot listen on ")
        writer.append(trouble.endpoint)
        writer.append(reason: trouble.number)
    }

    /// Opens and marks, but closes nothing that was open: either `commitListeners` or
    /// `abandonListeners` follows.
    mutating func openMissingListeners(of wanted: Config) throws(ListenTrouble) {
        var i = 0
        while i < tables.listeners.count {
            tables.listeners[i].mark = .stale
            i += 1
        }
        i = 0
        while i < wanted.listenerCount {
            let listener = wanted.listeners[i]
            i += 1
            if let open = openListener(at: listener.endpoint) {
                tables.listeners[open].mark = .kept
                tables.listeners[open].nextTeam = listener.team
                continue
            }
            let result = passed.take(listener.endpoint) ?? EventLoop.listen(listener.endpoint)
            if result >= 0 {
                try add(result, listener)
            } else if isForWantOfIPv6(result) && Parsing.isDefaultIPv6Listener(listener) {
                log.say(
                    "this host has no IPv6; listening on IPv4 only", .notice, at: now,
                    limited: false)
            } else {
                throw ListenTrouble(endpoint: listener.endpoint, number: -result)
            }
        }
    }

    private func isForWantOfIPv6(_ result: Int32) -> Bool {
        result == -tcs_errno_family || result == -tcs_errno_address
    }

    private func openListener(at endpoint: Endpoint) -> Int? {
        var i = 0
        while i < tables.listeners.count {
            if tables.listeners[i].descriptor >= 0 && tables.listeners[i].endpoint == endpoint {
                return i
            }
            i += 1
        }
        return nil
    }

    /// - Returns: a listening socket, or -errno.
    static func listen(_ endpoint: Endpoint) -> Int32 {
        var name = tcs_endpoint(endpoint)
        let descriptor = tcs_socket_tcp(&name)
        if descriptor < 0 { return descriptor }
        // After a restart the connections of the old process may still be dying on this port.
        var result = tcs_set_reuse_address(descriptor)
        // Otherwise [::] would take the port for IPv4, too, and 0.0.0.0 could not be bound.
        if result == 0 && !endpoint.address.isIPv4 { result = tcs_set_ipv6_only(descriptor) }
        if result == 0 { result = tcs_bind(descriptor, &name) }
        if result == 0 { result = tcs_listen(descriptor, 128) }
        if result == 0 { return descriptor }
        _ = tcs_close(descriptor)
        return result
    }

    private mutating func add(_ descriptor: Int32, _ wanted: ListenerConfig)
        throws(ListenTrouble)
    {
        var index = 0
        while tables.listeners[index].descriptor >= 0 { index += 1 }
        let generation = tables.listeners[index].generation &+ 1
        var listener = Listener()
        listener.descriptor = descriptor
        listener.generation = generation
        listener.endpoint = wanted.endpoint
        listener.mark = .fresh
        listener.nextTeam = wanted.team
        tables.listeners[index] = listener
        let result = tcs_poller_add(
            poller.raw, descriptor, tcs_event_readable,
            EventLoop.eventData(.listener, index: index, generation: generation))
        if result < 0 { throw ListenTrouble(endpoint: wanted.endpoint, number: -result) }
    }

    /// The new configuration holds: what it does not name goes.
    mutating func commitListeners() {
        var i = 0
        while i < tables.listeners.count {
            if tables.listeners[i].mark == .stale {
                closeListener(i)
            } else {
                tables.listeners[i].team = tables.listeners[i].nextTeam
            }
            i += 1
        }
    }

    /// The old configuration stays: what was opened for the new one goes.
    mutating func abandonListeners() {
        var i = 0
        while i < tables.listeners.count {
            if tables.listeners[i].mark == .fresh { closeListener(i) }
            i += 1
        }
    }

    mutating func closeAllListeners() {
        var i = 0
        while i < tables.listeners.count {
            closeListener(i)
            i += 1
        }
        resumeListenersAt = .never
    }

    private mutating func closeListener(_ index: Int) {
        if tables.listeners[index].descriptor < 0 { return }
        _ = tcs_close(tables.listeners[index].descriptor)
        tables.listeners[index].descriptor = -1
        tables.listeners[index].generation &+= 1
    }

    // MARK: Accepting

    mutating func listenerIsReady(_ index: Int, _ generation: UInt32) {
        let listener = tables.listeners[index]
        if listener.descriptor < 0 || listener.generation != generation { return }
        var rounds = 0
        while rounds < EventLoop.acceptsPerTurn {
            rounds += 1
            var peer = tcs_endpoint()
            let result = tcs_accept(listener.descriptor, &peer)
            if result >= 0 {
                admit(result, Endpoint(peer), team: listener.team)
            } else if result == -tcs_errno_again {
                return
            } else if result == -tcs_errno_descriptors_process
                || result == -tcs_errno_descriptors_system
            {
                if !refuseWithReserve(listener.descriptor) { return pauseListeners() }
            } else if result == -tcs_errno_no_buffers || result == -tcs_errno_no_memory {
                return pauseListeners()
            }
            // Anything else (reset while it waited, say) concerns that one connection.
        }
    }

    /// - Returns: whether a reserve is there again.
    private mutating func refuseWithReserve(_ listener: Int32) -> Bool {
        reserve.close()
        var peer = tcs_endpoint()
        let descriptor = tcs_accept(listener, &peer)
        if descriptor >= 0 {
            _ = tcs_close(descriptor)
            relay.noteAdmissionRefused(.noDescriptor)
            logRefusal(Endpoint(peer), .noDescriptor)
        }
        reserve = FileDescriptor(owning: openReserve())
        return reserve.isOpen && descriptor >= 0
    }

    /// The poller would report the waiting connection again and again: look away for a while.
    private mutating func pauseListeners() {
        watchListeners(0)
        resumeListenersAt = now.after(milliseconds: 100)
    }

    mutating func resumeListeners() {
        if !reserve.isOpen { reserve = FileDescriptor(owning: openReserve()) }
        watchListeners(tcs_event_readable)
        watchStatusListener(tcs_event_readable)
        resumeListenersAt = .never
    }

    private func watchListeners(_ events: UInt32) {
        var i = 0
        while i < tables.listeners.count {
            let listener = tables.listeners[i]
            if listener.descriptor >= 0 {
                _ = tcs_poller_change(
                    poller.raw, listener.descriptor, events,
                    EventLoop.eventData(.listener, index: i, generation: listener.generation))
            }
            i += 1
        }
    }

    private mutating func admit(_ descriptor: Int32, _ peer: Endpoint, team: UInt8) {
        if admitCanary(descriptor, peer) { return }
        makePlace(for: peer.address)
        switch relay.admit(address: peer.address, port: peer.port, listenerTeam: team) {
        case .admitted(let client): connect(client, descriptor, peer)
        case .refused(let reason):
            _ = tcs_close(descriptor)
            logRefusal(peer, reason)
        }
    }

    /// Whoever leaves in this turn leaves now; if that frees no place, somebody may have to go.
    private mutating func makePlace(for address: Address) {
        if !relay.isFull { return }
        _ = closeClients()
        if relay.giveWay(to: address) { _ = closeClients() }
    }

    private mutating func logRefusal(_ peer: Endpoint, _ reason: AdmissionRefusal) {
        var line = log.begin(.warning)
        line.append("connection refused: ")
        line.append(peer)
        line.append(" (")
        line.append(reason.name)
        line.append(")")
        log.end(line, at: now)
    }
}

extension Endpoint {
    init(_ name: tcs_endpoint) {
        self.init()
        var copy = name.address
        withUnsafeBytes(of: &copy) { bytes in
            var i = 0
            while i < 8 {
                address.high = address.high << 8 | UInt64(bytes[i])
                address.low = address.low << 8 | UInt64(bytes[i + 8])
                i += 1
            }
        }
        port = name.port
    }
}

extension tcs_endpoint {
    init(_ endpoint: Endpoint) {
        self.init()
        withUnsafeMutableBytes(of: &address) { bytes in
            var i = 0
            while i < 8 {
                let shift = UInt64(56 - i * 8)
                bytes[i] = UInt8(truncatingIfNeeded: endpoint.address.high >> shift)
                bytes[i + 8] = UInt8(truncatingIfNeeded: endpoint.address.low >> shift)
                i += 1
            }
        }
        port = endpoint.port
    }
}
