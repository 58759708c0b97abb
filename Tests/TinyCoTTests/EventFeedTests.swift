// The ring between the relay and the dump: what goes in comes out, wherever the ring ends, and what
// does not fit is counted. The property test holds it against a plain queue.

import Foundation
import Testing

@testable import TinyCoT

/// Both ends of one ring, carried over as the edge does it.
private final class Pair {
    var feed: EventFeed
    var reader: EventFeedReader
    private let memory: UnsafeMutableRawBufferPointer

    init(bytes: Int) {
        memory = .allocate(byteCount: bytes + 64, alignment: 64)
        memory.initializeMemory(as: UInt8.self, repeating: 0xEE)
        var arena = Arena(memory: memory)
        var budget = Budget()
        budget.dumpRingBytes = bytes
        feed = EventFeed(budget: budget, arena: &arena)
        reader = EventFeedReader(feed.bytes)
    }

    deinit { memory.deallocate() }

    func begin(at position: UInt64) {
        feed.begin(at: position)
        reader.begin(at: position)
    }

    func append(_ plain: Plain) {
        let event = OwnedBytes(plain.event)
        withExtendedLifetime(event) { feed.append(plain.record, event.slab) }
    }

    func publish() { reader.extend(to: feed.written) }
    func giveBack() { feed.free(upTo: reader.consumed) }

    func take() -> Plain? {
        guard let entry = reader.next() else { return nil }
        reader.pass(entry)
        return Plain(entry)
    }
}

func short<let capacity: Int>(_ text: String) -> ShortText<capacity> {
    let bytes = OwnedBytes(text)
    return withExtendedLifetime(bytes) {
        var result = ShortText<capacity>()
        result.set(bytes.slab)
        return result
    }
}

/// A record in plain Swift.
private struct Plain: Equatable {
    var received: Int64
    var clock: Int64
    var high: UInt64
    var low: UInt64
    var sender: String
    var callsign: String
    var team: String
    var event: [UInt8]

    init(_ number: Int, sender: String, callsign: String, team: String, event: [UInt8]) {
        received = 1_768_478_400_000 + Int64(number)
        clock = Int64(number) * 7
        high = UInt64(number) &* 0x9E37_79B9_7F4A_7C15
        low = ~UInt64(number)
        self.sender = sender
        self.callsign = callsign
        self.team = team
        self.event = event
    }

    init(_ entry: FeedEntry) {
        received = entry.record.received.milliseconds
        clock = entry.record.clockMilliseconds
        high = entry.record.address.high
        low = entry.record.address.low
        sender = text(entry.record.sender)
        callsign = text(entry.record.callsign)
        team = text(entry.record.team)
        event = (0..<entry.first.count).map { entry.first[$0] }
            + (0..<entry.rest.count).map { entry.rest[$0] }
    }

    var record: FeedRecord {
        var record = FeedRecord()
        record.received = WallTime(milliseconds: received)
        record.clockMilliseconds = clock
        record.address = Address(high: high, low: low)
        record.sender = short(sender)
        record.callsign = short(callsign)
        record.team = short(team)
        return record
    }

    /// What it takes in the ring: the fixed head and everything that varies.
    var ringBytes: Int {
        EventFeed.headBytes + sender.utf8.count + callsign.utf8.count + team.utf8.count
            + event.count
    }
}

