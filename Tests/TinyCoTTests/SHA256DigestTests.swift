// The written form of a digest: the examples of FIPS 180-4, and every byte in every place.

import Testing

@testable import TinyCoT

@Suite struct SHA256DigestTests {
    private func read(_ text: String) -> SHA256Digest? {
        withSlab(Array(text.utf8)) { SHA256Digest(hex: $0) }
    }

    private func written(_ digest: SHA256Digest) -> String {
        withSlab([UInt8](repeating: 0, count: 64)) {
            var writer = ByteWriter($0)
            digest.append(to: &writer)
            #expect(!writer.overflowed)
            return String(decoding: array(writer.written), as: UTF8.self)
        }
    }

    @Test func readsAndWritesTheDigestOfABC() throws {
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        let digest = try #require(read(abc))
        #expect(digest[0] == 0xBA && digest[1] == 0x78 && digest[31] == 0xAD)
        #expect(written(digest) == abc)
        #expect(read(abc.uppercased()) == digest)
        #expect(read(String(abc.dropLast()) + "e") != digest)
        #expect(read("c" + abc.dropFirst()) != digest)
    }

    @Test func everyByteComesBack() {
        for byte in UInt8.min...UInt8.max {
            for place in [0, 15, 31] {
                var bytes = [UInt8](repeating: 0x5A, count: 32)
                bytes[place] = byte
                let digest = withSlab(bytes) { SHA256Digest(bytes: $0) }
                #expect((0..<32).allSatisfy { digest[$0] == bytes[$0] })
                #expect(read(written(digest)) == digest)
            }
        }
    }

    @Test func refusesAllElse() {
        let good = String(repeating: "0", count: 64)
        let wrongs = [
            "", "../../etc/passwd", good + "0", " " + good.dropFirst(), good.dropLast() + "/",
        ]
        for wrong in wrongs {
            #expect(read(wrong) == nil, "\(wrong)")
        }
        for byte in UInt8.min...UInt8.max {
            var bytes = Array(good.utf8)
            bytes[63] = byte
            let isDigit = "0123456789abcdefABCDEF".utf8.contains(byte)
            #expect((withSlab(bytes) { SHA256Digest(hex: $0) } != nil) == isDigit)
        }
    }
}
