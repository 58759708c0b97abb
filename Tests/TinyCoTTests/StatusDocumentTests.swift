// The document that the status page draws: in pieces of any size it joins to the same JSON, which
// Foundation reads, and no name of a stranger gets out of its quotes.

import Foundation
import Testing

@testable import TinyCoT

@Suite struct StatusDocumentTests {
    private struct Model {
        var contact = ContactRecord()
        var standing = ClientStanding()

        init(_ callsign: [UInt8], colour: String = "Cyan", team: String = "") {
            withSlab(callsign) { contact.callsign.set($0) }
            withSlab(Array(colour.utf8)) { contact.team.set($0) }
            withSlab(Array(team.utf8)) { standing.team.set($0) }
            standing.hasPlace = true
            standing.place.latitude = -33_856_784_000
            standing.place.longitude = 151_215_297_000
        }
    }

    private func facts() -> StatusFacts {
        var facts = StatusFacts()
        facts.version = "1.2.3"
        facts.uptimeSeconds = 86_400
        facts.packages = 4
        facts.packagesLimit = 10
        return facts
    }

    /// As the store loop writes it, with pieces of `room` bytes.
    private func pieces(
        _ facts: StatusFacts, _ clients: [Model], figures: RelayFigures? = nil,
        room: Int = StatusDocument.pieceBytesMin
    ) -> (all: [UInt8], count: Int) {
        var figures = figures ?? FiguresStage().figures
        return withSlab([UInt8](repeating: 0, count: room)) { slab in
            var writer = ByteWriter(slab)
            var all: [UInt8] = []
            var sent = 1
            var document = StatusDocument()
            func flush() {
                all += array(writer.written)
                writer.reset()
                sent += 1
            }
            while !document.isAtClients {
                document.begin(facts, &figures, &writer) { number in
                    number == 0 ? PoolUse(name: "uploads", used: 1, peak: 2, limit: 4) : nil
                }
                if !document.isAtClients { flush() }
            }
            for client in clients
            where !document.add(client.contact, client.standing, &writer) {
                flush()
                let fits = document.add(client.contact, client.standing, &writer)
                #expect(fits, "an empty piece takes every client")
            }
            if !document.end(&writer) {
                flush()
                let fits = document.end(&writer)
                #expect(fits, "an empty piece takes the end")
            }
            return (all + array(writer.written), sent)
        }
    }

    private func read(_ bytes: [UInt8]) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any])
    }

    @Test func itSaysWhatItWasTold() throws {
        var facts = facts()
        facts.warn(.unencrypted, if: true)
        facts.warn(.heap, if: true)
        facts.warn(.clock, if: false)
        facts.time = WallTime(milliseconds: 1_768_478_400_123)
        let found = try read(
            pieces(facts, [Model(Array("ALPHA".utf8), colour: "Dark Blue", team: "one")]).all)
        #expect(found["version"] as? String == "1.2.3")
        #expect(found["time"] as? Int == 1_768_478_400_123)
        #expect(found["warnings"] as? [String] == ["unencrypted", "heap"])
        let packages: NSDictionary = ["count": 4, "limit": 10, "bytes": 0, "limit_bytes": 0]
        #expect(found["packages"] as? NSDictionary == packages)
        let pools = try #require(found["pools"] as? [[String: Any]])
        #expect(pools.count == Relay.poolCount + 1)
        let uploads: NSDictionary = ["name": "uploads", "used": 1, "peak": 2, "limit": 4]
        #expect(pools.last as NSDictionary? == uploads)
        let client: NSDictionary = [
            "callsign": "ALPHA", "colour": "Dark Blue", "role": "", "team": "one",
            "connected_seconds": 0, "waiting": 0, "dropped": 0,
            "lat": -33.856784, "lon": 151.215297,
        ]
        #expect(found["clients"] as? [NSDictionary] == [client])
    }

    @Test func nobodyAndNoTime() throws {
        let found = try read(pieces(facts(), []).all)
        #expect(found["time"] is NSNull)
        #expect((found["clients"] as? [Any])?.isEmpty == true)
        #expect((found["warnings"] as? [Any])?.isEmpty == true)
    }

    @Test(arguments: [0, 1, 2, 3, 11, 297, 298, 299, 100_000])
    func nothingIsToldOfBeforeTheStart(seconds: Int64) throws {
        var facts = facts()
        facts.uptimeSeconds = seconds
        let traffic = try #require(try read(pieces(facts, []).all)["traffic"] as? [String: Any])
        let expected = Int(min(149, seconds / 2))
        #expect((traffic["received"] as? [Int])?.count == expected)
        #expect((traffic["sent"] as? [Int])?.count == expected)
    }

    private static let hostile: [[UInt8]] = [
        Array("</script><script>alert(1)</script>".utf8), Array("\"},{\"callsign\":\"x".utf8),
        Array("\\".utf8), Array("a\u{202E}gpj.exe\u{2028}\u{0}\n".utf8), [0xFF, 0xFE, 0x80, 0xC0],
        [0xF0, 0x9F, 0x9A], [UInt8](repeating: 1, count: 80), [UInt8](repeating: 0x22, count: 80),
        Array("__proto__".utf8), Array("🚑".utf8), [],
    ]

    @Test func noNameGetsOutOfItsQuotes() throws {
        let models = StatusDocumentTests.hostile.map { Model($0) }
        let found = try read(pieces(facts(), models).all)
        let clients = try #require(found["clients"] as? [[String: Any]])
        #expect(
            clients.map { $0["callsign"] as? String }
                == StatusDocumentTests.hostile.map { String(decoding: $0, as: UTF8.self) })
        #expect(clients.allSatisfy { $0.count == 9 })
    }

    /// The names that take most room, the largest numbers, and the least pieces.
    @Test func aFullHouseOfTheWorstFitsIntoThePiecesThatThereAre() throws {
        var figures = FiguresStage().figures
        var history = TrafficHistory()
        for step in UInt64(0)..<200 {
            history.note(
                received: step << 33, sent: step << 34,
                at: Instant(nanoseconds: step * 2_000_000_000))
        }
        figures.traffic = history
        var facts = facts()
        for warning in 0..<UInt8(StatusWarning.count) {
            facts.warn(try #require(StatusWarning(rawValue: warning)), if: true)
        }
        facts.writtenToday = .max
        var model = Model([UInt8](repeating: 1, count: 80))
        withSlab([UInt8](repeating: 2, count: 80)) { model.contact.team.set($0) }
        withSlab([UInt8](repeating: 3, count: 80)) { model.contact.role.set($0) }
        withSlab([UInt8](repeating: 4, count: 40)) { model.standing.team.set($0) }
        model.standing.dropped = .max
        model.standing.waiting = .max
        model.standing.connectedSeconds = .max
        let models = [Model](repeating: model, count: 128)
        let small = pieces(facts, models, figures: figures)
        let large = pieces(facts, models, figures: figures, room: 1 << 20)
        #expect(small.all == large.all && large.count == 1 && small.count > 60)
        let found = try read(small.all)
        #expect((found["clients"] as? [Any])?.count == 128)
        let traffic = try #require(found["traffic"] as? [String: Any])
        #expect(traffic["sent"] as? [UInt32] == [UInt32](repeating: .max, count: 149))
    }
}
