// Tests of the framer: a table of streams and what must be told about each, however they are cut.
// The expected steps follow from protocol 3.3 and from the framer's stated rules.

import Testing

@testable import TinyCoT

/// A stream between two good events, and what must be told of it and of the event after it.
private struct Case {
    let name: String
    let stream: String
    let told: [Told]
}

private let declaration = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
private let good = "<event uid='good'><point lat=\"1\"/><detail>a &gt; b</detail></event>"

private func whole(_ name: String, _ event: String) -> Case {
    Case(name: name, stream: event, told: [.event(event)])
}

private func lost(_ name: String, _ stream: String, _ reasons: Refusal...) -> Case {
    Case(name: name, stream: stream, told: reasons.map { .refused($0) })
}

@Suite struct EventFramerTests {
    @Test func fitsIntoAClientRecord() {
        #expect(MemoryLayout<EventFramer>.size <= 64)
    }

    private static let wholeEvents: [Case] = [
        whole("empty", "<event></event>"),
        whole("self-closed", "<event a='1'/>"),
        whole("self-closed at once", "<event/>"),
        whole("slash and space do not close", "<event a='1'/ ></event>"),
        whole("line feed after the name", "<event\na='1'\n></event\n>"),
        whole("white space in the end tag", "<event><a></a \t></event \r\n>"),
        whole("> in values", "<event a='>' b=\">/>\"><c d='/'>></c></event>"),
        whole("the other quote in values", "<event a='\"' b=\"'\"/>"),
        whole("slash before a quote", "<event><a b=/'c'></a></event>"),
        whole("names that begin like event", "<event><events/><eventlog></eventlog><e/></event>"),
        whole("end tags like event", "<event><even></even><eventx></eventx></event>"),
        whole("another namespace", "<event><x:event>t</x:event></event>"),
        whole("auth is a name inside", "<event><auth><authx/></auth></event>"),
        whole("comment", "<event><!-- </event> <b> ' \" -- > -> --></event>"),
        whole("empty comment", "<event><!----></event>"),
        whole("comment of dashes", "<event><!------></event>"),
        whole("> right after <!--", "<event><!-->--></event>"),
        whole("comment with an event", "<event><!-- <event></event> --></event>"),
        whole("comment with half its end", "<event><!-- -> <a> - --></event>"),
        whole("CDATA with half its end", "<event><![CDATA[ ]> <a> ] > ]]></event>"),
        whole("instruction with half its end", "<event><?a > <b> ? > ?></event>"),
        whole("CDATA", "<event><![CDATA[ </event> ]] > ]>]]]></event>"),
        whole("CDATA with a start", "<event><![CDATA[<event ><?xml ?><event/>]]></event>"),
        whole("instruction", "<event><?a </event> > \" ??><?b?></event>"),
        whole("instruction that begins like xml", "<event><?xml-a b?><?xm?><?x?></event>"),
        whole("root closed by another name", "<event></foo>"),
        whole("> of an empty name", "<event><></></event>"),
        whole("deep", "<event>" + repeated("<a>", 300) + repeated("</a>", 300) + "</event>"),
        Case(
            name: "no room between events", stream: "<event/><event></event><event/>",
            told: [.event("<event/>"), .event("<event></event>"), .event("<event/>")]),
        Case(
            name: "prologs", stream: " \t\r\n\u{FEFF}\(declaration)<?a b=\"?><!-- > -- <event>-->",
            told: []),
        Case(name: "auth", stream: "\(declaration)<auth><cot a='>'/> </auth >", told: [.auth]),
        Case(name: "auth with comment", stream: "<auth><!--</auth>--></auth>", told: [.auth]),
        Case(name: "self-closed auth", stream: "<auth/>", told: [.auth]),
    ]

