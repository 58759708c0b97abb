// Connections: they come, they are closed, and what time does to them. While all places are taken
// nothing is accepted: who comes waits in the kernel's queue, where a phone waits longer than we
// need, instead of being refused (ATAK tries again ten seconds later). Who gives way to them is
// decided in HTTPPlaces.swift.

import CLinuxSys
import PackageStore
import TinyCoT

extension StoreLoop {
    private static var acceptsPerTurn: Int { 16 }
    static var lingerSeconds: Int { 5 }
    private static var refusalSeconds: Int { 2 }
    /// Slower than this for `stall_seconds` is a client that only holds its place. A radio of a
    /// few hundred bytes a second is not.
    static var leastBytesPerSecond: Int { 64 }

    // MARK: Coming

    mutating func accept(_ index: Int) {
        let listener = tables.listeners[index]
        if listener.descriptor < 0 { return }
        var rounds = 0
        while rounds < StoreLoop.acceptsPerTurn {
            rounds += 1
            if !hasPlace(isOperator: listener.isOperator) { return }
            var peer = tcs_endpoint()
            let result = tcs_accept(listener.descriptor, &peer)
            if result < 0 {
                // Out of descriptors or memory: the kernel keeps the queue, and we look away.
                if result != -tcs_errno_again {
                    counters.add(.acceptFailed)
                    acceptAgainAt = now.after(milliseconds: 100)
                }
                return
            }
            take(result, Endpoint(peer), isOperator: listener.isOperator)
        }
    }

    private mutating func take(
        _ descriptor: Int32, _ peer: Endpoint, isOperator: Bool
    ) {
        if isOperator { return open(tables.operatorIndex, descriptor, peer, isOperator: true) }
        if !settings.allows(peer.address) {
            counters.add(.addressNotAllowed)
            _ = tcs_close(descriptor)
            var line = log.begin(.warning)
            line.append("http connection refused: ")
            line.append(peer)
            line.append(" (address not allowed)")
            log.end(line, at: now)
            return
        }
        if connectionCount(of: peer.address) < budget.httpConnectionsPerAddress {
            return open(placeForNewcomer(), descriptor, peer, isOperator: false)
        }
        if let idle = longestIdle(of: peer.address) {
            closeConnection(idle)
            return open(idle, descriptor, peer, isOperator: false)
        }
        counters.add(.addressFull)
        refuse(descriptor, peer)
    }

    /// Places in use: by this address, or by all.
    func connectionCount(of address: Address?) -> Int {
        var count = 0
        var i = 0
        while i < tables.normalCount {
            let connection = tables.connections[i]
            let isMeant = address == nil || connection.peer.address == address
            if connection.phase != .free && isMeant { count += 1 }
            i += 1
        }
        return count
    }

    /// 503, if one of the places for that is free; otherwise closed without a word.
    private mutating func refuse(_ descriptor: Int32, _ peer: Endpoint) {
        var i = tables.operatorIndex + 1
        while i < tables.connections.count {
            if tables.connections[i].phase == .free {
                open(i, descriptor, peer, isOperator: false)
                if tables.connections[i].phase == .free { return }
                answerError(
                    i, .serviceUnavailable, "Too many connections from this address.",
                    closing: true)
                return
            }
            i += 1
        }
        _ = tcs_close(descriptor)
    }

    private mutating func open(
        _ place: Int, _ descriptor: Int32, _ peer: Endpoint, isOperator: Bool
    ) {
        let generation = tables.connections[place].generation &+ 1
        var connection = HTTPConnection(limits: limits)
        connection.phase = .head
        connection.descriptor = descriptor
        connection.generation = generation
        connection.peer = peer
        connection.isOperator = isOperator
        connection.interest = tcs_event_readable
        connection.deadline = now.after(seconds: settings.headSeconds)
        tables.connections[place] = connection
        counters.add(.connections)
        if !isOperator { setOptions(descriptor) }
        let result = tcs_poller_add(
            poller.raw, descriptor, tcs_event_readable,
            StoreLoop.eventData(.connection, index: place, generation: generation))
        if result < 0 { closeConnection(place) }
        notePools()
    }

    private func setOptions(_ descriptor: Int32) {
        _ = tcs_set_no_delay(descriptor)
        _ = tcs_set_receive_buffer(descriptor, Int32(clamping: budget.httpReceiveBufferBytes))
        _ = tcs_set_send_buffer(descriptor, Int32(clamping: budget.httpSendBufferBytes))
        _ = tcs_set_user_timeout(
            descriptor, Int32(clamping: (settings.stallSeconds + 60) * 1_000))
    }

    // MARK: Going

