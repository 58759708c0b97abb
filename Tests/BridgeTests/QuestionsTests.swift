// The relay loop's end of the bridge, without its thread: what it does when the store wakes it.

import Glibc
import Testing
import TinyCoT

@testable import tinycotd

/// Memory that lives as long as the tests.
private func memory(_ bytes: Int) -> UnsafeMutableRawBufferPointer {
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes, alignment: 64)
    memory.initializeMemory(as: UInt8.self, repeating: 0)
    return memory
}

private func makeLoop(_ withLoop: (inout EventLoop, Bridge) throws -> Void) throws {
    let budget = Budget()
    var measure = Arena.measuring()
    let measured = Config(budget: budget, arena: &measure)
    _ = Config(budget: budget, arena: &measure)
    _ = Relay(budget: budget, config: measured, seed: 1, arena: &measure)
    _ = EdgeTables(budget: budget, arena: &measure)
    _ = Bridge(budget: budget, arena: &measure)
    _ = StoreCounters(arena: &measure)
    _ = StorePulse(arena: &measure)
    _ = measure.take(UInt8.self, count: 1_024)
    var arena = Arena(memory: memory(measure.usedBytes))
    var config = Config(budget: budget, arena: &arena)
    config.teamCount = 1
    config.teams[0].name.set("open")
    config.httpIdleSeconds = 1
    let spare = Config(budget: budget, arena: &arena)
    let relay = Relay(budget: budget, config: config, seed: 1, arena: &arena)
    let tables = EdgeTables(budget: budget, arena: &arena)
    let bridge = Bridge(budget: budget, arena: &arena)
    let counters = StoreCounters(arena: &arena)
    let pulse = StorePulse(arena: &arena)
    let line = arena.take(UInt8.self, count: 1_024)
    let path = memory(1).baseAddress.map { UnsafePointer($0.assumingMemoryBound(to: CChar.self)) }
    var loop = EventLoop(
        budget: budget, config: config, spare: spare, relay: relay, tables: tables,
        log: Log(line: line), storeCounters: counters, storePulse: pulse,
        configPath: try #require(path))
    try loop.openPoller()
    loop.bridge = bridge
    try loop.openBridge()
    try withLoop(&loop, bridge)
    close(bridge.relayWake)
    close(bridge.storeWake)
}

/// Whether the loop's poller has something to tell at this moment.
private func isWoken(_ loop: borrowing EventLoop) -> Bool {
    let poller = loop.poller.raw
    var entry = pollfd(fd: poller, events: Int16(POLLIN), revents: 0)
    return poll(&entry, 1, 0) == 1
}

/// The macro would copy the loop, which cannot be copied.
private func expect(_ condition: Bool, at location: SourceLocation = #_sourceLocation) {
    #expect(condition, sourceLocation: location)
}

@Suite struct QuestionsTests {
    @Test func allThatWasAskedIsAnsweredInOneTurn() throws {
        try makeLoop { loop, bridge in
            expect(!isWoken(loop))
            for _ in 0..<Bridge.slotCount {
                let slot = try #require(bridge.takeFreeSlot())
                bridge.question(slot).pointee = Question()
                bridge.ask(slot)
            }
            expect(isWoken(loop))
            loop.storeIsReady()
            // Nothing is left that would wake it again and again.
            expect(!isWoken(loop))
            var answered = 0
            while let slot = bridge.nextAnswer() {
                #expect(bridge.question(slot).pointee.seesAll)
                #expect(bridge.question(slot).pointee.teamCount == 1)
                answered += 1
            }
            #expect(answered == Bridge.slotCount)
        }
    }

    @Test func settingsThatFoundNoPlaceAreHandedOverLater() throws {
        try makeLoop { loop, bridge in
            loop.owesSettings = true
            loop.handOverSettings()
            expect(!loop.owesSettings)
            // Two more reloads before the store looks: it gets the first and then the last.
            for seconds in [2, 3] {
                loop.config.httpIdleSeconds = seconds
                loop.owesSettings = true
                loop.handOverSettings()
                expect(loop.owesSettings)
            }
            #expect(bridge.takeSettings()?.idleSeconds == 1)
            expect(isWoken(loop))
            loop.storeIsReady()
            expect(!loop.owesSettings)
            #expect(bridge.takeSettings()?.idleSeconds == 3)
            loop.storeIsReady()
            #expect(bridge.takeSettings() == nil)
        }
    }

    @Test func itLeavesWhenTheStoreHasStoppedOrTimeIsUp() throws {
        try makeLoop { loop, bridge in
            loop.phase = .draining
            loop.leaveAt = loop.now.after(seconds: 3)
            loop.storeLeaveAt = loop.leaveAt.after(seconds: 3)
            expect(!loop.mayLeave)
            // The store has time to write the state, also when the clients' time is over.
            loop.now = loop.leaveAt
            expect(!loop.mayLeave)
            loop.now = loop.storeLeaveAt
            expect(loop.mayLeave)
            loop.leaveAt = loop.now.after(seconds: 3)
            loop.storeLeaveAt = loop.leaveAt.after(seconds: 3)
            expect(!loop.mayLeave)
            bridge.storeHasStopped()
            expect(isWoken(loop))
            loop.storeIsReady()
            expect(loop.mayLeave)
            // Without a store nobody is waited for.
            loop.bridge = nil
            expect(loop.mayLeave)
        }
    }

    private func send(_ loop: inout EventLoop, _ events: Int) {
        let filler = String(repeating: "x", count: 700)
        let event = """
            <event version="2.0" uid="m" type="b-m-p" time="2026-01-15T12:00:00Z" \
            start="2026-01-15T12:00:00Z" stale="2026-01-15T12:01:00Z" how="m-g">\
            <point lat="1" lon="2" hae="0" ce="9" le="9"/><detail>\(filler)</detail></event>
            """
        var bytes = Array(String(repeating: event, count: events).utf8)
        bytes.withUnsafeMutableBufferPointer { buffer in
            let slab = Slab(start: buffer.baseAddress, count: buffer.count)
            var done = 0
            while done < slab.count {
                done += loop.relay.bytesArrived(
                    client: 0, bytes: slab.slice(done, slab.count - done))
            }
        }
    }

    /// The dump: published once a turn, the store woken only when the ring fills, and nothing at
    /// all while the dump is off.
    @Test func eventsAreHandedOverOnceATurn() throws {
        try makeLoop { loop, bridge in
            func storeWasWoken() -> Bool {
                var count: UInt64 = 0
                return read(bridge.storeWake, &count, 8) == 8
            }
            loop.relay.beginTurn(now: loop.now, wall: WallTime(milliseconds: 0))
            loop.config.allow[0] = Network()
            loop.config.allowCount = 1
            loop.relay.apply(config: loop.config)
            guard case .admitted(0) = loop.relay.admit(
                address: Address(), port: 1, listenerTeam: Config.noTeam)
            else { return expect(false) }
            send(&loop, 40)
            loop.handOverFeed()
            #expect(bridge.feed.written == 0 && !storeWasWoken())

            loop.config.dump.isEnabled = true
            loop.relay.apply(config: loop.config)
            // A few wait for the store's own look.
            send(&loop, 4)
            #expect(bridge.feed.written == 0, "not before the end of the turn")
            loop.handOverFeed()
            let few = bridge.feed.written
            #expect(few > 3_600 && !storeWasWoken())
            // Past a quarter it is woken, once, and not again for nothing.
            send(&loop, 30)
            loop.handOverFeed()
            #expect(storeWasWoken())
            loop.handOverFeed()
            #expect(!storeWasWoken())
            // Full: what does not fit is counted, and the relay knows of new room a turn later.
            send(&loop, 100)
            loop.handOverFeed()
            #expect(bridge.feed.dropped == loop.relay.feed.dropped && bridge.feed.dropped > 20)
            let full = bridge.feed.written
            bridge.feed.read(upTo: full)
            loop.handOverFeed()
            #expect(loop.relay.feed.usedBytes == 0)
            // What was routed before a reload turns it off is there before the settings are.
            send(&loop, 2)
            loop.config.dump.isEnabled = false
            loop.owesSettings = true
            loop.handOverSettings()
            #expect(bridge.feed.written > full)
            #expect(bridge.takeSettings()?.dumpsEvents == false)
        }
    }
}
