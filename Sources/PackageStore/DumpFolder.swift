// Which dump files there are, how much they take, and which goes when there are too many. A part
// of DumpFiles. What the folder holds is looked up anew for each file that is begun, so an operator
// may take files away at any time. Files of other names are left alone and not counted.
// Invariant: `oldest` holds the first `oldestCount` files of the folder by number, each larger than
// the one before; what became of younger ones is known only to the next survey.

import CLinuxSys
import TinyCoT

@usableFromInline
struct DumpFolder: ~Copyable {
    /// An event with its comment is shorter; so the end of a whole one lies in what is looked at.
    private static var mendBytes: Int64 { 131_072 }
    /// Entries of the folder that one survey looks at.
    private static var entriesMax: Int { 65_536 }
    /// What even the smallest file takes on the disk.
    private static var blockBytes: Int64 { 4_096 }

    private struct Entry: BitwiseCopyable {
        var number: UInt64 = 0
        var bytes: Int64 = 0
    }

    /// -1 while it is not open.
    @usableFromInline
    var folder: Int32 = -1
    private let scratch: Slab<UInt8>
    /// The largest number that was ever seen.
    var newest: UInt64 = 0
    /// The largest of a file that is there; 0 if there is none.
    private var newestFile: UInt64 = 0
    private(set) var count = 0
    /// In whole blocks, without the file that is being written.
    private(set) var bytes: Int64 = 0
    private(set) var mendedBytes: Int64 = 0
    private(set) var mendedFile: UInt64 = 0
    private var oldest: InlineArray<16, Entry> = .init(repeating: Entry())
    private var oldestCount = 0

    init(scratch: Slab<UInt8>) { self.scratch = scratch }

    @inlinable
    deinit { if folder >= 0 { _ = tcs_close(folder) } }

    mutating func open(state: UnsafePointer<CChar>) throws(FileError) {
        invariant(folder < 0, "the folder of the dump is opened once")
        let parent = try FileError.check(.openState, tcs_open_folder(state))
        do throws(FileError) {
            folder = try DumpFolder.openOrMake(in: parent)
        } catch {
            _ = tcs_close(parent)
            throw error
        }
        _ = tcs_close(parent)
        mendedBytes = 0
        mendedFile = 0
    }

    mutating func close() {
        if folder >= 0 { _ = tcs_close(folder) }
        folder = -1
        count = 0
    }

    private static func openOrMake(in parent: Int32) throws(FileError) -> Int32 {
        let name = FileName("dump")
        let made = name.withText { tcs_make_folder_in(parent, $0, 0o750) }
        if made != -tcs_errno_exists {
            try FileError.check(.makeDumps, made)
            try FileError.check(.syncState, tcs_sync(parent))
        }
        return try FileError.check(
            .openDumps, name.withText { tcs_open_folder_in(parent, $0) })
    }

    func freeBytes() throws(FileError) -> Int64 { try PackageFiles.freeBytes(in: folder) }

    /// The number of `cot-00000001.xml`, or nil: not ours. More than ten digits nobody counts to.
    static func number(_ name: Slab<UInt8>) -> UInt64? {
        let digits = name.count - 8
        if digits < 8 || digits > 10 { return nil }
        if !name.slice(0, 4).equals("cot-") || !name.slice(name.count - 4, 4).equals(".xml") {
            return nil
        }
        // Longer than it must be: a name that we do not give.
        if digits > 8 && name[4] == UInt8(ascii: "0") { return nil }
        return DecimalText.number(name.slice(4, digits))
    }

    // MARK: What is there

    /// - Parameter current: the file that is being written, 0 if none is.
    mutating func survey(besides current: UInt64) throws(FileError) {
        count = 0
        bytes = 0
        oldestCount = 0
        newestFile = 0
        var entries = 0
        var scan = try FolderScan(folder: folder, step: .listDumps, buffer: scratch)
        while let name = try scan.nextName() {
            entries += 1
            if entries > DumpFolder.entriesMax {
                throw FileError(step: .listDumps, errno: tcs_errno_file_too_big)
            }
            guard let number = DumpFolder.number(name) else { continue }
            newest = max(newest, number)
            if number == current { continue }
            var facts = tcs_file_facts_t()
            let result = FileName(dump: number).withText { tcs_file_facts(folder, $0, &facts) }
            if result == -tcs_errno_absent { continue }
            try FileError.check(.listDumps, result)
            if facts.is_regular == 1 { add(number, bytes: facts.size_bytes) }
        }
    }

