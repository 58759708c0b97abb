// Reads the catalogue: one package, or a list page by page. Called for every request and list of
// the HTTP side, at eviction, and at start by Reconciliation. The texts of a row are copied into
// the catalogue's buffer, because SQLite's own are gone with the next step.

import TinyCoT

extension Catalogue {
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
        packagePage = statement
    }

    /// The same, only packages of one tool.
    /// - Parameter tool: stays until the page has ended.
    public mutating func beginPage(after id: Int64, count: Int, tool: Slab<UInt8>) {
        endPage()
        let statement = connection.statements.pageOfTool
        statement.bind(1, id)
        statement.bind(2, Int64(count))
        statement.bind(3, tool)
        packagePage = statement
    }

    public mutating func nextOfPage() throws(CatalogueError) -> PackageRow? {
        guard let statement = packagePage else { return nil }
        do throws(CatalogueError) {
            if try connection.database.step(statement) { return try row(of: statement) }
        } catch {
            endPage()
            throw error
        }
        packagePage = nil
        return nil
    }

    public mutating func endPage() {
        packagePage?.reset()
        packagePage = nil
        videoPage?.reset()
        videoPage = nil
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
            tool: keep(statement, 9, &writer), keywords: keep(statement, 10, &writer),
            team: keep(statement, 11, &writer))
        // Longer texts than this program ever stores.
        if writer.overflowed { throw CatalogueError(.read, kind: .corrupt) }
        return row
    }

    func keep(
        _ statement: Statement, _ column: Int32, _ writer: inout ByteWriter
    ) -> Slab<UInt8> {
        let begin = writer.count
        writer.append(statement.text(column))
        return rowBuffer.slice(begin, writer.count - begin)
    }
}
