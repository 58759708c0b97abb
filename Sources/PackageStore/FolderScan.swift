// Lists a folder, entry by entry, through a fixed buffer. Called at start, to collect what an
// interrupted upload left, and to rebuild the catalogue; and to see which dump files there are.
// Entries may be removed meanwhile.

import CLinuxSys
import TinyCoT

public struct FolderScan: ~Copyable {
    private let folder: Int32
    private let step: FileError.Step
    private let buffer: Slab<UInt8>
    private var filled = 0
    private var position = 0

    /// The kernel's largest entry fits several times.
    public static var bufferBytes: Int { 4096 }

    /// - Parameter buffer: `bufferBytes` that nobody else uses during the scan.
    init(_ files: borrowing PackageFiles, buffer: Slab<UInt8>) throws(FileError) {
        try self.init(folder: files.folder, step: .listFolder, buffer: buffer)
    }

    /// - Parameter step: what has failed if the folder cannot be listed.
    init(folder: Int32, step: FileError.Step, buffer: Slab<UInt8>) throws(FileError) {
        invariant(buffer.count >= FolderScan.bufferBytes, "a scan has room for an entry")
        self.folder = folder
        self.step = step
        self.buffer = buffer
        try FileError.check(step, tcs_rewind(folder))
    }

    /// The next entry, or nil at the end.
    mutating func next() throws(FileError) -> FileKind? {
        guard let name = try nextName() else { return nil }
        return FileKind(name: name)
    }

    /// Its name alone, which lies in the buffer until the next call.
    mutating func nextName() throws(FileError) -> Slab<UInt8>? {
        while let name = try nextOfAll() {
            // The folder itself and the one above it.
            if !name.equals(".") && !name.equals("..") { return name }
        }
        return nil
    }

    private mutating func nextOfAll() throws(FileError) -> Slab<UInt8>? {
        if position == filled {
            let count = tcs_folder_read(folder, buffer.start, buffer.count)
            if count < 0 {
                throw FileError(step: step, errno: Int32(truncatingIfNeeded: -count))
            }
            if count == 0 { return nil }
            filled = Int(count)
            position = 0
        }
        let entry = FolderScan.entry(buffer.slice(position, filled - position))
        position += entry.length
        return entry.name
    }

    /// The first of the entries that the kernel has packed into `bytes`.
    static func entry(_ bytes: Slab<UInt8>) -> (length: Int, name: Slab<UInt8>) {
        let at = tcs_folder_length_offset
        let length = Int(bytes[at]) | Int(bytes[at + 1]) << 8
        invariant(length > 0 && length <= bytes.count, "the kernel packs whole entries")
        let name = bytes.slice(tcs_folder_name_offset, length - tcs_folder_name_offset)
        var count = 0
        while count < name.count && name[count] != 0 { count += 1 }
        return (length, name.slice(0, count))
    }
}