@Suite struct EventFeedTests {
    private func sample(_ number: Int, count: Int = 50) -> Plain {
        Plain(
            number, sender: "ANDROID-\(number)", callsign: "Łódź \(number)", team: "blue",
            event: (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ number) })
    }

    @Test func theRingMayEndAnywhereInARecord() {
        for start in 0..<256 {
            let pair = Pair(bytes: 256)
            pair.begin(at: UInt64(start))
            let one = sample(start)
            pair.append(one)
            #expect(pair.take() == nil, "nothing is there before it is published")
            pair.publish()
            #expect(pair.take() == one, "at \(start)")
            #expect(pair.take() == nil)
            pair.giveBack()
            #expect(pair.feed.usedBytes == 0 && pair.feed.dropped == 0)
        }
    }

    @Test func aRecordMayFillTheRingToItsLastByte() {
        let whole = sample(1, count: 256 - sample(1, count: 0).ringBytes)
        for start in [0, 1, 100, 255] {
            let pair = Pair(bytes: 256)
            pair.begin(at: UInt64(start))
            pair.append(whole)
            #expect(pair.feed.usedBytes == 256)
            pair.append(Plain(2, sender: "", callsign: "", team: "", event: []))
            #expect(pair.feed.dropped == 1)
            pair.publish()
            #expect(pair.take() == whole)
            #expect(pair.take() == nil)
            // Room is there again when the reader has said so.
            pair.append(sample(3))
            #expect(pair.feed.dropped == 2)
            pair.giveBack()
            pair.append(sample(4))
            pair.publish()
            #expect(pair.take() == sample(4))
        }
        let pair = Pair(bytes: 256)
        var larger = whole
        larger.event.append(0)
        pair.append(larger)
        #expect(pair.feed.dropped == 1 && pair.feed.usedBytes == 0 && pair.feed.peakBytes == 0)
    }

    /// The smallest ring that a budget allows holds the longest event with the longest names.
    @Test func theLongestEventFitsTheSmallestRing() {
        let text80 = String(repeating: "x", count: 80)
        let text40 = String(repeating: "y", count: 40)
        for maximum in [1_024, 3_277, 65_536] {
            let ring = max(BudgetKey.dumpRingBytes.range.lowerBound, maximum * 10 / 8)
            let pair = Pair(bytes: ring)
            pair.begin(at: UInt64(ring / 2))
            let longest = Plain(
                1, sender: text80, callsign: text80, team: text40,
                event: (0..<maximum).map { UInt8(truncatingIfNeeded: $0) })
            pair.append(longest)
            pair.publish()
            #expect(pair.take() == longest)
        }
    }

    @Test(arguments: [1, 2, 3, 4, 5, 6] as [UInt64])
    func itIsAQueueOfBoundedLength(_ seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let capacity = 300 + random.below(700)
        let pair = Pair(bytes: capacity)
        pair.begin(at: UInt64(random.below(100_000)))
        // Written, published to the reader, and what the relay does not know to be free yet.
        var written: [Plain] = []
        var published: [Plain] = []
        var kept = 0
        var passed = 0
        var dropped = 0
        for step in 0..<20_000 {
            switch random.below(8) {
            case 0...3:
                let plain = Plain(
                    step, sender: String(repeating: "s", count: random.below(81)),
                    callsign: String(repeating: "c", count: random.below(30)),
                    team: String(repeating: "t", count: random.below(41)),
                    event: (0..<random.below(400)).map { _ in UInt8(random.below(256)) })
                pair.append(plain)
                if kept + plain.ringBytes <= capacity {
                    written.append(plain)
                    kept += plain.ringBytes
                } else {
                    dropped += 1
                }
            case 4:
                pair.publish()
                published += written
                written = []
            case 5:
                pair.giveBack()
                kept -= passed
                passed = 0
            default:
                let got = pair.take()
                let expected = published.isEmpty ? nil : published.removeFirst()
                // Not compared in the macro, which would print both.
                let isRight = got == expected
                #expect(isRight, "seed \(seed), step \(step)")
                passed += expected?.ringBytes ?? 0
            }
            #expect(pair.feed.usedBytes == kept && pair.feed.dropped == UInt64(dropped))
            #expect(pair.reader.isEmpty == published.isEmpty)
        }
        #expect(dropped > 100, "seed \(seed): the ring was full now and then")
    }
}

@Suite struct RelayFeedTests {
    private func event(_ uid: String, _ type: String, _ detail: String = "") -> String {
        """
        <event version="2.0" uid="\(uid)" type="\(type)" time="2026-01-15T12:00:00Z" \
        start="2026-01-15T12:00:00Z" stale="2026-01-15T12:01:00Z" how="m-g">\
        <point lat="1" lon="2" hae="0" ce="9" le="9"/><detail>\(detail)</detail></event>
        """
    }

    private func hello(_ uid: String, _ callsign: String) -> String {
        event(uid, "a-f-G", "<contact callsign=\"\(callsign)\" endpoint=\"*:-1:stcp\"/>")
    }

