// The fourteen team colours of ATAK (`__group/@name`), as bits, so that a set of them is one
// number. Used by the configuration and by the relay.

/// Bit `i` is the colour `name(i)`.
public enum TeamColour {
    private static var count: Int { 14 }

    /// The colour's bit, or 0 if ATAK has no such colour. Spelled as ATAK spells it.
    public static func bit(_ text: Slab<UInt8>) -> UInt16 {
        var i = 0
        while i < count {
            if text.isText(name(i)) { return 1 << UInt16(i) }
            i += 1
        }
        return 0
    }

    private static func name(_ index: Int) -> StaticString {
        switch index {
        case 0: "White"
        case 1: "Yellow"
        case 2: "Orange"
        case 3: "Magenta"
        case 4: "Red"
        case 5: "Maroon"
        case 6: "Purple"
        case 7: "Dark Blue"
        case 8: "Blue"
        case 9: "Cyan"
        case 10: "Teal"
        case 11: "Green"
        case 12: "Dark Green"
        default: "Brown"
        }
    }
}
