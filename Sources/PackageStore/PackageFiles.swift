// The files of the packages in one folder. The store loop writes an upload to a temporary file and
// publishes it when it is whole: fsync, rename to `<sha256>.zip`, fsync of the folder. So a file
// that bears a hash is whole, whenever the plug is pulled. Only after `publish` may the catalogue
// get a row; only after the row may the client get its answer.
//
// Every call may wait for the disk, so the relay loop never comes here. Descriptors of temporaries
// and of opened packages are closed here or, where it says so, by the caller.

import CLinuxSys
import TinyCoT

/// An upload that is being written. Ends in `publish` or in `discard`, never in neither.
public struct TemporaryFile: BitwiseCopyable {
    let descriptor: Int32
    let number: UInt64
    public fileprivate(set) var byteCount: Int64 = 0
}

/// An open package. The caller closes it with `PackageFiles.close`.
public struct OpenPackage: BitwiseCopyable {
    public let descriptor: Int32
    public let sizeBytes: Int64
}

struct FileFacts: BitwiseCopyable {
    let sizeBytes: Int64
    /// Wall clock, since 1970.
    let modifiedMilliseconds: Int64
}

/// Owns the descriptor of the folder.
public struct PackageFiles: ~Copyable {
    @usableFromInline
    let folder: Int32

    /// - Parameter path: the folder, which exists; ended by a zero.
    public init(path: UnsafePointer<CChar>) throws(FileError) {
        folder = try FileError.check(.openFolder, tcs_open_folder(path))
    }

    /// Inlinable, as Embedded Swift wants it of a type that another module ends.
    @inlinable
    deinit { _ = tcs_close(folder) }

    // Writing.

    public func create() throws(FileError) -> TemporaryFile {
        var tries = 0
        while true {
            var number: UInt64 = 0
            try FileError.check(.create, tcs_random(&number, 8))
            let result = FileName(temporary: number).withText {
                tcs_file_create(folder, $0, 0o640)
            }
            tries += 1
            // Somebody has that name, one in 2^64: another one will be free.
            if result == -tcs_errno_exists && tries < 4 { continue }
            try FileError.check(.create, result)
            return TemporaryFile(descriptor: result, number: number)
        }
    }

    /// Writes all bytes. After an error the file must be discarded.
    public func write(_ bytes: Slab<UInt8>, to file: inout TemporaryFile) throws(FileError) {
        var done = 0
        while done < bytes.count {
            let result = tcs_write(
                file.descriptor, bytes.pointer(at: done), bytes.count - done)
            if result == -Int64(tcs_errno_interrupted) { continue }
            if result < 0 {
                throw FileError(step: .write, errno: Int32(truncatingIfNeeded: -result))
            }
            // A file system that takes nothing and reports nothing would keep us here for ever.
            if result == 0 { throw FileError(step: .write, errno: tcs_errno_no_space) }
            done += Int(result)
            file.byteCount += result
        }
    }

    /// Brings the bytes to the disk and gives the file the name of its hash. When this returns, the
    /// package survives a pulled plug. When it throws, the temporary is gone and no package of
    /// that hash has come into being, except after `.syncFolder`: then it may be there, whole,
    /// and goes at the next start if it got no row.
    /// A package of that hash that is there already is replaced by its equal.
    public func publish(_ file: TemporaryFile, as hash: SHA256Digest) throws(FileError) {
        do throws(FileError) {
            try FileError.check(.sync, tcs_sync(file.descriptor))
        } catch {
            // After a failed fsync nobody knows which pages are on the disk: never try again.
            discard(file)
            throw error
        }
        let closed = tcs_close(file.descriptor)
        let temporary = FileName(temporary: file.number)
        if closed < 0 {
            remove(temporary)
            throw FileError(step: .close, errno: -closed)
        }
        let target = FileName(hash)
        let renamed = temporary.withText { from in
            target.withText { to in tcs_file_rename(folder, from, to) }
        }
        if renamed < 0 {
            remove(temporary)
            throw FileError(step: .publish, errno: -renamed)
        }
        try syncFolder()
    }

