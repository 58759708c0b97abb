// How the framer reads on in each state: one function a group of states, each with a tight loop
// for the bytes that mean nothing there. Called by `EventFramer.next` only, which says up to
// where. Each leaves `index` at the first byte it has not dealt with. Their invariant: what they
// do depends on the state and on the bytes in order, never on where a chunk ends.

// Inside a document.
extension EventFramer {
    /// In tags, values, end tags and text: nearly all bytes of nearly all streams pass here.
    mutating func scanElements(
        _ bytes: Slab<UInt8>, _ index: inout Int, _ limit: Int
    ) -> FramerStep? {
        while index < limit {
            switch state {
            case .tag:
                if let step = scanTag(bytes, &index, limit) { return step }
            case .value:
                scanValue(bytes, &index, limit)
            case .endTag:
                let end = index.advancedTo(UInt8(ascii: ">"), or: UInt8(ascii: "<"), bytes, limit)
                index = end
                if end == limit { return nil }
                if bytes[end] == UInt8(ascii: "<") {
                    breakOff()
                    return nil
                }
                index += 1
                state = .text
                depth -= 1
                if depth == 0 { return finish(at: index) }
            default:
                if sawEventEnd { skipWhiteAfterEvent(bytes, &index, limit) }
                index = index.advancedTo(UInt8(ascii: "<"), bytes, limit)
                if index == limit { return nil }
                index += 1
                enterMarkup(bytes, &index, limit)
                if state == .word { return nil }
            }
            if state == .broken { return nil }
        }
        return nil
    }

    /// After a < in text: the common cases at once, if the bytes that decide are here.
    @inline(__always)
    private mutating func enterMarkup(_ bytes: Slab<UInt8>, _ index: inout Int, _ limit: Int) {
        place = MarkupWord.opened
        state = .word
        if limit - index < 2 || sawEventEnd { return }
        let first = bytes[index]
        if first == UInt8(ascii: "/") {
            let second = bytes[index + 1]
            if second == UInt8(ascii: "e") || second == UInt8(ascii: "<") { return }
            state = .endTag
            index += 1
        } else if first >= UInt8(ascii: "A") && first != UInt8(ascii: "a")
            && first != UInt8(ascii: "e") {
            // No word of the automaton begins with such a byte; it is the first of a name.
            state = .tag
            closing = 0
            index += 1
        } else {
            return
        }
        place = 0
    }

    @inline(__always)
    private mutating func skipWhiteAfterEvent(
        _ bytes: Slab<UInt8>, _ index: inout Int, _ limit: Int
    ) {
        while index < limit && MarkupWord.isWhite(bytes[index]) { index += 1 }
        if index < limit && bytes[index] != UInt8(ascii: "<") { sawEventEnd = false }
    }

    /// Reads on in a start tag, values and all, to its > or to the limit.
    @inline(__always)
    private mutating func scanTag(
        _ bytes: Slab<UInt8>, _ index: inout Int, _ limit: Int
    ) -> FramerStep? {
        // One bit for each of " ' < >
        let stops: UInt64 = 1 << 0x22 | 1 << 0x27 | 1 << 0x3C | 1 << 0x3E
        var here = index
        var first = here
        var wasSlash = closing == 1
        closing = 0
        while here < limit {
            let byte = bytes[here]
            if byte >= 64 || (stops >> UInt64(byte)) & 1 == 0 {
                here += 1
                continue
            }
            index = here + 1
            if byte == UInt8(ascii: ">") {
                let isClosed = here > first ? bytes[here - 1] == UInt8(ascii: "/") : wasSlash
                return endStartTag(isClosed, at: index)
            }
            if byte == UInt8(ascii: "<") {
                index = here
                breakOff()
                return nil
            }
            here = index.advancedTo(byte, or: UInt8(ascii: "<"), bytes, limit)
            if here == limit || bytes[here] != byte {
                quote = byte
                index = here
                state = .value
                if here < limit { breakOff() }
                return nil
            }
            here += 1
            first = here
            wasSlash = false
        }
        if here > first { wasSlash = bytes[here - 1] == UInt8(ascii: "/") }
        closing = wasSlash ? 1 : 0
        index = here
        return nil
    }

