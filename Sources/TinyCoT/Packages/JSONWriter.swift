// Writes JSON (RFC 8259) into fixed memory, piece by piece: the memory may be another one at every
// call, since only nesting and commas are remembered here. Called by the Marti answers.
// Texts of the network go through `TextEscaper`, so no callsign can end a string or begin a member.
// It never writes what is not JSON: a value without a key in an object, a key in a list or an end
// that was not begun stops the program. `depth ≤ depthLimit`
// Copy it together with the `ByteWriter` to be able to take back what did not fit.

/// The state between two tokens of one JSON text.
public struct JSONWriter: BitwiseCopyable {
    /// The answers need four levels.
    public static var depthLimit: Int { 15 }

    /// Bit `d`: level `d` is an object. Level 0 is outside everything.
    private var objectLevels: UInt16 = 0
    /// Bit `d`: level `d` has an element, so that a comma comes before the next.
    private var filledLevels: UInt16 = 0
    private var hasKey = false
    public private(set) var depth = 0

    public init() {}

    /// One value was written, and all that was begun was ended.
    public var isComplete: Bool { depth == 0 && filledLevels & 1 == 1 }

    private var levelBit: UInt16 { 1 << UInt16(depth) }
    private var isInObject: Bool { objectLevels & levelBit != 0 }

    // MARK: Nesting

    public mutating func beginObject(_ writer: inout ByteWriter) { begin("{", true, &writer) }
    public mutating func beginList(_ writer: inout ByteWriter) { begin("[", false, &writer) }

    public mutating func endObject(_ writer: inout ByteWriter) {
        invariant(isInObject && !hasKey, "an object ends where one is open, behind a value")
        depth -= 1
        writer.append("}")
    }

    public mutating func endList(_ writer: inout ByteWriter) {
        invariant(depth > 0 && !isInObject, "a list ends where one is open")
        depth -= 1
        writer.append("]")
    }

    private mutating func begin(
        _ bracket: StaticString, _ isObject: Bool, _ writer: inout ByteWriter
    ) {
        startValue(&writer)
        invariant(depth < JSONWriter.depthLimit, "no answer is nested deeper than it may be")
        depth += 1
        objectLevels = isObject ? objectLevels | levelBit : objectLevels & ~levelBit
        filledLevels &= ~levelBit
        writer.append(bracket)
    }

    /// - Parameter name: without anything that needs an escape.
    public mutating func key(_ name: StaticString, _ writer: inout ByteWriter) {
        invariant(isInObject && !hasKey, "a key stands in an object, in front of one value")
        separate(&writer)
        hasKey = true
        writer.append(UInt8(ascii: "\""))
        writer.append(name)
        writer.append("\":")
    }

    /// - Parameter name: any bytes.
    mutating func key(_ name: Slab<UInt8>, _ writer: inout ByteWriter) {
        invariant(isInObject && !hasKey, "a key stands in an object, in front of one value")
        separate(&writer)
        hasKey = true
        writer.append(UInt8(ascii: "\""))
        writer.append(name, as: .json)
        writer.append("\":")
    }

    private mutating func startValue(_ writer: inout ByteWriter) {
        if isInObject {
            invariant(hasKey, "a value in an object has a key")
            hasKey = false
            return
        }
        invariant(depth > 0 || filledLevels & 1 == 0, "a text holds one value")
        separate(&writer)
    }

    private mutating func separate(_ writer: inout ByteWriter) {
        if filledLevels & levelBit != 0 { writer.append(UInt8(ascii: ",")) }
        filledLevels |= levelBit
    }

    // MARK: Values

    public mutating func boolean(_ value: Bool, _ writer: inout ByteWriter) {
        startValue(&writer)
        writer.append(value ? "true" : "false")
    }

    public mutating func null(_ writer: inout ByteWriter) {
        startValue(&writer)
        writer.append("null")
    }

    public mutating func number(_ value: Int64, _ writer: inout ByteWriter) {
        startValue(&writer)
        writer.append(decimal: value)
    }

    /// - Parameter value: in units of 10^-9 degrees.
    mutating func degrees(_ value: Int64, _ writer: inout ByteWriter) {
        startValue(&writer)
        MapPlace.write(degrees: value, into: &writer)
    }

    /// A number that the protocol wants in quotes.
    public mutating func quotedNumber(_ value: Int64, _ writer: inout ByteWriter) {
        startValue(&writer)
        writer.append(UInt8(ascii: "\""))
        writer.append(decimal: value)
        writer.append(UInt8(ascii: "\""))
    }

    /// - Parameter text: any bytes. What is not UTF-8 becomes U+FFFD.
    public mutating func string(_ text: Slab<UInt8>, _ writer: inout ByteWriter) {
        startValue(&writer)
        writer.append(UInt8(ascii: "\""))
        writer.append(text, as: .json)
        writer.append(UInt8(ascii: "\""))
    }

    public mutating func string(_ text: StaticString, _ writer: inout ByteWriter) {
        string(Slab(text), &writer)
    }

    public mutating func string<let capacity: Int>(
        _ text: ShortText<capacity>, _ writer: inout ByteWriter
    ) {
        string(text, from: 0, to: Int(text.count), &writer)
    }

    /// The bytes `start ..< end` of the text.
    public mutating func string<let capacity: Int>(
        _ text: ShortText<capacity>, from start: Int, to end: Int, _ writer: inout ByteWriter
    ) {
        startValue(&writer)
        writer.append(UInt8(ascii: "\""))
        var escaper = TextEscaper(.json)
        var i = start
        while i < end {
            escaper.add(text[i], to: &writer)
            i += 1
        }
        escaper.finish(to: &writer)
        writer.append(UInt8(ascii: "\""))
    }

    /// 64 lower-case digits.
    public mutating func string(_ digest: SHA256Digest, _ writer: inout ByteWriter) {
        startValue(&writer)
        writer.append(UInt8(ascii: "\""))
        digest.append(to: &writer)
        writer.append(UInt8(ascii: "\""))
    }

    /// As in CoT: UTC with milliseconds and a Z.
    public mutating func string(_ time: WallTime, _ writer: inout ByteWriter) {
        startValue(&writer)
        writer.append(UInt8(ascii: "\""))
        CoTTime.write(time, into: &writer)
        writer.append(UInt8(ascii: "\""))
    }
}
