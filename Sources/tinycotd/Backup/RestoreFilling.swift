// Fills `restore.tmp` with what a backup holds and sees that a daemon could start on it. Nothing of
// what is in the state folder is touched; when this returns, all of it is on the disk.

import CLinuxSys
import PackageStore
import TinyCoT

enum RestoreFilling {
    static func fill(
        _ backup: borrowing RestoreSource, _ state: borrowing Folder, _ counts: BackupCounts,
        _ job: PackagesJob
    ) throws(ExitCode) {
        let owner = try foreignOwner(state, job)
        let target = try makeFolder(PendingRestore.filling, state, owner, job)
        let packages = try makeFolder(PendingRestore.packages, target, owner, job)
        _ = try makeFolder(PendingRestore.before, target, owner, job)
        _ = try backup.eachFile(job) { (file) throws(ExitCode) in
            if file.kind == .package {
                try backup.copy(file, to: packages, owner: owner, job)
            } else {
                try backup.copy(file, to: target, owner: owner, job)
            }
        }
        try checkCatalogue(backup.path, counts, job)
        try job.attempt("cannot write to ", job.state.path) { () throws(FolderError) in
            try packages.sync()
            try target.sync()
            try state.sync()
        }
    }

    /// Who shall have the files: root restores for the daemon's user.
    /// - Returns: nil if that is who we are.
    private static func foreignOwner(
        _ state: borrowing Folder, _ job: PackagesJob
    ) throws(ExitCode) -> tcs_identity_t? {
        let identity = try job.attempt("cannot look at ", job.state.path) {
            () throws(FolderError) in try state.identity()
        }
        return identity.user == tcs_user() ? nil : identity
    }

    private static func makeFolder(
        _ name: EntryName, _ parent: borrowing Folder, _ owner: tcs_identity_t?,
        _ job: PackagesJob
    ) throws(ExitCode) -> Folder {
        let folder = try job.attempt("cannot make a folder in ", job.state.path) {
            () throws(FolderError) in try parent.makeFolder(name)
        }
        guard let owner else { return folder }
        let result = tcs_change_owner(folder.descriptor, owner.user, owner.group)
        if result == 0 { return folder }
        throw job.fail("cannot change the owner in ", job.state.path, name, -result)
    }

    // MARK: The catalogue

    /// A backup of a newer version, or a catalogue that lists what is not there, is found here and
    /// not at the next start.
    private static func checkCatalogue(
        _ path: Slab<UInt8>, _ counts: BackupCounts, _ job: PackagesJob
    ) throws(ExitCode) {
        do throws(CatalogueError) {
            try SQLiteMemory.install(job.memory.sqlite)
        } catch { throw job.complain(.catalogue(error)) }
        var catalogue: Catalogue
        do throws(StoreError) {
            catalogue = try Catalogue(
                existing: filledPath("", job), buffer: job.memory.row,
                settings: DatabaseSettings(
                    cacheKibibytes: DirectStore.cacheKibibytes(job), journalPages: 256))
        } catch {
            guard case .catalogue(let failure) = error else { throw job.complain(error) }
            throw complain(failure, path, job)
        }
        let files: PackageFiles
        do throws(FileError) {
            files = try PackageFiles(path: filledPath("/packages", job))
        } catch { throw job.complain(.files(error)) }
        var rows = 0
        var last: Int64 = 0
        while let package = try nextRow(after: &last, &catalogue, path, job) {
            rows += 1
            try expect(package, files, path, job)
        }
        if rows != counts.packages {
            throw job.refuse(
                path, BackupTarget.catalogue,
                " does not list each package of the manifest; nothing was restored.", .badData)
        }
        do throws(CatalogueError) {
            try catalogue.close()
        } catch { throw complain(error, path, job) }
    }

    private static func nextRow(
        after last: inout Int64, _ catalogue: inout Catalogue, _ path: Slab<UInt8>,
        _ job: PackagesJob
    ) throws(ExitCode) -> KnownPackage? {
        do throws(CatalogueError) {
            guard let row = try catalogue.oldest(after: last) else { return nil }
            last = row.id
            return KnownPackage(digest: row.hash, sizeBytes: row.sizeBytes)
        } catch { throw complain(error, path, job) }
    }

    private static func expect(
        _ package: KnownPackage, _ files: borrowing PackageFiles, _ path: Slab<UInt8>,
        _ job: PackagesJob
    ) throws(ExitCode) {
        var size: Int64?
        do throws(FileError) { size = try files.size(package.digest) } catch {
            throw job.complain(.files(error))
        }
        if size == package.sizeBytes { return }
        throw job.refuse(
            path, BackupTarget.catalogue,
            " lists a package that the backup does not hold; nothing was restored.", .badData)
    }

    /// It is a copy that was looked at, but what is wrong with it is wrong with the backup.
    private static func complain(
        _ error: CatalogueError, _ path: Slab<UInt8>, _ job: PackagesJob
    ) -> ExitCode {
        let code = BackupPackages.complain(error, path, job)
        let isOfTheBackup = error.kind == .unfinished || error.kind == .newerVersion
        return isOfTheBackup ? .badData : code
    }

    /// A path below `restore.tmp`, ended by a zero. Valid until the next one.
    private static func filledPath(
        _ below: StaticString, _ job: PackagesJob
    ) -> UnsafePointer<CChar> {
        var writer = ByteWriter(job.memory.line)
        writer.append(job.state.path)
        writer.append("/restore.tmp")
        writer.append(below)
        writer.append(0)
        invariant(!writer.overflowed, "the path of a state folder has an end")
        return RunDirectory.cString(writer.written)
    }
}
