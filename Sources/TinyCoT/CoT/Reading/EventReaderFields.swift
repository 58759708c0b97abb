// What the reader remembers while it passes the few elements that matter, and the rules that
// decide about the whole event once it has been read (protocol 12.3). Used by `EventReader` only.
// Elements are told apart by their place: a `contact` deep inside another element is not the
// sender's (corpus 30), a `link` inside a style is not the target of a delete (corpus 18).

extension ByteRange {
    @inline(__always)
    init(unchecked offset: Int, _ count: Int) {
        self.init()
        self.offset = UInt32(truncatingIfNeeded: offset)
        self.count = UInt32(truncatingIfNeeded: count)
    }
}

struct EventFields {
    // Attributes of the element that is being read; which ones depends on its kind.
    private var first = ByteRange()
    private var second = ByteRange()
    private var third = ByteRange()

    private var pointCount = 0
    private var latitude = ByteRange()
    private var longitude = ByteRange()
    private var height = ByteRange()
    private var circularError = ByteRange()
    private var linearError = ByteRange()
    private var hasContact = false
    private var hasGroup = false
    private var hasTakv = false

    /// A start tag of an element that matters begins.
    @inline(__always)
    mutating func begin() {
        first = ByteRange()
        second = ByteRange()
        third = ByteRange()
    }

    /// One attribute of it.
    @inline(__always)
    mutating func note(
        _ kind: ElementKind, _ name: MarkupName, _ value: ByteRange, _ header: inout EventHeader
    ) {
        if !name.isShort { return }
        switch kind {
        case .root: noteRoot(name.word, value, &header)
        case .point: notePoint(name.word, value)
        default: noteChild(kind, name.word, value)
        }
    }

    @inline(__always)
    private func noteRoot(_ name: UInt64, _ value: ByteRange, _ header: inout EventHeader) {
        switch name {
        case EightByteWord.word("u", "i", "d"): header.uid = value
        case EightByteWord.word("t", "y", "p", "e"): header.type = value
        case EightByteWord.word("h", "o", "w"): header.how = value
        case EightByteWord.word("t", "i", "m", "e"): header.time = value
        case EightByteWord.word("s", "t", "a", "r", "t"): header.start = value
        case EightByteWord.word("s", "t", "a", "l", "e"): header.stale = value
        default: break
        }
    }

    @inline(__always)
    private mutating func notePoint(_ name: UInt64, _ value: ByteRange) {
        switch name {
        case EightByteWord.word("l", "a", "t"): latitude = value
        case EightByteWord.word("l", "o", "n"): longitude = value
        case EightByteWord.word("h", "a", "e"): height = value
        case EightByteWord.word("c", "e"): circularError = value
        case EightByteWord.word("l", "e"): linearError = value
        default: break
        }
    }

    private mutating func noteChild(_ kind: ElementKind, _ name: UInt64, _ value: ByteRange) {
        switch (kind, name) {
        case (.contact, EightByteWord.word("c", "a", "l", "l", "s", "i", "g", "n")),
            (.group, EightByteWord.word("n", "a", "m", "e")),
            (.takv, EightByteWord.word("p", "l", "a", "t", "f", "o", "r", "m")),
            (.chat, EightByteWord.word("i", "d")),
            (.link, EightByteWord.word("u", "i", "d")),
            (.emergency, EightByteWord.word("c", "a", "n", "c", "e", "l")):
            first = value
        case (.contact, EightByteWord.word("e", "n", "d", "p", "o", "i", "n", "t")),
            (.group, EightByteWord.word("r", "o", "l", "e")),
            (.takv, EightByteWord.word("v", "e", "r", "s", "i", "o", "n")),
            (.chat, EightByteWord.word("c", "h", "a", "t", "r", "o", "o", "m")),
            (.link, EightByteWord.word("t", "y", "p", "e")):
            second = value
        case (.chat, EightByteWord.word("p", "a", "r", "e", "n", "t")),
            (.link, EightByteWord.word("r", "e", "l", "a", "t", "i", "o", "n")):
            third = value
        default: break
        }
    }

    /// The start tag is complete; `tag` runs from its `<` to one past its `>`.
    mutating func finish(
        _ kind: ElementKind, _ tag: ByteRange, _ header: inout EventHeader
    ) throws(Refusal) {
        switch kind {
        case .point:
            pointCount += 1
            // Two points would let two clients see the thing in two places.
            if pointCount > 1 { throw .badPoint }
        case .contact:
            finishContact(&header)
        case .group where !hasGroup:
            hasGroup = true
            header.groupName = first
            header.groupRole = second
        case .takv where !hasTakv:
            hasTakv = true
            header.takvPlatform = first
            header.takvVersion = second
        case .chat where !header.hasChat:
            header.hasChat = true
            header.chatID = first
            header.chatRoom = second
            header.chatParent = third
        case .chatGroup where header.chatGroup.isAbsent:
            header.chatGroup = tag
        case .link where header.linkUID.isAbsent && !first.isAbsent:
            header.linkUID = first
            header.linkType = second
            header.linkRelation = third
        case .emergency where !first.isAbsent:
            emergencyCancel = first
        case .marti:
            try header.openMarti(tag)
        case .root, .detail, .other, .group, .takv, .chat, .chatGroup, .link, .emergency:
            break
        }
    }

    private var emergencyCancel = ByteRange()

    private mutating func finishContact(_ header: inout EventHeader) {
        let isBetter = header.contactEndpoint.isEmpty && !second.isEmpty
        if hasContact && !isBetter { return }
        hasContact = true
        header.contactCallsign = first
        header.contactEndpoint = second
    }

    /// The event is well formed: does it have what every receiver needs?
    func check(
        _ base: UnsafePointer<UInt8>, _ header: inout EventHeader
    ) throws(Refusal) {
        if header.uid.isEmpty { throw .missingUID }
        if header.type.isEmpty { throw .missingType }
        if pointCount == 0 || latitude.isAbsent || longitude.isAbsent { throw .missingPoint }
        if !Decimal.read(base, latitude).isWithin(90)
            || !Decimal.read(base, longitude).isWithin(180)
        {
            throw .badPoint
        }
        header.pointIsComplete =
            Decimal.read(base, height).isUsable && Decimal.read(base, circularError).isUsable
            && Decimal.read(base, linearError).isUsable
        if !emergencyCancel.isAbsent {
            header.emergencyCancelled = EventFields.isTrue(base, emergencyCancel)
        }
    }

    private static func isTrue(_ base: UnsafePointer<UInt8>, _ value: ByteRange) -> Bool {
        var word: UInt64 = 0
        var i = 0
        if value.count != 4 { return false }
        while i < 4 {
            word |= UInt64(base[Int(value.offset) + i]) << UInt64(i * 8)
            i += 1
        }
        return word == EightByteWord.word("t", "r", "u", "e")
    }
}

extension EventHeader {
    /// More than four elements `marti` in one event are an attack, not a client.
    mutating func openMarti(_ tag: ByteRange) throws(Refusal) {
        if martiCount == 4 { throw .brokenMarkup }
        marti[martiCount] = tag
        martiCount += 1
    }

    /// `marti` elements do not nest, so the one that closes is the one opened last.
    @inline(__always)
    mutating func closeMarti(at end: Int) {
        invariant(martiCount > 0, "an element that closes was opened")
        let start = Int(marti[martiCount - 1].offset)
        marti[martiCount - 1] = ByteRange(unchecked: start, end - start)
    }
}
