// What the doctor sends, how it finds that again in any cut of a stream, and how it says what it
// found. Its report is read by Foundation.

import Foundation
import Testing

@testable import TinyCoT

@Suite struct DoctorScanTests {
    private static let now = WallTime(milliseconds: 1_790_000_000_000)
    private let run: UInt64 = 0x0123_4567_89AB_CDEF

    private func marker(_ number: Int, run: UInt64) -> String {
        written { DoctorEvent.marker(number, run: run, now: DoctorScanTests.now, into: &$0) }
    }

    private var pong: String {
        written { EventWriter.pong(now: DoctorScanTests.now, into: &$0) }
    }

    /// As the doctor receives: what was kept in front, the next piece behind it.
    private func scan(_ pieces: [[UInt8]]) -> DoctorScan {
        var scan = DoctorScan(run: run)
        for piece in pieces {
            let bytes = OwnedBytes(
                [UInt8](repeating: 0, count: scan.keptBytes) + piece)
            scan.restore(into: bytes.slab)
            scan.look(at: bytes.slab)
            #expect(scan.keptBytes <= DoctorScan.keptBytesMax)
        }
        return scan
    }

    @Test func everyEventIsOneThatAServerTakes() {
        for text in [
            marker(7, run: run),
            written {
                DoctorEvent.hello(12, colour: .darkBlue, now: DoctorScanTests.now, into: &$0)
            },
            written { DoctorEvent.hello(12, colour: nil, now: DoctorScanTests.now, into: &$0) },
            written { DoctorEvent.ping(run: run, now: DoctorScanTests.now, into: &$0) },
        ] {
            #expect(text.utf8.count <= DoctorEvent.maxBytes)
            #expect(ReadEvent(Array(text.utf8)).refusal == nil, "\(text)")
        }
    }

    @Test func theMarkerIsRelayedAndNotKeptAndThePingIsAnswered() {
        func kind(_ text: String) -> EventKind {
            let event = ReadEvent(Array(text.utf8))
            return EventKind.of(event.slab, event.header)
        }
        #expect(kind(marker(1, run: run)) == .other)
        let now = DoctorScanTests.now
        #expect(kind(written { DoctorEvent.ping(run: run, now: now, into: &$0) }) == .ping)
        let hello = written { DoctorEvent.hello(0, colour: nil, now: now, into: &$0) }
        #expect(kind(hello) == .position)
    }

    @Test func everySplitOfAStreamIsReadAlike() {
        let stream = Array(
            (marker(3, run: run) + pong + marker(3, run: run ^ 1) + pong + marker(127, run: run)
                + "\n" + marker(64, run: run) + pong).utf8)
        for cut in 0...stream.count {
            let scan = scan([Array(stream[..<cut]), Array(stream[cut...])])
            #expect(scan.pongs == 3, "cut at \(cut)")
            let seen = (0..<DoctorEvent.numberLimit).filter { scan.hasSeen($0) }
            #expect(seen == [3, 64, 127], "cut at \(cut)")
        }
        let scan = scan(stream.map { [$0] })
        #expect(scan.pongs == 3 && scan.hasSeen(3) && scan.hasSeen(64) && !scan.hasSeen(2))
    }

    @Test func beginningsOfSignsHideNone() {
        let name = "tinycot-doctor-0123456789abcdef-m"
        for begun in 1...name.utf8.count {
            let beginning = String(name.prefix(begun) as Substring)
            let text = beginning + name + "0005\" type=\"t-x-c-t" + "type=\"t-x-c-t-r\""
            let scan = scan([Array(text.utf8)])
            #expect(scan.hasSeen(5) && scan.pongs == 1, "\(text)")
        }
    }

    @Test func numbersBeyondTheLimitAreNone() {
        for number in ["0128", "9999", "00x1", "-001"] {
            let scan = scan([Array("tinycot-doctor-0123456789abcdef-m\(number)".utf8)])
            #expect(!(0..<DoctorEvent.numberLimit).contains { scan.hasSeen($0) }, "\(number)")
        }
    }
}

@Suite struct DoctorReportTests {
    private func subject(
        _ address: Address?, _ team: String = "", _ other: String = ""
    ) -> DoctorSubject {
        var subject = DoctorSubject()
        if let address {
            subject.endpoint = Endpoint()
            subject.endpoint?.address = address
            subject.endpoint?.port = 8_087
        }
        withSlab(team) { subject.team.set($0) }
        withSlab(other) { subject.otherTeam.set($0) }
        return subject
    }

