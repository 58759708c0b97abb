// One SQLite connection, set up the way ADR 0005 says, and its errors as typed values. The
// catalogue is its only user; SQLiteMemory must have been installed before. A statement is reset
// before its caller returns, except while a page of the list is being read.

import CSQLite
import TinyCoT

/// One prepared statement. Its owner is the `Database` it was prepared on.
struct Statement: BitwiseCopyable {
    let raw: OpaquePointer

    func bind(_ index: Int32, _ value: Int64) { _ = tcq_bind_integer(raw, index, value) }

    /// The bytes must stay until the statement has run.
    func bind(_ index: Int32, _ text: Slab<UInt8>) {
        // A null address would be the SQL value NULL, which no column takes.
        let empty = UnsafeRawPointer(StaticString("").utf8Start)
        let address = text.start.map { UnsafeRawPointer($0) } ?? empty
        _ = tcq_bind_text(raw, index, address, Int32(truncatingIfNeeded: text.count))
    }

    func integer(_ column: Int32) -> Int64 { tcq_integer(raw, column) }

    /// SQLite's own memory; gone after the next step or reset.
    func text(_ column: Int32) -> Slab<UInt8> {
        guard let start = tcq_text(raw, column) else { return Slab("") }
        let bytes = UnsafeMutableRawPointer(mutating: start)
        let count = Int(tcq_text_bytes(raw, column))
        return Slab(start: bytes.assumingMemoryBound(to: UInt8.self), count: count)
    }

    func reset() {
        _ = tcq_reset(raw)
        _ = tcq_clear(raw)
    }
}

/// What the connection may use.
public struct DatabaseSettings: BitwiseCopyable, Sendable {
    /// Pages kept in SQLite's memory.
    public var cacheKibibytes: Int
    /// The journal is written back when it has that many pages of 4 KiB.
    public var journalPages: Int

    public init(cacheKibibytes: Int, journalPages: Int) {
        self.cacheKibibytes = cacheKibibytes
        self.journalPages = journalPages
    }
}

/// Its end is inlinable, as Embedded Swift wants it of a type that another module ends.
@usableFromInline
struct Database: ~Copyable {
    @usableFromInline
    var raw: OpaquePointer?
    /// Kept to be finalized: SQLite does not close a connection that has statements.
    @usableFromInline
    var statements = InlineArray<24, OpaquePointer?>(repeating: nil)
    @usableFromInline
    var statementCount = 0

    init(path: UnsafePointer<CChar>, _ settings: DatabaseSettings) throws(CatalogueError) {
        let code = tcq_open(path, &raw)
        if code != tcq_ok { throw error(.open, code) }
        try check(.open, tcq_no_extensions(raw))
        try check(.open, tcq_defensive(raw))
        // Exclusive first: then the index of the journal is kept in SQLite's memory, not in a
        // mapped file, and nobody else writes behind our back.
        try execute(.open, "PRAGMA locking_mode=EXCLUSIVE")
        try pragma("cache_size=-", settings.cacheKibibytes)
        try execute(
            .open,
            """
            PRAGMA temp_store=MEMORY; PRAGMA mmap_size=0; PRAGMA trusted_schema=OFF;
            PRAGMA secure_delete=OFF; PRAGMA cell_size_check=ON;
            PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL
            """)
        try pragma("wal_autocheckpoint=", settings.journalPages)
        // After a large transaction the journal shrinks to this again.
        try pragma("journal_size_limit=", settings.journalPages * 4096)
    }

    @inlinable
    deinit {
        var i = 0
        while i < statementCount {
            _ = tcq_finalize(statements[i])
            i += 1
        }
        _ = tcq_close(raw)
    }

    /// Called directly after what failed, because of the errno. Only an error of the disk has one.
    func error(_ step: CatalogueError.Step, _ code: Int32) -> CatalogueError {
        let errno = tcq_system_errno()
        let isOfTheDisk =
            code & 0xFF == tcq_input_output || code & 0xFF == tcq_cannot_open
            || code & 0xFF == tcq_full
        return CatalogueError(step, code: code, errno: isOfTheDisk ? errno : 0)
    }