    /// What a relay with this configuration hands over when three clients send these events.
    private func dumped(_ json: String, _ sent: [(Int, String)]) throws -> [String] {
        var measure = Arena.measuring()
        let measured = Config(budget: Budget(), arena: &measure)
        _ = Relay(budget: Budget(), config: measured, seed: 1, arena: &measure)
        let memory = UnsafeMutableRawBufferPointer.allocate(
            byteCount: measure.usedBytes, alignment: 64)
        defer { memory.deallocate() }
        memory.initializeMemory(as: UInt8.self, repeating: 0)
        var arena = Arena(memory: memory)
        var config = Config(budget: Budget(), arena: &arena)
        var relay = Relay(budget: Budget(), config: config, seed: 1, arena: &arena)
        let bytes = OwnedBytes(json)
        defer { withExtendedLifetime(bytes) {} }
        try ConfigParser.parse(bytes.slab, hashKey: relay.hashKey, into: &config)
        relay.apply(config: config)
        relay.beginTurn(
            now: Instant(nanoseconds: 5_000_900_000), wall: WallTime(milliseconds: 77))
        for number in 0..<3 {
            guard case .admitted(number) = relay.admit(
                address: Address(ipv4: 0x0A00_0001 + UInt32(number)), port: 1,
                listenerTeam: Config.noTeam)
            else { return ["not admitted"] }
        }
        for (client, text) in sent {
            let bytes = OwnedBytes(text)
            defer { withExtendedLifetime(bytes) {} }
            var done = 0
            while done < bytes.slab.count {
                done += relay.bytesArrived(
                    client: client, bytes: bytes.slab.slice(done, bytes.slab.count - done))
            }
        }
        var reader = EventFeedReader(relay.feed.bytes)
        reader.extend(to: relay.feed.written)
        var result: [String] = []
        while let entry = reader.next() {
            let plain = Plain(entry)
            #expect(plain.received == 77 && plain.clock == 5_000)
            let last = plain.low & 0xFF
            result.append(
                "\(last) \(plain.sender)/\(plain.callsign)/\(plain.team) "
                    + String(decoding: plain.event, as: UTF8.self))
            reader.pass(entry)
        }
        relay.dumpWasRead(upTo: reader.consumed)
        #expect(relay.feed.usedBytes == 0)
        return result
    }

    @Test func nothingIsHandedOverWhileTheDumpIsOff() throws {
        #expect(try dumped("{\"dump\": {\"types\": []}}", [(0, hello("A", "ALPHA"))]) == [])
    }

    @Test func itIsTheEventAsItCameWithWhoSentIt() throws {
        let directed = event(
            "m", "b-m-p", "<marti><dest callsign=\"NOBODY\"/></marti><remarks>é &lt;</remarks>")
        let chat = event("GeoChat.1", "b-t-f", "<__chat id=\"A\" chatroom=\"A\"/>")
        let ping = event("A-ping", "t-x-c-t")
        let broken = event("A", "a-f-G").replacingOccurrences(of: "lat=\"1\"", with: "lat=\"x\"")
        let first = hello("A", "ALPHA")
        let declaration = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        let got = try dumped(
            "{\"dump\": {\"enabled\": true}}",
            [
                (1, directed), (0, declaration + first), (0, ping), (0, broken), (0, chat),
                (0, " \n" + directed),
            ])
        #expect(
            got == [
                "2 //open " + directed, "1 A/ALPHA/open " + first, "1 A/ALPHA/open " + chat,
                "1 A/ALPHA/open " + directed,
            ])
    }

    @Test func theFilterHoldsTypesTeamsAndUIDsTogether() throws {
        let teams = """
            "teams": [{"name": "blue", "members": ["ALPHA"]}, {"name": "red", "members": ["B"]}]
            """
        let sent = [
            (0, hello("A", "ALPHA")), (1, hello("B", "BRAVO")), (2, hello("C", "CHARLIE")),
            (0, event("m1", "b-m-p-s")), (1, event("m2", "b-m-p-s")), (1, event("m1", "u-d-f")),
            (2, event("m3", "&#98;-m-r")),
        ]
        func kept(_ filter: String) throws -> [Int] {
            let json = "{\"dump\": {\"enabled\": true\(filter)}, \(teams)}"
            let got = try dumped(json, sent)
            return sent.indices.filter { i in got.contains { $0.hasSuffix(sent[i].1) } }
        }
        #expect(try kept("") == [0, 1, 2, 3, 4, 5, 6])
        // The last type is spelt with a reference.
        #expect(try kept(", \"types\": [\"b-m\"]") == [3, 4, 6])
        #expect(try kept(", \"types\": [\"b-m-p\", \"u-\"]") == [3, 4, 5])
        #expect(try kept(", \"types\": [\"b-m-p-s-m\"]") == [])
        #expect(try kept(", \"teams\": [\"red\"]") == [1, 4, 5])
        #expect(try kept(", \"teams\": [\"unassigned\", \"blue\"]") == [0, 2, 3, 6])
        // Of the event, or of who sent it.
        #expect(try kept(", \"uids\": [\"m1\", \"C\"]") == [2, 3, 5, 6])
        #expect(try kept(", \"types\": [\"b-\"], \"teams\": [\"red\"], \"uids\": [\"B\"]") == [4])
    }

    @Test func whatTheRingCannotHoldIsCountedAndStillRouted() throws {
        let filler = String(repeating: "z", count: 60_000)
        let large = event("big", "b-m-p", "<x y=\"\(filler)\"/>")
        let got = try dumped(
            "{\"dump\": {\"enabled\": true}}",
            [(0, large), (0, large), (0, event("small", "b-m-p"))])
        #expect(got.count == 2 && got[1].contains("uid=\"small\""))
    }
}
