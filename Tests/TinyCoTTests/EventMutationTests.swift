// Thousands of damaged events, each judged by libxml2. What it rejects must be refused here; what
// it accepts must be accepted unless one of the listed, deliberate rules forbids it; and what both
// accept must say the same, before and after it was copied.
import Foundation
import Testing

@testable import TinyCoT

@Suite struct EventMutationTests {
    private static let tokens: [[UInt8]] =
        [
            "<", ">", "&", "\"", "'", "/", "=", " ", "\r\n", "\r", "\n", "\t", "]", "]]", "]]>",
            "--", "-->",
            "<!--", "<!-- x -->", "<!---->", "<![CDATA[", "<![CDATA[</event>]]>",
            "<![CDATA[a&b<c]]>",
            "<![CDATA[\n]]>", "<?", "?>", "<?pi </event>?>", "<?xml?>", "<!--</event>-->",
            "</event>",
            "</event >", "<event>", "<a>", "</a>", "<a/>", "</detail>", "<detail>", "<detail/>",
            "<point lat='1' lon='2'/>", "<marti/>", "<marti><dest callsign='x' uid='y'/></marti>",
            "<marti><dest mission='m'/><!-- <dest/> --><a><dest uid='n'/></a></marti>",
            "<contact callsign='c' endpoint='e'/>", "<link uid='&quot;l' type='&#x74;'/>",
            "<__chat id='i'><chatgrp uid0='a' uid1='b' uidx='c'/></__chat>",
            "<__group name='Red'/>",
            "<emergency cancel='true'/>", "&amp;", "&#10;", "&#13;", "&#xD800;", "&#xe9;", "&foo;",
            "&#1;",
            " uid='again'", " type='t'", " a='1'", " a:b='1'", " xmlns='u'", "\u{E9}", "\u{20AC}",
            "\u{1F600}", "\u{301}", "\u{FFFE}", "\u{B7}", ":", "1", ".", "-", "_", "e", "nan",
        ].map { Array($0.utf8) } + [
            [0x80], [0xC0, 0xAF], [0xED, 0xA0, 0x80], [0xFF], [0], [0x0B],
            [0xF4, 0x90, 0x80, 0x80],
        ]

    static func mutate(_ event: [UInt8], _ random: inout SeededGenerator) -> [UInt8] {
        var bytes = event
        for _ in 0..<Int.random(in: 1...3, using: &random) {
            // The framer delivers nothing that does not begin with `<event`.
            let at = Int.random(in: 6..<max(7, bytes.count), using: &random)
            if at >= bytes.count { continue }
            let stop = min(bytes.count, at + Int.random(in: 1...12, using: &random))
            // Boundaries of markup are where parsers go wrong.
            let edges = bytes.indices.filter {
                $0 > 6 && (bytes[$0] == 0x3C || bytes[$0 - 1] == 0x3E)
            }
            let edge = edges.randomElement(using: &random) ?? at
            let token = tokens.randomElement(using: &random)!
            switch Int.random(in: 0..<8, using: &random) {
            case 0: bytes[at] = UInt8.random(in: 0...255, using: &random)
            case 1: bytes.removeSubrange(at..<stop)
            case 2: bytes.insert(contentsOf: bytes[at..<stop], at: at)
            case 3: bytes.replaceSubrange(at..<stop, with: token)
            case 4: bytes.insert(contentsOf: token, at: at)
            case 5, 6: bytes.insert(contentsOf: token, at: edge)
            default:
                let other = Int.random(in: 6..<bytes.count, using: &random)
                bytes.swapAt(at, other)
            }
        }
        return bytes
    }

    /// The judge takes white space, comments and instructions after the root; the framer would
    /// have ended the event before them.
    private static func hasTail(_ bytes: [UInt8]) -> Bool {
        for end in bytes.indices.dropFirst(8) where bytes[end - 1] == UInt8(ascii: ">") {
            if XMLJudge.read(Array(bytes[..<end])) != nil { return true }
        }
        return false
    }

