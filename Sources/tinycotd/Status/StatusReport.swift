// What `tinycot status` shows, as JSON and as a table. Written piece by piece: a cursor remembers
// which part comes next, each part is small, and a part that does not fit waits for the next piece.
// Names are the network's: `TextEscaper` makes them harmless. Called by the status server only.

import CLinuxSys
import TinyCoT

/// Where a report has got to. `index` counts within the section.
struct StatusCursor: BitwiseCopyable {
    enum Format: UInt8, BitwiseCopyable { case text, json }
    enum Section: UInt8, BitwiseCopyable {
        case head, clients, pools, traffic, refused, admission, closed, drops, store, foot, end
    }

    let format: Format
    var section = Section.head
    var index = 0
    /// Something of this section was written: a comma comes before the next.
    var hasWritten = false

    init(format: Format) { self.format = format }

    mutating func next() {
        section = Section(rawValue: section.rawValue + 1) ?? .end
        index = 0
        hasWritten = false
    }
}

extension EventLoop {
    /// Appends as many parts as fit. Nothing is appended when the report is complete.
    func writeStatus(_ cursor: inout StatusCursor, into writer: inout ByteWriter) {
        while cursor.section != .end {
            let before = writer
            let place = cursor
            if cursor.format == .json {
                writeJSONPart(&cursor, &writer)
            } else {
                writeTextPart(&cursor, &writer)
            }
            if writer.overflowed {
                invariant(before.count > 0, "each part of a report fits into a piece")
                writer = before
                cursor = place
                return
            }
        }
    }

    private var uptimeSeconds: Int { Int(now.milliseconds(since: startedAt) / 1_000) }

    private func seconds(since start: Instant) -> Int {
        Int(now.milliseconds(since: start) / 1_000)
    }

    // MARK: JSON

    private func writeJSONPart(_ cursor: inout StatusCursor, _ writer: inout ByteWriter) {
        let totals = relay.totals
        switch cursor.section {
        case .head: writeJSONHead(&cursor, &writer)
        case .clients: writeJSONClient(&cursor, &writer)
        case .pools: writeJSONPool(&cursor, &writer)
        case .traffic: writeJSONTraffic(totals, &cursor, &writer)
        case .refused:
            writer.append(",\"refused\":{")
            var i = 0
            while let reason = Refusal(rawValue: UInt8(i)) {
                writer.member(reason.name, totals.refused[i], isFirst: i == 0)
                i += 1
            }
            writer.append("}")
            cursor.next()
        case .admission:
            writer.append(",\"admission_refused\":{")
            var i = 0
            while let reason = AdmissionRefusal(rawValue: UInt8(i)) {
                writer.member(reason.name, totals.admissionRefused[i], isFirst: i == 0)
                i += 1
            }
            writer.append("}")
            cursor.next()
        case .closed:
            writer.append(",\"closed\":{")
            var i = 0
            while let reason = CloseReason(rawValue: UInt8(i)) {
                writer.member(reason.name, totals.closed[i], isFirst: i == 0)
                i += 1
            }
            writer.append("}")
            cursor.next()
        case .drops:
            writer.append(",\"drops\":{")
            var i = 0
            while let reason = QueueDrop(rawValue: UInt8(i)) {
                writer.member(reason.name, totals.drops[i], isFirst: i == 0)
                i += 1
            }
            writer.append("}")
            cursor.next()
        case .store:
            writer.append(",\"store\":{")
            var i = 0
            while let counter = StoreCounter(rawValue: UInt8(i)) {
                writer.member(counter.name, storeCounters.value(counter), isFirst: i == 0)
                i += 1
            }
            writer.append("}")
            cursor.next()
        case .foot:
            writer.member("log_lines_suppressed", log.suppressedLines, isFirst: false)
            writer.member("log_lines_lost", log.lostLines, isFirst: false)
            writer.append("}}\n")
            cursor.next()
        case .end: break
        }
    }

