// Where SQLite gets its memory: from one fixed piece, which the memory plan has counted. Called
// once, before the first database is opened; the library keeps its set-up for the life of the
// process. Running out of it is an error of the one operation, never of the process.

import CSQLite
import TinyCoT

/// SQLite has one set of allocation functions for the process, so the heap is one, too. Only the
/// thread that owns the catalogue comes here: the library is set to a single thread.
nonisolated(unsafe) private var heap = FixedHeap()
nonisolated(unsafe) private var isInstalled = false

public enum SQLiteMemory {
    /// What SQLite allows itself of the heap: the rest is room for broken pieces.
    static func limitBytes(_ heapBytes: Int) -> Int { heapBytes - heapBytes / 16 }

    /// - Parameter memory: aligned to 8 bytes, kept for ever.
    /// - Throws: `CatalogueError` if the library refuses; then no database can be opened.
    public static func install(_ memory: Slab<UInt8>) throws(CatalogueError) {
        invariant(!isInstalled, "SQLite is given its memory once")
        isInstalled = true
        heap = FixedHeap(memory: memory)
        try check(tcq_config_single_thread())
        try check(
            tcq_config_memory(
                { heap.allocate(Int($0)) },
                { address in if let address { heap.release(address) } },
                { address, bytes in
                    guard let address else { return heap.allocate(Int(bytes)) }
                    return heap.resize(address, to: Int(bytes))
                },
                { address in
                    guard let address else { return 0 }
                    return Int32(truncatingIfNeeded: heap.size(of: address))
                },
                { bytes in Int32(truncatingIfNeeded: FixedHeap.roundUp(Int(bytes))) }))
        try check(tcq_config_no_lookaside())
        // A file that is mapped would turn an error of the disk into a signal that kills.
        try check(tcq_config_no_file_mapping())
        try check(tcq_initialize())
        _ = tcq_hard_heap_limit(Int64(limitBytes(memory.count)))
    }

    private static func check(_ code: Int32) throws(CatalogueError) {
        if code != tcq_ok { throw CatalogueError(.setUp, code: code, errno: 0) }
    }

    public static var usedBytes: Int { heap.usedBytes }
    /// The most that was ever in use, heads of blocks included.
    public static var peakBytes: Int { heap.peakBytes }
    /// Requests that found no room in the heap. SQLite's own limit refuses before this counts.
    public static var refusals: Int { heap.refusals }

    /// For tests.
    static func checkInvariants() { heap.checkInvariants() }
}
