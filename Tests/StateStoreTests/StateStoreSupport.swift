// What the tests of the state's files share: generations that can be told apart, writing and
// surveying them on any disk, and memory that a slab can view.

import Foundation
import PackageStore
import Testing
import TinyCoT

@testable import StateStore

typealias SimulatedRing = StateRing<SimulatedDisk>

/// Calls `body` with a view of the bytes, exactly so long.
func withSlab<R>(_ bytes: [UInt8], _ body: (Slab<UInt8>) -> R) -> R {
    let start = UnsafeMutablePointer<UInt8>.allocate(capacity: max(1, bytes.count))
    defer { start.deallocate() }
    start.initialize(from: bytes, count: bytes.count)
    return body(Slab(start: start, count: bytes.count))
}

func array(_ slab: Slab<UInt8>) -> [UInt8] { (0..<slab.count).map { slab[$0] } }

func sentence(_ write: (inout ByteWriter) -> Void) -> String {
    withSlab([UInt8](repeating: 0, count: 1024)) { slab in
        var writer = ByteWriter(slab)
        write(&writer)
        return String(decoding: array(writer.written), as: UTF8.self)
    }
}

/// Memory for reading: of the longest event, and of a piece. Tests run side by side, so each has
/// its own.
final class ReadingMemory {
    let text = ReadingMemory.make(65_536)
    let buffer = ReadingMemory.make(1000)

    private static func make(_ count: Int) -> Slab<UInt8> {
        Slab(start: UnsafeMutablePointer<UInt8>.allocate(capacity: count), count: count)
    }

    deinit {
        text.start?.deallocate()
        buffer.start?.deallocate()
    }
}

let manyLimits = StateLimits(
    generations: 3, totalBytes: 1 << 30, generationBytes: 1 << 20,
    maxAgeMilliseconds: 1 << 50)

func header(_ generation: UInt64, lived: Int64 = 0) -> StateHeader {
    var header = StateHeader()
    header.generation = generation
    header.livedMilliseconds = lived
    header.bootId.set("boot")
    return header
}

/// The pieces of a file without its last line. Each generation has other events, `events` of them.
func pieces(_ header: StateHeader, events: Int = 3, textBytes: Int = 40) -> [[UInt8]] {
    var pieces: [[UInt8]] = []
    withSlab([UInt8](repeating: 0, count: StateWriter.bufferBytesMin)) { slab in
        var writer = ByteWriter(slab)
        var state = StateWriter()
        func fill(_ write: (inout StateWriter, inout ByteWriter) -> Bool) {
            while !write(&state, &writer) {
                pieces.append(array(writer.written))
                writer.reset()
            }
        }
        fill { $0.begin(header, &$1) }
        var client = SeenRecord()
        client.uid.set("ANDROID-1")
        fill { $0.add(client, later: 0, &$1) }
        for number in 0..<events {
            let text = "<event uid=\"\(header.generation)-\(number)\" a='"
            let padding = String(repeating: "x", count: max(0, textBytes - text.count))
            withSlab(Array((text + padding + "'/>").utf8)) { bytes in
                fill { $0.add(KeptRecord(), bytes, later: 0, &$1) }
            }
        }
        fill { $0.end(&$1) }
        pieces.append(array(writer.written))
    }
    return pieces
}

/// A whole file.
func file(_ header: StateHeader, events: Int = 3, textBytes: Int = 40) -> [UInt8] {
    let body = pieces(header, events: events, textBytes: textBytes).flatMap { $0 }
    return body + lastLine(body)
}

func lastLine(_ body: [UInt8]) -> [UInt8] {
    var digest = Digest()
    withSlab(body) { digest.update($0) }
    return withSlab([UInt8](repeating: 0, count: 100)) { slab in
        var writer = ByteWriter(slab)
        StateWriter.writeLastLine(digest.finish(), into: &writer)
        return array(writer.written)
    }
}

extension StateRing where Disk: ~Copyable {
    /// Looks into all slots.
    @discardableResult
    mutating func survey() -> [StateSlot] {
        (1...16).map { look(into: $0) }
    }

    mutating func look(into slot: Int) -> StateSlot {
        let memory = ReadingMemory()
        defer { withExtendedLifetime(memory) {} }
        return examine(slot, text: memory.text, buffer: memory.buffer)
    }

    /// Writes the next generation.
    mutating func save(
        lived: Int64 = 0, events: Int = 3, textBytes: Int = 40
    ) throws(FileError) -> StateCommit {
        let next = header(nextGeneration, lived: lived)
        try begin()
        for piece in pieces(next, events: events, textBytes: textBytes) {
            try write(piece)
        }
        return try commit(next)
    }

    mutating func write(_ piece: [UInt8]) throws(FileError) {
        let start = UnsafeMutablePointer<UInt8>.allocate(capacity: max(1, piece.count))
        defer { start.deallocate() }
        start.initialize(from: piece, count: piece.count)
        try write(Slab(start: start, count: piece.count))
    }

    /// The bytes of a slot.
    mutating func load(_ slot: Int) throws(FileError) -> [UInt8] {
        try open(slot)
        defer { closeReading() }
        let memory = ReadingMemory()
        defer { withExtendedLifetime(memory) {} }
        var bytes: [UInt8] = []
        while true {
            let count = try read(into: memory.buffer)
            if count == 0 { return bytes }
            bytes += array(memory.buffer.slice(0, count))
        }
    }
}

func simulatedRing(_ memory: DiskMemory, _ limits: StateLimits = manyLimits) -> SimulatedRing {
    StateRing(SimulatedDisk(memory: memory), limits)
}

/// SplitMix64: the same seed gives the same test.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
    mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
}

/// `#require` and `#expect` call methods on a copy of their owner; ours cannot be copied.
func unwrap<T>(_ value: T?) throws -> T { try #require(value) }
