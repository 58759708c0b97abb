// The folder of packages and the catalogue are opened by the store's own thread, so that a card
// that hangs at start delays no event. If they cannot be opened the reason is logged once,
// packages are answered 503, and it is tried again every half minute: the relay needs none of it.

import CLinuxSys
import PackageStore
import TinyCoT

extension StoreLoop {
    static var openRetrySeconds: Int { 30 }

    mutating func openStore() {
        openAt = .never
        do throws(StoreError) {
            try open()
        } catch {
            closeStore()
            openAt = now.after(seconds: StoreLoop.openRetrySeconds)
            if lastTrouble == .store { return }
            lastTrouble = .store
            counters.set(.isReady, 0)
            var line = log.begin(.error)
            line.append("packages are answered 503: ")
            error.write(into: &line)
            line.append("; tried again every 30 seconds")
            log.end(line, at: now, limited: false)
        }
    }

    private mutating func open() throws(StoreError) {
        if !isSQLiteReady {
            do throws(CatalogueError) {
                try SQLiteMemory.install(tables.sqliteHeap)
            } catch { throw .catalogue(error) }
            isSQLiteReady = true
        }
        // Held until the catalogue is: no restore may begin in between.
        let lock = try lockState()
        let opened: PackageFiles
        do throws(FileError) {
            opened = try PackageFiles.prepareFolder(state: statePath)
        } catch { throw .files(error) }
        var whole = try Catalogue(
            folder: statePath, files: opened, buffer: tables.catalogueBuffer,
            settings: DatabaseSettings(cacheKibibytes: 256, journalPages: 64))
        lock.close()
        let found = try Reconciliation.run(opened, &whole, buffer: tables.received)
        let origin = whole.origin
        files = consume opened
        catalogue = consume whole
        try logOpened(found, origin)
        lastTrouble = .none
        counters.set(.isReady, 1)
    }

    private mutating func lockState() throws(StoreError) -> LockedState {
        let lock: LockedState
        do throws(FileError) {
            lock = try LockedState.lock(path: statePath)
        } catch { throw .files(error) }
        do throws(FileError) {
            logRestored(try lock.settle(buffer: tables.received))
        } catch { throw .files(error) }
        return lock
    }

    /// `serve` has looked already; this is one that ended after that.
    private mutating func logRestored(_ outcome: PendingRestore.Outcome) {
        guard case .finished(let number) = outcome else { return }
        var line = log.begin(.notice)
        line.append("a restore that was cut off was finished")
        if let number {
            line.append("; what was there before is in before-restore-")
            line.append(decimal: number)
        }
        log.end(line, at: now, limited: false)
    }

    private mutating func logOpened(
        _ found: Reconciliation, _ origin: Catalogue.Origin
    ) throws(StoreError) {
        let totals: Catalogue.Totals
        do throws(CatalogueError) {
            totals = try catalogue!.totals()
        } catch { throw .catalogue(error) }
        counters.set(.packages, UInt64(max(0, totals.count)))
        counters.set(.packageBytes, UInt64(max(0, totals.bytes)))
        var line = log.begin(.notice)
        line.append("packages: ")
        line.append(decimal: totals.count)
        line.append(", ")
        line.append(decimal: totals.bytes)
        line.append(" bytes in ")
        line.append(Slab(cString: statePath), as: .plain)
        switch origin {
        case .opened: break
        case .made: line.append("; the catalogue was made")
        case .replaced: line.append("; the catalogue was broken and made anew from the files")
        }
        append(found.temporariesRemoved, " unfinished uploads removed", &line)
        append(found.packagesWithoutRow, " files without an entry removed", &line)
        append(found.rowsWithoutPackage, " entries without a file removed", &line)
        append(found.foreignFiles, " foreign files left alone", &line)
        log.end(line, at: now, limited: false)
    }

    private func append(_ count: Int, _ text: StaticString, _ line: inout ByteWriter) {
        if count == 0 { return }
        line.append("; ")
        line.append(decimal: count)
        line.append(text)
    }

    mutating func closeStore() {
        catalogue = nil
        files = nil
    }

    // MARK: Trouble

    /// What keeps the store closed; said once.
    enum Trouble: UInt8, BitwiseCopyable { case none, store }

    mutating func logTrouble(_ error: FileError) {
        counters.add(.diskErrors)
        var line = log.begin(.error)
        error.write(into: &line)
        log.end(line, at: now)
    }

    mutating func logTrouble(_ error: CatalogueError) {
        counters.add(.diskErrors)
        var line = log.begin(.error)
        error.write(into: &line)
        log.end(line, at: now)
    }
}
