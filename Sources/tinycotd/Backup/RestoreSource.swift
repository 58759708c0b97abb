// A backup as `tinycot restore` reads it: the manifest, and each file that it names. What a
// manifest says is not believed: names are made anew from numbers, and every byte is hashed before
// anything is touched, and once more on its way.

import CLinuxSys
import PackageStore
import TinyCoT

/// Owns the folder.
struct RestoreSource: ~Copyable {
    /// The longest line of a manifest, for as many packages as there can be.
    private static var manifestBytesMax: Int64 {
        Int64((BudgetKey.packages.range.upperBound + 256) * BackupManifestWriter.pieceBytes)
    }

    let folder: Folder
    private let packages: Folder
    let path: Slab<UInt8>
    /// The whole of it.
    private let manifest: Slab<UInt8>

    static func open(_ job: PackagesJob) throws(ExitCode) -> RestoreSource {
        let cPath = PackagesCommand.operand(job)
        let path = Slab(cString: cPath)
        let folder: Folder
        do throws(FolderError) {
            folder = try Folder(path: cPath)
        } catch {
            _ = job.fail("cannot open the folder ", path, nil, error.errno)
            throw ExitCode(error: error.errno) == .noPermission ? .noPermission : .noInput
        }
        let manifest = try read(folder, path, job)
        let packages = try openPackages(folder, path, job)
        return RestoreSource(folder: folder, packages: packages, path: path, manifest: manifest)
    }

    private static func openPackages(
        _ folder: borrowing Folder, _ path: Slab<UInt8>, _ job: PackagesJob
    ) throws(ExitCode) -> Folder {
        do throws(FolderError) {
            if let packages = try folder.folder(PendingRestore.packages) { return packages }
        } catch { throw job.fail("cannot open ", path, PendingRestore.packages, error.errno) }
        throw job.refuse(path, PendingRestore.packages, " is missing.", .badData)
    }

    private static func read(
        _ folder: borrowing Folder, _ path: Slab<UInt8>, _ job: PackagesJob
    ) throws(ExitCode) -> Slab<UInt8> {
        let place = folder.descriptor
        let name = BackupTarget.manifest
        let file = FileDescriptor(owning: name.withText { tcs_file_open(place, $0) })
        if file.raw == -tcs_errno_absent {
            throw job.refuse(
                path, " holds no whole backup: there is no manifest.json.", .noInput)
        }
        var status = tcs_file_status()
        let known = file.isOpen ? tcs_status_of_descriptor(file.raw, &status) : file.raw
        if known < 0 { throw job.fail("cannot read ", path, name, -known) }
        if status.size_bytes > manifestBytesMax {
            throw job.refuse(path, name, " is longer than any manifest.", .badData)
        }
        var arena: Arena
        do throws(SystemError) {
            arena = try Mapping.arena(bytes: Int(status.size_bytes) + 64)
        } catch { throw job.fail("cannot take memory for ", path, name, error.number) }
        let bytes = arena.take(UInt8.self, count: Int(status.size_bytes))
        var count = 0
        while count < bytes.count {
            let got = tcs_read(file.raw, bytes.pointer(at: count), bytes.count - count)
            if got == -Int64(tcs_errno_interrupted) { continue }
            if got < 0 {
                throw job.fail("cannot read ", path, name, Int32(truncatingIfNeeded: -got))
            }
            if got == 0 { break }
            count += Int(got)
        }
        return bytes.slice(0, count)
    }

    // MARK: Its files

    /// One after the other.
    /// - Returns: what the manifest adds up to.
    func eachFile(
        _ job: PackagesJob, _ use: (BackupFile) throws(ExitCode) -> Void
    ) throws(ExitCode) -> BackupCounts {
        var reader = try begin(job)
        while let file = try next(&reader, job) { try use(file) }
        return reader.counts
    }

    private func begin(_ job: PackagesJob) throws(ExitCode) -> BackupManifestReader {
        do throws(BackupManifestReader.Mistake) {
            return try BackupManifestReader(manifest)
        } catch { throw mistake(error, job) }
    }

    private func next(
        _ reader: inout BackupManifestReader, _ job: PackagesJob
    ) throws(ExitCode) -> BackupFile? {
        do throws(BackupManifestReader.Mistake) {
            return try reader.next()
        } catch { throw mistake(error, job) }
    }

    private func mistake(
        _ mistake: BackupManifestReader.Mistake, _ job: PackagesJob
    ) -> ExitCode {
        switch mistake {
        case .newerFormat:
            job.refuse(
                path, BackupTarget.manifest,
                " was written by a newer version of tinycot; nothing was restored.", .badData)
        case .damaged:
            job.refuse(
                path, BackupTarget.manifest, " is damaged; nothing was restored.", .badData)
        }
    }

    /// Reads every file and compares. Says of each that is damaged.
    func verify(_ job: PackagesJob) throws(ExitCode) -> BackupCounts {
        var bad = 0
        let counts = try eachFile(job) { (file) throws(ExitCode) in
            if try !isWhole(file, job) { bad += 1 }
        }
        if bad == 0 { return counts }
        var writer = job.beginComplaint()
        writer.append(decimal: bad)
        writer.append(" of ")
        writer.append(decimal: counts.files)
        writer.append(" files of the backup are damaged; nothing was restored.\n")
        Console.write(writer.written, to: Console.error)
        throw .badData
    }

    private func isWhole(_ file: BackupFile, _ job: PackagesJob) throws(ExitCode) -> Bool {
        var found: FileCopy.Result?
        do throws(FileCopy.Failure) {
            switch file.kind {
            case .package: found = try FileCopy.hash(file.entry, in: packages, job.memory.piece)
            default: found = try FileCopy.hash(file.entry, in: folder, job.memory.piece)
            }
        } catch {
            _ = job.fail(error, from: path, to: path, file.path)
            return false
        }
        guard let found else {
            _ = job.refuse(path, file.path, " is missing.", .badData)
            return false
        }
        if file.isSame(as: found) { return true }
        _ = job.refuse(path, file.path, " is not what the manifest says.", .badData)
        return false
    }

    /// Copies one file and compares it on the way.
    func copy(
        _ file: BackupFile, to target: borrowing Folder, owner: tcs_identity_t?,
        _ job: PackagesJob
    ) throws(ExitCode) {
        var found: FileCopy.Result?
        do throws(FileCopy.Failure) {
            switch file.kind {
            case .package:
                found = try FileCopy.copy(
                    file.entry, from: packages, to: target, owner: owner, job.memory.piece)
            default:
                found = try FileCopy.copy(
                    file.entry, from: folder, to: target, owner: owner, job.memory.piece)
            }
        } catch { throw job.fail(error, from: path, to: job.state.path, file.path) }
        if let found, file.isSame(as: found) { return }
        throw job.refuse(
            path, file.path, " has changed meanwhile; nothing was restored.", .badData)
    }
}

extension BackupFile {
    /// In its folder.
    var entry: EntryName {
        switch kind {
        case .catalogue: BackupTarget.catalogue
        case .state(let number): EntryName(state: number)
        case .package: EntryName(package: digest)
        }
    }

    /// From the folder of the backup on, for sentences.
    var path: EntryName { EntryName(path: self) }

    func isSame(as found: FileCopy.Result) -> Bool {
        found.bytes == sizeBytes && found.digest == digest
    }
}
