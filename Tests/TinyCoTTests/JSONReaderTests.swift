import Foundation
import Testing

@testable import TinyCoT

@Suite struct JSONReaderTests {
    /// What a text says, in a form that both readers can be brought to: `s` and hexadecimal for
    /// a string, `#` and its text for a number, brackets for the rest; nil if it is refused.
    private func read(_ bytes: [UInt8]) -> (value: String?, isTooDeep: Bool) {
        let memory = OwnedBytes(bytes)
        var reader = JSONReader(memory.slab)
        var value = ""
        do throws(ConfigError) {
            while true {
                switch try reader.next() {
                case .end: return (value, false)
                case .key: value += "k" + hex(reader.text())
                case .objectStart: value += "{"
                case .objectEnd: value += "}"
                case .listStart: value += "["
                case .listEnd: value += "]"
                case .string: value += "s" + hex(reader.text())
                case .number: value += "#" + string(reader.text())
                case .yes: value += "T"
                case .no: value += "F"
                case .null: value += "N"
                }
            }
        } catch {
            if error.line < 1 || error.column < 1 { Issue.record("no place: \(bytes)") }
            return (nil, string(error.allowed).contains("16 levels"))
        }
    }

    private func string(_ text: StaticString) -> String { text.description }

    private func hex(_ slab: Slab<UInt8>) -> String {
        let digits = Array("0123456789abcdef")
        var result = ""
        for i in 0..<slab.count {
            result.append(digits[Int(slab[i] >> 4)])
            result.append(digits[Int(slab[i] & 15)])
        }
        return result
    }

    private func string(_ slab: Slab<UInt8>) -> String {
        String(decoding: (0..<slab.count).map { slab[$0] }, as: UTF8.self)
    }

    private func failure(_ text: String) -> String {
        failure(Array(text.utf8))
    }

    private func failure(_ bytes: [UInt8]) -> String {
        let memory = OwnedBytes(bytes)
        var reader = JSONReader(memory.slab)
        do throws(ConfigError) {
            while try reader.next() != .end {}
            return "accepted"
        } catch {
            return sentence(error, file: "f")
        }
    }

