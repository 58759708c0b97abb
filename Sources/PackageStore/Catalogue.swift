// The catalogue of data packages in SQLite. The store loop is its only user; every call may wait
// for the disk. What a call returns was committed and is on the disk: it survives a pulled plug
// (ADR 0005). A call that throws has changed nothing, with one exception that no database can
// help: if the disk fails at the last fsync, the next start may find the change made.
//
// Here is its life: open, transactions, totals, close. The rules of a listing are in
// CatalogueWriting, lists in CatalogueReading, feeds of video in CatalogueVideos, its copy in
// CatalogueCopying.
//
// Invariant: outside of a call there is no open transaction, except while several feeds are stored,
// and no statement has a row except between the beginning of a page and its end.

import CSQLite
import TinyCoT

public struct Catalogue: ~Copyable {
    /// What was found at open.
    public enum Origin: BitwiseCopyable, Sendable {
        /// The database was whole.
        case opened
        /// There was none; it was made, and filled from the folder of packages.
        case made
        /// There was one that is broken. It was renamed, and a new one was filled from the folder.
        case replaced
    }

    public struct Totals: BitwiseCopyable, Sendable, Equatable {
        public var count: Int64 = 0
        public var bytes: Int64 = 0

        public init(count: Int64 = 0, bytes: Int64 = 0) {
            self.count = count
            self.bytes = bytes
        }
    }

    let connection: CatalogueConnection
    /// Counted anew after a write that failed.
    var knownTotals: Totals?
    /// The statement of the page that is being read: of packages or of feeds, never of both.
    var packagePage: Statement?
    var videoPage: Statement?
    let rowBuffer: Slab<UInt8>
    let journalPages: Int

    /// What `buffer` must hold: the texts of a row, and the room of a folder scan.
    public static var bufferBytes: Int {
        // In pairs: of three, the standard library makes an array.
        max(max(PackageLimits.rowBytes, VideoLimits.rowBytes), FolderScan.bufferBytes)
    }

    /// Opens the catalogue, checks all of it, and makes a new one if it must.
    /// - Parameters:
    ///   - folder: the state folder, where `catalogue.db` lies; ended by a zero. SQLite takes no
    ///     longer path than `CataloguePlace.folderBytes`.
    ///   - files: the packages, from which a lost catalogue is filled.
    ///   - buffer: `bufferBytes`, kept for the life of the catalogue.
    public init(
        folder: UnsafePointer<CChar>, files: borrowing PackageFiles, buffer: Slab<UInt8>,
        settings: DatabaseSettings
    ) throws(StoreError) {
        invariant(buffer.count >= Catalogue.bufferBytes, "the catalogue has room for a row")
        rowBuffer = buffer
        journalPages = settings.journalPages
        let place: CataloguePlace
        do throws(FileError) {
            place = try CataloguePlace(folder: folder)
        } catch { throw .files(error) }
        connection = try CatalogueConnection.open(place, files, buffer, settings)
    }

    /// Opens a catalogue that must be there and whole: of a backup. Nothing is made anew and
    /// nothing set aside; one of an older version is brought to this one.
    public init(
        existing folder: UnsafePointer<CChar>, buffer: Slab<UInt8>, settings: DatabaseSettings
    ) throws(StoreError) {
        invariant(buffer.count >= Catalogue.bufferBytes, "the catalogue has room for a row")
        rowBuffer = buffer
        journalPages = settings.journalPages
        let place: CataloguePlace
        do throws(FileError) {
            place = try CataloguePlace(folder: folder)
        } catch { throw .files(error) }
        do throws(CatalogueError) {
            connection = try CatalogueConnection.openWhole(place, settings)
        } catch { throw .catalogue(error) }
    }

    /// Pages of 4 KiB that were written since it was opened, each as often as it was.
    public var pagesWritten: Int64 { connection.database.pagesWritten }
    public var origin: Origin { connection.origin }
    /// Packages that were listed from the folder alone, because there was no whole database.
    public var rebuiltCount: Int { connection.rebuiltCount }

    /// All packages. Counted once, and again after a write that failed.
    public mutating func totals() throws(CatalogueError) -> Totals {
        if let knownTotals { return knownTotals }
        endPage()
        let statement = connection.statements.totals
        var totals = Totals()
        if try connection.database.step(statement) {
            totals = Totals(count: statement.integer(0), bytes: statement.integer(1))
            statement.reset()
        }
        knownTotals = totals
        return totals
    }

    /// Writes the journal back, so that the next start has nothing to do. The end of a catalogue
    /// does the same and tells nobody. After an error all is on the disk all the same: what was
    /// returned was committed, and the next start writes it back.
    public mutating func writeBack() throws(CatalogueError) {
        endPage()
        try connection.database.execute(.write, "PRAGMA wal_checkpoint(TRUNCATE)")
    }

    /// The same, at the end.
    public consuming func close() throws(CatalogueError) { try writeBack() }

    // Transactions.

    /// One statement that is a transaction by itself.
    mutating func write(_ statement: Statement) throws(CatalogueError) {
        do throws(CatalogueError) {
            try connection.database.run(statement)
        } catch {
            abandon()
            throw error
        }
    }

    mutating func begin() throws(CatalogueError) {
        endPage()
        try connection.database.run(connection.statements.begin)
    }

    /// After a failed write: back to what is on the disk.
    mutating func abandon() {
        knownTotals = nil
        if !connection.database.isInTransaction { return }
        do throws(CatalogueError) {
            try connection.database.run(connection.statements.rollback)
        } catch {
            // SQLite has rolled back by itself, or does so at the next open.
        }
    }
}
