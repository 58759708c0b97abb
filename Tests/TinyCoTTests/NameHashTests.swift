import Testing
@testable import TinyCoT

@Suite struct NameHashTests {
    private func hash(_ bytes: [UInt8], key: UInt64 = 7) -> UInt64 {
        var copy = bytes
        return copy.withUnsafeMutableBufferPointer {
            NameHash.of(Slab(start: $0.baseAddress, count: $0.count), key: key)
        }
    }

    @Test func differentNamesDiffer() {
        var seen = Set<UInt64>()
        // Trailing zeros and block borders are where a byte-packing hash goes wrong.
        for length in 0...40 {
            seen.insert(hash([UInt8](repeating: 0, count: length)))
            if length > 0 { seen.insert(hash([UInt8](repeating: 1, count: length))) }
        }
        #expect(seen.count == 81)
        #expect(!seen.contains(0))
    }

    @Test func theKeyMatters() {
        #expect(hash([1, 2, 3], key: 1) != hash([1, 2, 3], key: 2))
    }
}
