// Is it UTF-8 (RFC 3629)? Asked byte by byte, of text that comes in pieces: by JSONStream, and by
// StateWriter before it promises that an event is JSON.

public struct UTF8Check: BitwiseCopyable {
    /// Bytes of the character still to come, and the bounds of the next.
    private var rest: UInt8 = 0
    private var lowest: UInt8 = 0x80
    private var highest: UInt8 = 0xBF

    public init() {}

    /// No character has been begun and not ended.
    public var isWhole: Bool { rest == 0 }

    /// - Returns: whether the byte may stand there. After a no the check is used up.
    public mutating func take(_ byte: UInt8) -> Bool {
        if rest > 0 {
            if byte < lowest || byte > highest { return false }
            rest -= 1
            lowest = 0x80
            highest = 0xBF
            return true
        }
        switch byte {
        case 0..<0x80: return true
        case 0xC2...0xDF: rest = 1
        case 0xE0...0xEF: rest = 2
        case 0xF0...0xF4: rest = 3
        default: return false
        }
        // Overlong forms, surrogates and what lies behind U+10FFFF show in the second byte.
        lowest = byte == 0xE0 ? 0xA0 : byte == 0xF0 ? 0x90 : 0x80
        highest = byte == 0xED ? 0x9F : byte == 0xF4 ? 0x8F : 0xBF
        return true
    }
}
