// A folder that is held open, and what can be done with the names in it: for backup, for restore
// and for the end of a restore that was cut off. Packages and their temporaries have `PackageFiles`
// for that; a name here is one of ours, too, never a text of somebody else, except where entries
// are listed. Every call may wait for the disk.

import CLinuxSys
import TinyCoT

/// The system said no.
public struct FolderError: Error, BitwiseCopyable, Sendable {
    public let errno: Int32

    init(_ errno: Int32) { self.errno = errno }

    @discardableResult
    static func check(_ result: Int32) throws(FolderError) -> Int32 {
        if result < 0 { throw FolderError(-result) }
        return result
    }
}

/// A name in a folder, with a zero behind it.
public struct EntryName: BitwiseCopyable {
    static var capacity: Int { 256 }
    private var bytes = InlineArray<256, UInt8>(repeating: 0)
    public private(set) var count = 0

    public init(_ text: StaticString) { self.init(Slab(text)) }

    /// At most 255 bytes, as the kernel has them.
    public init(_ text: Slab<UInt8>) {
        invariant(text.count < EntryName.capacity, "a name in a folder fits")
        while count < text.count {
            bytes[count] = text[count]
            count += 1
        }
    }

    /// `state.7.json`
    public init(state number: Int) {
        self.init { writer in BackupFile.appendStateName(number, to: &writer) }
    }

    /// `<sha256>.zip`
    public init(package digest: SHA256Digest) {
        self.init { writer in
            digest.append(to: &writer)
            writer.append(".zip")
        }
    }

    /// A file of a backup with the folder in front, to be shown.
    public init(path file: BackupFile) {
        self.init { writer in file.appendName(to: &writer) }
    }

    /// `before-restore-7`
    public init(before number: Int) {
        self.init { writer in
            writer.append("before-restore-")
            writer.append(decimal: number)
        }
    }

    private init(_ write: (inout ByteWriter) -> Void) {
        var length = 0
        withUnsafeMutablePointer(to: &bytes) { pointer in
            let start = UnsafeMutableRawPointer(pointer).assumingMemoryBound(to: UInt8.self)
            var writer = ByteWriter(Slab(start: start, count: EntryName.capacity - 1))
            write(&writer)
            invariant(!writer.overflowed, "a name in a folder fits")
            length = writer.count
        }
        count = length
    }

    /// Calls `body` with the text.
    public func withText(_ body: (UnsafePointer<CChar>) -> Int32) -> Int32 {
        withUnsafePointer(to: bytes) { pointer in
            body(UnsafeRawPointer(pointer).assumingMemoryBound(to: CChar.self))
        }
    }

    public func append(to writer: inout ByteWriter) {
        var i = 0
        while i < count {
            writer.append(bytes[i])
            i += 1
        }
    }

    /// Calls `body` with the bytes.
    public func withBytes<R>(_ body: (Slab<UInt8>) -> R) -> R {
        var copy = bytes
        let length = count
        return withUnsafeMutablePointer(to: &copy) { pointer in
            let start = UnsafeMutableRawPointer(pointer).assumingMemoryBound(to: UInt8.self)
            return body(Slab(start: start, count: length))
        }
    }

    public func equals(_ text: StaticString) -> Bool { withBytes { $0.equals(text) } }
}

/// Owns the descriptor.
public struct Folder: ~Copyable {
    public let descriptor: Int32

    /// - Parameter path: of a folder that exists; ended by a zero.
    public init(path: UnsafePointer<CChar>) throws(FolderError) {
        descriptor = try FolderError.check(tcs_open_folder(path))
    }

    private init(owning descriptor: Int32) { self.descriptor = descriptor }

    /// Inlinable, as Embedded Swift wants it of a type that another module ends.
    @inlinable
    deinit { _ = tcs_close(descriptor) }

    /// - Returns: nil if there is nothing of that name.
    public func folder(_ name: EntryName) throws(FolderError) -> Folder? {
        let result = name.withText { tcs_open_folder_in(descriptor, $0) }
        if result == -tcs_errno_absent { return nil }
        return Folder(owning: try FolderError.check(result))
    }

