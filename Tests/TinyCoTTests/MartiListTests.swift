// Lists in pieces: whatever the size of the pieces, they join to the same JSON, which Foundation
// reads; and no text of an element gets out of its quotes.

import Foundation
import Testing

@testable import TinyCoT

@Suite struct MartiListTests {
    private static var server: MartiServer {
        var server = MartiServer(version: "1")
        server.node.set("n")
        return server
    }

    /// Writes a list with pieces of `room` bytes, as the store loop does.
    private func pieces(
        _ kind: MartiList.Kind, _ count: Int, room: Int = MartiList.pieceBytesMin,
        _ add: (inout MartiList, Int, inout ByteWriter) -> Bool
    ) -> (all: [UInt8], count: Int) {
        withSlab([UInt8](repeating: 0, count: room)) { slab in
            var writer = ByteWriter(slab)
            var all: [UInt8] = []
            var sent = 0
            func fit(_ write: (inout ByteWriter) -> Bool) {
                if write(&writer) { return }
                all += array(writer.written)
                sent += 1
                writer.reset()
                #expect(write(&writer), "an empty piece takes every element")
            }
            var list = MartiList(kind)
            fit { list.begin(&$0) }
            for i in 0..<count { fit { add(&list, i, &$0) } }
            #expect(!list.isWhole)
            fit { list.end(MartiListTests.server, &$0) }
            #expect(list.isWhole)
            return (all + array(writer.written), sent + 1)
        }
    }

    private func read(_ bytes: [UInt8]) throws -> Any {
        try JSONSerialization.jsonObject(with: Data(bytes))
    }

    @Test func onePackageIsTheExampleOfTheProtocol() throws {
        let made = pieces(.packages, 1) { list, _, writer in
            list.add(MartiAnswersTests.record(), &writer)
        }
        let hash = String(repeating: "a", count: 64)
        let element: [String: Any] = [
            "UID": hash, "Name": "pkg one.zip", "Hash": hash, "PrimaryKey": "1",
            "SubmissionDateTime": "2026-01-02T03:04:05.678Z", "SubmissionUser": "ALPHA",
            "CreatorUid": "ANDROID-1", "Keywords": ["missionpackage"],
            "MIMEType": "application/x-zip-compressed", "Size": "1234", "Tool": "public",
            "EXPIRATION": "-1",
        ]
        let expected: NSDictionary = ["resultCount": 1, "results": [element]]
        #expect(try read(made.all) as? NSDictionary == expected)
        #expect(String(decoding: made.all, as: UTF8.self).hasSuffix("],\"resultCount\":1}"))
    }

