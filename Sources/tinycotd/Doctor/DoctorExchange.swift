// One request of the doctor's and its answer, over TCP as a client or over the store socket as the
// operator. The answer is kept whole.

import CLinuxSys
import TinyCoT

/// Owns the connection. One request each.
struct DoctorExchange: ~Copyable {
    private let socket: FileDescriptor
    private(set) var head = StoreAnswerHead()

    init(_ endpoint: Endpoint) throws(DoctorTrouble) {
        socket = FileDescriptor(owning: try DoctorSocket.connect(endpoint))
    }

    init(unix path: UnsafePointer<CChar>) throws(DoctorTrouble) {
        socket = FileDescriptor(owning: try DoctorSocket.connect(unix: path))
    }

    /// Of a connection over a Unix socket: who listens there.
    var peerProcess: Int32 { tcs_peer_process(socket.raw) }

    /// - Parameters:
    ///   - answer: room for head and body; what does not fit is strange.
    /// - Returns: the body.
    mutating func ask(
        _ request: Slab<UInt8>, _ body: Slab<UInt8> = Slab(""), answer: Slab<UInt8>
    ) throws(DoctorTrouble) -> Slab<UInt8> {
        try DoctorSocket.send(request, to: socket.raw)
        try DoctorSocket.send(body, to: socket.raw)
        let end = DoctorSocket.deadline
        var count = 0
        var bodyStart = 0
        while bodyStart == 0 {
            count += try receive(answer, count, end)
            bodyStart = StoreAnswerHead.end(of: answer.slice(0, count)) ?? 0
        }
        guard let read = StoreAnswerHead(answer.slice(0, bodyStart)) else { throw .strange }
        head = read
        return try readBody(answer, from: bodyStart, to: count, end)
    }

    private func receive(
        _ answer: Slab<UInt8>, _ count: Int, _ end: Instant
    ) throws(DoctorTrouble) -> Int {
        if count == answer.count { throw .strange }
        return try DoctorSocket.receive(
            into: answer.slice(count, answer.count - count), from: socket.raw, until: end)
    }

    /// Chunks are moved together where they lie.
    private mutating func readBody(
        _ answer: Slab<UInt8>, from start: Int, to received: Int, _ end: Instant
    ) throws(DoctorTrouble) -> Slab<UInt8> {
        if head.endsWithConnection { throw .strange }
        var reader = HTTPBodyReader(length: head.contentLength ?? 0, isChunked: head.isChunked)
        var count = received
        var at = start
        var bodyEnd = start
        while true {
            let pending = answer.slice(at, count - at)
            switch reader.next(pending, from: 0) {
            case .body(let from, let to):
                answer.copy(pending.slice(from, to - from), to: bodyEnd)
                bodyEnd += to - from
                at += to
            case .ended: return answer.slice(start, bodyEnd - start)
            case .refused: throw .strange
            case .needMoreBytes:
                // All was looked at: the next bytes may lie right behind the body.
                at = bodyEnd
                count = bodyEnd + (try receive(answer, bodyEnd, end))
            }
        }
    }
}