    /// Makes a folder in this one, or opens the one that is there.
    public func makeFolder(_ name: EntryName) throws(FolderError) -> Folder {
        let made = name.withText { tcs_make_folder_in(descriptor, $0, 0o750) }
        if made != -tcs_errno_exists { try FolderError.check(made) }
        return Folder(owning: try FolderError.check(
            name.withText { tcs_open_folder_in(descriptor, $0) }))
    }

    public func sync() throws(FolderError) { try FolderError.check(tcs_sync(descriptor)) }

    /// - Returns: false if somebody else holds it.
    public func lock() throws(FolderError) -> Bool {
        let result = tcs_lock(descriptor)
        if result == -tcs_errno_again { return false }
        try FolderError.check(result)
        return true
    }

    public func identity() throws(FolderError) -> tcs_identity_t {
        var identity = tcs_identity_t()
        try FolderError.check(tcs_identity(descriptor, &identity))
        return identity
    }

    // MARK: Names

    public func holds(_ name: EntryName) throws(FolderError) -> Bool {
        var facts = tcs_file_facts_t()
        let result = name.withText { tcs_file_facts(descriptor, $0, &facts) }
        if result == -tcs_errno_absent { return false }
        try FolderError.check(result)
        return true
    }

    /// An empty folder, or one that is not there.
    /// - Returns: false if it holds something.
    public func removeFolder(_ name: EntryName) throws(FolderError) -> Bool {
        let result = name.withText { tcs_remove_folder_in(descriptor, $0) }
        if result == -tcs_errno_not_empty || result == -tcs_errno_exists { return false }
        if result != -tcs_errno_absent { try FolderError.check(result) }
        return true
    }

    /// An empty file that was not there.
    public func create(_ name: EntryName) throws(FolderError) {
        let made = name.withText { tcs_file_create(descriptor, $0, 0o640) }
        _ = tcs_close(try FolderError.check(made))
    }

    /// - Returns: false if it was not there.
    @discardableResult
    public func unlink(_ name: EntryName) throws(FolderError) -> Bool {
        let result = name.withText { tcs_file_unlink(descriptor, $0) }
        if result == -tcs_errno_absent { return false }
        try FolderError.check(result)
        return true
    }

    public func rename(_ from: EntryName, to: EntryName) throws(FolderError) {
        try move(from, into: self, as: to)
    }

    public func move(
        _ name: EntryName, into other: borrowing Folder, as newName: EntryName
    ) throws(FolderError) {
        let target = other.descriptor
        let result = name.withText { from in
            newName.withText { to in tcs_move(descriptor, from, target, to) }
        }
        try FolderError.check(result)
    }

    /// The next entry that is not passed over, from `position` of a listing on; nil at the end.
    /// Entries may be removed meanwhile.
    public func next(_ listing: inout FolderListing) throws(FolderError) -> EntryName? {
        try listing.next(in: descriptor)
    }
}

/// Where a listing of a folder is. It begins with the first entry.
public struct FolderListing {
    private let buffer: Slab<UInt8>
    private var filled = 0
    private var position = 0
    private var hasBegun = false

    /// - Parameter buffer: `FolderScan.bufferBytes` that nobody else uses meanwhile.
    public init(buffer: Slab<UInt8>) { self.buffer = buffer }

    fileprivate mutating func next(in folder: Int32) throws(FolderError) -> EntryName? {
        if !hasBegun { try FolderError.check(tcs_rewind(folder)) }
        hasBegun = true
        while true {
            if position == filled {
                let count = tcs_folder_read(folder, buffer.start, buffer.count)
                if count < 0 { throw FolderError(Int32(truncatingIfNeeded: -count)) }
                if count == 0 { return nil }
                filled = Int(count)
                position = 0
            }
            let entry = FolderScan.entry(buffer.slice(position, filled - position))
            position += entry.length
            // The folder itself and the one above it.
            if entry.name.equals(".") || entry.name.equals("..") { continue }
            return EntryName(entry.name)
        }
    }
}
