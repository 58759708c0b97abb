// A state file is read the same however it is cut; what cannot be read is refused with a sentence;
// what later versions may add is passed over.
import Foundation
import Testing

@testable import TinyCoT

@Suite struct StateReaderTests {
    private static var small: [UInt8] {
        var client = StateClient()
        client.uid = Array("ANDROID-é🚁\"\\\u{1}".utf8)
        client.callsign = [UInt8](repeating: 0x61, count: 81)
        client.isConnected = true
        let events = [
            StateEvent(
                kind: .position, team: "blue", address: Address(ipv4: 0x0A00_0007), age: 5,
                left: 60_000, bytes: Array("<event uid=\"é🚁\">\n\t</event>".utf8)),
            StateEvent(kind: .emergency, address: Address(high: 1, low: 2), bytes: [0x41]),
        ]
        return stateFile(stateHeader(), [client], events)
    }

    @Test func everyCutOfASmallFile() {
        let file = StateReaderTests.small
        let whole = readState(file)
        #expect(whole.fault == nil && whole.events.count == 2 && whole.clients.count == 1)
        for cut in 0...file.count {
            #expect(readState(file, cuts: [cut]) == whole, "cut at \(cut)")
        }
        #expect(readState(file, cuts: Array(1..<file.count)) == whole)
    }

    @Test func randomCutsOfALargerFile() {
        var random = SeededGenerator(seed: 77)
        let events = EventCorpus.names().map { name in
            StateEvent(kind: .item, team: "t", left: 9, bytes: EventCorpus.event(name))
        }
        let file = stateFile(stateHeader(), [StateClient()], events)
        let whole = readState(file)
        #expect(whole.fault == nil && whole.events == events)
        for _ in 0..<20 {
            let cuts = (0..<random.below(300)).map { _ in random.below(file.count + 1) }.sorted()
            #expect(readState(file, cuts: cuts) == whole)
        }
    }

    @Test func everyTruncationIsRefused() {
        let file = StateReaderTests.small
        // Without its line feed it is whole to the reader, not to the hash.
        for count in 0..<(file.count - 1) {
            #expect(readState(Array(file[..<count])).fault != nil, "\(count) bytes")
        }
        #expect(readState(Array(file.dropLast())).fault == nil)
    }

    // MARK: What later versions add

    private static let header = """
        {"version":1,"generation":7,"boot":"b","boot_ms":1,"wall_ms":-2,
        "wall_is_synchronised":false,"lived_ms":3,"starts":4,"events_in":5,"events_out":6,
        "written_total":{"state":1,"dump":2,"packages":3,"catalogue":4},
        "written_today":{"catalogue":8,"packages":7,"dump":6,"state":5},"day_age_ms":9,

        """
    private static let ending = "\"sha256\":\"" + String(repeating: "aB", count: 32) + "\"}\n"
    private static let event = """
        {"kind":"item","team":"t","address":"::1","age_ms":-1,"left_ms":2,"event":"<e/>"}
        """
    private static let client = """
        {"uid":"u","callsign":"c","team":"t","colour":"Cyan","role":"HQ","takv":"v",
        "last_type":"a-f","last_event_ms":1,"ago_ms":2,"is_connected":true}
        """

    private func text(
        header: String = header, clients: String = client, events: String = event,
        ending: String = ending
    ) -> [UInt8] {
        Array((header + "\"clients\":[\(clients)],\n\"events\":[\(events)],\n" + ending).utf8)
    }

