// Recorded events come back as they were sent, with what the comment says, however the file is cut.

import Testing

@testable import TinyCoT

@Suite struct DumpReaderTests {
    private static let one = eventText("<remarks>one</remarks>")
    private static let two = eventText("<!-- received=\"x\" clock=\"9\" sender=\"FORGED\" -->")

    private static let dump =
        "<!-- tinycot dump 1 boot=\"b\" -->\n"
        + commentText(clock: "5", sender: "A%3CB", callsign: "a%2D-b%25%22") + one + "\n"
        + commentText(clock: "6", sender: "", callsign: "", team: "") + two + "\n"

    private static var expected: [DumpTold] {
        var first = Recorded(event: one, isPresent: true)
        first.received = "2026-11-25T16:05:00.123Z"
        first.clock = 5
        first.sender = "A<B"
        first.callsign = "a--b%\""
        first.team = "blue"
        first.address = "10.0.0.7"
        first.timeline = withSlab("b") { NameHash.of($0, key: 0) }
        var second = first
        second.event = two
        second.clock = 6
        second.sender = ""
        second.callsign = ""
        second.team = ""
        return [.event(first), .event(second)]
    }

    @Test func aDumpComesBackWithItsComments() {
        let read = ReadDump(DumpReaderTests.dump)
        #expect(read.told == DumpReaderTests.expected)
        #expect(!read.isInside)
    }

    private static let broken =
        commentText(clock: "1") + "junk" + one + "\n" + commentText(clock: "2")
        + "<event uid=\"u\"><detail></event>\n" + one + "\r\n" + commentText(clock: "3")
        + "<!-- of another tool -->\r\n<?xml version='1.0'?>\r\n" + two
        + "<!--><!----><!-- - -- --->" + one + "<eve"

    @Test(arguments: [dump, broken]) func everyCutTellsTheSame(_ text: String) {
        let bytes = Array(text.utf8)
        let whole = ReadDump(text).told
        #expect(whole.count >= 2)
        for cut in 0...bytes.count {
            let read = ReadDump()
            read.feed(bytes[..<cut])
            read.feed(bytes[cut...])
            #expect(read.told == whole, "cut at \(cut)")
        }
        for size in [1, 2, 3, 7, 64] {
            let read = ReadDump()
            var at = 0
            while at < bytes.count {
                read.feed(bytes[at..<min(at + size, bytes.count)])
                at += size
            }
            #expect(read.told == whole, "pieces of \(size)")
        }
    }

