// The shared words of the dump's ring, whose ends are `EventFeed` and `EventFeedReader`: how far
// the relay has written and how far the store has read. The relay publishes once a turn, the store
// once for each stretch that it has drained; neither waits.
// Invariants: consumed ≤ written ≤ consumed + the length of the ring; only the relay writes
// `written` and `dropped`, only the store writes `consumed`. What was written before `publish` is
// whole for who has loaded `written`; what was read before `read` may be overwritten by who has
// loaded `consumed`.

import CLinuxSys
import TinyCoT

/// A view; both threads hold a copy of it.
struct FeedChannel: BitwiseCopyable {
    // Each on a cache line of its own, or the two threads would take it from each other.
    private let writtenWord: Slab<UInt64>
    private let consumedWord: Slab<UInt64>
    private let droppedWord: Slab<UInt64>

    init(arena: inout Arena) {
        writtenWord = arena.take(UInt64.self, count: 1)
        consumedWord = arena.take(UInt64.self, count: 1)
        droppedWord = arena.take(UInt64.self, count: 1)
    }

    // MARK: The relay's side

    /// - Returns: whether there is something new.
    func publish(written: UInt64, dropped: UInt64) -> Bool {
        if dropped != droppedWord[0] { tcs_store64(droppedWord.pointer(at: 0), dropped) }
        if written == writtenWord[0] { return false }
        tcs_store64(writtenWord.pointer(at: 0), written)
        return true
    }

    var consumed: UInt64 { tcs_load64(consumedWord.pointer(at: 0)) }

    // MARK: The store's side

    var written: UInt64 { tcs_load64(writtenWord.pointer(at: 0)) }

    /// Events that found no room in the ring, as far as the relay has said.
    var dropped: UInt64 { tcs_load64(droppedWord.pointer(at: 0)) }

    func read(upTo position: UInt64) {
        if position == consumedWord[0] { return }
        tcs_store64(consumedWord.pointer(at: 0), position)
    }
}