    @Test func theFileOfTheseTestsIsRead() {
        let read = readState(text())
        #expect(read.fault == nil)
        #expect(read.numbers == [7, 1, -2, 0, 3, 4, 5, 6, 9, 1, 2, 3, 4, 5, 6, 7, 8])
        #expect(read.clients.count == 1 && read.clients[0].colour == Array("Cyan".utf8))
        #expect(
            read.events == [
                StateEvent(
                    team: "t", address: Address(high: 0, low: 1), age: -1, left: 2,
                    bytes: Array("<e/>".utf8))
            ])
    }

    @Test(arguments: [
        "1", "-0.5e+3", "true", "null", "\"a\\u00e9\\ud83d\\ude81\"", "[]", "{}",
        "[[1,2,{\"uid\":[\"x\"]}],\"y\"]", "{\"event\":{\"kind\":1,\"a\":[{}]},\"b\":null}",
    ])
    func unknownMembersArePassedOver(value: String) {
        let plain = readState(text())
        let member = "\"event_later\":\(value),"
        for place in ["\"generation\"", "\"clients\"", "\"sha256\"", "\"state\":1", "\"kind\"",
            "\"left_ms\"", "\"uid\"", "\"ago_ms\"",
        ] {
            let whole = String(decoding: text(), as: UTF8.self)
            let range = whole.range(of: place)!
            let added = whole.replacingCharacters(in: range, with: member + place)
            #expect(readState(Array(added.utf8)) == plain, "\(member) before \(place)")
        }
        #expect(readState(text(ending: String(
            StateReaderTests.ending.dropLast(2)) + ",\"z\":\(value)}")) == plain)
    }

    @Test func eventsOfUnknownKindAreSkippedAndCounted() {
        let unknown = """
            {"kind":"track","points":[{"lat":1}],"age_ms":"not a number","event":"<e/>"}
            """
        let last = "{\"left_ms\":5,\"event\":\"<e/>\",\"kind\":\"\"}"
        let read = readState(
            text(events: [unknown, StateReaderTests.event, last].joined(separator: ",")))
        #expect(read.fault == nil)
        #expect(read.events.count == 1)
        #expect(read.skipped == 2)
    }

    @Test func anEventThatIsTooLongForTodaysBudgetIsSkipped() {
        let events = (1022...1026).map { count in
            StateEvent(bytes: [UInt8](repeating: 0x41, count: count))
        }
        let read = readState(stateFile(stateHeader(), [], events), eventMaxBytes: 1024)
        #expect(read.fault == nil)
        #expect(read.events.map(\.bytes.count) == [1022, 1023, 1024])
        #expect(read.skipped == 2)
    }

    /// Another tool may have written the same otherwise.
    @Test func escapesOfEveryForm() {
        let event = StateReaderTests.event.replacingOccurrences(
            of: "<e/>",
            with: "\\u003ce\\u0020a='\\u00E9\\u20ac\\uD83D\\uDE81\\b\\f\\n\\r\\t\\/\\\\\\\""
                + "'\\u003E")
        let expected = "<e a='é€🚁\u{8}\u{C}\n\r\t/\\\"'>"
        let read = readState(text(events: event))
        #expect(read.events.first?.bytes == Array(expected.utf8))
        let client = StateReaderTests.client.replacingOccurrences(
            of: "\"uid\"", with: "\"\\u0075i\\u0064\"")
        #expect(readState(text(clients: client)) == readState(text()))
    }

    /// All but `version`, which is the first in every version, and the header before the records.
    @Test func membersMayStandInAnyOrderAndWithAnySpace() {
        let members = StateReaderTests.header.dropFirst(13).split(separator: ",\n").flatMap {
            // Objects stay whole.
            $0.contains("{") ? [String($0)] : $0.split(separator: ",").map(String.init)
        }
        #expect(members.count == 11)
        let header = "\r\n {\t\"version\" :1 ,"
            + members.reversed().joined(separator: " ,\n\n") + ","
        func turned(_ object: String) -> String {
            let inner = object.dropFirst().dropLast().replacingOccurrences(of: "\n", with: "")
            return " { " + inner.split(separator: ",").reversed().joined(separator: "\n,\t")
                + "}\n"
        }
        let lists = "\"events\" : [\n\(turned(StateReaderTests.event))],"
            + "\"clients\":[\(turned(StateReaderTests.client))],"
        let file = header + lists + StateReaderTests.ending + "\n\n"
        #expect(readState(Array(file.utf8)) == readState(text()))
        let early = "{\"version\":1," + lists + StateReaderTests.header.dropFirst(13)
        #expect(readState(Array(early.utf8)).fault?.contains("the header has no") == true)
    }

    // MARK: Refusals

    private static let refusals: [(String, String, String)] = [
        ("\"version\":1", "\"version\":2",
            "line 1: the format has version 2; this program knows version 1"),
        ("\"version\":1", "\"version\":0", "line 1: \"version\" is 0; allowed is 1 to 1"),
        ("\"version\":1", "\"version\":1.0",
            "line 1: \"version\" is a number; allowed is a whole number"),
        ("{\"version\":1,", "{", "line 1: the beginning has no \"version\""),
        ("\"generation\":7,", "", "line 5: the header has no \"generation\""),
        ("\"generation\":7", "\"generation\":-7",
            "line 1: \"generation\" is -7; allowed is 0 to 4503599627370495"),
        ("\"starts\":4", "\"starts\":9007199254740992",
            "line 2: \"starts\" is 9007199254740992; allowed is 0 to 9007199254740991"),
        ("\"starts\":4", "\"starts\":123456789012345678901234567890",
            "line 2: \"starts\" is beyond 9223372036854775807; allowed is 0 to 9007199254740991"),
        ("\"boot\":\"b\"", "\"boot\":[]", "line 1: \"boot\" is a list; allowed is a text"),
        ("\"boot\":\"b\",", "\"boot\":\"b\",\"boot\":\"b\",",
            "line 1: \"boot\" stands there twice; once is allowed"),
        ("\"dump\":2,", "", "line 3: written_total has no \"dump\""),
        ("\"dump\":2,", "\"dump\":2,\"dump\":2,",
            "line 3: \"dump\" stands there twice; once is allowed"),
        ("\"written_total\":{", "\"written_total\":[{",
            "line 3: \"written_total\" is a list; allowed is an object"),
        ("\"clients\":[", "\"clients\":[7,",
            "line 5: \"clients\" is a number; allowed is a list of objects"),
        ("\"events\":[", "\"events\":null,\"x\":[",
            "line 7: \"events\" is null; allowed is a list"),
        ("\"is_connected\":true", "\"is_connected\":1",
            "line 6: \"is_connected\" is a number; allowed is true or false"),
        (",\"is_connected\":true", "", "line 6: a client has no \"is_connected\""),
        (",\"is_connected\":true", ",\"is_connected\":true,\"cut\":[1]",
            "line 6: \"cut\" is a number; allowed is a list of texts"),
        ("\"address\":\"::1\"", "\"address\":\"10.0.0\"",
            "line 7: \"address\" is something else; allowed is an IPv4 or IPv6 address"),
        ("\"address\":\"::1\"", "\"address\":\"\"",
            "line 7: \"address\" is something else; allowed is an IPv4 or IPv6 address"),
        ("\"left_ms\":2,", "", "line 7: an event has no \"left_ms\""),
        ("\"left_ms\":2", "\"left_ms\":-2",
            "line 7: \"left_ms\" is -2; allowed is 0 to 9007199254740991"),
        ("\"event\":\"<e/>\"", "\"event\":{\"a\":1}",
            "line 7: \"event\" is an object; allowed is a text"),
        ("aB\"}", "aG\"}", "line 8: \"sha256\" is no hash; allowed is 64 hexadecimal digits"),
        ("aB\"}", "aBa\"}", "line 8: \"sha256\" is no hash; allowed is 64 hexadecimal digits"),
        (",\n\"sha256\"", ",\n\"hash\"", "line 8: the state has no \"sha256\""),
        ("{\"version\"", "[{\"version\"", "line 1: found a list; allowed is an object"),
        ("{\"version\"", "{,\"version\"", "line 1: found \",\"; allowed is a key in quotes"),
        ("\"<e/>\"", "\"<e\n/>\"",
            "line 7: found the byte 0x0a; allowed is no control character in a text, "
                + "unless it is escaped"),
        ("\"<e/>\"", "\"\\uD83D<\"",
            "line 7: found \"<\"; allowed is the second half of a pair of \\u escapes"),
        ("\"<e/>\"", "\"\\uDE81\"",
            "line 7: found \"1\"; allowed is both halves of a pair of \\u escapes"),
        ("\"<e/>\"", "\"\\x41\"", "line 7: found \"x\"; allowed is an escape that JSON knows"),
        ("\"left_ms\":2", "\"left_ms\":02",
            "line 7: found \"2\"; allowed is a number without a zero before it"),
        ("\"}\n", "\"}\n{}\n", "line 9: found \"{\"; allowed is nothing behind the end"),
        ("\"}\n", "\"\n", "line 9: the file ends where the end of the state is missing"),
        ("\"generation\"", "\"x\":" + String(repeating: "[", count: 16) + ",\"generation\"",
            "line 1: values are nested more than 16 levels deep"),
    ]

    @Test(arguments: refusals.indices)
    func refusal(index: Int) throws {
        let (found, put, sentence) = StateReaderTests.refusals[index]
        let whole = String(decoding: text(), as: UTF8.self)
        let range = try #require(whole.range(of: found, options: index > 30 ? .backwards : []))
        let broken = Array(whole.replacingCharacters(in: range, with: put).utf8)
        #expect(readState(broken).fault == sentence)
        #expect(readState(broken, cuts: Array(1..<broken.count)).fault == sentence)
    }

    @Test func brokenUTF8IsRefused() {
        let mark = Array("<e/>".utf8)
        for bytes: [UInt8] in [[0xC3], [0xFF], [0x80], [0xC0, 0xAF], [0xED, 0xA0, 0x80],
            [0xF4, 0x90, 0x80, 0x80], [0xE2, 0x82, 0x22],
        ] {
            var file = text()
            let at = file.indices.first { file[$0...].starts(with: mark) }!
            file.replaceSubrange(at..<(at + 4), with: bytes)
            #expect(readState(file).fault?.hasSuffix("allowed is UTF-8") == true, "\(bytes)")
        }
    }

    // MARK: Fixtures

    @Test func theGoldenFileOfVersionOne() throws {
        let file = try stateFixture("version-1.json")
        let read = readState(file)
        #expect(read.fault == nil)
        #expect(read.numbers == stateNumbers(stateHeader(generation: 42)))
        #expect(read.clients == stateFixtureClients)
        #expect(read.events == stateFixtureEvents)
        // It is written today as it was then, up to the hash, which the edge computes.
        let written = stateFile(
            stateHeader(generation: 42), stateFixtureClients, stateFixtureEvents)
        #expect(Array(file.dropLast(77)) == Array(written.dropLast(77)))
    }

    @Test func aFileOfVersionTwoIsNewerAndNotBroken() throws {
        let read = readState(try stateFixture("version-2.json"))
        #expect(read.fault == "line 1: the format has version 2; this program knows version 1")
        #expect(read.clients.isEmpty && read.events.isEmpty)
    }
}

