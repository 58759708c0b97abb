// A database of every earlier version becomes one of this version, with all that was in it.

import CSQLite
import Foundation
import Testing
import TinyCoT

@testable import PackageStore

/// Version 1 as it was shipped, word by word: never changed again.
let versionOneSQL: StaticString = """
    BEGIN IMMEDIATE;
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
        WHERE creator_uid <> '';
    PRAGMA user_version=1;
    COMMIT
    """

extension TestFolder {
    /// Makes a database of version 1 with rows whose hashes and sizes are 1...count.
    func makeVersionOne(count: Int) throws {
        try makeVersionOne((1...count).map { (hash($0), $0) })
    }

    func makeVersionOne(_ packages: [(hash: SHA256Digest, bytes: Int)]) throws {
        #expect(TestHeap.isInstalled)
        var database = try Database(
            path: databasePath, DatabaseSettings(cacheKibibytes: 256, journalPages: 64))
        try database.execute(.migrate, versionOneSQL)
        try database.execute(.write, "BEGIN")
        let insert = try database.prepare(
            """
            INSERT INTO packages(hash, size_bytes, submitted_at, name, creator_uid,
                submission_user, mime_type, tool, keywords, last_served)
                VALUES(?,?,?,?,?,'ALPHA','application/zip','public','missionpackage',9)
            """)
        for (index, package) in packages.enumerated() {
            let number = index + 1
            insert.bind(1, slab(text(package.hash)))
            insert.bind(2, Int64(package.bytes))
            insert.bind(3, Int64(1_700_000_000_000 + number))
            insert.bind(4, slab("map \(number).zip"))
            insert.bind(5, slab("ANDROID-\(number % 5)"))
            try database.run(insert)
        }
        try database.execute(.write, "COMMIT")
    }
}

extension StoreSuite {
    @Suite struct CatalogueSchemaTests {
        private func version(_ folder: TestFolder) throws -> Int64 {
            let database = try Database(
                path: folder.databasePath, DatabaseSettings(cacheKibibytes: 64, journalPages: 64))
            return try database.number(.read, "PRAGMA user_version")
        }

        @Test func versionOneBecomesVersionTwo() throws {
            let folder = try TestFolder()
            try folder.makeVersionOne(count: 300)
            #expect(try version(folder) == 1)
            do {
                var catalogue = try folder.catalogue()
                #expect(catalogue.origin == .opened)
                #expect(try catalogue.totals() == Catalogue.Totals(count: 300, bytes: 45_150))
                for number in 1...300 {
                    let row = try unwrap(try catalogue.find(hash(number)))
                    #expect(row.id == Int64(number) && row.sizeBytes == Int64(number))
                    #expect(row.submittedAtMilliseconds == Int64(1_700_000_000_000 + number))
                    #expect(row.lastServedMilliseconds == 9)
                    #expect(text(row.name) == "map \(number).zip")
                    #expect(text(row.creatorUid) == "ANDROID-\(number % 5)")
                    #expect(text(row.submissionUser) == "ALPHA")
                    #expect(text(row.mimeType) == "application/zip")
                    #expect(text(row.tool) == "public")
                    #expect(text(row.keywords) == "missionpackage")
                    #expect(row.team.count == 0)
                }
                // Its rows take part in everything that is new.
                let new = package(hash(1), "map 1.zip", by: "ANDROID-1", team: "red")
                _ = try catalogue.store(new)
                #expect(text(try unwrap(try catalogue.find(hash(1))).team) == "red")
                try catalogue.storeVideo(
                    team: slab("red"), uuid: slab("u"), feed: slab("<feed/>"), max: 4)
                // An id is never given again, not even after a migration.
                try catalogue.delete(hash(300))
                _ = try catalogue.store(package(hash(301), "new.zip"))
                #expect(try catalogue.find(hash(301))?.id == 301)
            }
            #expect(try version(folder) == 2)
            var catalogue = try folder.catalogue()
            #expect(catalogue.origin == .opened)
            #expect(try catalogue.totals().count == 300)
        }

        /// Tables and indices, by name, without the way they are written.
        private func shape(_ folder: TestFolder) throws -> String {
            let database = try Database(
                path: folder.databasePath, DatabaseSettings(cacheKibibytes: 64, journalPages: 64))
            var shape = ""
            try database.once(
                .read,
                """
                SELECT group_concat(m.type || ' ' || m.name || ' ' || coalesce((SELECT
                    group_concat(c.name || ' ' || c.type || ' ' || c."notnull") FROM
                    pragma_table_info(m.name) c), '') || coalesce((SELECT group_concat(i.name)
                    FROM pragma_index_info(m.name) i), ''), '; ')
                FROM (SELECT * FROM sqlite_schema ORDER BY type, name) m
                """
            ) { shape = text($0.text(0)) }
            return shape
        }

        @Test func aNewDatabaseHasTheSameTables() throws {
            let old = try TestFolder()
            try old.makeVersionOne(count: 3)
            do { _ = try old.catalogue() }
            let new = try TestFolder()
            do { _ = try new.catalogue() }
            let expected = try shape(old)
            #expect(expected.contains("table packages id INTEGER 0,hash TEXT 1"))
            #expect(expected.contains("index packages_by_listing team,creator_uid,name"))
            #expect(expected.contains("table videos id INTEGER 0,team TEXT 1,uuid TEXT 1"))
            #expect(try shape(new) == expected)
            #expect(try version(new) == 2)
        }

        /// What says that it is of version 1 and is not: made anew from the files.
        @Test(arguments: [false, true]) func aForeignVersionOneIsSetAside(isLater: Bool) throws {
            let folder = try TestFolder()
            let kept = try folder.publish([1, 2, 3])
            if isLater { _ = try folder.catalogue() }
            do {
                let database = try Database(
                    path: folder.databasePath,
                    DatabaseSettings(cacheKibibytes: 64, journalPages: 64))
                try database.execute(.write, "CREATE TABLE other(a); PRAGMA user_version=1")
            }
            var catalogue = try folder.catalogue()
            #expect(catalogue.origin == .replaced)
            #expect(try catalogue.find(kept) != nil)
        }

        /// Whatever it is that finds no memory: the database stays one of version 1, or becomes
        /// one of version 2, and no row is lost.
        @Test func withoutMemoryTheOldVersionStays() throws {
            let folder = try TestFolder()
            #expect(TestHeap.isInstalled)
            let normal = tcq_hard_heap_limit(-1)
            defer { _ = tcq_hard_heap_limit(normal) }
            var refused = 0
            var migrated = 0
            for extra in stride(from: 4_000, through: 300_000, by: 7_000) {
                try? FileManager.default.removeItem(atPath: folder.databasePath)
                try folder.makeVersionOne(count: 100)
                _ = tcq_hard_heap_limit(tcq_memory_used() + Int64(extra))
                do throws(any Error) {
                    let catalogue = try folder.catalogue()
                    #expect(catalogue.origin == .opened)
                    migrated += 1
                } catch {
                    guard case .catalogue(let found)? = error as? StoreError else {
                        Issue.record("\(error)")
                        continue
                    }
                    #expect(found.kind == .noMemory, "\(found)")
                    refused += 1
                }
                _ = tcq_hard_heap_limit(normal)
                var catalogue = try folder.catalogue()
                #expect(catalogue.origin == .opened)
                #expect(try catalogue.totals().count == 100)
                SQLiteMemory.checkInvariants()
            }
            #expect(refused > 3 && migrated > 3, "\(refused) and \(migrated)")
        }
    }
}
