// Names come from the network and are shown to people and to programs. This makes any bytes fit
// for a terminal, for one line of a log, for a JSON string (RFC 8259 section 7) or for the text of
// an XML document. Called by the edge for logs and the status report, and by those who write
// answers; it takes bytes one by one, so that a name needs no buffer.
// What it writes is always valid UTF-8, whatever came in. 0 ≤ pendingCount < expected ≤ 4.

/// Escapes one text. Call `add` for each byte, then `finish`.
public struct TextEscaper: BitwiseCopyable {
    public enum Style: UInt8, BitwiseCopyable, Sendable {
        /// Inside the quotes of a JSON string.
        case json
        /// On a terminal or in a log line.
        case plain
        /// Between the tags of an XML document, or inside the quotes of an attribute.
        case xml
    }

    private let style: Style
    private let maxColumns: Int
    private var pending: InlineArray<4, UInt8> = .init(repeating: 0)
    private var pendingCount = 0
    private var expected = 0
    /// Columns written so far: one for each character, as many as its digits for an escape.
    public private(set) var columns = 0

    /// What would go beyond `maxColumns` is left out.
    public init(_ style: Style, maxColumns: Int = .max) {
        self.style = style
        self.maxColumns = maxColumns
    }

    public mutating func add(_ byte: UInt8, to writer: inout ByteWriter) {
        if pendingCount > 0 {
            if isValidNext(byte) {
                pending[pendingCount] = byte
                pendingCount += 1
                if pendingCount == expected { writeCharacter(to: &writer) }
                return
            }
            writeInvalid(to: &writer)
        }
        if byte < 0x80 {
            writeASCII(byte, to: &writer)
            return
        }
        pending[0] = byte
        pendingCount = 1
        // RFC 3629: C0, C1 and F5 … FF begin nothing.
        switch byte {
        case 0xC2...0xDF: expected = 2
        case 0xE0...0xEF: expected = 3
        case 0xF0...0xF4: expected = 4
        default: writeInvalid(to: &writer)
        }
    }

    /// Writes what is left of a sequence that was cut off.
    public mutating func finish(to writer: inout ByteWriter) {
        if pendingCount > 0 { writeInvalid(to: &writer) }
    }

    /// RFC 3629 section 4: the second byte rules out overlong forms, surrogates and what lies
    /// beyond U+10FFFF.
    private func isValidNext(_ byte: UInt8) -> Bool {
        guard byte & 0xC0 == 0x80 else { return false }
        if pendingCount > 1 { return true }
        switch pending[0] {
        case 0xE0: return byte >= 0xA0
        case 0xED: return byte < 0xA0
        case 0xF0: return byte >= 0x90
        case 0xF4: return byte < 0x90
        default: return true
        }
    }

    private mutating func writeCharacter(to writer: inout ByteWriter) {
        let count = pendingCount
        pendingCount = 0
        if style == .plain && isTreacherous(count) {
            writeHex(count, to: &writer)
            return
        }
        if columns >= maxColumns { return }
        columns += 1
        if style == .xml && isNoncharacter(count) {
            writer.append("\u{FFFD}")
            return
        }
        var i = 0
        while i < count {
            writer.append(pending[i])
            i += 1
        }
    }

    /// Characters that a terminal obeys instead of showing: C1 controls, line separators, and the
    /// marks that turn the direction of writing, by which a name could pass for another.
    private func isTreacherous(_ count: Int) -> Bool {
        if count == 2 { return pending[0] == 0xC2 && pending[1] < 0xA0 }
        if count != 3 || pending[0] != 0xE2 { return false }
        if pending[1] == 0x80 { return (0xA8...0xAE).contains(pending[2]) }
        return pending[1] == 0x81 && (0xA6...0xA9).contains(pending[2])
    }

    /// U+FFFE and U+FFFF: the only ones beyond ASCII that XML 1.0 forbids (section 2.2).
    private func isNoncharacter(_ count: Int) -> Bool {
        count == 3 && pending[0] == 0xEF && pending[1] == 0xBF && pending[2] >= 0xBE
    }

    /// JSON and XML have no way to hold a broken sequence: each becomes one U+FFFD.
    private mutating func writeInvalid(to writer: inout ByteWriter) {
        let count = pendingCount
        pendingCount = 0
        if style == .plain {
            writeHex(count, to: &writer)
            return
        }
        if columns >= maxColumns { return }
        columns += 1
        writer.append("\u{FFFD}")
    }

    private mutating func writeHex(_ count: Int, to writer: inout ByteWriter) {
        var i = 0
        while i < count {
            writeEscape(pending[i], to: &writer)
            i += 1
        }
    }

    private mutating func writeEscape(_ byte: UInt8, to writer: inout ByteWriter) {
        if columns > maxColumns - 4 { return }
        columns += 4
        writer.append("\\x")
        writer.append(hex: UInt64(byte), digits: 2)
    }

    private mutating func writeASCII(_ byte: UInt8, to writer: inout ByteWriter) {
        let isControl = byte < 0x20 || byte == 0x7F
        if style == .plain {
            if isControl {
                writeEscape(byte, to: &writer)
            } else if columns < maxColumns {
                columns += 1
                writer.append(byte)
            }
            return
        }
        if columns >= maxColumns { return }
        columns += 1
        if style == .xml {
            writeXML(byte, to: &writer)
            return
        }
        if isControl {
            writer.append("\\u")
            writer.append(hex: UInt64(byte), digits: 4)
            return
        }
        if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
            writer.append(UInt8(ascii: "\\"))
        }
        writer.append(byte)
    }

    /// White space but the blank goes out as a reference, which survives in an attribute.
    private func writeXML(_ byte: UInt8, to writer: inout ByteWriter) {
        switch byte {
        case UInt8(ascii: "&"): writer.append("&amp;")
        case UInt8(ascii: "<"): writer.append("&lt;")
        case UInt8(ascii: ">"): writer.append("&gt;")
        case UInt8(ascii: "\""): writer.append("&quot;")
        case UInt8(ascii: "'"): writer.append("&apos;")
        case 0x09: writer.append("&#9;")
        case 0x0A: writer.append("&#10;")
        case 0x0D: writer.append("&#13;")
        case 0..<0x20: writer.append("\u{FFFD}")
        default: writer.append(byte)
        }
    }
}

extension ByteWriter {
    /// A name of the network, made fit for `style`.
    /// - Returns: the columns that it takes.
    @discardableResult
    public mutating func append<let capacity: Int>(
        _ text: ShortText<capacity>, as style: TextEscaper.Style, maxColumns: Int = .max
    ) -> Int {
        var escaper = TextEscaper(style, maxColumns: maxColumns)
        var i = 0
        while i < Int(text.count) {
            escaper.add(text[i], to: &self)
            i += 1
        }
        escaper.finish(to: &self)
        return escaper.columns
    }

    /// The same for bytes that lie in memory.
    @discardableResult
    public mutating func append(
        _ text: Slab<UInt8>, as style: TextEscaper.Style, maxColumns: Int = .max
    ) -> Int {
        var escaper = TextEscaper(style, maxColumns: maxColumns)
        var i = 0
        while i < text.count {
            escaper.add(text[i], to: &self)
            i += 1
        }
        escaper.finish(to: &self)
        return escaper.columns
    }
}
