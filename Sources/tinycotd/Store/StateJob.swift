// What the store loop has to remember of the state that it keeps on the disk: the snapshot that is
// being made, and the figures that go on over all starts. The work is in StoreState and
// StoreStateLoading.
//
//   idle ─due, or forced─► wantsSlot ─slot free─► asking ─page─► (written) ─more─► asking
//     ▲                                                             │ last page
//     └──────────── nothing has changed, committed, or failed ◄─────┘
//
// Invariant: the slot is held in `asking` only; the temporary file is open between the first page
// and the last (`isBegun`).

import TinyCoT

struct StateJob: BitwiseCopyable {
    enum Phase: UInt8, BitwiseCopyable { case idle, wantsSlot, asking }

    var phase = Phase.idle
    var slot = -1
    var cursor: UInt64 = 0
    var isBegun = false
    var header = StateHeader()
    var writer = StateWriter()
    /// The moment that the spans in the file count from.
    var beganAt = Instant.zero
    /// The relay's count of changes when this snapshot began, and at the last one that was kept.
    var changes: UInt64 = 0
    var savedChanges: UInt64?
    var dueAt = Instant.never
    /// The operator's connection that waits for a snapshot begun after its request; -1: none.
    var asker = -1
    /// One was under way when it asked; the next one is meant.
    var askerWantsNext = false
    /// The last one could not be written; said once.
    var isFailing = false

    // The figures of all starts. What this start adds is added when a header is written.
    var earlier = StateHeader()
    /// CLOCK_BOOTTIME when the earlier state was looked at.
    var loadedAtBootMilliseconds: Int64 = 0

    init() {}
}