    private func writeJSONHead(_ cursor: inout StatusCursor, _ writer: inout ByteWriter) {
        writer.append("{\"version\":\"")
        writer.append(ProgramText.version)
        writer.append("\"")
        writer.member("uptime_seconds", UInt64(uptimeSeconds), isFirst: false)
        writer.member(
            "heap_allocations_after_seal", tcs_heap_allocations_after_seal(), isFirst: false)
        writer.member(
            "rss_peak_bytes", UInt64(PeakMemory.bytes(scratch: tables.received)), isFirst: false)
        writer.append(",\"clients\":[")
        cursor.next()
    }

    private func writeJSONClient(_ cursor: inout StatusCursor, _ writer: inout ByteWriter) {
        guard let index = nextConnected(from: cursor.index) else {
            writer.append("],\"pools\":[")
            cursor.next()
            return
        }
        let client = relay.client(at: index)
        if cursor.hasWritten { writer.append(",") }
        writer.append("{\"callsign\":\"")
        writer.append(client.callsign, as: .json)
        writer.append("\",\"uid\":\"")
        writer.append(client.uid, as: .json)
        writer.append("\",\"team\":\"")
        if let team = teamName(of: client) { writer.append(team, as: .json) }
        writer.append("\",\"colour\":\"")
        writer.append(client.colour, as: .json)
        writer.append("\",\"address\":\"")
        writer.append(endpoint(of: client, index))
        writer.append("\",\"identified\":")
        writer.append(client.isIdentified ? "true" : "false")
        writeJSONNumbers(of: client, index, &writer)
        writer.append("}")
        cursor.index = index + 1
        cursor.hasWritten = true
    }

    private func writeJSONNumbers(
        of client: Client, _ index: Int, _ writer: inout ByteWriter
    ) {
        let depth = relay.queueDepth(client: index)
        let counters = client.counters
        writer.member(
            "connected_seconds", UInt64(seconds(since: client.connectedAt)), isFirst: false)
        writer.member("queue_events", UInt64(depth.events), isFirst: false)
        writer.member("queue_bytes", UInt64(depth.bytes), isFirst: false)
        writer.member("events_in", counters.eventsIn, isFirst: false)
        writer.member("bytes_in", counters.bytesIn, isFirst: false)
        writer.member("events_out", counters.eventsOut, isFirst: false)
        writer.member("bytes_out", counters.bytesOut, isFirst: false)
        writer.member("refused", counters.refused, isFirst: false)
        writer.append(",\"drops\":{")
        var i = 0
        while let reason = QueueDrop(rawValue: UInt8(i)) {
            writer.member(reason.name, counters.drops[i], isFirst: i == 0)
            i += 1
        }
        writer.append("}")
    }

    private func nextConnected(from start: Int) -> Int? {
        var i = start
        while i < tables.connections.count {
            // The edge's own table: the client is there as long as its descriptor is.
            if tables.connections[i].descriptor >= 0 { return i }
            i += 1
        }
        return nil
    }

    /// Those of the relay, and behind them those of the store.
    private func pool(_ index: Int) -> PoolUse? {
        relay.pool(index) ?? storeCounters.pool(index - Relay.poolCount, budget: budget)
    }

    private func writeJSONPool(_ cursor: inout StatusCursor, _ writer: inout ByteWriter) {
        guard let pool = pool(cursor.index) else {
            writer.append("],\"counters\":{")
            cursor.next()
            return
        }
        if cursor.hasWritten { writer.append(",") }
        writer.append("{\"name\":\"")
        writer.append(Slab(pool.name), as: .json)
        writer.append("\"")
        writer.member("used", UInt64(pool.used), isFirst: false)
        writer.member("peak", UInt64(pool.peak), isFirst: false)
        writer.member("limit", UInt64(pool.limit), isFirst: false)
        writer.append("}")
        cursor.index += 1
        cursor.hasWritten = true
    }

    private func writeJSONTraffic(
        _ totals: RelayTotals, _ cursor: inout StatusCursor, _ writer: inout ByteWriter
    ) {
        writer.member("events_in", totals.eventsIn, isFirst: true)
        writer.member("bytes_in", totals.bytesIn, isFirst: false)
        writer.member("events_out", totals.eventsOut, isFirst: false)
        writer.member("bytes_out", totals.bytesOut, isFirst: false)
        writer.member("restored", totals.restored, isFirst: false)
        writer.member("not_returned", totals.notReturned, isFirst: false)
        cursor.next()
    }

