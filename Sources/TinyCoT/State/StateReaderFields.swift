// The values of a state file: which type each member has, and what it may hold. Called by the
// structure in StateReader, with one token at a time.

extension StateReader {
    // MARK: The header

    mutating func takeTopValue(_ token: JSONStream.Token) throws(StateFault) {
        let field = StateHeader.Field(rawValue: self.field).unsafelyUnwrapped
        let name = field.name
        place = .top
        switch field {
        case .version: try setVersion(token)
        case .generation:
            header.generation = try count(name, token, most: StateHeader.generationMax)
        case .boot: try setText(name, token, &header.bootId)
        case .bootMilliseconds: header.bootMilliseconds = Int64(try count(name, token))
        case .wallMilliseconds: header.wallMilliseconds = try number(name, token)
        case .isWallSynchronised: header.isWallSynchronised = try boolean(name, token)
        case .livedMilliseconds: header.livedMilliseconds = Int64(try count(name, token))
        case .starts: header.starts = try count(name, token)
        case .eventsIn: header.eventsIn = try count(name, token)
        case .eventsOut: header.eventsOut = try count(name, token)
        case .dayAgeMilliseconds: header.dayAgeMilliseconds = Int64(try count(name, token))
        case .writtenTotal, .writtenToday:
            guard case .objectStart = token else { throw wrongType(name, token, "an object") }
            fields = 0
            place = .purposes
        case .clients, .events:
            guard case .listStart = token else { throw wrongType(name, token, "a list") }
            isInEvents = field == .events
            place = .list
        case .digest:
            guard case .string = token else { throw wrongType(name, token, "a text") }
            digest = short.withSlab { SHA256Digest(hex: $0) }
            if digest == nil || short.isCut {
                throw wrongText(name, "no hash", "64 hexadecimal digits")
            }
        }
    }

    private func setVersion(_ token: JSONStream.Token) throws(StateFault) {
        let name = StateHeader.Field.version.name
        let version = try number(name, token)
        if version > StateHeader.version {
            var fault = StateFault(.newer, line: stream.line)
            fault.number = version
            throw fault
        }
        if version < StateHeader.version {
            throw outOfRange(name, version, StateHeader.version, StateHeader.version)
        }
    }

    mutating func takePurposes(_ token: JSONStream.Token) throws(StateFault) {
        if case .objectEnd = token {
            let absent = ~fields & 0b1111
            if absent != 0 {
                let name = StateHeader.purposeName(absent.trailingZeroBitCount)
                throw missing(name, StateHeader.Field(rawValue: field).unsafelyUnwrapped.name)
            }
            place = .top
            return
        }
        var i = 0
        while i < StateHeader.purposeCount, !key.equals(StateHeader.purposeName(i)) { i += 1 }
        key.reset()
        if i == StateHeader.purposeCount {
            skip(then: .purposes)
            return
        }
        try mark(UInt8(i), StateHeader.purposeName(i), &fields)
        purpose = UInt8(i)
        sink = .nothing
        place = .purposeValue
    }

    mutating func setPurpose(_ token: JSONStream.Token) throws(StateFault) {
        let value = try count(StateHeader.purposeName(Int(purpose)), token)
        if field == StateHeader.Field.writtenTotal.rawValue {
            header.writtenTotal[Int(purpose)] = value
        } else {
            header.writtenToday[Int(purpose)] = value
        }
    }

    // MARK: Records

    mutating func takeRecordKey() throws(StateFault) {
        defer { key.reset() }
        sink = .nothing
        if isSkipped {
            skip(then: .record)
            return
        }
        if isInEvents {
            guard let known = KeptRecord.Field(key) else {
                skip(then: .record)
                return
            }
            try mark(known.rawValue, known.name, &fields)
            field = known.rawValue
            if known == .event { sink = .event } else { beginShort() }
        } else {
            guard let known = SeenRecord.Field(key) else {
                skip(then: .record)
                return
            }
            try mark(known.rawValue, known.name, &fields)
            field = known.rawValue
            beginShort()
        }
        place = .recordValue
    }

