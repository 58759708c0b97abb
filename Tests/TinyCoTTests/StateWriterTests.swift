// What is written is read back as it was, through buffers of any size; and every other JSON tool
// reads the same in it.
import Foundation
import Testing

@testable import TinyCoT

@Suite struct StateWriterTests {
    private static func corpusEvents() -> [StateEvent] {
        EventCorpus.names().enumerated().map { index, name in
            StateEvent(
                kind: KeptRecord.Kind(rawValue: UInt8(index % 3))!, team: "team \(index)",
                address: Address(ipv4: 0x0A00_0000 + UInt32(index)), age: Int64(index) * 7,
                left: Int64(index) * 1000 + 1, bytes: EventCorpus.event(name))
        }
    }

    private static let hostileNames: [[UInt8]] = [
        Array("\",\"uid\":\"other\"}".utf8), Array("\\".utf8), Array("a\nb\tc\r\u{1}\u{7F}".utf8),
        [0], Array("\u{2028}\u{202E}🚁é".utf8), Array("</script>\u{0}%s".utf8),
        [UInt8](repeating: 1, count: 80), Array("]}".utf8), [],
    ]

    private static func clients() -> [StateClient] {
        hostileNames.enumerated().map { index, name in
            var client = StateClient()
            client.uid = name
            client.callsign = name
            client.team = Array(name.prefix(40))
            client.colour = Array(name.prefix(24).filter { $0 < 0x80 })
            client.role = client.colour
            client.takv = name
            client.lastType = client.colour
            client.lastEvent = 1_795_622_700_000 + Int64(index)
            client.ago = Int64(index) * 1000
            client.isConnected = index % 2 == 0
            return client
        }
    }

    @Test(arguments: [4096, 4097, 5000, 65_536])
    func everythingComesBack(bufferBytes: Int) {
        let events = StateWriterTests.corpusEvents()
        #expect(events.count > 70)
        let clients = StateWriterTests.clients()
        let file = stateFile(stateHeader(), clients, events, bufferBytes: bufferBytes)
        let read = readState(file)
        #expect(read.fault == nil)
        #expect(read.numbers == stateNumbers(stateHeader()))
        #expect(read.boot == Array("0f9a2c5e-6c1b-4a53-9d7e-000000000001".utf8))
        #expect(read.clients == clients)
        #expect(read.events == events)
        #expect(read.skipped == 0)
        #expect(read == readState(stateFile(stateHeader(), clients, events, eventsFirst: true)))
    }

