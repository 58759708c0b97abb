// The bridge between the relay and the store: who has which slot, what is seen on the other side,
// and two real threads on it. The last test is the one to run with ThreadSanitizer:
//   swift test --sanitize=thread --filter BridgeTests

import Foundation
import Glibc
import Testing

@testable import TinyCoT
@testable import tinycotd

/// A bridge with memory and descriptors of its own.
private final class Span: @unchecked Sendable {
    let bridge: Bridge
    private let memory: UnsafeMutableRawBufferPointer

    init() {
        let budget = Budget()
        var measure = Arena.measuring()
        _ = Bridge(budget: budget, arena: &measure)
        memory = .allocate(byteCount: measure.usedBytes, alignment: 64)
        memory.initializeMemory(as: UInt8.self, repeating: 0)
        var arena = Arena(memory: memory)
        bridge = Bridge(budget: budget, arena: &arena)
    }

    func open() throws -> Span {
        try bridge.open()
        return self
    }

    deinit {
        _ = close(bridge.relayWake)
        _ = close(bridge.storeWake)
        memory.deallocate()
    }

    /// Whether somebody was woken; it sleeps again after that.
    func relayWasWoken() -> Bool { wasWoken(bridge.relayWake) }
    func storeWasWoken() -> Bool { wasWoken(bridge.storeWake) }

    private func wasWoken(_ descriptor: Int32) -> Bool {
        var count: UInt64 = 0
        return read(descriptor, &count, 8) == 8
    }
}

/// A configuration with memory of its own, which is never given back.
private func makeConfig(networks: [Network], url: StaticString) -> Config {
    let budget = Budget()
    var measure = Arena.measuring()
    _ = Config(budget: budget, arena: &measure)
    let memory = UnsafeMutableRawBufferPointer.allocate(
        byteCount: measure.usedBytes, alignment: 64)
    memory.initializeMemory(as: UInt8.self, repeating: 0)
    var arena = Arena(memory: memory)
    var config = Config(budget: budget, arena: &arena)
    for network in networks {
        config.allow[config.allowCount] = network
        config.allowCount += 1
    }
    config.publicURL.set(url)
    config.httpIdleSeconds = networks.count
    return config
}

private func network(_ ipv4: UInt32) -> Network {
    var network = Network()
    network.address = Address(ipv4: ipv4)
    network.prefixBits = 128
    return network
}

private func text<let capacity: Int>(_ text: ShortText<capacity>) -> String {
    String(decoding: (0..<Int(text.count)).map { text[$0] }, as: UTF8.self)
}

@Suite struct SlotRingTests {
    private static func ring(_ body: (SlotRing) -> Void) {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 4_096, alignment: 64)
        memory.initializeMemory(as: UInt8.self, repeating: 0)
        defer { memory.deallocate() }
        var arena = Arena(memory: memory)
        body(SlotRing(slots: 4, arena: &arena))
    }

    @Test func whatGoesInComesOutInOrder() {
        SlotRingTests.ring { ring in
            #expect(ring.pop() == nil)
            for slot in [3, 0, 2, 1] { ring.push(slot) }
            #expect([ring.pop(), ring.pop()] == [3, 0])
            ring.push(3)
            #expect([ring.pop(), ring.pop(), ring.pop(), ring.pop()] == [2, 1, 3, nil])
        }
    }

    /// The counts run through all 32-bit numbers in a few years of questions.
    @Test func countsMayWrap() {
        SlotRingTests.ring { ring in
            ring.begin(at: .max - 5)
            for round in 0..<50 {
                for slot in 0..<4 { ring.push((slot + round) & 3) }
                for slot in 0..<4 { #expect(ring.pop() == (slot + round) & 3) }
                #expect(ring.pop() == nil)
            }
        }
    }

    /// Head, tail and entries do not share a cache line.
    @Test func aRingTakesThreeCacheLines() {
        var arena = Arena.measuring()
        _ = SlotRing(slots: 4, arena: &arena)
        #expect(arena.usedBytes == 192)
    }
}

