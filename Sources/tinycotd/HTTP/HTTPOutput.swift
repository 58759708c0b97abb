// Answers on their way. A short one is put together whole in the output buffer of its connection:
// first the body, at `headRoom`, then the head in front of it, when its length is known. A long one
// is a head and then piece after piece of its source, each made when the piece before has gone,
// so that a slow reader costs its own buffer and nothing else.

import CLinuxSys
import PackageStore
import TinyCoT

extension StoreLoop {
    /// The longest head: a file name is the only text of the network in it.
    static var headRoom: Int { HTTPResponseWriter.headBytesMax }
    /// The size of a chunk in four digits, and its line end.
    static var chunkRoom: Int { 6 }
    /// The line end of a chunk and the whole of the last one.
    private static var chunkEndRoom: Int { 7 }
    private static var bytesPerTurn: Int { 1_048_576 }

    // MARK: Short answers

    /// Where the body of the answer goes.
    func bodyWriter(_ index: Int) -> ByteWriter {
        let output = tables.output(index)
        return ByteWriter(output.slice(StoreLoop.headRoom, output.count - StoreLoop.headRoom))
    }

    /// One sentence as text/plain.
    /// - Parameter closing: more of this request may come, and nobody wants it.
    mutating func answerError(
        _ index: Int, _ status: HTTPStatus, _ sentence: StaticString, closing: Bool = false,
        retryAfter: Int? = nil, allow: MartiMethods? = nil
    ) {
        if closing { tables.connections.pointer(at: index).pointee.isBodyLeft = true }
        counters.add(answer: status)
        var body = bodyWriter(index)
        body.append(sentence)
        body.append("\n")
        var head = beginHead(index, status)
        head.contentType("text/plain; charset=utf-8")
        head.contentLength(UInt64(body.count))
        if let retryAfter { head.retryAfter(seconds: retryAfter) }
        if let allow { head.allow(allow) }
        send(index, head, bodyBytes: body.count)
    }

    /// The body is what `body` holds; it was begun by `bodyWriter`.
    mutating func answer(
        _ index: Int, _ status: HTTPStatus, _ type: StaticString, _ body: ByteWriter
    ) {
        invariant(!body.overflowed, "a short answer fits into its buffer")
        counters.add(answer: status)
        var head = beginHead(index, status)
        head.contentType(type)
        head.contentLength(UInt64(body.count))
        send(index, head, bodyBytes: body.count)
    }

    /// The head is made in the room in front of the body and then moved up to it.
    func beginHead(_ index: Int, _ status: HTTPStatus) -> HTTPResponseWriter {
        let place = tables.connections.pointer(at: index)
        // Where the next request begins is known only when all of this one was read.
        if place.pointee.isBodyLeft { place.pointee.keepAlive = false }
        let room = tables.output(index).slice(0, StoreLoop.headRoom)
        var head = HTTPResponseWriter(
            status, keepAlive: place.pointee.keepAlive, date: believableTime,
            into: ByteWriter(room))
        // What people upload is shown to nobody as a page of ours.
        head.field("X-Content-Type-Options", "nosniff")
        return head
    }

    /// A board without a clock believes that it is 1970; then it says nothing (RFC 9110 6.6.1).
    var believableTime: WallTime? {
        wall.milliseconds > 1_700_000_000_000 ? wall : nil
    }

    /// - Parameter bodyBytes: of what stands at `headRoom`; sent unless it was HEAD that asked.
    mutating func send(_ index: Int, _ head: HTTPResponseWriter, bodyBytes: Int) {
        now = LinuxClock.now()
        let place = tables.connections.pointer(at: index)
        let written = head.finish()
        invariant(!written.overflowed, "the head of an answer fits into its room")
        let start = StoreLoop.headRoom - written.count
        tables.output(index).copy(written.written, to: start)
        let isHead = place.pointee.head.method == .head
        if isHead {
            place.pointee.source = .none
            closeFile(index)
            releaseSlot(index)
        }
        place.pointee.outputStart = start
        place.pointee.outputEnd = StoreLoop.headRoom + (isHead ? 0 : bodyBytes)
        place.pointee.phase = .answering
        let held = tcs_unacknowledged(place.pointee.descriptor)
        place.pointee.sentBytes = 0
        place.pointee.acknowledgedBytes = Int64(-max(0, held))
        beginWindow(index)
        flush(index)
    }

    // MARK: Long answers

    /// A body that is made piece by piece. One of unknown length goes out in chunks for HTTP/1.1,
    /// and until the end of the connection for 1.0.
    mutating func answerLong(
        _ index: Int, _ type: StaticString, _ source: HTTPConnection.Source, bytes: Int? = nil
    ) {
        let place = tables.connections.pointer(at: index)
        place.pointee.source = source
        place.pointee.sourceEnded = false
        place.pointee.isChunked = bytes == nil && place.pointee.head.isVersion11
        if bytes == nil && !place.pointee.isChunked { place.pointee.keepAlive = false }
        counters.add(answer: .ok)
        var head = beginHead(index, .ok)
        head.contentType(type)
        // What clients put into XML is no program of ours to whoever opens it in a browser.
        if place.pointee.source.isXML { head.field("Content-Security-Policy", "sandbox") }
        if source == .page { StatusPage.write(into: &head) }
        if let bytes { head.contentLength(UInt64(bytes)) }
        if place.pointee.isChunked { head.field("Transfer-Encoding", "chunked") }
        send(index, head, bodyBytes: 0)
    }

