// What the comments of a dump say about the event behind them: when it came, and from whom.
// `DumpReader` hands over every byte that stands outside of events; which those are only the framer
// knows. Comments of other tools are passed over. Fixed memory: a comment of more than `bytesMax`
// says nothing. What a value says is not trusted: it is any bytes once its escapes are resolved.
// 0 ≤ place ≤ 4; 0 ≤ dashes ≤ 2.

/// One comment, understood. The texts lie in the reader's memory until its next step.
public struct DumpMetadata: BitwiseCopyable {
    /// There was a comment of ours. Files of other tools have none.
    public var isPresent = false
    public var received = Slab<UInt8>("")
    /// Of the monotonic clock of the machine that recorded; nil if it is not a number.
    public var clockMilliseconds: Int64?
    public var sender = Slab<UInt8>("")
    public var callsign = Slab<UInt8>("")
    public var team = Slab<UInt8>("")
    public var address = Slab<UInt8>("")

    public init() {}
}

struct DumpComments: BitwiseCopyable {
    /// Twice what the longest names need, every byte of them escaped.
    static var bytesMax: Int { 4_096 }

    private let content: Slab<UInt8>
    private let decoded: Slab<UInt8>
    private var count = 0
    /// How much of `<!--` has been seen; 4 in a comment.
    private var place = 0
    private var dashes = 0
    private(set) var metadata = DumpMetadata()
    /// Names the boot of the machine that recorded: clocks of two boots cannot be compared.
    private(set) var timeline: UInt64 = 0

    init(arena: inout Arena) {
        content = arena.take(UInt8.self, count: DumpComments.bytesMax)
        decoded = arena.take(UInt8.self, count: DumpComments.bytesMax)
    }

    mutating func beginFile() {
        forget()
        timeline = 0
    }

    /// What was said belongs to an event that has come, or to nothing.
    mutating func forget() {
        place = 0
        metadata = DumpMetadata()
    }

    /// Bytes outside of events, in order.
    mutating func feed(_ bytes: Slab<UInt8>) {
        var i = 0
        while i < bytes.count {
            let byte = bytes[i]
            i += 1
            if place == 4 {
                take(byte)
            } else if byte == DumpComments.opening[place] {
                place += 1
                count = 0
                dashes = 0
            } else {
                place = byte == DumpComments.opening[0] ? 1 : 0
            }
        }
    }

    private static var opening: Slab<UInt8> { Slab("<!--") }

    private mutating func take(_ byte: UInt8) {
        if byte == UInt8(ascii: ">") && dashes == 2 {
            place = 0
            if count <= DumpComments.bytesMax { understand(content.slice(0, count - 2)) }
            return
        }
        dashes = byte == UInt8(ascii: "-") ? min(dashes + 1, 2) : 0
        if count < DumpComments.bytesMax { content[count] = byte }
        count = min(count + 1, DumpComments.bytesMax + 1)
    }

    private mutating func understand(_ text: Slab<UInt8>) {
        let start = Markup.skipSpace(text, 0)
        if Markup.starts(text, start, "tinycot dump ") {
            understandHead(text.slice(start, text.count - start))
            return
        }
        var found = DumpMetadata()
        var hasReceived = false
        var hasClock = false
        var room = ByteWriter(decoded)
        // A walk begins behind the name of an element; here there is none.
        var attributes = AttributeWalk(text, tag: -1)
        while attributes.next(text) {
            let raw = text.slice(Int(attributes.value.offset), Int(attributes.value.count))
            let name = attributes.name
            if Markup.isName(text, name, "received") {
                hasReceived = true
                found.received = DumpComments.decode(raw, &room)
            } else if Markup.isName(text, name, "clock") {
                hasClock = true
                found.clockMilliseconds = DecimalText.number(raw).map { Int64($0) }
            } else if Markup.isName(text, name, "sender") {
                found.sender = DumpComments.decode(raw, &room)
            } else if Markup.isName(text, name, "callsign") {
                found.callsign = DumpComments.decode(raw, &room)
            } else if Markup.isName(text, name, "team") {
                found.team = DumpComments.decode(raw, &room)
            } else if Markup.isName(text, name, "address") {
                found.address = DumpComments.decode(raw, &room)
            }
        }
        if hasReceived && hasClock {
            found.isPresent = true
            metadata = found
        }
    }

    /// The first line of a file.
    private mutating func understandHead(_ text: Slab<UInt8>) {
        var attributes = AttributeWalk(text, tag: Slab("tinycot dump").count)
        while attributes.next(text) {
            let name = attributes.name
            if Markup.isName(text, name, "boot") {
                let value = attributes.value
                timeline = NameHash.of(text.slice(Int(value.offset), Int(value.count)), key: 0)
            }
        }
    }

    /// Resolves `%41`; a `%` that begins no escape stands for itself.
    private static func decode(_ raw: Slab<UInt8>, _ room: inout ByteWriter) -> Slab<UInt8> {
        let start = room.count
        var index = 0
        while index < raw.count {
            if let byte = PercentText.read(raw, &index, plusIsBlank: false) {
                room.append(byte)
            } else {
                room.append(raw[index])
                index += 1
            }
        }
        return room.slab.slice(start, room.count - start)
    }

    /// The stretch handed over last ended in a comment, or in the mark that begins one.
    var isInside: Bool { place > 0 }
}
