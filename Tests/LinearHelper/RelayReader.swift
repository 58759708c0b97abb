// The whole relay behind one connection: framing, blocks, reading, routing, the log, the picture.
// Everybody else takes what is sent to them at once.

import TinyCoT

final class RelayReader: LinearReader {
    private var relay: Relay
    private let pieces = UnsafeMutablePointer<Piece>.allocate(capacity: 64)
    private let sender: Int

    /// - Parameter holders: clients that share one callsign, NAMESAKE: each `dest` of that name
    ///   means all of them.
    init(holders: Int) {
        let budget = Budget()
        var measure = Arena.measuring()
        let measured = Config(budget: budget, arena: &measure)
        _ = Relay(budget: budget, config: measured, seed: 1, arena: &measure)
        var arena = arenaOf(measure.usedBytes)
        var config = Config(budget: budget, arena: &arena)
        config.teamCount = 1
        config.allow[0] = Network()
        config.allowCount = 1
        relay = Relay(budget: budget, config: config, seed: 1, arena: &arena)
        let now = Instant(nanoseconds: 1_000_000_000)
        relay.beginTurn(now: now, wall: WallTime(milliseconds: 1_768_478_400_000))
        sender = RelayReader.join(&relay)
        super.init()
        for number in 0..<holders {
            let client = RelayReader.join(&relay)
            var text = ByteWriter(zeroed(1_024))
            RelayReader.writePosition(number, into: &text)
            feed(text.written, client)
        }
        flush()
        eventsBefore = relay.totals.eventsIn
        outBefore = relay.totals.eventsOut
    }

    private var eventsBefore: UInt64 = 0
    private var outBefore: UInt64 = 0

    private static func join(_ relay: inout Relay) -> Int {
        guard case .admitted(let client) = relay.admit(
            address: Address(), port: 1, listenerTeam: Config.noTeam)
        else { return -1 }
        return client
    }

    private static func writePosition(_ number: Int, into text: inout ByteWriter) {
        text.append("<event uid=\"HOLDER-")
        text.append(decimal: number)
        text.append("\" type=\"a-f-G-U-C\" time=\"2026-01-15T12:00:00Z\" ")
        text.append("start=\"2026-01-15T12:00:00Z\" stale=\"2026-01-15T12:01:00Z\" how=\"m-g\">")
        text.append("<point lat=\"1\" lon=\"2\" hae=\"0\" ce=\"1\" le=\"1\"/><detail>")
        text.append("<contact callsign=\"NAMESAKE\" endpoint=\"*:-1:stcp\"/></detail></event>")
    }

    override func read(_ stretch: Slab<UInt8>) {
        feed(stretch, sender)
        flush()
    }

    private func feed(_ bytes: Slab<UInt8>, _ client: Int) {
        var done = 0
        while true {
            done += relay.bytesArrived(client: client, bytes: bytes.slice(done, bytes.count - done))
            if done == bytes.count { return }
            flush()
        }
    }

    private func flush() {
        let table = Slab(start: pieces, count: 64)
        while let client = relay.nextToFlush() {
            while true {
                let count = relay.gather(client: client, into: table)
                if count == 0 { break }
                var taken = 0
                for i in 0..<count { taken += table[i].count }
                _ = relay.bytesTaken(client: client, count: taken, blocked: false)
            }
        }
    }

    override var outcome: String {
        let events = relay.totals.eventsIn - eventsBefore
        let out = relay.totals.eventsOut - outBefore
        var refused: UInt64 = 0
        for i in 0..<relay.totals.refused.count { refused += relay.totals.refused[i] }
        return "\(events > 0 ? "taken" : "none taken"), \(out > 0 ? "sent" : "none sent")"
            + (refused > 0 ? ", refused" : "")
    }
}

func arenaOf(_ count: Int) -> Arena {
    // The arena wants its memory aligned as a mapping is.
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 64)
    memory.initializeMemory(as: UInt8.self, repeating: 0)
    return Arena(memory: memory)
}