    @Test func errorsPointAtTheCharacter() {
        #expect(
            failure("{\"a\": 1,}")
                == """
                f, line 1, column 9: the last value of a list or object must not have a comma \
                behind it.
                """)
        #expect(
            failure("[1\n  2]") == """
                f, line 2, column 3: expected a comma or \"]\", found \"2\".
                """)
        #expect(
            failure("{\"é\" 1}")
                == "f, line 1, column 6: expected a colon behind the key, found \"1\".")
        #expect(
            failure("[\"\\q\"]")
                == "f, line 1, column 3: JSON knows no such escape in a string.")
        #expect(
            failure("{}x") == """
                f, line 1, column 3: nothing may follow the closing bracket, found \"x\".
                """)
        #expect(failure("") == "f, line 1, column 1: expected a value, found the end of the file.")
        #expect(
            failure("[\n") == """
                f, line 2, column 1: expected a value, found the end of the file.
                """)
        #expect(failure("[01]") == "f, line 1, column 3: a number must not begin with a zero.")
        #expect(failure("[] // a note") == "f, line 1, column 4: JSON has no comments.")
        #expect(
            failure("{\"a\": \"b\n}")
                == "f, line 1, column 7: this string has no closing quote.")
        #expect(
            failure([0x5B, 0x22, 0xFF, 0x22, 0x5D])
                == "f, line 1, column 3: a string is not valid UTF-8, found the byte 0xff.")
        #expect(failure("[\u{1}]") == "f, line 1, column 2: expected a value, found \"\\x01\".")
    }

    @Test func aByteOrderMarkIsPassedOver() {
        #expect(read([0xEF, 0xBB, 0xBF] + Array("[1]".utf8)).value != nil)
        #expect(read([0xEF, 0xBB, 0xBF, 0xEF, 0xBB, 0xBF] + Array("[1]".utf8)).value == nil)
    }

    @Test func depthIsBounded() {
        func nested(_ depth: Int) -> [UInt8] {
            Array(
                (String(repeating: "[", count: depth) + String(repeating: "]", count: depth)).utf8)
        }
        #expect(read(nested(16)).value != nil)
        #expect(read(nested(17)).isTooDeep)
        #expect(read(nested(30_000)).isTooDeep)
    }

    @Test(
        arguments: [
            ("0", 0), ("-0", 0), ("-17", -17), ("9223372036854775807", Int.max),
            ("9223372036854775808", Int.max), ("-99999999999999999999999", Int.min),
            ("1.0", nil), ("1e3", nil), ("99999999999999999999.5", nil), ("\"1\"", nil),
            ("true", nil),
        ] as [(String, Int?)])
    func wholeNumbers(_ text: String, _ expected: Int?) throws {
        let memory = OwnedBytes(text)
        var reader = JSONReader(memory.slab)
        _ = try reader.next()
        #expect(reader.integer() == expected)
    }

    @Test func escapesAreDecoded() throws {
        let memory = OwnedBytes(#"["\"\\\/\b\f\n\r\t\u00e9\uD83D\uDE00\u0000x","y"]"#)
        var reader = JSONReader(memory.slab)
        _ = try reader.next()
        _ = try reader.next()
        #expect(string(reader.text()) == "\"\\/\u{8}\u{C}\n\r\té\u{1F600}\u{0}x")
        // Asking twice decodes once.
        #expect(string(reader.text()) == "\"\\/\u{8}\u{C}\n\r\té\u{1F600}\u{0}x")
        _ = try reader.next()
        #expect(string(reader.text()) == "y")
        #expect(reader.tokenColumn == 46)
    }

    @Test func valuesCanBeSkipped() throws {
        let memory = OwnedBytes(#"[{"a":[1,{"b":2}]},[],"s",7]"#)
        var reader = JSONReader(memory.slab)
        _ = try reader.next()
        for _ in 0..<3 {
            _ = try reader.next()
            try reader.skipValue()
        }
        #expect(try reader.next() == .number)
        #expect(reader.integer() == 7)
        #expect(try reader.next() == .listEnd)
        #expect(try reader.next() == .end)
    }

    /// The oracle is Python's reader, in one process for all cases. (Foundation's takes a comma
    /// before a closing bracket and swallows a byte order mark inside a string.) Both must agree
    /// on what is JSON and on the value. Deliberate differences: ours stops at 16 levels, and
    /// refuses half a surrogate pair, which has no UTF-8; Python's NaN and Infinity are turned off.
    @Test(.enabled(if: python != nil, "the oracle is Python"))
    func agreesWithPython() throws {
        let seeds = [
            #"{"cot": {"listen": ["0.0.0.0:8087", "[::]:8087"]}, "stall_seconds": 30}"#,
            #"[1, -2.5e+3, 0.1E-2, true, false, null, "a\u00e9\ud83d\ude00é", {}, [], [[]]]"#,
            "{\n  \"a\" : [ 1 , 2 ] ,\r\n\t\"b\" : { \"c\" : \"\\\\\\\"\" }\n}\n",
            "\"text\"", "12", "true",
        ].map { Array($0.utf8) }
        var random = SeededGenerator(seed: 20_261_122)
        let cases = (0..<25_000).map {
            mutate(seeds[$0 % seeds.count], pieces: jsonPieces, using: &random)
        }
        let answers = try pythonAnswers(cases)
        #expect(answers.count == cases.count)
        var accepted = 0
        var disagreements = 0
        for (bytes, answer) in zip(cases, answers) {
            let (value, isTooDeep) = read(bytes)
            let expected = answer == "refused" || answer == "surrogate" ? nil : answer
            if value != nil { accepted += 1 }
            if value != expected && !isTooDeep && disagreements < 10 {
                disagreements += 1
                Issue.record(
                    """
                    \(String(decoding: bytes, as: UTF8.self)): \(String(describing: value)), \
                    Python \(answer)
                    """)
            }
        }
        // Enough of both, or the comparison proves nothing.
        #expect(accepted > 2_500)
        #expect(accepted < 20_000)
    }

    private func pythonAnswers(_ cases: [[UInt8]]) throws -> [String] {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let input = folder.appendingPathComponent("cases")
        let script = folder.appendingPathComponent("oracle.py")
        let lines = cases.map { bytes in
            let memory = OwnedBytes(bytes)
            return hex(memory.slab)
        }
        try lines.joined(separator: "\n").write(to: input, atomically: true, encoding: .utf8)
        try oracle.write(to: script, atomically: true, encoding: .utf8)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["python3", script.path, input.path]
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return String(decoding: output, as: UTF8.self).split(separator: "\n").map(String.init)
    }
}

private let python: String? = {
    let folders = ProcessInfo.processInfo.environment["PATH"]?.split(separator: ":") ?? []
    return folders.map { "\($0)/python3" }.first(where: FileManager.default.isExecutableFile)
}()

private let oracle = """
    import json, sys
    class Number(str): pass
    class Members(list): pass
    def constant(name): raise ValueError(name)
    def show(v):
        if isinstance(v, Number): return "#" + v
        if isinstance(v, str): return "s" + v.encode("utf-8").hex()
        if isinstance(v, Members):
            return "{" + "".join("k" + k.encode("utf-8").hex() + show(m) for k, m in v) + "}"
        if isinstance(v, list): return "[" + "".join(map(show, v)) + "]"
        return {True: "T", False: "F", None: "N"}[v]
    for line in open(sys.argv[1]).read().splitlines():
        raw = bytes.fromhex(line)
        if raw.startswith(bytes([0xEF, 0xBB, 0xBF])): raw = raw[3:]
        try:
            value = json.loads(
                raw.decode("utf-8"), parse_int=Number, parse_float=Number,
                parse_constant=constant, object_pairs_hook=Members)
        except (ValueError, RecursionError):
            print("refused")
            continue
        try:
            print(show(value))
        except UnicodeEncodeError:
            print("surrogate")
    """
