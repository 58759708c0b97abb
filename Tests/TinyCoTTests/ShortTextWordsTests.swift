// Words in lists, and texts that are one word: exactly those, and nothing that only looks like it.

import Testing

@testable import TinyCoT

@Suite struct ShortTextWordsTests {
    private func text(_ string: String) -> ShortText<80> {
        var text = ShortText<80>()
        withSlab(Array(string.utf8)) { text.set($0) }
        return text
    }

    @Test func findsAWordBetweenCommasAndBlanks() {
        for list in [
            "missionpackage", "a,missionpackage", "missionpackage,b", "a missionpackage b",
            ", missionpackage ,", "a,,missionpackage",
        ] {
            #expect(text(list).holds(word: Slab("missionpackage")), "\(list)")
        }
    }

    @Test func findsNoPartOfAWord() {
        for list in [
            "", ",", "missionpackages", "amissionpackage", "mission package", "MISSIONPACKAGE",
            "a-missionpackage", "missionpackage;b",
        ] {
            #expect(!text(list).holds(word: Slab("missionpackage")), "\(list)")
        }
    }

    @Test func aTextIsAWordOnlyAsAWhole() {
        #expect(text("public").holdsOnly(Slab("public")))
        #expect(text("").holdsOnly(Slab("")))
        for other in ["", "publi", "public ", "publicc", "Public"] {
            #expect(!text(other).holdsOnly(Slab("public")), "\(other)")
        }
    }
}
