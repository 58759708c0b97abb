// The lines between the events of a dump: what they say can be read back, and no name that a client
// gives itself ends the comment or the value it stands in.

import Foundation
import Testing

@testable import TinyCoT

@Suite struct DumpLinesTests {
    private func encoded(_ bytes: [UInt8]) -> String {
        let owned = OwnedBytes(bytes)
        var short = ShortText<40>()
        withExtendedLifetime(owned) { short.set(owned.slab) }
        return written { DumpLines.append(short, to: &$0) }
    }

    /// Percent-decoding and nothing else.
    private func decoded(_ text: String) -> [UInt8] {
        var result: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%") {
                result.append(UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)!)
                rest = rest.dropFirst(2)
            } else {
                result.append(byte)
            }
        }
        return result
    }

    @Test func aCommentSaysWhatIsKnown() {
        var record = FeedRecord()
        // date -u -d @1795622700 +%FT%TZ
        record.received = WallTime(milliseconds: 1_795_622_700_123)
        record.clockMilliseconds = 81_234_567
        record.sender.set("ANDROID-1")
        record.callsign.set("ALPHA")
        record.team.set("blue")
        record.address = Address(ipv4: 0x0A00_0007)
        #expect(
            written { DumpLines.writeComment(record, into: &$0) } == """
                <!-- received="2026-11-25T16:05:00.123Z" clock="81234567" sender="ANDROID-1" \
                callsign="ALPHA" team="blue" address="10.0.0.7" -->

                """)
    }

    @Test func theFirstLineNamesFormatAndBoot() {
        var boot = ShortText<40>()
        boot.set("2d5c1c43-8b3a-4f0e-9d0c-5b1a2f3c4d5e")
        #expect(
            written { DumpLines.writeHead(boot: boot, into: &$0) }
                == "<!-- tinycot dump 1 boot=\"2d5c1c43-8b3a-4f0e-9d0c-5b1a2f3c4d5e\" -->\n")
    }

    @Test(arguments: [
        ("plain Łódź 救急", "plain Łódź 救急"), ("100%", "100%25"), ("a\"b", "a%22b"),
        ("<x>&", "%3Cx%3E%26"), ("a-b", "a-b"), ("a--b", "a-%2Db"), ("a---b", "a-%2D%2Db"),
        ("-", "%2D"), ("a-", "a%2D"), ("-a", "-a"), ("a\nb\u{7F}", "a%0Ab%7F"), ("", ""),
        ("\" --><event/>", "%22 -%2D%3E%3Cevent/%3E"),
    ])
    func namesAreEncoded(_ name: String, _ expected: String) {
        #expect(encoded(Array(name.utf8)) == expected)
    }

    @Test func anyNameComesBackAndEndsNothing() {
        var random = SeededGenerator(seed: 5)
        let nasty = Array("-->\"%<&- \n\u{0}ab".utf8)
        for _ in 0..<3_000 {
            let bytes = (0..<random.below(41)).map { _ in nasty[random.below(nasty.count)] }
            let text = encoded(bytes)
            #expect(decoded(text) == bytes)
            #expect(!text.contains("--") && !text.hasSuffix("-"))
            #expect(!text.utf8.contains { $0 < 0x20 || "\"<>&".utf8.contains($0) })
        }
    }

    @Test func theLongestCommentFitsItsLine() {
        var record = FeedRecord()
        record.received = WallTime(milliseconds: 253_402_300_799_999)
        record.clockMilliseconds = .max
        record.sender = short(String(repeating: "%", count: 80))
        record.callsign = record.sender
        record.team = short(String(repeating: "%", count: 40))
        record.address = Address(high: 0x1111_1111_1111_1111, low: 0x1111_1111_1111_1111)
        let line = written(capacity: DumpLines.lineBytes) {
            DumpLines.writeComment(record, into: &$0)
        }
        #expect(line.utf8.count > 700)
    }
}
