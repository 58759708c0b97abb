// The relay: bytes of clients in, bytes for clients out. It makes no system call and reads no
// clock; the edge (or the simulator) tells it what happened and asks what to do next.
//
// A turn of the loop, as the edge drives it:
//   beginTurn(now, wall)
//   for each readable socket:   bytesArrived(client, bytes)   or   connectionEnded(client, why)
//   for each new connection:    admit(address, listenerTeam)
//   runDeadlines()
//   while let c = nextToFlush() { pieces = gather(c); write them; bytesTaken(c, n) }
//   while let c = nextToClose() { close the descriptor; released(c) }
//   sleep until nextDeadline()

/// One stretch of memory to write. Laid out like `struct iovec`.
public struct Piece: BitwiseCopyable {
    public var start: UnsafeRawPointer?
    public var count: Int
    public init(start: UnsafeRawPointer?, count: Int) {
        self.start = start
        self.count = count
    }
}

public enum Admission: Sendable {
    /// The index of the client, 0 ..< budget.clients. It stays the client's until `released`.
    case admitted(Int)
    case refused(AdmissionRefusal)
}

public enum Flow: Sendable, Equatable {
    /// Nothing is left to send: no need to watch for writability.
    case drained
    /// More is waiting: call `gather` again, or wait until the socket is writable.
    case moreWaiting
}
