// What the writer makes is read by Foundation; random values are written in random pieces and must
// come back as they were.

import Foundation
import Testing

@testable import TinyCoT

@Suite struct JSONWriterTests {
    private indirect enum Value {
        case object([Value]), list([Value]), text([UInt8]), number(Int64), truth(Bool), nothing
    }

    private func random(_ generator: inout SeededGenerator, depth: Int) -> Value {
        let children = { (generator: inout SeededGenerator) in
            (0..<generator.below(5)).map { _ in self.random(&generator, depth: depth - 1) }
        }
        switch generator.below(depth > 0 ? 7 : 4) {
        case 0: return .number(Int64(bitPattern: generator.next()) >> Int64(generator.below(60)))
        case 1: return .truth(generator.below(2) == 0)
        case 2: return .nothing
        case 3:
            return .text((0..<generator.below(12)).map { _ in UInt8(generator.below(256)) })
        case 4, 5: return .object(children(&generator))
        default: return .list(children(&generator))
        }
    }

    private static let keys: [StaticString] = ["a", "b", "c", "d", "e"]

    private func write(_ value: Value, _ json: inout JSONWriter, _ writer: inout ByteWriter) {
        switch value {
        case .object(let members):
            json.beginObject(&writer)
            for (i, member) in members.enumerated() {
                json.key(JSONWriterTests.keys[i], &writer)
                write(member, &json, &writer)
            }
            json.endObject(&writer)
        case .list(let elements):
            json.beginList(&writer)
            for element in elements { write(element, &json, &writer) }
            json.endList(&writer)
        case .text(let bytes): withSlab(bytes) { json.string($0, &writer) }
        case .number(let number): json.number(number, &writer)
        case .truth(let truth): json.boolean(truth, &writer)
        case .nothing: json.null(&writer)
        }
    }

    private func isSame(_ read: Any, _ value: Value) -> Bool {
        switch value {
        case .object(let members):
            guard let read = read as? [String: Any], read.count == members.count else {
                return false
            }
            return zip(members, JSONWriterTests.keys).allSatisfy { member, key in
                read["\(key)"].map { isSame($0, member) } ?? false
            }
        case .list(let elements):
            guard let read = read as? [Any], read.count == elements.count else { return false }
            return zip(read, elements).allSatisfy { isSame($0, $1) }
        case .text(let bytes):
            guard let read = read as? String else { return false }
            // What was UTF-8 is the same; what was not holds the mark for it.
            if let text = String(validating: bytes, as: UTF8.self) {
                return read.unicodeScalars.elementsEqual(text.unicodeScalars)
            }
            return read.unicodeScalars.contains("\u{FFFD}")
        case .number(let number): return (read as? NSNumber)?.int64Value == number
        case .truth(let truth): return (read as? NSNumber)?.boolValue == truth
        case .nothing: return read is NSNull
        }
    }

    @Test func whatIsWrittenIsReadBack() throws {
        var generator = SeededGenerator(seed: 8259)
        for _ in 0..<2000 {
            let value = random(&generator, depth: 4)
            let bytes = written { json, writer in write(value, &json, &writer) }
            let read = try JSONSerialization.jsonObject(
                with: Data(bytes), options: .fragmentsAllowed)
            try #require(isSame(read, value), "\(String(decoding: bytes, as: UTF8.self))")
        }
    }

    private func written(_ body: (inout JSONWriter, inout ByteWriter) -> Void) -> [UInt8] {
        withSlab([UInt8](repeating: 0, count: 100_000)) { slab in
            var writer = ByteWriter(slab)
            var json = JSONWriter()
            #expect(!json.isComplete)
            body(&json, &writer)
            #expect(json.isComplete)
            #expect(!writer.overflowed)
            return array(writer.written)
        }
    }

    @Test func writesTheTypesOfTheProtocol() {
        let bytes = written { json, writer in
            json.beginList(&writer)
            json.quotedNumber(-12, &writer)
            json.string(WallTime(milliseconds: 1), &writer)
            var name = NameText()
            name.set("a\"b")
            json.string(name, &writer)
            json.string(name, from: 2, to: 3, &writer)
            json.string("x", &writer)
            json.endList(&writer)
        }
        #expect(
            String(decoding: bytes, as: UTF8.self)
                == "[\"-12\",\"1970-01-01T00:00:00.001Z\",\"a\\\"b\",\"b\",\"x\"]")
    }

    @Test func whatDoesNotFitIsTold() {
        for room in 0..<11 {
            withSlab([UInt8](repeating: 0, count: room)) { slab in
                var writer = ByteWriter(slab)
                var json = JSONWriter()
                json.beginList(&writer)
                json.string("abcdefg", &writer)
                json.endList(&writer)
                #expect(writer.overflowed == (room < 11))
            }
        }
    }

    /// Each breaks one rule; each must stop the program.
    @Test func brokenNestingStopsTheProgram() async {
        await #expect(processExitsWith: .failure) { misuse { $0.beginObject(&$1); $0.null(&$1) } }
        await #expect(processExitsWith: .failure) { misuse { $0.beginList(&$1); $0.key("a", &$1) } }
        await #expect(processExitsWith: .failure) { misuse { $0.null(&$1); $0.null(&$1) } }
        await #expect(processExitsWith: .failure) { misuse { $0.endList(&$1) } }
        await #expect(processExitsWith: .failure) { misuse { $0.endObject(&$1) } }
        await #expect(processExitsWith: .failure) {
            misuse { $0.beginList(&$1); $0.endObject(&$1) }
        }
        await #expect(processExitsWith: .failure) {
            misuse { $0.beginObject(&$1); $0.key("a", &$1); $0.endObject(&$1) }
        }
        await #expect(processExitsWith: .failure) {
            misuse { json, writer in for _ in 0..<16 { json.beginList(&writer) } }
        }
    }
}

private func misuse(_ body: (inout JSONWriter, inout ByteWriter) -> Void) {
    withSlab([UInt8](repeating: 0, count: 100)) { slab in
        var writer = ByteWriter(slab)
        var json = JSONWriter()
        body(&json, &writer)
    }
}
