// The catalogue when things go wrong: no memory at every point, a damaged or lost database, a later
// version, a full disk.

import CSQLite
import Foundation
import Testing
import TinyCoT

@testable import PackageStore

extension StoreSuite {
    @Suite struct CatalogueFailureTests {
        private let smallSettings = DatabaseSettings(cacheKibibytes: 64, journalPages: 64)

        private func isHealthy(_ folder: TestFolder, count: Int64) throws {
            var catalogue = try folder.catalogue()
            #expect(catalogue.origin == .opened)
            #expect(try catalogue.totals().count == count)
        }

        private func kind(_ error: StoreError?) -> CatalogueError.Kind? {
            guard case .catalogue(let found)? = error else { return nil }
            return found.kind
        }

        /// SQLite's limit a little higher each time: whatever it is that finds no memory, the error
        /// is the typed one, and what is listed is what was there or what was asked for.
        @Test func runningOutOfMemoryChangesNothing() throws {
            let folder = try TestFolder()
            do {
                var catalogue = try folder.catalogue()
                for number in 1...50 {
                    _ = try catalogue.store(package(hash(number), "n\(number)", by: "A"))
                }
            }
            let normal = tcq_hard_heap_limit(-1)
            defer { _ = tcq_hard_heap_limit(normal) }
            var refused = 0
            var stored: Int64 = 50
            for extra in stride(from: 0, through: 60_000, by: 500) {
                _ = tcq_hard_heap_limit(normal)
                var catalogue = try folder.catalogue()
                _ = tcq_hard_heap_limit(max(1, tcq_memory_used() + Int64(extra)))
                let next = Int(stored) + 1
                do throws(CatalogueError) {
                    _ = try catalogue.store(package(hash(next), "n\(next)", by: "A"))
                    _ = try catalogue.find(hash(next))
                    stored += 1
                } catch {
                    #expect(error.kind == .noMemory, "\(error)")
                    refused += 1
                }
                _ = tcq_hard_heap_limit(normal)
                let row = try catalogue.find(hash(next))
                if row != nil && stored < Int64(next) { stored += 1 }
                #expect((row != nil) == (stored == Int64(next)))
                #expect(try catalogue.totals().count == stored)
                SQLiteMemory.checkInvariants()
            }
            #expect(refused > 3 && stored > 60, "both were seen: \(refused) and \(stored)")
            try isHealthy(folder, count: stored)
        }

        /// The heap itself, not SQLite's limit: with the limit off, a giant text meets the end.
        @Test func theHeapItselfRefuses() throws {
            let folder = try TestFolder()
            let database = try Database(path: folder.databasePath, smallSettings)
            let normal = tcq_hard_heap_limit(-1)
            _ = tcq_hard_heap_limit(0)
            defer { _ = tcq_hard_heap_limit(normal) }
            let before = SQLiteMemory.refusals
            let error = #expect(throws: CatalogueError.self) {
                try database.once(.read, "SELECT hex(randomblob(3000000))") { _ in }
            }
            #expect(error?.kind == .noMemory)
            #expect(SQLiteMemory.refusals > before)
            #expect(try database.number(.read, "SELECT 1 + 1") == 2)
            SQLiteMemory.checkInvariants()
        }

        @Test func openingWithoutMemoryThrows() throws {
            let folder = try TestFolder()
            do { _ = try folder.catalogue() }
            let normal = tcq_hard_heap_limit(-1)
            defer { _ = tcq_hard_heap_limit(normal) }
            for extra in stride(from: 500, through: 60_000, by: 2_500) {
                _ = tcq_hard_heap_limit(tcq_memory_used() + Int64(extra))
                do throws(any Error) {
                    _ = try folder.catalogue()
                } catch {
                    #expect(kind(error as? StoreError) == .noMemory, "\(error)")
                }
            }
            _ = tcq_hard_heap_limit(normal)
            try isHealthy(folder, count: 0)
        }

        /// Some packages, and their files.
        private func filled(_ folder: TestFolder) throws -> [SHA256Digest] {
            var catalogue = try folder.catalogue()
            return try (0..<40).map { number in
                let bytes = [UInt8](repeating: UInt8(number), count: 100 + number)
                let hash = try folder.publish(bytes)
                _ = try catalogue.store(
                    package(
                        hash, "n\(number)", by: String(repeating: "A", count: 200),
                        bytes: Int64(bytes.count), tool: "public"))
                return hash
            }
        }

