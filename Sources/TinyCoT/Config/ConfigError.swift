// What is wrong with a file of the operator, in fixed fields, and the one sentence that says so:
// what, where, what was found, what is allowed. Made by the readers of tinycot.json and
// budget.json and by the memory plan; printed by the command line and the log.
// It never holds a pointer into the file, so it outlives the buffer the file was read into.

/// Text of the operator as an error repeats it: the beginning, and whether there was more.
/// Kept in words, not bytes: errors are copied on every way out of a parser, and the compiler
/// copies field by field.
public struct Quotation: BitwiseCopyable, Sendable {
    public static var capacity: Int { 72 }

    private var words = InlineArray<9, UInt64>(repeating: 0)
    public private(set) var count = 0
    public private(set) var wasCut = false

    public init() {}

    /// Never splits a UTF-8 sequence.
    @inline(never)
    public init(_ source: Slab<UInt8>) {
        var length = min(source.count, Quotation.capacity)
        wasCut = length < source.count
        if wasCut {
            while length > 0, source[length] & 0xC0 == 0x80 { length -= 1 }
        }
        while count < length { append(source[count]) }
    }

    public init(_ source: StaticString) { self.init(.literal(source)) }

    /// A name that is kept in a field is repeated as far as it was kept.
    public init<let capacity: Int>(_ source: ShortText<capacity>) {
        let length = min(Int(source.count), Quotation.capacity)
        wasCut = length < Int(source.count)
        while count < length { append(source[count]) }
    }

    private mutating func append(_ byte: UInt8) {
        words[count / 8] |= UInt64(byte) << UInt64(count % 8 * 8)
        count += 1
    }

    public subscript(index: Int) -> UInt8 {
        UInt8(truncatingIfNeeded: words[index / 8] >> UInt64(index % 8 * 8))
    }

    public var isEmpty: Bool { count == 0 }
}

/// Where in a file: `teams[1].listen[0]`. An index of -1 is not written.
public struct ConfigPlace: BitwiseCopyable, Sendable {
    public var outer: StaticString = ""
    public var outerIndex = -1
    public var inner: StaticString = ""
    public var innerIndex = -1

    public init(
        _ outer: StaticString = "", _ outerIndex: Int = -1, _ inner: StaticString = "",
        _ innerIndex: Int = -1
    ) {
        self.outer = outer
        self.outerIndex = outerIndex
        self.inner = inner
        self.innerIndex = innerIndex
    }

    public var isWholeFile: Bool { outer.utf8CodeUnitCount == 0 }

    public func write(into writer: inout ByteWriter) {
        if isWholeFile {
            writer.append("the file")
            return
        }
        writer.append(outer)
        if outerIndex >= 0 { writer.append(index: outerIndex) }
        if inner.utf8CodeUnitCount == 0 { return }
        writer.append(UInt8(ascii: "."))
        writer.append(inner)
        if innerIndex >= 0 { writer.append(index: innerIndex) }
    }
}

/// One thing that is wrong, and where. Fields that a problem does not name stay empty.
public struct ConfigError: Error, BitwiseCopyable, Sendable {
    /// What each problem uses is written at its case in `writeSentence`.
    public enum Problem: UInt8, BitwiseCopyable, Sendable {
        // Of the JSON itself.
        case syntax, syntaxAtEnd, syntaxAtByte, fileTooLarge
        // Of keys and plain values.
        case unknownKey, duplicateKey, missingKey, wrongType, outOfRange, contradiction
        // Of meaning.
        case badValue, badText, tooLong, hostBits, unknownName, taken, endpointTaken, tooMany
        // Of the plan.
        case memory, controlGroup, socketMemory, descriptors, descriptorLimit
    }

    public var problem: Problem
    /// Line and column of the token at fault, from 1; 0 where no line is to blame. The column
    /// counts characters and is given for broken JSON only: a key names its place better.
    public var line = 0
    public var column = 0
    public var place = ConfigPlace()
    public var found = Quotation()
    public var suggestion = Quotation()
    /// What is allowed, or what is wrong, as a part of the sentence.
    public var allowed: StaticString = ""
    /// A second key that takes part, or the kind of thing meant.
    public var other: StaticString = ""
    public var otherPlace = ConfigPlace()
    public var number = 0
    public var otherNumber = 0
    public var minimum = 0
    public var maximum = 0
    public var endpoint = Endpoint()
    public var otherEndpoint = Endpoint()
    public var network = Network()

    @inline(never)
    public init(_ problem: Problem, line: Int = 0, place: ConfigPlace = ConfigPlace()) {
        self.problem = problem
        self.line = line
        self.place = place
    }