    /// A file is there that was not counted before.
    mutating func add(_ number: UInt64, bytes size: Int64) {
        let entry = Entry(number: number, bytes: DumpFolder.blocks(size))
        let wasComplete = oldestCount == count
        newestFile = max(newestFile, number)
        count += 1
        bytes += entry.bytes
        var place = oldestCount
        while place > 0 && oldest[place - 1].number > number { place -= 1 }
        if place == 16 || (place == oldestCount && !wasComplete) { return }
        oldestCount = min(oldestCount + 1, 16)
        var i = oldestCount - 1
        while i > place {
            oldest[i] = oldest[i - 1]
            i -= 1
        }
        oldest[place] = entry
    }

    private static func blocks(_ size: Int64) -> Int64 {
        (size + blockBytes - 1) / blockBytes * blockBytes
    }

    // MARK: What goes

    /// Removes the oldest files until one of `size` bytes may stand beside those that are left.
    mutating func makeRoom(
        for size: Int64, besides current: UInt64, totalBytes: Int64
    ) throws(FileError) {
        while bytes + DumpFolder.blocks(size) > totalBytes {
            if oldestCount == 0 { try survey(besides: current) }
            // The file alone is never too large: dump_file_bytes is at most dump_bytes.
            if oldestCount == 0 { return }
            try removeOldest()
        }
    }

    private mutating func removeOldest() throws(FileError) {
        let entry = oldest[0]
        let result = FileName(dump: entry.number).withText { tcs_file_unlink(folder, $0) }
        if result != -tcs_errno_absent { try FileError.check(.removeDump, result) }
        count -= 1
        bytes -= entry.bytes
        oldestCount -= 1
        var i = 0
        while i < oldestCount {
            oldest[i] = oldest[i + 1]
            i += 1
        }
    }

    // MARK: What was cut off

    /// A pulled plug may have left the newest file with a part of an event at its end, or with
    /// bytes that were never written. They go, so that the next file can be read behind it.
    mutating func mendNewest(_ buffer: Slab<UInt8>) throws(FileError) {
        if newestFile == 0 { return }
        let name = FileName(dump: newestFile)
        let file = name.withText { tcs_file_open_to_change(folder, $0) }
        if file == -tcs_errno_absent { return }
        try FileError.check(.mendDump, file)
        do throws(FileError) {
            try mend(file, name, buffer)
        } catch {
            _ = tcs_close(file)
            throw error
        }
        _ = tcs_close(file)
    }

    private mutating func mend(
        _ file: Int32, _ name: FileName, _ buffer: Slab<UInt8>
    ) throws(FileError) {
        var status = tcs_file_status()
        try FileError.check(.mendDump, tcs_status_of_descriptor(file, &status))
        let size = status.size_bytes
        guard let end = try DumpFolder.endOfEvents(file, size, buffer) else { return }
        if end == size && size > 0 { return }
        mendedBytes = size - end
        mendedFile = newestFile
        if end == 0 {
            try FileError.check(.mendDump, name.withText { tcs_file_unlink(folder, $0) })
        } else {
            try FileError.check(.mendDump, tcs_file_cut(file, end))
        }
        try survey(besides: 0)
    }

    /// One past the last `</event>` with its line end; 0 if the file holds none, nil if none is
    /// near.
    private static func endOfEvents(
        _ file: Int32, _ size: Int64, _ buffer: Slab<UInt8>
    ) throws(FileError) -> Int64? {
        let ending = Slab("</event>\n")
        var end = size
        while end >= Int64(ending.count) && size - end < mendBytes {
            let begin = max(0, end - Int64(buffer.count))
            let piece = buffer.slice(0, Int(end - begin))
            try read(file, piece, at: begin)
            var at = piece.count - ending.count
            while at >= 0 {
                if piece.slice(at, ending.count).equals(ending) {
                    return begin + Int64(at + ending.count)
                }
                at -= 1
            }
            if begin == 0 { return 0 }
            // The pieces overlap, so that none lies across their border.
            end = begin + Int64(ending.count) - 1
        }
        return end < Int64(ending.count) ? 0 : nil
    }

    private static func read(
        _ file: Int32, _ piece: Slab<UInt8>, at offset: Int64
    ) throws(FileError) {
        var done = 0
        while done < piece.count {
            let result = tcs_read_at(
                file, piece.pointer(at: done), piece.count - done, offset + Int64(done))
            if result == -Int64(tcs_errno_interrupted) { continue }
            if result <= 0 {
                throw FileError(step: .mendDump, errno: Int32(truncatingIfNeeded: -result))
            }
            done += Int(result)
        }
    }
}
