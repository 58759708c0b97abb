// Reads a state file that comes in pieces, cut anywhere. Called by the store loop at start, twice:
// when it looks which generations are whole (StateFiles), and when it hands one to the relay.
//
//   var state = StateReader(text: memory)        the longest event fits into it
//   for each piece:   var offset = 0
//       loop: switch try state.read(piece, &offset) {
//           case .more: the piece is used up
//           case .header: state.header           before all records
//           case .client: state.client           each is valid until the next call
//           case .event: state.event, state.eventBytes
//           case .end: the last bracket has come; go on until the pieces are used up
//       }
//   try state.finish()                           was it all?
//
// It checks the form only; that the bytes are those that were written is what the hash in the last
// line is for, which `digest` holds and StateFiles compares. Events must be read anew by who takes
// them up. Spans count from the header's moment. Members that it does not know are passed over;
// events of a kind that it does not know, or too long for the memory, are skipped and counted.

public struct StateReader: BitwiseCopyable {
    public enum Found: UInt8, BitwiseCopyable, Sendable { case more, header, client, event, end }

    /// Where in the file's structure the next token stands.
    enum Place: UInt8, BitwiseCopyable {
        case start, top, topValue, purposes, purposeValue, list, record, recordValue, cut, skip, end
    }

    /// Where the bytes of the text go that is being read.
    enum Sink: UInt8, BitwiseCopyable { case nothing, short, event }

    public internal(set) var header = StateHeader()
    public internal(set) var client = SeenRecord()
    /// `offset` is 0, and `count` that of `eventBytes`.
    public internal(set) var event = KeptRecord()
    public internal(set) var digest: SHA256Digest?
    public internal(set) var clientCount = 0
    public internal(set) var eventCount = 0
    /// Events of an unknown kind, or longer than the memory.
    public internal(set) var skippedCount = 0

    var stream = JSONStream()
    var place = Place.start
    var sink = Sink.nothing
    var key = KeptText<24>()
    var short = KeptText<96>()
    var text: ByteWriter
    /// Bit `n`: the member with that raw value has been read; of the file, and of the object in it.
    var topFields: UInt32 = 0
    var fields: UInt32 = 0
    var field: UInt8 = 0
    var purpose: UInt8 = 0
    var isInEvents = false
    var isSkipped = false
    private var hasHeader = false
    private var skipDepth = 0
    private var placeAfterSkip = Place.top

    /// - Parameter text: memory for the text of one event.
    public init(text memory: Slab<UInt8>) { text = ByteWriter(memory) }

    public var eventBytes: Slab<UInt8> { text.written }
    public var line: Int { stream.line }

    /// Reads on from `offset`, which moves behind what was read.
    public mutating func read(
        _ bytes: Slab<UInt8>, _ offset: inout Int
    ) throws(StateFault) -> Found {
        // Every turn passes a byte, or ends a number that a byte has begun.
        while true {
            let token = try stream.next(bytes, &offset)
            switch token {
            case .more: return .more
            case .run(let run): keep(run)
            case .scalar(let scalar): keep(scalar)
            default:
                let found = try take(token)
                if found != .more { return found }
            }
        }
    }

    /// To be called behind the last piece.
    public func finish() throws(StateFault) {
        if place == .end { return }
        var fault = StateFault(.ending, line: stream.line)
        fault.allowed = "the end of the state"
        throw fault
    }

    // MARK: Texts

    private mutating func keep(_ run: Slab<UInt8>) {
        if stream.isInKey {
            // Keys inside of what is passed over are nobody's.
            if place != .skip { key.append(run) }
        } else if sink == .short {
            short.append(run)
        } else if sink == .event {
            text.append(run)
        }
    }

    private mutating func keep(_ scalar: UInt32) {
        var bytes = InlineArray<4, UInt8>(repeating: 0)
        withUnsafeMutablePointer(to: &bytes) { pointer in
            let start = UnsafeMutableRawPointer(pointer).assumingMemoryBound(to: UInt8.self)
            var writer = ByteWriter(Slab(start: start, count: 4))
            writer.append(scalar: scalar)
            keep(writer.written)
        }
    }

    // MARK: Structure

