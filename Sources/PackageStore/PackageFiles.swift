// The files of the packages in one folder. The store loop writes an upload to a temporary file and
// publishes it when it is whole: fsync, rename to `<sha256>.zip`, fsync of the folder. So a file
// that bears a hash is whole, whenever the plug is pulled. Only after that may the catalogue get a
// row; only after the row may the client get its answer. Writing is in UploadFiles.
//
// Every call may wait for the disk, so the relay loop never comes here. Descriptors of temporaries
// and of opened packages are closed here or, where it says so, by the caller.

import CLinuxSys
import TinyCoT

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

    /// Opens the folder `packages` of the state folder, and makes it where there is none.
    /// - Parameter state: the state folder, which exists; ended by a zero.
    public static func prepareFolder(
        state: UnsafePointer<CChar>
    ) throws(FileError) -> PackageFiles {
        let parent = try FileError.check(.openState, tcs_open_folder(state))
        do throws(FileError) {
            let files = PackageFiles(folder: try openOrMake(in: parent))
            _ = tcs_close(parent)
            return files
        } catch {
            _ = tcs_close(parent)
            throw error
        }
    }

    private static func openOrMake(in parent: Int32) throws(FileError) -> Int32 {
        let name = FileName("packages")
        let made = name.withText { tcs_make_folder_in(parent, $0, 0o750) }
        if made != -tcs_errno_exists { try FileError.check(.makeFolder, made) }
        // Without it a pulled plug takes the folder with all that was acknowledged in it. Each
        // time, because who made the folder may have been killed before it came to this.
        try FileError.check(.syncState, tcs_sync(parent))
        return try FileError.check(
            .openFolder, name.withText { tcs_open_folder_in(parent, $0) })
    }

    private init(folder: Int32) { self.folder = folder }

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

    /// What came of sending a stretch.
    public enum Sent: BitwiseCopyable, Sendable, Equatable {
        /// So many bytes; at least one, perhaps fewer than were asked for.
        case bytes(Int)
        /// The socket takes nothing now.
        case wouldBlock
        /// The file is shorter than it was when it was opened.
        case endOfFile
        /// The errno: of the socket, or of the disk.
        case failed(Int32)
    }

    /// Sends a stretch of a package to a socket that does not block. May wait for the disk. The
    /// process must ignore SIGPIPE.
    /// - Parameter count: at least one.
    public func send(
        _ package: OpenPackage, to socket: Int32, offset: Int64, count: Int
    ) -> Sent {
        while true {
            let result = tcs_sendfile(socket, package.descriptor, offset, count)
            if result > 0 { return .bytes(Int(result)) }
            if result == 0 { return .endOfFile }
            if result == -Int64(tcs_errno_again) { return .wouldBlock }
            if result != -Int64(tcs_errno_interrupted) {
                return .failed(Int32(truncatingIfNeeded: -result))
            }
        }
    }

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

    // Removing.

    /// Removes a package; who has it open reads on.
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
        try PackageFiles.freeBytes(in: folder)
    }

    static func freeBytes(in folder: Int32) throws(FileError) -> Int64 {
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