        @Test func aLostDatabaseIsMadeFromTheFiles() throws {
            let folder = try TestFolder()
            let hashes = try filled(folder)
            try FileManager.default.removeItem(atPath: folder.databasePath)
            var catalogue = try folder.catalogue()
            #expect(catalogue.origin == .made)
            #expect(catalogue.rebuiltCount == 40)
            for (number, hash) in hashes.enumerated() {
                let row = try unwrap(try catalogue.find(hash))
                #expect(row.sizeBytes == Int64(100 + number))
                #expect(text(row.name) == text(hash) + ".zip")
                #expect(text(row.tool) == "private")
                #expect(row.submittedAtMilliseconds > 1_700_000_000_000)
            }
            #expect(try folder.reconcile(&catalogue).packagesWithoutRow == 0)
            #expect(folder.names.count == 40)
        }

        /// Bytes are overwritten at random. Either the catalogue is set aside and made from the
        /// files, or what was hit does not matter to it; it never dies.
        @Test(arguments: 1...16) func aDamagedDatabaseIsSetAside(seed: Int) throws {
            var random = SeededGenerator(seed: UInt64(seed))
            let folder = try TestFolder()
            let hashes = try filled(folder)
            let handle = try unwrap(FileHandle(forUpdatingAtPath: folder.databasePath))
            let size = Int(try handle.seekToEnd())
            #expect(size > 16_000, "the journal was written back")
            for _ in 0..<20 {
                try handle.seek(toOffset: UInt64(100 + random.below(size - 100)))
                let junk = (0..<(1 + random.below(200))).map { _ in
                    UInt8.random(in: 0...255, using: &random)
                }
                try handle.write(contentsOf: junk)
            }
            if seed % 5 == 0 { try handle.truncate(atOffset: UInt64(random.below(size))) }
            try handle.close()
            var catalogue = try folder.catalogue()
            if catalogue.origin == .opened {
                // What was hit has no check: a text, or a number. Reading may find it, and says so.
                do throws(CatalogueError) {
                    catalogue.beginPage(after: 0, count: 100)
                    while try catalogue.nextOfPage() != nil {}
                } catch { #expect(error.kind == .corrupt, "seed \(seed): \(error)") }
                return
            }
            #expect(catalogue.rebuiltCount == 40)
            for hash in hashes { #expect(try catalogue.find(hash) != nil) }
            let broken = folder.path + "/catalogue.broken.db"
            #expect(
                catalogue.origin == .made || FileManager.default.fileExists(atPath: broken))
        }

        /// Every byte of the head of the file, one at a time. What opens can be written.
        @Test func anyDamageOfTheHeadIsSeenOrHarmless() throws {
            let folder = try TestFolder()
            _ = try filled(folder)
            let url = URL(fileURLWithPath: folder.databasePath)
            let whole = try Data(contentsOf: url)
            var origins = [0, 0]
            for offset in 0..<100 {
                for change: UInt8 in [0xFF, 0x01] {
                    var damaged = whole
                    damaged[offset] ^= change
                    try damaged.write(to: url)
                    do throws(any Error) {
                        var catalogue = try folder.catalogue()
                        origins[catalogue.origin == .opened ? 0 : 1] += 1
                        #expect(try catalogue.totals().count == 40, "byte \(offset)")
                        _ = try catalogue.store(package(hash(offset), "new"))
                    } catch {
                        #expect(
                            kind(error as? StoreError) == .newerVersion
                                && (60..<64).contains(offset),
                            "byte \(offset): \(error)")
                    }
                }
            }
            #expect(origins[0] > 0 && origins[1] > 0)
            #expect(folder.names.count == 40, "no package is lost")
        }

        @Test func aTextFileInItsPlaceIsSetAside() throws {
            let folder = try TestFolder()
            _ = try folder.publish([1])
            try Data(String(repeating: "not a database\n", count: 500).utf8)
                .write(to: URL(fileURLWithPath: folder.databasePath))
            let catalogue = try folder.catalogue()
            #expect(catalogue.origin == .replaced)
            #expect(catalogue.rebuiltCount == 1)
        }

