// What was found in one slot of the ring, as a value and as a sentence for the log. Made by
// StateRing.examine at start, for one slot after the other.

import PackageStore
import TinyCoT

public struct StateSlot: BitwiseCopyable {
    public enum Condition: UInt8, BitwiseCopyable, Sendable {
        /// Nobody has looked yet.
        case unknown
        case free
        /// Every byte is as it was written, and we understand it: `header`.
        case whole
        /// Set aside: `state.N.json.broken`, `state.N.json.newer`.
        case broken, newer
        /// Left alone, because of an error of the disk: `error`.
        case unreadable
    }

    /// Why a file is broken.
    public enum Damage: UInt8, BitwiseCopyable, Sendable {
        case none
        /// `fault` says what.
        case content
        /// It is JSON as it should be, but not the bytes that were written.
        case digest
        /// It has more bytes than a state may have, or fewer than its last line has.
        case tooLong, tooShort
        /// A folder, a link or a device.
        case noFile
    }

    public let number: Int
    public internal(set) var condition = Condition.unknown
    /// Of a whole one.
    public internal(set) var header = StateHeader()
    public internal(set) var sizeBytes: Int64 = 0
    public internal(set) var damage = Damage.none
    public internal(set) var fault: StateFault?
    /// Unreadable: what failed. Broken or newer: why it could not be set aside, and still has its
    /// name; nil if it was.
    public internal(set) var error: FileError?

    init(_ number: Int) { self.number = number }

    /// Worth a line in the log.
    public var isTrouble: Bool {
        condition == .broken || condition == .newer || condition == .unreadable
    }

    /// One sentence, without a full stop at the end.
    public func write(into writer: inout ByteWriter) {
        StateFileName(slot: number).append(to: &writer)
        writer.append(": ")
        switch condition {
        case .unknown: writer.append("nobody has looked")
        case .free: writer.append("free")
        case .whole:
            writer.append("generation ")
            writer.append(decimal: Int64(clamping: header.generation))
            writer.append(", ")
            writer.append(decimal: sizeBytes)
            writer.append(" bytes")
        case .broken, .newer:
            writeDamage(into: &writer)
            writer.append("; ")
            if let error {
                error.write(into: &writer)
            } else {
                writer.append("it is now ")
                StateFileName(slot: number, aside: condition == .newer ? .newer : .broken)
                    .append(to: &writer)
            }
        case .unreadable:
            error?.write(into: &writer)
            writer.append("; it is left alone")
        }
    }

    private func writeDamage(into writer: inout ByteWriter) {
        switch damage {
        case .none, .content:
            fault?.write(into: &writer)
        case .digest: writer.append("it does not hold what was written, by its hash")
        case .tooLong:
            writer.append("it has ")
            writer.append(decimal: sizeBytes)
            writer.append(" bytes, more than a state may have")
        case .tooShort:
            writer.append("it has ")
            writer.append(decimal: sizeBytes)
            writer.append(" bytes, fewer than its last line")
        case .noFile: writer.append("it is not a file")
        }
    }
}