@Suite struct BridgeTests {
    @Test func aSlotGoesThereAndBack() throws {
        let span = try Span().open()
        let bridge = span.bridge
        #expect(bridge.nextQuestion() == nil && bridge.nextAnswer() == nil)
        #expect(!span.relayWasWoken() && !span.storeWasWoken())
        let slot = try #require(bridge.takeFreeSlot())
        bridge.question(slot).pointee.cursor = 7
        bridge.memory(slot).bytes[9] = 42
        #expect(bridge.nextQuestion() == nil)
        bridge.ask(slot)
        #expect(span.relayWasWoken() && !span.relayWasWoken())
        #expect(bridge.nextQuestion() == slot && bridge.nextQuestion() == nil)
        #expect(bridge.question(slot).pointee.cursor == 7 && bridge.memory(slot).bytes[9] == 42)
        bridge.question(slot).pointee.byteCount = 11
        bridge.answered(slot)
        #expect(span.storeWasWoken())
        #expect(bridge.nextAnswer() == slot && bridge.nextAnswer() == nil)
        #expect(bridge.question(slot).pointee.byteCount == 11)
        // Asked with again at once, then given back.
        bridge.ask(slot)
        #expect(bridge.nextQuestion() == slot)
        bridge.answered(slot)
        #expect(bridge.nextAnswer() == slot)
        bridge.release(slot)
        #expect(bridge.takeFreeSlot() == slot)
    }

    @Test func thereAreFourSlotsWithMemoryOfTheirOwn() throws {
        let span = try Span().open()
        let slots = (0..<4).compactMap { _ in span.bridge.takeFreeSlot() }
        #expect(Set(slots) == [0, 1, 2, 3])
        #expect(span.bridge.takeFreeSlot() == nil)
        let places = slots.map { span.bridge.memory($0).bytes.start }
        #expect(Set(places).count == 4)
        #expect(Set(slots.map { span.bridge.memory($0).contacts.start }).count == 4)
        span.bridge.release(2)
        #expect(span.bridge.takeFreeSlot() == 2)
        #expect(span.bridge.takeFreeSlot() == nil)
        // All of them may be on their way together.
        for slot in slots { span.bridge.ask(slot) }
        for slot in slots { #expect(span.bridge.nextQuestion() == slot) }
        for slot in slots.reversed() { span.bridge.answered(slot) }
        for slot in slots.reversed() { #expect(span.bridge.nextAnswer() == slot) }
    }

    @Test func settingsAreTakenOnceAndNeverOverwritten() throws {
        let span = try Span().open()
        let one = makeConfig(networks: [network(1)], url: "http://one")
        let two = makeConfig(networks: [network(2), network(3)], url: "http://two")
        #expect(span.bridge.takeSettings() == nil)
        #expect(span.bridge.publish(one))
        #expect(span.storeWasWoken())
        #expect(!span.bridge.publish(two))
        #expect(!span.storeWasWoken() && !span.relayWasWoken())
        let first = try #require(span.bridge.takeSettings())
        #expect(text(first.publicURL) == "http://one" && first.idleSeconds == 1)
        #expect(first.allows(Address(ipv4: 1)) && !first.allows(Address(ipv4: 2)))
        // The relay is told that there is room now.
        #expect(span.relayWasWoken())
        #expect(span.bridge.takeSettings() == nil)
        #expect(span.bridge.publish(two))
        // The store's own settings do not change before it takes the new ones.
        #expect(first.allows(Address(ipv4: 1)) && !first.allows(Address(ipv4: 2)))
        let second = try #require(span.bridge.takeSettings())
        #expect(text(second.publicURL) == "http://two" && second.idleSeconds == 2)
        #expect(second.allows(Address(ipv4: 3)) && !second.allows(Address(ipv4: 1)))
    }

    /// The relay's tables change places and are parsed into while the store goes on.
    @Test func firstSettingsAreACopy() throws {
        let span = try Span().open()
        let config = makeConfig(networks: [network(1)], url: "")
        let settings = span.bridge.firstSettings(config)
        config.allow[0] = network(9)
        #expect(settings.allows(Address(ipv4: 1)) && !settings.allows(Address(ipv4: 9)))
    }

    @Test func theEndIsAskedForAndTold() throws {
        let span = try Span().open()
        #expect(!span.bridge.isStopRequested && !span.bridge.hasStoreStopped)
        span.bridge.requestStop()
        #expect(span.storeWasWoken() && span.bridge.isStopRequested)
        #expect(!span.bridge.hasStoreStopped)
        span.bridge.storeHasStopped()
        #expect(span.relayWasWoken() && span.bridge.hasStoreStopped)
    }
}

// MARK: Two threads

/// Sleeps until the descriptor is readable. False: nothing came for twenty seconds.
private func wait(for descriptor: Int32) -> Bool {
    var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return poll(&entry, 1, 20_000) == 1
}

/// Numbers drawn one after the other: how each side dawdles.
private struct Dice {
    var state: UInt64
    mutating func roll(_ sides: UInt64) -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return (state >> 33) % sides
    }
}

/// The relay's side in a thread of its own: answers by turning the bytes over, and hands over one
/// configuration after the other.
private final class RelayThread: @unchecked Sendable {
    let bridge: Bridge
    let configs: [Config]
    let wanted: Int
    private(set) var answered = 0
    private(set) var published = 0
    private(set) var failure: String?
    let end = DispatchSemaphore(value: 0)

