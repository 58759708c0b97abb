// The write budget of the store loop: what its ledger knows is shown by `status`, and that packages
// have to stop is said once a day. Who writes asks the ledger itself (`StoreLoop.ledger`).

import CLinuxSys
import PackageStore
import TinyCoT

extension StoreLoop {
    /// A page goes into the journal with a head of its own, and later into the database.
    private static var bytesPerCataloguePage: Int64 { 2 * 4_096 + 24 }

    /// SQLite writes by itself; its pages are counted afterwards, each as if it went both ways.
    mutating func noteCatalogueWrites() {
        guard let pages = catalogue?.pagesWritten else {
            cataloguePagesNoted = 0
            return
        }
        if pages > cataloguePagesNoted {
            let bytes = (pages - cataloguePagesNoted) * StoreLoop.bytesPerCataloguePage
            ledger.note(bytes, for: .catalogue, now: now)
        }
        cataloguePagesNoted = pages
    }

    /// Says once a day who has to stop for the rest of it.
    mutating func noteWriteBudget() {
        let isUsedUp = ledger.remaining(for: .packages, now: now) == 0
        if isUsedUp == isWriteBudgetUsedUp { return }
        isWriteBudgetUsedUp = isUsedUp
        var line = log.begin(isUsedUp ? .warning : .notice)
        if isUsedUp {
            line.append("no packages are taken: seven eighths of disk_write_bytes_per_day, ")
            line.append(decimal: budget.diskWriteBytesPerDay)
            line.append(", are written; the next day begins in ")
            line.append(decimal: ledger.secondsToWait(now: now))
            line.append(" s")
        } else {
            line.append("packages are taken again: a new day of disk_write_bytes_per_day began")
        }
        log.end(line, at: now)
    }

    /// For `status`.
    func showWrites() {
        let written = ledger.report(now: now)
        var i = 0
        while i < WritePurpose.count {
            counters.set(StoreCounter.today(i), written.today[i])
            counters.set(StoreCounter.total(i), written.total[i])
            i += 1
        }
    }
}

extension StoreCounter {
    /// By `WritePurpose.rawValue`, whose order theirs is.
    static func today(_ purpose: Int) -> StoreCounter { shifted(.stateToday, purpose) }
    static func total(_ purpose: Int) -> StoreCounter { shifted(.stateWritten, purpose) }

    private static func shifted(_ first: StoreCounter, _ by: Int) -> StoreCounter {
        guard by < WritePurpose.count,
            let found = StoreCounter(rawValue: first.rawValue + UInt8(by))
        else { invariantBroken("every purpose has its counters") }
        return found
    }
}
