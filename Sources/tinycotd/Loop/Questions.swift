// The relay's end of the bridge to the store loop: questions answered, settings and events for the
// dump handed over, and the wait for the store at the end. All of it is woken by one descriptor and
// none of it waits.

import CLinuxSys
import TinyCoT

extension EventLoop {
    mutating func openBridge() throws(SystemError) {
        guard let bridge else { return }
        try bridge.open()
        try SystemError.check(
            tcs_poller_add(
                poller.raw, bridge.relayWake, tcs_event_readable,
                EventLoop.eventData(.questions, index: 0, generation: 0)))
    }

    /// Something has come from the store. One round of the slots at most: whatever is asked while
    /// it runs has woken the poller again. What announcements put into queues is flushed with the
    /// rest of the turn.
    mutating func storeIsReady() {
        guard let bridge else { return }
        bridge.drainRelayWake()
        var left = Bridge.slotCount
        while left > 0, let slot = bridge.nextQuestion() {
            relay.answer(&bridge.question(slot).pointee, bridge.memory(slot))
            if bridge.question(slot).pointee.kind == .figures {
                bridge.memory(slot).figures.pointer(at: 0).pointee.canary = canary.schedule.figures
            }
            bridge.answered(slot)
            left -= 1
        }
        handOverSettings()
    }

    /// After a reload, and again whenever the store has taken what it was handed before.
    mutating func handOverSettings() {
        if !owesSettings { return }
        // A dump that is turned off ends with what was routed before.
        handOverFeed()
        owesSettings = bridge.map { !$0.publish(config) } ?? false
    }

    /// Once a turn, while there is a dump. The store looks by itself every second; it is woken only
    /// when the ring would be full before long.
    mutating func handOverFeed() {
        if !config.dump.isEnabled && relay.feed.usedBytes == 0 { return }
        guard let bridge else { return }
        relay.dumpWasRead(upTo: bridge.feed.consumed)
        let hasMore = bridge.feed.publish(
            written: relay.feed.written, dropped: relay.feed.dropped)
        if hasMore && relay.feed.usedBytes > budget.dumpRingBytes / 4 { bridge.wakeStore() }
    }

    /// Whether nothing has to be waited for on the other side of the bridge.
    var storeHasStopped: Bool { bridge?.hasStoreStopped ?? true }
}