    @Test func pythonReadsTheSame() throws {
        let events = StateWriterTests.corpusEvents()
        let clients = StateWriterTests.clients()
        let file = stateFile(stateHeader(), clients, events, later: 5)
        let words = try pythonJSON(
            [file],
            """
            s['version'], s['generation'], s['boot'], s['boot_ms'], s['wall_ms'], \
            s['wall_is_synchronised'], s['lived_ms'], s['starts'], s['events_in'], \
            s['events_out'], s['written_total'], s['written_today'], s['day_age_ms'], s['sha256']
            """)
        #expect(
            words == [
                "1 7 0f9a2c5e-6c1b-4a53-9d7e-000000000001 81234567 1795622700123 True "
                    + "400000000 3 123456 7890123 "
                    + "{'state': 1000, 'dump': 1001, 'packages': 1002, 'catalogue': 1003} "
                    + "{'state': 10, 'dump': 11, 'packages': 12, 'catalogue': 13} 3600000 "
                    + String(repeating: "0", count: 64)
            ])
        let texts = try pythonJSON(
            [file],
            "*(e['kind'] + str(e['age_ms']) + ' ' + str(e['left_ms']) + e['address'] + ' ' "
                + "+ e['event'].encode().hex() for e in s['events']), sep='\\n'")
        #expect(
            texts
                == events.map { event in
                    let hex = event.bytes.map {
                        String($0 >> 4, radix: 16) + String($0 & 15, radix: 16)
                    }
                    let address = stateSentence { $0.append(event.address) }
                    return "\(event.kind)\(event.age - 5) \(event.left + 5)\(address) "
                        + hex.joined()
                })
        let names = try pythonJSON(
            [file],
            "*(c['uid'].encode().hex() + '.' + c['last_type'].encode().hex() + '.' "
                + "+ str(c['ago_ms']) for c in s['clients']), sep='\\n'")
        #expect(
            names
                == clients.map { client in
                    let hex = [client.uid, client.lastType].map { name in
                        name.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }
                            .joined()
                    }
                    return "\(hex[0]).\(hex[1]).\(client.ago - 5)"
                })
    }

    /// Twice as long when written, across many buffers.
    @Test func theLongestEventOfNothingButEscapes() {
        let event = StateEvent(bytes: [UInt8](repeating: UInt8(ascii: "\""), count: 65_536))
        for bufferBytes in [4096, 4099, 10_000] {
            let file = stateFile(stateHeader(), [], [event, event], bufferBytes: bufferBytes)
            #expect(file.count > 4 * 65_536)
            #expect(readState(file).events == [event, event])
        }
    }

    /// Whatever room the buffer has left when the event comes.
    @Test func everyPlaceWhereABufferMayEnd() {
        let bytes = Array("<e a=\"\\\t\n\r'é🚁\"/>".utf8)
        for padding in 0..<150 {
            let events = [
                StateEvent(bytes: [UInt8](repeating: 0x41, count: 3500 + padding)),
                StateEvent(team: "b", left: 1, bytes: bytes), StateEvent(bytes: bytes),
            ]
            #expect(readState(stateFile(stateHeader(), [], events)).events == events)
        }
    }

    @Test func oneRecordALine() {
        let events = [StateEvent(bytes: Array("<a>\n</a>".utf8)), StateEvent(bytes: [0x41])]
        let file = stateFile(stateHeader(), [StateClient(), StateClient()], events)
        let lines = String(decoding: file, as: UTF8.self).split(
            separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.count { $0.hasPrefix("{\"uid\":") } == 2)
        #expect(lines.count { $0.hasPrefix("{\"kind\":") } == 2)
        #expect(lines.first == "{\"version\":1,")
        #expect(lines.contains("\"clients\":["))
        #expect(lines.contains("\"events\":["))
        #expect(lines.last == "")
        #expect(lines.dropLast().last == "\"sha256\":\"\(String(repeating: "0", count: 64))\"}")
    }

    @Test func anEmptyPictureIsAFileToo() {
        let read = readState(stateFile(stateHeader(), [], []))
        #expect(read.fault == nil)
        #expect(read.clients.isEmpty && read.events.isEmpty)
        #expect(read == readState(stateFile(stateHeader(), [], [], eventsFirst: true)))
    }

    /// An event that came after the snapshot began has a negative age from there on.
    @Test func spansCountFromTheHeadersMoment() {
        var client = StateClient()
        client.ago = 100
        let event = StateEvent(age: 100, left: 5000, bytes: [0x41])
        let read = readState(stateFile(stateHeader(), [client], [event], later: 250))
        #expect(read.clients.first?.ago == -150)
        #expect(read.events.first?.age == -150)
        #expect(read.events.first?.left == 5250)
    }

    @Test func numbersThatNoToolKeepsAreBounded() {
        var header = stateHeader()
        header.starts = .max
        header.eventsIn = .max
        header.wallMilliseconds = .min
        header.bootMilliseconds = -5
        header.writtenTotal[3] = .max
        let event = StateEvent(age: .min, left: .max, bytes: [0x41])
        let read = readState(stateFile(header, [], [event], later: .max))
        #expect(read.fault == nil)
        let most = StateHeader.numberMax
        #expect(read.numbers[5] == most && read.numbers[6] == most && read.numbers[12] == most)
        #expect(read.numbers[1] == 0 && read.numbers[2] == -most)
        #expect(read.events.first?.age == -most && read.events.first?.left == most)
    }

    /// A name that was cut names nobody, and does so after a restart.
    @Test func aNameThatWasCutStaysCut() {
        var client = StateClient()
        client.uid = [UInt8](repeating: 0x61, count: 81)
        client.takv = Array(String(repeating: "é", count: 41).utf8)
        client.lastType = Array("a-f-G-U-C-and-much-more-x".utf8)
        let read = readState(stateFile(stateHeader(), [client, StateClient()], []))
        #expect(read.clients.first?.cut == [true, false, false, false, false, true, true])
        #expect(read.clients.first?.uid == [UInt8](repeating: 0x61, count: 80))
        #expect(read.clients.last?.cut.contains(true) == false)
    }

    /// Our own mistake in one event does not cost the others.
    @Test(arguments: [[0x41, 0], [0xC3], [0xFF], [0xED, 0xA0, 0x80], [0x1F]] as [[UInt8]])
    func anEventThatJSONCannotHoldIsLeftOut(bytes: [UInt8]) {
        let good = StateEvent(bytes: [0x41])
        let events = [good, StateEvent(bytes: bytes), good]
        let read = readState(stateFile(stateHeader(), [], events))
        #expect(read.fault == nil)
        #expect(read.events == [good, good])
    }

    /// What is not UTF-8 becomes a mark, and the file stays JSON.
    @Test func aBrokenNameIsWrittenAsAMark() {
        var client = StateClient()
        client.uid = [0x41, 0xC3, 0x42]
        let read = readState(stateFile(stateHeader(), [client], []))
        #expect(read.fault == nil)
        #expect(read.clients.first?.uid == Array("A\u{FFFD}B".utf8))
    }
}
