// `tinycot packages verify`: takes the list, from the daemon or from the catalogue, and then reads
// each file and computes its hash anew. The list is kept first, so that neither the daemon's
// connection nor the catalogue is held while gigabytes are read. Repairs nothing.

import CLinuxSys
import PackageStore
import TinyCoT

enum PackagesVerification {
    enum Finding {
        case well, missing, otherSize(Int64), otherBytes, failed(FileError)
    }

    static func run(_ job: PackagesJob) throws(ExitCode) {
        var count = 0
        let known = job.memory.known
        var asksDaemon = false
        if let daemon = try StoreConnection.open(job) {
            asksDaemon = true
            try DaemonPackages.eachLine(daemon, job) { line in
                if count < known.count {
                    known[count] = KnownPackage(digest: line.digest, sizeBytes: line.sizeBytes)
                }
                count += 1
            }
        } else {
            count = try readCatalogue(into: known, job)
        }
        if count > known.count {
            Console.write("tinycot: the list is longer than any catalogue.\n", to: Console.error)
            throw .temporary
        }
        if count == 0 {
            Console.write("no packages\n", to: Console.output)
            return
        }
        try verify(known.slice(0, count), asksDaemon: asksDaemon, job)
    }

    private static func readCatalogue(
        into known: Slab<KnownPackage>, _ job: PackagesJob
    ) throws(ExitCode) -> Int {
        guard var store = try DirectStore.open(job, makesFolders: false) else { return 0 }
        var count = 0
        do throws(CatalogueError) {
            store.catalogue.beginPage(after: 0, count: known.count)
            while let row = try store.catalogue.nextOfPage() {
                known[count] = KnownPackage(digest: row.hash, sizeBytes: row.sizeBytes)
                count += 1
            }
        } catch { throw job.complain(.catalogue(error)) }
        return count
    }

    private static func verify(
        _ list: Slab<KnownPackage>, asksDaemon: Bool, _ job: PackagesJob
    ) throws(ExitCode) {
        let files: PackageFiles
        do throws(FileError) {
            files = try PackageFiles(path: job.state.cPackagesPath)
        } catch { throw job.complain(.files(error)) }
        var bad = 0
        var gone = 0
        var bytes: Int64 = 0
        var i = 0
        while i < list.count {
            let package = list[i]
            i += 1
            let finding = look(at: package, files, buffer: job.memory.piece)
            if case .well = finding {
                bytes += package.sizeBytes
                continue
            }
            if case .missing = finding, asksDaemon {
                // Removed while others were read: no fault.
                let isListed = try isListed(package.digest, job)
                if !isListed {
                    gone += 1
                    continue
                }
            }
            report(finding, package, job)
            bad += 1
        }
        sumUp(count: list.count - gone, bad: bad, gone: gone, bytes: bytes, job)
        if bad > 0 { throw .badData }
    }

    private static func look(
        at package: KnownPackage, _ files: borrowing PackageFiles, buffer: Slab<UInt8>
    ) -> Finding {
        do throws(FileError) {
            guard let size = try files.size(package.digest) else { return .missing }
            if size != package.sizeBytes { return .otherSize(size) }
            return try files.verify(package.digest, buffer: buffer) ? .well : .otherBytes
        } catch {
            return error.errno == tcs_errno_absent ? .missing : .failed(error)
        }
    }

    private static func isListed(
        _ digest: SHA256Digest, _ job: PackagesJob
    ) throws(ExitCode) -> Bool {
        guard let daemon = try StoreConnection.open(job) else { return true }
        return try DaemonPackages.isListed(digest, daemon, job)
    }

    static func report(
        _ finding: Finding, _ package: KnownPackage, _ job: PackagesJob
    ) {
        var writer = ByteWriter(job.startup.text)
        package.digest.append(to: &writer)
        switch finding {
        case .well: writer.append("  is well")
        case .missing: writer.append("  is missing")
        case .otherSize(let size):
            writer.append("  has ")
            writer.append(decimal: size)
            writer.append(" bytes instead of ")
            writer.append(decimal: package.sizeBytes)
        case .otherBytes: writer.append("  has other bytes than its hash says")
        case .failed(let error):
            writer.append("  ")
            error.write(into: &writer)
        }
        writer.append("\n")
        Console.write(writer.written, to: Console.output)
    }

    private static func sumUp(
        count: Int, bad: Int, gone: Int, bytes: Int64, _ job: PackagesJob
    ) {
        var writer = ByteWriter(job.startup.text)
        writer.append(decimal: count)
        writer.append(count == 1 ? " package verified, " : " packages verified, ")
        if bad == 0 {
            writer.append("all well, ")
        } else {
            writer.append(decimal: bad)
            writer.append(" bad; ")
        }
        writer.append(decimal: bytes)
        writer.append(" bytes are what they should be")
        if gone > 0 {
            writer.append("; ")
            writer.append(decimal: gone)
            writer.append(" removed meanwhile")
        }
        writer.append("\n")
        Console.write(writer.written, to: Console.output)
    }
}
