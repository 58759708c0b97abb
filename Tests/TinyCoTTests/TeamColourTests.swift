import Testing

@testable import TinyCoT

@Suite struct TeamColourTests {
    /// Protocol 2.4.
    private static let names = [
        "White", "Yellow", "Orange", "Magenta", "Red", "Maroon", "Purple", "Dark Blue", "Blue",
        "Cyan", "Teal", "Green", "Dark Green", "Brown",
    ]

    private func bits(_ raw: String, plain: String) -> (UInt16, UInt16) {
        let event = ReadEvent(eventText("<__group name='\(raw)'/>"))
        var bytes = Array(plain.utf8)
        let plainBit = bytes.withUnsafeMutableBufferPointer {
            TeamColour.bit(Slab(start: $0.baseAddress, count: $0.count))
        }
        return (TeamColour.bit(event.slab, event.header.groupName), plainBit)
    }

    @Test func everyColourHasABitOfItsOwn() {
        var seen: UInt16 = 0
        for name in TeamColourTests.names {
            let (raw, plain) = bits(name, plain: name)
            #expect(raw == plain && raw.nonzeroBitCount == 1 && seen & raw == 0, "\(name)")
            seen |= raw
        }
        #expect(seen == 0x3FFF && TeamColour.count == 14)
        #expect(bits("Dark&#32;Blue", plain: "Dark Blue").0 == TeamColour.darkBlue.bit)
    }

    @Test(arguments: ["", "cyan", "CYAN", "Cyan ", "Cya", "Dark  Blue", "Pink", "Blue Dark"])
    func everythingElseHasNone(name: String) {
        #expect(bits(name, plain: name) == (0, 0))
        let none = ReadEvent(eventText())
        #expect(TeamColour.bit(none.slab, none.header.groupName) == 0)
    }
}
