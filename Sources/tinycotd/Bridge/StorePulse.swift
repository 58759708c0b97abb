// Tells the relay's thread whether the store's still gets on: one word that the store sets to the
// time at which its present step began, and to 0 while it waits for work. A disk that stands still
// is seen by its age. The store writes it and the relay reads it; nobody waits.

import CLinuxSys
import TinyCoT

/// A view; both threads hold a copy of it.
struct StorePulse: BitwiseCopyable {
    /// Nanoseconds of the monotonic clock.
    private let stepBegan: Slab<UInt64>

    init(arena: inout Arena) { stepBegan = arena.take(UInt64.self, count: 1) }

    // MARK: The store's side

    /// Something was done, and the next thing begins.
    func step() { tcs_store64(stepBegan.pointer(at: 0), tcs_monotonic_nanoseconds()) }

    /// Nothing to do: it is no silence to wait for work.
    func rest() { tcs_store64(stepBegan.pointer(at: 0), 0) }

    // MARK: The relay's side

    /// For how long the store has been in one step; 0 while it waits.
    func silentMilliseconds(now: Instant) -> Int64 {
        let began = tcs_load64(stepBegan.pointer(at: 0))
        return began == 0 ? 0 : now.milliseconds(since: Instant(nanoseconds: began))
    }
}
