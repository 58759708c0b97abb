// Bytes of requests: heads are gathered in the head buffer of their connection; a body is read into
// the one receive scratch and used at once. What came behind a head in the same read (a body, the
// next request) stays in the head buffer until its turn. Requests of one connection are answered
// one after the other; while one is being answered nothing of the connection is read.

import CLinuxSys
import TinyCoT

extension StoreLoop {
    /// Requests of one connection in a turn, and stretches of a body: others wait, too.
    private static var requestsPerTurn: Int { 16 }
    private static var stretchesPerTurn: Int { 8 }
    /// What a small body (a visibility, a list of videos) may have.
    var textBytesMax: Int { min(16_384, tables.outputBytes - StoreLoop.headRoom) }

    // MARK: Heads

    mutating func receiveHead(_ index: Int) {
        let place = tables.connections.pointer(at: index)
        let buffer = tables.head(index)
        let count = place.pointee.inputCount
        let result = tcs_receive(
            place.pointee.descriptor, buffer.pointer(at: count), buffer.count - count)
        if result == -Int64(tcs_errno_again) || result == -Int64(tcs_errno_interrupted) { return }
        if result <= 0 { return closeConnection(index) }
        if count == 0 { place.pointee.deadline = now.after(seconds: settings.headSeconds) }
        place.pointee.inputCount = count + Int(result)
        place.pointee.hasBegun = true
        place.pointee.hasRest = true
    }

    /// Goes on with what is in the head buffer, request by request.
    mutating func advance(_ index: Int) {
        var rounds = 0
        while rounds < StoreLoop.requestsPerTurn {
            let place = tables.connections.pointer(at: index)
            if place.pointee.phase != .head || !place.pointee.hasRest { return }
            place.pointee.hasRest = false
            parseHead(index)
            rounds += 1
        }
        hasMore = true
    }

    /// The connections that used up their share of the turn before.
    mutating func advanceAll() {
        hasMore = false
        var i = 0
        while i < tables.connections.count {
            let connection = tables.connections[i]
            if connection.phase == .head && connection.hasRest { advance(i) }
            i += 1
        }
    }

    private mutating func parseHead(_ index: Int) {
        let place = tables.connections.pointer(at: index)
        let bytes = tables.head(index).slice(0, place.pointee.inputCount)
        switch place.pointee.parser.parse(bytes, into: &place.pointee.head) {
        case .incomplete: break
        case .refused(let refusal):
            counters.add(.badRequests)
            place.pointee.head = HTTPRequestHead()
            answerError(index, refusal.status, refusal.sentence, closing: true)
        case .complete(let consumed):
            place.pointee.headCount = consumed
            place.pointee.restStart = consumed
            place.pointee.keepAlive = place.pointee.head.keepAlive && index < tables.operatorIndex
            place.pointee.isBodyLeft = place.pointee.head.hasBody
            place.pointee.body = HTTPBodyReader(place.pointee.head)
            watch(index, 0)
            counters.add(.requests)
            if !place.pointee.isOperator && !settings.allows(place.pointee.peer.address) {
                // A reload took the address out of `allow` while its connection stayed.
                return answerError(
                    index, .forbidden, "This address is not served.", closing: true)
            }
            beginRequest(index)
        }
    }

    /// The request has been answered, and the connection stays.
    mutating func beginNextHead(_ index: Int) {
        let place = tables.connections.pointer(at: index)
        let buffer = tables.head(index)
        let rest = buffer.slice(
            place.pointee.restStart, place.pointee.inputCount - place.pointee.restStart)
        buffer.copy(rest, to: 0)
        place.pointee.inputCount = rest.count
        place.pointee.headCount = 0
        place.pointee.parser = HTTPHeadParser(limits)
        place.pointee.head = HTTPRequestHead()
        place.pointee.phase = .head
        place.pointee.hasRest = rest.count > 0
        if rest.count > 0 { hasMore = true }
        place.pointee.deadline = now.after(
            seconds: rest.count > 0 ? settings.headSeconds : settings.idleSeconds)
        watch(index, tcs_event_readable)
    }

    // MARK: Bodies

