// Names in markup: how one is remembered, compared and recognised, and which characters it may
// have (XML 1.0, fifth edition, productions 4 and 4a). Used by the reader only.

/// A name of an element, an attribute or an instruction. Names of up to eight bytes are equal when
/// their words are equal, because a name holds no zero byte.
struct MarkupName: BitwiseCopyable {
    /// The first eight bytes, the rest zero.
    var word: UInt64
    var offset: UInt32
    var count: UInt32

    @inline(__always)
    init(word: UInt64, offset: Int, count: Int) {
        self.word = word
        self.offset = UInt32(truncatingIfNeeded: offset)
        self.count = UInt32(truncatingIfNeeded: count)
    }

    var isShort: Bool {
        @inline(__always) get { count <= 8 }
    }

    /// One bit of a 64-bit set. Equal names have equal bits.
    var bloomBit: UInt64 {
        @inline(__always) get {
            let mixed = (word ^ UInt64(count)) &* 0x9E37_79B9_7F4A_7C15
            return 1 &<< (mixed >> 58)
        }
    }
}

/// The elements that the relay reads. Everything else is `other` and only checked.
enum ElementKind: UInt8, BitwiseCopyable {
    case other, root, point, detail, contact, group, takv, chat, chatGroup, link, emergency, marti
}

extension MarkupName {
    @inline(__always)
    func isShort(_ other: UInt64) -> Bool { word == other && isShort }

    var isEvent: Bool {
        @inline(__always) get { isShort(EightByteWord.word("e", "v", "e", "n", "t")) }
    }

    /// What a child of `parent` with this name is.
    @inline(__always)
    func kind(in parent: ElementKind, _ base: UnsafePointer<UInt8>) -> ElementKind {
        switch parent {
        case .detail: kindInDetail(base)
        case .root: kindInRoot()
        case .chat:
            isShort(EightByteWord.word("c", "h", "a", "t", "g", "r", "p")) ? .chatGroup : .other
        default: .other
        }
    }

    private func kindInRoot() -> ElementKind {
        if !isShort { return .other }
        switch word {
        case EightByteWord.word("p", "o", "i", "n", "t"): return .point
        case EightByteWord.word("d", "e", "t", "a", "i", "l"): return .detail
        case EightByteWord.word("m", "a", "r", "t", "i"): return .marti
        default: return .other
        }
    }

    private func kindInDetail(_ base: UnsafePointer<UInt8>) -> ElementKind {
        switch word {
        case EightByteWord.word("c", "o", "n", "t", "a", "c", "t"): return .contact
        case EightByteWord.word("_", "_", "g", "r", "o", "u", "p"): return .group
        case EightByteWord.word("_", "_", "c", "h", "a", "t"): return .chat
        case EightByteWord.word("l", "i", "n", "k"): return .link
        case EightByteWord.word("t", "a", "k", "v"): return .takv
        case EightByteWord.word("m", "a", "r", "t", "i"): return .marti
        case EightByteWord.word("e", "m", "e", "r", "g", "e", "n", "c"):
            return count == 9 && base[Int(offset) + 8] == UInt8(ascii: "y") ? .emergency : .other
        case EightByteWord.word("_", "_", "c", "h", "a", "t", "r", "e"):
            if count != 13 { return .other }
            let tail = EightByteWord.word("t", "r", "e", "c", "e", "i", "p", "t")
            return EightByteWord.load(base + Int(offset) + 5) == tail ? .chat : .other
        default: return .other
        }
    }
}

enum NameCharacters {
    /// libxml2 gives up on longer names (its XML_MAX_NAME_LENGTH).
    static var maxBytes: Int { 50_000 }

    static func canStart(_ scalar: UInt32) -> Bool {
        switch scalar {
        case 0x61...0x7A, 0x41...0x5A, 0x5F, 0x3A: true
        case 0xC0...0xD6, 0xD8...0xF6, 0xF8...0x2FF, 0x370...0x37D, 0x37F...0x1FFF: true
        case 0x200C...0x200D, 0x2070...0x218F, 0x2C00...0x2FEF, 0x3001...0xD7FF: true
        case 0xF900...0xFDCF, 0xFDF0...0xFFFD, 0x1_0000...0xE_FFFF: true
        default: false
        }
    }

    static func canFollow(_ scalar: UInt32) -> Bool {
        switch scalar {
        case 0x2D, 0x2E, 0x30...0x39, 0xB7, 0x300...0x36F, 0x203F...0x2040: true
        default: canStart(scalar)
        }
    }
}
