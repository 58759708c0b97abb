// Thousands of video lists, whole and damaged, with Python's expat as the judge: what is taken here
// is taken there and holds the same, what only expat takes was refused by one of the rules that are
// stricter on purpose, and what is written for others is always sound.

import Foundation
import Testing

@testable import TinyCoT

@Suite struct VideoFeedJudgeTests {
    private static let pieces: [[UInt8]] =
        [
            "<", ">", "&", "/", "\"", "'", "=", "!", "?", "]]>", "<![CDATA[", "<!--", "-->", "--",
            "&amp;", "&lt;", "&#65;", "&#x1F681;", "&#0;", "&x;", "&amp", "<feed>", "</feed>",
            "<feed/>", "<uid>", "</uid>", "<uid>u</uid>", "<uuid>v</uuid>", "<alias>", "</alias>",
            "<alias/>", "<alias>a</alias>", "<port>1</port>", "<new>", "</new>", "<new/>",
            "<new a='b'>", " a='b'", " a=\"b\"", "<!DOCTYPE a>", "<?a b?>", "<?xml version='1.0'?>",
            "</videoConnections>", "<videoConnections>", "\r\n", "\t", " ", "\0", "\u{1}", "é", "🚁",
            "\u{FFFD}", "\u{7F}", "\u{85}", "a", "1", "-1", "true", "\u{FEFF}",
        ].map { Array($0.utf8) } + [[0x80], [0xFF], [0xC3], [0xED, 0xA0, 0x80], [0xF0, 0x9F]]

    private static func sample(_ random: inout SeededGenerator) -> [UInt8] {
        func some(_ random: inout SeededGenerator) -> [UInt8] {
            (0..<random.below(6)).flatMap { _ in pieces[random.below(pieces.count)] }
        }
        var bytes: [UInt8] = []
        if random.below(3) == 0 { bytes += Array("<?xml version=\"1.0\"?>\n".utf8) }
        bytes += Array("<videoConnections>".utf8)
        for number in 0..<random.below(4) {
            bytes += Array("<feed><uid>u\(number)</uid>".utf8)
            for _ in 0..<random.below(8) {
                let child = VideoChild(rawValue: UInt8(2 + random.below(VideoChild.count - 2)))!
                bytes += Array("<\(child.name)>".utf8)
                switch random.below(12) {
                case 0: bytes += Array("<![CDATA[".utf8) + some(&random) + Array("]]>".utf8)
                case 1: bytes += some(&random)
                case 2...5: bytes += Array("\(Int(random.below(100_000)) - 50_000)".utf8)
                default: bytes += Array(" text &amp; <!-- more --> text ".utf8)
                }
                bytes += Array("</\(child.name)>".utf8)
            }
            bytes += Array("</feed>\r\n".utf8)
        }
        return bytes + Array("</videoConnections>".utf8)
    }

    private static func cases(seed: UInt64, count: Int) -> [[UInt8]] {
        var random = SeededGenerator(seed: seed)
        return (0..<count).map { number in
            var bytes = sample(&random)
            for _ in 0..<random.below(5) / 2 {
                let at = random.below(bytes.count)
                let stop = min(bytes.count, at + random.below(4))
                bytes.replaceSubrange(at..<stop, with: pieces[random.below(pieces.count)])
            }
            return bytes
        }
    }

    /// What is refused here on purpose, however well-formed it is.
    private static let stricter: Set<VideoRefusal> = [
        .wrongRoot, .doctype, .instruction, .attribute, .tooDeep, .elementInValue, .repeatedValue,
        .missingUID, .longUID, .badDeclaration,
    ]

    @Test func expatReadsTheSame() throws {
        let cases = VideoFeedJudgeTests.cases(seed: 87, count: 6000)
        let judged = try VideoJudge.judge(cases)
        var tally = (taken: 0, stricter: 0, refused: 0)
        var documents: [[UInt8]] = []
        var expected: [[[VideoJudge.Child]]] = []
        for (bytes, opinion) in zip(cases, judged) {
            let shown = String(decoding: bytes, as: UTF8.self).debugDescription
            let seen = SeenVideos(bytes)
            if let refusal = seen.refusal {
                if opinion == nil {
                    tally.refused += 1
                } else {
                    tally.stricter += 1
                    #expect(VideoFeedJudgeTests.stricter.contains(refusal), "\(refusal): \(shown)")
                }
                continue
            }
            tally.taken += 1
            guard let opinion else {
                Issue.record("expat does not take \(shown)")
                continue
            }
            documents.append(seen.list)
            expected.append(opinion.map(VideoFeedJudgeTests.canonical))
            #expect(seen.feeds.allSatisfy { $0.written != nil })
        }
        let written = try VideoJudge.judge(documents)
        for (index, expected) in expected.enumerated() {
            let shown = String(decoding: documents[index], as: UTF8.self)
            #expect(written[index] == expected, "\(shown)")
        }
        // A judge that always says the same proves nothing.
        #expect(tally.taken > 1000 && tally.stricter > 100 && tally.refused > 1000, "\(tally)")
    }

    /// The rules of protocol 8.7 once more, with strings and patterns.
    private static func canonical(_ feed: [VideoJudge.Child]) -> [VideoJudge.Child] {
        let uid = feed.first { ["uid", "uuid"].contains($0.name) && $0.text != "" }?.text
        let names = [
            "uid", "uuid", "active", "alias", "address", "port", "roverPort", "ignoreEmbeddedKLV",
            "preferredMacAddress", "preferredInterfaceAddress", "path", "protocol", "timeout",
            "buffer", "rtspReliable", "thumbnail", "classification", "latitude", "longitude", "fov",
            "heading", "range",
        ]
        let substitutes = [
            "active": "true", "roverPort": "-1", "ignoreEmbeddedKLV": "false", "timeout": "5000",
        ]
        return names.map { name in
            var text = feed.first { $0.name == name }?.text ?? ""
            switch name {
            case "uid", "uuid": text = uid ?? ""
            case "active", "ignoreEmbeddedKLV":
                text = ["true", "false"].contains(text.lowercased()) ? text.lowercased() : ""
            case "port", "roverPort", "timeout", "buffer", "rtspReliable":
                text = text.wholeMatch(of: /-?[0-9]{1,9}/) == nil ? "" : text
            case "latitude", "longitude", "fov", "heading", "range":
                let pattern = /[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?/
                text = text.wholeMatch(of: pattern) == nil ? "" : text
            default: break
            }
            return VideoJudge.Child(name: name, text: text.isEmpty ? substitutes[name] ?? "" : text)
        }
    }
}
