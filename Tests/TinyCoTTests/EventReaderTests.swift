import Foundation
import Testing

@testable import TinyCoT

@Suite struct EventReaderTests {
    // MARK: The corpus; what is expected is in its README and in protocol 2.6.

    /// Files whose fault lies outside what the reader is handed, so the framer decides.
    private static let framing: Set<String> = [
        "h04", "h05", "h06", "h09", "h10", "h30", "h31", "h33", "h34", "h35", "h46", "h47",
        "h48", "h49", "h56", "h61", "h63",
    ]
    private static let refused: [String: Refusal] = [
        "h07": .missingPoint, "h11": .controlCharacter, "h12": .controlCharacter,
        "h13": .invalidUTF8, "h14": .invalidUTF8, "h15": .invalidUTF8, "h16": .duplicateAttribute,
        "h17": .missingUID, "h18": .missingUID, "h19": .missingType, "h20": .missingPoint,
        "h24": .badPoint, "h25": .badPoint, "h26": .badPoint, "h32": .nestedEvent,
        "h36": .tooDeep, "h38": .tooManyAttributes, "h43": .badReference,
        "h44": .mismatchedTag, "h45": .brokenMarkup, "h57": .badReference, "h58": .brokenMarkup,
        "h60": .reservedInstruction, "h64": .unterminated,
    ]
    private static let rewritten: Set<String> = ["h01", "h02", "h03", "h08"]

