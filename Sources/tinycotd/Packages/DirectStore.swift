// The store as `tinycot packages` opens it where no daemon runs: files and catalogue. Nothing is
// reconciled: that is the daemon's, at its start, and would hide from `verify` what it looks for.

import CLinuxSys
import PackageStore
import TinyCoT

/// The store, open. Nobody else can open the catalogue meanwhile.
struct DirectStore: ~Copyable {
    let files: PackageFiles
    var catalogue: Catalogue

    /// - Parameter makesFolders: else the folders must be there.
    /// - Returns: nil if there is no folder of packages, so that nothing can be listed.
    static func open(_ job: PackagesJob, makesFolders: Bool) throws(ExitCode) -> DirectStore? {
        if makesFolders {
            try job.state.prepare(startup: job.startup)
        } else {
            try job.state.expectFolder(job.startup)
            try SettledState.settle(job.state, job.startup)
            var status = tcs_file_status()
            if tcs_status_of(job.state.cPackagesPath, &status) == -tcs_errno_absent { return nil }
        }
        let lock = try SettledState.lock(job.state, job.startup)
        let store: DirectStore
        do throws(StoreError) {
            store = try open(job, makesFolders)
        } catch { throw job.complain(error) }
        // The catalogue is ours, and so is the folder.
        lock.close()
        return store
    }

    /// Half of the memory for pages, as in the daemon; there is memory for two catalogues.
    static func cacheKibibytes(_ job: PackagesJob) -> Int {
        min(256, job.memory.sqlite.count / 4_096)
    }

    /// The end of the lock.
    consuming func close() {}

    private static func open(
        _ job: PackagesJob, _ makesFolder: Bool
    ) throws(StoreError) -> DirectStore {
        do throws(CatalogueError) {
            try SQLiteMemory.install(job.memory.sqlite)
        } catch { throw .catalogue(error) }
        let files: PackageFiles
        do throws(FileError) {
            files =
                makesFolder
                ? try PackageFiles.prepareFolder(state: job.state.cPath)
                : try PackageFiles(path: job.state.cPackagesPath)
        } catch { throw .files(error) }
        let catalogue = try Catalogue(
            folder: job.state.cPath, files: files, buffer: job.memory.row,
            settings: DatabaseSettings(cacheKibibytes: cacheKibibytes(job), journalPages: 256))
        if catalogue.rebuiltCount > 0 {
            var writer = job.beginComplaint()
            writer.append("there was no whole catalogue; ")
            writer.append(decimal: catalogue.rebuiltCount)
            writer.append(" packages were listed anew from their files, as private ones.\n")
            Console.write(writer.written, to: Console.error)
        }
        return DirectStore(files: files, catalogue: catalogue)
    }
}

extension PackagesJob {
    /// One sentence on standard error about a store that fails.
    func complain(_ error: StoreError) -> ExitCode {
        var writer = beginComplaint()
        switch error {
        case .catalogue(let failure) where failure.kind == .busy:
            writer.append("another process uses the catalogue in ")
            writer.append(state.path, as: .plain)
            writer.append("; if it is the daemon, name its run folder with --run-dir.\n")
        case .catalogue, .files:
            error.write(into: &writer)
            writer.append(" (in ")
            writer.append(state.path, as: .plain)
            writer.append(").\n")
        }
        Console.write(writer.written, to: Console.error)
        switch error {
        case .catalogue(let failure): return failure.kind == .busy ? .temporary : .system
        case .files(let failure):
            let isForbidden =
                failure.errno == tcs_errno_access || failure.errno == tcs_errno_not_permitted
            return isForbidden ? .noPermission : .system
        }
    }
}