    /// The file does not fit into the buffer that the budget gives it.
    public static func fileTooLarge(bytes: Int, limit: Int) -> ConfigError {
        var error = ConfigError(.fileTooLarge)
        error.number = bytes
        error.maximum = limit
        return error
    }

    /// `tinycot.json, line 4: unknown key "heartbeat_second"; did you mean "heartbeat_seconds"?`
    /// One sentence, without a line feed. What the operator wrote appears without control
    /// characters, whatever it held.
    public func write(file: Slab<UInt8>, into writer: inout ByteWriter) {
        writer.append(escaping: file)
        if line > 0 {
            writer.append(", line ")
            writer.append(decimal: line)
        }
        if column > 0 {
            writer.append(", column ")
            writer.append(decimal: column)
        }
        writer.append(": ")
        writeSentence(into: &writer)
        if !suggestion.isEmpty && asksBack {
            writer.append("; did you mean ")
            writer.append(quoting: suggestion)
            writer.append(UInt8(ascii: "?"))
        } else if problem != .hostBits {
            writer.append(UInt8(ascii: "."))
        }
    }

    private var asksBack: Bool { problem != .taken }

    private func writeSentence(into writer: inout ByteWriter) {
        switch problem {
        case .syntax, .syntaxAtEnd, .syntaxAtByte, .unknownKey, .duplicateKey, .missingKey,
            .wrongType:
            writeSyntax(into: &writer)
        case .outOfRange, .contradiction, .badValue, .badText, .tooLong, .hostBits, .unknownName,
            .taken, .endpointTaken, .tooMany:
            writeMeaning(into: &writer)
        case .fileTooLarge, .memory, .controlGroup, .socketMemory, .descriptors, .descriptorLimit:
            writePlan(into: &writer)
        }
    }

    private func writeSyntax(into writer: inout ByteWriter) {
        switch problem {
        case .syntax:
            writer.append(allowed)
            if !found.isEmpty {
                writer.append(", found ")
                writer.append(quoting: found)
            }
        case .syntaxAtEnd:
            writer.append(allowed)
            writer.append(", found the end of the file")
        case .syntaxAtByte:
            writer.append(allowed)
            writer.append(", found the byte 0x")
            writer.append(hex: UInt64(number), digits: 2)
        case .unknownKey:
            writer.append("unknown key ")
            writer.append(quoting: found)
            if !place.isWholeFile {
                writer.append(" in ")
                place.write(into: &writer)
            }
        case .duplicateKey:
            writer.append("the key ")
            writer.append(quoting: found)
            writer.append(" is given twice")
            if !place.isWholeFile {
                writer.append(" in ")
                place.write(into: &writer)
            }
        case .missingKey:
            place.write(into: &writer)
            writer.append(" has no \"")
            writer.append(other)
            writer.append(UInt8(ascii: "\""))
        case .wrongType:
            place.write(into: &writer)
            writer.append(" must be ")
            writer.append(allowed)
            writer.append(", found ")
            writer.append(other)
            if !found.isEmpty {
                writer.append(UInt8(ascii: " "))
                writer.append(quoting: found)
            }
        default: break
        }
    }

    private func writeMeaning(into writer: inout ByteWriter) {
        switch problem {
        case .outOfRange:
            place.write(into: &writer)
            writer.append(" is ")
            writer.append(escaping: found)
            writer.append(", but must lie between ")
            writer.append(decimal: minimum)
            writer.append(" and ")
            writer.append(decimal: maximum)
        case .contradiction: writeContradiction(into: &writer)
        case .badValue:
            place.write(into: &writer)
            writer.append(UInt8(ascii: " "))
            writer.append(allowed)
        case .badText:
            place.write(into: &writer)
            writer.append(" is ")
            writer.append(quoting: found)
            writer.append(", ")
            writer.append(allowed)
        case .tooLong:
            place.write(into: &writer)
            writer.append(" has ")
            writer.append(decimal: number)
            writer.append(" bytes (")
            writer.append(quoting: found)
            writer.append("), but at most ")
            writer.append(decimal: maximum)
            writer.append(" fit")
        case .hostBits:
            place.write(into: &writer)
            writer.append(" is ")
            writer.append(quoting: found)
            writer.append(", an address with a longer prefix; did you mean \"")
            writer.append(network)
            writer.append("\"?")
        case .unknownName:
            place.write(into: &writer)
            writer.append(": there is no ")
            writer.append(other)
            writer.append(UInt8(ascii: " "))
            writer.append(quoting: found)
        default: writeTaken(into: &writer)
        }
    }

