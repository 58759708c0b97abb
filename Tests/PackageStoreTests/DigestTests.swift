// SHA-256: the examples of FIPS 180-4, and random bytes in random pieces against `sha256sum`.

import Foundation
import Testing
import TinyCoT

@testable import PackageStore

@Suite struct DigestTests {
    /// The examples that NIST publishes with FIPS 180-4, and the hash of nothing.
    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
        (
            "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
                + "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
            "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"
        ),
    ]) func example(message: String, expected: String) {
        var digest = Digest()
        digest.update(slab(message))
        #expect(text(digest.finish()) == expected)
    }

    @Test func aMillionTimesA() {
        var digest = Digest()
        let piece = slab([UInt8](repeating: UInt8(ascii: "a"), count: 1_000))
        for _ in 0..<1_000 { digest.update(piece) }
        #expect(digest.byteCount == 1_000_000)
        #expect(
            text(digest.finish())
                == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
    }

    @Test(arguments: 1...12) func anySplitGivesWhatTheSystemsProgramSays(seed: Int) throws {
        var random = SeededGenerator(seed: UInt64(seed))
        let bytes = (0..<random.below(300_000)).map { _ in
            UInt8.random(in: 0...255, using: &random)
        }
        let path = NSTemporaryDirectory() + "tinycot-digest-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: path) }
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        let expected = try run("/usr/bin/sha256sum", [path]).prefix(64)
        let all = slab(bytes)
        var digest = Digest()
        var done = 0
        while done < bytes.count {
            let part = min(bytes.count - done, random.below(3) == 0 ? 1 : random.below(9_000))
            digest.update(all.slice(done, part))
            done += part
        }
        #expect(digest.byteCount == Int64(bytes.count))
        #expect(text(digest.finish()) == expected, "seed \(seed)")
        #expect(digest.byteCount == 0, "a digest that has ended begins anew")
    }

    @Test func aHashIsReadFromEitherCaseAndFromNothingElse() {
        let digits = String(repeating: "0123456789abcdef", count: 4)
        #expect(SHA256Digest(hex: slab(digits)).map(text) == digits)
        #expect(SHA256Digest(hex: slab(digits.uppercased())).map(text) == digits)
        #expect(SHA256Digest(hex: slab(String(digits.dropLast()))) == nil)
        #expect(SHA256Digest(hex: slab(digits + "0")) == nil)
        for wrong in ["g", "/", ":", "@", "`", "G", ".", "\u{0}"] {
            #expect(SHA256Digest(hex: slab(wrong + digits.dropFirst())) == nil)
        }
        #expect(hash(1) != hash(2))
    }
}
