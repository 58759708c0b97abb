// The SQL of the catalogue, prepared once at open and used for the life of the connection, so that
// no later call has to compile anything. Columns are always in the order of `PackageRow`.

import TinyCoT

struct CatalogueStatements: BitwiseCopyable {
    let begin: Statement
    let commit: Statement
    let rollback: Statement
    let insert: Statement
    let rename: Statement
    let find: Statement
    let findListing: Statement
    let delete: Statement
    let setTool: Statement
    let noteServed: Statement
    let page: Statement
    let pageOfTool: Statement
    let totals: Statement

    init(_ database: inout Database) throws(CatalogueError) {
        begin = try database.prepare("BEGIN IMMEDIATE")
        commit = try database.prepare("COMMIT")
        rollback = try database.prepare("ROLLBACK")
        insert = try database.prepare(
            """
            INSERT INTO packages(hash, size_bytes, submitted_at, name, creator_uid,
                submission_user, mime_type, tool, keywords) VALUES(?,?,?,?,?,?,?,?,?)
            """)
        rename = try database.prepare("UPDATE packages SET name = ?1 WHERE id = ?2")
        find = try database.prepare(
            """
            SELECT id, hash, size_bytes, submitted_at, last_served, name, creator_uid,
                submission_user, mime_type, tool, keywords FROM packages WHERE hash = ?
            """)
        // The second condition is that of the index, word by word; without it SQLite reads all.
        findListing = try database.prepare(
            """
            SELECT id, hash, size_bytes FROM packages
            WHERE creator_uid = ? AND creator_uid <> '' AND name = ?
            """)
        delete = try database.prepare("DELETE FROM packages WHERE id = ?")
        setTool = try database.prepare("UPDATE packages SET tool = ? WHERE id = ?")
        noteServed = try database.prepare(
            "UPDATE packages SET last_served = ? WHERE id = ?")
        page = try database.prepare(
            """
            SELECT id, hash, size_bytes, submitted_at, last_served, name, creator_uid,
                submission_user, mime_type, tool, keywords FROM packages
            WHERE id > ?1 ORDER BY id LIMIT ?2
            """)
        pageOfTool = try database.prepare(
            """
            SELECT id, hash, size_bytes, submitted_at, last_served, name, creator_uid,
                submission_user, mime_type, tool, keywords FROM packages
            WHERE id > ?1 AND tool = ?3 ORDER BY id LIMIT ?2
            """)
        totals = try database.prepare(
            "SELECT count(*), coalesce(sum(size_bytes), 0) FROM packages")
    }
}