    private func writeTaken(into writer: inout ByteWriter) {
        switch problem {
        case .taken:
            place.write(into: &writer)
            writer.append(": ")
            writer.append(quoting: found)
            writer.append(UInt8(ascii: " "))
            writer.append(allowed)
            if !suggestion.isEmpty {
                writer.append(UInt8(ascii: " "))
                writer.append(quoting: suggestion)
            }
        case .endpointTaken:
            place.write(into: &writer)
            writer.append(": ")
            writer.append(endpoint)
            writer.append(" is taken already by ")
            writer.append(otherEndpoint)
            writer.append(" of ")
            otherPlace.write(into: &writer)
        case .tooMany:
            place.write(into: &writer)
            writer.append(UInt8(ascii: " "))
            writer.append(allowed)
            writer.append(": ")
            writer.append(other)
            writer.append(" in budget.json is ")
            writer.append(decimal: maximum)
        default: break
        }
    }

    /// `number` of `place` against `other` (its value is `maximum`); `minimum` is what follows
    /// from it and `allowed` is how.
    private func writeContradiction(into writer: inout ByteWriter) {
        place.write(into: &writer)
        writer.append(" is ")
        writer.append(decimal: number)
        writer.append(", but must be ")
        writer.append(allowed)
        writer.append(UInt8(ascii: " "))
        writer.append(decimal: minimum)
        writer.append(" because ")
        writer.append(other)
        writer.append(" is ")
        writer.append(decimal: maximum)
    }

    /// `number` is what is needed, `maximum` what there is.
    private func writePlan(into writer: inout ByteWriter) {
        switch problem {
        case .fileTooLarge:
            writer.append("the file has ")
            writer.append(decimal: number)
            writer.append(" bytes, but config_file_bytes in budget.json is ")
            writer.append(decimal: maximum)
        case .controlGroup:
            writer.append("the plan needs ")
            writer.append(decimal: number)
            writer.append(" bytes")
            if otherNumber > 0 {
                writer.append(", ")
                writer.append(decimal: otherNumber)
                writer.append(" of them in the kernel's buffers of sockets")
            }
            writer.append(", but memory.max of this control group is ")
            writer.append(decimal: maximum)
            writer.append(" (memory_bytes is ")
            writer.append(decimal: minimum)
            writer.append(UInt8(ascii: ")"))
        case .descriptorLimit:
            writer.append("the plan needs ")
            writer.append(decimal: number)
            writer.append(" file descriptors, but the system allows this process ")
            writer.append(decimal: maximum)
            writer.append(" (file_descriptors is ")
            writer.append(decimal: minimum)
            writer.append(UInt8(ascii: ")"))
        default:
            place.write(into: &writer)
            writer.append(" is ")
            writer.append(decimal: maximum)
            writer.append(", but ")
            writer.append(allowed)
            writer.append(UInt8(ascii: " "))
            writer.append(decimal: number)
            writer.append(problem == .descriptors ? "" : " bytes")
        }
    }
}

extension ByteWriter {
    fileprivate mutating func append(index: Int) {
        append(UInt8(ascii: "["))
        append(decimal: index)
        append(UInt8(ascii: "]"))
    }

    /// Text of the operator in double quotes, fit for a terminal and for one line of a log.
    public mutating func append(quoting quotation: Quotation) {
        append(UInt8(ascii: "\""))
        append(escaping: quotation)
        append(UInt8(ascii: "\""))
    }

    public mutating func append(escaping quotation: Quotation) {
        var previous: UInt8 = 0
        var i = 0
        while i < quotation.count {
            append(escaping: quotation[i], after: previous)
            previous = quotation[i]
            i += 1
        }
        if quotation.wasCut { append("...") }
    }

    /// Bytes of the operator without control characters: C0, DEL and C1 become `\xNN`.
    @inline(never)
    public mutating func append(escaping bytes: Slab<UInt8>) {
        var previous: UInt8 = 0
        var i = 0
        while i < bytes.count {
            append(escaping: bytes[i], after: previous)
            previous = bytes[i]
            i += 1
        }
    }

    /// C1 characters are 0xC2 0x80 ... 0xC2 0x9F in UTF-8; escaping the second byte disarms them.
    private mutating func append(escaping byte: UInt8, after previous: UInt8) {
        let isSecondOfC1 = previous == 0xC2 && byte < 0xA0
        if byte < 0x20 || byte == 0x7F || (byte >= 0x80 && isSecondOfC1) {
            append("\\x")
            append(hex: UInt64(byte), digits: 2)
        } else {
            append(byte)
        }
    }
}
