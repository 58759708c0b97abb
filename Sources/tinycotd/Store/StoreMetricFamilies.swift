// The store's own counters as families of `/metrics`. Several counters of one kind are one family
// with a label, so that a query can add them up.

import TinyCoT

extension StoreLoop {
    func writeStoreFamily(_ number: Int, _ writer: inout MetricsWriter) -> Bool {
        switch number {
        case 0: one("tinycot_store_ready", .gauge, "1 if packages are served", .isReady, &writer)
        case 1: one("tinycot_packages", .gauge, "Packages kept", .packages, &writer)
        case 2: one("tinycot_package_bytes", .gauge, "Bytes of them", .packageBytes, &writer)
        case 3: one("tinycot_state_bytes", .gauge, "Size of the newest state", .stateBytes, &writer)
        case 4:
            one(
                "tinycot_states_written_total", .counter, "States written", .statesWritten, &writer)
        case 5:
            one(
                "tinycot_state_failures_total", .counter, "States that could not be written",
                .stateFailures, &writer)
        case 6: writeWritten(&writer)
        case 7: writeWrittenToday(&writer)
        case 8:
            writer.begin(
                "tinycot_disk_write_limit_bytes", .gauge, "disk_write_bytes_per_day of the budget")
            writer.sample(UInt64(clamping: budget.diskWriteBytesPerDay))
        case 9:
            one("tinycot_disk_errors_total", .counter, "Calls that failed", .diskErrors, &writer)
        case 10:
            one("tinycot_dump_events_total", .counter, "Events dumped", .dumpEvents, &writer)
        case 11:
            writer.begin(
                "tinycot_dump_dropped_events_total", .counter, "Events missing in the dump")
            writer.sample("reason", "ring_full", counters.value(.dumpDroppedRing))
            writer.sample("reason", "disk", counters.value(.dumpDroppedDisk))
        default: return writeHTTPFamily(number - 12, &writer)
        }
        return true
    }

    private func writeHTTPFamily(_ number: Int, _ writer: inout MetricsWriter) -> Bool {
        switch number {
        case 0:
            one("tinycot_http_connections_total", .counter, "Let in", .connections, &writer)
        case 1: one("tinycot_http_requests_total", .counter, "Requests", .requests, &writer)
        case 2:
            writer.begin("tinycot_http_responses_total", .counter, "Answers by class of status")
            writer.sample("class", "2xx", counters.value(.answered2xx))
            writer.sample("class", "3xx", counters.value(.answered3xx))
            writer.sample("class", "4xx", counters.value(.answered4xx))
            writer.sample("class", "5xx", counters.value(.answered5xx))
        case 3:
            writer.begin(
                "tinycot_http_failures_total", .counter, "Connections and requests not served")
            writer.sample("reason", "bad_request", counters.value(.badRequests))
            writer.sample("reason", "timeout", counters.value(.timeouts))
            writer.sample("reason", "gave_way", counters.value(.gaveWay))
            writer.sample("reason", "address_not_allowed", counters.value(.addressNotAllowed))
            writer.sample("reason", "address_full", counters.value(.addressFull))
            writer.sample("reason", "accept_failed", counters.value(.acceptFailed))
        case 4:
            one("tinycot_http_received_bytes_total", .counter, "Of uploads", .bytesIn, &writer)
        case 5: one("tinycot_http_sent_bytes_total", .counter, "Of answers", .bytesOut, &writer)
        case 6: one("tinycot_downloads_total", .counter, "Downloads begun", .downloads, &writer)
        case 7:
            writer.begin("tinycot_uploads_total", .counter, "Uploads by their end")
            writer.sample("result", "stored", counters.value(.uploadsStored))
            writer.sample("result", "refused", counters.value(.uploadsRefused))
            writer.sample("result", "cut_off", counters.value(.uploadsCutOff))
        case 8:
            writer.begin("tinycot_packages_gone_total", .counter, "Packages not kept any more")
            writer.sample("reason", "evicted", counters.value(.evicted))
            writer.sample("reason", "lost", counters.value(.packagesLost))
        case 9:
            writer.begin("tinycot_announcements_total", .counter, "Packages told to clients")
            writer.sample("result", "told", counters.value(.announcements))
            writer.sample("result", "unheard", counters.value(.announcementsUnheard))
            writer.sample("result", "dropped", counters.value(.announcementsDropped))
        default: return false
        }
        return true
    }

    private func one(
        _ name: StaticString, _ kind: MetricsWriter.Kind, _ help: StaticString,
        _ counter: StoreCounter, _ writer: inout MetricsWriter
    ) {
        writer.begin(name, kind, help)
        writer.sample(counters.value(counter))
    }

    private func writeWritten(_ writer: inout MetricsWriter) {
        writer.begin("tinycot_disk_written_bytes_total", .counter, "Written to the disk")
        writer.sample("purpose", "state", counters.value(.stateWritten))
        writer.sample("purpose", "dump", counters.value(.dumpWritten))
        writer.sample("purpose", "packages", counters.value(.packagesWritten))
        writer.sample("purpose", "catalogue", counters.value(.catalogueWritten))
    }

    private func writeWrittenToday(_ writer: inout MetricsWriter) {
        writer.begin(
            "tinycot_disk_written_today_bytes", .gauge,
            "Of the day that the limit counts, also before a restart")
        writer.sample("purpose", "state", counters.value(.stateToday))
        writer.sample("purpose", "dump", counters.value(.dumpToday))
        writer.sample("purpose", "packages", counters.value(.packagesToday))
        writer.sample("purpose", "catalogue", counters.value(.catalogueToday))
    }
}
