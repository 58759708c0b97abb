// What the catalogue does with an upload: lists it, renews what is listed, lets it take the place
// of another, removes it. The store loop calls it after the file has been published.
//
// The rules of a listing. The bytes are listed once, because the hash is their name. A listing
// belongs to the team that uploaded it first, and who knows the hash may have the bytes, of
// whatever team: so a second team gets its answer, and nothing is changed. A listing without a team
// is nobody's, and the first team that uploads the same bytes takes it over. The same team, creator
// and name replace the listing. Who has no team or no creator replaces nothing and is
// replaced by nothing: a name and a uid that somebody overheard must not remove what is listed.

import CSQLite
import TinyCoT

extension Catalogue {
    public enum Outcome: BitwiseCopyable {
        case added
        /// The package was there already; at most its name has changed, or it has got a team.
        case renewed
        /// Another team has listed the same bytes. Nothing was changed.
        case ofAnotherTeam
        /// It took the place of another package of the same team, creator and name, whose file is
        /// now without a row. The same happens when a package that was there gets that name.
        case replaced(SHA256Digest)
    }

    /// What a call for one package has done.
    public enum Effect: BitwiseCopyable {
        /// There is no such package.
        case absent
        /// It was so already, and nothing was written.
        case unchanged
        case changed
    }

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
            if let listing = try listing(package.team, package.creatorUid, package.name) {
                try replace(listing, &change)
            }
            try Catalogue.insert(package, connection.database, connection.statements)
            return change
        }
        if !package.team.equals(known.team) {
            if known.team.count > 0 { return Change(outcome: .ofAnotherTeam) }
            return try adopt(known, package)
        }
        // Clients upload the same again and again; what is so already costs the card nothing.
        if package.name.equals(known.name) { return Change(outcome: .renewed) }
        return try rename(known, package)
    }

    /// A package that belongs to no team becomes what the new upload says.
    private func adopt(
        _ known: PackageRow, _ package: NewPackage
    ) throws(CatalogueError) -> Change {
        var change = Change(outcome: .renewed)
        if let listing = try listing(package.team, package.creatorUid, package.name) {
            try replace(listing, &change)
        }
        let adopt = connection.statements.adopt
        adopt.bind(1, known.id)
        adopt.bindTexts(of: package, from: 2)
        try connection.database.run(adopt)
        return change
    }

    private func rename(
        _ known: PackageRow, _ package: NewPackage
    ) throws(CatalogueError) -> Change {
        var change = Change(outcome: .renewed)
        if let listing = try listing(known.team, known.creatorUid, package.name) {
            // Only who made both may have one take the other's place.
            if !package.creatorUid.equals(known.creatorUid) { return change }
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
        _ team: Slab<UInt8>, _ creatorUid: Slab<UInt8>, _ name: Slab<UInt8>
    ) throws(CatalogueError) -> Listing? {
        let statement = connection.statements.findListing
        statement.bind(1, team)
        statement.bind(2, creatorUid)
        statement.bind(3, name)
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
            insert.bindTexts(of: package, from: 4)
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
    @discardableResult
    public mutating func setTool(
        _ tool: Slab<UInt8>, of hash: SHA256Digest
    ) throws(CatalogueError) -> Effect {
        if !NewPackage.isText(tool, PackageLimits.toolBytes) {
            throw CatalogueError(.write, kind: .badField)
        }
        guard let known = try find(hash) else { return .absent }
        // Clients set it again and again; what is so already costs the card nothing.
        if tool.equals(known.tool) { return .unchanged }
        let statement = connection.statements.setTool
        statement.bind(1, tool)
        statement.bind(2, known.id)
        try write(statement)
        return .changed
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

    private mutating func count(_ change: Change) {
        knownTotals = knownTotals.map {
            Totals(count: $0.count + change.count, bytes: $0.bytes + change.bytes)
        }
    }
}

extension Statement {
    /// The texts of a package in the order of the columns.
    fileprivate func bindTexts(of package: NewPackage, from index: Int32) {
        bind(index, package.name)
        bind(index + 1, package.creatorUid)
        bind(index + 2, package.submissionUser)
        bind(index + 3, package.mimeType)
        bind(index + 4, package.tool)
        bind(index + 5, package.keywords)
        bind(index + 6, package.team)
    }
}
