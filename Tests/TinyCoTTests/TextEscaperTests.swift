// Hostile names must come out as valid JSON and as harmless lines. Foundation's JSON reader is the
// independent judge; what UTF-8 allows is asked of Swift's own validation.

import Foundation
import Testing

@testable import TinyCoT

@Suite struct TextEscaperTests {
    private func escape(
        _ bytes: [UInt8], _ style: TextEscaper.Style, maxColumns: Int = .max
    ) -> (bytes: [UInt8], columns: Int) {
        var input = bytes
        var output = [UInt8](repeating: 0, count: bytes.count * 8 + 16)
        return input.withUnsafeMutableBufferPointer { source in
            output.withUnsafeMutableBufferPointer { target in
                var writer = ByteWriter(Slab(start: target.baseAddress, count: target.count))
                let columns = writer.append(
                    Slab(start: source.baseAddress, count: source.count), as: style,
                    maxColumns: maxColumns)
                return (Array(target[0..<writer.count]), columns)
            }
        }
    }

    private func decodedJSON(_ bytes: [UInt8]) throws -> String {
        let text = Data([UInt8(ascii: "\"")] + escape(bytes, .json).bytes + [UInt8(ascii: "\"")])
        return try JSONDecoder().decode(String.self, from: text)
    }

    @Test func jsonKeepsEveryValidText() throws {
        let texts = [
            "", "ALPHA-1", "a\"b\\c/d", "\u{0}\u{1}\u{8}\t\n\r\u{1F}\u{7F}", "Grüße", "日本", "🚁",
            "\u{2028}\u{2029}\u{202E}x", "\u{10FFFF}\u{E000}\u{D7FF}\u{80}\u{7FF}\u{800}",
        ]
        for text in texts {
            #expect(
                try decodedJSON(Array(text.utf8)).unicodeScalars.elementsEqual(
                    text.unicodeScalars))
        }
    }

    @Test func jsonIsValidForEveryPairOfBytesAndCountsNoValidOneAsBroken() throws {
        for first in UInt8.min...UInt8.max {
            for second in UInt8.min...UInt8.max {
                let output = escape([first, second], .json).bytes
                #expect(String(validating: output, as: UTF8.self) != nil)
                let isValid = String(validating: [first, second], as: UTF8.self) != nil
                let hasReplacement = output.contains(0xEF)
                #expect(isValid != hasReplacement, "\(first) \(second)")
            }
        }
    }

    @Test func brokenSequencesOfThreeAndFourBytesAreReplaced() throws {
        // Overlong, surrogate, beyond U+10FFFF, cut off: RFC 3629 section 4.
        let broken: [[UInt8]] = [
            [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xF0, 0x80, 0x80, 0x80],
            [0xF4, 0x90, 0x80, 0x80], [0xE2, 0x82], [0xF0, 0x9F, 0x9A], [0xF8, 0x88, 0x80, 0x80],
        ]
        for bytes in broken {
            let text = try decodedJSON([UInt8(ascii: "a")] + bytes + [UInt8(ascii: "b")])
            #expect(text.first == "a" && text.last == "b")
            #expect(text.dropFirst().dropLast().allSatisfy { $0 == "\u{FFFD}" })
            #expect(text.count > 2)
        }
    }

    @Test func randomBytesAlwaysGiveValidTextWithoutControls() {
        var seed: UInt64 = 42
        for _ in 0..<20_000 {
            var bytes: [UInt8] = []
            seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            for i in 0..<Int(seed >> 60) {
                seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                bytes.append(UInt8(truncatingIfNeeded: seed >> (33 + UInt64(i & 7))))
            }
            for style in [TextEscaper.Style.json, .plain] {
                let text = String(validating: escape(bytes, style).bytes, as: UTF8.self)
                #expect(text != nil)
                let harmless = text?.unicodeScalars.allSatisfy {
                    $0.value >= 0x20 && $0.value != 0x7F
                        && (style == .json || !(0x80..<0xA0).contains($0.value))
                }
                #expect(harmless == true)
            }
        }
    }

    /// libxml2 reads every pair of bytes back, those that no document may hold as U+FFFD.
    @Test func xmlIsSoundForEveryPairOfBytes() throws {
        for first in UInt8.min...UInt8.max {
            let pairs = (UInt8.min...UInt8.max).map { [first, $0] }
            var document = Array("<all>".utf8)
            for pair in pairs {
                document += Array("<a>".utf8) + escape(pair, .xml).bytes + Array("</a>".utf8)
            }
            document += Array("</all>".utf8)
            guard case .element(_, _, let all)? = XMLJudge.read(document), all.count == 256 else {
                Issue.record("libxml2 does not take what is written for \(first)")
                return
            }
            for (pair, element) in zip(pairs, all) {
                guard case .element(_, _, let children) = element,
                    case .text(let text)? = children.first
                else {
                    Issue.record("\(pair) is no text")
                    return
                }
                if let whole = String(validating: pair, as: UTF8.self) {
                    let expected = whole.unicodeScalars.map { scalar in
                        scalar.value < 0x20 && !"\t\n\r".unicodeScalars.contains(scalar)
                            ? "\u{FFFD}" : scalar
                    }
                    #expect(text.unicodeScalars.elementsEqual(expected), "\(pair)")
                } else {
                    #expect(text.contains("\u{FFFD}"), "\(pair)")
                }
            }
        }
        let never = escape(Array("\u{FFFE}\u{FFFF}\u{FFFD}\u{FEFF}\u{10FFFF}".utf8), .xml).bytes
        #expect(
            String(decoding: never, as: UTF8.self) == "\u{FFFD}\u{FFFD}\u{FFFD}\u{FEFF}\u{10FFFF}")
    }

    @Test func xmlEscapesWhatIsMarkup() {
        let escaped = escape(Array("<a b=\"c\" d='e'>&amp;]]>".utf8), .xml).bytes
        #expect(
            String(decoding: escaped, as: UTF8.self)
                == "&lt;a b=&quot;c&quot; d=&apos;e&apos;&gt;&amp;amp;]]&gt;")
    }

    @Test func plainTextShowsWhatATerminalWouldObey() {
        func plain(_ text: String) -> String {
            String(decoding: escape(Array(text.utf8), .plain).bytes, as: UTF8.self)
        }
        #expect(plain("a\u{1B}[31mb\n") == "a\\x1b[31mb\\x0a")
        #expect(plain("\u{9B}x") == "\\xc2\\x9bx")
        #expect(plain("\u{202E}x\u{2066}") == "\\xe2\\x80\\xaex\\xe2\\x81\\xa6")
        #expect(plain("Grüße \"x\" €") == "Grüße \"x\" €")
    }

    @Test func columnsAreCountedAndNeverExceeded() {
        for limit in 0...12 {
            let result = escape(Array("ä\u{1}€b\u{2}xyz".utf8), .plain, maxColumns: limit)
            #expect(result.columns <= limit)
            #expect(String(decoding: result.bytes, as: UTF8.self).count == result.columns)
        }
    }
}