    @inline(__always)
    private mutating func endStartTag(_ isClosed: Bool, at end: Int) -> FramerStep? {
        if !isClosed {
            if depth < .max { depth += 1 }
            if isEventTag && openEvents < .max { openEvents += 1 }
        }
        isEventTag = false
        state = .text
        return depth == 0 ? finish(at: end) : nil
    }

    /// Goes on in a value that began in an earlier chunk.
    private mutating func scanValue(_ bytes: Slab<UInt8>, _ index: inout Int, _ limit: Int) {
        index = index.advancedTo(quote, or: UInt8(ascii: "<"), bytes, limit)
        if index == limit { return }
        if bytes[index] == UInt8(ascii: "<") {
            breakOff()
            return
        }
        index += 1
        state = .tag
    }

    /// A < stands where none may. Which kind of end this is, is for the word after it to say.
    private mutating func breakOff() {
        state = .broken
        isUndecided = true
        place = 0
        closing = 0
    }

    mutating func scanWord(
        _ bytes: Slab<UInt8>, _ index: inout Int, _ limit: Int
    ) -> FramerStep? {
        while index < limit {
            let byte = bytes[index]
            let result = MarkupWord.step(place, byte)
            if !MarkupWord.isPlace(result) { return endWord(result, byte, &index) }
            place = result
            index += 1
        }
        return nil
    }

    /// A word in text is whole, or `byte` shows that it is none of those we know.
    private mutating func endWord(
        _ word: UInt8, _ byte: UInt8, _ index: inout Int
    ) -> FramerStep? {
        let reached = place
        let followsEvent = sawEventEnd
        place = 0
        sawEventEnd = false
        closing = 0
        switch word {
        case MarkupWord.declaration: return startAnew(word, at: index)
        case MarkupWord.event:
            if followsEvent || document == .auth { return startAnew(word, at: index) }
            refuse(.nestedEvent, seen: index + 1)
            isEventTag = true
            state = .tag
        case MarkupWord.eventEnd:
            index += 1
            return endEventTag(at: index)
        case MarkupWord.comment, MarkupWord.cdata:
            index += 1
            state = word == MarkupWord.comment ? .comment : .cdata
        case MarkupWord.auth: state = .tag
        default:
            if MarkupWord.instruction.contains(reached) {
                state = .instruction
            } else if byte == UInt8(ascii: "<")
                || MarkupWord.declarationOfSomething.contains(reached)
            {
                breakOff()
            } else {
                state = MarkupWord.endTag.contains(reached) ? .endTag : .tag
            }
        }
        return nil
    }

    /// `</event>` was read in text.
    private mutating func endEventTag(at end: Int) -> FramerStep? {
        invariant(depth > 0, "text stands inside an element")
        depth -= 1
        if openEvents > 0 { openEvents -= 1 }
        if depth == 0 { return finish(at: end) }
        if document == .event && openEvents == 0 {
            refuse(.mismatchedTag, seen: end)
            return finish(at: end)
        }
        state = .text
        sawEventEnd = true
        return nil
    }

    mutating func scanBroken(
        _ bytes: Slab<UInt8>, _ index: inout Int, _ limit: Int
    ) -> FramerStep? {
        while index < limit {
            if place == 0 && !isUndecided {
                index = index.advancedTo(UInt8(ascii: "<"), bytes, limit)
                if index == limit { return nil }
            }
            let word = MarkupWord.step(place, bytes[index])
            if MarkupWord.isPlace(word) {
                place = word
                index += 1
                continue
            }
            if word == MarkupWord.event || word == MarkupWord.declaration {
                return startAnew(word, at: index)
            }
            refuse(.brokenMarkup, seen: index + 1)
            isUndecided = false
            if word == MarkupWord.eventEnd {
                index += 1
                return finish(at: index)
            }
            // The byte that ended the word may begin the next one; a lone one is passed over.
            if place == 0 { index += 1 }
            place = 0
        }
        return nil
    }
}