    mutating func takeRecordValue(_ token: JSONStream.Token) throws(StateFault) {
        place = .record
        if isInEvents {
            try setEventField(KeptRecord.Field(rawValue: field).unsafelyUnwrapped, token)
        } else {
            try setClientField(SeenRecord.Field(rawValue: field).unsafelyUnwrapped, token)
        }
        if place == .record { sink = .nothing }
    }

    private mutating func setEventField(
        _ field: KeptRecord.Field, _ token: JSONStream.Token
    ) throws(StateFault) {
        let name = field.name
        switch field {
        case .kind: try setKind(token)
        case .team: try setText(name, token, &event.team)
        case .address: try setAddress(token)
        case .age: event.ageMilliseconds = try number(name, token)
        case .left: event.leftMilliseconds = Int64(try count(name, token))
        case .event:
            guard case .string = token else { throw wrongType(name, token, "a text") }
        }
    }

    private mutating func setKind(_ token: JSONStream.Token) throws(StateFault) {
        guard case .string = token else {
            throw wrongType(KeptRecord.Field.kind.name, token, "a text")
        }
        var i: UInt8 = 0
        while let kind = KeptRecord.Kind(rawValue: i) {
            if short.equals(kind.name) {
                event.kind = kind
                return
            }
            i += 1
        }
        isSkipped = true
    }

    private mutating func setAddress(_ token: JSONStream.Token) throws(StateFault) {
        let name = KeptRecord.Field.address.name
        guard case .string = token else { throw wrongType(name, token, "a text") }
        var address: Address?
        if !short.isCut {
            short.withSlab { bytes in
                do throws(AddressProblem) {
                    address = try AddressParser.address(bytes)
                } catch {}
            }
        }
        guard let address else {
            throw wrongText(name, "something else", "an IPv4 or IPv6 address")
        }
        event.address = address
    }

    private mutating func setClientField(
        _ field: SeenRecord.Field, _ token: JSONStream.Token
    ) throws(StateFault) {
        let name = field.name
        switch field {
        case .uid: try setName(field, token, &client.uid)
        case .callsign: try setName(field, token, &client.callsign)
        case .team: try setName(field, token, &client.team)
        case .colour: try setName(field, token, &client.colour)
        case .role: try setName(field, token, &client.role)
        case .takv: try setName(field, token, &client.takv)
        case .lastType: try setName(field, token, &client.lastType)
        case .lastEventAt: client.lastEventAt = WallTime(milliseconds: try number(name, token))
        case .ago: client.agoMilliseconds = try number(name, token)
        case .isConnected: client.isConnected = try boolean(name, token)
        case .cut:
            guard case .listStart = token else { throw wrongType(name, token, "a list") }
            beginShort()
            place = .cut
        }
    }

    /// A name in the list of those that were cut. Names that we do not know are passed over.
    mutating func takeCut(_ token: JSONStream.Token) throws(StateFault) {
        if case .listEnd = token {
            sink = .nothing
            place = .record
            return
        }
        guard case .string = token else {
            throw wrongType(SeenRecord.Field.cut.name, token, "a list of texts")
        }
        switch SeenRecord.Field(short) {
        case .uid: client.uid.markCut()
        case .callsign: client.callsign.markCut()
        case .team: client.team.markCut()
        case .colour: client.colour.markCut()
        case .role: client.role.markCut()
        case .takv: client.takv.markCut()
        case .lastType: client.lastType.markCut()
        default: break
        }
        short.reset()
    }

    // MARK: Types

    private func number(
        _ name: StaticString, _ token: JSONStream.Token, least: Int64 = -StateHeader.numberMax,
        most: Int64 = StateHeader.numberMax
    ) throws(StateFault) -> Int64 {
        guard case .number = token, let value = stream.integer else {
            throw wrongType(name, token, "a whole number")
        }
        if value < least || value > most { throw outOfRange(name, value, least, most) }
        return value
    }