    @Test func everyNumberedFileIsAcceptedAndReadAsTheJudgeReadsIt() throws {
        let names = EventCorpus.names().filter { !$0.hasPrefix("51") }
        #expect(names.count > 60)
        for name in names {
            let bytes = EventCorpus.event(name)
            let event = ReadEvent(bytes)
            #expect(event.refusal == nil, "\(name)")
            #expect(!event.header.needsRewrite, "\(name)")
            let model = EventModel(root: try #require(XMLJudge.read(bytes), "\(name)"))
            #expect(model.differences(from: event) == [], "\(name)")
        }
    }

    @Test func everyHostileFileIsTreatedAsItsRowSays() {
        let names = EventCorpus.names(in: "hostile")
        #expect(names.count > 45)
        for name in names {
            let number = String(name.prefix(3))
            if EventReaderTests.framing.contains(number) { continue }
            let event = ReadEvent(EventCorpus.event(name))
            #expect(event.refusal == EventReaderTests.refused[number], "\(name)")
            if event.refusal == nil {
                let expected = EventReaderTests.rewritten.contains(number)
                #expect(event.header.needsRewrite == expected, "\(name)")
            }
        }
    }

    @Test func rowsWithOddTimesOrAnIncompletePointSayWhatIsMissing() {
        let incomplete = ReadEvent(EventCorpus.event(number: "h21"))
        #expect(incomplete.refusal == nil && !incomplete.header.pointIsComplete)
        #expect(ReadEvent(EventCorpus.event(number: "h22")).header.stale.isAbsent)
        let nan = ReadEvent(EventCorpus.event(number: "10"))
        #expect(nan.refusal == nil && nan.header.pointIsComplete)
    }

    // MARK: Shapes for which the corpus has a row but no file, and borders.

    @Test(arguments: [
        ("<event", Refusal.unterminated),
        ("<event>", .unterminated),
        ("<eventful uid='u'/>", .brokenMarkup),
        ("<event uid='u' type='t'><point lat='1' lon='2'></event>", .mismatchedTag),
        (eventText("<a></b>"), .mismatchedTag),
        (eventText("<abcdefghi></abcdefghj>"), .mismatchedTag),
        (eventText("<abcdefgh></abcdefg>"), .mismatchedTag),
        (eventText("<a b='<c'/>"), .brokenMarkup),
        (eventText("<a b='1'c='2'/>"), .brokenMarkup),
        (eventText("<a b/>"), .brokenMarkup),
        (eventText("<a b=1/>"), .brokenMarkup),
        (eventText("<a b='1' / >"), .brokenMarkup),
        (eventText("<1a/>"), .brokenMarkup),
        (eventText("<-a/>"), .brokenMarkup),
        (eventText("<\u{D7}/>"), .brokenMarkup),
        (eventText("< a/>"), .brokenMarkup),
        (eventText("<a \u{B7}b='1'/>"), .brokenMarkup),
        (eventText("a & b"), .badReference),
        (eventText("&nbsp;"), .badReference),
        (eventText("&amp"), .badReference),
        (eventText("&;"), .badReference),
        (eventText("&#;"), .badReference),
        (eventText("&#x;"), .badReference),
        (eventText("&#0;"), .badReference),
        (eventText("&#11;"), .badReference),
        (eventText("&#xFFFE;"), .badReference),
        (eventText("&#xD800;"), .badReference),
        (eventText("&#x110000;"), .badReference),
        (eventText("&#99999999999999999999;"), .badReference),
        (eventText("<a b='&#X41;'/>"), .badReference),
        (eventText("\u{FFFF}"), .controlCharacter),
        (eventText("]]>"), .brokenMarkup),
        (eventText("<!-- a -- b -->"), .brokenMarkup),
        (eventText("<!-- a --->"), .brokenMarkup),
        (eventText("<!ELEMENT a>"), .brokenMarkup),
        (eventText("<!DOCTYPE a>"), .doctype),
        (eventText("<?xml version='1.0'?>"), .reservedInstruction),
        (eventText("<?XmL x?>"), .reservedInstruction),
        (eventText("<??>"), .brokenMarkup),
        (eventText("<event/>"), .nestedEvent),
        (eventText() + "x", .brokenMarkup),
        (eventText() + eventText(), .brokenMarkup),
        (eventText(root: "uid='' type='t'"), .missingUID),
        (eventText(root: "uid='u' type=''"), .missingType),
        (eventText(point: ""), .missingPoint),
        (eventText(point: "<point lat='1'/>"), .missingPoint),
        (eventText("<point lat='1' lon='2'/>", point: ""), .missingPoint),
        (eventText(point: "<point lat='1' lon='2'/><point lat='1' lon='2'/>"), .badPoint),
    ])
    func isRefused(text: String, reason: Refusal) {
        #expect(ReadEvent(text).refusal == reason, "\(text)")
    }

    @Test(arguments: [
        "<a b = '1'\n\tc=\"&lt;&#x41;&#0000065;\"\n></a\r\n>",
        "<\u{E9}t\u{E9} \u{4E2D}='\u{1F600}'/>",
        "<:a :b=''/><a:b:c/>", "<?xml-stylesheet x?><?a?><?a ??>", "<!----><!-- - -->",
        "<![CDATA[]]]]><![CDATA[>&<]]>", "]] > ]]",
        "<abcdefghijklmnopqrstuvwxyz a='1'></abcdefghijklmnopqrstuvwxyz >",
        "<eventlog/><x:event/><events></events>", "\u{85}\u{7F}\u{1FFFE}", "<a b='>' c='\"'/>",
    ])
    func isAccepted(inside: String) {
        let text = eventText(inside)
        #expect(ReadEvent(text).refusal == nil, "\(text)")
        #expect(XMLJudge.read(Array(text.utf8)) != nil)
    }

    @Test func limitsHoldExactly() {
        func attributes(_ count: Int) -> String {
            eventText("<a " + (0..<count).map { "n\($0)='1'" }.joined(separator: " ") + "/>")
        }
        #expect(ReadEvent(attributes(128)).refusal == nil)
        #expect(ReadEvent(attributes(129)).refusal == .tooManyAttributes)
        func nested(_ count: Int) -> String {
            eventText(
                String(repeating: "<a>", count: count) + String(repeating: "</a>", count: count))
        }
        #expect(ReadEvent(nested(254)).refusal == nil)
        #expect(ReadEvent(nested(255)).refusal == .tooDeep)
        #expect(ReadEvent(eventText(String(repeating: "<marti/>", count: 4))).refusal == nil)
        let five = eventText(String(repeating: "<marti/>", count: 5))
        #expect(ReadEvent(five).refusal == .brokenMarkup)
    }

    /// Every name is repeated once; long names differ only in their last byte.
    @Test func aRepeatedAttributeIsFoundWhateverItsPlace() {
        let stem = "abcdefghijklmnop"
        for count in [2, 9, 60, 128] {
            let names = (0..<count - 1).map { i in
                i % 2 == 0 ? "n\(i)" : "\(stem)\(i + 1000)"
            }
            for name in [names.first!, names.last!] {
                let all = (names + [name]).map { $0 + "='1'" }.joined(separator: " ")
                #expect(ReadEvent(eventText("<a \(all)/>")).refusal == .duplicateAttribute)
            }
            let distinct = names.map { $0 + "='1'" }.joined(separator: " ")
            #expect(ReadEvent(eventText("<a \(distinct)/>")).refusal == nil)
        }
    }

    @Test(arguments: [
        ("90", true), ("-90.000", true), ("90.0000001", false), ("+8.6821", true), (".5", true),
        ("5.", true), (".", false), ("", false), ("5.01109E1", true), ("9e1", true),
        ("91e0", false), ("0.0009e5", true), ("0.0009001e5", false), ("1e", false), ("e1", false),
        ("1e+", false), ("0x10", false), ("inf", false), ("nan", false), ("1 ", false),
        (" 1", true), ("1,5", false), ("--1", false), ("0e99999999999999999999", true),
        ("1e-99999999999999999999", true), ("1e99999999999999999999", false),
        ("0000000000000000000000000000000000000089.99999999999999999999999999", true),
        ("100000000000000000000000000000e-28", true), ("100000000000000000000000000000e-27", false),
    ])
    func latitude(text: String, isGood: Bool) {
        let event = ReadEvent(eventText(point: "<point lat=\"\(text)\" lon=\"180\"/>"))
        #expect(event.refusal == (isGood ? nil : .badPoint), "\(text)")
    }

    @Test func theLongestNameThatTheJudgeTakesIsTheLongestHere() {
        let longest = String(repeating: "n", count: 50_000)
        #expect(ReadEvent(eventText("<\(longest)/>")).refusal == nil)
        #expect(ReadEvent(eventText("<\(longest)n/>")).refusal == .brokenMarkup)
        #expect(XMLJudge.read(Array(eventText("<\(longest)n/>").utf8)) == nil)
    }

    @Test func wordsOfNamesAreTheBytesOfNames() {
        let bytes = Array("endpoint".utf8)
        let word = bytes.withUnsafeBufferPointer { EightByteWord.load($0.baseAddress!) }
        #expect(word == EightByteWord.word("e", "n", "d", "p", "o", "i", "n", "t"))
        for byte in UInt8.min...UInt8.max {
            // Every byte value in every place, against production 4a of XML 1.0.
            let isName = byte < 0x80 && NameCharacters.canFollow(UInt32(byte))
            for place in 0..<8 {
                let around = EightByteWord.all(UInt8(ascii: "a"))
                let shift = UInt64(place * 8)
                let word = around & ~(0xFF << shift) | UInt64(byte) << shift
                let mask = EightByteWord.notNames(word)
                #expect(mask == (isName ? 0 : 0x80 << shift), "\(byte) \(place)")
                let stops = EightByteWord.stops(word, mark: UInt8(ascii: "\""))
                let isStop = byte < 0x20 || byte >= 0x80 || "\"<&".utf8.contains(byte)
                #expect((stops != 0) == isStop)
                if isStop { #expect(EightByteWord.before(stops) == place) }
            }
        }
    }

    // MARK: No byte beyond the event is touched.

    @Test func nothingBeyondTheEventIsRead() throws {
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        let size = 17 * page
        let map = mmap(nil, size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        let memory = try #require(map)
        defer { munmap(memory, size + page) }
        #expect(mprotect(memory + size, page, PROT_NONE) == 0)
        let tables = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 64)
        defer { tables.deallocate() }
        var arena = Arena(memory: tables)
        var reader = EventReader(arena: &arena)
        var header = EventHeader()
        for name in ["06", "28", "66", "64", "73", "h03", "h08", "h13", "h43"] {
            let event = EventCorpus.event(number: name)
            // Every prefix ends flush against the page that must not be read.
            for length in 0...event.count {
                let start = (memory + size - length).assumingMemoryBound(to: UInt8.self)
                for i in 0..<length { start[i] = event[i] }
                let refusal = reader.read(Slab(start: start, count: length), into: &header)
                if length < event.count { #expect(refusal != nil) }
            }
        }
    }
}