    init(_ bridge: Bridge, wanted: Int) {
        self.bridge = bridge
        self.wanted = wanted
        configs = (1...20).map { count in
            makeConfig(networks: (0..<count).map { network(UInt32(count * 100 + $0)) }, url: "")
        }
    }

    func run() {
        var owes = true
        while answered < wanted && failure == nil {
            if !wait(for: bridge.relayWake) { failure = "nobody asks" }
            bridge.drainRelayWake()
            while let slot = bridge.nextQuestion() {
                let question = bridge.question(slot)
                let bytes = bridge.memory(slot).bytes
                let first = UInt8(truncatingIfNeeded: question.pointee.cursor)
                for i in 0..<question.pointee.byteCount {
                    if bytes[i] != first &+ UInt8(truncatingIfNeeded: i) {
                        failure = "byte \(i) of question \(question.pointee.cursor) is torn"
                    }
                    bytes[i] = ~bytes[i]
                }
                question.pointee.contactCount = question.pointee.byteCount
                answered += 1
                bridge.answered(slot)
            }
            owes = owes || answered % 3 == 0
            if owes && bridge.publish(configs[published % configs.count]) {
                published += 1
                owes = false
            }
        }
        bridge.requestStop()
        while !bridge.hasStoreStopped && failure == nil {
            if !wait(for: bridge.relayWake) { failure = "the store does not stop" }
            bridge.drainRelayWake()
        }
        end.signal()
    }
}

/// The store's side: keeps as many questions on their way as it draws, and checks what comes back.
private struct StoreSide {
    let bridge: Bridge
    var dice = Dice(state: 1)
    var asked: UInt64 = 0
    var settled: UInt64 = 0
    var settingsSeen = 0
    var failure: String?

    mutating func ask(wanted: UInt64) {
        var most = dice.roll(5)
        while most > 0, asked < wanted, let slot = bridge.takeFreeSlot() {
            let question = bridge.question(slot)
            question.pointee = Question()
            question.pointee.cursor = asked
            question.pointee.byteCount = Int(dice.roll(200)) + 1
            for i in 0..<question.pointee.byteCount {
                bridge.memory(slot).bytes[i] = UInt8(truncatingIfNeeded: asked &+ UInt64(i))
            }
            bridge.ask(slot)
            asked += 1
            most -= 1
        }
    }

    mutating func takeAnswers() {
        while let slot = bridge.nextAnswer() {
            let question = bridge.question(slot).pointee
            for i in 0..<question.byteCount
            where bridge.memory(slot).bytes[i]
                != ~UInt8(truncatingIfNeeded: question.cursor &+ UInt64(i))
            {
                failure = "byte \(i) of answer \(question.cursor) is torn"
            }
            if question.contactCount != question.byteCount { failure = "an answer is half made" }
            settled += 1
            bridge.release(slot)
        }
    }