        @Test func aLaterVersionIsLeftAlone() throws {
            let folder = try TestFolder()
            do { _ = try folder.catalogue() }
            do {
                let database = try Database(path: folder.databasePath, smallSettings)
                try database.execute(.write, "PRAGMA user_version=3")
            }
            let before = try Data(contentsOf: URL(fileURLWithPath: folder.databasePath))
            let error = #expect(throws: StoreError.self) { _ = try folder.catalogue() }
            #expect(kind(error) == .newerVersion)
            #expect(try Data(contentsOf: URL(fileURLWithPath: folder.databasePath)) == before)
        }

        /// A rebuild that was cut off left version 0; it must not be taken for an empty catalogue.
        @Test func anUnfinishedDatabaseIsMadeAnew() throws {
            let folder = try TestFolder()
            _ = try filled(folder)
            do {
                let database = try Database(path: folder.databasePath, smallSettings)
                try database.execute(.write, "DELETE FROM packages; PRAGMA user_version=0")
            }
            let catalogue = try folder.catalogue()
            #expect(catalogue.origin == .made)
            #expect(catalogue.rebuiltCount == 40)
        }

        /// The same, and the disk has lost what it holds besides: no start may fail for ever.
        @Test func anUnfinishedAndDamagedDatabaseIsSetAside() throws {
            let folder = try TestFolder()
            _ = try filled(folder)
            do {
                let database = try Database(path: folder.databasePath, smallSettings)
                try database.execute(.write, "PRAGMA user_version=0")
            }
            let handle = try unwrap(FileHandle(forUpdatingAtPath: folder.databasePath))
            let size = Int(try handle.seekToEnd())
            try handle.seek(toOffset: 4096)
            try handle.write(contentsOf: [UInt8](repeating: 0xA5, count: size - 4096))
            try handle.close()
            var catalogue = try folder.catalogue()
            #expect(catalogue.origin == .replaced)
            #expect(try catalogue.totals().count == 40)
        }

        @Test func folderAndRowsAreMadeToAgree() throws {
            let folder = try TestFolder()
            let hashes = try filled(folder)
            try FileManager.default.removeItem(
                atPath: folder.packagesPath + "/" + text(hashes[3]) + ".zip")
            try Data([1]).write(
                to: URL(fileURLWithPath: folder.packagesPath + "/" + text(hashes[4]) + ".zip"))
            let orphan = try folder.publish([9, 9, 9])
            for name in ["tmp-0000000000000001", "tmp-ffffffffffffffff", "notes.txt"] {
                try Data([1]).write(to: URL(fileURLWithPath: folder.packagesPath + "/" + name))
            }
            var catalogue = try folder.catalogue()
            var expected = Reconciliation()
            expected.rowsWithoutPackage = 2
            expected.packagesWithoutRow = 2  // the orphan, and the file that lost its row
            expected.temporariesRemoved = 2
            expected.foreignFiles = 1
            #expect(try folder.reconcile(&catalogue) == expected)
            #expect(try catalogue.totals().count == 38)
            #expect(!folder.names.contains(text(orphan) + ".zip"))
            #expect(folder.names.count == 39)
            expected = Reconciliation()
            expected.foreignFiles = 1
            #expect(try folder.reconcile(&catalogue) == expected, "a second time finds nothing")
        }

        @Test func aPathThatSQLiteDoesNotTakeIsRefused() throws {
            let folder = try TestFolder()
            let files = try folder.files()
            #expect(TestHeap.isInstalled)
            var path = folder.path
            while path.utf8.count < CataloguePlace.folderBytes { path += "/" }
            func open(_ path: String) throws(StoreError) {
                _ = try Catalogue(
                    folder: path, files: files, buffer: folder.buffer, settings: smallSettings)
            }
            try open(path)
            let error = #expect(throws: StoreError.self) { try open(path + "/") }
            guard case .files(let found)? = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(found.step == .openState)
            #expect(
                sentence { found.write(into: &$0) }
                    == "the state folder cannot be opened: File name too long")
        }

        @Test func anErrorIsOneSentence() {
            let error = CatalogueError(.write, code: 13, errno: 28)
            #expect(error.kind == .diskFull)
            #expect(
                sentence { error.write(into: &$0) }
                    == "the package catalogue cannot be written: there is no room on the disk"
                    + " (SQLite result 13): No space left on device")
        }
    }
}
