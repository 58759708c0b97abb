// What the relay needs to know of an event, as ranges into the event's own bytes. Nothing is
// copied and nothing is decoded here; `AttributeValue` decodes where a name is compared or kept.

/// A stretch of the event's bytes. `count == 0` together with `offset == 0` means "absent".
public struct ByteRange: BitwiseCopyable, Equatable, Sendable {
    public var offset: UInt32 = 0
    public var count: UInt32 = 0
    public init() {}
    public init(offset: Int, count: Int) {
        self.offset = UInt32(offset)
        self.count = UInt32(count)
    }
    public var isAbsent: Bool { offset == 0 }
    public var isEmpty: Bool { count == 0 }
    public var end: Int { Int(offset) + Int(count) }
    public var range: Range<Int> { Int(offset)..<end }
}

/// The header of one whole event: `<event` … `</event>`, the bytes that `EventReader` accepted.
/// All ranges are of raw attribute values, without their quotes, references not yet decoded.
public struct EventHeader: BitwiseCopyable {
    // Attributes of the root.
    public var uid = ByteRange()
    public var type = ByteRange()
    public var how = ByteRange()
    public var time = ByteRange()
    public var start = ByteRange()
    public var stale = ByteRange()

    /// `lat` and `lon` are numbers inside ±90 and ±180 (checked by the reader).
    /// `hae`, `ce`, `le` are all there, too: what ATAK demands (protocol 2.1).
    public var pointIsComplete = false

    // detail/contact: the first one that has an endpoint, else the first one.
    public var contactCallsign = ByteRange()
    public var contactEndpoint = ByteRange()
    // detail/__group
    public var groupName = ByteRange()
    public var groupRole = ByteRange()
    // detail/takv: the first one
    public var takvPlatform = ByteRange()
    public var takvVersion = ByteRange()

    // detail/__chat or detail/__chatreceipt
    public var hasChat = false
    public var chatID = ByteRange()
    public var chatRoom = ByteRange()
    public var chatParent = ByteRange()
    /// The element `chatgrp` inside, from `<` to one past `>`: its uid0, uid1 … are the members.
    public var chatGroup = ByteRange()

    // detail/link (direct child; the first one with a uid)
    public var linkUID = ByteRange()
    public var linkType = ByteRange()
    public var linkRelation = ByteRange()
    /// detail/emergency with cancel="true".
    public var emergencyCancelled = false

    /// The elements `marti` that are children of the root or of detail, whole, in order of
    /// appearance. They are cut out of what is forwarded.
    public var marti: InlineArray<4, ByteRange> = .init(repeating: ByteRange())
    public var martiCount = 0

    /// The bytes cannot go out as they came: a literal `</event>` stands in a comment, a CDATA
    /// section or an instruction, or the end tag is not exactly `</event>`. `EventRewriter` mends.
    public var needsRewrite = false

    public init() {}
}
