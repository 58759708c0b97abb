// The catalogue against a list in memory, over random histories with restarts; and each rule by
// itself: what renews, what replaces, what is refused.

import CSQLite
import Foundation
import Testing
import TinyCoT

@testable import PackageStore

extension StoreSuite {
    @Suite struct CatalogueTests {
        /// The rules of a listing, written down once more.
        private struct Model {
            struct Row: Equatable {
                var hash: SHA256Digest
                var name: String
                var creator: String
                var team: String
                var tool: String
                var bytes: Int64
            }
            var rows: [Row] = []

            /// The listing that has the place of `row` already.
            func rival(_ row: Row) -> Int? {
                if row.creator.isEmpty || row.team.isEmpty { return nil }
                return rows.firstIndex {
                    $0.creator == row.creator && $0.name == row.name && $0.team == row.team
                        && $0.hash != row.hash
                }
            }

            mutating func store(_ row: Row) -> String {
                var wanted = row
                var outcome = "added"
                if let index = rows.firstIndex(where: { $0.hash == row.hash }) {
                    let known = rows[index]
                    if !known.team.isEmpty && known.team != row.team { return "of another team" }
                    outcome = "renewed"
                    if known.team == row.team {
                        wanted = known
                        wanted.name = row.name
                        if rival(wanted) != nil && known.creator != row.creator { return outcome }
                    }
                    wanted.bytes = known.bytes
                    rows[index] = wanted
                } else {
                    rows.append(wanted)
                }
                if let rival = rival(wanted) {
                    outcome = "replaced " + text(rows.remove(at: rival).hash)
                }
                return outcome
            }
        }

        private func words(_ outcome: Catalogue.Outcome) -> String {
            switch outcome {
            case .added: "added"
            case .renewed: "renewed"
            case .ofAnotherTeam: "of another team"
            case .replaced(let hash): "replaced " + text(hash)
            }
        }

        private func rows(
            _ catalogue: inout Catalogue, pages: Int, tool: String? = nil
        ) throws -> [Model.Row] {
            var rows: [Model.Row] = []
            var last: Int64 = 0
            while true {
                var count = 0
                if let tool {
                    catalogue.beginPage(after: last, count: pages, tool: slab(tool))
                } else {
                    catalogue.beginPage(after: last, count: pages)
                }
                while let row = try catalogue.nextOfPage() {
                    #expect(row.id > last)
                    last = row.id
                    count += 1
                    rows.append(
                        Model.Row(
                            hash: row.hash, name: text(row.name), creator: text(row.creatorUid),
                            team: text(row.team), tool: text(row.tool), bytes: row.sizeBytes))
                }
                #expect(count <= pages)
                if count < pages { return rows }
            }
        }

        @Test(arguments: 1...8) func isWhatTheRulesSay(seed: Int) throws {
            var random = SeededGenerator(seed: UInt64(seed))
            let folder = try TestFolder()
            var model = Model()
            for _ in 0..<4 {
                var catalogue = try folder.catalogue()
                for _ in 0..<60 {
                    let hash = hash(random.below(12))
                    switch random.below(8) {
                    case 0:
                        let isKnown = model.rows.contains { $0.hash == hash }
                        #expect(try catalogue.delete(hash) == isKnown)
                        model.rows.removeAll { $0.hash == hash }
                    case 1:
                        let tool = ["public", "private"][random.below(2)]
                        let index = model.rows.firstIndex { $0.hash == hash }
                        let expected: Catalogue.Effect =
                            index.map { model.rows[$0].tool == tool ? .unchanged : .changed }
                            ?? .absent
                        #expect(try catalogue.setTool(slab(tool), of: hash) == expected)
                        if let index { model.rows[index].tool = tool }
                    default:
                        let row = Model.Row(
                            hash: hash, name: "n\(random.below(4))",
                            creator: ["", "A", "B"][random.below(3)],
                            team: ["", "red", "red", "blue"][random.below(4)],
                            tool: ["public", "private"][random.below(2)],
                            bytes: Int64(random.below(1_000)))
                        let outcome = try catalogue.store(
                            package(
                                row.hash, row.name, by: row.creator, bytes: row.bytes,
                                tool: row.tool, team: row.team))
                        #expect(words(outcome) == model.store(row), "seed \(seed)")
                    }
                    let totals = try catalogue.totals()
                    #expect(totals.count == Int64(model.rows.count))
                    #expect(totals.bytes == model.rows.reduce(0) { $0 + $1.bytes })
                }
                #expect(try rows(&catalogue, pages: 1 + random.below(5)) == model.rows)
                for tool in ["public", "private"] {
                    #expect(
                        try rows(&catalogue, pages: 3, tool: tool)
                            == model.rows.filter { $0.tool == tool })
                }
                #expect(try catalogue.oldest(after: 0)?.hash == model.rows.first?.hash)
                SQLiteMemory.checkInvariants()
            }
            let used = SQLiteMemory.usedBytes
            do { _ = try folder.catalogue() }
            #expect(SQLiteMemory.usedBytes == used, "a closed catalogue keeps no memory")
        }

