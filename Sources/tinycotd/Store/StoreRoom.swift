// Is there room for another package: on the disk with its reserve, and inside `package_store_bytes`
// and `packages`? Where the operator allows it, the oldest packages give way, but never one that
// is being read, and to a package only when it is there whole: an upload that is announced, cut
// off or refused pushes nobody out. Only a disk without room for its bytes is made room on before.

import CLinuxSys
import PackageStore
import TinyCoT

extension StoreLoop {
    /// The free room is asked for again after this much was written.
    private static var bytesBetweenLooks: Int64 { 4 * 1_048_576 }
    private static var secondsBetweenLooks: Int { 1 }
    /// Packages that give way to one stretch of an upload.
    private static var evictionsPerStep: Int { 64 }

    /// What could be stored if everything gave way that may. For an announcement nothing goes.
    mutating func possibleRoom() -> Int64 {
        let listed = settings.evictsOldest ? knownTotals().bytes : 0
        return min(roomInStore(), roomOnDisk() + listed)
    }

    /// What may be written now.
    mutating func makeRoom(for bytes: Int64) -> Int64 {
        var rounds = 0
        while settings.evictsOldest && roomOnDisk() < bytes
            && rounds < StoreLoop.evictionsPerStep && evictOldest()
        {
            rounds += 1
        }
        return min(roomInStore(), roomOnDisk())
    }

    /// Without those that will give way when the package is whole.
    private mutating func roomInStore() -> Int64 {
        let listed = settings.evictsOldest ? 0 : knownTotals().bytes
        return Int64(budget.packageStoreBytes) - listed - bytesOnTheirWay
    }

    /// Of a catalogue that cannot be read: as if it were full.
    mutating func knownTotals() -> Catalogue.Totals {
        var totals = Catalogue.Totals()
        do throws(CatalogueError) {
            totals = try catalogue!.totals()
        } catch {
            logTrouble(error)
            totals.bytes = Int64(budget.packageStoreBytes)
            return totals
        }
        counters.set(.packages, UInt64(max(0, totals.count)))
        counters.set(.packageBytes, UInt64(max(0, totals.bytes)))
        return totals
    }

    /// A whole package has been listed: now the oldest give way to it.
    /// - Returns: false if it is one too many, and none may give way.
    mutating func keepsLimits(with newcomer: SHA256Digest) -> Bool {
        while true {
            let totals = knownTotals()
            let isWithin =
                totals.count <= Int64(budget.packages)
                && totals.bytes <= Int64(budget.packageStoreBytes)
            if isWithin { return true }
            if !settings.evictsOldest || !evictOldest(but: newcomer) { return false }
        }
    }

    mutating func roomOnDisk() -> Int64 { freeOnDisk() - Int64(budget.diskReserveBytes) }

    private var bytesOnTheirWay: Int64 {
        var sum: Int64 = 0
        var i = 0
        while i < tables.uploads.count {
            if tables.uploads[i].isUsed { sum += tables.uploads[i].machine.contentBytes }
            i += 1
        }
        return sum
    }

    private mutating func freeOnDisk() -> Int64 {
        if let asked = freeBytesAskedAt,
            now < asked.after(seconds: StoreLoop.secondsBetweenLooks),
            freeBytesAtLook - freeBytes < StoreLoop.bytesBetweenLooks
        {
            return freeBytes
        }
        do throws(FileError) {
            freeBytes = try files!.freeBytes()
        } catch {
            logTrouble(error)
            freeBytes = 0
        }
        freeBytesAtLook = freeBytes
        freeBytesAskedAt = now
        return freeBytes
    }

    /// - Returns: false if nothing could go.
    private mutating func evictOldest(but newcomer: SHA256Digest? = nil) -> Bool {
        var last: Int64 = 0
        do throws(CatalogueError) {
            while let row = try catalogue!.oldest(after: last) {
                last = row.id
                if isBeingRead(row.hash) || row.hash == newcomer { continue }
                let digest = row.hash
                var line = log.begin(.notice)
                line.append("package gives way to a newer one: ")
                line.append(row.name, as: .plain)
                line.append(", sha256 ")
                digest.append(to: &line)
                try catalogue!.delete(digest)
                log.end(line, at: now)
                counters.add(.evicted)
                removeFile(digest)
                return true
            }
        } catch {
            logTrouble(error)
        }
        return false
    }

    private func isBeingRead(_ digest: SHA256Digest) -> Bool {
        var i = 0
        while i < tables.connections.count {
            let connection = tables.connections[i]
            if connection.phase != .free && connection.file != nil && connection.digest == digest {
                return true
            }
            i += 1
        }
        return false
    }
}