func stateFixture(_ name: String) throws -> [UInt8] {
    let folder = EventCorpus.folder.deletingLastPathComponent().appendingPathComponent("State")
    return [UInt8](try Data(contentsOf: folder.appendingPathComponent(name)))
}

/// What Tests/State/version-1.json holds.
let stateFixtureClients: [StateClient] = {
    var alpha = StateClient()
    alpha.uid = Array("ANDROID-589520ccfcd20f01".utf8)
    alpha.callsign = Array("ALPHA \"é\" 🚁".utf8)
    alpha.team = Array("blue".utf8)
    alpha.colour = Array("Cyan".utf8)
    alpha.role = Array("Team Member".utf8)
    alpha.takv = Array("ATAK-CIV 5.2.0".utf8)
    alpha.lastType = Array("a-f-G-U-C".utf8)
    alpha.lastEvent = 1_795_622_695_000
    alpha.ago = 5123
    alpha.isConnected = true
    var long = StateClient()
    long.uid = [UInt8](repeating: UInt8(ascii: "x"), count: 80)
    long.callsign = Array("tab\there\u{7}".utf8)
    long.lastEvent = -1
    long.ago = -20
    long.cut[0] = true
    return [alpha, long]
}()

let stateFixtureEvents: [StateEvent] = [
    StateEvent(
        kind: .position, team: "blue", address: Address(ipv4: 0x0A00_0007), age: 5123,
        left: 54_877,
        bytes: Array("<event version='2.0' uid='ANDROID-589520ccfcd20f01'/>".utf8)),
    StateEvent(
        kind: .item, team: "", address: Address(high: 0x2001_0DB8_0000_0000, low: 1), age: -20,
        left: 0, bytes: Array("<event a=\"\\\">\r\n\tß\n</event>".utf8)),
    StateEvent(
        kind: .emergency, team: "red", address: Address(), age: 1, left: 3_600_000,
        bytes: Array("<event uid=\"911\"/>".utf8)),
]