// Where < and > do not count.
extension EventFramer {
    /// In a comment, a CDATA section or a processing instruction.
    mutating func scanHidden(
        _ bytes: Slab<UInt8>, _ index: inout Int, _ limit: Int
    ) -> FramerStep? {
        let mark: UInt8
        let marksNeeded: UInt8
        switch state {
        case .comment: (mark, marksNeeded) = (UInt8(ascii: "-"), 2)
        case .cdata: (mark, marksNeeded) = (UInt8(ascii: "]"), 2)
        default: (mark, marksNeeded) = (UInt8(ascii: "?"), 1)
        }
        while index < limit {
            if closing == 0 && place == 0 && !sawEventEnd {
                index = index.advancedTo(mark, or: UInt8(ascii: "<"), bytes, limit)
                if index == limit { return nil }
            }
            let byte = bytes[index]
            let word = watchForDocument(byte)
            if word != 0 { return startAnew(word, at: index) }
            index += 1
            if byte == UInt8(ascii: ">") && closing == marksNeeded {
                endHidden()
                return nil
            }
            closing = byte == mark ? min(closing + 1, marksNeeded) : 0
        }
        return nil
    }

    /// In an XML declaration or a DOCTYPE, which stand outside a document.
    mutating func scanProlog(
        _ bytes: Slab<UInt8>, _ index: inout Int, _ limit: Int
    ) -> FramerStep? {
        if state == .declaration && skipUsualVersion(bytes, &index, limit) { return nil }
        while index < limit {
            let byte = bytes[index]
            let word = watchForDocument(byte)
            if word != 0 { return startAnew(word, at: index) }
            index += 1
            if state == .doctype ? endsDoctype(byte) : endsDeclaration(byte) {
                endHidden()
                return nil
            }
            if state == .declaration && version == DeclaredVersion.accepted {
                // All that was to be learnt is known; the rest is like any instruction.
                state = .instruction
                return nil
            }
        }
        return nil
    }

    /// Nearly every declaration goes on like this; the result is the same as byte by byte.
    @inline(__always)
    private mutating func skipUsualVersion(
        _ bytes: Slab<UInt8>, _ index: inout Int, _ limit: Int
    ) -> Bool {
        let usual: StaticString = " version=\"1.0\""
        let length = usual.utf8CodeUnitCount
        if version != DeclaredVersion.start || place != 0 || limit - index < length { return false }
        var matched = 0
        while matched < length {
            if bytes[index + matched] != usual.utf8Start[matched] { return false }
            matched += 1
        }
        index += length
        version = DeclaredVersion.accepted
        state = .instruction
        closing = 0
        sawEventEnd = false
        return true
    }

    @inline(__always)
    private mutating func endsDeclaration(_ byte: UInt8) -> Bool {
        if version != DeclaredVersion.other {
            version = DeclaredVersion.step(version, byte)
            if version == DeclaredVersion.other && pendingReason == nil {
                pendingReason = .xmlVersion
            }
        }
        if byte == UInt8(ascii: ">") && closing == 1 { return true }
        closing = byte == UInt8(ascii: "?") ? 1 : 0
        return false
    }

    /// `closing` is 1 inside the [ ] of a DOCTYPE.
    @inline(__always)
    private mutating func endsDoctype(_ byte: UInt8) -> Bool {
        if quote != 0 {
            if byte == quote { quote = 0 }
            return false
        }
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "'"): quote = byte
        case UInt8(ascii: "["): closing = 1
        case UInt8(ascii: "]"): closing = 0
        case UInt8(ascii: ">"): return closing == 0
        default: break
        }
        return false
    }

    /// Looks for `</event>`, white space, and the word that begins a new document. Returns that
    /// word, or 0.
    @inline(__always)
    private mutating func watchForDocument(_ byte: UInt8) -> UInt8 {
        if place == 0 && byte != UInt8(ascii: "<") {
            if sawEventEnd && !MarkupWord.isWhite(byte) { sawEventEnd = false }
            return 0
        }
        let result = MarkupWord.step(place, byte)
        if MarkupWord.isPlace(result) {
            place = result
            if MarkupWord.endTag.contains(result) { sawEventEnd = false }
            return 0
        }
        let followsEvent = sawEventEnd
        sawEventEnd = result == MarkupWord.eventEnd
        place = byte == UInt8(ascii: "<") ? MarkupWord.opened : 0
        let isDocument = result == MarkupWord.event || result == MarkupWord.declaration
        return followsEvent && isDocument ? result : 0
    }
}

