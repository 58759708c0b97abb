// Parameters of URLs, percent signs, and ranges of files.
import Foundation
import Testing

@testable import TinyCoT

@Suite struct QueryStringTests {
    private func text(_ slab: Slab<UInt8>) -> String { latin((0..<slab.count).map { slab[$0] }) }

    private func pairs(_ query: String) -> [String] {
        let memory = OwnedBytes(query)
        var walk = QueryString(memory.slab)
        var all: [String] = []
        while let next = walk.next() { all.append(text(next.name) + "|" + text(next.value)) }
        return all
    }

    @Test(arguments: [
        ("", []), ("a=b", ["a|b"]), ("a=b&c=d", ["a|b", "c|d"]), ("a", ["a|"]), ("a=", ["a|"]),
        ("=b", ["|b"]), ("=", ["|"]), ("&&a=b&&", ["a|b"]), ("a=b=c", ["a|b=c"]),
        ("a;b=c", ["a;b|c"]), ("a=b?c", ["a|b?c"]), ("a=%26&b", ["a|%26", "b|"]),
    ] as [(String, [String])])
    func aQueryIsTakenApart(query: String, expected: [String]) {
        #expect(pairs(query) == expected)
    }

    @Test func theWalkIsBounded() {
        let many = (0..<100).map { "n\($0)=1" }.joined(separator: "&")
        #expect(pairs(many).count == 64)
        let memory = OwnedBytes(many)
        #expect(QueryString(memory.slab).first(named: "n63") != nil)
        #expect(QueryString(memory.slab).first(named: "n64") == nil)
    }

    @Test func namesAreFoundInAnyCaseAndTheFirstCounts() {
        let memory = OwnedBytes("?CreatorUid=a&creatoruid=b&%68ASH=c&ha+sh=d&hashx=e&has=f")
        let query = QueryString(memory.slab, ByteRange(offset: 1, count: memory.slab.count - 1))
        #expect(query.first(named: "creatoruid").map { text($0.value) } == "a")
        #expect(query.first(named: "hash").map { text($0.value) } == "c")
        #expect(query.first(named: "ha sh").map { text($0.value) } == "d")
        #expect(query.first(named: "hashx").map { text($0.value) } == "e")
        #expect(query.first(named: "") == nil && query.first(named: "x") == nil)
        #expect(QueryString(memory.slab, ByteRange()).first(named: "hash") == nil)
    }

    private func decoded(_ text: String, room: Int = 100, plus: Bool = true) -> [UInt8]? {
        let source = OwnedBytes(text)
        let target = OwnedBytes([UInt8](repeating: 0, count: room))
        var writer = ByteWriter(target.slab)
        let isGood = PercentText.decode(source.slab, plusIsBlank: plus, into: &writer)
        return isGood ? (0..<writer.count).map { target.slab[$0] } : nil
    }

    @Test(arguments: [
        ("pkg%20one.zip", "pkg one.zip"), ("pkg+one", "pkg one"), ("%2B%2b", "++"), ("", ""),
        ("%25%41", "%A"), ("%2541", "%41"), ("a%2Fb%5C..", "a/b\\.."), ("%C3%A9", "\u{E9}"),
    ])
    func aValueIsDecoded(raw: String, value: String) {
        #expect(decoded(raw) == Array(value.utf8))
    }

