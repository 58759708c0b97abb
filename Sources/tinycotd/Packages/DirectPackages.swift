// `tinycot packages list`, `add` and `remove` without a daemon: the same on the files and the
// catalogue themselves. The limits of the budget hold here too; nothing is evicted.

import CLinuxSys
import PackageStore
import TinyCoT

enum DirectPackages {
    static func list(_ job: PackagesJob) throws(ExitCode) {
        guard var store = try DirectStore.open(job, makesFolders: false) else {
            listNothing(job)
            return
        }
        do throws(CatalogueError) {
            if job.invocation.wantsJSON {
                try listJSON(&store.catalogue, job)
            } else {
                try listTable(&store.catalogue, job)
            }
        } catch { throw job.complain(.catalogue(error)) }
    }

    private static func listTable(
        _ catalogue: inout Catalogue, _ job: PackagesJob
    ) throws(CatalogueError) {
        var table = PackageTable(job.memory.output)
        catalogue.beginPage(after: 0, count: .max)
        while let row = try catalogue.nextOfPage() {
            var texts = ByteWriter(job.memory.line)
            texts.append(decimal: row.id)
            let numberEnd = texts.count
            CoTTime.write(WallTime(milliseconds: row.submittedAtMilliseconds), into: &texts)
            table.add(
                PackageLine(
                    number: texts.written.slice(0, numberEnd), digest: row.hash,
                    sizeBytes: row.sizeBytes, tool: row.tool, team: row.team,
                    submitted: texts.written.slice(numberEnd, texts.count - numberEnd),
                    creator: row.creatorUid, name: row.name))
        }
        table.finish()
    }

    /// As the daemon answers `sync/search`.
    private static func listJSON(
        _ catalogue: inout Catalogue, _ job: PackagesJob
    ) throws(CatalogueError) {
        var list = MartiList(.packages)
        var writer = ByteWriter(job.memory.output)
        _ = list.begin(&writer)
        catalogue.beginPage(after: 0, count: .max)
        while let row = try catalogue.nextOfPage() {
            let record = PackageRecord(row)
            if list.add(record, &writer) { continue }
            Console.write(writer.written, to: Console.output)
            writer.reset()
            _ = list.add(record, &writer)
        }
        Console.write(writer.written, to: Console.output)
        writer.reset()
        finish(&list, &writer)
    }

    private static func listNothing(_ job: PackagesJob) {
        var writer = ByteWriter(job.memory.output)
        if job.invocation.wantsJSON {
            var list = MartiList(.packages)
            _ = list.begin(&writer)
            finish(&list, &writer)
        } else {
            var table = PackageTable(job.memory.output)
            table.finish()
        }
    }

    private static func finish(_ list: inout MartiList, _ writer: inout ByteWriter) {
        _ = list.end(MartiServer(version: ProgramText.version), &writer)
        writer.append("\n")
        Console.write(writer.written, to: Console.output)
    }

    // MARK: add

    static func add(_ offer: borrowing PackageOffer, _ job: PackagesJob) throws(ExitCode) {
        guard var store = try DirectStore.open(job, makesFolders: true) else {
            invariantBroken("a store whose folders were made can be opened")
        }
        try checkLimits(offer, &store, job)
        let hash = try receive(offer, store, job)
        var package = NewPackage(hash: hash, name: offer.name)
        package.tool = Slab(offer.tool)
        package.team = offer.team
        package.sizeBytes = offer.sizeBytes
        package.submittedAtMilliseconds = tcs_wall_milliseconds()
        let outcome = try list(package, &store, job)
        switch outcome {
        case .added, .renewed, .replaced: job.announce(hash)
        case .ofAnotherTeam:
            job.announce(hash, "  (listed already, for another team; nothing was changed)")
        }
    }

