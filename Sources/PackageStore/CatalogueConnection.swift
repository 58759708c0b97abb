// Opening the database: it is checked whole, brought to this version, or made anew from the folder
// of packages. Called by Catalogue.init only, once at start, and once more for a backup.

import CSQLite
import TinyCoT

struct CatalogueConnection: ~Copyable {
    var database: Database
    let statements: CatalogueStatements
    let origin: Catalogue.Origin
    /// Rows that were made from the folder.
    private(set) var rebuiltCount = 0

    private init(
        _ database: consuming Database, _ statements: CatalogueStatements,
        _ origin: Catalogue.Origin
    ) {
        self.database = database
        self.statements = statements
        self.origin = origin
    }

    static func open(
        _ place: CataloguePlace, _ files: borrowing PackageFiles,
        _ buffer: Slab<UInt8>, _ settings: DatabaseSettings
    ) throws(StoreError) -> CatalogueConnection {
        var found: CatalogueError
        do throws(CatalogueError) {
            return try openWhole(place, settings)
        } catch { found = error }
        if isDamage(found, place) {
            // A second look: what the disk could not read once, it may read now.
            do throws(CatalogueError) {
                return try openWhole(place, settings)
            } catch { found = error }
        }
        if found.kind == .unfinished {
            do throws(StoreError) {
                return try make(place, files, buffer, settings, .made)
            } catch {
                guard case .catalogue(let second) = error, second.kind == .corrupt else {
                    throw error
                }
            }
        } else if !isDamage(found, place) {
            throw .catalogue(found)
        }
        do throws(FileError) { try place.setAside() } catch { throw .files(error) }
        return try make(place, files, buffer, settings, .replaced)
    }

    /// No row and no table of ours needs as much at once.
    static var largestRequestBytes: Int64 { 131_072 }

    /// Do the bytes of the database cause the error?
    private static func isDamage(
        _ error: CatalogueError, _ place: CataloguePlace
    ) -> Bool {
        switch error.kind {
        case .corrupt: true
        // Damaged bytes can say that a row is as long as the file.
        case .noMemory: tcq_take_largest_request() > largestRequestBytes
        // A file that may be written to, but says that it may not, has a damaged head.
        default: error.isReadOnly && place.isWritable
        }
    }

    /// - Throws: `.unfinished` for a database of version 0, `.corrupt` for a broken one.
    static func openWhole(
        _ place: CataloguePlace, _ settings: DatabaseSettings
    ) throws(CatalogueError) -> CatalogueConnection {
        _ = tcq_take_largest_request()
        var database = try place.open(settings)
        let version = try CatalogueSchema.currentVersion(database)
        if version == 0 { throw CatalogueError(.open, kind: .unfinished) }
        try check(database)
        if database.isReadOnly { throw CatalogueError(.open, code: tcq_read_only, errno: 0) }
        try CatalogueSchema.migrate(database, from: version)
        let statements = try CatalogueStatements(&database)
        return CatalogueConnection(database, statements, .opened)
    }

    private static func check(_ database: borrowing Database) throws(CatalogueError) {
        var isWhole = false
        var lacksMemory = false
        try database.once(.check, "PRAGMA quick_check(1)") { row in
            let found = row.text(0)
            isWhole = found.equals("ok")
            // A page that could not be read for want of memory is reported like a broken one.
            lacksMemory = found.ends(with: "error code=7") || found.ends(with: "error code=3082")
        }
        if lacksMemory { throw CatalogueError(.check, code: tcq_no_memory, errno: 0) }
        if !isWhole { throw CatalogueError(.check, kind: .corrupt) }
    }

    /// One transaction for all: without its end there is no catalogue, and the next start makes it
    /// again. It is rolled back by closing.
    private static func make(
        _ place: CataloguePlace, _ files: borrowing PackageFiles,
        _ buffer: Slab<UInt8>, _ settings: DatabaseSettings, _ origin: Catalogue.Origin
    ) throws(StoreError) -> CatalogueConnection {
        var connection: CatalogueConnection
        do throws(CatalogueError) {
            connection = try makeTables(place, settings, origin)
        } catch { throw .catalogue(error) }
        try connection.fill(files, buffer)
        do throws(CatalogueError) {
            try connection.database.run(connection.statements.commit)
        } catch { throw .catalogue(error) }
        do throws(FileError) { try place.sync() } catch { throw .files(error) }
        return connection
    }

    private static func makeTables(
        _ place: CataloguePlace, _ settings: DatabaseSettings,
        _ origin: Catalogue.Origin
    ) throws(CatalogueError) -> CatalogueConnection {
        var database = try place.open(settings)
        try database.execute(.migrate, "BEGIN IMMEDIATE")
        try CatalogueSchema.makeTables(database)
        let statements = try CatalogueStatements(&database)
        return CatalogueConnection(database, statements, origin)
    }

    private mutating func fill(
        _ files: borrowing PackageFiles, _ buffer: Slab<UInt8>
    ) throws(StoreError) {
        var scan: FolderScan
        do throws(FileError) {
            scan = try FolderScan(files, buffer: buffer)
        } catch { throw .files(error) }
        while let kind = try scan.nextEntry() {
            guard case .package(let hash) = kind else { continue }
            var facts: FileFacts?
            do throws(FileError) { facts = try files.facts(hash) } catch { throw .files(error) }
            guard let facts else { continue }
            do throws(CatalogueError) {
                try insert(hash, facts)
            } catch { throw .catalogue(error) }
            rebuiltCount += 1
        }
    }

    /// Only the file is known. The package is private: nobody knows whom it was meant for, and who
    /// has its hash may have it.
    private func insert(_ hash: SHA256Digest, _ facts: FileFacts) throws(CatalogueError) {
        var name = InlineArray<72, UInt8>(repeating: 0)
        var failure: CatalogueError?
        withUnsafeMutablePointer(to: &name) { pointer in
            let start = UnsafeMutableRawPointer(pointer).assumingMemoryBound(to: UInt8.self)
            var writer = ByteWriter(Slab(start: start, count: 72))
            hash.append(to: &writer)
            writer.append(".zip")
            var package = NewPackage(hash: hash, name: writer.written)
            package.sizeBytes = facts.sizeBytes
            package.submittedAtMilliseconds = facts.modifiedMilliseconds
            do throws(CatalogueError) {
                try Catalogue.insert(package, database, statements)
            } catch { failure = error }
        }
        if let failure { throw failure }
    }
}

extension Slab where Element == UInt8 {
    fileprivate func ends(with text: StaticString) -> Bool {
        let length = text.utf8CodeUnitCount
        return count >= length && slice(count - length, length).equals(text)
    }
}