    private static let refused: [Case] = [
        lost("junk", " x <foo a='b'> y </foo>", .junk),
        lost("not quite event", "<even/> <eventlog></eventlog> <x:event/>", .junk),
        lost("end tag alone", "</event>", .junk),
        lost("CDATA outside", "<![CDATA[ a ]]>", .junk),
        lost("half a byte order mark", "\u{FEC0}", .junk),
        lost("two runs of junk", "a<!-- -->b", .junk, .junk),
        lost("< again and again", "<<<", .junk),
        lost("XML 1.1", "<?xml version='1.1'?>\(good)", .xmlVersion),
        lost("XML with space around =", "<?xml a='version=\"3\"' version =\n\"2.0\" ?>\(good)",
            .xmlVersion),
        lost("XML 1.0 and more", "<?xml version=\"1.01\"?>\(good)", .xmlVersion),
        lost("XML of no version", "<?xml version=\"\"?>\(good)", .xmlVersion),
        lost("auth of XML 1.1", "<?xml version='1.1'?><auth></auth>", .xmlVersion),
        lost("DOCTYPE", "<!DOCTYPE event>\(good)", .doctype),
        lost("DOCTYPE with subset", "<!DOCTYPE event [<!ENTITY a \"]>\"><!ENTITY b ']>'>]>\(good)",
            .doctype),
        lost("DOCTYPE of XML 1.1", "<?xml version='1.1'?><!DOCTYPE a>\(good)", .xmlVersion),
        lost("DOCTYPE, no document", "<!DOCTYPE a>\(declaration)", .doctype),
        lost("nested", "<event><event></event></event>", .nestedEvent),
        lost("nested, self-closed", "<event><a><event b=''/></a></event>", .nestedEvent),
        lost("nested thrice", "<event><event><event></event></event> </event>", .nestedEvent),
        lost("nested, then others", "<event><event></event><a/></event>", .nestedEvent),
        lost("mismatched", "<event><a><b></b></event>", .mismatchedTag),
        lost("< in a value", "<event><a b='<c' d='>'></a></event>", .brokenMarkup),
        lost("< in a tag", "<event a='b' <c></c></event>", .brokenMarkup),
        lost("< in an end tag", "<event><a></a <b></event>", .brokenMarkup),
        lost("<<", "<event><<a></a></event>", .brokenMarkup),
        lost("<!", "<event><!foo></event>", .brokenMarkup),
        lost("<!-", "<event><!-<a></event >", .brokenMarkup),
        lost("DOCTYPE inside", "<event><!DOCTYPE a></event>", .brokenMarkup),
        lost("unclosed value", "<event><a b='></a></event>", .brokenMarkup),
        lost("unclosed quote of the other kind", "<event a='\">t</event>", .brokenMarkup),
        lost("broken, a word cut by another", "<event a='<b </eve</event>", .brokenMarkup),
        lost("broken, an end cut by another", "<event a='<b </event </event>", .brokenMarkup),
        lost("broken, < before the end", "<event a='<b <</event>", .brokenMarkup),
        lost("no event in a broken one", "<event a='<b <eventx <?xmlx></event>", .brokenMarkup),
    ]

    /// Streams whose end is missing: the next document ends them.
    private static let cutOff: [Case] = [
        lost("cut in text", "<event><a>", .unterminated),
        lost("cut in a tag", "<event><a", .unterminated),
        lost("cut in a value", "<event><a b='", .unterminated),
        lost("cut in an end tag", "<event><a></a", .unterminated),
        lost("cut in the last tag", "<event><a></a></event", .unterminated),
        lost("cut after a <", "<event><a><", .unterminated),
        lost("cut after <!", "<event><a><!", .unterminated),
        lost("cut in a broken one", "<event><a b='<c'>", .brokenMarkup),
        lost("cut in auth", "<auth><cot a=", .unterminated),
        lost("cut in a value of auth", "<auth><cot a='b", .unterminated),
        lost("cut in text of auth", "<auth><cot>", .unterminated),
        lost("auth broken", "<auth><cot a='<b'></auth>", .brokenMarkup),
    ]

    private static func repeated(_ text: String, _ count: Int) -> String {
        String(repeating: text, count: count)
    }

    @Test(arguments: [true, false])
    func everyCaseBetweenGoodEvents(declared: Bool) {
        let prolog = declared ? declaration : ""
        let before = prolog + good
        let after = declaration + good
        for item in Self.wholeEvents + Self.refused {
            expectSame(
                Bytes((before + item.stream + after).utf8),
                as: [.event(good)] + item.told + [.event(good)], item.name)
        }
    }

    @Test func everyCutOffDocumentLosesNothingDeclared() {
        for item in Self.cutOff {
            expectSame(
                Bytes((good + item.stream + declaration + good).utf8),
                as: [.event(good)] + item.told + [.event(good)], item.name)
        }
    }

    @Test func aCutOffDocumentLosesAtMostTheNextUndeclaredOne() {
        for item in Self.cutOff {
            let told = frame(Bytes((item.stream + good + good + good).utf8))
            #expect(told.suffix(2) == [.event(good), .event(good)], "\(item.name): \(told)")
            expectSame(
                Bytes((item.stream + good + " " + good).utf8), as: told.dropLast(), item.name)
        }
        // In text, the next one looks nested until the one after it shows that it was not.
        expectSame(
            Bytes(("<event><a>" + good + good).utf8), as: [.refused(.nestedEvent), .event(good)])
    }

    @Test(arguments: ["<!-- ", "<![CDATA[ ", "<?a "], [declaration, " \n", ""])
    func aHiddenPieceWithoutEndLosesAtMostTheNext(opening: String, between: String) {
        let inside = "<event><a>" + opening + " </event>" + between
        expectSame(
            Bytes((inside + good + between + good).utf8),
            as: [.refused(.unterminated), .event(good), .event(good)])
        if opening == "<![CDATA[ " { return }
        expectSame(
            Bytes((opening + good + between + good).utf8),
            as: [.refused(.unterminated), .event(good)])
    }

    @Test func aDoctypeWithoutEndLosesAtMostTheNext() {
        for opening in ["<!DOCTYPE a [", "<!DOCTYPE a \"", "<!DOCTYPE a '"] {
            expectSame(
                Bytes((opening + "<event>'</event>" + declaration + good).utf8),
                as: [.refused(.doctype), .event(good)], opening)
        }
    }

