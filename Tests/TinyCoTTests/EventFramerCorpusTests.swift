// The framer against the corpus, against generated streams whose events are known, against a
// plain reference framer, and against mutations. Expected steps follow the corpus README.

import Testing

@testable import TinyCoT

/// What the framer must tell of a hostile file when file 14 follows it; `nil` stands for the
/// event of the file itself, from its first `<event` to its end. Files not named: that event.
private let hostileSteps: [String: [Told?]] = [
    "h04": [.refused(.doctype)], "h05": [.refused(.doctype)], "h06": [.refused(.doctype)],
    "h09": [.refused(.unterminated)], "h10": [.refused(.tooLarge)], "h30": [.refused(.junk)],
    "h32": [.refused(.nestedEvent)], "h33": [.foreign(.httpOnCoTPort)],
    "h34": [.foreign(.tlsOnPlainPort)], "h35": [.foreign(.protobufUnasked)],
    "h45": [.refused(.brokenMarkup)], "h46": [.refused(.junk)], "h49": [],
    "h56": [.refused(.xmlVersion)], "h60": [.refused(.unterminated), .refused(.junk)],
    "h63": [.refused(.brokenMarkup)], "h64": [.refused(.unterminated)],
]

/// Files that hold more or less than one event: cut at the literal `</event>`, as README says.
private let piecewise: Set<String> = ["h31", "h47", "h48", "h61"]

/// For streams without hidden `</event>`: from each `<event ` to the first `</event>` after it,
/// starting again at every `<event `; what lies between is junk unless it is white.
private func cutNaively(_ stream: Bytes) -> [Bytes] {
    let (start, end) = (Bytes("<event ".utf8), Bytes("</event>".utf8))
    var events = [Bytes]()
    var open: Int?
    for index in stream.indices {
        if stream[index...].starts(with: start) { open = index }
        if let from = open, stream[index...].starts(with: end) {
            events.append(Bytes(stream[from..<(index + end.count)]))
            open = nil
        }
    }
    return events
}

@Suite struct EventFramerCorpusTests {
    private let follower = Corpus.file("14")

    @Test func everyNumberedFileIsOneEvent() {
        for name in Corpus.names() {
            let file = Corpus.read(name)
            let told: Told = name.hasPrefix("51") ? .auth : .event(Corpus.event(in: file))
            // File 21 is the stream recipe's; of the others the short ones.
            let everyPosition = file.count < 500 || name.hasPrefix("06") || name.hasPrefix("21")
            expectSame(file, as: [told], everyPosition: everyPosition, name)
        }
        #expect(Corpus.names().count > 60)
    }

    @Test(arguments: ["", "\n", "\r\n", "   "])
    func allFilesBackToBack(separator: String) {
        var stream = Bytes()
        var told = [Told]()
        for name in Corpus.names() {
            let file = Corpus.read(name)
            stream += file + Bytes(separator.utf8)
            told.append(name.hasPrefix("51") ? .auth : .event(Corpus.event(in: file)))
        }
        expectSame(stream, as: told, everyPosition: false)
    }

    @Test func goodAfterBad() {
        for name in Corpus.names(in: "hostile") {
            let file = Corpus.read("hostile/" + name)
            let number = String(name.prefix(3))
            if piecewise.contains(number) { continue }
            let steps = hostileSteps[number] ?? [nil]
            var told = steps.map { $0 ?? .event(Corpus.event(in: file)) }
            var isForeign = false
            if case .foreign = told.last { isForeign = true }
            if !isForeign { told.append(.event(Corpus.event(in: follower))) }
            expectSame(file + follower, as: told, everyPosition: file.count < 330, name)
        }
        #expect(Corpus.names(in: "hostile").count > 50)
    }

    @Test func goodAfterBadInPieces() {
        for name in Corpus.names(in: "hostile") where piecewise.contains(String(name.prefix(3))) {
            let stream = Corpus.read("hostile/" + name) + follower
            let told = frame(stream)
            let events = told.compactMap { step -> Bytes? in
                if case .event(let bytes) = step { bytes } else { nil }
            }
            #expect(events == cutNaively(stream), "\(name)")
            #expect(told.count > events.count, "\(name): what is between is counted")
            expectSame(stream, as: told, name)
        }
    }

    @Test func aForeignFileLaterIsJunk() {
        for number in ["h33", "h34", "h35"] {
            let stream = follower + Corpus.file(number, in: "hostile") + follower
            let told = frame(stream)
            #expect(told.first == told.last && told.contains(.refused(.junk)), "\(number)")
            expectSame(stream, as: told, number)
        }
    }

    @Test func theNaiveFramerAgreesWhereItCan() {
        var random = SeededGenerator(seed: 3)
        let names = Corpus.names().filter { !["51", "69"].contains($0.prefix(2)) }
        for _ in 0..<20 {
            var stream = Bytes()
            for _ in 0..<6 {
                let file = Corpus.read(names[random.below(names.count)])
                stream += file.count < 3_000 ? file : []
            }
            let told = frame(stream, cuts: randomCuts(stream.count, &random))
            #expect(told == cutNaively(stream).map { Told.event($0) })
        }
    }
}

/// Writes well-formed streams at random, and knows where the events in them are.
private struct StreamWriter {
    var random: SeededGenerator

    private mutating func one(of choices: [String]) -> String {
        choices[random.below(choices.count)]
    }

