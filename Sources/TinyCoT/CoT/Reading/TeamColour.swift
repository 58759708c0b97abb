// The fourteen team colours that ATAK offers (protocol 2.4), as bits, so that the colours of a team
// are one number. Used for `__group/@name` of events and for `colours` in the configuration.
// Case matters, as it does for every client. Names that other clients invent have no bit.

public enum TeamColour: UInt8, Sendable, BitwiseCopyable {
    case white, yellow, orange, magenta, red, maroon, purple, darkBlue, blue, cyan, teal, green
    case darkGreen, brown

    public static var count: Int { 14 }

    public var bit: UInt16 { 1 << UInt16(rawValue) }

    public var name: StaticString {
        switch self {
        case .white: "White"
        case .yellow: "Yellow"
        case .orange: "Orange"
        case .magenta: "Magenta"
        case .red: "Red"
        case .maroon: "Maroon"
        case .purple: "Purple"
        case .darkBlue: "Dark Blue"
        case .blue: "Blue"
        case .cyan: "Cyan"
        case .teal: "Teal"
        case .green: "Green"
        case .darkGreen: "Dark Green"
        case .brown: "Brown"
        }
    }

    /// The bit of a raw attribute value, or 0.
    public static func bit(_ event: Slab<UInt8>, _ range: ByteRange) -> UInt16 {
        var index: UInt8 = 0
        while let colour = TeamColour(rawValue: index) {
            if AttributeValue.equals(event, range, colour.name) { return colour.bit }
            index += 1
        }
        return 0
    }

    /// The bit of a name in plain text, or 0.
    public static func bit(_ text: Slab<UInt8>) -> UInt16 {
        var index: UInt8 = 0
        while let colour = TeamColour(rawValue: index) {
            if text.count == colour.name.utf8CodeUnitCount, Markup.starts(text, 0, colour.name) {
                return colour.bit
            }
            index += 1
        }
        return 0
    }
}
