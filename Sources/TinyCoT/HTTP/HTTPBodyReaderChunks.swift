// The frame around the chunks of a body, byte by byte (RFC 9112 section 7.1). Used by
// `HTTPBodyReader` only. Strict on purpose: a reader that skips what it does not understand here
// is one half of a smuggled request.

extension HTTPBodyReader {
    private static var carriageReturn: UInt8 { 0x0D }
    private static var lineFeed: UInt8 { 0x0A }

    /// Takes one byte that is not of the body itself.
    mutating func look(at byte: UInt8) throws(HTTPRefusal) {
        switch state {
        case .size, .extensionName, .extensionValue, .extensionToken, .extensionQuoted,
            .extensionEscape, .extensionQuotedEnd:
            try lookAtChunkLine(byte)
        case .sizeEnd:
            try expectFeed(byte)
            beginChunk()
        case .chunkEnd:
            if byte != HTTPBodyReader.carriageReturn { throw .badChunkEnd }
            state = .chunkEndFeed
        case .chunkEndFeed:
            if byte != HTTPBodyReader.lineFeed { throw .badChunkEnd }
            beginChunkLine()
        case .trailerStart, .trailerName, .trailerValue, .trailerFeed, .lastFeed:
            try lookAtTrailer(byte)
        case .counted, .ended, .refused:
            invariantBroken("the body's own bytes are not looked at")
        }
    }

    private func expectFeed(_ byte: UInt8) throws(HTTPRefusal) {
        if byte != HTTPBodyReader.lineFeed { throw .bareCarriageReturn }
    }

    private mutating func beginChunkLine() {
        invariant(remainingBytes == 0, "a chunk begins behind a whole one")
        state = .size
        sizeDigits = 0
        chunkLineBytes = 0
    }

    private mutating func beginChunk() {
        state = remainingBytes > 0 ? .counted : .trailerStart
    }

    private mutating func lookAtChunkLine(_ byte: UInt8) throws(HTTPRefusal) {
        // Inside quotes a CR is no end of the line, but a wrong character.
        let mayEnd =
            state == .size && sizeDigits > 0 || state == .extensionToken
            || state == .extensionQuotedEnd || state == .extensionName && extensionNameBytes > 0
        if byte == HTTPBodyReader.carriageReturn && mayEnd {
            state = .sizeEnd
            return
        }
        chunkLineBytes += 1
        if chunkLineBytes > HTTPBodyReader.maxChunkLineBytes { throw .chunkLineTooLong }
        if state == .size {
            try lookAtSize(byte)
            return
        }
        extensionBytes += 1
        if extensionBytes > HTTPBodyReader.maxExtensionBytes { throw .chunkLineTooLong }
        try lookAtExtension(byte)
    }

    private mutating func lookAtSize(_ byte: UInt8) throws(HTTPRefusal) {
        if byte == UInt8(ascii: ";") && sizeDigits > 0 {
            beginExtension()
            return
        }
        guard let digit = HTTPCharacters.hexadecimal(byte) else { throw .badChunkSize }
        // What would be shifted out is what the next reader in the row may not have lost.
        if remainingBytes >> 60 != 0 { throw .badChunkSize }
        remainingBytes = remainingBytes << 4 | digit
        sizeDigits += 1
    }

    private mutating func beginExtension() {
        state = .extensionName
        extensionNameBytes = 0
    }

    private mutating func lookAtExtension(_ byte: UInt8) throws(HTTPRefusal) {
        let isToken = HTTPCharacters.isToken(byte)
        let isNamed = extensionNameBytes > 0
        let isSemicolon = byte == UInt8(ascii: ";")
        switch state {
        case .extensionName where isToken: extensionNameBytes += 1
        case .extensionName where byte == UInt8(ascii: "=") && isNamed: state = .extensionValue
        case .extensionName where isSemicolon && isNamed: beginExtension()
        case .extensionValue where isToken: state = .extensionToken
        case .extensionValue where byte == UInt8(ascii: "\""): state = .extensionQuoted
        case .extensionToken where isToken: break
        case .extensionToken where isSemicolon: beginExtension()
        case .extensionQuoted where byte == UInt8(ascii: "\""): state = .extensionQuotedEnd
        case .extensionQuoted where byte == UInt8(ascii: "\\"): state = .extensionEscape
        case .extensionQuoted where HTTPCharacters.isText(byte): break
        case .extensionEscape where HTTPCharacters.isText(byte): state = .extensionQuoted
        case .extensionQuotedEnd where isSemicolon: beginExtension()
        default: throw .badChunkExtension
        }
    }

    private mutating func lookAtTrailer(_ byte: UInt8) throws(HTTPRefusal) {
        trailerBytes += 1
        if trailerBytes > HTTPBodyReader.maxTrailerBytes { throw .trailersTooLarge }
        switch state {
        case .trailerStart where byte == HTTPBodyReader.carriageReturn: state = .lastFeed
        case .trailerStart where HTTPCharacters.isToken(byte):
            trailerName = HTTPTrailerName()
            trailerName.add(byte)
            state = .trailerName
        case .trailerName where HTTPCharacters.isToken(byte): trailerName.add(byte)
        case .trailerName where byte == UInt8(ascii: ":"):
            if trailerName.isForbidden { throw .framingInTrailer }
            state = .trailerValue
        case .trailerValue where byte == HTTPBodyReader.carriageReturn: state = .trailerFeed
        case .trailerValue where HTTPCharacters.isText(byte): break
        case .trailerFeed:
            try expectFeed(byte)
            state = .trailerStart
        case .lastFeed:
            try expectFeed(byte)
            state = .ended
        default: throw .brokenTrailer
        }
    }
}

/// Compares a name that arrives byte by byte with those that a trailer may not have, because they
/// would decide after the fact where the request or the connection ends (RFC 9110 section 6.5.1).
struct HTTPTrailerName: BitwiseCopyable {
    private var count = 0
    /// One bit for each name that the bytes so far agree with.
    private var candidates: UInt8 = 0b111

    private static func name(_ number: Int) -> StaticString {
        switch number {
        case 0: "content-length"
        case 1: "transfer-encoding"
        default: "connection"
        }
    }

    mutating func add(_ byte: UInt8) {
        var number = 0
        while number < 3 {
            let name = HTTPTrailerName.name(number)
            let agrees =
                count < name.utf8CodeUnitCount
                && name.utf8Start[count] == HTTPCharacters.lowered(byte)
            if !agrees { candidates &= ~(1 << UInt8(number)) }
            number += 1
        }
        count += 1
    }

    var isForbidden: Bool {
        var number = 0
        while number < 3 {
            let isWhole = count == HTTPTrailerName.name(number).utf8CodeUnitCount
            if isWhole && candidates & 1 << UInt8(number) != 0 { return true }
            number += 1
        }
        return false
    }
}
