import Testing

@testable import TinyCoT

@Suite struct EventWriterTests {
    /// 2026-01-15T12:00:00.000Z, the moment of the corpus.
    private let noon = WallTime(milliseconds: 1_768_478_400_000)

    private func written(_ body: (inout ByteWriter) -> Void) -> String {
        let text = ReadEvent(eventText()).written(EventWriter.maxBytes, body)
        let event = ReadEvent(text)
        #expect(event.refusal == nil && event.header.pointIsComplete && !event.header.needsRewrite)
        #expect(CoTTime.parse(event.slab, event.header.time) != nil)
        #expect(CoTTime.parse(event.slab, event.header.start) != nil)
        #expect(CoTTime.parse(event.slab, event.header.stale) != nil)
        #expect(!event.header.how.isEmpty)
        #expect(XMLJudge.read(Array(text.utf8)) != nil)
        return text
    }

    @Test func pongIsTheOneOfTheCorpus() {
        let expected = String(decoding: EventCorpus.event(number: "43"), as: UTF8.self)
        #expect(written { EventWriter.pong(now: noon, into: &$0) } == expected)
    }

    @Test func denialIsTheOneOfTheCorpus() {
        let request = ReadEvent(EventCorpus.event(number: "45"))
        let now = noon.adding(milliseconds: 2000)
        let expected = String(decoding: EventCorpus.event(number: "46"), as: UTF8.self)
        let text = written {
            EventWriter.takpDenial(
                request.slab, uid: request.header.uid, now: now, into: &$0)
        }
        #expect(text == expected)
    }

    @Test func denialNamesTheRequestWhateverItsUID() {
        for raw in ["'a\"b &amp; &#x41;'", "\"it's &lt;\"", "\"&quot;'\""] {
            let request = ReadEvent(eventText(root: "uid=\(raw) type='t-x-takp-q'"))
            let text = written {
                EventWriter.takpDenial(
                    request.slab, uid: request.header.uid, now: noon, into: &$0)
            }
            let answer = ReadEvent(text)
            #expect(answer.text(answer.header.uid) == request.text(request.header.uid))
            #expect(answer.kind == .control)
        }
    }

    @Test func noticeIsTheOneOfTheCorpusApartFromItsRandomUID() {
        var uid = NameText()
        uid.set("ANDROID-00000000000000b2")
        var type = ShortText<24>()
        type.set("a-f-G-U-C")
        let text = written {
            EventWriter.disconnectNotice(
                randomHigh: 0xD9D9_D9D9_0000_F000, randomLow: 0x0000_0000_0000_0047, uid: uid,
                type: type, now: noon, into: &$0)
        }
        let expected = String(decoding: EventCorpus.event(number: "47"), as: UTF8.self)
        #expect(text == expected)
    }

    @Test func noticeEscapesAndFitsWhateverTheName() {
        for name in ["<\"&'>", "a\tb\nc\rd", String(repeating: "\"", count: 80), "\u{1F600}"] {
            var bytes = Array(name.utf8)
            var uid = NameText()
            var type = ShortText<24>()
            bytes.withUnsafeMutableBufferPointer {
                uid.set(Slab(start: $0.baseAddress, count: $0.count))
                type.set(Slab(start: $0.baseAddress, count: $0.count))
            }
            let text = written {
                EventWriter.disconnectNotice(
                    randomHigh: .max, randomLow: .max, uid: uid, type: type, now: noon, into: &$0)
            }
            let notice = ReadEvent(text)
            #expect(notice.text(notice.header.linkUID) == name)
            #expect(notice.raw(notice.header.uid) == "ffffffff-ffff-4fff-bfff-ffffffffffff")
            #expect(notice.raw(notice.header.linkRelation) == "p-p")
            #expect(notice.kind == .delete)
        }
    }
}
