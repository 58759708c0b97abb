// Between the two threads: the store asks, the relay answers, in a fixed number of slots. Slot
// numbers travel through one ring in each direction, and each push wakes the other side's poller.
// Neither side ever waits for the other: what the other has not done yet is not there yet.
//
//   slot:     free ─takeFreeSlot─► taken ─ask─► asked ─nextQuestion─► with the relay
//               ▲ release            │ release                            │ answered
//               └────────────────────┴──────◄─ nextAnswer ────────────────┘
//   settings: free ─publish (relay)─► published ─takeSettings (store)─► free
//   events:   the relay's ring for the dump, on words of its own (`FeedChannel`)
//   the end:  running ─requestStop (relay)─► stop requested ─storeHasStopped (store)─► stopped
//
// Invariant: a slot belongs to one side at a time, and only that side touches it; which slots are
// free is the store's own book. The descriptors live as long as the process: the other thread may
// still use them when one side has ended.

import CLinuxSys
import TinyCoT

/// A view of shared memory in the arena; both threads hold a copy of it.
struct Bridge: BitwiseCopyable {
    static var slotCount: Int { 4 }

    private enum Word: Int { case settings, stopRequested, storeStopped }

    private let questions: Slab<Question>
    private let memories: InlineArray<4, QuestionMemory>
    private let asked: SlotRing
    private let answers: SlotRing
    /// The store's book: who is not free.
    private let taken: Slab<Bool>
    /// 0 or 1 each, by `Word`. They share a cache line: they hardly ever change.
    private let words: Slab<UInt32>
    /// What is handed over, with its networks, and the store's own networks.
    private let published: Slab<StoreSettings>
    private let publishedAllow: Slab<Network>
    private let storeAllow: Slab<Network>
    /// Events on their way to the dump.
    let feed: FeedChannel
    /// The relay's and the store's wake-up; -1 before `open`.
    private let wakes: Slab<Int32>

    init(budget: Budget, arena: inout Arena) {
        questions = arena.take(Question.self, count: Bridge.slotCount)
        // A literal, because nothing else fills an inline array of what has no default.
        memories = [
            QuestionMemory(budget: budget, arena: &arena),
            QuestionMemory(budget: budget, arena: &arena),
            QuestionMemory(budget: budget, arena: &arena),
            QuestionMemory(budget: budget, arena: &arena),
        ]
        asked = SlotRing(slots: Bridge.slotCount, arena: &arena)
        answers = SlotRing(slots: Bridge.slotCount, arena: &arena)
        taken = arena.take(Bool.self, count: Bridge.slotCount)
        words = arena.take(UInt32.self, count: 3)
        published = arena.take(StoreSettings.self, count: 1)
        publishedAllow = arena.take(Network.self, count: budget.allowedNetworks)
        storeAllow = arena.take(Network.self, count: budget.allowedNetworks)
        feed = FeedChannel(arena: &arena)
        wakes = arena.take(Int32.self, count: 2)
        if arena.isMeasuring { return }
        questions.fill(Question())
        taken.fill(false)
        published.fill(StoreSettings(allow: publishedAllow))
        wakes.fill(-1)
    }

    /// Opens the wake-ups. Before there are two threads.
    func open() throws(SystemError) {
        wakes[0] = try SystemError.check(tcs_wake_descriptor(1))
        wakes[1] = try SystemError.check(tcs_wake_descriptor(1))
    }

    /// For the relay's poller: readable when a question, or the end of the store, has come.
    var relayWake: Int32 { wakes[0] }
    /// For the store's poller: readable when an answer, settings, or the wish to stop has come.
    var storeWake: Int32 { wakes[1] }

    private func isSet(_ word: Word) -> Bool {
        tcs_load32(words.pointer(at: word.rawValue)) != 0
    }

    private func set(_ word: Word, _ value: Bool) {
        tcs_store32(words.pointer(at: word.rawValue), value ? 1 : 0)
    }

    // MARK: A slot, for the side that it belongs to

    func question(_ slot: Int) -> UnsafeMutablePointer<Question> { questions.pointer(at: slot) }

    func memory(_ slot: Int) -> QuestionMemory { memories[slot] }

    // MARK: The store's side

    /// A slot to fill and to `ask` with, or to `release`. Nil: all are in use; one comes back.
    func takeFreeSlot() -> Int? {
        var slot = 0
        while slot < Bridge.slotCount {
            if !taken[slot] {
                taken[slot] = true
                return slot
            }
            slot += 1
        }
        return nil
    }

    func ask(_ slot: Int) {
        invariant(taken[slot], "only a slot that was taken is asked with")
        asked.push(slot)
        _ = tcs_wake(relayWake)
    }

    /// A slot with its answer: the store's until `release`, also to be asked with again.
    func nextAnswer() -> Int? { answers.pop() }

    func release(_ slot: Int) {
        invariant(taken[slot], "a slot is given back once")
        taken[slot] = false
    }

    /// Before looking for what has come: what comes later wakes again.
    func drainStoreWake() { _ = tcs_wake_wait(storeWake) }

    /// Settings that the relay has handed over since the last look. They hold until the next ones.
    func takeSettings() -> StoreSettings? {
        if !isSet(.settings) { return nil }
        let settings = published[0].copied(to: storeAllow)
        set(.settings, false)
        // The relay may have newer ones that it could not hand over.
        _ = tcs_wake(relayWake)
        return settings
    }

    var isStopRequested: Bool { isSet(.stopRequested) }

    /// The last thing that the store's thread does with the bridge.
    func storeHasStopped() {
        set(.storeStopped, true)
        _ = tcs_wake(relayWake)
    }

    // MARK: The relay's side

    /// The settings that the store begins with. Before its thread runs.
    func firstSettings(_ config: Config) -> StoreSettings {
        StoreSettings(config, allow: storeAllow)
    }

    func nextQuestion() -> Int? { asked.pop() }

    func answered(_ slot: Int) {
        answers.push(slot)
        _ = tcs_wake(storeWake)
    }

    /// Before looking for what has come: what comes later wakes again.
    func drainRelayWake() { _ = tcs_wake_wait(relayWake) }

    /// Hands over the settings of a configuration. False: the store has not taken the last ones
    /// yet; it wakes the relay when it has.
    func publish(_ config: Config) -> Bool {
        if isSet(.settings) { return false }
        published[0] = StoreSettings(config, allow: publishedAllow)
        set(.settings, true)
        _ = tcs_wake(storeWake)
        return true
    }

    /// The ring of the dump fills: the store need not wait for its next look.
    func wakeStore() { _ = tcs_wake(storeWake) }

    func requestStop() {
        set(.stopRequested, true)
        _ = tcs_wake(storeWake)
    }

    var hasStoreStopped: Bool { isSet(.storeStopped) }
}
