// The buffers of `tinycot packages`, `backup` and `restore`, taken from one mapping when the
// command begins. The daemon has none of them.

import PackageStore
import TinyCoT

/// What `verify` must know of a package to judge its file.
struct KnownPackage: BitwiseCopyable {
    var digest: SHA256Digest
    var sizeBytes: Int64
}

struct PackagesMemory {
    /// A piece of a file, or of an answer.
    let piece: Slab<UInt8>
    /// The head of a request, then that of its answer with what came behind it.
    let head: Slab<UInt8>
    /// One line of the daemon's list.
    let line: Slab<UInt8>
    /// Rows of a table or pieces of JSON on their way to the terminal.
    let output: Slab<UInt8>
    /// The catalogue's own.
    let row: Slab<UInt8>
    /// The same, of the catalogue in a backup.
    let copyRow: Slab<UInt8>
    let sqlite: Slab<UInt8>
    /// The whole list, for `verify` and `backup`. The pages are taken only as far as the list
    /// reaches.
    let known: Slab<KnownPackage>

    static var pieceBytes: Int { 131_072 }

    /// - Parameter keepsList: `known` has room.
    init(budget: Budget, keepsList: Bool) throws(SystemError) {
        var measuring = Arena.measuring()
        _ = PackagesMemory(budget, keepsList, &measuring)
        var arena = try Mapping.arena(bytes: measuring.usedBytes)
        self = PackagesMemory(budget, keepsList, &arena)
    }

    private init(_ budget: Budget, _ keepsList: Bool, _ arena: inout Arena) {
        piece = arena.take(UInt8.self, count: PackagesMemory.pieceBytes)
        head = arena.take(UInt8.self, count: 8_192)
        line = arena.take(UInt8.self, count: 4_096)
        output = arena.take(UInt8.self, count: 4 * MartiList.pieceBytesMin)
        row = arena.take(UInt8.self, count: Catalogue.bufferBytes)
        copyRow = arena.take(UInt8.self, count: Catalogue.bufferBytes)
        // `backup` may have two catalogues open, the one and its copy.
        sqlite = arena.take(UInt8.self, count: 2 * budget.sqliteHeapBytes)
        // The daemon may have another budget than this command, so there is room for any.
        let most = keepsList ? BudgetKey.packages.range.upperBound : 0
        known = arena.take(KnownPackage.self, count: most)
    }
}
