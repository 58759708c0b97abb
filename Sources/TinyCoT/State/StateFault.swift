// Why a state file is not taken: one problem, where it stands, what was found and what is allowed.
// Thrown by JSONStream and StateReader; the store loop sets the file aside and logs the sentence.

public struct StateFault: Error, BitwiseCopyable, Sendable {
    public enum Problem: UInt8, BitwiseCopyable, Sendable {
        /// Not JSON: at a byte, or because the file ends too early.
        case syntax, ending
        case depth
        /// A value of another type, or out of its range, or a text that does not mean anything.
        case type, range, text
        /// A member that is missing where it must stand, or that stands there twice.
        case missing, duplicate
        /// A later version of the format. Nothing is wrong with the file.
        case newer
    }

    public let problem: Problem
    public let line: Int
    /// The member that it is about; may be empty.
    public internal(set) var key: StaticString = ""
    public internal(set) var found: StaticString = ""
    /// A byte, or the value of a number.
    public internal(set) var number: Int64 = 0
    public internal(set) var allowed: StaticString = ""
    public internal(set) var least: Int64 = 0
    public internal(set) var most: Int64 = 0

    init(_ problem: Problem, line: Int) {
        self.problem = problem
        self.line = line
    }

    /// Of a later version: set it aside for the program that wrote it.
    public var isNewer: Bool { problem == .newer }

    /// One sentence, without a full stop at the end; one line, whatever stands in the file.
    public func write(into writer: inout ByteWriter) {
        writer.append("line ")
        writer.append(decimal: line)
        writer.append(": ")
        switch problem {
        case .syntax: writeSyntax(into: &writer)
        case .ending:
            writer.append("the file ends where ")
            writer.append(allowed)
            writer.append(" is missing")
        case .depth: writer.append("values are nested more than 16 levels deep")
        case .type, .text: writeValue(into: &writer)
        case .range: writeRange(into: &writer)
        case .missing:
            writer.append(found)
            writer.append(" has no ")
            writeKey(into: &writer)
        case .duplicate:
            writeKey(into: &writer)
            writer.append(" stands there twice; once is allowed")
        case .newer:
            writer.append("the format has version ")
            writer.append(decimal: number)
            writer.append("; this program knows version ")
            writer.append(decimal: StateHeader.version)
        }
    }

    private func writeKey(into writer: inout ByteWriter) {
        writer.append("\"")
        writer.append(key)
        writer.append("\"")
    }

    private func writeSyntax(into writer: inout ByteWriter) {
        writer.append("found ")
        let isPrintable = number > 0x20 && number < 0x7F && number != 0x22
        if isPrintable {
            writer.append("\"")
            writer.append(UInt8(truncatingIfNeeded: number))
            writer.append("\"")
        } else {
            writer.append("the byte 0x")
            writer.append(hex: UInt64(truncatingIfNeeded: number), digits: 2)
        }
        writer.append("; allowed is ")
        writer.append(allowed)
    }

    private func writeValue(into writer: inout ByteWriter) {
        if key.utf8CodeUnitCount > 0 {
            writeKey(into: &writer)
            writer.append(" is ")
        } else {
            writer.append("found ")
        }
        writer.append(found)
        writer.append("; allowed is ")
        writer.append(allowed)
    }

    private func writeRange(into writer: inout ByteWriter) {
        writeKey(into: &writer)
        writer.append(" is ")
        // The reader goes no further than the 64 bits that a number may have.
        if number == .max || number == .min { writer.append("beyond ") }
        writer.append(decimal: number)
        writer.append("; allowed is ")
        writer.append(decimal: least)
        writer.append(" to ")
        writer.append(decimal: most)
    }
}
