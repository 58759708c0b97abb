// The SQL of the catalogue, prepared once at open and used for the life of the connection, so that
// no later call has to compile anything. Columns are always in the order of `PackageRow`.

import TinyCoT

struct CatalogueStatements: BitwiseCopyable {
    let begin: Statement
    let commit: Statement
    let rollback: Statement
    let insert: Statement
    let adopt: Statement
    let rename: Statement
    let find: Statement
    let findListing: Statement
    let delete: Statement
    let setTool: Statement
    let noteServed: Statement
    let page: Statement
    let pageOfTool: Statement
    let totals: Statement
    let findVideo: Statement
    let insertVideo: Statement
    let evictVideo: Statement
    let countVideos: Statement
    let pageOfVideos: Statement

    static var findListingText: StaticString {
        """
        SELECT id, hash, size_bytes FROM packages
        WHERE team = ? AND team <> '' AND creator_uid = ? AND creator_uid <> '' AND name = ?
        """
    }

    init(_ database: inout Database) throws(CatalogueError) {
        begin = try database.prepare("BEGIN IMMEDIATE")
        commit = try database.prepare("COMMIT")
        rollback = try database.prepare("ROLLBACK")
        insert = try database.prepare(
            """
            INSERT INTO packages(hash, size_bytes, submitted_at, name, creator_uid,
                submission_user, mime_type, tool, keywords, team)
                VALUES(?,?,?,?,?,?,?,?,?,?)
            """)
        adopt = try database.prepare(
            """
            UPDATE packages SET name = ?2, creator_uid = ?3, submission_user = ?4,
                mime_type = ?5, tool = ?6, keywords = ?7, team = ?8 WHERE id = ?1
            """)
        rename = try database.prepare("UPDATE packages SET name = ?1 WHERE id = ?2")
        find = try database.prepare(
            """
            SELECT id, hash, size_bytes, submitted_at, last_served, name, creator_uid,
                submission_user, mime_type, tool, keywords, team FROM packages WHERE hash = ?
            """)
        // The inequalities are those of the index, word by word; without them SQLite reads all.
        findListing = try database.prepare(CatalogueStatements.findListingText)
        delete = try database.prepare("DELETE FROM packages WHERE id = ?")
        setTool = try database.prepare("UPDATE packages SET tool = ? WHERE id = ?")
        noteServed = try database.prepare(
            "UPDATE packages SET last_served = ? WHERE id = ?")
        page = try database.prepare(
            """
            SELECT id, hash, size_bytes, submitted_at, last_served, name, creator_uid,
                submission_user, mime_type, tool, keywords, team FROM packages
            WHERE id > ?1 ORDER BY id LIMIT ?2
            """)
        pageOfTool = try database.prepare(
            """
            SELECT id, hash, size_bytes, submitted_at, last_served, name, creator_uid,
                submission_user, mime_type, tool, keywords, team FROM packages
            WHERE id > ?1 AND tool = ?3 ORDER BY id LIMIT ?2
            """)
        totals = try database.prepare(
            "SELECT count(*), coalesce(sum(size_bytes), 0) FROM packages")
        findVideo = try database.prepare(
            "SELECT feed FROM videos WHERE team = ? AND uuid = ?")
        insertVideo = try database.prepare(
            "INSERT OR REPLACE INTO videos(team, uuid, feed) VALUES(?,?,?)")
        evictVideo = try database.prepare(
            """
            DELETE FROM videos WHERE id = (SELECT min(id) FROM videos WHERE team =
                (SELECT team FROM videos GROUP BY team ORDER BY count(*) DESC, min(id) LIMIT 1))
            """)
        countVideos = try database.prepare("SELECT count(*) FROM videos")
        pageOfVideos = try database.prepare(
            "SELECT id, team, uuid, feed FROM videos WHERE id > ? ORDER BY id")
    }
}
