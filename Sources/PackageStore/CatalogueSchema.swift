// The tables of the catalogue, version by version, and how a database comes to the newest one.
// `user_version` holds the version; 0 is a database that was never finished, and holds nothing of
// value. Every step is one transaction together with its version number: a pulled plug leaves the
// old version or the new one. A new database goes the same way, so both have the same tables.
// Called at open; a database of a later version is refused.

import TinyCoT

enum CatalogueSchema {
    static var version: Int64 { 2 }

    /// Version 0 may hold anything.
    private static var clearing: StaticString {
        "DROP TABLE IF EXISTS packages; DROP TABLE IF EXISTS videos"
    }

    /// `id` is the order of lists and the `PrimaryKey` of the API; AUTOINCREMENT, so that a stale
    /// list never deletes another package.
    private static var versionOne: StaticString {
        """
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

    /// Packages belong to teams, and a listing is known by team, creator and name. Of packages that
    /// were there before, nobody knows the team. Feeds of video are kept.
    private static var fromOneToTwo: StaticString {
        """
        ALTER TABLE packages ADD COLUMN team TEXT NOT NULL DEFAULT '';
        DROP INDEX packages_by_listing;
        CREATE UNIQUE INDEX packages_by_listing ON packages(team, creator_uid, name)
            WHERE team <> '' AND creator_uid <> '';
        CREATE TABLE videos(
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            team TEXT NOT NULL,
            uuid TEXT NOT NULL,
            feed TEXT NOT NULL,
            UNIQUE(team, uuid));
        PRAGMA user_version=2
        """
    }

    static func currentVersion(_ database: borrowing Database) throws(CatalogueError) -> Int64 {
        let found = try database.number(.check, "PRAGMA user_version")
        if found > version || found < 0 { throw CatalogueError(.open, kind: .newerVersion) }
        return found
    }

    /// Makes the tables inside the caller's transaction, which also fills them from the folder, so
    /// that a half-filled catalogue never counts as one.
    static func makeTables(_ database: borrowing Database) throws(CatalogueError) {
        try database.execute(.migrate, clearing)
        try database.execute(.migrate, versionOne)
        try database.execute(.migrate, fromOneToTwo)
    }

    /// Brings an older database to this version. When it throws, closing rolls back.
    /// - Parameter found: `currentVersion`, not 0.
    static func migrate(
        _ database: borrowing Database, from found: Int64
    ) throws(CatalogueError) {
        if found == version { return }
        try checkTables(database)
        try database.execute(.migrate, "BEGIN IMMEDIATE")
        if found < 2 { try database.execute(.migrate, fromOneToTwo) }
        try database.execute(.migrate, "COMMIT")
    }

    /// An old database whose tables are not those of its version is broken. SQLite's own error is
    /// one of many, and a migration that lacks memory gives the same.
    private static func checkTables(_ database: borrowing Database) throws(CatalogueError) {
        var isRight = false
        try database.once(
            .check,
            """
            SELECT group_concat(name) FROM (SELECT name FROM sqlite_schema
                WHERE name IN ('packages', 'packages_by_listing', 'videos') ORDER BY name)
            """
        ) { row in isRight = row.text(0).equals("packages,packages_by_listing") }
        if !isRight { throw CatalogueError(.check, kind: .corrupt) }
    }
}
