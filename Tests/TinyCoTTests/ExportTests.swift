// One line or element at a time, hostile names among them. Whole documents are judged by schemas in
// Tests/acceptance/test_export.py.

import Foundation
import Testing

@testable import TinyCoT

@Suite struct ExportTests {
    private static let hostile =
        commentText(
            clock: "77", sender: "%00%22%5C%EF%BF%BE", callsign: "%3C%2Fa%3E%FF", team: "r%26d%0A")
        + eventText(
            "<contact callsign=\"&lt;b&gt; &quot;x&quot; &#x1F691;\" endpoint=\"e\"/>"
                + "<__group name=\"Dark Blue\" role=\"x\"/>",
            root: "uid=\"u&amp;1\" type=\"a-f-G\" how=\"m-g\" time=\"2026-01-15T12:00:00Z\"",
            point: "<point lat=\"+1.50\" lon=\"180\" hae=\"nan\" ce=\".5\" le=\"9999999.\"/>")

    private func export(_ text: String, _ body: (DumpEvent, inout ByteWriter) -> Void) -> String {
        var result = ""
        withEvents(text) { event, _ in result += written { body(event, &$0) } }
        return result
    }

    @Test func aLineOfJSONHoldsEveryField() throws {
        let line = export(ExportTests.hostile) { ExportJSON.line($0, into: &$1) }
        #expect(!line.contains("\n"))
        let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
        let found = try #require(object)
        #expect(found["received"] as? String == "2026-11-25T16:05:00.123Z")
        #expect(found["clock"] as? Int == 77)
        #expect(found["sender"] as? String == "\0\"\\\u{FFFE}")
        #expect(found["callsign"] as? String == "</a>\u{FFFD}")
        #expect(found["team"] as? String == "r&d\n")
        #expect(found["uid"] as? String == "u&1")
        #expect(found["type"] as? String == "a-f-G")
        #expect(found["how"] as? String == "m-g")
        #expect(found["time"] as? String == "2026-01-15T12:00:00Z")
        #expect(found["start"] is NSNull && found["stale"] is NSNull)
        #expect(found["lat"] as? Double == 1.5 && found["lon"] as? Double == 180)
        #expect(found["hae"] is NSNull)
        #expect(found["ce"] as? Double == 0.5 && found["le"] as? Double == 9_999_999)
        let event = try #require(found["event"] as? String)
        #expect(ExportTests.hostile.hasSuffix(event) && event.hasPrefix("<event "))
        #expect(found.count == 17)
    }

    @Test func aTrackOfGPXNamesItsThing() {
        let text = export(ExportTests.hostile) { ExportGPX.beginTrack($0, into: &$1) }
        #expect(
            text == "<trk><name>&lt;b&gt; &quot;x&quot; \u{1F691}</name><cmt>r&amp;d&#10;</cmt>"
                + "<desc>u&amp;1</desc><type>a-f-G</type><trkseg>\n")
    }

    @Test func aPointOfGPXEndsBeforeTheDateLine() {
        var point = TrackPoint()
        point.place.latitude = -1_500_000_000
        point.place.longitude = 180_000_000_000
        #expect(
            written { ExportGPX.point(point, into: &$0) }
                == "<trkpt lat=\"-1.5\" lon=\"-180\"></trkpt>\n")
        point.place.longitude = 179_999_999_999
        point.place.height = 1_500
        point.hasTime = true
        #expect(
            written { ExportGPX.point(point, into: &$0) }
                == "<trkpt lat=\"-1.5\" lon=\"179.999999999\"><ele>1.5</ele>"
                + "<time>1970-01-01T00:00:00.000Z</time></trkpt>\n")
    }

    @Test func aPlacemarkHasTheColourOfItsTeam() {
        let text = export(ExportTests.hostile) { ExportKML.beginLine($0, into: &$1) }
        #expect(text.contains("<styleUrl>#team-dark-blue</styleUrl>"))
        let styles = written { ExportKML.begin(into: &$0) }
        #expect(styles.contains("<Style id=\"team-dark-blue\"><IconStyle><color>ff7f0000</color>"))
        #expect(styles.components(separatedBy: "<Style ").count == 15)
    }

    @Test func theTeamIsWhatTheDumpSaysElseTheColour() {
        let event = eventText("<__group name=\"C&amp;yan\" role=\"x\"/>")
        var teams: [String] = []
        withEvents(commentText(team: "") + event + event) { event, _ in
            teams.append(written { event.team.write(.plain, into: &$0) })
        }
        #expect(teams == ["", "C&yan"])
    }

    @Test func aFilterLetsPassWhatFits() {
        func lets(uid: String? = nil, team: String? = nil, type: String? = nil) -> Bool {
            func slab(_ text: String?) -> Slab<UInt8>? {
                guard let text else { return nil }
                let memory = UnsafeMutablePointer<UInt8>.allocate(capacity: text.utf8.count + 1)
                memory.initialize(from: Array(text.utf8), count: text.utf8.count)
                return Slab(start: memory, count: text.utf8.count)
            }
            let filter = DumpFilter(uid: slab(uid), team: slab(team), typePrefix: slab(type))
            var answer = false
            withEvents(ExportTests.hostile) { event, _ in answer = filter.lets(event) }
            return answer
        }
        #expect(lets() && lets(uid: "u&1") && lets(team: "r&d\n") && lets(type: "a-f-G"))
        #expect(lets(type: "a-f-") && lets(uid: "u&1", team: "r&d\n", type: "a"))
        #expect(!lets(uid: "u&amp;1") && !lets(uid: "u") && !lets(uid: "u&12"))
        #expect(!lets(team: "Dark Blue") && !lets(type: "a-f-G-U") && !lets(type: "b"))
    }
}
