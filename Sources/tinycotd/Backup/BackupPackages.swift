// The packages of a backup. The copy of the catalogue says which; each is copied from the folder of
// packages and hashed on the way, unless the backup of before has it and it is still whole there.
// What was removed meanwhile loses its row in the copy; so does what is damaged, and that is said.

import CLinuxSys
import PackageStore
import TinyCoT

struct BackupPackages: ~Copyable {
    private enum Outcome {
        case kept, copied, bad(PackagesVerification.Finding)
    }

    private let source: PackageFiles
    private let target: PackageFiles
    private let job: PackagesJob
    private let targetPath: Slab<UInt8>
    /// Who removes packages meanwhile.
    private let asksDaemon: Bool

    private(set) var count = 0
    private(set) var copied = 0
    private(set) var copiedBytes: Int64 = 0
    private(set) var gone = 0
    private(set) var bad = 0
    private(set) var removed = 0

    private init(
        _ source: consuming PackageFiles, _ target: consuming PackageFiles,
        _ targetPath: Slab<UInt8>, _ job: PackagesJob, asksDaemon: Bool
    ) {
        self.source = source
        self.target = target
        self.targetPath = targetPath
        self.job = job
        self.asksDaemon = asksDaemon
    }

    static func open(
        _ folder: borrowing BackupTarget, _ job: PackagesJob, asksDaemon: Bool
    ) throws(ExitCode) -> BackupPackages {
        let source: PackageFiles
        do throws(FileError) {
            source = try PackageFiles(path: job.state.cPackagesPath)
        } catch { throw job.complain(.files(error)) }
        let target: PackageFiles
        do throws(FileError) {
            target = try PackageFiles.prepareFolder(state: RunDirectory.cString(folder.path))
        } catch { throw job.fail("cannot write to ", folder.path, nil, error.errno) }
        return BackupPackages(source, target, folder.path, job, asksDaemon: asksDaemon)
    }

    /// Brings every package that the copy lists; then the copy lists what is there, and nothing
    /// else is there.
    mutating func bring(_ copy: inout Catalogue) throws(ExitCode) {
        let known = job.memory.known
        var last: Int64 = 0
        while let package = try nextRow(after: &last, &copy) {
            if case .bad(let finding) = try bring(package) {
                try leaveOut(package, finding, &copy)
                continue
            }
            if count == known.count {
                Console.write(
                    "tinycot: the list is longer than any catalogue.\n", to: Console.error)
                throw .temporary
            }
            known[count] = package
            count += 1
        }
        try removeOthers(&copy)
    }

    private func nextRow(
        after last: inout Int64, _ copy: inout Catalogue
    ) throws(ExitCode) -> KnownPackage? {
        do throws(CatalogueError) {
            guard let row = try copy.oldest(after: last) else { return nil }
            last = row.id
            return KnownPackage(digest: row.hash, sizeBytes: row.sizeBytes)
        } catch { throw failed(error) }
    }

    private mutating func leaveOut(
        _ package: KnownPackage, _ finding: PackagesVerification.Finding, _ copy: inout Catalogue
    ) throws(ExitCode) {
        var wasRemoved = false
        if case .missing = finding { wasRemoved = try !isListed(package.digest) }
        if wasRemoved {
            gone += 1
        } else {
            PackagesVerification.report(finding, package, job)
            bad += 1
        }
        do throws(CatalogueError) {
            try copy.delete(package.digest)
        } catch { throw failed(error) }
    }

    /// The copy lies in the backup, whatever its sentence says of catalogues.
    private func failed(_ error: CatalogueError) -> ExitCode {
        BackupPackages.complain(error, targetPath, job)
    }

    static func complain(
        _ error: CatalogueError, _ path: Slab<UInt8>, _ job: PackagesJob
    ) -> ExitCode {
        var writer = job.beginComplaint()
        error.write(into: &writer)
        writer.append(" (in ")
        writer.append(path, as: .plain)
        writer.append(").\n")
        Console.write(writer.written, to: Console.error)
        return error.kind == .corrupt ? .badData : .system
    }

    private func isListed(_ digest: SHA256Digest) throws(ExitCode) -> Bool {
        // Without a daemon nobody removes anything.
        if !asksDaemon { return true }
        guard let daemon = try StoreConnection.open(job) else { return true }
        return try DaemonPackages.isListed(digest, daemon, job)
    }

    /// Temporaries of a backup that was cut off, and packages of one before.
    private mutating func removeOthers(_ copy: inout Catalogue) throws(ExitCode) {
        do throws(StoreError) {
            let found = try Reconciliation.run(target, &copy, buffer: job.memory.output)
            removed = found.packagesWithoutRow
        } catch {
            switch error {
            case .catalogue(let failure): throw failed(failure)
            case .files(let failure):
                throw job.fail("cannot write to ", targetPath, nil, failure.errno)
            }
        }
        do throws(FileError) { try target.syncFolder() } catch {
            throw job.fail("cannot write to ", targetPath, nil, error.errno)
        }
    }

    // MARK: One package

    private mutating func bring(_ package: KnownPackage) throws(ExitCode) -> Outcome {
        if isThere(package) { return .kept }
        let open: OpenPackage
        do throws(FileError) {
            guard let found = try source.open(package.digest) else { return .bad(.missing) }
            open = found
        } catch { return .bad(.failed(error)) }
        if open.sizeBytes != package.sizeBytes {
            source.close(open)
            return .bad(.otherSize(open.sizeBytes))
        }
        do throws(ExitCode) {
            let finding = try copy(open, package)
            source.close(open)
            return finding
        } catch {
            source.close(open)
            throw error
        }
    }

    /// What is damaged in the backup, or cannot be read there, is brought anew.
    private func isThere(_ package: KnownPackage) -> Bool {
        do throws(FileError) {
            if try target.size(package.digest) != package.sizeBytes { return false }
            return try target.verify(package.digest, buffer: job.memory.piece)
        } catch { return false }
    }

    private mutating func copy(
        _ open: OpenPackage, _ package: KnownPackage
    ) throws(ExitCode) -> Outcome {
        var file: TemporaryFile
        do throws(FileError) { file = try target.create() } catch { throw cannotWrite(error) }
        var digest = Digest()
        do throws(FileError) {
            while digest.byteCount <= package.sizeBytes {
                let buffer = job.memory.piece
                let got = tcs_read(open.descriptor, buffer.start, buffer.count)
                if got == -Int64(tcs_errno_interrupted) { continue }
                if got < 0 {
                    target.discard(&file)
                    return .bad(.failed(FileError(reading: Int32(truncatingIfNeeded: -got))))
                }
                if got == 0 { break }
                digest.update(buffer.slice(0, Int(got)))
                try target.write(buffer.slice(0, Int(got)), to: &file)
            }
            if digest.finish() != package.digest {
                target.discard(&file)
                return .bad(.otherBytes)
            }
            try target.sync(file)
            try target.rename(&file, as: package.digest)
        } catch {
            target.discard(&file)
            throw cannotWrite(error)
        }
        copied += 1
        copiedBytes += package.sizeBytes
        return .copied
    }

    private func cannotWrite(_ error: FileError) -> ExitCode {
        job.fail("cannot write to ", targetPath, nil, error.errno)
    }
}
