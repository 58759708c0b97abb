// The steps over markup of which `VideoFeedReader` is made: a tag with its attributes, text, the
// XML declaration. They stand on the event reader's `MarkupCursor`, so there is one opinion in the
// house on what is a name, a character or a reference; here they refuse in the words of the video
// list. Invariant: `at` never goes back and never beyond the document.

/// A start or end tag.
struct VideoTag {
    var name: MarkupName
    /// Where its `<` stands.
    var start: Int
    var isEnd = false
    /// A start tag that is its own end.
    var isEmpty = false

    func isNamed(_ word: StaticString, _ document: Slab<UInt8>) -> Bool {
        name.bytes(document).equals(word)
    }
}

extension MarkupName {
    func bytes(_ document: Slab<UInt8>) -> Slab<UInt8> {
        document.slice(Int(offset), Int(count))
    }

    func isSame(as other: MarkupName, in document: Slab<UInt8>) -> Bool {
        if word != other.word || count != other.count { return false }
        var i = 8
        while i < Int(count) {
            if document[Int(offset) + i] != document[Int(other.offset) + i] { return false }
            i += 1
        }
        return true
    }
}

struct VideoCursor {
    private static var attributeLimit: Int { 16 }

    private let document: Slab<UInt8>
    private var markup: MarkupCursor

    var at: Int { markup.at }

    /// - Parameter document: not empty, unless it is never asked for a byte.
    init(_ document: Slab<UInt8>, _ at: Int) {
        invariant(at <= document.count, "a cursor stands inside its document")
        self.document = document
        // An empty document has no address, and none of it is ever looked at.
        let base = document.start ?? Slab<UInt8>("").start.unsafelyUnwrapped
        markup = MarkupCursor(base: UnsafePointer(base), end: document.count)
        markup.at = at
    }

    func follows(_ text: StaticString) -> Bool { markup.follows(text) }

    mutating func skipBlanks() { markup.skipSpace() }

    private func byte() throws(VideoRefusal) -> UInt8 {
        do { return try markup.byte() } catch { throw VideoRefusal(error) }
    }

    private mutating func name() throws(VideoRefusal) -> MarkupName {
        do { return try markup.name() } catch { throw VideoRefusal(error) }
    }

    private mutating func value() throws(VideoRefusal) -> ByteRange {
        do { return try markup.value() } catch { throw VideoRefusal(error) }
    }

    /// From `<!`: a comment or a CDATA section.
    mutating func section() throws(VideoRefusal) {
        do { try markup.declaration() } catch { throw VideoRefusal(error) }
    }

    /// Goes over text, comments and CDATA up to the next tag.
    mutating func passText() throws(VideoRefusal) {
        while true {
            do { try markup.text() } catch { throw VideoRefusal(error) }
            if follows("<?") { throw .instruction }
            if !follows("<!") { return }
            try section()
        }
    }

    // MARK: Tags

    /// From `<` on.
    mutating func tag() throws(VideoRefusal) -> VideoTag {
        let start = at
        if try byte() != UInt8(ascii: "<") { throw .malformed }
        markup.at += 1
        let isEnd = try byte() == UInt8(ascii: "/")
        if isEnd { markup.at += 1 }
        var tag = VideoTag(name: try name(), start: start, isEnd: isEnd)
        if isEnd {
            markup.skipSpace()
        } else {
            try attributes()
            if follows("/") {
                tag.isEmpty = true
                markup.at += 1
            }
        }
        if try byte() != UInt8(ascii: ">") { throw .malformed }
        markup.at += 1
        return tag
    }

    /// Up to the `>` or `/` that ends the tag.
    private mutating func attributes() throws(VideoRefusal) {
        var names: InlineArray<16, MarkupName> = .init(
            repeating: MarkupName(word: 0, offset: 0, count: 0))
        var count = 0
        while true {
            let before = at
            markup.skipSpace()
            let next = try byte()
            if next == UInt8(ascii: ">") || next == UInt8(ascii: "/") { return }
            if at == before { throw .malformed }
            let name = try name()
            _ = try attributeValue()
            var i = 0
            while i < count {
                if names[i].isSame(as: name, in: document) { throw .attribute }
                i += 1
            }
            if count == VideoCursor.attributeLimit { throw .attribute }
            names[count] = name
            count += 1
        }
    }

    /// `= "value"`, blanks around the sign allowed.
    private mutating func attributeValue() throws(VideoRefusal) -> Slab<UInt8> {
        markup.skipSpace()
        if try byte() != UInt8(ascii: "=") { throw .malformed }
        markup.at += 1
        markup.skipSpace()
        let range = try value()
        return document.slice(Int(range.offset), Int(range.count))
    }

    // MARK: The declaration

    /// From `<?xml` on (XML 1.0 production 23). The encoding is read and not believed: clients name
    /// one and send UTF-8 (protocol 2.3).
    mutating func declaration() throws(VideoRefusal) {
        markup.at += 5
        guard let version = try pseudoAttribute("version") else { throw .badDeclaration }
        if !version.equals("1.0") { throw .badDeclaration }
        if let encoding = try pseudoAttribute("encoding") {
            if !VideoCursor.isEncodingName(encoding) { throw .badDeclaration }
        }
        if let standalone = try pseudoAttribute("standalone") {
            if !standalone.equals("yes") && !standalone.equals("no") { throw .badDeclaration }
        }
        markup.skipSpace()
        if !follows("?>") { throw .badDeclaration }
        markup.at += 2
    }

    /// Nil, with nothing read, if the next one is another.
    private mutating func pseudoAttribute(
        _ name: StaticString
    ) throws(VideoRefusal) -> Slab<UInt8>? {
        let before = at
        markup.skipSpace()
        if at == before || !follows(name) {
            markup.at = before
            return nil
        }
        markup.at += name.utf8CodeUnitCount
        return try attributeValue()
    }

    /// XML 1.0 production 81.
    private static func isEncodingName(_ text: Slab<UInt8>) -> Bool {
        var i = 0
        while i < text.count {
            let byte = text[i]
            let isLetter = (byte | 0x20) &- UInt8(ascii: "a") < 26
            let isOther =
                byte &- UInt8(ascii: "0") < 10 || byte == UInt8(ascii: ".")
                || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
            if !isLetter && (i == 0 || !isOther) { return false }
            i += 1
        }
        return text.count > 0
    }
}
