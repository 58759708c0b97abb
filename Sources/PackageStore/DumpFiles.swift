// The files of the dump in the folder `dump` of the state folder: `cot-00000001.xml` and so on.
// The store loop appends comment and event; everything goes through one fixed buffer, which is
// handed to the kernel when the next event does not fit into it, and at least every five seconds.
// Only the end of a file waits for the disk. Which files there are, and which goes, is in
// DumpFolder.
//
//     closed ─open─► no file ─append─► a file and the buffer ─append, flush─► the same
//        ▲              ▲                 │  finish: flush, fsync, close  (full, or old enough)
//        │              └─────────────────┤
//        └────────────────────────────────┘  giveUp, after an error: cut to the last whole event
//
// Invariants: safeBytes ≤ fileBytes; the first safeBytes of the file end in a whole event. A write
// ends between two events, unless the event is longer than the buffer: so a killed process leaves
// whole events. All files together take no more than `totalBytes`.

import CLinuxSys
import TinyCoT

public struct DumpLimits: BitwiseCopyable, Sendable {
    public var fileBytes: Int64
    public var fileSeconds: Int
    public var totalBytes: Int64
    /// What stays free in the file system.
    public var reserveBytes: Int64

    public init(fileBytes: Int64, fileSeconds: Int, totalBytes: Int64, reserveBytes: Int64) {
        self.fileBytes = fileBytes
        self.fileSeconds = fileSeconds
        self.totalBytes = totalBytes
        self.reserveBytes = reserveBytes
    }
}

/// Owns the descriptors of the folder and of the file that is being written.
public struct DumpFiles: ~Copyable {
    public static var bufferBytes: Int { 16_384 }
    static var flushSeconds: Int { 5 }

    public var limits: DumpLimits
    private var boot = ShortText<40>()
    private let buffer: Slab<UInt8>
    @usableFromInline
    var listing: DumpFolder
    /// -1 while no file is open.
    @usableFromInline
    var file: Int32 = -1
    private var number: UInt64 = 0
    private var openedAt = Instant.zero

    private var buffered = 0
    private var flushAt = Instant.never
    private var fileBytes: Int64 = 0
    private var safeBytes: Int64 = 0
    private var fileEvents = 0
    /// Events in the buffer that are not in the file yet.
    private var waitingEvents = 0

    /// Handed to the kernel since this was made, comments included.
    public private(set) var bytesWritten: UInt64 = 0
    public private(set) var eventsWritten: UInt64 = 0

    /// Opens nothing.
    /// - Parameters:
    ///   - buffer: `bufferBytes` that are ours alone.
    ///   - scratch: `FolderScan.bufferBytes` that nobody else uses during a call.
    public init(limits: DumpLimits, buffer: Slab<UInt8>, scratch: Slab<UInt8>) {
        self.limits = limits
        self.buffer = buffer
        listing = DumpFolder(scratch: scratch)
    }

    public var isOpen: Bool { listing.folder >= 0 }

    /// Makes the folder where there is none, opens it, and looks at what is in it. A newest file
    /// that was cut off in the middle of an event loses that part of it.
    /// - Parameters:
    ///   - state: the state folder, which exists; ended by a zero.
    ///   - boot: what the first line of each file says.
    public mutating func open(
        state: UnsafePointer<CChar>, boot: ShortText<40>
    ) throws(FileError) {
        self.boot = boot
        do throws(FileError) {
            try listing.open(state: state)
            try listing.survey(besides: 0)
            try listing.mendNewest(buffer)
        } catch {
            listing.close()
            throw error
        }
    }

    /// After `finish` or `giveUp`.
    public mutating func close() {
        invariant(file < 0, "a file of the dump is ended before its folder is closed")
        listing.close()
    }

    /// Inlinable, as Embedded Swift wants it of a type that another module ends.
    @inlinable
    deinit { if file >= 0 { _ = tcs_close(file) } }

    /// Files that are there.
    public var fileCount: Int { listing.count + (file >= 0 ? 1 : 0) }
    /// Of a file of an earlier life that ended inside an event: what was cut off, and of which.
    public var mendedBytes: Int64 { listing.mendedBytes }
    public var mendedFile: UInt64 { listing.mendedFile }
    /// What the next flush will write.
    public var bufferedBytes: Int { buffered }

    /// When `runDeadlines` has something to do.
    public var deadline: Instant { file < 0 ? .never : min(flushAt, fileEndsAt) }

    private var fileEndsAt: Instant { openedAt.after(seconds: limits.fileSeconds) }

    public mutating func runDeadlines(now: Instant) throws(FileError) {
        if file < 0 { return }
        if now >= fileEndsAt { return try finish() }
        if now >= flushAt { try flush() }
    }

