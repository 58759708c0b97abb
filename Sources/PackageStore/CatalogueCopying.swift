// The catalogue as a file, for a backup, while it goes on being changed (ADR 0012). With the
// journal written back and not written back again, the database's own file is what was committed
// up to that moment, and stays so: later changes go to the journal. So the copy needs no memory, no
// second file on the card and no pause. Called by the store loop and by `tinycot backup`.
//
// beginCopy … readCopy … endCopy. Only one copy at a time.

import CSQLite
import TinyCoT

extension Catalogue {
    /// What one `readCopy` can want at most: a page.
    public static var copyPieceBytes: Int { 4096 }

    /// Writes the journal back and holds it there from now on.
    /// - Returns: the bytes of the file.
    public mutating func beginCopy() throws(CatalogueError) -> Int64 {
        try holdJournal()
        do throws(CatalogueError) {
            let database = connection.database.raw
            try connection.database.check(.write, tcq_checkpoint(database))
            var bytes: Int64 = 0
            try connection.database.check(.read, tcq_file_size(database, &bytes))
            return bytes
        } catch {
            endCopy()
            throw error
        }
    }

    private mutating func holdJournal() throws(CatalogueError) {
        endPage()
        try connection.database.check(.write, tcq_autocheckpoint(connection.database.raw, 0))
    }

    /// Fills `bytes` from `offset` on; the stretch must lie in the file.
    public func readCopy(
        at offset: Int64, into bytes: Slab<UInt8>
    ) throws(CatalogueError) {
        try connection.database.check(
            .read,
            tcq_file_read(connection.database.raw, bytes.start, Int32(bytes.count), offset))
    }

    /// From here on the journal is written back as usual: with the next change, if it has grown.
    public mutating func endCopy() {
        _ = tcq_autocheckpoint(connection.database.raw, Int32(clamping: journalPages))
    }

    /// Rows changed since the catalogue was opened. While a copy is made, the journal grows with
    /// them, and with the journal its index in SQLite's memory.
    public func changeCount() -> Int64 { tcq_total_changes(connection.database.raw) }
}
