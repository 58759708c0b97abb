// How what was restored takes the place of what was there, so that a start sees the one or the
// other and never a mix, whenever the plug is pulled (ADR 0012). `tinycot restore` fills a folder
// beside the contents; from its new name on, whoever comes next finishes the work:
//
//     restore.tmp       is being filled: nothing has happened, and whoever finds it removes it
//     restore.decided   what was there is moved into its folder `before`
//     restore.arriving  what it holds beside `before` is moved to its place
//     (gone)            `before` became before-restore-1, -2, …; nothing is ever removed of it
//
// Each step is a rename that was done or was not, and is begun only when the one before is on the
// disk, so it may be done again from any point. It is done by `serve` and by each command that
// opens the store, under a lock of the state folder, and by `tinycot restore` itself.

import CLinuxSys
import TinyCoT

/// The state folder, open and locked: nobody else restores into it or opens its catalogue.
public struct LockedState: ~Copyable {
    public let folder: Folder

    private init(_ folder: consuming Folder) { self.folder = folder }

    /// - Parameter path: ended by a zero.
    public static func lock(path: UnsafePointer<CChar>) throws(FileError) -> LockedState {
        let state = LockedState(try open(path))
        let isOurs: Bool
        do throws(FolderError) {
            isOurs = try state.folder.lock()
        } catch { throw FileError(step: .openState, errno: error.errno) }
        if !isOurs { throw FileError(step: .restoreIsRunning, errno: tcs_errno_again) }
        return state
    }

    private static func open(_ path: UnsafePointer<CChar>) throws(FileError) -> Folder {
        do throws(FolderError) {
            return try Folder(path: path)
        } catch { throw FileError(step: .openState, errno: error.errno) }
    }

    /// Finishes a restore that was cut off, and removes one that had not been decided.
    /// - Parameter buffer: `FolderScan.bufferBytes`.
    public func settle(buffer: Slab<UInt8>) throws(FileError) -> PendingRestore.Outcome {
        do throws(FolderError) {
            try PendingRestore.remove(in: folder, buffer)
            return try PendingRestore.finish(in: folder, buffer)
        } catch { throw FileError(step: .finishRestore, errno: error.errno) }
    }

    /// The end of the lock.
    public consuming func close() {}
}

public enum PendingRestore {
    public enum Outcome: BitwiseCopyable, Sendable, Equatable {
        case nothing
        /// The number of the folder with what was there before; nil if there was nothing.
        case finished(before: Int?)
    }

    public static var filling: EntryName { EntryName("restore.tmp") }
    public static var before: EntryName { EntryName("before") }
    static var decided: EntryName { EntryName("restore.decided") }
    static var arriving: EntryName { EntryName("restore.arriving") }
    public static var packages: EntryName { EntryName("packages") }

    /// Is there something to finish or to remove, or does somebody restore just now?
    public static func isPending(in state: borrowing Folder) throws(FolderError) -> Bool {
        if try state.holds(filling) { return true }
        if try state.holds(decided) { return true }
        return try state.holds(arriving)
    }

    /// Names that a restore replaces. Others in the state folder (dumps, broken files that were set
    /// aside) are none of its business.
    static func isContent(_ name: EntryName) -> Bool {
        name.equals("packages") || isCatalogue(name)
            || name.withBytes { BackupFile.stateNumber($0) != nil }
    }

    /// The database and whatever SQLite may have beside it.
    private static func isCatalogue(_ name: EntryName) -> Bool {
        name.equals("catalogue.db") || name.equals("catalogue.db-wal")
            || name.equals("catalogue.db-shm") || name.equals("catalogue.db-journal")
    }

    /// Does the state folder hold something that a restore would replace? An empty folder of
    /// packages is nothing.
    public static func hasContents(
        _ state: borrowing Folder, _ buffer: Slab<UInt8>
    ) throws(FolderError) -> Bool {
        var listing = FolderListing(buffer: buffer)
        var hasPackages = false
        while let name = try state.next(&listing) {
            if name.equals("packages") {
                hasPackages = true
            } else if isContent(name) {
                return true
            }
        }
        if !hasPackages { return false }
        guard let packages = try state.folder(PendingRestore.packages) else { return false }
        var inside = FolderListing(buffer: buffer)
        return try packages.next(&inside) != nil
    }

    // MARK: Steps

    /// What was filled, and is on the disk, shall be the contents. Unless this throws it will be.
    public static func decide(in state: borrowing Folder) throws(FolderError) {
        try state.rename(filling, to: decided)
    }

    /// Goes on from wherever it was cut off.
    public static func finish(
        in state: borrowing Folder, _ buffer: Slab<UInt8>
    ) throws(FolderError) -> Outcome {
        if let folder = try state.folder(decided) {
            // Nothing moves before the decision is on the disk.
            try state.sync()
            try moveAside(from: state, into: folder, buffer)
            try state.rename(decided, to: arriving)
            try state.sync()
        }
        guard let folder = try state.folder(arriving) else { return .nothing }
        try moveIn(from: folder, to: state, buffer)
        var number: Int?
        if try !folder.removeFolder(before) {
            number = try freeNumber(state)
            try folder.move(before, into: state, as: EntryName(before: number ?? 0))
        } else {
            number = nil
        }
        _ = try state.removeFolder(arriving)
        try state.sync()
        return .finished(before: number)
    }

    private static func moveAside(
        from state: borrowing Folder, into folder: borrowing Folder, _ buffer: Slab<UInt8>
    ) throws(FolderError) {
        let target = try folder.makeFolder(before)
        // Empty, it is not worth keeping.
        _ = try? state.removeFolder(packages)
        var listing = FolderListing(buffer: buffer)
        while let name = try state.next(&listing) {
            if isContent(name) { try state.move(name, into: target, as: name) }
        }
        try target.sync()
        try folder.sync()
        try state.sync()
    }

    private static func moveIn(
        from folder: borrowing Folder, to state: borrowing Folder, _ buffer: Slab<UInt8>
    ) throws(FolderError) {
        var listing = FolderListing(buffer: buffer)
        while let name = try folder.next(&listing) {
            if isContent(name) { try folder.move(name, into: state, as: name) }
        }
        try state.sync()
        try folder.sync()
    }

    /// Nobody but us makes such names, under the lock.
    private static func freeNumber(_ state: borrowing Folder) throws(FolderError) -> Int {
        var number = 1
        while try state.holds(EntryName(before: number)) { number += 1 }
        return number
    }

    // MARK: What was not decided

    /// Removes what `restore` was filling when it was cut off, or has given up.
    public static func remove(
        in state: borrowing Folder, _ buffer: Slab<UInt8>
    ) throws(FolderError) {
        guard let folder = try state.folder(filling) else { return }
        if let inside = try folder.folder(packages) { try removeFiles(inside, buffer) }
        _ = try folder.removeFolder(packages)
        _ = try folder.removeFolder(before)
        try removeFiles(folder, buffer)
        _ = try state.removeFolder(filling)
        try state.sync()
    }

    private static func removeFiles(
        _ folder: borrowing Folder, _ buffer: Slab<UInt8>
    ) throws(FolderError) {
        var listing = FolderListing(buffer: buffer)
        while let name = try folder.next(&listing) { try folder.unlink(name) }
    }
}