// Outside documents.
extension EventFramer {
    mutating func scanOutside(
        _ bytes: Slab<UInt8>, _ index: inout Int, _ limit: Int
    ) -> FramerStep? {
        if inJunk {
            index = index.advancedTo(UInt8(ascii: "<"), bytes, limit)
        } else {
            while index < limit && MarkupWord.isWhite(bytes[index]) { index += 1 }
        }
        if index == limit { return nil }
        let byte = bytes[index]
        if byte == UInt8(ascii: "<") {
            state = .outsideWord
            place = MarkupWord.opened
        } else if byte == 0xEF {
            state = .byteOrderMark
            closing = 1
        } else {
            inJunk = true
            index += 1
            return .refused(.junk, resumeAt: index)
        }
        index += 1
        return nil
    }

    /// `closing` bytes of the byte order mark were seen.
    mutating func scanByteOrderMark(_ byte: UInt8, _ index: inout Int) -> FramerStep? {
        if byte == (closing == 1 ? 0xBB : 0xBF) {
            index += 1
            closing += 1
            if closing < 3 { return nil }
            closing = 0
            state = .outside
            return nil
        }
        closing = 0
        return beginJunk(at: index)
    }

    /// What was read up to `index` is junk; `index` itself is looked at again.
    private mutating func beginJunk(at index: Int) -> FramerStep? {
        state = .outside
        place = 0
        if inJunk { return nil }
        inJunk = true
        return .refused(.junk, resumeAt: index)
    }

    mutating func scanOutsideWord(
        _ bytes: Slab<UInt8>, _ index: inout Int, _ limit: Int
    ) -> FramerStep? {
        while index < limit {
            let result = MarkupWord.step(place, bytes[index])
            if !MarkupWord.isPlace(result) { return endOutsideWord(result, &index) }
            place = result
            index += 1
        }
        return nil
    }

    private mutating func endOutsideWord(_ word: UInt8, _ index: inout Int) -> FramerStep? {
        switch word {
        case MarkupWord.event, MarkupWord.auth:
            begin(word, at: index)
        case MarkupWord.declaration:
            beginHidden(.declaration, startingAt: index - 5)
            // A refused prolog that no document followed.
            if let told = pendingReason {
                pendingReason = nil
                return .refused(told, resumeAt: index)
            }
        case MarkupWord.comment:
            beginHidden(.comment, startingAt: index - 3)
            index += 1
        case MarkupWord.doctype:
            beginHidden(.doctype, startingAt: index - 8)
            if pendingReason == nil { pendingReason = .doctype }
            index += 1
        default:
            if MarkupWord.instruction.contains(place) {
                beginHidden(.instruction, startingAt: index - Int(place - 5))
                return nil
            }
            if word != 0 { index += 1 }
            return beginJunk(at: index)
        }
        return nil
    }

    /// The very first bytes of a connection (protocol 3.3, 6). `closing` letters were seen.
    mutating func scanOpening(_ byte: UInt8, _ index: inout Int) -> FramerStep? {
        if closing == 0 && (byte == 0x16 || byte == 0xBF) {
            state = .outside
            return .foreign(byte == 0x16 ? .tlsOnPlainPort : .protobufUnasked)
        }
        candidates = HTTPMethod.narrow(candidates, byte, at: Int(closing))
        if candidates == 0 || candidates == HTTPMethod.found {
            state = .outside
            let letters = closing
            closing = 0
            if candidates == HTTPMethod.found { return .foreign(.httpOnCoTPort) }
            return letters == 0 ? nil : beginJunk(at: index)
        }
        index += 1
        closing += 1
        return nil
    }
}