    /// Gives an upload up. Without an error to report: what stays is collected at the next start.
    public func discard(_ file: TemporaryFile) {
        _ = tcs_close(file.descriptor)
        remove(FileName(temporary: file.number))
    }

    private func remove(_ name: FileName) {
        _ = name.withText { tcs_file_unlink(folder, $0) }
    }

    public func syncFolder() throws(FileError) {
        try FileError.check(.syncFolder, tcs_sync(folder))
    }

    // Reading.

    /// - Returns: nil if there is no such package.
    public func open(_ hash: SHA256Digest) throws(FileError) -> OpenPackage? {
        let descriptor = FileName(hash).withText { tcs_file_open(folder, $0) }
        if descriptor == -tcs_errno_absent { return nil }
        try FileError.check(.open, descriptor)
        var status = tcs_file_status()
        let result = tcs_status_of_descriptor(descriptor, &status)
        if result < 0 {
            _ = tcs_close(descriptor)
            throw FileError(step: .look, errno: -result)
        }
        return OpenPackage(descriptor: descriptor, sizeBytes: status.size_bytes)
    }

    public func close(_ package: OpenPackage) { _ = tcs_close(package.descriptor) }

    /// The size in bytes, or nil if there is no such package.
    public func size(_ hash: SHA256Digest) throws(FileError) -> Int64? {
        try facts(hash)?.sizeBytes
    }

    /// - Returns: nil if there is no such package; a link or a folder is none.
    func facts(_ hash: SHA256Digest) throws(FileError) -> FileFacts? {
        var facts = tcs_file_facts_t()
        let result = FileName(hash).withText { tcs_file_facts(folder, $0, &facts) }
        if result == -tcs_errno_absent { return nil }
        try FileError.check(.look, result)
        if facts.is_regular == 0 { return nil }
        return FileFacts(
            sizeBytes: facts.size_bytes, modifiedMilliseconds: facts.modified_milliseconds)
    }

    /// Reads the whole package and computes its hash anew.
    /// - Parameter buffer: what is read at a time; at least one byte.
    /// - Returns: whether the bytes are what the name says.
    public func verify(_ hash: SHA256Digest, buffer: Slab<UInt8>) throws(FileError) -> Bool {
        guard let package = try open(hash) else {
            throw FileError(step: .open, errno: tcs_errno_absent)
        }
        var digest = Digest()
        while digest.byteCount <= package.sizeBytes {
            let count = tcs_read(package.descriptor, buffer.start, buffer.count)
            if count == -Int64(tcs_errno_interrupted) { continue }
            if count < 0 {
                close(package)
                throw FileError(step: .read, errno: Int32(truncatingIfNeeded: -count))
            }
            if count == 0 { break }
            digest.update(buffer.slice(0, Int(count)))
        }
        close(package)
        return digest.finish() == hash
    }

    /// - Returns: false if it was not there. The removal is on the disk after `syncFolder`.
    @discardableResult
    public func remove(_ hash: SHA256Digest) throws(FileError) -> Bool {
        let result = FileName(hash).withText { tcs_file_unlink(folder, $0) }
        if result == -tcs_errno_absent { return false }
        try FileError.check(.remove, result)
        return true
    }

    /// For what an upload left that was cut off.
    func removeTemporary(_ number: UInt64) throws(FileError) {
        let result = FileName(temporary: number).withText { tcs_file_unlink(folder, $0) }
        if result != -tcs_errno_absent { try FileError.check(.remove, result) }
    }

    // Room.

    /// Bytes that this process may still write to the file system of the folder.
    public func freeBytes() throws(FileError) -> Int64 {
        var space = tcs_space_t()
        try FileError.check(.askSpace, tcs_space(folder, &space))
        let (bytes, isTooMuch) = space.blocks_available.multipliedReportingOverflow(
            by: space.block_bytes)
        return isTooMuch ? .max : Int64(clamping: bytes)
    }

    /// Would `bytes` more leave `reserveBytes` free?
    public func hasRoom(for bytes: Int64, reserveBytes: Int64) throws(FileError) -> Bool {
        let free = try freeBytes()
        return free >= reserveBytes && free - reserveBytes >= bytes
    }
}
