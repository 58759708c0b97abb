// The bodies of protocol 8.3 to 8.9. Expected values are the examples of the protocol page, read
// as JSON by Foundation; hostile texts come back as they went in or as replacement characters.

import Foundation
import Testing

@testable import TinyCoT

@Suite struct MartiAnswersTests {
    private static var server: MartiServer {
        var server = MartiServer(version: "0.1.0")
        server.hostname.set("tinycot")
        server.node.set("8f0c\"}")
        return server
    }

    private func written(
        _ room: Int = MartiAnswers.bytesMax, _ body: (inout ByteWriter) -> Void
    ) -> [UInt8] {
        withSlab([UInt8](repeating: 0, count: room)) {
            var writer = ByteWriter($0)
            body(&writer)
            #expect(!writer.overflowed)
            return array(writer.written)
        }
    }

    private func json(_ bytes: [UInt8]) throws -> NSDictionary {
        try #require(JSONSerialization.jsonObject(with: Data(bytes)) as? NSDictionary)
    }

    static func digest(_ digit: Character) -> SHA256Digest {
        withSlab(Array(String(repeating: digit, count: 64).utf8)) { SHA256Digest(hex: $0) }
            ?? withSlab([UInt8](repeating: 0, count: 32)) { SHA256Digest(bytes: $0) }
    }

    static func record(_ number: Int = 1) -> PackageRecord {
        var record = PackageRecord(digest: digest("a"))
        record.number = Int64(number)
        record.sizeBytes = 1234
        record.submittedAt = WallTime(milliseconds: 1_767_323_045_678)
        record.name.set("pkg one.zip")
        record.creatorUID.set("ANDROID-1")
        record.submissionUser.set("ALPHA")
        record.mimeType.set("application/x-zip-compressed")
        record.tool.set("public")
        record.keywords.set("missionpackage")
        return record
    }

    @Test func versionAndConfiguration() throws {
        let server = MartiAnswersTests.server
        let text = String(decoding: written { MartiAnswers.version(server, &$0) }, as: UTF8.self)
        #expect(text == "TAK Server 0.1.0")
        let config = written { MartiAnswers.versionConfig(server, &$0) }
        let expected: NSDictionary = [
            "version": "3", "type": "ServerConfig", "nodeId": "8f0c\"}",
            "data": ["version": "0.1.0", "api": "3", "hostname": "tinycot"],
        ]
        #expect(try json(config) == expected)
    }

    @Test func envelopes() throws {
        let server = MartiAnswersTests.server
        func expected(_ type: String, _ data: Any) -> NSDictionary {
            ["version": "3", "type": type, "data": data, "nodeId": "8f0c\"}"]
        }
        let empty = [Any]()
        #expect(
            try json(written { MartiAnswers.missions(server, &$0) }) == expected("Mission", empty))
        #expect(
            try json(written { MartiAnswers.groups(server, &$0) })
                == expected("com.bbn.marti.remote.groups.Group", empty))
        #expect(
            try json(written { MartiAnswers.boolean(false, server, &$0) })
                == expected("java.lang.Boolean", false))
        #expect(
            String(decoding: written { MartiAnswers.boolean(true, server, &$0) }, as: UTF8.self)
                .contains("\"data\":true,"))
        #expect(
            written { MartiAnswers.noVideos(&$0) } == Array("<videoConnections/>".utf8))
    }

    @Test func uploadMetadata() throws {
        let body = written { MartiAnswers.uploadMetadata(MartiAnswersTests.record(), &$0) }
        let hash = String(repeating: "a", count: 64)
        let expected: NSDictionary = [
            "UID": hash, "SubmissionDateTime": "2026-01-02T03:04:05.678Z",
            "Keywords": ["missionpackage"], "MIMEType": "application/x-zip-compressed",
            "SubmissionUser": "ALPHA", "PrimaryKey": "1", "Hash": hash,
            "CreatorUid": "ANDROID-1", "Name": "pkg one.zip",
        ]
        #expect(try json(body) == expected)
    }

    @Test func addressesOfPackages() {
        func address(_ base: String) -> String? {
            var isGood = false
            let bytes = written { writer in
                isGood = withSlab(Array(base.utf8)) {
                    MartiAnswers.packageAddress(
                        base: $0, MartiAnswersTests.digest("b"), &writer)
                }
            }
            #expect(isGood || bytes.isEmpty)
            return isGood ? String(decoding: bytes, as: UTF8.self) : nil
        }
        let tail = "/Marti/sync/content?hash=" + String(repeating: "b", count: 64)
        for base in ["http://192.0.2.1:8080", "http://[fe80::1]:8080", "https://a-b.example/x_~"] {
            #expect(address(base) == base + tail)
        }
        for base in ["http://a b", "http://a\"", "http://a<b", "http://a&b", "http://a\n", "a'"] {
            #expect(address(base) == nil)
        }
    }

    @Test func hostileTextsFitAndBreakNothing() throws {
        for byte in [UInt8(0), 0x22, 0x5C, 0x80, 0xFF, 0x2C] {
            let text = withSlab([UInt8](repeating: byte, count: 255)) { slab in
                var record = MartiAnswersTests.record()
                record.name.set(slab)
                record.creatorUID.set(slab)
                record.submissionUser.set(slab)
                record.mimeType.set(slab)
                record.keywords.set(slab)
                record.tool.set(slab)
                var server = MartiAnswersTests.server
                server.hostname.set(slab)
                server.node.set(slab)
                return (record, server)
            }
            _ = try json(written { MartiAnswers.uploadMetadata(text.0, &$0) })
            _ = try json(written { MartiAnswers.versionConfig(text.1, &$0) })
        }
    }
}
