// What the framer sees at a glance. That it is always what `next` finds is checked by every test
// that frames a stream (EventFramerSupport), and by the fuzzer.

import Testing

@testable import TinyCoT

@Suite struct EventFramerWholeTests {
    private let event = "<event uid=\"a\"><point lat='1'/><detail>x > y</detail></event>"

    /// A framer that has passed the first bytes of its connection.
    private func glance(_ text: String, from: Int = 0, maxEventBytes: Int = 65_536) -> WholeEvent? {
        var framer = EventFramer(maxEventBytes: maxEventBytes)
        var blank: [UInt8] = [0x20]
        blank.withUnsafeMutableBufferPointer { buffer in
            _ = framer.next(Slab(start: buffer.baseAddress, count: 1), from: 0)
        }
        var bytes = Array(text.utf8)
        return bytes.withUnsafeMutableBufferPointer { buffer in
            framer.wholeEvent(Slab(start: buffer.baseAddress, count: buffer.count), from: from)
        }
    }

    private func found(_ before: String, _ event: String) -> WholeEvent {
        WholeEvent(start: before.utf8.count, end: before.utf8.count + event.utf8.count)
    }

    @Test(arguments: [
        "", "\n", " \r\n\t", "<?xml version=\"1.0\"?>",
        "\n<?xml version='1.0' encoding='UTF-8' standalone='yes'?>\n",
    ])
    func theUsualIsFound(before: String) {
        #expect(glance(before + event) == found(before, event))
        #expect(glance(before + event + event) == found(before, event))
        #expect(glance(before + event + "<") == found(before, event))
    }

    @Test func theNextOneIsFoundBehindTheFirst() {
        let size = event.utf8.count
        #expect(glance(event + event, from: size) == WholeEvent(start: size, end: 2 * size))
        #expect(glance(event, from: size) == nil)
    }

    @Test(arguments: [
        "", "x", "\u{FEFF}", "<auth></auth>", "<!-- -->", "<?xml version=\"1.1\"?>", "<?a?>",
        "<!DOCTYPE event>", "<?xml version=\"1.0\" a=\"?>\"?>", "<?xml version=\"1.0\">",
    ])
    func theUnusualBeforeItIsLeftToTheFramer(before: String) {
        if !before.isEmpty { #expect(glance(before + event) == nil) }
        for inside in ["<!-- -->", "<![CDATA[x]]>", "<?a?>", "<event></event>", "</event >"] {
            let text = event.replacing("x > y", with: inside)
            #expect(glance(before + text) == nil, "\(inside)")
        }
    }

    @Test func whatIsNotWholeIsLeftToTheFramer() {
        for count in 0..<event.utf8.count {
            #expect(glance(String(event.prefix(count))) == nil)
        }
        #expect(glance("<events uid=\"a\"></event>") == nil)
    }

    @Test func whatIsTooLongIsLeftToTheFramer() {
        let size = event.utf8.count
        #expect(glance(event, maxEventBytes: size) == found("", event))
        #expect(glance(event, maxEventBytes: size - 1) == nil)
    }

    @Test func inTheMiddleOfSomethingNothingIsFound() {
        var framer = EventFramer(maxEventBytes: 1_024)
        for open in ["<event uid=\"b\">", "<!-- ", "junk"] {
            framer = EventFramer(maxEventBytes: 1_024)
            var bytes = Array((" " + open).utf8)
            bytes.withUnsafeMutableBufferPointer { buffer in
                let slab = Slab(start: buffer.baseAddress, count: buffer.count)
                var at = 0
                while case .refused(_, let resumeAt) = framer.next(slab, from: at) { at = resumeAt }
            }
            var rest = Array(event.utf8)
            rest.withUnsafeMutableBufferPointer { buffer in
                let slab = Slab(start: buffer.baseAddress, count: buffer.count)
                #expect(framer.wholeEvent(slab, from: 0) == nil, "\(open)")
            }
        }
    }
}