    /// The body is wanted. `Expect` is answered before the first byte of it is read.
    mutating func beginBody(_ index: Int, _ use: HTTPConnection.BodyUse) {
        let place = tables.connections.pointer(at: index)
        place.pointee.bodyUse = use
        place.pointee.textCount = 0
        place.pointee.phase = .body
        beginWindow(index)
        let waits = place.pointee.head.expectsContinue
        if waits && place.pointee.inputCount == place.pointee.headCount {
            // 25 bytes into a socket that nothing was sent to since the last answer.
            let line = Slab(HTTPResponseWriter.goOn)
            let result = tcs_send(place.pointee.descriptor, line.start, line.count)
            if result != Int64(line.count) { return closeConnection(index) }
        }
        watch(index, tcs_event_readable)
        let rest = tables.head(index).slice(
            place.pointee.headCount, place.pointee.inputCount - place.pointee.headCount)
        if rest.count > 0 || place.pointee.body.hasEnded {
            place.pointee.windowBytes += Int64(rest.count)
            takeBody(index, rest, isInHead: true)
        }
    }

    mutating func receiveBody(_ index: Int) {
        var rounds = 0
        while rounds < StoreLoop.stretchesPerTurn {
            rounds += 1
            let place = tables.connections.pointer(at: index)
            if place.pointee.phase != .body { return }
            // Of a body whose length is known not a byte too much is read, so that the next
            // request stays in the socket.
            var wanted = tables.received.count
            if !place.pointee.head.isChunked {
                wanted = Int(min(UInt64(wanted), place.pointee.body.remainingBytes))
            }
            let result = tcs_receive(place.pointee.descriptor, tables.received.start, wanted)
            if result == -Int64(tcs_errno_again) || result == -Int64(tcs_errno_interrupted) {
                return
            }
            if result <= 0 { return closeConnection(index) }
            place.pointee.windowBytes += result
            takeBody(index, tables.received.slice(0, Int(result)), isInHead: false)
        }
    }

    /// A stretch of the raw body: framing is taken off, the rest is used.
    private mutating func takeBody(_ index: Int, _ bytes: Slab<UInt8>, isInHead: Bool) {
        var at = 0
        while true {
            let step = tables.connections.pointer(at: index).pointee.body.next(bytes, from: at)
            switch step {
            case .needMoreBytes:
                if isInHead {
                    tables.connections.pointer(at: index).pointee.inputCount =
                        tables.connections[index].headCount
                }
                return
            case .body(let start, let end):
                at = end
                if !use(index, bytes.slice(start, end - start)) { return }
            case .ended(let end):
                keepRest(index, bytes, end, isInHead: isInHead)
                tables.connections.pointer(at: index).pointee.isBodyLeft = false
                return bodyEnded(index)
            case .refused(let refusal):
                counters.add(.badRequests)
                if tables.connections[index].upload >= 0 { uploaderVanished(index) }
                return answerError(index, refusal.status, refusal.sentence, closing: true)
            }
        }
    }

    /// What follows the body in the same read is the next request.
    private func keepRest(_ index: Int, _ bytes: Slab<UInt8>, _ end: Int, isInHead: Bool) {
        let place = tables.connections.pointer(at: index)
        if isInHead {
            place.pointee.restStart = place.pointee.headCount + end
            return
        }
        let rest = bytes.slice(end, bytes.count - end)
        let buffer = tables.head(index)
        place.pointee.restStart = place.pointee.headCount
        place.pointee.inputCount = place.pointee.headCount
        if rest.count > buffer.count - place.pointee.headCount {
            // Behind a chunked body more was sent ahead than there is room for: it is not read,
            // and the client learns that from the end of the connection (RFC 9112 9.3.2).
            place.pointee.keepAlive = false
            return
        }
        buffer.copy(rest, to: place.pointee.headCount)
        place.pointee.inputCount += rest.count
    }

    /// - Returns: whether more of the body is wanted.
    private mutating func use(_ index: Int, _ bytes: Slab<UInt8>) -> Bool {
        switch tables.connections[index].bodyUse {
        case .upload: return uploadArrived(index, bytes)
        case .text:
            let count = tables.connections[index].textCount
            if bytes.count > textBytesMax - count {
                answerError(
                    index, .contentTooLarge, "The body is longer than it may be here.",
                    closing: true)
                return false
            }
            tables.output(index).copy(bytes, to: StoreLoop.headRoom + count)
            tables.connections.pointer(at: index).pointee.textCount = count + bytes.count
            return true
        }
    }

    private mutating func bodyEnded(_ index: Int) {
        watch(index, 0)
        switch tables.connections[index].bodyUse {
        case .upload: uploadEnded(index)
        case .text: textEnded(index)
        }
    }

    /// The small body at hand.
    func text(_ index: Int) -> Slab<UInt8> {
        tables.output(index).slice(StoreLoop.headRoom, tables.connections[index].textCount)
    }
}