        /// Whoever has heard of a creator's uid and a name does not get at another team's listing.
        @Test func aTeamsListingIsNobodyElses() throws {
            let folder = try TestFolder()
            var catalogue = try folder.catalogue()
            func row(_ number: Int) throws -> [String]? {
                guard let row = try catalogue.find(hash(number)) else { return nil }
                return [text(row.name), text(row.creatorUid), text(row.team), text(row.tool)]
            }
            let first = package(hash(1), "plan.zip", by: "UID-1", tool: "public", team: "red")
            _ = try catalogue.store(first)
            for (number, team) in [(2, "blue"), (3, "")] {
                let same = package(hash(number), "plan.zip", by: "UID-1", team: team)
                #expect(words(try catalogue.store(same)) == "added")
                #expect(try row(1) == ["plan.zip", "UID-1", "red", "public"])
                // The same bytes.
                let known = package(hash(1), "mine.zip", by: "UID-1", team: team)
                #expect(words(try catalogue.store(known)) == "of another team")
                #expect(try row(1) == ["plan.zip", "UID-1", "red", "public"])
            }
            #expect(try catalogue.totals().count == 3)
            let again = package(hash(4), "plan.zip", by: "UID-1", team: "red")
            #expect(words(try catalogue.store(again)) == "replaced " + text(hash(1)))
            #expect(try row(2) != nil && row(3) != nil)
        }

        /// A catalogue that was made anew knows no teams; the next upload says whose it is.
        @Test func whatIsOfNoTeamIsTakenOver() throws {
            let folder = try TestFolder()
            var catalogue = try folder.catalogue()
            _ = try catalogue.store(package(hash(1), "1.zip", bytes: 7))
            let id = try catalogue.find(hash(1))?.id
            _ = try catalogue.store(package(hash(2), "plan.zip", by: "UID-1", team: "red"))
            var new = package(hash(1), "plan.zip", by: "UID-1", tool: "public", team: "red")
            new.sizeBytes = 7
            #expect(words(try catalogue.store(new)) == "replaced " + text(hash(2)))
            let row = try unwrap(try catalogue.find(hash(1)))
            #expect(row.id == id && row.sizeBytes == 7)
            #expect(text(row.team) == "red" && text(row.creatorUid) == "UID-1")
            #expect(text(row.name) == "plan.zip" && text(row.tool) == "public")
            #expect(try catalogue.totals() == Catalogue.Totals(count: 1, bytes: 7))
        }

        @Test func aListingIsFoundByItsIndex() throws {
            let folder = try TestFolder()
            let catalogue = try folder.catalogue()
            let raw = catalogue.connection.database.raw
            var statement: OpaquePointer?
            let sql = "EXPLAIN QUERY PLAN \(CatalogueStatements.findListingText)"
            #expect(tcq_prepare(raw, sql, Int32(sql.utf8.count), &statement) == tcq_ok)
            let plan = Statement(raw: try unwrap(statement))
            #expect(tcq_step(plan.raw) == tcq_row)
            #expect(text(plan.text(3)).contains("USING INDEX packages_by_listing"))
            _ = tcq_finalize(statement)
        }

