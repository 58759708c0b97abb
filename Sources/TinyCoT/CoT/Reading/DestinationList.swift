// Whom an event is addressed to: the `dest` elements of its `marti` (protocol 7.1), and the members
// that a chat message names in its `chatgrp` (protocol 7.3). The router asks for one after the
// other. Only for bytes that `EventReader` accepted; linear in their length, nothing is kept.

/// One `dest`. Ranges are of raw values; compare them through `AttributeValue`.
public struct Destination: BitwiseCopyable, Equatable, Sendable {
    public var callsign = ByteRange()
    public var uid = ByteRange()
    /// It names something that is not a client: a mission, a group, a feed to publish to.
    public var hasOther = false

    /// It names anything at all. An event with only empty `dest` elements is addressed to nobody
    /// in particular, so it is a broadcast.
    public var hasAny: Bool { !callsign.isAbsent || !uid.isAbsent || hasOther }

    public init() {}
}

/// Yields the destinations of one event in the order of their appearance.
public struct DestinationList: BitwiseCopyable {
    private let marti: InlineArray<4, ByteRange>
    private let martiCount: Int
    private var index = 0
    private var at = 0
    /// Elements open inside the current `marti`, itself included.
    private var depth = 0

    public init(_ header: EventHeader) {
        marti = header.marti
        martiCount = header.martiCount
    }

    public mutating func next(_ event: Slab<UInt8>) -> Destination? {
        while index < martiCount {
            let range = marti[index]
            // Walking on a view that ends with the element keeps the walk inside it.
            let bytes = event.slice(0, range.end)
            at = max(at, Int(range.offset))
            if let found = nextInside(bytes) { return found }
            index += 1
            depth = 0
        }
        return nil
    }

    private mutating func nextInside(_ bytes: Slab<UInt8>) -> Destination? {
        while at < bytes.count {
            let tag = at
            if bytes[tag] != UInt8(ascii: "<") {
                at += 1
            } else if Markup.starts(bytes, tag, "</") {
                at = Markup.tagEnd(bytes, tag)
                depth -= 1
            } else if Markup.starts(bytes, tag, "<!--") {
                at = Markup.end(bytes, tag + 4, "-->")
            } else if Markup.starts(bytes, tag, "<![CDATA[") {
                at = Markup.end(bytes, tag + 9, "]]>")
            } else if Markup.starts(bytes, tag, "<?") {
                at = Markup.end(bytes, tag + 2, "?>")
            } else {
                at = Markup.tagEnd(bytes, tag)
                let isChild = depth == 1
                if bytes[at - 2] != UInt8(ascii: "/") { depth += 1 }
                let name = Markup.nameEnd(bytes, tag + 1)
                let range = ByteRange(offset: tag + 1, count: name - tag - 1)
                if isChild && Markup.isName(bytes, range, "dest") {
                    return DestinationList.read(bytes, tag)
                }
            }
        }
        return nil
    }

    private static func read(_ bytes: Slab<UInt8>, _ tag: Int) -> Destination {
        var destination = Destination()
        var attributes = AttributeWalk(bytes, tag: tag)
        while attributes.next(bytes) {
            if Markup.isName(bytes, attributes.name, "callsign") {
                destination.callsign = attributes.value
            } else if Markup.isName(bytes, attributes.name, "uid") {
                destination.uid = attributes.value
            } else {
                destination.hasOther = true
            }
        }
        return destination
    }
}

/// Yields the values of `uid0`, `uid1` … of the `chatgrp` of a chat message; the first one is
/// usually the sender.
public struct ChatMembers: BitwiseCopyable {
    private let tagEnd: Int
    private var attributes: AttributeWalk
    private let isPresent: Bool

    public init(_ event: Slab<UInt8>, _ header: EventHeader) {
        let tag = header.chatGroup
        isPresent = !tag.isAbsent
        tagEnd = tag.end
        attributes = AttributeWalk(event.slice(0, tag.end), tag: Int(tag.offset))
    }

    public mutating func next(_ event: Slab<UInt8>) -> ByteRange? {
        if !isPresent { return nil }
        let bytes = event.slice(0, tagEnd)
        while attributes.next(bytes) {
            let name = attributes.name
            if name.count > 3, Markup.starts(bytes, Int(name.offset), "uid"),
                bytes[Int(name.offset) + 3] &- UInt8(ascii: "0") <= 9
            {
                return attributes.value
            }
        }
        return nil
    }
}
