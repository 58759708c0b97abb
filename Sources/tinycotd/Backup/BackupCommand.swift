// `tinycot backup`: state, catalogue and packages into a folder (ADR 0012). The daemon may run: it
// writes its state, hands out its catalogue, and goes on. If none runs, the catalogue is opened
// here, and stays ours until the end. Chosen by Main. Dumps are no part of it.

import CLinuxSys
import PackageStore
import TinyCoT

enum BackupCommand {
    static func run(
        _ invocation: Invocation, _ settings: Settings, _ startup: StartupMemory
    ) throws(ExitCode) {
        let job = try PackagesJob(invocation, settings, startup, keepsList: true)
        try job.state.expectFolder(startup)
        let target = try BackupTarget.open(job)
        if let daemon = try StoreConnection.open(job) {
            try askForState(daemon, job)
            try prepareSQLite(job)
            guard let next = try StoreConnection.open(job) else {
                Console.write(
                    "tinycot: the daemon has ended meanwhile; try again.\n", to: Console.error)
                throw .temporary
            }
            try target.begin(job)
            try BackupCatalogue.fetch(next, target, job)
            try finish(target, job, asksDaemon: true)
            return
        }
        guard var store = try DirectStore.open(job, makesFolders: false) else {
            throw job.refuse(job.state.path, " holds no packages to back up.", .noInput)
        }
        try target.begin(job)
        try BackupCatalogue.copy(&store.catalogue, target, job)
        try finish(target, job, asksDaemon: false)
        store.close()
    }

    /// The daemon writes its state now. Where it cannot, the backup has the state that was written
    /// last; a full card is no reason to have no backup.
    private static func askForState(
        _ daemon: consuming StoreConnection, _ job: PackagesJob
    ) throws(ExitCode) {
        var request = StoreRequest("POST", "/tinycot/state", job.memory.head)
        _ = try daemon.send(request.finish(bodyBytes: 0))
        try daemon.readHead()
        // A daemon of a version that keeps none does not know the question.
        if daemon.head.status == 200 || daemon.head.status == 404 { return }
        _ = try daemon.refusal()
        Console.write(
            "tinycot: the state could not be written now; what was written last is backed up.\n",
            to: Console.error)
    }

    private static func prepareSQLite(_ job: PackagesJob) throws(ExitCode) {
        do throws(CatalogueError) {
            try SQLiteMemory.install(job.memory.sqlite)
        } catch { throw job.complain(.catalogue(error)) }
    }

    /// What comes behind the catalogue.
    private static func finish(
        _ target: borrowing BackupTarget, _ job: PackagesJob, asksDaemon: Bool
    ) throws(ExitCode) {
        try copyState(target, job)
        var packages = try BackupPackages.open(target, job, asksDaemon: asksDaemon)
        var copy: Catalogue
        do throws(StoreError) {
            copy = try Catalogue(
                existing: RunDirectory.cString(target.path), buffer: job.memory.copyRow,
                settings: DatabaseSettings(
                    cacheKibibytes: DirectStore.cacheKibibytes(job), journalPages: 256))
        } catch { throw complain(error, target, job) }
        try packages.bring(&copy)
        do throws(CatalogueError) {
            try copy.close()
        } catch { throw BackupPackages.complain(error, target.path, job) }
        let counts = try target.finish(job.memory.known.slice(0, packages.count), job)
        sumUp(counts, packages, target, job)
        if packages.bad > 0 { throw .badData }
    }

    private static func complain(
        _ error: StoreError, _ target: borrowing BackupTarget, _ job: PackagesJob
    ) -> ExitCode {
        switch error {
        case .catalogue(let failure): BackupPackages.complain(failure, target.path, job)
        case .files(let failure):
            job.fail("cannot use the folder ", target.path, nil, failure.errno)
        }
    }

    /// Each file as it is at the moment; the daemon puts new ones in their place, whole.
    private static func copyState(
        _ target: borrowing BackupTarget, _ job: PackagesJob
    ) throws(ExitCode) {
        let state = try job.attempt("cannot open the folder ", job.state.path) {
            () throws(FolderError) in try Folder(path: job.state.cPath)
        }
        var number = 1
        while number <= BackupFile.stateNumberMax {
            let name = EntryName(state: number)
            do throws(FileCopy.Failure) {
                _ = try FileCopy.copy(
                    name, from: state, to: target.folder, owner: nil, job.memory.piece)
            } catch { throw job.fail(error, from: job.state.path, to: target.path, name) }
            number += 1
        }
    }

    private static func sumUp(
        _ counts: BackupCounts, _ packages: borrowing BackupPackages,
        _ target: borrowing BackupTarget, _ job: PackagesJob
    ) {
        var writer = ByteWriter(job.startup.text)
        writer.append(decimal: counts.packages)
        writer.append(counts.packages == 1 ? " package, " : " packages, ")
        writer.append(decimal: counts.stateFiles)
        writer.append(counts.stateFiles == 1 ? " state file, " : " state files, ")
        writer.append(decimal: counts.bytes)
        writer.append(" bytes are backed up in ")
        writer.append(target.path, as: .plain)
        writer.append("; copied now: ")
        writer.append(decimal: packages.copied)
        writer.append(packages.copied == 1 ? " package of " : " packages of ")
        writer.append(decimal: packages.copiedBytes)
        writer.append(" bytes")
        append(packages.removed, " no longer listed and removed there", &writer)
        append(packages.gone, " removed meanwhile", &writer)
        append(packages.bad, " bad and left out", &writer)
        writer.append("\n")
        Console.write(writer.written, to: Console.output)
    }

    private static func append(_ count: Int, _ text: StaticString, _ writer: inout ByteWriter) {
        if count == 0 { return }
        writer.append("; ")
        writer.append(decimal: count)
        writer.append(text)
    }
}