    func check(_ step: CatalogueError.Step, _ code: Int32) throws(CatalogueError) {
        if code != tcq_ok { throw error(step, code) }
    }

    func execute(_ step: CatalogueError.Step, _ sql: StaticString) throws(CatalogueError) {
        let text = UnsafeRawPointer(sql.utf8Start).assumingMemoryBound(to: CChar.self)
        try check(step, tcq_execute(raw, text))
    }

    private func pragma(_ name: StaticString, _ value: Int) throws(CatalogueError) {
        var text = InlineArray<64, UInt8>(repeating: 0)
        let code = withUnsafeMutablePointer(to: &text) { pointer in
            let start = UnsafeMutableRawPointer(pointer).assumingMemoryBound(to: UInt8.self)
            var writer = ByteWriter(Slab(start: start, count: 63))
            writer.append("PRAGMA ")
            writer.append(name)
            writer.append(decimal: value)
            invariant(!writer.overflowed, "a setting fits its buffer")
            return tcq_execute(
                raw, UnsafeRawPointer(start).assumingMemoryBound(to: CChar.self))
        }
        try check(.open, code)
    }

    mutating func prepare(_ sql: StaticString) throws(CatalogueError) -> Statement {
        invariant(statementCount < statements.count, "the connection keeps every statement")
        let text = UnsafeRawPointer(sql.utf8Start).assumingMemoryBound(to: CChar.self)
        var statement: OpaquePointer?
        let bytes = Int32(truncatingIfNeeded: sql.utf8CodeUnitCount)
        try check(.prepare, tcq_prepare(raw, text, bytes, &statement))
        statements[statementCount] = statement
        statementCount += 1
        guard let statement else { throw CatalogueError(.prepare, kind: .other) }
        return Statement(raw: statement)
    }

    /// Runs a statement that gives no rows.
    func run(_ statement: Statement) throws(CatalogueError) {
        let code = tcq_step(statement.raw)
        let failure = error(.write, code)
        statement.reset()
        if code != tcq_done { throw failure }
    }

    /// - Returns: whether there is a row. If not, or after an error, the statement is reset.
    func step(_ statement: Statement) throws(CatalogueError) -> Bool {
        let code = tcq_step(statement.raw)
        if code == tcq_row { return true }
        let failure = error(.read, code)
        statement.reset()
        if code != tcq_done { throw failure }
        return false
    }

    /// One number from a statement that is used once.
    func number(
        _ step: CatalogueError.Step, _ sql: StaticString
    ) throws(CatalogueError) -> Int64 {
        var value: Int64 = 0
        try once(step, sql) { statement in value = statement.integer(0) }
        return value
    }

    /// Hands the first row of a statement that is used once to `body`.
    func once(
        _ step: CatalogueError.Step, _ sql: StaticString, _ body: (Statement) -> Void
    ) throws(CatalogueError) {
        let text = UnsafeRawPointer(sql.utf8Start).assumingMemoryBound(to: CChar.self)
        var found: OpaquePointer?
        let bytes = Int32(truncatingIfNeeded: sql.utf8CodeUnitCount)
        try check(step, tcq_prepare(raw, text, bytes, &found))
        guard let found else { throw CatalogueError(step, kind: .other) }
        let code = tcq_step(found)
        let failure = error(step, code)
        if code == tcq_row { body(Statement(raw: found)) }
        _ = tcq_finalize(found)
        if code != tcq_row && code != tcq_done { throw failure }
    }

    /// Since it was opened.
    var pagesWritten: Int64 { tcq_pages_written(raw) }
    var isReadOnly: Bool { tcq_is_read_only(raw) != 0 }
    var isInTransaction: Bool { tcq_is_autocommit(raw) == 0 }
}