    @Test(arguments: [
        "%", "a%", "%4", "a%4", "%G0", "%0G", "%%41", "% 41", "%+4", "%00", "a%0Ab", "%1f", "%7F",
        "a\0", "a\u{7F}",
    ])
    func aValueIsRefused(raw: String) { #expect(decoded(raw) == nil, "\(raw)") }

    @Test func aValueFillsTheRoomAndNoMore() {
        #expect(decoded("%61%62c", room: 3) == Array("abc".utf8))
        #expect(decoded("%61%62c", room: 2) == nil)
        #expect(decoded("a+b", plus: false) == Array("a+b".utf8))
        #expect(decoded("%E9") == [0xE9])
    }

    @Test func numbersArePlain() {
        func number(_ value: String) -> UInt64? {
            let memory = OwnedBytes("n=" + value)
            return QueryString(memory.slab).first(named: "n")?.number
        }
        #expect(number("0") == 0 && number("0012") == 12)
        #expect(number("18446744073709551614") == UInt64.max - 1)
        for bad in ["", "-1", "+1", " 1", "1 ", "0x1", "1.0", "18446744073709551615", "9e9"] {
            #expect(number(bad) == nil, "\(bad)")
        }
    }

    /// Foundation's reader of URLs is the judge of what both take.
    @Test func mutationsAgreeWithFoundation() {
        var random = SeededGenerator(seed: 3)
        let pieces = ["%20", "%", "%4", "+", "&", "=", "%26", "%3d", "%E2%82%AC"].map {
            Array($0.utf8)
        }
        let seed = Array("hash=9f86&filename=pkg%20one.zip&creatorUid=ANDROID-1&x".utf8)
        let memory = GuardedMemory(pages: 1)
        var compared = 0
        for _ in 0..<3000 {
            let bytes = mutate(seed, pieces: pieces, using: &random)
                .filter { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "#") }
            let slab = memory.slab(bytes[...])
            var walk = QueryString(slab)
            var ours: [String] = []
            while let next = walk.next() {
                let room = OwnedBytes([UInt8](repeating: 0, count: 200))
                var writer = ByteWriter(room.slab)
                let isGood = next.decode(into: &writer)
                ours.append(isGood ? latin((0..<writer.count).map { room.slab[$0] }) : "broken")
            }
            var theirs = URLComponents()
            let raw = latin(bytes)
            let plain = "^(?:[A-Za-z0-9=&+._-]|%[2-7][0-9A-Ea-e])*$"
            if raw.range(of: plain, options: .regularExpression) == nil { continue }
            compared += 1
            theirs.percentEncodedQuery = raw
            let expected = (theirs.queryItems ?? []).filter { !$0.name.isEmpty || $0.value != nil }
                .map { ($0.value ?? "").replacingOccurrences(of: "+", with: " ") }
            // Foundation leaves a + alone, so behind it one from %2B cannot be told apart.
            if !raw.lowercased().contains("%2b") { #expect(ours == expected, "\(raw)") }
        }
        #expect(compared > 300)
    }

    // MARK: Ranges (RFC 9110 section 14).

    @Test(arguments: [
        ("bytes=0-", 10, .part(offset: 0, count: 10)),
        ("bytes=0-0", 10, .part(offset: 0, count: 1)),
        ("bytes=9-9", 10, .part(offset: 9, count: 1)),
        ("bytes=5-", 10, .part(offset: 5, count: 5)),
        ("bytes=5-99", 10, .part(offset: 5, count: 5)),
        ("Bytes=0-1", 10, .part(offset: 0, count: 2)),
        ("bytes=5-99999999999999999999999", 10, .part(offset: 5, count: 5)),
        ("bytes=-3", 10, .part(offset: 7, count: 3)),
        ("bytes=-10", 10, .part(offset: 0, count: 10)),
        ("bytes=-11", 10, .part(offset: 0, count: 10)),
        ("bytes=-99999999999999999999999", 10, .part(offset: 0, count: 10)),
        ("bytes=007-008", 10, .part(offset: 7, count: 2)),
        ("bytes=10-", 10, .unsatisfiable), ("bytes=10-11", 10, .unsatisfiable),
        ("bytes=99999999999999999999999-", 10, .unsatisfiable), ("bytes=-0", 10, .unsatisfiable),
        ("bytes=0-", 0, .unsatisfiable), ("bytes=-1", 0, .whole), ("bytes=-0", 0, .unsatisfiable),
        ("bytes=5-4", 10, .whole), ("bytes=20-19", 10, .whole), ("bytes=-", 10, .whole),
        ("bytes=", 10, .whole), ("bytes", 10, .whole), ("", 10, .whole), ("bytes=5", 10, .whole),
        ("bytes=0-1,3-4", 10, .whole), ("bytes=0-1,", 10, .whole), ("bytes=,0-1", 10, .whole),
        ("bytes= 0-1", 10, .whole), ("bytes=0 -1", 10, .whole), ("bytes =0-1", 10, .whole),
        ("bytes=--1", 10, .whole), ("bytes=0--1", 10, .whole), ("bytes=+0-1", 10, .whole),
        ("bytes=a-b", 10, .whole), ("items=0-1", 10, .whole), ("bytes=0-1-2", 10, .whole),
        ("bytes=0-18446744073709551615", .max, .part(offset: 0, count: .max)),
        ("bytes=18446744073709551614-", .max, .part(offset: .max - 1, count: 1)),
        ("bytes=18446744073709551615-", .max, .unsatisfiable),
    ] as [(String, UInt64, HTTPRange)])
    func aRangeIsMeasured(value: String, size: UInt64, expected: HTTPRange) {
        let memory = OwnedBytes(value)
        #expect(HTTPRange.of(memory.slab, size: size) == expected, "\(value) of \(size)")
    }

    /// Every small range against what slicing an array gives.
    @Test func smallRangesAreSlices() {
        for size in 0...4 {
            let file = Array(0..<size)
            for first in 0...5 {
                for last in first...6 {
                    let part = file.filter { $0 >= first && $0 <= last }
                    let memory = OwnedBytes("bytes=\(first)-\(last)")
                    let expected: HTTPRange =
                        part.isEmpty
                        ? .unsatisfiable
                        : .part(offset: UInt64(part[0]), count: UInt64(part.count))
                    #expect(HTTPRange.of(memory.slab, size: UInt64(size)) == expected)
                }
            }
        }
    }
}
