// Is there room for another package: on the disk with its reserve, and inside `package_store_bytes`
// and `packages`? Where the operator allows it, the oldest packages give way, but never one that
// is being read.

import CLinuxSys
import PackageStore
import TinyCoT

extension StoreLoop {
    /// The free room is asked for again after this much was written.
    private static var bytesBetweenLooks: Int64 { 4 * 1_048_576 }
    private static var secondsBetweenLooks: Int { 1 }
    /// Packages that give way to one stretch of an upload.
    private static var evictionsPerStep: Int { 64 }

    /// What could be stored if everything gave way that may. Asked when an upload is announced:
    /// for an announcement alone nothing goes.
    mutating func possibleRoom() -> Int64 {
        let now = room()
        if !settings.evictsOldest { return now }
        let listed = knownTotals().bytes
        let inStore = Int64(budget.packageStoreBytes) - bytesOnTheirWay
        return min(inStore, roomOnDisk() + listed)
    }

    /// What may be stored now, after something has given way if it must and may.
    mutating func makeRoom(for bytes: Int64) -> Int64 {
        var room = room()
        if room >= bytes || !settings.evictsOldest { return room }
        var rounds = 0
        while room < bytes && rounds < StoreLoop.evictionsPerStep && evictOldest() {
            room = self.room()
            rounds += 1
        }
        return room
    }

    private mutating func room() -> Int64 {
        let inStore =
            Int64(budget.packageStoreBytes) - knownTotals().bytes - bytesOnTheirWay
        return min(inStore, roomOnDisk())
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

    /// There may be one listing too many since the last one was added.
    /// - Returns: false if none may give way.
    mutating func isWithinPackages() -> Bool {
        while knownTotals().count > Int64(budget.packages) {
            if !settings.evictsOldest || !evictOldest() { return false }
        }
        return true
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
    private mutating func evictOldest() -> Bool {
        var last: Int64 = 0
        do throws(CatalogueError) {
            while let row = try catalogue!.oldest(after: last) {
                last = row.id
                if isBeingRead(row.hash) { continue }
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
