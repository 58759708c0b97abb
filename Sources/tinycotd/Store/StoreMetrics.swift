// What is asked by who watches the server: `/healthz`, one word, and `/metrics`, all counters in
// the text format of Prometheus. Both go through the relay, so an answer says that both loops turn.

import CLinuxSys
import TinyCoT

extension StoreLoop {
    // MARK: Health

    mutating func answerHealth(_ index: Int) {
        releaseSlot(index)
        if counters.value(.isReady) == 0 {
            return answerError(
                index, .serviceUnavailable,
                "Events are relayed; the store of packages is not ready.",
                retryAfter: StoreLoop.openRetrySeconds)
        }
        if state.isFailing {
            return answerError(
                index, .serviceUnavailable,
                "Events are relayed; the state cannot be written to the disk.")
        }
        var body = bodyWriter(index)
        body.append("ok\n")
        answer(index, .ok, "text/plain; charset=utf-8", body)
    }

    /// The relay has had a question for two seconds, which is forever. Its slot comes back when it
    /// turns again, and finds nobody.
    mutating func relayIsLate(_ index: Int) {
        let place = tables.connections.pointer(at: index)
        if place.pointee.route != .health { return }
        place.pointee.slot = -1
        answerError(index, .serviceUnavailable, "The relay does not answer.")
    }

    // MARK: Metrics

    mutating func beginMetrics(_ index: Int) {
        tables.connections.pointer(at: index).pointee.cursor = 0
        answerLong(index, "text/plain; version=0.0.4; charset=utf-8", .metrics)
    }

    /// As many families as fit: first the relay's, as its answer in the slot has them, then ours.
    mutating func writeMetrics(_ index: Int, _ piece: inout ByteWriter) {
        let place = tables.connections.pointer(at: index)
        let figures = bridge.memory(place.pointee.slot).figures.pointer(at: 0)
        var writer = MetricsWriter(piece)
        var isRelay = place.pointee.index == 0
        while true {
            let before = writer
            let number = Int(place.pointee.cursor)
            let isThere =
                isRelay
                ? figures.pointee.write(number, &writer)
                : writeFamily(number, figures, &writer)
            if writer.text.overflowed {
                invariant(before.text.count > 0, "each family fits into a piece")
                piece = before.text
                return
            }
            place.pointee.cursor += 1
            if isThere { continue }
            place.pointee.cursor = 0
            if !isRelay { break }
            isRelay = false
            place.pointee.index = 1
        }
        piece = writer.text
        releaseSlot(index)
        place.pointee.sourceEnded = true
    }

    private func writeFamily(
        _ number: Int, _ figures: UnsafePointer<RelayFigures>, _ writer: inout MetricsWriter
    ) -> Bool {
        switch number {
        case 0:
            writer.begin("tinycot_build_info", .gauge, "Always 1; the version is its label")
            writer.sample("version", ProgramText.version, 1)
        case 1:
            writer.begin("tinycot_uptime_seconds", .gauge, "Time since the start")
            writer.sample(UInt64(now.milliseconds(since: startedAt) / 1_000))
        case 2:
            writer.begin(
                "tinycot_memory_resident_peak_bytes", .gauge,
                "The most memory that was ever resident")
            writer.sample(UInt64(PeakMemory.bytes(scratch: tables.texts)))
        case 3:
            writer.begin("tinycot_memory_limit_bytes", .gauge, "memory_bytes of the budget")
            writer.sample(UInt64(budget.memoryBytes))
        case 4:
            writer.begin(
                "tinycot_heap_allocations_total", .counter,
                "Heap allocations after the start; anything but 0 is a fault of the program")
            writer.sample(tcs_heap_allocations_after_seal())
        case 5: writePools("tinycot_pool_used", "In use now, by pool", figures, &writer) { $0.used }
        case 6: writePools("tinycot_pool_peak", "Most ever used", figures, &writer) { $0.peak }
        case 7: writePools("tinycot_pool_limit", "What there is", figures, &writer) { $0.limit }
        default: return writeStoreFamily(number - 8, &writer)
        }
        return true
    }

    private func writePools(
        _ name: StaticString, _ help: StaticString, _ figures: UnsafePointer<RelayFigures>,
        _ writer: inout MetricsWriter, _ value: (PoolUse) -> Int
    ) {
        writer.begin(name, .gauge, help)
        var i = 0
        while i < Relay.poolCount {
            let pool = figures.pointee.pools[i]
            writer.sample("pool", pool.name, UInt64(value(pool)))
            i += 1
        }
        i = 0
        while let pool = counters.pool(i, budget: budget) {
            writer.sample("pool", pool.name, UInt64(value(pool)))
            i += 1
        }
    }
}
