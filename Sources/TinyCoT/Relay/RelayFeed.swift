// What the relay hands to the dump: each event that it routes, as it came, if the configuration
// wants it. Events that the server makes itself are in nobody's dump.

extension Relay {
    /// Called with `config.dump.isEnabled` only: a relay that dumps nothing pays one branch.
    mutating func feedDump(
        _ sender: Int, _ event: Slab<UInt8>, _ header: EventHeader, uidHash: UInt64
    ) {
        let client = clients.pointer(at: sender)
        let team = client.pointee.team
        let isWanted = config.dump.wants(
            event, type: header.type, team: team, uidHash: uidHash,
            senderHash: client.pointee.isIdentified ? client.pointee.uidHash : nil)
        if !isWanted { return }
        var record = FeedRecord()
        record.received = wall
        record.clockMilliseconds = Int64(now.nanoseconds / 1_000_000)
        record.address = client.pointee.address
        record.sender = client.pointee.uid
        record.callsign = client.pointee.callsign
        record.team = config.teams[Int(team)].name
        feed.append(record, event)
    }

    /// The other side has read the dump's ring up to here.
    public mutating func dumpWasRead(upTo position: UInt64) { feed.free(upTo: position) }
}