    /// A reference in a number is legal and never written; it is not decoded.
    private static func hasReferenceInPoint(_ bytes: [UInt8]) -> Bool {
        let text = String(decoding: bytes, as: UTF8.self)
        guard let start = text.range(of: "<point") else { return false }
        let end = text.range(of: ">", range: start.upperBound..<text.endIndex)
        return text[start.upperBound..<(end?.lowerBound ?? text.endIndex)].contains("&")
    }

    private static func count(_ bytes: [UInt8]) -> Int {
        let mark = Array("</event>".utf8)
        return bytes.indices.filter { bytes[$0...].starts(with: mark) }.count
    }

    private func check(_ bytes: [UInt8], _ label: String) -> Bool {
        let event = ReadEvent(bytes)
        let shown = "\(label): \(String(decoding: bytes, as: UTF8.self))"
        guard let tree = XMLJudge.read(bytes) else {
            #expect(event.refusal != nil, "libxml2 rejects \(shown)")
            return false
        }
        let model = EventModel(root: tree)
        let stricter = model.stricter
        if let refusal = event.refusal {
            let isDeliberate =
                stricter.contains(refusal)
                || (refusal == .brokenMarkup && EventMutationTests.hasTail(bytes))
                || (refusal == .badPoint && EventMutationTests.hasReferenceInPoint(bytes))
            #expect(isDeliberate, "refused as \(refusal): \(shown)")
            return false
        }
        #expect(stricter.isEmpty, "accepted in spite of \(stricter): \(shown)")
        let found = model.differences(from: event).filter {
            $0 != "pointIsComplete" || !EventMutationTests.hasReferenceInPoint(bytes)
        }
        #expect(found == [], "\(shown)")
        checkCopies(event, bytes, tree, shown)
        return true
    }

    private func checkCopies(_ event: ReadEvent, _ bytes: [UInt8], _ tree: Node, _ shown: String) {
        let isClean =
            EventMutationTests.count(bytes) == 1 && bytes.suffix(8) == Array("</event>".utf8)
        #expect(event.header.needsRewrite == !isClean, "\(shown)")
        var copies = [event.bytes { EventRewriter.rewrite(event.slab, event.header, into: &$0) }]
        if isClean {
            copies.append(
                event.bytes { EventRewriter.copyWithoutMarti(event.slab, event.header, into: &$0) })
        }
        for copy in copies {
            #expect(EventMutationTests.count(copy) == 1, "\(shown)")
            #expect(copy.suffix(8) == Array("</event>".utf8), "\(shown)")
            #expect(XMLJudge.read(copy) == tree.withoutMarti(), "\(shown)")
            #expect(ReadEvent(copy).refusal == nil, "\(shown)")
        }
    }

    @Test(arguments: [1, 2, 3, 4] as [UInt64])
    func theReaderAgreesWithTheJudge(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let names = (EventCorpus.names() + EventCorpus.names(in: "hostile")).filter {
            !$0.hasPrefix("75") && !$0.hasPrefix("51")
        }
        let events = names.map { EventCorpus.event($0) }.filter { (20..<5000).contains($0.count) }
        #expect(events.count > 90)
        var accepted = 0
        for round in 0..<3000 {
            let bytes = EventMutationTests.mutate(events.randomElement(using: &random)!, &random)
            if !bytes.starts(with: Array("<event".utf8)) { continue }
            if check(bytes, "seed \(seed) round \(round)") { accepted += 1 }
        }
        // A judge that rejects everything would prove nothing.
        #expect(accepted > 400)
    }

    @Test func theCorpusItselfSurvivesEveryCopy() {
        for name in EventCorpus.names() + EventCorpus.names(in: "hostile")
        where !name.hasPrefix("51") {
            let bytes = EventCorpus.event(name)
            if ReadEvent(bytes).refusal == nil { _ = check(bytes, name) }
        }
    }
}
