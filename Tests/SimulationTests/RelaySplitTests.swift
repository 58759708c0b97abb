// Property tests of the way in: one sender, one receiver, the corpus. However a stream is cut, the
// receiver gets the same bytes; whatever is done to an event, the next one gets through and no
// block is lost.

import Foundation
import Testing

@testable import TinyCoT

/// A relay with a sender and a receiver who takes everything at once.
private final class Pair {
    private let memory: UnsafeMutableRawBufferPointer
    var relay: Relay
    private(set) var received: [UInt8] = []
    private let scratch = UnsafeMutablePointer<UInt8>.allocate(capacity: 65_536)
    private let pieces = UnsafeMutablePointer<Piece>.allocate(capacity: 8)
    private var now: UInt64 = 1_000_000_000

    init() {
        var budget = Budget()
        budget.clients = 2
        budget.clientsPerAddress = 2
        budget.replayEvents = 16
        budget.replayBytes = 131_072
        var measure = Arena.measuring()
        let measured = Config(budget: budget, arena: &measure)
        _ = Relay(budget: budget, config: measured, seed: 1, arena: &measure)
        memory = .allocate(byteCount: measure.usedBytes, alignment: 64)
        memory.initializeMemory(as: UInt8.self, repeating: 0)
        var arena = Arena(memory: memory)
        var config = Config(budget: budget, arena: &arena)
        Scenario.fill(&config, from: ModelConfig(), hashKey: Relay.hashKey(seed: 1))
        relay = Relay(budget: budget, config: config, seed: 1, arena: &arena)
        turn {
            for address: UInt32 in [1, 2] {
                _ = relay.admit(
                    address: Address(ipv4: 0x0A00_0000 + address), port: 8087,
                    listenerTeam: Config.noTeam)
            }
        }
    }

    deinit {
        memory.deallocate()
        scratch.deallocate()
        pieces.deallocate()
    }

    private func turn(_ body: () -> Void) {
        // The clock stands nearly still, so that pongs and notices are the same in every run.
        now += 1
        relay.beginTurn(now: Instant(nanoseconds: now), wall: WallTime(milliseconds: 0))
        body()
        while let place = relay.nextToClose() { relay.released(client: place) }
        flush()
    }

    func send(_ chunk: ArraySlice<UInt8>) {
        turn {
            var start = chunk.startIndex
            while start < chunk.endIndex && senderIsHere {
                let part = min(65_536, chunk.endIndex - start)
                for i in 0..<part { scratch[i] = chunk[start + i] }
                let done = relay.bytesArrived(client: 0, bytes: Slab(start: scratch, count: part))
                for i in 0..<part { scratch[i] = 0x23 }
                start += done
                flush()
            }
        }
    }

    var senderIsHere: Bool { relay.client(at: 0).phase == .connected }

    private func flush() {
        while let place = relay.nextToFlush() {
            let count = relay.gather(client: place, into: Slab(start: pieces, count: 8))
            var total = 0
            for i in 0..<count {
                if place == 1 {
                    received.append(
                        contentsOf: UnsafeRawBufferPointer(
                            start: pieces[i].start, count: pieces[i].count))
                }
                total += pieces[i].count
            }
            _ = relay.bytesTaken(client: place, count: total, blocked: false)
        }
    }

    /// The sender goes; whatever it held must come back.
    func finish() {
        turn { relay.connectionEnded(client: 0, reason: .peerClosed) }
        relay.checkInvariants()
        #expect(relay.receivePool.usedCount == 0, "receive blocks are left")
    }
}

@Suite struct RelaySplitTests {
    static let corpus = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Corpus")

    static func files(_ folder: String = "") -> [[UInt8]] {
        let place = folder.isEmpty ? corpus : corpus.appendingPathComponent(folder)
        let names = (try? FileManager.default.contentsOfDirectory(atPath: place.path)) ?? []
        return names.sorted().filter { $0.hasSuffix(".xml") || $0.hasSuffix(".bin") }
            .compactMap { try? Data(contentsOf: place.appendingPathComponent($0)) }.map(Array.init)
    }

    private static func whole(_ stream: [UInt8]) -> [UInt8] {
        let pair = Pair()
        pair.send(stream[...])
        let received = pair.received
        pair.finish()
        return received
    }

