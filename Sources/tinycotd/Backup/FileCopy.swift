// One file read to its end, its SHA-256 computed on the way, and written to another folder if that
// is wanted: for the files of a backup that have no name of their own making, and for all that is
// restored. Reads through the command's one buffer.

import CLinuxSys
import PackageStore
import TinyCoT

enum FileCopy {
    /// Which side failed, and the errno.
    enum Failure: Error {
        case source(Int32), target(Int32)
    }

    struct Result {
        var bytes: Int64
        var digest: SHA256Digest
    }

    /// - Returns: nil if there is no such file.
    static func hash(
        _ name: EntryName, in folder: borrowing Folder, _ buffer: Slab<UInt8>
    ) throws(Failure) -> Result? {
        let source = try open(name, folder)
        if !source.isOpen { return nil }
        return try read(source, to: -1, buffer)
    }

    /// Writes a new file, on the disk when this returns. What is left after a failure is removed.
    /// - Parameter owner: whose it shall be; nil: the process's.
    /// - Returns: nil if there is no such file.
    static func copy(
        _ name: EntryName, from folder: borrowing Folder, to other: borrowing Folder,
        owner: tcs_identity_t?, _ buffer: Slab<UInt8>
    ) throws(Failure) -> Result? {
        let source = try open(name, folder)
        if !source.isOpen { return nil }
        let target = FileDescriptor(owning: try create(name, other, owner))
        do throws(Failure) {
            let result = try read(source, to: target.raw, buffer)
            try check(tcs_sync(target.raw))
            return result
        } catch {
            _ = try? other.unlink(name)
            throw error
        }
    }

    static func create(
        _ name: EntryName, _ folder: borrowing Folder, _ owner: tcs_identity_t?
    ) throws(Failure) -> Int32 {
        let place = folder.descriptor
        let raw = name.withText { tcs_file_create(place, $0, 0o640) }
        try check(raw)
        guard let owner else { return raw }
        let result = tcs_change_owner(raw, owner.user, owner.group)
        if result < 0 {
            _ = tcs_close(raw)
            throw .target(-result)
        }
        return raw
    }

    static func write(_ bytes: Slab<UInt8>, to descriptor: Int32) throws(Failure) {
        var done = 0
        while done < bytes.count {
            let result = tcs_write(descriptor, bytes.pointer(at: done), bytes.count - done)
            if result == -Int64(tcs_errno_interrupted) { continue }
            if result < 0 { throw .target(Int32(truncatingIfNeeded: -result)) }
            // A file system that takes nothing and reports nothing would keep us here for ever.
            if result == 0 { throw .target(tcs_errno_no_space) }
            done += Int(result)
        }
    }

    private static func check(_ result: Int32) throws(Failure) {
        if result < 0 { throw .target(-result) }
    }

    private static func open(
        _ name: EntryName, _ folder: borrowing Folder
    ) throws(Failure) -> FileDescriptor {
        let place = folder.descriptor
        let raw = name.withText { tcs_file_open(place, $0) }
        if raw < 0 && raw != -tcs_errno_absent { throw .source(-raw) }
        return FileDescriptor(owning: raw)
    }

    private static func read(
        _ source: borrowing FileDescriptor, to target: Int32, _ buffer: Slab<UInt8>
    ) throws(Failure) -> Result {
        var digest = Digest()
        while true {
            let count = tcs_read(source.raw, buffer.start, buffer.count)
            if count == -Int64(tcs_errno_interrupted) { continue }
            if count < 0 { throw .source(Int32(truncatingIfNeeded: -count)) }
            if count == 0 {
                let bytes = digest.byteCount
                return Result(bytes: bytes, digest: digest.finish())
            }
            digest.update(buffer.slice(0, Int(count)))
            if target >= 0 { try write(buffer.slice(0, Int(count)), to: target) }
        }
    }
}
