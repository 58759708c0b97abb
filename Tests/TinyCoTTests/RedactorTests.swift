// Nothing that names somebody gets through, the same name always becomes the same word, and what an
// archive is for stays in it. The tar is read by the system's own tar.

import Foundation
import Testing

@testable import TinyCoT

@Suite struct RedactorTests {
    /// A redactor with a table of its own.
    private final class Desk {
        private let entries: UnsafeMutableBufferPointer<Redactor.Entry>
        private var redactor: Redactor

        init(words: Int = 64) {
            entries = .allocate(capacity: words)
            memset(entries.baseAddress!, 0, words * MemoryLayout<Redactor.Entry>.stride)
            redactor = Redactor(
                Slab(start: entries.baseAddress, count: entries.count), key: 42)
        }

        deinit { entries.deallocate() }

        func text(_ json: String, _ kind: Redactor.Document) throws -> String {
            let bytes = OwnedBytes(json)
            let output = OwnedBytes([UInt8](repeating: 0, count: 65_536))
            var writer = ByteWriter(output.slab)
            try redactor.redact(bytes.slab, kind, into: &writer)
            #expect(!writer.overflowed)
            return String(decoding: (0..<writer.count).map { output.slab[$0] }, as: UTF8.self)
        }
    }

    @Test func aConfigurationKeepsItsShapeAndLosesItsNames() throws {
        let text = try Desk().text(
            """
            {"cot": {"listen": ["0.0.0.0:8087", "[::]:8087", "10.1.2.3:8090"]},
             "http": {"public_url": "https://tak.example.org", "allow_delete": true},
             "allow": ["10.1.2.0/24", "fe80::/10"], "heartbeat_seconds": 25,
             "teams": [{"name": "Alpha", "members": ["EAGLE", "ANDROID-1"], "colours": ["Red"]},
                       {"name": "Bravo", "sees": ["*", "Alpha", "unassigned"]}],
             "dump": {"types": ["b-t-f"], "teams": ["Bravo"], "uids": ["ANDROID-1"]}}
            """, .configuration)
        #expect(
            text == """
                {"cot":{"listen":["0.0.0.0:8087","[::]:8087","address-1:8090"]},\
                "http":{"public_url":"url-1","allow_delete":true},\
                "allow":["address-2/24","address-3/10"],"heartbeat_seconds":25,\
                "teams":[{"name":"team-1","members":["name-1","name-2"],"colours":["Red"]},\
                {"name":"team-2","sees":["*","team-1","unassigned"]}],\
                "dump":{"types":["b-t-f"],"teams":["team-2"],"uids":["name-2"]}}
                """)
    }

    @Test func oneNameIsOneWordInAllDocuments() throws {
        let desk = Desk()
        let first = try desk.text("{\"members\":[\"caf\\u00e9\"],\"uid\":\"x\"}", .configuration)
        let second = try desk.text(
            "{\"callsign\":\"café\",\"team\":\"x\",\"address\":\"10.0.0.5:41234\"}", .status)
        let third = try desk.text("{\"address\":\"10.0.0.5:8080\",\"team\":\"x\"}", .report)
        #expect(first == "{\"members\":[\"name-1\"],\"uid\":\"name-2\"}")
        #expect(
            second
                == "{\"callsign\":\"name-1\",\"team\":\"team-1\",\"address\":\"address-1:41234\"}")
        #expect(third == "{\"address\":\"address-1:8080\",\"team\":\"team-1\"}")
    }

    @Test func aKeyThatNobodyThoughtOfIsNotShown() throws {
        #expect(
            try Desk().text("{\"remarks\":\"at the old mill\",\"a\":[{\"b\":\"c\"}]}", .status)
                == "{\"remarks\":\"text-1\",\"a\":[{\"b\":\"text-2\"}]}")
        #expect(try Desk().text("\"secret\"", .status) == "\"text-1\"")
        #expect(try Desk().text("[\"secret\"]", .status) == "[\"text-1\"]")
    }

    /// A colour is what a phone says it is, so it may hold anything.
    @Test func hostileTextsGetNowhere() throws {
        let evil = ["\"},{\"", "</script>", "a\\u0000b", "\\ud83d\\ude00", "Red ", "red", "*x"]
        for text in evil {
            let escaped = text.replacingOccurrences(of: "\"", with: "\\\"")
            for key in ["uid", "callsign", "team", "colour", "address", "public_url", "x"] {
                let result = try Desk().text("{\"\(key)\":\"\(escaped)\"}", .status)
                let value = try #require(
                    try JSONSerialization.jsonObject(with: Data(result.utf8)) as? [String: String])
                #expect(value[key]?.hasSuffix("-1") == true, "\(key) \(text): \(result)")
            }
        }
    }

    @Test func aFullTableStillHidesEverything() throws {
        let desk = Desk(words: 2)
        let text = try desk.text("{\"uids\":[\"a\",\"b\",\"c\",\"d\",\"b\"]}", .configuration)
        #expect(text == "{\"uids\":[\"name-1\",\"name-2\",\"name-more\",\"name-more\",\"name-2\"]}")
    }

    @Test func whatIsNoJSONIsRefused() {
        for broken in ["", "{", "{\"uid\":", "{\"uid\":\"a\"} x", "\u{FFFF}"] {
            #expect(throws: ConfigError.self) { try Desk().text(broken, .status) }
        }
    }

    @Test func theDoctorsReportStaysReadable() throws {
        let report = """
            {"version":"0.1.0","findings":[{"check":"wall","result":"ok","address":"0.0.0.0:8087",\
            "team":"Alpha","other_team":"Bravo","sentence":"heard at 1"}],"failures":0}
            """
        #expect(
            try Desk().text(report, .report)
                == report.replacingOccurrences(of: "Alpha", with: "team-1")
                .replacingOccurrences(of: "Bravo", with: "team-2"))
    }
}

