// The latency of the relay, with a clock that the test moves by hand.

import Testing

@testable import TinyCoT

@Suite struct LatencyTests {
    /// In µs, as docs/monitoring.md lists them.
    private let limits: [UInt64] = [
        100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
        1_000_000, 2_500_000, 5_000_000, 10_000_000,
    ]

    private func tick(_ microseconds: UInt64) -> UInt32 {
        LatencyHistogram.tick(Instant(nanoseconds: microseconds * 1_000))
    }

    @Test func eachLimitIsInItsBucketAndALittleMoreIsNot() {
        #expect(LatencyHistogram.bucketCount == limits.count + 1)
        for (i, limit) in limits.enumerated() {
            var histogram = LatencyHistogram()
            histogram.add(from: tick(1_000), to: tick(1_000 + limit))
            #expect(histogram.count(upTo: i) == 1)
            if i > 0 { #expect(histogram.count(upTo: i - 1) == 0) }
            histogram.add(from: tick(1_000), to: tick(1_000 + limit + 10))
            #expect(histogram.count(upTo: i) == 1 && histogram.count(upTo: i + 1) == 2)
            #expect(histogram.count == 2)
            #expect(histogram.sumNanoseconds == (2 * limit + 10) * 1_000)
            // What is shown in seconds is this limit.
            #expect(Double("\(LatencyHistogram.limitName(i))") == Double(limit) / 1e6)
        }
    }

    @Test func momentsComeRoundAndAreNeverNone() {
        #expect(LatencyHistogram.tick(.zero) == 1)
        let turn: UInt64 = (1 << 32) * 10
        #expect(tick(turn) == 1 && tick(turn + 20) == 2)
        var histogram = LatencyHistogram()
        histogram.add(from: tick(turn - 30), to: tick(turn + 60))
        #expect(histogram.sumNanoseconds == 90_000)
    }

    // MARK: In the relay

    @Test func itIsTheTimeFromTheTurnThatReadItToTheWriteThatTookItsEnd() {
        let stage = FiguresStage()
        let sender = stage.join()
        let fast = stage.join()
        let slow = stage.join()
        stage.pass(microseconds: 5_000)
        stage.send(sender, reportedPosition("A"))
        stage.look(after: 200)
        stage.take(fast)
        #expect(stage.relay.latency.count == 1)
        #expect(stage.relay.latency.sumNanoseconds == 200_000)
        // Half of it is not it.
        let half = stage.take(slow, most: 100)
        #expect(half == 100 && stage.relay.latency.count == 1)
        stage.pass(microseconds: 40_000)
        stage.relay.becameWritable(client: slow)
        stage.take(slow)
        #expect(stage.relay.latency.count == 2)
        #expect(stage.relay.latency.sumNanoseconds == 200_000 + 40_000_000)
        #expect(stage.relay.latency.count(upTo: 1) == 1)
        #expect(stage.relay.latency.count(upTo: 8) == 2)
    }

    @Test func anEventOfSeveralReadsCountsFromTheLast() {
        let stage = FiguresStage()
        let sender = stage.join()
        let receiver = stage.join()
        let text = reportedPosition("A")
        stage.send(sender, String(text.prefix(200)))
        stage.pass(microseconds: 3_000_000)
        stage.send(sender, String(text.dropFirst(200)))
        stage.look(after: 50)
        stage.take(receiver)
        #expect(stage.relay.latency.count == 1)
        #expect(stage.relay.latency.sumNanoseconds == 50_000)
    }

    /// The picture, pongs and notices are made here and wait for nobody's network.
    @Test func whatIsMadeHereIsNotTimed() {
        let stage = FiguresStage()
        let sender = stage.join()
        stage.send(sender, reportedPosition("A"))
        stage.pass(microseconds: 700_000)
        let late = stage.join(2)
        #expect(stage.take(late) > 0, "it is shown the picture")
        stage.send(
            late,
            "<event uid=\"P\" type=\"t-x-c-t\" time=\"2026-01-15T12:00:00Z\" "
                + "start=\"2026-01-15T12:00:00Z\" stale=\"2026-01-15T12:00:10Z\" how=\"m-g\">"
                + "<point lat=\"0\" lon=\"0\" hae=\"0\" ce=\"1\" le=\"1\"/></event>")
        #expect(stage.take(late) > 0, "it gets its pong")
        stage.leave(sender)
        #expect(stage.take(late) > 0, "it is told that the sender left")
        #expect(stage.relay.latency.count == 0)
    }

    @Test func theCanaryIsNotTimed() {
        let stage = FiguresStage()
        guard let canary = stage.relay.admitCanary(address: Address(), port: 1) else {
            Issue.record("the canary is not let in")
            return
        }
        stage.send(canary, reportedPosition("A"))
        #expect(stage.take(canary) > 0, "it comes back")
        #expect(stage.relay.latency.count == 0)
    }

    // MARK: In words

    @Test func prometheusGetsCumulativeBucketsSumAndCount() {
        let stage = FiguresStage()
        let sender = stage.join()
        let receiver = stage.join()
        stage.send(sender, reportedPosition("A"))
        stage.look(after: 100)
        stage.take(receiver)
        stage.send(sender, reportedPosition("A"))
        stage.pass(microseconds: 11_000_000)
        stage.take(receiver)
        let lines = family("tinycot_relay_latency_seconds", of: stage.figures)
        #expect(lines.count == 2 + 17 + 2)
        #expect(lines[1] == "# TYPE tinycot_relay_latency_seconds histogram")
        #expect(lines[2] == "tinycot_relay_latency_seconds_bucket{le=\"0.0001\"} 1")
        #expect(lines[17] == "tinycot_relay_latency_seconds_bucket{le=\"10\"} 1")
        #expect(lines[18] == "tinycot_relay_latency_seconds_bucket{le=\"+Inf\"} 2")
        #expect(lines[19] == "tinycot_relay_latency_seconds_sum 11.000100000")
        #expect(lines[20] == "tinycot_relay_latency_seconds_count 2")
    }

    @Test func canaryFiguresAreShown() {
        var figures = FiguresStage().figures
        figures.canary.isOn = true
        figures.canary.flown = 7
        figures.canary.returned = 5
        figures.canary.lost = 1
        figures.canary.roundTripNanoseconds = 1_000_000_321
        func last(_ name: String) -> String? { family(name, of: figures).last }
        #expect(last("tinycot_watchdog_enabled") == "tinycot_watchdog_enabled 1")
        #expect(last("tinycot_canaries_flown_total") == "tinycot_canaries_flown_total 7")
        #expect(last("tinycot_canaries_returned_total") == "tinycot_canaries_returned_total 5")
        #expect(last("tinycot_canaries_lost_total") == "tinycot_canaries_lost_total 1")
        #expect(
            last("tinycot_canary_round_trip_seconds")
                == "tinycot_canary_round_trip_seconds 1.000000321")
    }

    /// The lines of one family, as a whole answer has them.
    private func family(_ name: String, of figures: RelayFigures) -> [String] {
        let memory = UnsafeMutablePointer<UInt8>.allocate(capacity: 65_536)
        defer { memory.deallocate() }
        var writer = MetricsWriter(ByteWriter(Slab(start: memory, count: 65_536)))
        var number = 0
        while figures.write(number, &writer) { number += 1 }
        let text = String(
            decoding: UnsafeBufferPointer(start: memory, count: writer.text.count), as: UTF8.self)
        return text.split(separator: "\n").map(String.init).filter {
            $0.hasPrefix(name) || $0.hasPrefix("# HELP \(name) ")
                || $0.hasPrefix("# TYPE \(name) ")
        }
    }
}
