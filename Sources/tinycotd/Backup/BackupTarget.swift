// The folder that a backup is written to. It must be empty, or hold a backup of before, whole or
// not: `manifest.json` or `backup.unfinished` tells. From the first change until the end the one is
// missing and the other is there, so nobody takes half a backup for a whole one.

import CLinuxSys
import PackageStore
import TinyCoT

/// Owns the folder, and keeps other backups out of it.
struct BackupTarget: ~Copyable {
    static var manifest: EntryName { EntryName("manifest.json") }
    private static var newManifest: EntryName { EntryName("manifest.tmp") }
    private static var unfinished: EntryName { EntryName("backup.unfinished") }
    static var catalogue: EntryName { EntryName("catalogue.db") }
    private static var journal: EntryName { EntryName("catalogue.db-wal") }

    let folder: Folder
    let path: Slab<UInt8>

    private init(_ folder: consuming Folder, _ path: Slab<UInt8>) {
        self.folder = folder
        self.path = path
    }

    /// Makes the folder where it is missing. Changes nothing in it.
    static func open(_ job: PackagesJob) throws(ExitCode) -> BackupTarget {
        let cPath = PackagesCommand.operand(job)
        let path = Slab(cString: cPath)
        let made = tcs_make_directory(cPath, 0o750)
        if made < 0 && made != -tcs_errno_exists {
            throw job.fail("cannot make the folder ", path, nil, -made)
        }
        let folder = try job.attempt("cannot open the folder ", path) { () throws(FolderError) in
            try Folder(path: cPath)
        }
        let target = BackupTarget(folder, path)
        let isState = try job.attempt("cannot look at ", path) { () throws(FolderError) in
            if made >= 0 { target.syncParent() }
            return try target.isSame(as: Folder(path: job.state.cPath))
        }
        if isState {
            throw job.refuse(path, " is the state folder itself; name another one.", .usage)
        }
        let isOurs = try job.attempt("cannot lock ", path) { () throws(FolderError) in
            try target.folder.lock()
        }
        if !isOurs { throw job.refuse(path, " is being written to by another backup.", .temporary) }
        try target.refuseForeign(job)
        return target
    }

    /// A new folder whose name is lost takes the backup with it. Where its parent cannot be opened
    /// nothing can be done about that.
    private func syncParent() {
        if let parent = try? folder.folder(EntryName("..")) { _ = try? parent.sync() }
    }

    private func isSame(as other: consuming Folder) throws(FolderError) -> Bool {
        let one = try folder.identity()
        let two = try other.identity()
        return one.device == two.device && one.number == two.number
    }

    /// Nothing is written into a folder that somebody uses for something else.
    private func refuseForeign(_ job: PackagesJob) throws(ExitCode) {
        let foreign = try job.attempt("cannot list ", path) {
            () throws(FolderError) -> EntryName? in
            if try folder.holds(BackupTarget.manifest) { return nil }
            if try folder.holds(BackupTarget.unfinished) { return nil }
            var listing = FolderListing(buffer: job.memory.output)
            while let name = try folder.next(&listing) {
                // The root of a file system is an empty folder, too.
                if !name.equals("lost+found") { return name }
            }
            return nil
        }
        guard let foreign else { return }
        var writer = job.beginComplaint()
        writer.append(path, as: .plain)
        writer.append(" is no backup and not empty: it holds ")
        _ = foreign.withBytes { writer.append($0, as: .plain, maxColumns: 80) }
        writer.append(".\n")
        Console.write(writer.written, to: Console.error)
        throw .cannotCreate
    }

    // MARK: Beginning and end

    /// From here on there is no whole backup. A journal of a catalogue that was being written must
    /// not be taken for that of the next one.
    func begin(_ job: PackagesJob) throws(ExitCode) {
        try job.attempt("cannot write to ", path) { () throws(FolderError) in
            if try !folder.holds(BackupTarget.unfinished) {
                try folder.create(BackupTarget.unfinished)
            }
            try folder.sync()
            try folder.unlink(BackupTarget.manifest)
            try folder.unlink(BackupTarget.newManifest)
            try folder.sync()
            try folder.unlink(BackupTarget.journal)
            try folder.unlink(BackupTarget.catalogue)
            var number = 1
            while number <= BackupFile.stateNumberMax {
                try folder.unlink(EntryName(state: number))
                number += 1
            }
        }
    }

    /// All is on the disk: now it is whole.
    func finish(_ known: Slab<KnownPackage>, _ job: PackagesJob) throws(ExitCode) -> BackupCounts {
        var manifest = BackupManifestWriter()
        do throws(FileCopy.Failure) {
            let raw = try FileCopy.create(BackupTarget.newManifest, folder, nil)
            let file = FileDescriptor(owning: raw)
            var writer = ByteWriter(job.memory.output)
            manifest.begin(version: ProgramText.version, made: LinuxClock.wall(), &writer)
            try addOthers(&manifest, &writer, job)
            var i = 0
            while i < known.count {
                let package = known[i]
                manifest.add(
                    BackupFile(.package, sizeBytes: package.sizeBytes, digest: package.digest),
                    &writer)
                if writer.slab.count - writer.count < 2 * BackupManifestWriter.pieceBytes {
                    try FileCopy.write(writer.written, to: file.raw)
                    writer.reset()
                }
                i += 1
            }
            manifest.end(&writer)
            try FileCopy.write(writer.written, to: file.raw)
            let synced = tcs_sync(file.raw)
            if synced < 0 { throw .target(-synced) }
        } catch { throw job.fail(error, from: path, to: path, BackupTarget.newManifest) }
        try job.attempt("cannot write to ", path) { () throws(FolderError) in
            try folder.sync()
            try folder.rename(BackupTarget.newManifest, to: BackupTarget.manifest)
            try folder.sync()
            try folder.unlink(BackupTarget.unfinished)
            try folder.sync()
        }
        return manifest.counts
    }

    /// The catalogue and the files of the state, as they lie in the folder.
    private func addOthers(
        _ manifest: inout BackupManifestWriter, _ writer: inout ByteWriter, _ job: PackagesJob
    ) throws(FileCopy.Failure) {
        let piece = job.memory.piece
        guard let catalogue = try FileCopy.hash(BackupTarget.catalogue, in: folder, piece) else {
            throw .source(tcs_errno_absent)
        }
        manifest.add(
            BackupFile(.catalogue, sizeBytes: catalogue.bytes, digest: catalogue.digest), &writer)
        var number = 1
        while number <= BackupFile.stateNumberMax {
            if let found = try FileCopy.hash(EntryName(state: number), in: folder, piece) {
                manifest.add(
                    BackupFile(.state(number), sizeBytes: found.bytes, digest: found.digest),
                    &writer)
            }
            number += 1
        }
    }
}