        @Test func keepsEveryFieldOverARestart() throws {
            let folder = try TestFolder()
            var new = package(hash(7), "K\u{e4}se \u{1F9C0}.zip", by: "ANDROID-1", bytes: 1 << 40)
            new.submissionUser = slab("ALPHA'); DROP TABLE packages;--")
            new.mimeType = slab("application/zip")
            new.keywords = slab("missionpackage,map")
            new.team = slab("Team \u{1F7E6}")
            new.submittedAtMilliseconds = 1_767_323_045_678
            do {
                var catalogue = try folder.catalogue()
                #expect(catalogue.origin == .made)
                _ = try catalogue.store(new)
                try catalogue.noteServed(hash(7), at: 5_000, restMilliseconds: 1_000)
                try catalogue.noteServed(hash(7), at: 5_999, restMilliseconds: 1_000)
            }
            var catalogue = try folder.catalogue()
            #expect(catalogue.origin == .opened)
            let row = try unwrap(try catalogue.find(hash(7)))
            #expect(row.sizeBytes == 1 << 40)
            #expect(row.submittedAtMilliseconds == 1_767_323_045_678)
            #expect(row.lastServedMilliseconds == 5_000, "served again too soon to be noted")
            #expect(text(row.name) == "K\u{e4}se \u{1F9C0}.zip")
            #expect(text(row.creatorUid) == "ANDROID-1")
            #expect(text(row.submissionUser) == "ALPHA'); DROP TABLE packages;--")
            #expect(text(row.mimeType) == "application/zip")
            #expect(text(row.keywords) == "missionpackage,map")
            #expect(text(row.team) == "Team \u{1F7E6}")
            #expect(try catalogue.find(hash(8)) == nil)
        }

        @Test func anIdIsNeverGivenAgain() throws {
            let folder = try TestFolder()
            var catalogue = try folder.catalogue()
            _ = try catalogue.store(package(hash(1), "a"))
            let first = try unwrap(try catalogue.find(hash(1))).id
            try catalogue.delete(hash(1))
            _ = try catalogue.store(package(hash(2), "b"))
            #expect(try unwrap(try catalogue.find(hash(2))).id > first)
        }