    @Test func onlyTheVeryFirstBytesAreForeign() {
        for method in ["GET", "POST", "PUT", "HEAD", "DELETE", "OPTIONS", "CONNECT", "PATCH",
            "TRACE", "PRI"]
        {
            let request = Bytes("\(method) / HTTP/1.1\r\n\r\n".utf8)
            expectSame(request, as: [.foreign(.httpOnCoTPort)], method)
            expectSame(
                Bytes(" ".utf8) + request + Bytes(good.utf8), as: [.refused(.junk), .event(good)])
            // A name that is none: junk, and the stream goes on.
            for length in 1...method.utf8.count {
                expectSame(
                    request.prefix(length) + Bytes(good.utf8),
                    as: [.refused(.junk), .event(good)], "\(method) \(length)")
            }
        }
        expectSame([0x16, 3, 1], as: [.foreign(.tlsOnPlainPort)])
        expectSame([0xBF, 1, 0xBF], as: [.foreign(.protobufUnasked)])
        expectSame(
            Bytes(good.utf8) + [0x16, 0xBF] + Bytes(good.utf8),
            as: [.event(good), .refused(.junk), .event(good)])
        expectSame(Bytes("GET".utf8), as: [])
    }

    @Test func theLimitIsExactAndTheStreamStaysInStep() {
        let limit = 64
        for extra in -2...2 {
            let head = "<event a='"
            let tail = "'><b></b></event>"
            let fill = Self.repeated("x", limit + extra - head.utf8.count - tail.utf8.count)
            let event = head + fill + tail
            #expect(event.utf8.count == limit + extra)
            let told: Told = extra <= 0 ? .event(event) : .refused(.tooLarge)
            expectSame(
                Bytes((event + "<event/>").utf8), as: [told, .event("<event/>")],
                maxEventBytes: limit)
        }
        for (name, stream) in [
            ("in text", "<event><a>" + Self.repeated("<b/>", 30) + "</a></event>"),
            ("nested later", "<event>" + Self.repeated("x", 64) + "<event></event></event>"),
            ("broken later", "<event>" + Self.repeated("x", 64) + "<a '<'</event>"),
            ("cut off later", "<event>" + Self.repeated("x", 64) + "<!-- </event>"),
        ] {
            expectSame(
                Bytes((stream + "<?xml ?><event/>").utf8),
                as: [.refused(.tooLarge), .event("<event/>")], maxEventBytes: limit, name)
        }
    }

    @Test func whatIsNotKeptIsBoundedToo() {
        for opening in ["<!-- ", "<?a ", "<?xml ", "<!DOCTYPE ", "<auth ", "<auth>"] {
            let longest = opening + Self.repeated("x", 64 - opening.utf8.count)
            expectSame(
                Bytes((longest + "x yz>--><event/>").utf8),
                as: [.refused(.tooLarge), .event("<event/>")], maxEventBytes: 64, opening)
        }
        // The word that the limit cuts is read on.
        let comment = "<!-- " + Self.repeated("x", 64 - 5 - 3) + "<event/>"
        expectSame(
            Bytes(comment.utf8), as: [.refused(.tooLarge), .event("<event/>")], maxEventBytes: 64)
    }

    @Test func endlessStreamsKeepNothing() {
        for (piece, told) in [
            ("a", [Told.refused(.junk)]), ("<event ", [.refused(.unterminated)]),
            ("<event a='", [.refused(.unterminated)]), ("<a>", [.refused(.junk)]),
        ] {
            var framed = FramedStream(maxEventBytes: 1024)
            let chunk = Bytes(Self.repeated(piece, 5_000).utf8)
            for _ in 0..<4 { framed.feed(chunk[...]) }
            #expect(framed.mostKept <= 1024)
            #expect(framed.told.first == told.first || framed.told.isEmpty)
        }
        var one = FramedStream(maxEventBytes: 1024)
        one.feed(Bytes("<event a=".utf8)[...])
        for _ in 0..<20 { one.feed(Bytes(Self.repeated(" ", 1_000).utf8)[...]) }
        #expect(one.kept.isEmpty && one.mostKept <= 1024 && one.told.isEmpty)
        one.feed(Bytes("></event><event/>".utf8)[...])
        #expect(one.told == [.refused(.tooLarge), .event("<event/>")])
    }

    @Test func anEventWithinAWrongRootIsRouted() {
        expectSame(
            Bytes("<foo><event></event></foo>\(good)".utf8),
            as: [.refused(.junk), .event("<event></event>"), .refused(.junk), .event(good)])
    }

    @Test func whatEndsAWordInABrokenDocumentMayBeginTheNext() {
        expectSame(
            Bytes(("<event a='<b <eve" + good + good).utf8),
            as: [.refused(.brokenMarkup), .event(good), .event(good)])
        expectSame(
            Bytes("<event a='<b </eve</event>x".utf8),
            as: [.refused(.brokenMarkup), .refused(.junk)])
    }

    @Test func aDeclarationInsideIsANewDocument() {
        expectSame(
            Bytes("<event><a><?xml version='1.0'?></a></event>\(good)".utf8),
            as: [.refused(.unterminated), .refused(.junk), .event(good)])
    }
}
