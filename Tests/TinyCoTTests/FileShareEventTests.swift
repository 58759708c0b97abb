// The offer of a package, judged by libxml2: whatever a package is called, what comes out is one
// sound event whose attributes say exactly what went in.

import Testing

@testable import TinyCoT

@Suite struct FileShareEventTests {
    private static let hash = String(repeating: "0123456789abcdef", count: 4)

    private func event(
        name: String, callsign: String = "ALPHA", base: String = "http://192.0.2.1:8080"
    ) -> [UInt8]? {
        let digest = withSlab(Array(FileShareEventTests.hash.utf8)) { SHA256Digest(hex: $0)! }
        return withSlab(Array(name.utf8)) { name in
            withSlab(Array(callsign.utf8)) { callsign in
                withSlab(Array(base.utf8)) { base in
                    withSlab([UInt8](repeating: 0, count: 8_192)) { memory -> [UInt8]? in
                        var writer = ByteWriter(memory)
                        let event = FileShareEvent(
                            digest: digest, sizeBytes: 1_234, name: name,
                            senderUID: Slab("tinycot"), senderCallsign: callsign, base: base,
                            now: WallTime(milliseconds: 1_767_323_045_678))
                        return event.write(into: &writer) ? array(writer.written) : nil
                    }
                }
            }
        }
    }

    private func attributes(
        _ bytes: [UInt8]
    ) -> (event: [String: String], share: [String: String])? {
        guard case .element("event", let root, let children)? = XMLJudge.read(bytes),
            case .element("detail", _, let detail)? = children.last,
            case .element("fileshare", let share, _)? = detail.first
        else { return nil }
        return (root, share)
    }

    @Test func saysWhatATAKSays() throws {
        let bytes = try #require(event(name: "pkg one.zip"))
        let found = try #require(attributes(bytes))
        #expect(found.event["type"] == "b-f-t-r")
        #expect(found.event["time"] == "2026-01-02T03:04:05.678Z")
        #expect(found.share["filename"] == "pkg one.zip")
        #expect(
            found.share["senderUrl"]
                == "http://192.0.2.1:8080/Marti/sync/content?hash=\(FileShareEventTests.hash)")
        #expect(found.share["sizeInBytes"] == "1234")
        #expect(found.share["sha256"] == FileShareEventTests.hash)
        #expect(found.share["senderCallsign"] == "ALPHA")
    }

    @Test func hostileNamesStayNames() throws {
        let names = [
            "\"/></detail></event><event uid=\"x\"/>", "a&b<c>d'e\"f", "tab\tline\nreturn\r",
            "日本 🚁", "\u{202E}gpj.zip", "]]>", "&amp;",
        ]
        for name in names {
            let bytes = try #require(event(name: name, callsign: name))
            let found = try #require(attributes(bytes), "\(name)")
            #expect(found.share["filename"] == name)
            #expect(found.share["senderCallsign"] == name)
        }
    }

    @Test func whatXMLForbidsIsReplaced() throws {
        let bytes = try #require(event(name: "a\u{0}\u{1}\u{1F}b\u{FFFE}c\u{FFFF}d"))
        let found = try #require(attributes(bytes))
        #expect(
            found.share["filename"] == "a\u{FFFD}\u{FFFD}\u{FFFD}b\u{FFFD}c\u{FFFD}d")
    }

    @Test func anAddressThatIsNoneMakesNoOffer() {
        for base in ["http://a\"b", "http://a b", "http://a<b", "http://a&b"] {
            #expect(event(name: "x", base: base) == nil)
        }
    }

    @Test func nothingIsOfferedThatDoesNotFit() {
        #expect(event(name: String(repeating: "&", count: 700)) != nil)
        #expect(event(name: String(repeating: "&", count: 2_000)) == nil)
    }
}