    private func count(
        _ name: StaticString, _ token: JSONStream.Token, most: Int64 = StateHeader.numberMax
    ) throws(StateFault) -> UInt64 {
        UInt64(try number(name, token, least: 0, most: most))
    }

    private func boolean(
        _ name: StaticString, _ token: JSONStream.Token
    ) throws(StateFault) -> Bool {
        switch token {
        case .yes: return true
        case .no: return false
        default: throw wrongType(name, token, "true or false")
        }
    }

    private func setText<let capacity: Int>(
        _ name: StaticString, _ token: JSONStream.Token, _ text: inout ShortText<capacity>
    ) throws(StateFault) {
        guard case .string = token else { throw wrongType(name, token, "a text") }
        short.withSlab { text.set($0) }
    }

    /// A name that is said to be cut before it stands there stays so.
    private func setName<let capacity: Int>(
        _ field: SeenRecord.Field, _ token: JSONStream.Token, _ text: inout ShortText<capacity>
    ) throws(StateFault) {
        let wasCut = text.isCut
        try setText(field.name, token, &text)
        if wasCut { text.markCut() }
    }

    private func outOfRange(
        _ name: StaticString, _ value: Int64, _ least: Int64, _ most: Int64
    ) -> StateFault {
        var fault = StateFault(.range, line: stream.line)
        fault.key = name
        fault.number = value
        fault.least = least
        fault.most = most
        return fault
    }
}

// MARK: Names

extension StateHeader.Field {
    init?<let capacity: Int>(_ key: KeptText<capacity>) {
        var i: UInt8 = 0
        while let field = StateHeader.Field(rawValue: i) {
            if key.equals(field.name) {
                self = field
                return
            }
            i += 1
        }
        return nil
    }
}

extension SeenRecord.Field {
    init?<let capacity: Int>(_ key: KeptText<capacity>) {
        var i: UInt8 = 0
        while let field = SeenRecord.Field(rawValue: i) {
            if key.equals(field.name) {
                self = field
                return
            }
            i += 1
        }
        return nil
    }
}

extension KeptRecord.Field {
    init?<let capacity: Int>(_ key: KeptText<capacity>) {
        var i: UInt8 = 0
        while let field = KeptRecord.Field(rawValue: i) {
            if key.equals(field.name) {
                self = field
                return
            }
            i += 1
        }
        return nil
    }
}

extension JSONStream.Token {
    /// As a fault calls it.
    var description: StaticString {
        switch self {
        case .objectStart, .objectEnd: "an object"
        case .listStart, .listEnd: "a list"
        case .key: "a key"
        case .run, .scalar, .string: "a text"
        case .number: "a number"
        case .yes: "true"
        case .no: "false"
        case .null: "null"
        case .more: "nothing"
        }
    }
}

/// A short text that is gathered from runs. What does not fit is left out.
struct KeptText<let capacity: Int>: BitwiseCopyable {
    private var bytes: InlineArray<capacity, UInt8> = .init(repeating: 0)
    private var count = 0
    private(set) var isCut = false

    mutating func reset() {
        count = 0
        isCut = false
    }

    mutating func append(_ run: Slab<UInt8>) {
        var i = 0
        while i < run.count {
            if count == capacity {
                isCut = true
                return
            }
            bytes[count] = run[i]
            count += 1
            i += 1
        }
    }

    func equals(_ text: StaticString) -> Bool {
        if isCut || count != text.utf8CodeUnitCount { return false }
        var i = 0
        while i < count {
            if bytes[i] != text.utf8Start[i] { return false }
            i += 1
        }
        return true
    }

    /// Calls `body` with a view that is valid meanwhile.
    func withSlab<R>(_ body: (Slab<UInt8>) -> R) -> R {
        withUnsafePointer(to: bytes) { pointer in
            let start = UnsafeRawPointer(pointer).assumingMemoryBound(to: UInt8.self)
            return body(Slab(start: UnsafeMutablePointer(mutating: start), count: count))
        }
    }
}
