// What can go wrong with the catalogue, in fixed fields: what was being done, SQLite's result code
// and the errno below it. Thrown by SQLiteMemory and the catalogue; the store loop turns `kind`
// into a status code of HTTP, the log prints the sentence.

import CLinuxSys
import CSQLite
import TinyCoT

public struct CatalogueError: Error, BitwiseCopyable, Sendable {
    /// What was being done.
    public enum Step: BitwiseCopyable, Sendable {
        case setUp, open, prepare, check, migrate, setAside
        case read, write
    }

    /// What the caller can do about it.
    public enum Kind: BitwiseCopyable, Sendable {
        /// The fixed heap is used up. The catalogue is as it was.
        case noMemory
        /// The disk is full. The catalogue is as it was.
        case diskFull
        /// Another process holds the database.
        case busy
        /// The bytes of the database are not what SQLite wrote.
        case corrupt
        /// It was never finished, or is not there; a new one is made.
        case unfinished
        /// A newer version of this program has made it.
        case newerVersion
        /// A name or another text is longer than the catalogue takes, or is empty and must not be.
        case badField
        /// The disk failed, or the folder may not be written to.
        case inputOutput
        case other
    }

    public let step: Step
    public let kind: Kind
    /// SQLite's extended result code; 0 where SQLite was not asked.
    public let code: Int32
    /// 0 if no system call failed.
    public let errno: Int32

    init(_ step: Step, code: Int32, errno: Int32) {
        self.step = step
        self.code = code
        self.errno = errno
        // The SQL is fixed, so "SQL error" at open means that the file is not what its head says: a
        // table is missing, an encoding or a format is one that we never write.
        // Not at a migration: there, SQLite says the same when it lacks memory.
        let isAtOpen = step == .open || step == .check || step == .prepare
        let isForeign = isAtOpen && code == tcq_error
        kind = isForeign ? .corrupt : CatalogueError.kind(of: code, errno)
    }

    init(_ step: Step, kind: Kind, errno: Int32 = 0) {
        self.step = step
        self.kind = kind
        self.errno = errno
        code = 0
    }

    /// The disk failed at the very end of a change: the catalogue is as it was, but the next start
    /// may find the change made. Files that either outcome needs must stay; what is without a row
    /// is collected at that start.
    public var isUncertain: Bool {
        code == tcq_input_output_sync || code == tcq_input_output_sync_folder
    }

    /// The database refuses writing; the file itself may allow it.
    var isReadOnly: Bool { code & 0xFF == tcq_read_only }

    private static func kind(of code: Int32, _ errno: Int32) -> Kind {
        let primary = code & 0xFF
        if primary == tcq_no_memory || code == tcq_input_output_no_memory { return .noMemory }
        if primary == tcq_full { return .diskFull }
        if primary == tcq_busy || primary == tcq_locked { return .busy }
        if primary == tcq_corrupt || primary == tcq_not_a_database { return .corrupt }
        if primary == tcq_input_output || primary == tcq_cannot_open
            || primary == tcq_read_only
        {
            let isFull =
                errno == tcs_errno_no_space || errno == tcs_errno_quota
                || errno == tcs_errno_file_too_big
            return isFull ? .diskFull : .inputOutput
        }
        return .other
    }

    /// One sentence, without a full stop at the end.
    public func write(into writer: inout ByteWriter) {
        writer.append("the package catalogue ")
        switch step {
        case .setUp: writer.append("could not be given its memory")
        case .open: writer.append("cannot be opened")
        case .prepare: writer.append("cannot be used")
        case .check: writer.append("cannot be checked")
        case .migrate: writer.append("cannot be brought to this version")
        case .setAside: writer.append("is broken and cannot be set aside")
        case .read: writer.append("cannot be read")
        case .write: writer.append("cannot be written")
        }
        writer.append(": ")
        switch kind {
        case .noMemory: writer.append("its fixed memory is used up")
        case .diskFull: writer.append("there is no room on the disk")
        case .busy: writer.append("another process is using it")
        case .corrupt: writer.append("its bytes are damaged")
        case .unfinished: writer.append("it was never finished")
        case .newerVersion: writer.append("a newer version of tinycot has made it")
        case .badField: writer.append("a text is empty or too long")
        case .inputOutput: writer.append("the disk or the folder fails")
        case .other: writer.append("SQLite refuses")
        }
        if code != 0 {
            writer.append(" (SQLite result ")
            writer.append(decimal: Int(code))
            writer.append(")")
        }
        if errno != 0 {
            writer.append(": ")
            writer.append(errorText: errno)
        }
    }
}

extension ByteWriter {
    /// The system's sentence for an errno.
    mutating func append(errorText number: Int32) {
        guard let text = tcs_error_text(number) else { return }
        var i = 0
        while i < 128 && text[i] != 0 {
            append(UInt8(bitPattern: text[i]))
            i += 1
        }
    }
}