    mutating func closeConnection(_ index: Int) {
        let place = tables.connections.pointer(at: index)
        invariant(place.pointee.phase != .free, "only an open connection is closed")
        if place.pointee.upload >= 0 { uploaderVanished(index) }
        closeFile(index)
        endCatalogueCopy(index)
        if state.asker == index { state.asker = -1 }
        // A slot that is at the relay comes back later and finds nobody.
        if place.pointee.slot >= 0 && place.pointee.phase != .asking {
            bridge.release(place.pointee.slot)
        }
        place.pointee.slot = -1
        _ = tcs_close(place.pointee.descriptor)
        place.pointee.descriptor = -1
        place.pointee.phase = .free
    }

    func closeFile(_ index: Int) {
        let place = tables.connections.pointer(at: index)
        guard let file = place.pointee.file else { return }
        files!.close(file)
        place.pointee.file = nil
        place.pointee.digest = nil
    }

    /// Our side is shut; the client's last words are read and dropped.
    mutating func linger(_ index: Int) {
        let place = tables.connections.pointer(at: index)
        closeFile(index)
        _ = tcs_shutdown_writing(place.pointee.descriptor)
        place.pointee.phase = .lingering
        let isRefusal = index > tables.operatorIndex
        place.pointee.deadline = now.after(
            seconds: isRefusal ? StoreLoop.refusalSeconds : StoreLoop.lingerSeconds)
        watch(index, tcs_event_readable)
        drain(index)
    }

    mutating func drain(_ index: Int) {
        var rounds = 0
        while rounds < 4 {
            rounds += 1
            let result = tcs_receive(
                tables.connections[index].descriptor, tables.received.start,
                tables.received.count)
            if result == -Int64(tcs_errno_again) { return }
            if result <= 0 { return closeConnection(index) }
        }
    }

    // MARK: The poller

    mutating func connectionIsReady(_ index: Int, _ generation: UInt32, _ events: UInt32) {
        let connection = tables.connections[index]
        if connection.phase == .free || connection.generation != generation { return }
        switch connection.phase {
        case .free: break
        case .head: receiveHead(index)
        // Nothing was asked for, so this is the end of the connection.
        case .waiting, .asking: closeConnection(index)
        case .body: receiveBody(index)
        case .answering:
            if events & tcs_event_writable != 0 { flush(index) } else { closeConnection(index) }
        case .lingering: drain(index)
        }
        advance(index)
    }

    func watch(_ index: Int, _ interest: UInt32) {
        let place = tables.connections.pointer(at: index)
        if place.pointee.interest == interest { return }
        place.pointee.interest = interest
        _ = tcs_poller_change(
            poller.raw, place.pointee.descriptor, interest,
            StoreLoop.eventData(
                .connection, index: index, generation: place.pointee.generation))
    }

    /// Looks away from the listeners while nobody could be let in.
    mutating func watchListeners() {
        let mayAccept = now >= acceptAgainAt
        let hasRoom = mayAccept && hasPlace(isOperator: false)
        let hasOperatorRoom = mayAccept && hasPlace(isOperator: true)
        if hasRoom == listenersAreWatched && hasOperatorRoom == operatorIsWatched { return }
        listenersAreWatched = hasRoom
        operatorIsWatched = hasOperatorRoom
        var i = 0
        while i < tables.listeners.count {
            let listener = tables.listeners[i]
            if listener.descriptor >= 0 {
                let isWatched = listener.isOperator ? hasOperatorRoom : hasRoom
                _ = tcs_poller_change(
                    poller.raw, listener.descriptor, isWatched ? tcs_event_readable : 0,
                    StoreLoop.eventData(.listener, index: i, generation: 0))
            }
            i += 1
        }
    }

    // MARK: Time

    mutating func deadlinePassed(_ index: Int) {
        let place = tables.connections.pointer(at: index)
        switch place.pointee.phase {
        case .free: break
        case .head:
            if place.pointee.inputCount == 0 { return closeConnection(index) }
            counters.add(.timeouts)
            answerError(
                index, .requestTimeout, "The request did not arrive in time.", closing: true)
        case .body:
            if isFastEnough(place.pointee.windowBytes) { return beginWindow(index) }
            counters.add(.timeouts)
            if place.pointee.upload >= 0 { uploaderVanished(index) }
            answerError(
                index, .requestTimeout, "The request did not arrive in time.", closing: true)
        case .answering:
            let progress = takenBytes(index)
            place.pointee.acknowledgedBytes += progress
            if isFastEnough(progress) { return beginWindow(index) }
            counters.add(.timeouts)
            closeConnection(index)
        // The relay answers within a turn; a wedged one is the watchdog's business.
        case .waiting, .asking: slotIsLate(index)
        case .lingering: closeConnection(index)
        }
    }

    private func isFastEnough(_ bytes: Int64) -> Bool {
        bytes >= Int64(StoreLoop.leastBytesPerSecond * settings.stallSeconds)
    }

    mutating func beginWindow(_ index: Int) {
        let place = tables.connections.pointer(at: index)
        place.pointee.windowBytes = 0
        place.pointee.deadline = now.after(seconds: settings.stallSeconds)
    }
}