    /// The room of a piece: behind the size of its chunk, with space for its end.
    private func pieceWriter(_ index: Int) -> ByteWriter {
        let room = tables.output(index).count - StoreLoop.chunkRoom - StoreLoop.chunkEndRoom
        return ByteWriter(
            tables.output(index).slice(StoreLoop.chunkRoom, min(room, 0xFFFF)))
    }

    /// - Returns: whether there is something to send. If not, the connection went on to something
    ///   else, or goes on with this in the next turn.
    private mutating func refill(_ index: Int) -> Bool {
        var piece = pieceWriter(index)
        if !writePiece(index, &piece) { return false }
        if piece.count == 0 && !tables.connections[index].sourceEnded {
            // It looked through its share without a find. Others wait, too.
            watch(index, tcs_event_writable)
            return false
        }
        let place = tables.connections.pointer(at: index)
        if place.pointee.sourceEnded { place.pointee.source = .none }
        frame(index, piece)
        return true
    }

    private func frame(_ index: Int, _ piece: ByteWriter) {
        let place = tables.connections.pointer(at: index)
        let output = tables.output(index)
        if !place.pointee.isChunked {
            place.pointee.outputStart = StoreLoop.chunkRoom
            place.pointee.outputEnd = StoreLoop.chunkRoom + piece.count
            return
        }
        let end = StoreLoop.chunkRoom + piece.count
        var tail = ByteWriter(output.slice(end, output.count - end))
        if piece.count > 0 {
            var size = ByteWriter(output.slice(0, StoreLoop.chunkRoom))
            size.append(hex: UInt64(piece.count), digits: 4)
            size.append("\r\n")
            tail.append("\r\n")
        }
        if place.pointee.sourceEnded { tail.append("0\r\n\r\n") }
        invariant(!tail.overflowed, "the end of a chunk has room behind it")
        place.pointee.outputStart = piece.count > 0 ? 0 : StoreLoop.chunkRoom
        place.pointee.outputEnd = end + tail.count
    }

    // MARK: The socket

    /// Sends what is ready and makes more of it, until the socket is full or all is out.
    mutating func flush(_ index: Int) {
        var sent = 0
        while true {
            let place = tables.connections.pointer(at: index)
            if place.pointee.phase != .answering { return }
            if sent >= StoreLoop.bytesPerTurn { return watch(index, tcs_event_writable) }
            if place.pointee.outputStart < place.pointee.outputEnd {
                guard let count = sendOutput(index) else { return }
                sent += count
            } else if place.pointee.source == .file {
                guard let count = sendFile(index) else { return }
                sent += count
            } else if place.pointee.source != .none {
                if !refill(index) { return }
            } else {
                return finishAnswer(index)
            }
        }
    }

    /// - Returns: nil when the socket is full or the connection is gone.
    private mutating func sendOutput(_ index: Int) -> Int? {
        let place = tables.connections.pointer(at: index)
        let bytes = tables.output(index).slice(
            place.pointee.outputStart, place.pointee.outputEnd - place.pointee.outputStart)
        let result = tcs_send(place.pointee.descriptor, bytes.start, bytes.count)
        if !wasSent(index, result) { return nil }
        place.pointee.outputStart += Int(result)
        return Int(result)
    }

    /// What is common to every way of sending: counts, a full socket, a dead one.
    mutating func wasSent(_ index: Int, _ result: Int64) -> Bool {
        if result > 0 {
            tables.connections.pointer(at: index).pointee.sentBytes += result
            counters.add(.bytesOut, UInt64(result))
            return true
        }
        if result == -Int64(tcs_errno_again) || result == -Int64(tcs_errno_interrupted)
            || result == -Int64(tcs_errno_no_buffers)
        {
            watch(index, tcs_event_writable)
        } else {
            closeConnection(index)
        }
        return false
    }

    private mutating func finishAnswer(_ index: Int) {
        now = LinuxClock.now()
        let place = tables.connections.pointer(at: index)
        closeFile(index)
        if place.pointee.keepAlive { return beginNextHead(index) }
        let isAllRead =
            !place.pointee.isBodyLeft && place.pointee.inputCount == place.pointee.restStart
        if isAllRead { closeConnection(index) } else { linger(index) }
    }
}

extension StoreLoop {
    /// The next piece of a long answer.
    /// - Returns: false if the connection went on to something else.
    private mutating func writePiece(_ index: Int, _ piece: inout ByteWriter) -> Bool {
        do throws(CatalogueError) {
            switch tables.connections[index].source {
            case .packages, .packageLines: try writeRows(index, &piece)
            case .videos: try writeVideos(index, &piece)
            case .catalogue: try writeCatalogue(index, &piece)
            case .event: writeEvent(index, &piece)
            case .metrics: writeMetrics(index, &piece)
            case .page: writePage(index, &piece)
            case .status: return writeStatus(index, &piece)
            case .contacts: return writeContacts(index, &piece)
            case .positions: return writePositions(index, &piece)
            case .none, .file: invariantBroken("only sources of pieces make pieces")
            }
            return true
        } catch {
            // A list that ends without its last bracket is taken for whole by nobody.
            logTrouble(error)
            closeConnection(index)
            return false
        }
    }
}