    // MARK: Text, 100 columns

    private func writeTextPart(_ cursor: inout StatusCursor, _ writer: inout ByteWriter) {
        let totals = relay.totals
        switch cursor.section {
        case .head: writeTextHead(&cursor, &writer)
        case .clients: writeTextClient(&cursor, &writer)
        case .pools: writeTextPool(&cursor, &writer)
        case .traffic:
            writer.append("\nEVENTS IN ")
            writer.append(decimal: Int(totals.eventsIn))
            writer.append(", OUT ")
            writer.append(decimal: Int(totals.eventsOut))
            writer.append("; BYTES IN ")
            writer.append(decimal: Int(totals.bytesIn))
            writer.append(", OUT ")
            writer.append(decimal: Int(totals.bytesOut))
            writer.append("\n")
            writer.line("restart: ", "events_restored", totals.restored)
            writer.line("restart: ", "clients_not_returned", totals.notReturned)
            cursor.next()
        case .refused:
            var i = 0
            while let reason = Refusal(rawValue: UInt8(i)) {
                writer.line("event refused: ", reason.name, totals.refused[i])
                i += 1
            }
            cursor.next()
        case .admission:
            var i = 0
            while let reason = AdmissionRefusal(rawValue: UInt8(i)) {
                writer.line("not let in: ", reason.name, totals.admissionRefused[i])
                i += 1
            }
            cursor.next()
        case .closed:
            var i = 0
            while let reason = CloseReason(rawValue: UInt8(i)) {
                writer.line("closed: ", reason.name, totals.closed[i])
                i += 1
            }
            cursor.next()
        case .drops:
            var i = 0
            while let reason = QueueDrop(rawValue: UInt8(i)) {
                writer.line("dropped: ", reason.name, totals.drops[i])
                i += 1
            }
            cursor.next()
        case .store: writeTextStore(&cursor, &writer)
        case .foot:
            writer.line("log lines: ", "suppressed", log.suppressedLines)
            writer.line("log lines: ", "lost", log.lostLines)
            cursor.next()
        case .end: break
        }
    }

    private func writeTextStore(_ cursor: inout StatusCursor, _ writer: inout ByteWriter) {
        writer.append("\nPACKAGES ")
        if storeCounters.value(.isReady) == 0 { writer.append("not ready, ") }
        writer.append(decimal: Int64(clamping: storeCounters.value(.packages)))
        writer.append(" OF ")
        writer.append(decimal: budget.packages)
        writer.append("; BYTES ")
        writer.append(decimal: Int64(clamping: storeCounters.value(.packageBytes)))
        writer.append(" OF ")
        writer.append(decimal: budget.packageStoreBytes)
        writer.append("\n")
        writeTextWrites(&writer)
        writeTextDump(&writer)
        var i = Int(StoreCounter.connections.rawValue)
        while let counter = StoreCounter(rawValue: UInt8(i)) {
            writer.line("http: ", counter.name, storeCounters.value(counter))
            i += 1
        }
        cursor.next()
    }

    private func writeTextWrites(_ writer: inout ByteWriter) {
        var sum: UInt64 = 0
        var i = 0
        while i < WritePurpose.count {
            sum &+= storeCounters.value(StoreCounter.today(i))
            i += 1
        }
        writer.append("STATE ")
        if storeCounters.value(.stateGeneration) == 0 {
            writer.append("not written yet")
        } else {
            writer.append("generation ")
            writer.append(decimal: Int64(clamping: storeCounters.value(.stateGeneration)))
            writer.append(", ")
            writer.append(decimal: Int64(clamping: storeCounters.value(.stateBytes)))
            writer.append(" bytes")
        }
        writer.append("\n")
        writer.line("state: ", "failures", storeCounters.value(.stateFailures))
        writer.append("DISK WRITTEN TODAY ")
        writer.append(decimal: Int64(clamping: sum))
        writer.append(" OF ")
        writer.append(decimal: budget.diskWriteBytesPerDay)
        writer.append("\n")
        i = 0
        while let purpose = WritePurpose(rawValue: UInt8(i)) {
            writer.line(
                "written today: ", purpose.name, storeCounters.value(StoreCounter.today(i)))
            i += 1
        }
    }

