// The streaming tokenizer and the config's reader, which is held against Python's, agree on every
// text: what is JSON, which tokens it has, what they mean and on which line they stand.
import Testing

@testable import TinyCoT

@Suite struct JSONStreamTests {
    private struct Reading: Equatable {
        var tokens: [String] = []
        var isTaken = false
    }

    private func name(_ token: JSONReader.Token) -> String {
        switch token {
        case .objectStart: "{"
        case .objectEnd: "}"
        case .listStart: "["
        case .listEnd: "]"
        default: "\(token)"
        }
    }

    private func whole(_ bytes: [UInt8]) -> Reading {
        var reading = Reading()
        withStateBytes(bytes) { slab in
            var reader = JSONReader(slab)
            do throws(ConfigError) {
                while true {
                    let token = try reader.next()
                    if token == .end { break }
                    var word = "\(reader.tokenLine) " + name(token)
                    if token == .number { word += reader.integer().map { " \($0)" } ?? " no" }
                    if token == .key || token == .string {
                        word += " \(stateBytes(reader.text()))"
                    }
                    reading.tokens.append(word)
                }
                reading.isTaken = true
            } catch {}
        }
        return reading
    }

    private func streamed(_ bytes: [UInt8], cutting: Bool) -> Reading {
        var reading = Reading()
        var stream = JSONStream()
        var text: [UInt8] = []
        let pieces = cutting ? bytes.map { [$0] } : [bytes]
        do throws(StateFault) {
            for piece in pieces { try take(piece, &stream, &text, &reading) }
            reading.isTaken = stream.isAtEnd
        } catch {}
        return reading
    }

    private func take(
        _ piece: [UInt8], _ stream: inout JSONStream, _ text: inout [UInt8],
        _ reading: inout Reading
    ) throws(StateFault) {
        let memory = UnsafeMutablePointer<UInt8>.allocate(capacity: max(1, piece.count))
        defer { memory.deallocate() }
        memory.initialize(from: piece, count: piece.count)
        var offset = 0
        while true {
            let token = try stream.next(Slab(start: memory, count: piece.count), &offset)
            var word: String
            switch token {
            case .more: return
            case .run(let run):
                text += stateBytes(run)
                continue
            case .scalar(let scalar):
                text += Array(String(Unicode.Scalar(scalar)!).utf8)
                continue
            case .objectStart: word = "{"
            case .objectEnd: word = "}"
            case .listStart: word = "["
            case .listEnd: word = "]"
            case .key, .string:
                word = "\(token) \(text)"
                text = []
            case .number: word = "number " + (stream.integer.map { "\($0)" } ?? "no")
            default: word = "\(token)"
            }
            reading.tokens.append("\(stream.line) " + word)
        }
    }

    private static let seeds = [
        "{\"a\":[1,-2.5e+3,0,{\"b\":null}],\"c\":\"\\u00e9\\ud83d\\ude81\\n\",\"d\":true}\n",
        "[[],{},\"\",\"é🚁\",false,-0,1E5,12345678901234567890123,{\"x\":{\"y\":[[[]]]}}]\n",
        " \t\r\n{ \"k\" : [ 1 , 2 ] ,\n\"l\" : \"a\\\"b\\\\c\\/d\" } \n",
        "\"text\"\n", "17\n", "nul\n", "[1,]\n", "{\"a\":1,}\n", "[\"\\ud83d\"]\n",
        "[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]\n", "[01]\n", "[1.]\n", "[-]\n", "[1e]\n", "{} x\n",
    ]

    private func mutate(_ bytes: [UInt8], _ random: inout SeededGenerator) -> [UInt8] {
        let alphabet = Array("{}[]\",:\\u0123456789abcdefDEF.-+eE tfn\n\r\t/\u{1}é🚁".utf8)
        var bytes = bytes
        for _ in 0..<(1 + random.below(3)) {
            let at = random.below(bytes.count)
            switch random.below(5) {
            case 0: bytes.remove(at: at)
            case 1: bytes.insert(alphabet[random.below(alphabet.count)], at: at)
            case 2: bytes[at] = UInt8(random.below(256))
            case 3:
                let end = min(bytes.count, at + 1 + random.below(6))
                bytes.insert(contentsOf: bytes[at..<end], at: at)
            default: bytes[at] = alphabet[random.below(alphabet.count)]
            }
            if bytes.isEmpty { bytes = [0x20] }
        }
        // Only a byte behind a number ends it.
        return bytes + [0x0A]
    }

    @Test func agreesWithTheReaderOfTheConfig() {
        var random = SeededGenerator(seed: 4711)
        var taken = 0
        for round in 0..<20_000 {
            let seed = Array(JSONStreamTests.seeds[round % JSONStreamTests.seeds.count].utf8)
            let bytes = round < JSONStreamTests.seeds.count ? seed : mutate(seed, &random)
            // A byte order mark is passed over in what an operator writes.
            if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { continue }
            let expected = whole(bytes)
            for cutting in [false, true] {
                let found = streamed(bytes, cutting: cutting)
                // Where one of them stops inside a broken text is its own business.
                let isSame = expected.isTaken ? found == expected : !found.isTaken
                #expect(isSame, "\(String(decoding: bytes, as: UTF8.self)) \(bytes)")
            }
            if expected.isTaken { taken += 1 }
        }
        #expect(taken > 1000 && taken < 18_000, "\(taken)")
    }
}
