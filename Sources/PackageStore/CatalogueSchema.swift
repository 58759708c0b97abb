// The tables of the catalogue, version by version, and how a database comes to the newest one.
// `user_version` holds the version; 0 is a database that was never finished, and holds nothing of
// value. Every step is one transaction together with its version number: a pulled plug leaves the
// old version or the new one. Called at open; a database of a later version is refused.

import TinyCoT

enum CatalogueSchema {
    static var version: Int64 { 1 }

    /// Version 1. `id` is the order of lists and the `PrimaryKey` of the API; AUTOINCREMENT, so
    /// that a stale list never deletes another package. A listing is known by creator and name.
    private static var versionOne: StaticString {
        """
        DROP TABLE IF EXISTS packages;
        CREATE TABLE packages(
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            hash TEXT NOT NULL UNIQUE CHECK(length(hash) = 64),
            name TEXT NOT NULL,
            creator_uid TEXT NOT NULL,
            submission_user TEXT NOT NULL,
            mime_type TEXT NOT NULL,
            size_bytes INTEGER NOT NULL CHECK(size_bytes >= 0),
            submitted_at INTEGER NOT NULL,
            tool TEXT NOT NULL,
            keywords TEXT NOT NULL,
            last_served INTEGER NOT NULL DEFAULT 0);
        CREATE UNIQUE INDEX packages_by_listing ON packages(creator_uid, name)
            WHERE creator_uid <> ''
        """
    }

    static func currentVersion(_ database: borrowing Database) throws(CatalogueError) -> Int64 {
        let found = try database.number(.check, "PRAGMA user_version")
        if found > version || found < 0 { throw CatalogueError(.open, kind: .newerVersion) }
        return found
    }

    /// Makes the tables of version 1 inside the caller's transaction, which also fills them from
    /// the folder, so that a half-filled catalogue never counts as one.
    static func makeTables(_ database: borrowing Database) throws(CatalogueError) {
        try database.execute(.migrate, versionOne)
    }

    /// Inside the same transaction.
    static func markCurrent(_ database: borrowing Database) throws(CatalogueError) {
        try database.execute(.migrate, "PRAGMA user_version=1")
    }
}
