import Testing

@testable import TinyCoT

@Suite struct AttributeValueTests {
    private func event(_ raw: String) -> ReadEvent {
        ReadEvent(eventText("<contact callsign=\"\(raw)\" endpoint=\"e\"/>"))
    }

    private func hash(_ event: ReadEvent) -> UInt64 {
        AttributeValue.hash(event.slab, event.header.contactCallsign, key: 5)
    }

    @Test(arguments: [
        ("plain", "plain"), ("", ""), ("&amp;&lt;&gt;&quot;&apos;", "&<>\"'"),
        ("&amp;amp;", "&amp;"),
        ("&#65;&#x42;&#x0000063;", "ABc"),
        ("&#xe9;&#x20AC;&#x1F600;\u{E9}", "\u{E9}\u{20AC}\u{1F600}\u{E9}"),
        ("a\tb\nc\rd\r\ne", "a b c d e"), ("&#9;&#10;&#13;&#13;\n", "\t\n\r\r "), ("'", "'"),
        ("&#x10FFFF;&#x7FF;&#x800;&#xFFFD;&#x10000;", "\u{10FFFF}\u{7FF}\u{800}\u{FFFD}\u{10000}"),
    ])
    func decodes(raw: String, expected: String) {
        let event = event(raw)
        #expect(event.refusal == nil)
        #expect(event.text(event.header.contactCallsign) == expected)
        var bytes = Array(expected.utf8)
        let whole = bytes.withUnsafeMutableBufferPointer {
            NameHash.of(Slab(start: $0.baseAddress, count: $0.count), key: 5)
        }
        #expect(hash(event) == whole)
    }

    /// Rows 06 and 07 of the corpus: two spellings of one callsign are one callsign.
    @Test func twoSpellingsAreOneName() {
        #expect(hash(event("\u{C4}\u{4E2D}")) == hash(event("&#xC4;&#20013;")))
        #expect(hash(event("A")) != hash(event("a")))
    }

    @Test func equalsAndPrefix() {
        let event = event("All &#67;hat")
        let range = event.header.contactCallsign
        #expect(AttributeValue.equals(event.slab, range, "All Chat"))
        #expect(!AttributeValue.equals(event.slab, range, "All Cha"))
        #expect(!AttributeValue.equals(event.slab, range, "All Chats"))
        #expect(!AttributeValue.equals(event.slab, range, ""))
        #expect(AttributeValue.hasPrefix(event.slab, range, "All C"))
        #expect(AttributeValue.hasPrefix(event.slab, range, ""))
        #expect(!AttributeValue.hasPrefix(event.slab, range, "All Chat "))
        #expect(AttributeValue.equals(event.slab, ByteRange(), ""))
    }

    @Test func aLongNameIsCutAtTheBorderOfACharacter() {
        // Two-byte characters: an odd capacity cannot be filled.
        let event = event(String(repeating: "\u{E9}", count: 300))
        var short = ShortText<7>()
        AttributeValue.copy(event.slab, event.header.contactCallsign, into: &short)
        #expect(event.written { short.append(to: &$0) } == "\u{E9}\u{E9}\u{E9}")
        var long = ShortText<255>()
        AttributeValue.copy(event.slab, event.header.contactCallsign, into: &long)
        #expect(long.count == 254)
        var whole = ShortText<80>()
        let other = self.event("A&amp;B")
        AttributeValue.copy(other.slab, other.header.contactCallsign, into: &whole)
        #expect(other.written { whole.append(to: &$0) } == "A&B")
    }
}