    /// Settings are all of one configuration: as many networks as it says, all of its own.
    mutating func takeSettings() {
        guard let settings = bridge.takeSettings() else { return }
        settingsSeen += 1
        let count = settings.idleSeconds
        for other in 1...20 {
            for i in 0..<other
            where settings.allows(Address(ipv4: UInt32(other * 100 + i))) != (other == count) {
                failure = "settings of two configurations are mixed"
            }
        }
    }
}

@Suite struct BridgeThreadTests {
    @Test func twoThreadsLoseAndTearNothing() throws {
        let wanted = 20_000
        let span = try Span().open()
        let relay = RelayThread(span.bridge, wanted: wanted)
        let thread = Thread { relay.run() }
        thread.start()
        var store = StoreSide(bridge: span.bridge)
        while !span.bridge.isStopRequested && store.failure == nil {
            store.ask(wanted: UInt64(wanted))
            let waits = store.asked > store.settled || store.asked == UInt64(wanted)
            if waits && !wait(for: span.bridge.storeWake) { store.failure = "nobody answers" }
            span.bridge.drainStoreWake()
            store.takeAnswers()
            store.takeSettings()
        }
        store.takeAnswers()
        span.bridge.storeHasStopped()
        relay.end.wait()
        #expect(store.failure == nil && relay.failure == nil)
        #expect(store.settled == UInt64(wanted) && relay.answered == wanted)
        // All but the last, which the store may not have looked at any more.
        #expect(relay.published > 100 && relay.published - store.settingsSeen <= 1)
    }
}

@Suite struct FeedChannelTests {
    private final class Feed: @unchecked Sendable {
        var feed: EventFeed
        let channel: FeedChannel
        private let memory: UnsafeMutableRawBufferPointer

        init(bytes: Int) {
            memory = .allocate(byteCount: bytes + 1_024, alignment: 64)
            memory.initializeMemory(as: UInt8.self, repeating: 0)
            var arena = Arena(memory: memory)
            var budget = Budget()
            budget.dumpRingBytes = bytes
            feed = EventFeed(budget: budget, arena: &arena)
            channel = FeedChannel(arena: &arena)
        }

        deinit { memory.deallocate() }
    }

    /// The event's bytes follow from its number, so that one that was overwritten is seen.
    private static func write(_ number: Int, _ bytes: UnsafeMutablePointer<UInt8>) -> Int {
        let count = 1 + number * 7 % 500
        for i in 0..<count { bytes[i] = UInt8(truncatingIfNeeded: number &* 31 &+ i) }
        return count
    }

    /// A relay that never waits, and a store that is slower: in order, whole, and all counted.
    @Test func twoThreadsLoseNothingUncounted() {
        let total = 60_000
        let shared = Feed(bytes: 4_096)
        let isDone = DispatchSemaphore(value: 0)
        let producer = Thread {
            let bytes = UnsafeMutablePointer<UInt8>.allocate(capacity: 512)
            for number in 0..<total {
                var record = FeedRecord()
                record.clockMilliseconds = Int64(number)
                record.team.set("blue")
                let count = Self.write(number, bytes)
                shared.feed.append(record, Slab(start: bytes, count: count))
                if number % 3 == 0 {
                    shared.feed.free(upTo: shared.channel.consumed)
                    _ = shared.channel.publish(
                        written: shared.feed.written, dropped: shared.feed.dropped)
                }
                if number % 64 == 0 { usleep(20) }
            }
            _ = shared.channel.publish(written: shared.feed.written, dropped: shared.feed.dropped)
            bytes.deallocate()
            isDone.signal()
        }
        producer.start()
        var reader = EventFeedReader(shared.feed.bytes)
        let expected = UnsafeMutablePointer<UInt8>.allocate(capacity: 512)
        var got = 0
        var last = -1
        var wrong = 0
        var hasEnded = false
        while true {
            // Whatever is published by the end has been seen by the look after it.
            let wasLast = hasEnded
            if isDone.wait(timeout: .now()) == .success { hasEnded = true }
            reader.extend(to: shared.channel.written)
            while let entry = reader.next() {
                let number = Int(entry.record.clockMilliseconds)
                let count = Self.write(number, expected)
                if number <= last || entry.eventCount != count || entry.record.team.count != 4 {
                    wrong += 1
                }
                for i in 0..<min(count, entry.eventCount) {
                    let byte =
                        i < entry.first.count ? entry.first[i] : entry.rest[i - entry.first.count]
                    if byte != expected[i] { wrong += 1 }
                }
                last = number
                got += 1
                reader.pass(entry)
                shared.channel.read(upTo: reader.consumed)
            }
            if wasLast { break }
        }
        expected.deallocate()
        #expect(wrong == 0)
        #expect(got + Int(shared.channel.dropped) == total)
        #expect(got > 1_000)
    }
}
