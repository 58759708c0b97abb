// A queue of slot numbers from one thread to one other, without locks. It is made as large as there
// are slots, and a slot is in one ring at most, so it is never full.
// Invariants: 0 ≤ tail − head ≤ capacity (as 32-bit numbers that wrap); only the sender writes
// `tail` and the entries from tail on, only the receiver writes `head`. What the sender wrote
// before `push` the receiver sees after `pop`.

import CLinuxSys
import TinyCoT

/// A view; both threads hold a copy of it.
struct SlotRing: BitwiseCopyable {
    private let entries: Slab<UInt32>
    // Each on a cache line of its own, or the two threads would take it from each other.
    private let head: Slab<UInt32>
    private let tail: Slab<UInt32>

    /// - Parameter slots: a power of two.
    init(slots: Int, arena: inout Arena) {
        invariant(slots > 0 && slots & (slots - 1) == 0, "a ring of slots has a power of two")
        entries = arena.take(UInt32.self, count: slots)
        head = arena.take(UInt32.self, count: 1)
        tail = arena.take(UInt32.self, count: 1)
    }

    private func place(_ position: UInt32) -> Int {
        Int(position) & (entries.count - 1)
    }

    /// Called by the sender only.
    func push(_ slot: Int) {
        let end = tail[0]
        invariant(
            end &- tcs_load32(head.pointer(at: 0)) < UInt32(entries.count),
            "a slot is in one ring at most")
        entries[place(end)] = UInt32(slot)
        tcs_store32(tail.pointer(at: 0), end &+ 1)
    }

    /// Called by the receiver only. Nil: nothing has come.
    func pop() -> Int? {
        let begin = head[0]
        if tcs_load32(tail.pointer(at: 0)) == begin { return nil }
        let slot = Int(entries[place(begin)])
        tcs_store32(head.pointer(at: 0), begin &+ 1)
        return slot
    }

    /// Where the next `push` and `pop` count from. For tests, before there are two threads.
    func begin(at position: UInt32) {
        head[0] = position
        tail[0] = position
    }
}
