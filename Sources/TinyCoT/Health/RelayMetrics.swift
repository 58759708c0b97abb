// The relay's part of `/metrics`, a family at a time, so that a piece of the answer can end between
// any two of them.

extension RelayFigures {
    /// Appends family number `number`.
    /// - Returns: false behind the last.
    public func write(_ number: Int, _ writer: inout MetricsWriter) -> Bool {
        switch number {
        case 0:
            count(
                "tinycot_events_received_total", "Whole events that clients sent", totals.eventsIn,
                &writer)
        case 1:
            count(
                "tinycot_events_sent_total", "Events that clients have been given",
                totals.eventsOut, &writer)
        case 2:
            count(
                "tinycot_received_bytes_total", "Bytes that clients sent", totals.bytesIn, &writer)
        case 3:
            count(
                "tinycot_sent_bytes_total", "Bytes that clients have taken", totals.bytesOut,
                &writer)
        case 4:
            count(
                "tinycot_events_consumed_total",
                "Events meant for the server itself, as pings and negotiation", totals.swallowed,
                &writer)
        case 5: count("tinycot_pongs_total", "Pings answered", totals.pongs, &writer)
        case 6:
            count(
                "tinycot_heartbeats_total", "Heartbeats sent to silent connections",
                totals.heartbeats, &writer)
        case 7:
            count("tinycot_clients_admitted_total", "Clients let in", totals.admitted, &writer)
        case 8: writeReasons(&writer)
        case 9: writeAdmissions(&writer)
        case 10: writeCloses(&writer)
        case 11: writeDrops(&writer)
        default: return writePicture(number - 12, &writer)
        }
        return true
    }

    /// What becomes of kept events and of directed ones.
    private func writePicture(_ number: Int, _ writer: inout MetricsWriter) -> Bool {
        switch number {
        case 0:
            count(
                "tinycot_events_replayed_total", "Kept events given to late joiners",
                totals.replayed, &writer)
        case 1:
            count(
                "tinycot_events_undeliverable_total",
                "Directed events whose addressee is not here", totals.undeliverable, &writer)
        case 2:
            count(
                "tinycot_events_not_kept_total",
                "Events of the picture that the replay table had no room for", totals.notKept,
                &writer)
        case 3:
            count(
                "tinycot_events_evicted_total",
                "Kept events that gave way to newer ones before their time", replayEvicted, &writer)
        case 4:
            count(
                "tinycot_events_restored_total", "Kept events taken over from before the start",
                totals.restored, &writer)
        case 5:
            count(
                "tinycot_clients_not_returned_total",
                "Clients of before the start that were said to have left", totals.notReturned,
                &writer)
        default: return writeProof(number - 6, &writer)
        }
        return true
    }

    /// How fast it relays, and whether it proves to itself that it does.
    private func writeProof(_ number: Int, _ writer: inout MetricsWriter) -> Bool {
        switch number {
        case 0:
            writer.begin(
                "tinycot_relay_latency_seconds", .histogram,
                "From reading the end of an event to the write of its last byte, for each receiver")
            writer.samples(latency)
        case 1:
            writer.begin(
                "tinycot_watchdog_enabled", .gauge,
                "1 if the service manager wants to hear from the watchdog")
            writer.sample(canary.isOn ? 1 : 0)
        case 2:
            count(
                "tinycot_canaries_flown_total", "Events that the watchdog sent to itself",
                canary.flown, &writer)
        case 3:
            count(
                "tinycot_canaries_returned_total", "Of those, that came back through the relay",
                canary.returned, &writer)
        case 4:
            count(
                "tinycot_canaries_lost_total", "Of those, that were given up", canary.lost, &writer)
        case 5:
            writer.begin(
                "tinycot_canary_round_trip_seconds", .gauge,
                "Of the last one that came back, its connection included; 0 before the first")
            writer.sample(nanoseconds: canary.roundTripNanoseconds)
        default: return false
        }
        return true
    }

    private func count(
        _ name: StaticString, _ help: StaticString, _ value: UInt64, _ writer: inout MetricsWriter
    ) {
        writer.begin(name, .counter, help)
        writer.sample(value)
    }

    private func writeReasons(_ writer: inout MetricsWriter) {
        writer.begin(
            "tinycot_events_refused_total", .counter, "Stretches of input that are not relayed")
        var i = 0
        while let reason = Refusal(rawValue: UInt8(i)) {
            writer.sample("reason", reason.name, totals.refused[i])
            i += 1
        }
    }

    private func writeAdmissions(_ writer: inout MetricsWriter) {
        writer.begin("tinycot_clients_refused_total", .counter, "Connections not let in")
        var i = 0
        while let reason = AdmissionRefusal(rawValue: UInt8(i)) {
            writer.sample("reason", reason.name, totals.admissionRefused[i])
            i += 1
        }
    }

    private func writeCloses(_ writer: inout MetricsWriter) {
        writer.begin("tinycot_clients_closed_total", .counter, "Connections that ended")
        var i = 0
        while let reason = CloseReason(rawValue: UInt8(i)) {
            writer.sample("reason", reason.name, totals.closed[i])
            i += 1
        }
    }

    private func writeDrops(_ writer: inout MetricsWriter) {
        writer.begin(
            "tinycot_events_dropped_total", .counter,
            "Events that a client too slow for them lost, by what they were")
        var i = 0
        while let reason = QueueDrop(rawValue: UInt8(i)) {
            writer.sample("reason", reason.name, totals.drops[i])
            i += 1
        }
    }
}