    private mutating func attributes() -> String {
        var text = ""
        for _ in 0..<random.below(4) {
            text += one(of: [" a='", " b = '", "\n\tc=\t'"])
            text += one(of: ["", ">", "/", "\"", "/>", "&lt;/event&gt;", "plain", "]]>-->?>"]) + "'"
        }
        return text + one(of: ["", " ", "\r\n"])
    }

    private mutating func piece(depth: Int) -> String {
        switch random.below(9) {
        case 0: return "<!--" + one(of: hidden + [" ]]> ?> "]) + "-->"
        case 1: return "<![CDATA[" + one(of: hidden + [" ]] > --> ?> ]"]) + "]]>"
        case 2: return "<?p " + one(of: hidden + [" ]]> --> ? > "]) + "?>"
        case 3, 4:
            return one(of: ["a > '\"", " \n", "]]", "&#60;/event>", "é", "?>", "-->", "/>"])
        case 5:
            return "<" + one(of: names) + attributes() + "/>"
        default:
            if depth > 5 { return "" }
            let name = one(of: names)
            let startTag = "<" + name + attributes() + ">"
            return startTag + content(depth + 1) + "</" + name + one(of: [">", " >", "\n>"])
        }
    }

    private let names = ["a", "e", "events", "even", "event-x", "x:event", "auth", "Event", "_x"]
    private let hidden = [
        "", " </event> ", "<event>", " <event a='", "<?xml ", "</event", "</event><a", "<!", "'\"",
        "-> <a>", "]> <a>", "> <a>",
    ]

    private mutating func content(_ depth: Int) -> String {
        (0..<random.below(5)).map { _ in piece(depth: depth) }.joined()
    }

    mutating func event() -> String {
        if random.below(8) == 0 { return "<event" + attributes() + "/>" }
        return "<event" + attributes() + ">" + content(1)
            + one(of: ["</event>", "</event >", "</event\r\n>"])
    }

    mutating func prolog() -> String {
        one(of: [
            "", "\n", "<?xml version='1.0'?>", "<?xml version=\"1.0\" encoding=\"x\"?>\n",
            "<?p > '?><!-- <event> -->", " <!-- </event> - -->\r\n", "\u{FEFF}",
            "<?xml encoding='version=\"2\"' version = '1.0' ?>",
        ])
    }
}

@Suite struct EventFramerPropertyTests {
    #if DEBUG
        private static let mutations = 2_000
        private static let wellFormedStreams = 150
    #else
        private static let mutations = 40_000
        private static let wellFormedStreams = 4_000
    #endif

    @Test func everyEventOfAWellFormedStreamIsFound() {
        var writer = StreamWriter(random: SeededGenerator(seed: 11))
        var random = SeededGenerator(seed: 12)
        for round in 0..<Self.wellFormedStreams {
            var stream = ""
            var events = [Told]()
            for _ in 0..<5 {
                let event = writer.event()
                stream += writer.prolog() + event
                events.append(.event(event))
            }
            let bytes = Bytes(stream.utf8)
            let cuts = round % 2 == 0 ? Array(0...bytes.count) : randomCuts(bytes.count, &random)
            let told = frame(bytes, cuts: cuts)
            #expect(told == events, "round \(round): \(stream)")
            if told != events { return }
        }
    }

    /// Any mutation: no trap, the same steps however cut, and of two good events that follow the
    /// last is always framed whole.
    @Test func noMutationLosesMoreThanTheNextEvent() {
        var random = SeededGenerator(seed: 5)
        let files = (Corpus.names() + Corpus.names(in: "hostile").map { "hostile/" + $0 })
            .map { Corpus.read($0) }.filter { $0.count < 1_300 }
        let good = Corpus.file("01")
        let last = Told.event(Corpus.event(in: good))
        for round in 0..<Self.mutations {
            var stream = Bytes()
            for _ in 0..<3 { stream += files[random.below(files.count)] }
            for _ in 0...random.below(4) { mutate(&stream, &random) }
            stream += good + good
            let limit = round % 4 == 0 ? 700 : 65_536
            let told = frame(stream, maxEventBytes: limit)
            let cut = frame(stream, cuts: randomCuts(stream.count, &random), maxEventBytes: limit)
            var isForeign = false
            if case .foreign = told.first { isForeign = true }
            if told == cut && (isForeign || told.last == last) { continue }
            let text = String(decoding: stream, as: UTF8.self)
            Issue.record("round \(round): \(told) or \(cut) for \(text)")
            return
        }
    }

    private func mutate(_ stream: inout Bytes, _ random: inout SeededGenerator) {
        let special = Bytes("<>\"'/!?-[]= \0\u{7F}".utf8) + [0xEF, 0xBF]
        let words = [
            "</event>", "<event ", "<?xml ", "<!--", "<![CDATA[", "<auth>", "<!DOCTYPE [", "<?",
            "-->", "</auth>", "version='1.1'",
        ]
        let at = random.below(stream.count - 60)
        switch random.below(6) {
        case 0: stream[at] = UInt8(truncatingIfNeeded: random.next())
        case 1: stream[at] ^= 1 << UInt8(random.below(8))
        case 2: stream.remove(at: at)
        case 3: stream.insert(special[random.below(special.count)], at: at)
        case 4: stream.insert(contentsOf: words[random.below(words.count)].utf8, at: at)
        default: stream.removeSubrange(at..<(at + random.below(60)))
        }
    }
}