    private func writeTextDump(_ writer: inout ByteWriter) {
        writer.append(config.dump.isEnabled ? "DUMP ON\n" : "DUMP OFF\n")
        var i = StoreCounter.dumpFiles.rawValue
        while i <= StoreCounter.dumpDroppedDisk.rawValue, let counter = StoreCounter(rawValue: i) {
            writer.line("dump: ", counter.name, storeCounters.value(counter))
            i += 1
        }
    }

    private func writeTextHead(_ cursor: inout StatusCursor, _ writer: inout ByteWriter) {
        writer.append("tinycot ")
        writer.append(ProgramText.version)
        writer.append(", up ")
        writer.append(duration: uptimeSeconds)
        writer.append(", ")
        writer.append(decimal: relay.connectedClients)
        writer.append(relay.connectedClients == 1 ? " client of " : " clients of ")
        writer.append(decimal: budget.clients)
        writer.append(", peak memory ")
        writer.append(decimal: PeakMemory.bytes(scratch: tables.received) / 1_024)
        writer.append(" KiB, heap allocations after start ")
        writer.append(decimal: Int(tcs_heap_allocations_after_seal()))
        writer.append("\n\n")
        writer.column("CALLSIGN", 16)
        writer.column("TEAM", 9)
        writer.column(rightAligned: "UP", 8)
        writer.column(rightAligned: "QUEUE", 5)
        writer.column(rightAligned: "IN", 8)
        writer.column(rightAligned: "OUT", 9)
        writer.column(rightAligned: "DROPPED", 7)
        writer.append("ADDRESS\n")
        cursor.next()
    }

    private func writeTextClient(_ cursor: inout StatusCursor, _ writer: inout ByteWriter) {
        guard let index = nextConnected(from: cursor.index) else {
            if !cursor.hasWritten { writer.append("(nobody is connected)\n") }
            writer.append("\n")
            writer.column("POOL", 32)
            writer.column(rightAligned: "USED", 12)
            writer.column(rightAligned: "PEAK", 12)
            writer.column(rightAligned: "LIMIT", 12)
            writer.append("\n")
            cursor.next()
            return
        }
        let client = relay.client(at: index)
        let depth = relay.queueDepth(client: index)
        if client.isIdentified {
            writer.pad(writer.append(client.callsign, as: .plain, maxColumns: 16), to: 16)
        } else {
            writer.column("(not yet known)", 16)
        }
        let team = teamName(of: client) ?? ShortText<40>()
        writer.pad(writer.append(team, as: .plain, maxColumns: 9), to: 9)
        writer.column(duration: seconds(since: client.connectedAt), 8)
        writer.column(depth.events, 5)
        writer.column(Int(client.counters.eventsIn), 8)
        writer.column(Int(client.counters.eventsOut), 9)
        writer.column(Int(client.counters.dropSum), 7)
        writer.append(endpoint(of: client, index))
        writer.append("\n")
        cursor.index = index + 1
        cursor.hasWritten = true
    }

    private func writeTextPool(_ cursor: inout StatusCursor, _ writer: inout ByteWriter) {
        guard let pool = pool(cursor.index) else { return cursor.next() }
        writer.column(pool.name, 32)
        writer.column(pool.used, 12)
        writer.column(pool.peak, 12)
        writer.column(pool.limit, 12)
        writer.append("\n")
        cursor.index += 1
    }
}

// MARK: Building blocks

extension ByteWriter {
    /// `,"name":12`
    fileprivate mutating func member(_ name: StaticString, _ value: UInt64, isFirst: Bool) {
        if !isFirst { append(",") }
        append("\"")
        append(name)
        append("\":")
        append(decimal: Int64(clamping: value))
    }

    /// A line of the table's end; what never happened is not mentioned.
    fileprivate mutating func line(_ kind: StaticString, _ name: StaticString, _ value: UInt64) {
        if value == 0 { return }
        append(kind)
        append(name)
        append(" ")
        append(decimal: Int64(clamping: value))
        append("\n")
    }
}
