// Helpers of the tests of Config and Budget: bytes with a life of their own, sentences of
// errors, and a small seeded generator, so that every run tries the same inputs.
import Foundation

@testable import TinyCoT

/// Memory that a test may hand to the core as a slab. Freed with the object. The bytes end at
/// the end of their allocation, so an address sanitizer sees a read behind them.
final class OwnedBytes {
    let slab: Slab<UInt8>

    init(_ bytes: [UInt8]) {
        let start = UnsafeMutablePointer<UInt8>.allocate(capacity: max(bytes.count, 1))
        bytes.withUnsafeBufferPointer { source in
            if let first = source.baseAddress { start.update(from: first, count: source.count) }
        }
        slab = Slab(start: start, count: bytes.count)
    }

    convenience init(_ text: String) { self.init(Array(text.utf8)) }

    deinit { slab.start?.deallocate() }
}

/// Whatever `body` writes, as a string.
func written(capacity: Int = 8_192, _ body: (inout ByteWriter) -> Void) -> String {
    let memory = OwnedBytes([UInt8](repeating: 0, count: capacity))
    var writer = ByteWriter(memory.slab)
    body(&writer)
    precondition(!writer.overflowed)
    return String(decoding: (0..<writer.count).map { memory.slab[$0] }, as: UTF8.self)
}

func sentence(_ error: ConfigError, file: String) -> String {
    let name = OwnedBytes(file)
    return written { error.write(file: name.slab, into: &$0) }
}

/// A configuration with its tables, small where a test wants to overflow them.
final class ConfigCandidate {
    private let memory: UnsafeMutableRawBufferPointer
    var config: Config

    init(_ budget: Budget = Budget()) {
        memory = .allocate(byteCount: 1 << 18, alignment: 64)
        memory.initializeMemory(as: UInt8.self, repeating: 0)
        var arena = Arena(memory: memory)
        config = Config(budget: budget, arena: &arena)
    }

    deinit { memory.deallocate() }

    func parse(_ text: [UInt8]) throws(ConfigError) {
        let bytes = OwnedBytes(text)
        try ConfigParser.parse(bytes.slab, hashKey: 7, into: &config)
    }

    func failure(_ text: String) -> String {
        do throws(ConfigError) {
            try parse(Array(text.utf8))
            return "accepted"
        } catch {
            return sentence(error, file: "tinycot.json")
        }
    }

    var listeners: [String] {
        (0..<config.listenerCount).map { i in
            let team = config.listeners[i].team
            return written { $0.append(self.config.listeners[i].endpoint) }
                + (team == Config.noTeam ? "" : " \(team)")
        }
    }
    var httpListeners: [String] {
        (0..<config.httpListenerCount).map { i in
            written { $0.append(self.config.httpListeners[i]) }
        }
    }
    var allow: [String] {
        (0..<config.allowCount).map { i in written { $0.append(self.config.allow[i]) } }
    }
    var teams: [String] { (0..<config.teamCount).map { text(config.teams[$0].name) } }
    func team(of member: String) -> UInt8? {
        let bytes = OwnedBytes(member)
        let hash = NameHash.of(bytes.slab, key: 7)
        return config.member(hash).map { config.members[$0].team }
    }
    /// Who hears whom, one row per sender.
    var visible: [String] {
        (0..<config.teamCount).map { from in
            (0..<config.teamCount).map {
                config.visible(from: UInt8(from), to: UInt8($0)) ? "1" : "0"
            }.joined()
        }
    }
}

func text<let capacity: Int>(_ short: ShortText<capacity>) -> String {
    String(decoding: (0..<Int(short.count)).map { short[$0] }, as: UTF8.self)
}

/// Changes a text as an operator, a bad disk or an attacker would.
func mutate(
    _ original: [UInt8], pieces: [[UInt8]], using random: inout SeededGenerator
) -> [UInt8] {
    var bytes = original
    for _ in 0..<Int.random(in: 1...4, using: &random) {
        let position = Int.random(in: 0...bytes.count, using: &random)
        switch Int.random(in: 0..<6, using: &random) {
        case 0 where position < bytes.count: bytes.remove(at: position)
        case 1: bytes.insert(UInt8.random(in: 0...255, using: &random), at: position)
        case 2 where position < bytes.count:
            bytes[position] = UInt8.random(in: 0...255, using: &random)
        case 3: bytes.insert(contentsOf: pieces.randomElement(using: &random)!, at: position)
        case 4 where position < bytes.count:
            let end = min(bytes.count, position + Int.random(in: 1...12, using: &random))
            let copy = Array(bytes[position..<end])
            bytes.insert(contentsOf: copy, at: Int.random(in: 0...bytes.count, using: &random))
        case 5 where position < bytes.count:
            bytes.removeSubrange(
                position..<min(bytes.count, position + Int.random(in: 1...12, using: &random)))
        default: break
        }
    }
    return bytes
}

let jsonPieces: [[UInt8]] =
    [
        "{", "}", "[", "]", ",", ":", "\"", "\\", "\\u", "\\u0041", "\\ud83d\\ude00", "\\ud83d",
        "\\n", "\\/", "\\x", "0", "-", "1.5", "1e3", "01", "-0", ".", "E+", "true", "false", "null",
        "nul", "NaN", " ", "\n", "\t", "\r\n", "//", "[]", "{}", "[[[[", "]]]]", "\"a\":1", "é",
        "\u{1F600}",
        "99999999999999999999", "\u{7F}", "\u{0}",
    ].map { Array($0.utf8) } + [
        [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xFF], [0xE2, 0x82],
        [0xEF, 0xBB, 0xBF],
    ]