    private mutating func take(_ token: JSONStream.Token) throws(StateFault) -> Found {
        switch place {
        case .start:
            guard case .objectStart = token else { throw wrongType("", token, "an object") }
            place = .top
        case .top: return try takeTop(token)
        case .topValue: try takeTopValue(token)
        case .purposes: try takePurposes(token)
        case .purposeValue:
            try setPurpose(token)
            place = .purposes
        case .list: try takeList(token)
        case .record:
            if case .objectEnd = token { return try endRecord() }
            try takeRecordKey()
        case .recordValue: try takeRecordValue(token)
        case .cut: try takeCut(token)
        case .skip:
            if stream.depth == skipDepth { place = placeAfterSkip }
        case .end: invariantBroken("nothing follows the end")
        }
        return .more
    }

    /// Passes over the value of the key that has just been read.
    mutating func skip(then place: Place) {
        skipDepth = stream.depth
        placeAfterSkip = place
        self.place = .skip
        sink = .nothing
    }

    private mutating func takeTop(_ token: JSONStream.Token) throws(StateFault) -> Found {
        if case .objectEnd = token {
            try expectFields(topFields, ~0 >> UInt32(32 - StateHeader.Field.count))
            place = .end
            return .end
        }
        let known = StateHeader.Field(key)
        key.reset()
        if topFields == 0 && known != .version {
            throw missing(StateHeader.Field.version.name, "the beginning")
        }
        guard let known else {
            skip(then: .top)
            return .more
        }
        try mark(known.rawValue, known.name, &topFields)
        field = known.rawValue
        place = .topValue
        sink = .nothing
        if known == .boot || known == .digest { beginShort() }
        if known.rawValue < StateHeader.Field.clients.rawValue || hasHeader { return .more }
        try expectFields(topFields, StateHeader.Field.headerMask)
        hasHeader = true
        return .header
    }

    private func expectFields(_ seen: UInt32, _ mask: UInt32) throws(StateFault) {
        if seen & mask == mask { return }
        let first = UInt8((~seen & mask).trailingZeroBitCount)
        let name = StateHeader.Field(rawValue: first).unsafelyUnwrapped.name
        throw missing(name, hasHeader ? "the state" : "the header")
    }

    mutating func beginShort() {
        short.reset()
        sink = .short
    }

    /// Notes that a member stands there.
    func mark(
        _ bit: UInt8, _ name: StaticString, _ fields: inout UInt32
    ) throws(StateFault) {
        if fields & 1 << UInt32(bit) != 0 {
            var fault = StateFault(.duplicate, line: stream.line)
            fault.key = name
            throw fault
        }
        fields |= 1 << UInt32(bit)
    }

    private mutating func takeList(_ token: JSONStream.Token) throws(StateFault) {
        switch token {
        case .listEnd: place = .top
        case .objectStart:
            fields = 0
            isSkipped = false
            if isInEvents { event = KeptRecord() } else { client = SeenRecord() }
            text.reset()
            place = .record
        default:
            let name: StaticString = isInEvents ? "events" : "clients"
            throw wrongType(name, token, "a list of objects")
        }
    }

    private mutating func endRecord() throws(StateFault) -> Found {
        place = .list
        if !isInEvents {
            let absent = ~fields & SeenRecord.Field.requiredMask
            if let field = SeenRecord.Field(rawValue: UInt8(absent.trailingZeroBitCount)),
                absent != 0
            {
                throw missing(field.name, "a client")
            }
            clientCount += 1
            return .client
        }
        if isSkipped {
            skippedCount += 1
            return .more
        }
        let absent = ~fields & KeptRecord.Field.requiredMask
        if let field = KeptRecord.Field(rawValue: UInt8(absent.trailingZeroBitCount)),
            absent != 0
        {
            throw missing(field.name, "an event")
        }
        if text.overflowed {
            skippedCount += 1
            return .more
        }
        event.count = text.count
        eventCount += 1
        return .event
    }

    // MARK: Faults

    @inline(never)
    func missing(_ key: StaticString, _ found: StaticString) -> StateFault {
        var fault = StateFault(.missing, line: stream.line)
        fault.key = key
        fault.found = found
        return fault
    }

    @inline(never)
    func wrongType(
        _ key: StaticString, _ token: JSONStream.Token, _ allowed: StaticString
    ) -> StateFault {
        var fault = StateFault(.type, line: stream.line)
        fault.key = key
        fault.found = token.description
        fault.allowed = allowed
        return fault
    }

    @inline(never)
    func wrongText(
        _ key: StaticString, _ found: StaticString, _ allowed: StaticString
    ) -> StateFault {
        var fault = StateFault(.text, line: stream.line)
        fault.key = key
        fault.found = found
        fault.allowed = allowed
        return fault
    }
}