    /// The same limits as the daemon's; a package that is there already is not known as such yet.
    private static func checkLimits(
        _ offer: borrowing PackageOffer, _ store: inout DirectStore, _ job: PackagesJob
    ) throws(ExitCode) {
        let budget = job.budget
        let size = offer.sizeBytes
        let isRoomy: Bool
        let totals: Catalogue.Totals
        do throws(CatalogueError) {
            totals = try store.catalogue.totals()
        } catch { throw job.complain(.catalogue(error)) }
        do throws(FileError) {
            isRoomy = try store.files.hasRoom(
                for: size, reserveBytes: Int64(budget.diskReserveBytes))
        } catch { throw job.complain(.files(error)) }
        var writer = job.beginComplaint()
        writer.append(offer.path, as: .plain)
        writer.append(" has ")
        writer.append(decimal: size)
        if size > Int64(budget.packageMaxBytes) {
            writer.append(" bytes, but package_max_bytes in budget.json is ")
            writer.append(decimal: budget.packageMaxBytes)
        } else if totals.count >= Int64(budget.packages) {
            writer.append(" bytes and finds no place: packages in budget.json is ")
            writer.append(decimal: budget.packages)
        } else if totals.bytes + size > Int64(budget.packageStoreBytes) {
            writer.append(" bytes, but of package_store_bytes in budget.json only ")
            writer.append(decimal: max(0, Int64(budget.packageStoreBytes) - totals.bytes))
            writer.append(" are left")
        } else if !isRoomy {
            writer.append(" bytes and would leave less room on the disk than the ")
            writer.append(decimal: budget.diskReserveBytes)
            writer.append(" bytes of disk_reserve_bytes in budget.json")
        } else {
            return
        }
        writer.append(".\n")
        Console.write(writer.written, to: Console.error)
        throw .configuration
    }

    /// Brings the bytes to the disk, under the name of their hash.
    private static func receive(
        _ offer: borrowing PackageOffer, _ store: borrowing DirectStore, _ job: PackagesJob
    ) throws(ExitCode) -> SHA256Digest {
        var file: TemporaryFile
        do throws(FileError) { file = try store.files.create() } catch {
            throw job.complain(.files(error))
        }
        var digest = Digest()
        do throws(ExitCode) {
            while digest.byteCount <= offer.sizeBytes {
                let bytes = try offer.read(into: job.memory.piece, job)
                if bytes.count == 0 { break }
                digest.update(bytes)
                do throws(FileError) { try store.files.write(bytes, to: &file) } catch {
                    throw job.complain(.files(error))
                }
            }
            if digest.byteCount != offer.sizeBytes {
                var writer = job.beginComplaint()
                writer.append(offer.path, as: .plain)
                writer.append(" has changed while it was read; nothing was added.\n")
                Console.write(writer.written, to: Console.error)
                throw .noInput
            }
        } catch {
            store.files.discard(&file)
            throw error
        }
        let hash = digest.finish()
        do throws(FileError) { try store.files.publish(file, as: hash) } catch {
            throw job.complain(.files(error))
        }
        return hash
    }

    /// The row, and the end of a file whose listing it has replaced.
    private static func list(
        _ package: NewPackage, _ store: inout DirectStore, _ job: PackagesJob
    ) throws(ExitCode) -> Catalogue.Outcome {
        let outcome: Catalogue.Outcome
        do throws(CatalogueError) {
            outcome = try store.catalogue.store(package)
        } catch {
            // A file without a row is collected when the daemon starts.
            throw job.complain(.catalogue(error))
        }
        if case .replaced(let old) = outcome { try removeFile(old, store, job) }
        return outcome
    }

    // MARK: remove

    static func remove(_ digest: SHA256Digest, _ job: PackagesJob) throws(ExitCode) {
        guard var store = try DirectStore.open(job, makesFolders: false) else {
            throw job.noSuchPackage(digest)
        }
        let wasListed: Bool
        do throws(CatalogueError) {
            wasListed = try store.catalogue.delete(digest)
        } catch { throw job.complain(.catalogue(error)) }
        if !wasListed { throw job.noSuchPackage(digest) }
        try removeFile(digest, store, job)
    }

    private static func removeFile(
        _ digest: SHA256Digest, _ store: borrowing DirectStore, _ job: PackagesJob
    ) throws(ExitCode) {
        do throws(FileError) {
            try store.files.remove(digest)
            try store.files.syncFolder()
        } catch { throw job.complain(.files(error)) }
    }
}