    /// Every corpus event, cut in two at every place (large ones at many places).
    @Test func everyCutOfEveryEvent() {
        let files = RelaySplitTests.files()
        #expect(files.count > 60)
        var delivered = 0
        for file in files {
            let expected = RelaySplitTests.whole(file)
            if !expected.isEmpty { delivered += 1 }
            // Cut at every place, in one long life: each time the same bytes must come again.
            let stride = max(1, file.count / 700)
            var at = 1
            let pair = Pair()
            while at < file.count {
                let before = pair.received.count
                pair.send(file[..<at])
                pair.send(file[at...])
                let fresh = pair.received[before...]
                if !fresh.elementsEqual(expected) {
                    Issue.record("cut at \(at): \(fresh.count) bytes instead of \(expected.count)")
                    break
                }
                at += stride
            }
            pair.finish()
        }
        #expect(delivered > 40, "most of the corpus is forwarded to everyone")
    }

    /// Random concatenations, cut at random places, and byte by byte.
    @Test func everyCutOfConcatenations() {
        var random = SeededRandom(seed: 42)
        let files = RelaySplitTests.files().filter { $0.count < 8000 }
        for _ in 0..<60 {
            var stream: [UInt8] = []
            for _ in 0..<random.between(2, 8) {
                stream += random.pick(files)
                stream += random.pick([[], [10], [13, 10], [32, 32]])
            }
            let expected = RelaySplitTests.whole(stream)
            for round in 0..<4 {
                let pair = Pair()
                var at = 0
                while at < stream.count {
                    let part = round == 0 ? 1 : random.between(1, 40 * round * round)
                    let end = min(stream.count, at + part)
                    pair.send(stream[at..<end])
                    at = end
                }
                #expect(pair.received == expected, "cut otherwise, other bytes came out")
                pair.finish()
            }
        }
    }

    private static let good = Array(
        """
        <?xml version="1.0" encoding="UTF-8"?>
        <event version="2.0" uid="GOOD" type="b-z-good" how="m-g" time="2026-01-15T12:00:00Z" \
        start="2026-01-15T12:00:00Z" stale="2026-01-15T12:01:00Z"><point lat="1" lon="2" hae="3" \
        ce="4" le="5"/><detail/></event>
        """.utf8)

    private static func survives(_ bad: [UInt8], _ random: inout SeededRandom) -> Bool {
        let pair = Pair()
        // A word that is no protocol first: a mutation may begin like HTTP or TLS, and be closed.
        pair.send(good[...])
        var at = 0
        while at < bad.count {
            let end = min(bad.count, at + random.between(1, max(1, bad.count)))
            pair.send(bad[at..<end])
            at = end
        }
        // The one right behind may be part of the mess; the second one must get through.
        pair.send(good[...])
        let before = pair.received.count
        pair.send(good[...])
        let piece = good[good.firstIndex(of: 10)!...].dropFirst()
        let isWhole = pair.received[before...].elementsEqual(piece)
        pair.finish()
        return isWhole
    }

    @Test func hostileFilesDesynchroniseNothing() {
        var random = SeededRandom(seed: 7)
        for file in RelaySplitTests.files("hostile") {
            #expect(RelaySplitTests.survives(file, &random), "\(file.prefix(80))")
        }
    }

    @Test func mutationsDesynchroniseNothing() {
        var random = SeededRandom(seed: 8)
        let files =
            (RelaySplitTests.files() + RelaySplitTests.files("hostile")).filter { $0.count < 8000 }
        let tokens = [
            "<", ">", "\"", "'", "&", "<!--", "-->", "<![CDATA[", "]]>", "<?", "?>", "<event ",
            "</event>", "<marti>", "</marti>", "<?xml version='1.0'?>", "<!DOCTYPE ", "<auth>",
        ].map { Array($0.utf8) }
        for round in 0..<4_000 {
            var bad = random.pick(files)
            for _ in 0..<random.between(1, 4) where !bad.isEmpty {
                let at = random.below(bad.count)
                switch random.below(5) {
                case 0: bad[at] = UInt8(random.below(256))
                case 1: bad[at] ^= 1 << UInt8(random.below(8))
                case 2: bad.removeSubrange(at..<min(bad.count, at + random.between(1, 20)))
                case 3: bad.insert(contentsOf: random.pick(tokens), at: at)
                default: bad.removeLast(bad.count - at)
                }
            }
            if !RelaySplitTests.survives(bad, &random) {
                Issue.record("round \(round): \(String(decoding: bad, as: UTF8.self))")
                return
            }
        }
    }
}
