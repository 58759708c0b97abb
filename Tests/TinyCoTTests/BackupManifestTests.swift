// The manifest of a backup: what is written is read back, and what is not a manifest of ours, or
// not a whole one, is refused. Expected texts are written out by hand.

import Foundation
import Testing

@testable import TinyCoT

@Suite struct BackupManifestTests {
    private static let one = String(repeating: "1", count: 64)
    private static let two = String(repeating: "ab", count: 32)

    private func digest(_ hex: String) -> SHA256Digest {
        withSlab(hex) { SHA256Digest(hex: $0).unsafelyUnwrapped }
    }

    private func withSlab<R>(_ text: String, _ body: (Slab<UInt8>) -> R) -> R {
        var bytes = Array(text.utf8) + [0]
        return bytes.withUnsafeMutableBufferPointer {
            body(Slab(start: $0.baseAddress, count: $0.count - 1))
        }
    }

    private func written(_ files: [BackupFile]) -> String {
        var output = [UInt8](repeating: 0, count: 65_536)
        return output.withUnsafeMutableBufferPointer { buffer in
            var writer = ByteWriter(Slab(start: buffer.baseAddress, count: buffer.count))
            var manifest = BackupManifestWriter()
            manifest.begin(
                version: "0.3.0", made: WallTime(milliseconds: 1_764_086_700_123), &writer)
            for file in files {
                let before = writer.count
                manifest.add(file, &writer)
                #expect(writer.count - before <= BackupManifestWriter.pieceBytes)
            }
            manifest.end(&writer)
            #expect(!writer.overflowed)
            return String(decoding: buffer[0..<writer.count], as: UTF8.self)
        }
    }

    private enum Found: Equatable {
        case files([BackupFile])
        case mistake(BackupManifestReader.Mistake)
    }

    private func read(_ text: String) -> Found {
        withSlab(text) { bytes in
            do throws(BackupManifestReader.Mistake) {
                var reader = try BackupManifestReader(bytes)
                var files: [BackupFile] = []
                while let file = try reader.next() { files.append(file) }
                return .files(files)
            } catch {
                return .mistake(error)
            }
        }
    }

    private var files: [BackupFile] {
        [
            BackupFile(.catalogue, sizeBytes: 40_960, digest: digest(Self.one)),
            BackupFile(.state(12), sizeBytes: 0, digest: digest(Self.two)),
            BackupFile(.package, sizeBytes: 17, digest: digest(Self.two)),
        ]
    }

    private var text: String {
        """
        {"format":1,"tinycot":"0.3.0","made":"2025-11-25T16:05:00.123Z","files":[
        {"name":"catalogue.db","bytes":40960,"sha256":"\(Self.one)"}
        ,{"name":"state.12.json","bytes":0,"sha256":"\(Self.two)"}
        ,{"name":"packages/\(Self.two).zip","bytes":17,"sha256":"\(Self.two)"}
        ],"packages":1,"state_files":1,"bytes":40977}

        """
    }

    @Test func itIsWrittenOneFileALine() {
        #expect(written(files) == text)
    }

    @Test func itIsReadBack() {
        #expect(read(text) == .files(files))
        #expect(read(written([files[0]])) == .files([files[0]]))
    }

    @Test func everyTornOneIsRefused() {
        let bytes = Array(text.utf8)
        // Without its last line feed it is still whole.
        for count in 0..<(bytes.count - 1) {
            let torn = String(decoding: bytes[0..<count], as: UTF8.self)
            #expect(read(torn) == .mistake(.damaged), "\(count) bytes")
        }
    }

    @Test func everyFlippedByteOfAFileIsRefusedOrSeen() {
        let bytes = Array(text.utf8)
        let start = text.utf8.count - text.drop { $0 != "\n" }.utf8.count
        for place in start..<bytes.count where bytes[place] > 0x20 {
            var changed = bytes
            changed[place] ^= 1
            #expect(read(String(decoding: changed, as: UTF8.self)) != .files(files))
        }
    }

    @Test func aLaterFormatIsToldFromADamagedOne() {
        #expect(read("{\"format\":2,\"anything\":[]}") == .mistake(.newerFormat))
        #expect(read("{\"format\":0,\"tinycot\":\"1\"}") == .mistake(.damaged))
    }

    @Test(arguments: [
        ("\"packages\":1", "\"packages\":2"), ("\"state_files\":1", "\"state_files\":0"),
        ("\"bytes\":40977", "\"bytes\":40978"), ("\"bytes\":17", "\"bytes\":-17"),
        ("\"bytes\":17", "\"bytes\":17.5"), ("\"bytes\":17", "\"bytes\":99999999999999999999"),
        ("state.12.json", "../12.json"), ("state.12.json", "state.012.json"),
        ("state.12.json", "state.112.json"), ("state.12.json", "state..json"),
        ("state.12.json", "state.1x.json"), ("state.12.json", "catalogue.db"),
        ("catalogue.db", "catalogue.db-wal"), ("catalogue.db", "state.3.json"),
        ("packages/", "packages//"), ("packages/ab", "packages/ac"), (".zip", ".ZIP"),
        ("\"sha256\":\"11", "\"sha256\":\"1"), ("\"format\":1", "\"form\":1"),
        ("]", ",{}]"), ("40977}", "40977}}"), ("\"files\":[", "\"files\":[[],"),
    ])
    func whatIsNotOursIsRefused(_ old: String, _ new: String) {
        let range = text.range(of: old).unsafelyUnwrapped
        #expect(read(text.replacingCharacters(in: range, with: new)) == .mistake(.damaged))
    }

    @Test(arguments: [
        ("state.1.json", 1), ("state.99.json", 99), ("state.0.json", nil),
        ("state.100.json", nil), ("state.1.json.broken", nil), ("state.1.json.newer", nil),
        ("state.1.jso", nil), ("state.json", nil), ("", nil), ("state.-1.json", nil),
        ("xtate.1.json", nil),
    ] as [(String, Int?)])
    func aStateFileIsKnownByItsName(_ name: String, _ number: Int?) {
        #expect(withSlab(name) { BackupFile.stateNumber($0) } == number)
    }
}