    @Test func emptyLists() throws {
        let none = { (_: inout MartiList, _: Int, _: inout ByteWriter) in true }
        #expect(
            pieces(.packages, 0, none).all == Array("{\"results\":[],\"resultCount\":0}".utf8))
        #expect(pieces(.contacts, 0, none).all == Array("[]".utf8))
        let expected: NSDictionary = [
            "version": "3", "type": "com.bbn.marti.remote.ClientEndpoint", "data": [Any](),
            "nodeId": "n",
        ]
        #expect(try read(pieces(.clientEndpoints, 0, none).all) as? NSDictionary == expected)
    }

    @Test func tenThousandPackagesInSmallPieces() throws {
        let made = pieces(.packages, 10_000) { list, i, writer in
            list.add(MartiAnswersTests.record(i), &writer)
        }
        #expect(made.count > 500)
        let object = try #require(try read(made.all) as? [String: Any])
        #expect(object["resultCount"] as? Int == 10_000)
        let results = try #require(object["results"] as? [[String: Any]])
        #expect(results.count == 10_000)
        #expect(
            results.enumerated().allSatisfy { $1["PrimaryKey"] as? String == "\($0)" })
        let whole = pieces(.packages, 10_000, room: 8_000_000) { list, i, writer in
            list.add(MartiAnswersTests.record(i), &writer)
        }
        #expect(whole.count == 1)
        #expect(whole.all == made.all)
    }

    private func contact(_ callsign: [UInt8], _ uid: [UInt8] = Array("U-1".utf8)) -> ContactRecord {
        var contact = ContactRecord()
        withSlab(callsign) { contact.callsign.set($0) }
        withSlab(uid) { contact.uid.set($0) }
        contact.team.set("Cyan")
        contact.role.set("Team Member")
        contact.takv.set("ATAK 4.6")
        contact.lastEventAt = WallTime(milliseconds: 1_767_323_045_678)
        contact.isConnected = true
        return contact
    }

    @Test func contactsAndEndpoints() throws {
        var gone = contact(Array("BRAVO".utf8))
        gone.isConnected = false
        let contacts = [contact(Array("ALPHA".utf8)), gone]
        let endpoints = pieces(.clientEndpoints, 2) { $0.add(contacts[$1], &$2) }
        let data = [("ALPHA", "Connected"), ("BRAVO", "Disconnected")].map { callsign, status in
            [
                "callsign": callsign, "uid": "U-1", "username": "anonymous", "team": "Cyan",
                "role": "Team Member", "lastEventTime": "2026-01-02T03:04:05.678Z",
                "lastStatus": status,
            ]
        }
        let expected: NSDictionary = [
            "version": "3", "type": "com.bbn.marti.remote.ClientEndpoint", "data": data,
            "nodeId": "n",
        ]
        #expect(try read(endpoints.all) as? NSDictionary == expected)
        let all = pieces(.contacts, 1) { $0.add(contacts[$1], &$2) }
        let bare: NSArray = [
            [
                "filterGroups": [Any](), "notes": "", "callsign": "ALPHA", "team": "Cyan",
                "role": "Team Member", "takv": "ATAK 4.6", "uid": "U-1",
            ] as [String: Any]
        ]
        #expect(try read(all.all) as? NSArray == bare)
    }

    @Test func whatATAKWouldThrowTheListAwayForIsLeftOutOrFilled() throws {
        let contacts = [contact([]), contact(Array("A".utf8)), contact(Array("B".utf8), [])]
        for kind in [MartiList.Kind.clientEndpoints, .contacts] {
            let made = pieces(kind, 3) { $0.add(contacts[$1], &$2) }
            let read = try read(made.all)
            let list = (read as? NSDictionary)?["data"] as? NSArray ?? read as? NSArray
            #expect(list?.count == 1)
        }
        var record = MartiAnswersTests.record()
        record.name.set("")
        record.keywords.set(",a,,b c,")
        let made = pieces(.packages, 1) { list, _, writer in list.add(record, &writer) }
        let results = (try read(made.all) as? NSDictionary)?["results"] as? [[String: Any]]
        #expect(results?[0]["Name"] as? String == String(repeating: "a", count: 64))
        #expect(results?[0]["Keywords"] as? [String] == ["a", "b c"])
    }

    @Test func hostileTextsStayInsideTheirQuotes() throws {
        var random = SeededGenerator(seed: 1000)
        let letters =
            Array("\"\\{}[],:\u{0}\n\u{7F}\u{1B}a/ü".utf8) + [0x80, 0xC3, 0xFF, 0xED, 0xA0]
        func hostile(_ count: Int) -> [UInt8] {
            (0..<1 + random.below(count)).map { _ in letters[random.below(letters.count)] }
        }
        let contacts = (0..<1000).map { _ in contact(hostile(80), hostile(80)) }
        let made = pieces(.clientEndpoints, contacts.count) { $0.add(contacts[$1], &$2) }
        let data = try #require(
            (try read(made.all) as? [String: Any])?["data"] as? [[String: Any]])
        #expect(data.count == contacts.count)
        for (element, contact) in zip(data, contacts) {
            #expect(element.count == 7)
            guard let expected = String(validating: text(contact.callsign), as: UTF8.self)
            else { continue }
            #expect(element["callsign"] as? String == expected)
        }
    }

    /// The longest of all elements fits into the smallest piece, and so does the longest end.
    @Test func theLongestElementFits() throws {
        for byte in [UInt8(0), 0x22, 0x80] {
            let full = [UInt8](repeating: byte, count: 255)
            var record = MartiAnswersTests.record()
            record.number = .max
            record.sizeBytes = .max
            withSlab(full) {
                record.name.set($0)
                record.creatorUID.set($0)
                record.submissionUser.set($0)
                record.mimeType.set($0)
                record.keywords.set($0)
                record.tool.set($0)
            }
            // A cut text keeps no broken sequence at its end, so these must be set to fit.
            withSlab(Array(full[..<80])) {
                record.creatorUID.set($0)
                record.submissionUser.set($0)
                record.mimeType.set($0)
            }
            withSlab(Array(full[..<160])) { record.keywords.set($0) }
            withSlab(Array(full[..<32])) { record.tool.set($0) }
            let made = pieces(.packages, 3) { list, _, writer in list.add(record, &writer) }
            let object = try #require(try read(made.all) as? [String: Any])
            #expect((object["results"] as? [Any])?.count == 3)
            var server = MartiListTests.server
            withSlab(Array(full[..<40])) { server.node.set($0) }
            var one = contact(Array(full[..<80]), Array(full[..<80]))
            withSlab(Array(full[..<80])) {
                one.team.set($0)
                one.role.set($0)
                one.takv.set($0)
            }
            let contacts = pieces(.contacts, 3) { list, _, writer in list.add(one, &writer) }
            #expect((try read(contacts.all) as? [Any])?.count == 3)
        }
    }
}