    private func object(_ bytes: Slab<UInt8>) throws -> [String: Any] {
        let data = Data((0..<bytes.count).map { bytes[$0] })
        return try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    }

    @Test func findingsAreListedAndCounted() throws {
        let memory = OwnedBytes([UInt8](repeating: 0, count: 8_192))
        var report = DoctorReport(memory.slab, version: "1.2.3")
        report.add("relay", .ok, subject(Address(ipv4: 0x7F00_0001), "a\"b"), Slab("it works"))
        report.add("wall", .failure, subject(nil, "red", "blue"), Slab("it leaks"))
        report.add("clock", .warning, subject(nil), Slab("it is wrong"))
        report.add("disk", .skipped, subject(nil), Slab("not allowed"))
        #expect(report.result == .failure)
        let object = try object(report.finish())
        #expect(object["version"] as? String == "1.2.3")
        #expect(object["result"] as? String == "failure")
        #expect(object["failures"] as? Int == 1 && object["warnings"] as? Int == 1)
        #expect(object["skipped"] as? Int == 1 && object["unlisted"] as? Int == 0)
        #expect(object["findings"] as? [[String: String]] == [
            [
                "check": "relay", "result": "ok", "address": "127.0.0.1:8087", "team": "a\"b",
                "sentence": "it works",
            ],
            [
                "check": "wall", "result": "failure", "team": "red", "other_team": "blue",
                "sentence": "it leaks",
            ],
            ["check": "clock", "result": "warning", "sentence": "it is wrong"],
            ["check": "disk", "result": "skipped", "sentence": "not allowed"],
        ])
    }

    @Test func theWorstFindingsStillMakeJSONAndThoseWithoutRoomAreCounted() throws {
        let memory = OwnedBytes([UInt8](repeating: 0, count: 6_000))
        var report = DoctorReport(memory.slab, version: "1")
        let worst = String(repeating: "\u{1}", count: 40)
        let words = OwnedBytes([UInt8](repeating: 0x61, count: DoctorReport.sentenceBytesMax))
        for _ in 0..<100 {
            report.add(
                "descriptors", .failure,
                subject(Address(high: .max, low: .max), worst, worst), words.slab)
        }
        let unlisted = report.unlisted
        let object = try object(report.finish())
        #expect((object["findings"] as? [Any])?.count == 100 - unlisted)
        #expect(unlisted > 90 && object["unlisted"] as? Int == unlisted)
        #expect(object["failures"] as? Int == 100)
    }

    @Test func aLineSaysWhatAndWhere() {
        func line(_ subject: DoctorSubject) -> String {
            written { DoctorReport.writeLine("wall", .ok, subject, Slab("as it is"), into: &$0) }
        }
        #expect(line(subject(nil)) == "ok       wall         as it is\n")
        #expect(
            line(subject(Address(ipv4: 0x7F00_0001)))
                == "ok       wall         127.0.0.1:8087: as it is\n")
        #expect(
            line(subject(nil, "red", "bl\nue"))
                == "ok       wall         team red to team bl\\x0aue: as it is\n")
        #expect(
            line(subject(Address(), "red"))
                == "ok       wall         [::]:8087, team red: as it is\n")
    }

    @Test func figuresAreFoundInMetrics() {
        let bytes = OwnedBytes(
            """
            # HELP tinycot_pool_used In use now
            # TYPE tinycot_pool_used gauge
            tinycot_pool_used{pool="clients"} 3
            tinycot_pool_used{pool="uploads"} 4
            # HELP tinycot_uptime_seconds Time
            tinycot_uptime_seconds 77
            tinycot_latency_sum 0.5

            """)
        let metrics = MetricsText(bytes.slab)
        #expect(metrics.value("tinycot_pool_used", Slab("uploads")) == 4)
        #expect(metrics.value("tinycot_pool_used", Slab("upload")) == nil)
        #expect(metrics.value("tinycot_pool_used") == nil)
        #expect(metrics.value("tinycot_uptime_seconds") == 77)
        #expect(metrics.value("tinycot_latency_sum") == nil)
        #expect(metrics.sum("tinycot_pool_used") == 7)
        #expect(metrics.label("tinycot_pool_used", 1)?.equals("uploads") == true)
        #expect(metrics.label("tinycot_pool_used", 2) == nil)
        #expect(MetricsText(Slab("")).value("x") == nil)
        // Broken lines are no samples, and nothing is read beyond them.
        for broken in ["x", "x{", "x{\"", "x{a=\"b} 1", "\n\n", " "] {
            let bytes = OwnedBytes(broken)
            #expect(MetricsText(bytes.slab).value("x") == nil)
        }
    }
}
