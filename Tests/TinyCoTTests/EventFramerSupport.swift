// What the framer's tests share: a caller that keeps bytes as the relay does, ways to cut a
// stream, a seeded generator, and the corpus. It knows nothing of the framer's insides.

import Foundation
import Testing

@testable import TinyCoT

typealias Bytes = [UInt8]

/// What the framer told about a stream, with the bytes of each event put together again.
enum Told: Equatable, CustomStringConvertible {
    case event(Bytes)
    case refused(Refusal)
    case auth
    case foreign(CloseReason)

    var description: String {
        switch self {
        case .event(let bytes): "event(\(String(decoding: bytes.prefix(60), as: UTF8.self)))"
        case .refused(let reason): "refused(\(reason))"
        case .auth: "auth"
        case .foreign(let reason): "foreign(\(reason))"
        }
    }

    static func event(_ text: String) -> Told { .event(Bytes(text.utf8)) }
}

/// Keeps the bytes of an open event between chunks, as the relay does in its blocks.
struct FramedStream {
    var framer: EventFramer
    var kept = Bytes()
    var told = [Told]()
    var mostKept = 0

    init(maxEventBytes: Int = 65_536) { framer = EventFramer(maxEventBytes: maxEventBytes) }

    mutating func feed(_ chunk: ArraySlice<UInt8>) {
        var copy = Bytes(chunk)
        copy.withUnsafeMutableBufferPointer { buffer in
            feed(Slab(start: buffer.baseAddress, count: buffer.count))
        }
    }

    private mutating func feed(_ slab: Slab<UInt8>) {
        var index = 0
        while true {
            let glance = wellFormed(framer.wholeEvent(slab, from: index), slab)
            let step = framer.next(slab, from: index)
            if let glance { #expect(step == .event(start: glance.start, end: glance.end)) }
            switch step {
            case .needMoreBytes:
                keepOpenEvent(slab)
                return
            case .event(let start, let end):
                told.append(.event(joined(slab, start, end)))
                kept = []
                index = end
            case .refused(let reason, let resumeAt):
                told.append(.refused(reason))
                kept = []
                index = resumeAt
            case .authDocument(let resumeAt):
                #expect(kept.isEmpty, "nothing of an auth document is kept")
                told.append(.auth)
                index = resumeAt
            case .foreign(let reason):
                told.append(.foreign(reason))
                return
            }
        }
    }

    /// What was taken for an event at a glance, if the reader finds that it is one.
    private func wellFormed(_ glance: WholeEvent?, _ slab: Slab<UInt8>) -> WholeEvent? {
        guard let glance else { return nil }
        let event = (glance.start..<glance.end).map { slab[$0] }
        return ReadEvent(event).refusal == nil ? glance : nil
    }

    private func joined(_ slab: Slab<UInt8>, _ start: Int, _ end: Int) -> Bytes {
        if start != 0 { #expect(kept.isEmpty, "an event that began here has no kept bytes") }
        let literal = Bytes("<event".utf8)
        var bytes = kept + literal.prefix(max(0, -start))
        for index in max(0, start)..<end { bytes.append(slab[index]) }
        return bytes
    }

    private mutating func keepOpenEvent(_ slab: Slab<UInt8>) {
        guard let start = framer.openStart else {
            kept = []
            return
        }
        kept = joined(slab, start, slab.count)
        mostKept = max(mostKept, kept.count)
    }
}

/// Feeds `stream` cut at `cuts` (ascending).
func frame(_ stream: Bytes, cuts: [Int] = [], maxEventBytes: Int = 65_536) -> [Told] {
    var framed = FramedStream(maxEventBytes: maxEventBytes)
    var from = 0
    for cut in cuts + [stream.count] {
        framed.feed(stream[from..<cut])
        from = cut
        if case .foreign = framed.told.last { break }
    }
    #expect(framed.mostKept <= maxEventBytes, "never more is kept than an event may be long")
    return framed.told
}

func randomCuts(_ count: Int, _ random: inout SeededGenerator) -> [Int] {
    let wanted = 1 + random.below(12)
    return (0..<wanted).map { _ in random.below(count + 1) }.sorted()
}

/// Whole, byte by byte, at every position (or so many), and at random ones: always the same.
func expectSame(
    _ stream: Bytes, as expected: [Told], everyPosition: Bool = true, maxEventBytes: Int = 65_536,
    _ name: String = "", sourceLocation: SourceLocation = #_sourceLocation
) {
    func check(_ cuts: [Int]) -> Bool {
        let told = frame(stream, cuts: cuts, maxEventBytes: maxEventBytes)
        if told == expected { return true }
        Issue.record(
            "\(name): cut at \(cuts.prefix(20)) gave \(told), not \(expected)",
            sourceLocation: sourceLocation)
        return false
    }
    guard check([]) else { return }
    guard check(Array(0...stream.count)) else { return }
    if everyPosition {
        for cut in 0...stream.count where !check([cut]) { return }
    }
    var random = SeededGenerator(seed: UInt64(stream.count))
    for _ in 0..<8 where !check(randomCuts(stream.count, &random)) { return }
}

/// The project's own copy of the CoT corpus.
enum Corpus {
    static var directory: URL {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("Corpus")
    }

    static func names(in subdirectory: String = "") -> [String] {
        let url = directory.appendingPathComponent(subdirectory)
        let all = (try? FileManager.default.contentsOfDirectory(atPath: url.path)) ?? []
        return all.filter { $0.hasSuffix(".xml") || $0.hasSuffix(".bin") }.sorted()
    }

    static func read(_ name: String) -> Bytes {
        guard let data = try? Data(contentsOf: directory.appendingPathComponent(name)) else {
            Issue.record("the corpus has no file \(name)")
            return []
        }
        return Bytes(data)
    }

    /// The file whose name begins with `number`.
    static func file(_ number: String, in subdirectory: String = "") -> Bytes {
        let name = names(in: subdirectory).first { $0.hasPrefix(number + "-") } ?? number
        return read(subdirectory.isEmpty ? name : subdirectory + "/" + name)
    }

    /// The event of a file that holds one, and ends with it: all from the first `<event`.
    static func event(in file: Bytes) -> Bytes {
        let text = Bytes("<event".utf8)
        for index in file.indices where file[index...].starts(with: text) {
            return Bytes(file[index...])
        }
        return []
    }
}
