// How the targets take what libFuzzer made, and the memory in which they show it to the core: each
// piece ends where its bytes end and is gone after the call, so that AddressSanitizer sees every
// look behind them and every pointer that was kept.

/// `n`, then n times two bytes, then the bytes: n modulo 9 is the number of cuts.
struct FuzzInput {
    let all: [UInt8]
    let bytes: ArraySlice<UInt8>
    /// Ascending, from 0 to `bytes.count`.
    let cuts: [Int]

    init(_ data: UnsafeBufferPointer<UInt8>) {
        all = Array(data)
        let wanted = all.isEmpty ? 0 : Int(all[0] % 9)
        let used = min(all.count, 1 + 2 * wanted)
        bytes = all[used...]
        var cuts: [Int] = []
        for at in stride(from: 1, to: used - 1, by: 2) {
            cuts.append((Int(all[at]) << 8 | Int(all[at + 1])) % (bytes.count + 1))
        }
        self.cuts = cuts.sorted()
    }

    /// Ways to cut the bytes besides not at all: as libFuzzer chose, and everywhere.
    var ways: [[Int]] {
        bytes.count <= 768 ? [cuts, Array(1..<max(1, bytes.count))] : [cuts]
    }
}

/// Calls `body` with a copy of the bytes that is gone afterwards.
func withStretch<R>(_ bytes: ArraySlice<UInt8>, _ body: (Slab<UInt8>) -> R) -> R {
    let start = UnsafeMutablePointer<UInt8>.allocate(capacity: max(bytes.count, 1))
    defer { start.deallocate() }
    _ = UnsafeMutableBufferPointer(start: start, count: bytes.count).initialize(from: bytes)
    return body(Slab(start: start, count: bytes.count))
}

func withStretch<R>(_ bytes: [UInt8], _ body: (Slab<UInt8>) -> R) -> R {
    withStretch(bytes[...], body)
}

/// Memory of exactly so many bytes.
func withRoom<R>(_ count: Int, _ body: (Slab<UInt8>) -> R) -> R {
    withStretch([UInt8](repeating: 0xA5, count: count), body)
}

func array(_ slab: Slab<UInt8>) -> [UInt8] {
    Array(UnsafeBufferPointer(start: slab.start.map { UnsafePointer($0) }, count: slab.count))
}

func array<let capacity: Int>(_ text: ShortText<capacity>) -> [UInt8] {
    (0..<Int(text.count)).map { text[$0] }
}

/// What is written with plenty of room.
func written(_ room: Int, _ body: (inout ByteWriter) -> Void) -> [UInt8] {
    withRoom(room) { slab in
        var writer = ByteWriter(slab)
        body(&writer)
        invariant(!writer.overflowed, "the room of a target is large enough")
        return array(writer.written)
    }
}

/// Where `piece` begins in `bytes`, from `start` on.
func firstIndex(of piece: [UInt8], in bytes: ArraySlice<UInt8>, from start: Int) -> Int? {
    var at = start
    while at + piece.count <= bytes.endIndex {
        if bytes[at] == piece[0] && bytes[at..<at + piece.count].elementsEqual(piece) { return at }
        at += 1
    }
    return nil
}
