// The catalogue of data packages in SQLite. The store loop is its only user; every call may wait
// for the disk. What a call returns was committed and is on the disk: it survives a pulled plug
// (ADR 0005). A call that throws has changed nothing, with one exception that no database can
// help: if the disk fails at the last fsync, the next start may find the change made.
//
// Invariant: outside of a call there is no open transaction, and no statement has a row except
// between `beginPage` and the end of the page.

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

    public enum Outcome: BitwiseCopyable {
        case added
        /// The package was there already; at most its name has changed.
        case renewed
        /// It took the place of another package of the same name and creator, whose file is now
        /// without a row. The same happens when a package that was there gets that name.
        case replaced(SHA256Digest)
    }

    public struct Totals: BitwiseCopyable, Sendable, Equatable {
        public var count: Int64 = 0
        public var bytes: Int64 = 0
    }

    let connection: CatalogueConnection
    /// Counted anew after a write that failed.
    private var knownTotals: Totals?
    /// The statement of the page that is being read.
    private var paging: Statement?
    private let rowBuffer: Slab<UInt8>

    /// What `buffer` must hold: the texts of a row, and the room of a folder scan.
    public static var bufferBytes: Int { max(PackageLimits.rowBytes, FolderScan.bufferBytes) }

    /// Opens the catalogue, checks all of it, and makes a new one if it must.
    /// - Parameters:
    ///   - folder: where `catalogue.db` lies; ended by a zero.
    ///   - files: the packages, from which a lost catalogue is filled.
    ///   - buffer: `bufferBytes`, kept for the life of the catalogue.
    public init(
        folder: UnsafePointer<CChar>, files: borrowing PackageFiles, buffer: Slab<UInt8>,
        settings: DatabaseSettings
    ) throws(StoreError) {
        invariant(buffer.count >= Catalogue.bufferBytes, "the catalogue has room for a row")
        rowBuffer = buffer
        let place: CataloguePlace
        do throws(FileError) {
            place = try CataloguePlace(folder: folder)
        } catch { throw .files(error) }
        connection = try CatalogueConnection.open(place, files, buffer, settings)
    }

    public var origin: Origin { connection.origin }
    /// Packages that were listed from the folder alone, because there was no whole database.
    public var rebuiltCount: Int { connection.rebuiltCount }

    // Writing.

    /// Lists a package whose file has been published.
    public mutating func store(_ package: NewPackage) throws(CatalogueError) -> Outcome {
        if !package.isSound { throw CatalogueError(.write, kind: .badField) }
        try begin()
        do throws(CatalogueError) {
            let change = try change(for: package)
            try connection.database.run(connection.statements.commit)
            count(change)
            return change.outcome
        } catch {
            abandon()
            throw error
        }
    }

    /// What `store` does, and by how much the totals change.
    private struct Change: BitwiseCopyable {
        var outcome: Outcome
        var count: Int64 = 0
        var bytes: Int64 = 0
    }

    private mutating func change(for package: NewPackage) throws(CatalogueError) -> Change {
        guard let known = try find(package.hash) else {
            var change = Change(outcome: .added, count: 1, bytes: package.sizeBytes)
            if let listing = try listing(creatorUid: package.creatorUid, name: package.name) {
                try replace(listing, &change)
            }
            try Catalogue.insert(package, connection.database, connection.statements)
            return change
        }
        var change = Change(outcome: .renewed)
        if let listing = try listing(creatorUid: known.creatorUid, name: package.name),
            listing.id != known.id
        {
            // Only who made both may have one take the other's place.
            if !Catalogue.areEqual(package.creatorUid, known.creatorUid) { return change }
            try replace(listing, &change)
        }
        let rename = connection.statements.rename
        rename.bind(1, package.name)
        rename.bind(2, known.id)
        try connection.database.run(rename)
        return change
    }

    private struct Listing: BitwiseCopyable {
        let id: Int64
        let hash: SHA256Digest
        let sizeBytes: Int64
    }

    private func listing(
        creatorUid: Slab<UInt8>, name: Slab<UInt8>
    ) throws(CatalogueError) -> Listing? {
        let statement = connection.statements.findListing
        statement.bind(1, creatorUid)
        statement.bind(2, name)
        if try !connection.database.step(statement) { return nil }
        let hash = SHA256Digest(hex: statement.text(1))
        let id = statement.integer(0)
        let sizeBytes = statement.integer(2)
        statement.reset()
        guard let hash else { throw CatalogueError(.read, kind: .corrupt) }
        return Listing(id: id, hash: hash, sizeBytes: sizeBytes)
    }

    private func replace(
        _ listing: Listing, _ change: inout Change
    ) throws(CatalogueError) {
        try remove(listing.id)
        change.outcome = .replaced(listing.hash)
        change.count -= 1
        change.bytes -= listing.sizeBytes
    }

    private func remove(_ id: Int64) throws(CatalogueError) {
        let statement = connection.statements.delete
        statement.bind(1, id)
        try connection.database.run(statement)
    }

    static func insert(
        _ package: NewPackage, _ database: borrowing Database, _ statements: CatalogueStatements
    ) throws(CatalogueError) {
        let insert = statements.insert
        var digits = InlineArray<64, UInt8>(repeating: 0)
        var failure: CatalogueError?
        withUnsafeMutablePointer(to: &digits) { pointer in
            let start = UnsafeMutableRawPointer(pointer).assumingMemoryBound(to: UInt8.self)
            var writer = ByteWriter(Slab(start: start, count: SHA256Digest.digitCount))
            package.hash.append(to: &writer)
            insert.bind(1, writer.written)
            insert.bind(2, package.sizeBytes)
            insert.bind(3, package.submittedAtMilliseconds)
            insert.bind(4, package.name)
            insert.bind(5, package.creatorUid)
            insert.bind(6, package.submissionUser)
            insert.bind(7, package.mimeType)
            insert.bind(8, package.tool)
            insert.bind(9, package.keywords)
            do throws(CatalogueError) {
                try database.run(insert)
            } catch { failure = error }
        }
        if let failure { throw failure }
    }

    /// - Returns: false if there is no such package.
    @discardableResult
    public mutating func delete(_ hash: SHA256Digest) throws(CatalogueError) -> Bool {
        guard let known = try find(hash) else { return false }
        knownTotals = knownTotals.map {
            Totals(count: $0.count - 1, bytes: $0.bytes - known.sizeBytes)
        }
        do throws(CatalogueError) {
            try remove(known.id)
        } catch {
            abandon()
            throw error
        }
        return true
    }

    /// - Parameter tool: `public` or `private`.
    /// - Returns: false if there is no such package.
    @discardableResult
    public mutating func setTool(
        _ tool: Slab<UInt8>, of hash: SHA256Digest
    ) throws(CatalogueError) -> Bool {
        if !NewPackage.isText(tool, PackageLimits.toolBytes) {
            throw CatalogueError(.write, kind: .badField)
        }
        guard let known = try find(hash) else { return false }
        // Clients set it again and again; what is so already costs the card nothing.
        if Catalogue.areEqual(tool, known.tool) { return true }
        let statement = connection.statements.setTool
        statement.bind(1, tool)
        statement.bind(2, known.id)
        try write(statement)
        return true
    }

    /// Remembers when a package was served, but not more often than the card can bear.
    /// - Parameters:
    ///   - milliseconds: wall clock, since 1970.
    ///   - restMilliseconds: nothing is written if it was served less than this before.
    public mutating func noteServed(
        _ hash: SHA256Digest, at milliseconds: Int64, restMilliseconds: Int64
    ) throws(CatalogueError) {
        guard let known = try find(hash) else { return }
        if milliseconds - known.lastServedMilliseconds < restMilliseconds { return }
        let statement = connection.statements.noteServed
        statement.bind(1, milliseconds)
        statement.bind(2, known.id)
        try write(statement)
    }

    /// One statement that is a transaction by itself.
    private mutating func write(_ statement: Statement) throws(CatalogueError) {
        do throws(CatalogueError) {
            try connection.database.run(statement)
        } catch {
            abandon()
            throw error
        }
    }

    private mutating func begin() throws(CatalogueError) {
        endPage()
        try connection.database.run(connection.statements.begin)
    }

    /// After a failed write: back to what is on the disk.
    private mutating func abandon() {
        knownTotals = nil
        if !connection.database.isInTransaction { return }
        do throws(CatalogueError) {
            try connection.database.run(connection.statements.rollback)
        } catch {
            // SQLite has rolled back by itself, or does so at the next open.
        }
    }

    private mutating func count(_ change: Change) {
        knownTotals = knownTotals.map {
            Totals(count: $0.count + change.count, bytes: $0.bytes + change.bytes)
        }
    }

    private static func areEqual(_ left: Slab<UInt8>, _ right: Slab<UInt8>) -> Bool {
        if left.count != right.count { return false }
        var i = 0
        while i < left.count {
            if left[i] != right[i] { return false }
            i += 1
        }
        return true
    }

    // Reading.

    public mutating func find(_ hash: SHA256Digest) throws(CatalogueError) -> PackageRow? {
        endPage()
        let statement = connection.statements.find
        var digits = InlineArray<64, UInt8>(repeating: 0)
        var result: Result<Bool, CatalogueError> = .success(false)
        withUnsafeMutablePointer(to: &digits) { pointer in
            let start = UnsafeMutableRawPointer(pointer).assumingMemoryBound(to: UInt8.self)
            var writer = ByteWriter(Slab(start: start, count: SHA256Digest.digitCount))
            hash.append(to: &writer)
            statement.bind(1, writer.written)
            do throws(CatalogueError) {
                result = .success(try connection.database.step(statement))
            } catch { result = .failure(error) }
        }
        if try !result.get() { return nil }
        return try takeRow(statement)
    }

    /// The package with the smallest id after `id`; 0 for the very first. For eviction, which skips
    /// those that are being read.
    public mutating func oldest(after id: Int64) throws(CatalogueError) -> PackageRow? {
        beginPage(after: id, count: 1)
        let row = try nextOfPage()
        endPage()
        return row
    }

    /// Begins to list packages in the order of their ids. Follow with `nextOfPage` until it returns
    /// nil; any other call ends the page early. The last id is where the next page begins.
    public mutating func beginPage(after id: Int64, count: Int) {
        endPage()
        let statement = connection.statements.page
        statement.bind(1, id)
        statement.bind(2, Int64(count))
        paging = statement
    }

    /// The same, only packages of one tool.
    /// - Parameter tool: stays until the page has ended.
    public mutating func beginPage(after id: Int64, count: Int, tool: Slab<UInt8>) {
        endPage()
        let statement = connection.statements.pageOfTool
        statement.bind(1, id)
        statement.bind(2, Int64(count))
        statement.bind(3, tool)
        paging = statement
    }

    public mutating func nextOfPage() throws(CatalogueError) -> PackageRow? {
        guard let statement = paging else { return nil }
        do throws(CatalogueError) {
            if try connection.database.step(statement) { return try row(of: statement) }
        } catch {
            endPage()
            throw error
        }
        paging = nil
        return nil
    }

    public mutating func endPage() {
        paging?.reset()
        paging = nil
    }

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

    private func takeRow(_ statement: Statement) throws(CatalogueError) -> PackageRow {
        do throws(CatalogueError) {
            let row = try row(of: statement)
            statement.reset()
            return row
        } catch {
            statement.reset()
            throw error
        }
    }

    /// Copies the texts, because SQLite's own are gone with the next step.
    private func row(of statement: Statement) throws(CatalogueError) -> PackageRow {
        guard let hash = SHA256Digest(hex: statement.text(1)) else {
            throw CatalogueError(.read, kind: .corrupt)
        }
        var writer = ByteWriter(rowBuffer)
        let row = PackageRow(
            id: statement.integer(0), hash: hash, sizeBytes: statement.integer(2),
            submittedAtMilliseconds: statement.integer(3),
            lastServedMilliseconds: statement.integer(4),
            name: keep(statement, 5, &writer), creatorUid: keep(statement, 6, &writer),
            submissionUser: keep(statement, 7, &writer), mimeType: keep(statement, 8, &writer),
            tool: keep(statement, 9, &writer), keywords: keep(statement, 10, &writer))
        // Longer texts than this program ever stores.
        if writer.overflowed { throw CatalogueError(.read, kind: .corrupt) }
        return row
    }

    private func keep(
        _ statement: Statement, _ column: Int32, _ writer: inout ByteWriter
    ) -> Slab<UInt8> {
        let begin = writer.count
        writer.append(statement.text(column))
        return rowBuffer.slice(begin, writer.count - begin)
    }
}