    // MARK: Writing

    /// Appends an event, which lies in two pieces, with the comment before it. After an error it is
    /// not in the file, and `giveUp` says how many others are lost with it.
    public mutating func append(
        comment: Slab<UInt8>, event: Slab<UInt8>, rest: Slab<UInt8>, now: Instant
    ) throws(FileError) {
        let count = comment.count + event.count + rest.count + 1
        if file >= 0 {
            let isFull = fileBytes + Int64(buffered + count) > limits.fileBytes
            if isFull || now >= fileEndsAt { try finish() }
        }
        if file < 0 { try begin(now) }
        if count > buffer.count - buffered { try flush() }
        if buffered == 0 { flushAt = now.after(seconds: DumpFiles.flushSeconds) }
        try put(comment)
        try put(event)
        try put(rest)
        try put(Slab("\n"))
        // A long one went out piece by piece: its end is not to wait for others.
        let isBegun = fileBytes > safeBytes
        if isBegun { try writeBuffer() }
        waitingEvents += 1
        fileEvents += 1
        if isBegun { settle() }
    }

    private mutating func begin(_ now: Instant) throws(FileError) {
        try listing.survey(besides: 0)
        number = listing.newest + 1
        let name = FileName(dump: number)
        file = try FileError.check(
            .createDump, name.withText { tcs_file_create(listing.folder, $0, 0o640) })
        listing.newest = number
        openedAt = now
        flushAt = now.after(seconds: DumpFiles.flushSeconds)
        fileBytes = 0
        safeBytes = 0
        fileEvents = 0
        waitingEvents = 0
        var writer = ByteWriter(buffer)
        DumpLines.writeHead(boot: boot, into: &writer)
        buffered = writer.count
    }

    private mutating func put(_ bytes: Slab<UInt8>) throws(FileError) {
        var done = 0
        while done < bytes.count {
            if buffered == buffer.count { try writeBuffer() }
            let count = min(bytes.count - done, buffer.count - buffered)
            buffer.copy(bytes.slice(done, count), to: buffered)
            buffered += count
            done += count
        }
    }

    /// Hands everything to the kernel. Called between two events.
    public mutating func flush() throws(FileError) {
        if file < 0 { return }
        try writeBuffer()
        settle()
    }

    /// The kernel has all of it.
    private mutating func settle() {
        flushAt = .never
        safeBytes = fileBytes
        eventsWritten += UInt64(waitingEvents)
        waitingEvents = 0
    }

    private mutating func writeBuffer() throws(FileError) {
        let count = Int64(buffered)
        if count == 0 { return }
        try listing.makeRoom(
            for: fileBytes + count, besides: number, totalBytes: limits.totalBytes)
        if try listing.freeBytes() - count < limits.reserveBytes {
            throw FileError(step: .keepReserve, errno: tcs_errno_no_space)
        }
        var done = 0
        while done < buffered {
            let result = tcs_write(file, buffer.pointer(at: done), buffered - done)
            if result == -Int64(tcs_errno_interrupted) { continue }
            if result < 0 {
                throw FileError(step: .writeDump, errno: Int32(truncatingIfNeeded: -result))
            }
            // A file system that takes nothing and reports nothing would keep us here for ever.
            if result == 0 { throw FileError(step: .writeDump, errno: tcs_errno_no_space) }
            done += Int(result)
            fileBytes += result
            bytesWritten += UInt64(result)
        }
        buffered = 0
    }

    // MARK: The end of a file

    /// Ends the file, if one is open, and waits until it is on the disk.
    public mutating func finish() throws(FileError) {
        if file < 0 { return }
        try flush()
        let synced = tcs_sync(file)
        let closed = tcs_close(file)
        file = -1
        listing.add(number, bytes: fileBytes)
        try FileError.check(.syncDump, synced)
        try FileError.check(.closeDump, closed)
        try FileError.check(.syncDump, tcs_sync(listing.folder))
    }

    /// After an error: what is in the file stays, as far as it is whole. The next event begins a
    /// new one.
    /// - Returns: events that were taken and are lost.
    public mutating func giveUp() -> Int {
        if file < 0 { return 0 }
        let lost = waitingEvents
        if fileEvents == lost {
            // No event of it is in the file.
            _ = FileName(dump: number).withText { tcs_file_unlink(listing.folder, $0) }
        } else {
            _ = tcs_file_cut(file, safeBytes)
            listing.add(number, bytes: safeBytes)
        }
        _ = tcs_close(file)
        file = -1
        buffered = 0
        waitingEvents = 0
        return lost
    }
}
