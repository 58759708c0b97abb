// Makes folder and catalogue agree at start, before the first client is served. A temporary is an
// upload that was cut off. A package without a row was never answered, or its row was deleted
// and the file not yet: it goes. A row without its file, or with one of another size, goes too.
// Never called while an upload runs. A catalogue that was made anew has been filled from the folder
// before (Catalogue.init), so nothing is lost here for want of a database.

import TinyCoT

/// What was found and repaired.
public struct Reconciliation: BitwiseCopyable, Sendable, Equatable {
    public var temporariesRemoved = 0
    public var packagesWithoutRow = 0
    public var rowsWithoutPackage = 0
    /// Files that are not ours, and were left alone.
    public var foreignFiles = 0

    public init() {}

    /// - Parameter buffer: `FolderScan.bufferBytes`.
    public static func run(
        _ files: borrowing PackageFiles, _ catalogue: inout Catalogue, buffer: Slab<UInt8>
    ) throws(StoreError) -> Reconciliation {
        var result = Reconciliation()
        // Rows first: a file that loses its row here is then collected as one without.
        try result.collectRows(files, &catalogue)
        var scan: FolderScan
        do throws(FileError) {
            scan = try FolderScan(files, buffer: buffer)
        } catch { throw .files(error) }
        while let kind = try scan.nextEntry() {
            try result.collect(kind, files, &catalogue)
        }
        if result.temporariesRemoved + result.packagesWithoutRow > 0 {
            do throws(FileError) { try files.syncFolder() } catch { throw .files(error) }
        }
        return result
    }

    private mutating func collectRows(
        _ files: borrowing PackageFiles, _ catalogue: inout Catalogue
    ) throws(StoreError) {
        var last: Int64 = 0
        while let row = try Reconciliation.row(after: last, &catalogue) {
            last = row.id
            let size: Int64?
            do throws(FileError) {
                size = try files.size(row.hash)
            } catch { throw .files(error) }
            if size == row.sizeBytes { continue }
            do throws(CatalogueError) {
                try catalogue.delete(row.hash)
            } catch { throw .catalogue(error) }
            rowsWithoutPackage += 1
        }
    }

    private static func row(
        after id: Int64, _ catalogue: inout Catalogue
    ) throws(StoreError) -> PackageRow? {
        do throws(CatalogueError) {
            return try catalogue.oldest(after: id)
        } catch { throw .catalogue(error) }
    }

    private mutating func collect(
        _ kind: FileKind, _ files: borrowing PackageFiles, _ catalogue: inout Catalogue
    ) throws(StoreError) {
        switch kind {
        case .foreign: foreignFiles += 1
        case .temporary(let number):
            do throws(FileError) {
                try files.removeTemporary(number)
            } catch { throw .files(error) }
            temporariesRemoved += 1
        case .package(let hash):
            let isListed: Bool
            do throws(CatalogueError) {
                isListed = try catalogue.find(hash) != nil
            } catch { throw .catalogue(error) }
            if isListed { return }
            do throws(FileError) { try files.remove(hash) } catch { throw .files(error) }
            packagesWithoutRow += 1
        }
    }
}

extension FolderScan {
    mutating func nextEntry() throws(StoreError) -> FileKind? {
        do throws(FileError) { return try next() } catch { throw .files(error) }
    }
}
