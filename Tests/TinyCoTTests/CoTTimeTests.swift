import Foundation
import Testing

@testable import TinyCoT

@Suite struct CoTTimeTests {
    private func parse(_ text: String) -> Int64? {
        var bytes = Array(text.utf8)
        return bytes.withUnsafeMutableBufferPointer {
            CoTTime.parse(Slab(start: $0.baseAddress, count: $0.count))?.milliseconds
        }
    }

    private func write(_ milliseconds: Int64) -> String {
        let event = ReadEvent(eventText())
        return event.written { CoTTime.write(WallTime(milliseconds: milliseconds), into: &$0) }
    }

    /// Foundation's calendar, Gregorian for all years, in UTC.
    private static let calendar: Calendar = {
        var calendar = Calendar(identifier: .iso8601)
        calendar.timeZone = TimeZone(secondsFromGMT: 0)!
        return calendar
    }()

    private func model(_ milliseconds: Int64) -> String {
        let seconds = Int64((Double(milliseconds) / 1000).rounded(.down))
        let date = Date(timeIntervalSince1970: Double(seconds))
        let parts = CoTTimeTests.calendar.dateComponents(
            [.year, .month, .day, .hour, .minute, .second], from: date)
        return String(
            format: "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", parts.year!, parts.month!, parts.day!,
            parts.hour!, parts.minute!, parts.second!, Int(milliseconds - seconds * 1000))
    }

    @Test func agreesWithFoundationBothWays() {
        var random = SeededGenerator(seed: 11)
        let latest: Int64 = 253_402_300_799_999
        var times = (0..<20_000).map { _ in Int64.random(in: 0...latest, using: &random) }
        // Every day around the ends of February in years that differ in kind.
        for year in [1970, 1972, 1999, 2000, 2026, 2096, 2100, 2400, 9999] {
            let start = CoTTimeTests.calendar.date(
                from: DateComponents(year: year, month: 1, day: 1))!
            let first = Int64(start.timeIntervalSince1970) * 1000
            times += (0..<365).map { first + $0 * 86_400_000 }
        }
        for time in times + [0, latest] {
            let text = write(time)
            #expect(text == model(time))
            #expect(text.utf8.count == CoTTime.writtenBytes)
            #expect(parse(text) == time)
        }
    }

    @Test func whatLiesOutsideIsWrittenAsTheNearestEnd() {
        #expect(write(-1) == "1970-01-01T00:00:00.000Z")
        #expect(write(.min) == "1970-01-01T00:00:00.000Z")
        #expect(write(.max) == "9999-12-31T23:59:59.999Z")
    }

    @Test(arguments: [
        ("2026-01-15T12:00:00Z", 1_768_478_400_000), ("2026-01-15T12:00:00.4Z", 1_768_478_400_400),
        ("2026-01-15T12:00:00.04Z", 1_768_478_400_040),
        ("2026-01-15T12:00:00.1239Z", 1_768_478_400_123),
        ("2026-01-15T12:00:00.123456789Z", 1_768_478_400_123), ("1970-01-01T00:00:00Z", 0),
        ("1969-12-31T23:59:59.999Z", -1), ("2024-02-29T00:00:00Z", 1_709_164_800_000),
        ("0001-01-01T00:00:00Z", -62_135_596_800_000),
    ])
    func isParsed(text: String, milliseconds: Int64) { #expect(parse(text) == milliseconds) }

    @Test(arguments: [
        "", "Z", "2026-01-15T12:00:00", "2026-01-15T12:00:00.Z", "2026-01-15T12:00:00.1234567890Z",
        "2026-01-15T12:00:00z", "2026-01-15t12:00:00Z", "2026-01-15 12:00:00Z",
        "2026-13-15T12:00:00Z",
        "2026-00-15T12:00:00Z", "2026-02-29T12:00:00Z", "2100-02-29T12:00:00Z",
        "2026-04-31T12:00:00Z",
        "2026-01-00T12:00:00Z", "2026-01-15T24:00:00Z", "2026-01-15T12:60:00Z",
        "2026-01-15T12:00:60Z",
        "0000-01-15T12:00:00Z", "2026-01-15T12:00:00+00:00Z", "-026-01-15T12:00:00Z",
        "2026-01-15T12:00:0 Z",
        "2026-01-15T12:00:00,000Z", "2026-01-15T12:00:00.00aZ", " 2026-01-15T12:00:00Z",
        "12026-01-15T12:00:00Z",
    ])
    func isNotATime(text: String) { #expect(parse(text) == nil) }

    @Test func rowsOfTheCorpusWithOddTimes() {
        let bad = ReadEvent(EventCorpus.event(number: "h23"))
        let times = [bad.header.time, bad.header.start, bad.header.stale]
        #expect(times.contains { CoTTime.parse(bad.slab, $0) == nil })
        let micro = ReadEvent(EventCorpus.event(number: "05"))
        #expect(CoTTime.parse(micro.slab, micro.header.stale) != nil)
    }
}
