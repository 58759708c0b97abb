// Numbers of a point in files for other programs. Expected values are what the text says by the
// rules of strtod and RFC 8259, worked out by hand.

import Foundation
import Testing

@testable import TinyCoT

@Suite struct EventPointTests {
    private func read<R>(_ value: String, _ body: (Slab<UInt8>, ByteRange) -> R) -> R {
        let text = eventText(point: "<point lat=\"\(value)\" lon=\"0\"/>")
        return withSlab(text) { slab in
            body(slab, EventPoint(slab).latitude)
        }
    }

    @Test(arguments: [
        ("1", "1"), ("-1.50", "-1.50"), ("+8.6821", "8.6821"), (".5", "0.5"), ("-.5", "-0.5"),
        ("9999999.", "9999999"), ("007", "7"), ("-000.10", "-0.10"), ("0", "0"), ("00", "0"),
        ("5.01109E1", "5.01109E1"), ("1.e5", "1e5"), ("-1.5e+1", "-1.5e+1"), (" 2", "2"),
        ("0e0", "0e0"), ("nan", "null"), ("-NaN", "null"), ("inf", "null"), ("", "null"),
        ("1,5", "null"), ("0x10", "null"), ("1e400", "null"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
    ]) func aNumberBecomesJSON(_ value: String, _ json: String) throws {
        let found = read(value) { slab, range in
            written { EventPoint.writeJSON(slab, range, into: &$0) }
        }
        #expect(found == json)
        _ = try JSONSerialization.jsonObject(with: Data("[\(found)]".utf8))
    }

    @Test(arguments: [
        ("0", 9, 0), ("50.1109", 9, 50_110_900_000), ("-8.6821267", 9, -8_682_126_700),
        ("180", 9, 180_000_000_000), ("5.01109E1", 9, 50_110_900_000), ("1e-9", 9, 1),
        ("4e-10", 9, 0), ("5e-10", 9, 1), ("1e-400", 9, 0), ("0.6", 0, 1), ("0.4", 0, 0),
        ("1.9999", 3, 2_000), ("9999999.0", 0, 9_999_999), ("1e18", 9, nil), ("nan", 3, nil),
        ("", 3, nil), ("50.123456789499999", 9, 50_123_456_789), (" -2", 0, -2),
    ] as [(String, Int, Int64?)]) func aNumberIsRoundedToAUnit(
        _ value: String, _ places: Int, _ expected: Int64?
    ) {
        #expect(read(value) { EventPoint.scaled($0, $1, places: places) } == expected)
    }

    @Test(arguments: [
        (0, "0"), (1, "0.000000001"), (-1, "-0.000000001"), (180_000_000_000, "180"),
        (50_110_900_000, "50.1109"), (-500_000_000, "-0.5"), (-12_000_000_003, "-12.000000003"),
    ] as [(Int64, String)]) func degreesAreWrittenShort(_ value: Int64, _ text: String) {
        #expect(written { MapPlace.write(degrees: value, into: &$0) } == text)
    }

    @Test func onlyThePointOfTheRootCounts() {
        let text = "<event uid=\"u\" type=\"t\"><!-- <point lat='1'/> --><detail>"
            + "<point lat=\"2\" lon=\"2\"/><a/><![CDATA[<point lat='3'/>]]></detail>"
            + "<point lon=\"5\" x=\"<\" lat=\"4\"/></event>"
        withSlab(text.replacingOccurrences(of: "x=\"<\" ", with: "")) { slab in
            let point = EventPoint(slab)
            #expect(written { EventPoint.writeJSON(slab, point.latitude, into: &$0) } == "4")
            #expect(written { EventPoint.writeJSON(slab, point.longitude, into: &$0) } == "5")
            #expect(written { EventPoint.writeJSON(slab, point.height, into: &$0) } == "null")
        }
    }

    @Test(arguments: [
        ("lat=\"0\" lon=\"0.0\" hae=\"1\" ce=\"9999999\"", false),
        ("lat=\"0\" lon=\"0\" hae=\"1\" ce=\"999999\"", false),
        ("lat=\"0\" lon=\"-0.0\" hae=\"1\" ce=\"nan\"", false),
        ("lat=\"0\" lon=\"0\" hae=\"1\"", false),
        ("lat=\"0\" lon=\"0\" hae=\"1\" ce=\"25\"", true),
        ("lat=\"0\" lon=\"0.1\" hae=\"1\" ce=\"9999999\"", true),
    ]) func nowhereIsNoPlace(_ attributes: String, _ isPlace: Bool) {
        withSlab(eventText(point: "<point \(attributes)/>")) { slab in
            #expect((EventPoint(slab).place(slab) != nil) == isPlace)
        }
    }

    @Test(arguments: [
        ("118.2", 118_200), ("-15", -15_000), ("999998.9994", 999_998_999), ("999999", nil),
        ("9999999.0", nil), ("-9999999", nil), ("nan", nil), ("1e300", nil),
    ] as [(String, Int32?)]) func aHeightOfManyNinesIsUnknown(_ text: String, _ height: Int32?) {
        withSlab(eventText(point: "<point lat=\"1\" lon=\"2\" hae=\"\(text)\"/>")) { slab in
            #expect(EventPoint(slab).place(slab)?.height == height ?? MapPlace.unknownHeight)
        }
    }
}
