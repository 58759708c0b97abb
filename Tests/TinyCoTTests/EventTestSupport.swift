// What the tests of the event files share: reading from the corpus, running the reader over
// bytes, turning ranges back into text.
import Foundation

@testable import TinyCoT

enum EventCorpus {
    static let folder = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Corpus")

    static func names(in sub: String = "") -> [String] {
        let path = sub.isEmpty ? folder : folder.appendingPathComponent(sub)
        let all = (try? FileManager.default.contentsOfDirectory(atPath: path.path)) ?? []
        return all.filter { $0.hasSuffix(".xml") || $0.hasSuffix(".bin") }.sorted()
    }

    static func file(_ name: String) -> [UInt8] {
        let direct = folder.appendingPathComponent(name)
        let hostile = folder.appendingPathComponent("hostile/" + name)
        return [UInt8](
            (try? Data(contentsOf: direct)) ?? (try? Data(contentsOf: hostile)) ?? Data())
    }

    /// The event of a file, as the framer would hand it over: from `<event` on.
    static func event(_ name: String) -> [UInt8] {
        let bytes = file(name)
        let mark = Array("<event".utf8)
        for i in bytes.indices where bytes[i...].starts(with: mark) {
            let next = i + mark.count < bytes.count ? bytes[i + mark.count] : 0
            if " \t\r\n>/".utf8.contains(next) { return Array(bytes[i...]) }
        }
        return []
    }

    /// The name of the file that begins with `number`, such as "01" or "h16".
    static func event(number: String) -> [UInt8] {
        let all = names() + names(in: "hostile")
        return all.first { $0.hasPrefix(number + "-") }.map { event($0) } ?? []
    }
}

/// A reader with memory of its own, and an event that it looks at.
final class ReadEvent {
    let slab: Slab<UInt8>
    private(set) var header = EventHeader()
    private(set) var refusal: Refusal?
    private let memory: UnsafeMutableRawBufferPointer
    private let bytes: UnsafeMutablePointer<UInt8>

    init(_ event: [UInt8]) {
        memory = .allocate(byteCount: 1 << 16, alignment: 64)
        memory.initializeMemory(as: UInt8.self, repeating: 0)
        bytes = .allocate(capacity: max(event.count, 1))
        bytes.initialize(from: event, count: event.count)
        slab = Slab(start: bytes, count: event.count)
        var arena = Arena(memory: memory)
        var reader = EventReader(arena: &arena)
        refusal = reader.read(slab, into: &header)
    }

    convenience init(_ text: String) { self.init(Array(text.utf8)) }

    deinit {
        memory.deallocate()
        bytes.deallocate()
    }

    func raw(_ range: ByteRange) -> String {
        String(
            decoding: UnsafeBufferPointer(
                start: bytes + Int(range.offset), count: Int(range.count)), as: UTF8.self)
    }

    /// The decoded value, or nil if it is absent.
    func text(_ range: ByteRange) -> String? {
        if range.isAbsent { return nil }
        return written(Int(range.count) + 8) { AttributeValue.append(slab, range, to: &$0) }
    }

    func bytes(_ capacity: Int = 200_000, _ body: (inout ByteWriter) -> Void) -> [UInt8] {
        let room = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
        defer { room.deallocate() }
        var writer = ByteWriter(Slab(start: room, count: capacity))
        body(&writer)
        precondition(!writer.overflowed)
        return Array(UnsafeBufferPointer(start: room, count: writer.count))
    }

    func written(_ capacity: Int = 200_000, _ body: (inout ByteWriter) -> Void) -> String {
        String(decoding: bytes(capacity, body), as: UTF8.self)
    }

    var destinations: [Destination] {
        var list = DestinationList(header)
        var all: [Destination] = []
        while let next = list.next(slab) { all.append(next) }
        return all
    }

    var members: [String] {
        var list = ChatMembers(slab, header)
        var all: [String] = []
        while let next = list.next(slab) { all.append(text(next) ?? "") }
        return all
    }

    var kind: EventKind { EventKind.of(slab, header) }
}

/// An event around `detail`, valid unless the arguments make it otherwise.
func eventText(
    _ inside: String = "", root: String = "uid=\"u\" type=\"a-f-G\" how=\"h-e\"",
    point: String = "<point lat=\"1\" lon=\"2\" hae=\"3\" ce=\"4\" le=\"5\"/>"
) -> String {
    "<event version=\"2.0\" \(root)>\(point)<detail>\(inside)</detail></event>"
}
