// The catalogue of a backup: asked of the daemon if it runs, else read under the lock that the
// command itself holds. Either way it is the file as the store loop's `CatalogueCopying` gives it,
// a consistent one.

import CLinuxSys
import PackageStore
import TinyCoT

enum BackupCatalogue {
    /// The daemon gives a copy up when too much changes meanwhile.
    private static var triesMax: Int { 8 }

    // MARK: With the daemon

    /// - Parameter daemon: the connection that showed that there is one.
    static func fetch(
        _ daemon: consuming StoreConnection, _ target: borrowing BackupTarget, _ job: PackagesJob
    ) throws(ExitCode) {
        if try fetchOnce(daemon, target, job) { return }
        var tries = 1
        while tries < triesMax {
            guard let next = try StoreConnection.open(job) else {
                Console.write(
                    "tinycot: the daemon has ended meanwhile; try again.\n", to: Console.error)
                throw .temporary
            }
            if try fetchOnce(next, target, job) { return }
            tries += 1
        }
        Console.write(
            "tinycot: the catalogue changes faster than it is copied; try again.\n",
            to: Console.error)
        throw .temporary
    }

    /// - Returns: false if the daemon gave up.
    private static func fetchOnce(
        _ daemon: consuming StoreConnection, _ target: borrowing BackupTarget, _ job: PackagesJob
    ) throws(ExitCode) -> Bool {
        var request = StoreRequest("GET", "/tinycot/catalogue", job.memory.head)
        _ = try daemon.send(request.finish())
        try daemon.readHead()
        if daemon.head.status != 200 { throw try daemon.refusal() }
        let file = try create(target, job)
        var isWhole = false
        while !isWhole {
            switch try daemon.nextPart() {
            case .bytes(let bytes): try write(bytes, file, target, job)
            case .ended: isWhole = true
            case .brokenOff:
                try job.attempt("cannot write to ", target.path) { () throws(FolderError) in
                    try target.folder.unlink(BackupTarget.catalogue)
                }
                return false
            }
        }
        try sync(file, target, job)
        return true
    }

    // MARK: Without

    static func copy(
        _ catalogue: inout Catalogue, _ target: borrowing BackupTarget, _ job: PackagesJob
    ) throws(ExitCode) {
        let file = try create(target, job)
        var rest: Int64 = 0
        do throws(CatalogueError) { rest = try catalogue.beginCopy() } catch {
            throw job.complain(.catalogue(error))
        }
        var offset: Int64 = 0
        while rest > 0 {
            let count = Int(min(rest, Int64(Catalogue.copyPieceBytes)))
            let bytes = job.memory.piece.slice(0, count)
            do throws(CatalogueError) {
                try catalogue.readCopy(at: offset, into: bytes)
            } catch { throw job.complain(.catalogue(error)) }
            try write(bytes, file, target, job)
            offset += Int64(count)
            rest -= Int64(count)
        }
        catalogue.endCopy()
        try sync(file, target, job)
    }

    // MARK: The file

    private static func create(
        _ target: borrowing BackupTarget, _ job: PackagesJob
    ) throws(ExitCode) -> FileDescriptor {
        do throws(FileCopy.Failure) {
            return FileDescriptor(
                owning: try FileCopy.create(BackupTarget.catalogue, target.folder, nil))
        } catch { throw fail(error, target, job) }
    }

    private static func write(
        _ bytes: Slab<UInt8>, _ file: borrowing FileDescriptor,
        _ target: borrowing BackupTarget, _ job: PackagesJob
    ) throws(ExitCode) {
        do throws(FileCopy.Failure) {
            try FileCopy.write(bytes, to: file.raw)
        } catch { throw fail(error, target, job) }
    }

    private static func sync(
        _ file: borrowing FileDescriptor, _ target: borrowing BackupTarget, _ job: PackagesJob
    ) throws(ExitCode) {
        let result = tcs_sync(file.raw)
        if result < 0 { throw fail(.target(-result), target, job) }
    }

    private static func fail(
        _ failure: FileCopy.Failure, _ target: borrowing BackupTarget, _ job: PackagesJob
    ) -> ExitCode {
        job.fail(failure, from: target.path, to: target.path, BackupTarget.catalogue)
    }
}