    @Test func whatIsNoEventIsToldOnceAndPassedOver() {
        let read = ReadDump(DumpReaderTests.broken)
        #expect(
            read.events.map(\.event) == [
                DumpReaderTests.one, DumpReaderTests.one, DumpReaderTests.two,
                DumpReaderTests.one,
            ])
        // What was said before the junk and before the broken event is not said of what follows.
        #expect(read.events.map(\.clock) == [nil, nil, 3, nil])
        #expect(read.told.filter { $0 == .refused(.junk) }.count == 1)
        #expect(read.told.filter { $0 == .refused(.mismatchedTag) }.count == 1)
        #expect(read.told.count == 6)
        #expect(read.isInside, "it ends in <eve")
    }

    @Test func everyTornEndIsSeenAndHarmless() {
        let bytes = Array(DumpReaderTests.dump.utf8)
        let firstEvent = DumpReaderTests.dump.range(of: DumpReaderTests.one)!
        let end = DumpReaderTests.dump.utf8.distance(
            from: DumpReaderTests.dump.startIndex, to: firstEvent.upperBound)
        let secondEvent = DumpReaderTests.dump.range(of: DumpReaderTests.two)!
        let begin = DumpReaderTests.dump.utf8.distance(
            from: DumpReaderTests.dump.startIndex, to: secondEvent.lowerBound)
        for length in end..<(bytes.count - 1) {
            let read = ReadDump()
            read.feed(bytes[..<length])
            #expect(read.told == [DumpReaderTests.expected[0]], "length \(length)")
            let isBetween = length <= end + 1 || length == begin || length == begin - 1
            #expect(read.isInside == !isBetween, "length \(length)")
            // The next file is another stream.
            read.beginFile()
            read.feed(bytes[...])
            #expect(Array(read.told.dropFirst()) == DumpReaderTests.expected)
        }
    }

    @Test func eventsOfOtherToolsHaveNoComment() {
        let text = "\u{FEFF}<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\r\n"
            + DumpReaderTests.one + "<?xml version='1.0'?>" + DumpReaderTests.one
        let read = ReadDump(text)
        #expect(read.events.map(\.event) == [DumpReaderTests.one, DumpReaderTests.one])
        #expect(read.events.allSatisfy { !$0.isPresent && $0.clock == nil && $0.timeline == 0 })
        #expect(read.told.count == 2)
    }

    @Test(arguments: ["GET / HTTP/1.1\r\n", "\u{16}\u{03}\u{01}"])
    func anotherProtocolIsForeign(_ text: String) {
        #expect(ReadDump(text).told == [.foreign])
    }

    @Test func inTheMiddleOfAFileNothingIsForeign() {
        let read = ReadDump()
        read.beginPart()
        read.feed(Array(("GET " + DumpReaderTests.one).utf8)[...])
        #expect(read.told.first == .refused(.junk))
        #expect(read.events.map(\.event) == [DumpReaderTests.one])
    }

    @Test func aCommentThatIsTooLongSaysNothing() {
        let fits = String(repeating: "c", count: 3_900)
        let tooLong = String(repeating: "c", count: 4_096)
        let read = ReadDump(
            commentText(callsign: fits) + DumpReaderTests.one
                + commentText(callsign: tooLong) + DumpReaderTests.one)
        #expect(read.events.map(\.callsign) == [fits, ""])
        #expect(read.events.map(\.isPresent) == [true, false])
    }

    @Test(arguments: [
        ("12", 12), ("0", 0), ("999999999999999999", 999_999_999_999_999_999),
        ("", nil), ("-1", nil), ("1.5", nil), ("9999999999999999999", nil), ("%31", nil),
    ] as [(String, Int64?)]) func theClockIsANumberOrUnknown(_ text: String, _ value: Int64?) {
        let read = ReadDump(commentText(clock: text) + DumpReaderTests.one)
        #expect(read.events.first?.clock == value)
        #expect(read.events.first?.isPresent == true)
    }

    @Test(arguments: [
        ("%41%6a%2D", "Aj-"), ("100%", "100%"), ("%4", "%4"), ("%zz%41", "%zzA"), ("+", "+"),
        ("%00%1b%3C", "\0\u{1B}<"), ("%C3%A9", "é"),
    ]) func escapesAreResolved(_ text: String, _ value: String) {
        let read = ReadDump(commentText(sender: text) + DumpReaderTests.one)
        #expect(read.events.first?.sender == value)
    }

    @Test func theLongestEventPassesAndALongerOneDoesNot() {
        let room = 65_536 - eventText("<a></a>").utf8.count
        let longest = eventText("<a>" + String(repeating: "x", count: room) + "</a>")
        let longer = eventText("<a>" + String(repeating: "x", count: room + 1) + "</a>")
        for size in [1_000, 65_536, 200_000] {
            let read = ReadDump()
            let bytes = Array((longest + longer + DumpReaderTests.one).utf8)
            var at = 0
            while at < bytes.count {
                read.feed(bytes[at..<min(at + size, bytes.count)])
                at += size
            }
            #expect(
                read.events.map { $0.event.utf8.count }
                    == [65_536, DumpReaderTests.one.utf8.count])
            #expect(read.told.contains(.refused(.tooLarge)))
        }
    }

    @Test func everyFileOfTheCorpusComesBack() {
        for name in EventCorpus.names() where !name.hasPrefix("51") {
            let bytes = EventCorpus.file(name)
            for size in [bytes.count, 13] {
                let read = ReadDump()
                var at = 0
                while at < bytes.count {
                    read.feed(bytes[at..<min(at + size, bytes.count)])
                    at += size
                }
                #expect(read.events.count == 1 && read.told.count == 1, "\(name)")
            }
        }
    }
}
