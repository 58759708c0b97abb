import Testing

@testable import TinyCoT

@Suite struct EventRewriterTests {
    private func rewritten(_ inside: String) -> String {
        let event = ReadEvent(eventText(inside))
        #expect(event.refusal == nil, "\(inside)")
        return event.written { EventRewriter.rewrite(event.slab, event.header, into: &$0) }
    }

    private func cut(_ text: String) -> String {
        let event = ReadEvent(text)
        #expect(event.refusal == nil, "\(text)")
        return event.written {
            EventRewriter.copyWithoutMarti(event.slab, event.header, into: &$0)
        }
    }

    @Test(arguments: [
        ("a<!-- </event> -->b", "ab"), ("a<?p </event>?>b", "ab"),
        ("<![CDATA[</event> & >]]>", "&lt;/event&gt; &amp; &gt;"), ("<![CDATA[]]>", ""),
        ("<a b='x > y'  />\t<c\n>> </c >", "<a b='x > y'  />\t<c\n>> </c >"),
        ("<a b='&lt;!-- no -->'/>", "<a b='&lt;!-- no -->'/>"),
        ("x<marti><dest uid='1'/><!-- </event> --></marti>y", "xy"),
        // What stood apart must not become the end of a CDATA section, or one line end.
        ("]]<!-- -->>", "]]&gt;"), ("]<!-- -->]>", "]]&gt;"), ("]<?p?>]<?p?>>", "]]&gt;"),
        ("<![CDATA[]]]]>>", "]]&gt;"), ("]]<marti/>>", "]]&gt;"), ("\r<!-- -->\n", "\r&#10;"),
        ("\r<![CDATA[\n]]>", "\r&#10;"), ("a>b", "a>b"),
    ])
    func leavesOutWhatAClientWouldTripOver(inside: String, expected: String) {
        #expect(rewritten(inside) == eventText(expected))
    }

    @Test func theEndTagIsMadeExact() {
        let event = ReadEvent(String(eventText("x").dropLast()) + "  \n>")
        #expect(event.header.needsRewrite)
        let text = event.written { EventRewriter.rewrite(event.slab, event.header, into: &$0) }
        #expect(text == eventText("x"))
    }

    @Test func martiGoesWhereverItStandsAndAllElseStays() {
        #expect(cut(eventText("a<marti><dest uid='1'/></marti>b<marti/>c")) == eventText("abc"))
        #expect(cut(eventText("]]<marti/>>")) == eventText("]]&gt;"))
        #expect(cut(eventText("]<marti/><marti/>]>")) == eventText("]]&gt;"))
        #expect(cut(eventText("\r<marti/>\n")) == eventText("\r&#10;"))
        let inRoot = eventText(point: "<marti><dest/></marti><point lat='1' lon='2'/>")
        #expect(cut(inRoot) == eventText(point: "<point lat='1' lon='2'/>"))
        // Deeper down it is somebody else's element.
        #expect(cut(eventText("<x><marti/></x>")) == eventText("<x><marti/></x>"))
        let plain = EventCorpus.event(number: "08")
        #expect(cut(String(decoding: plain, as: UTF8.self)).utf8.elementsEqual(plain))
    }

    @Test func aWriterThatIsTooSmallSaysSo() {
        let event = ReadEvent(eventText("<![CDATA[&&&&&&&&]]>"))
        for capacity in 0..<event.slab.count + 10 {
            let room = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity + 1)
            defer { room.deallocate() }
            var writer = ByteWriter(Slab(start: room, count: capacity))
            EventRewriter.rewrite(event.slab, event.header, into: &writer)
            #expect(writer.overflowed)
        }
    }

    @Test func timesAreReplacedInWhateverOrderTheyStand() {
        let early = WallTime(milliseconds: 0)
        let late = WallTime(milliseconds: 86_400_000 + 1)
        func repeated(_ root: String) -> String {
            let event = ReadEvent(eventText(root: root))
            #expect(event.refusal == nil)
            return event.written {
                EventRewriter.copyWithTimes(
                    event.slab, event.header, time: early, start: early, stale: late, into: &$0)
            }
        }
        let zero = "1970-01-01T00:00:00.000Z"
        let day = "1970-01-02T00:00:00.001Z"
        #expect(
            repeated("stale='x' uid='u' start=\"\" type='t' time='2026-01-15T12:00:00Z'")
                == eventText(
                    root: "stale='\(day)' uid='u' start=\"\(zero)\" type='t' time='\(zero)'"))
        #expect(
            repeated("uid='u' stale='x' type='t'")
                == eventText(root: "uid='u' stale='\(day)' type='t'"))
        #expect(repeated("uid='u' type='t'") == eventText(root: "uid='u' type='t'"))
    }
}
