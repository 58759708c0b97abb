// The canary: one connection that the daemon makes to itself, to know that the relay still relays
// (ADR 0013). It has a place of its own behind those of the clients, and takes the way of any
// event: framer, reader, router, log, queue, pieces. What is different is only whom it meets:
// - It is not in `active`, so no broadcast, replay, quota, list, sweep or end of all finds it.
// - It has no name and no team, so nothing is directed to it, seen of it, kept or dumped.
// - Its only receiver is itself. No total counts it.
// Whoever calls `admitCanary` must know that the connection is its own: no wall is asked.

extension Budget {
    /// Places for connections to the relay: one for each client, and the canary's.
    public var clientPlaces: Int { clients + 1 }
}

extension Relay {
    /// Behind those of the clients.
    public var canaryPlace: Int { budget.clients }

    /// The connection that the daemon made to itself has been accepted. Nil if the one before has
    /// not been closed yet, or nobody is let in any more.
    public mutating func admitCanary(address: Address, port: UInt16) -> Int? {
        let client = clients.pointer(at: canaryPlace)
        if client.pointee.phase != .free || isShuttingDown { return nil }
        let generation = client.pointee.generation &+ 1
        client.pointee = Client()
        client.pointee.generation = generation
        client.pointee.phase = .connected
        client.pointee.isCanary = true
        client.pointee.address = address
        client.pointee.port = port
        client.pointee.team = Config.noTeam
        client.pointee.connectedAt = now
        client.pointee.lastSentAt = now
        client.pointee.lastTakenAt = now
        client.pointee.framer = EventFramer(maxEventBytes: budget.eventMaxBytes)
        return canaryPlace
    }
}
