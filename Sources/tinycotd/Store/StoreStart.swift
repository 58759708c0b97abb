// The store's thread: its loop is made by `serve` while memory may still be taken, laid into the
// arena, and started there. From then on only that thread touches it.

import CLinuxSys
import PackageStore
import TinyCoT

/// What the store loop takes from the arena, and its place in it.
struct StoreMemory {
    let tables: StoreTables
    let bridge: Bridge
    let counters: StoreCounters
    let pulse: StorePulse
    /// A `StoreLoop` lies here, once it was made.
    let place: Slab<UInt8>

    /// SQLite's deepest call takes a part of this (docs/ARCHITECTURE.md has the figure).
    static var stackBytes: Int { 262_144 }

    init(budget: Budget, arena: inout Arena) {
        tables = StoreTables(budget: budget, arena: &arena)
        arena.label("bridge to the store", count: Bridge.slotCount)
        bridge = Bridge(budget: budget, arena: &arena)
        counters = StoreCounters(arena: &arena)
        pulse = StorePulse(arena: &arena)
        place = arena.take(UInt8.self, count: MemoryLayout<StoreLoop>.stride)
    }

    /// Moves the loop into its place and lets its thread run.
    func start(_ loop: consuming StoreLoop) throws(SystemError) {
        let address = place.pointer(at: 0)
        let memory = UnsafeMutableRawPointer(address).bindMemory(
            to: StoreLoop.self, capacity: 1)
        memory.initialize(to: loop)
        try SystemError.check(
            tcs_thread(
                { memory in
                    let loop = memory.unsafelyUnwrapped.assumingMemoryBound(to: StoreLoop.self)
                    loop.pointee.run()
                    return nil
                }, memory, StoreMemory.stackBytes))
    }
}

extension MartiServer {
    /// Named as the host is; the node id is made of the name, so that it stays the same.
    static func ofThisHost(scratch: Slab<UInt8>) -> MartiServer {
        var server = MartiServer(version: Version.text)
        let count = max(0, Int(tcs_host_name(scratch.start, scratch.count)))
        let name = scratch.slice(0, min(count, scratch.count))
        if name.count > 0 { server.hostname.set(name) } else { server.hostname.set("tinycot") }
        var bytes: InlineArray<16, UInt8> = .init(repeating: 0)
        var span = bytes.mutableSpan
        span.withUnsafeMutableBufferPointer { buffer in
            var writer = ByteWriter(Slab(start: buffer.baseAddress, count: buffer.count))
            writer.append(hex: NameHash.of(name, key: 0), digits: 16)
            server.node.set(writer.written)
        }
        return server
    }
}