@Suite struct TarHeaderTests {
    @Test(arguments: [0, 1, 511, 512, 513, 70_000])
    func anArchiveIsReadByTar(bytes: Int) throws {
        let content = (0..<bytes).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        var archive: [UInt8] = []
        for name: StaticString in ["folder/first.txt", "folder/second.bin"] {
            let block = OwnedBytes([UInt8](repeating: 0xAA, count: TarHeader.blockBytes))
            var writer = ByteWriter(block.slab)
            TarHeader.write(
                name: name, bytes: bytes, time: WallTime(milliseconds: 1_790_000_000_000),
                into: &writer)
            #expect(writer.count == TarHeader.blockBytes && !writer.overflowed)
            archive += (0..<TarHeader.blockBytes).map { block.slab[$0] }
            archive += content
            archive += [UInt8](repeating: 0, count: TarHeader.padding(behind: bytes))
        }
        archive += [UInt8](repeating: 0, count: 2 * TarHeader.blockBytes)
        #expect(archive.count % TarHeader.blockBytes == 0)
        let file = FileManager.default.temporaryDirectory
            .appendingPathComponent("tinycot-tar-\(UUID().uuidString)")
        try Data(archive).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let list = try run("--utc", "-tvf", file.path)
        #expect(list.filter { $0 == "\n" }.count == 2)
        #expect(list.contains("-rw------- 0/0") && list.contains("2026-09-21 14:13"))
        #expect(Array(try run("-xOf", file.path, "folder/second.bin", asBytes: ())) == content)
    }

    private func run(_ arguments: String..., asBytes: Void) throws -> Data {
        try output(arguments)
    }

    private func run(_ arguments: String...) throws -> String {
        String(decoding: try output(arguments), as: UTF8.self)
    }

    private func output(_ arguments: [String]) throws -> Data {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["tar"] + arguments
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        return data
    }
}