        @Test func refusesTextsThatDoNotFit() throws {
            let folder = try TestFolder()
            var catalogue = try folder.catalogue()
            let longest = String(repeating: "n", count: 255)
            var wrong = [
                package(hash(1), ""), package(hash(1), longest + "n"), package(hash(1), "a\u{0}b"),
                package(hash(1), "a", by: longest + "n"), package(hash(1), "a", bytes: -1),
                package(hash(1), "a", tool: String(repeating: "t", count: 32)),
            ]
            var keywords = package(hash(1), "a")
            keywords.keywords = slab(longest + "n")
            wrong.append(keywords)
            wrong.append(package(hash(1), "a", team: String(repeating: "t", count: 41)))
            wrong.append(package(hash(1), "a", team: "a\u{0}b"))
            for package in wrong {
                let error = #expect(throws: CatalogueError.self) {
                    _ = try catalogue.store(package)
                }
                #expect(error?.kind == .badField)
            }
            #expect(try catalogue.totals().count == 0)
            let tool = String(repeating: "t", count: 31)
            let team = String(repeating: "t", count: 40)
            var right = package(hash(1), longest, by: longest, tool: tool, team: team)
            right.submissionUser = slab(longest)
            right.keywords = slab(longest)
            right.mimeType = slab(String(repeating: "m", count: 127))
            _ = try catalogue.store(right)
            #expect(try catalogue.find(hash(1))?.keywords.count == 255)
            #expect(try catalogue.find(hash(1))?.team.count == 40)
        }

        @Test func aPageMayBeLeftEarly() throws {
            let folder = try TestFolder()
            var catalogue = try folder.catalogue()
            for number in 1...5 { _ = try catalogue.store(package(hash(number), "n\(number)")) }
            catalogue.beginPage(after: 0, count: 5)
            _ = try catalogue.nextOfPage()
            _ = try catalogue.store(package(hash(6), "n6"))
            #expect(try catalogue.nextOfPage() == nil)
            #expect(try catalogue.totals().count == 6)
        }

        /// As the store loop makes room: the oldest goes, unless somebody is reading it.
        @Test func evictingKeepsTheTotals() throws {
            let folder = try TestFolder()
            let files = try folder.files()
            var catalogue = try folder.catalogue()
            var left: [Int64: Int64] = [:]
            for number in 1...30 {
                let bytes = [UInt8](repeating: UInt8(number), count: number * 10)
                let hash = try folder.publish(bytes)
                let new = package(hash, "n\(number)", bytes: Int64(bytes.count))
                _ = try catalogue.store(new)
                left[Int64(number)] = Int64(bytes.count)
            }
            // From here on they are known, and not counted again.
            _ = try catalogue.totals()
            var last: Int64 = 0
            while let row = try catalogue.oldest(after: last) {
                last = row.id
                #expect(row.sizeBytes == left[row.id])
                if row.id % 3 == 0 { continue }
                #expect(try catalogue.delete(row.hash) == true)
                #expect(try files.remove(row.hash) == true)
                left[row.id] = nil
                let expected = Catalogue.Totals(
                    count: Int64(left.count), bytes: left.values.reduce(0, +))
                #expect(try catalogue.totals() == expected)
                catalogue.knownTotals = nil
                #expect(try catalogue.totals() == expected, "counted anew")
            }
            #expect(last == 30 && left.count == 10)
            #expect(folder.names.count == 10)
        }

        private func journalBytes(_ folder: TestFolder) -> Int? {
            let path = folder.databasePath + "-wal"
            let attributes = try? FileManager.default.attributesOfItem(atPath: path)
            return attributes?[.size] as? Int
        }

        @Test func itsEndWritesTheJournalBack() throws {
            let folder = try TestFolder()
            do {
                var catalogue = try folder.catalogue()
                _ = try catalogue.store(package(hash(1), "a"))
                #expect(try unwrap(journalBytes(folder)) > 0)
                try catalogue.writeBack()
                #expect(journalBytes(folder) == 0)
                _ = try catalogue.store(package(hash(2), "b"))
                // A page that is being read does not hold the journal.
                catalogue.beginPage(after: 0, count: 5)
                _ = try catalogue.nextOfPage()
                try catalogue.writeBack()
                #expect(journalBytes(folder) == 0)
                _ = try catalogue.store(package(hash(3), "c"))
            }
            #expect(journalBytes(folder) == nil, "the end of its life does the same")
            let catalogue = try folder.catalogue()
            try catalogue.close()
            #expect(journalBytes(folder) == nil)
            var again = try folder.catalogue()
            #expect(try again.totals().count == 3)
        }

        /// As the store loop keeps it: none while there is no catalogue.
        @Test func anOwnerMayHaveNone() throws {
            struct Owner: ~Copyable {
                var catalogue: Catalogue?
                mutating func count() throws(CatalogueError) -> Int64? {
                    try catalogue?.totals().count
                }
            }
            let folder = try TestFolder()
            var owner = Owner()
            #expect(try owner.count() == nil)
            owner.catalogue = try folder.catalogue()
            _ = try owner.catalogue?.store(package(hash(1), "a"))
            #expect(try owner.count() == 1)
            try owner.catalogue.take()?.close()
            #expect(try owner.count() == nil)
            let other = try folder.catalogue()
            #expect(other.origin == .opened)
        }

        @Test func onlyOneMayHaveIt() throws {
            let folder = try TestFolder()
            let first = try folder.catalogue()
            let error = #expect(throws: StoreError.self) { _ = try folder.catalogue() }
            guard case .catalogue(let found)? = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(found.kind == .busy)
            #expect(first.origin == .made)
        }
    }
}
