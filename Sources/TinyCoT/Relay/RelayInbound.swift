// Bytes to events: framing in place, keeping the beginning of what has not ended, reading the
// header of what has.

extension Relay {
    /// Takes what was read from a client's socket. Returns how many bytes were dealt with: fewer
    /// than given means that rings fill up and the edge should flush before it hands in the rest.
    /// `ringsFillUp` says so, too, when the bytes happen to end there.
    public mutating func bytesArrived(client index: Int, bytes: Slab<UInt8>) -> Int {
        // Rings that were nearly full and that nobody has emptied since are looked at after each
        // event.
        runMost = ringsFillUp ? 1 : runEventsMax
        ringsFillUp = false
        let taken = takeEvents(index, bytes)
        deliverRun()
        return taken
    }

    private mutating func takeEvents(_ index: Int, _ bytes: Slab<UInt8>) -> Int {
        let client = clients.pointer(at: index)
        var at = 0
        while client.pointee.phase == .connected {
            if let whole = client.pointee.framer.wholeEvent(bytes, from: at),
                accept(index, bytes.slice(whole.start, whole.end - whole.start)) == nil
            {
                count(client, whole.end - at)
                at = whole.end
                if ringsFillUp && at < bytes.count { return at }
                continue
            }
            let step = client.pointee.framer.next(bytes, from: at)
            switch step {
            case .needMoreBytes:
                keepOpenEvent(index, bytes)
                count(client, bytes.count - at)
                return bytes.count
            case .event(let start, let end):
                handleFramed(index, bytes, start, end)
                count(client, end - at)
                at = end
                // Only here is no document open: the rest may be handed in as a chunk of its own.
                if ringsFillUp && at < bytes.count { return at }
            case .refused(let refusal, let resumeAt):
                receivePool.release(&client.pointee.kept)
                refuse(index, refusal)
                count(client, resumeAt - at)
                at = resumeAt
            case .authDocument(let resumeAt):
                totals.swallowed += 1
                count(client, resumeAt - at)
                at = resumeAt
            case .foreign(let reason):
                end(index, reason)
            }
        }
        return bytes.count
    }

    @inline(__always)
    private mutating func count(_ client: UnsafeMutablePointer<Client>, _ bytes: Int) {
        client.pointee.counters.bytesIn += UInt64(bytes)
        if !client.pointee.isCanary { totals.bytesIn += UInt64(bytes) }
    }

    mutating func refuse(_ index: Int, _ refusal: Refusal) {
        clients[index].counters.refused += 1
        if !clients[index].isCanary { totals.refused[Int(refusal.rawValue)] += 1 }
    }

    /// The chunk ended inside an event: its bytes go into blocks. Without room the event that
    /// another client has left unfinished for longest gives way: whoever means to fill the pool
    /// with halves of events is among those.
    private mutating func keepOpenEvent(_ index: Int, _ bytes: Slab<UInt8>) {
        let client = clients.pointer(at: index)
        guard let openStart = client.pointee.framer.openStart else {
            receivePool.release(&client.pointee.kept)
            return
        }
        let start = max(openStart, 0)
        let owed = openStart < 0 ? -openStart : 0
        let more = bytes.count - start + owed
        while !receivePool.hasRoom(for: more, in: client.pointee.kept) {
            guard let slowest = longestUnfinished(besides: index) else {
                abandonOpenEvent(index)
                return
            }
            abandonOpenEvent(slowest)
        }
        if client.pointee.kept.isEmpty { client.pointee.keptSince = now }
        receivePool.append(Relay.eventName.slice(0, owed), to: &client.pointee.kept)
        receivePool.append(bytes.slice(start, bytes.count - start), to: &client.pointee.kept)
    }

    /// Up to six bytes of it can lie at the end of an earlier chunk: the framer saw them, nobody
    /// kept them, and they are always the same.
    private static var eventName: Slab<UInt8> { Slab("<event") }

    private mutating func abandonOpenEvent(_ index: Int) {
        receivePool.release(&clients[index].kept)
        clients[index].framer.abandonOpenEvent()
    }

    private func longestUnfinished(besides newcomer: Int) -> Int? {
        clientWithEarliest { index, client in
            index == newcomer || client.kept.isEmpty ? .never : client.keptSince
        }
    }

    /// An event has ended at `end`. If it began in this chunk it is read where it lies; else it is
    /// put together first.
    private mutating func handleFramed(
        _ index: Int, _ bytes: Slab<UInt8>, _ start: Int, _ end: Int
    ) {
        let client = clients.pointer(at: index)
        if client.pointee.kept.isEmpty && start >= 0 {
            acceptOrRefuse(index, bytes.slice(start, end - start))
            return
        }
        var writer = ByteWriter(assembly)
        if start < 0 {
            invariant(client.pointee.kept.isEmpty, "only a name can be owed, not kept bytes")
            writer.append(Relay.eventName.slice(0, -start))
        }
        receivePool.copy(client.pointee.kept, into: &writer)
        receivePool.release(&client.pointee.kept)
        let from = max(start, 0)
        writer.append(bytes.slice(from, end - from))
        if writer.overflowed {
            // The framer holds to the limit; the name owed to it can pass it by a few bytes.
            refuse(index, .tooLarge)
            return
        }
        acceptOrRefuse(index, writer.written)
    }

    private mutating func acceptOrRefuse(_ index: Int, _ event: Slab<UInt8>) {
        if let refusal = accept(index, event) { refuse(index, refusal) }
    }

    /// A whole event of a client: read, classified, answered or routed.
    /// - Returns: why it must not be relayed; then nothing was done.
    private mutating func accept(_ index: Int, _ event: Slab<UInt8>) -> Refusal? {
        var header = EventHeader()
        if let refusal = reader.read(event, into: &header) { return refusal }
        clients[index].counters.eventsIn += 1
        clients[index].lastEventAt = wall
        if !clients[index].isCanary { totals.eventsIn += 1 }
        let kind = EventKind.of(event, header)
        switch kind {
        case .ping:
            totals.swallowed += 1
            sendPong(index)
        case .pong, .control, .hello:
            totals.swallowed += 1
        case .takpRequest:
            totals.swallowed += 1
            denyProtocol(index, event, header)
        case .delete, .chat, .fileTransfer, .emergency, .emergencyCancel, .casevac, .reply,
            .position, .marker, .other:
            route(index, event, header, kind)
        }
        return nil
    }
}
