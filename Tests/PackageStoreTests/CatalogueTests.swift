// The catalogue against a list in memory, over random histories with restarts; and each rule by
// itself: what renews, what replaces, what is refused.

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
                var tool: String
                var bytes: Int64
            }
            var rows: [Row] = []

            mutating func store(_ row: Row) -> String {
                if let index = rows.firstIndex(where: { $0.hash == row.hash }) {
                    let owner = rows[index].creator
                    let other = rows.firstIndex {
                        !owner.isEmpty && $0.creator == owner && $0.name == row.name
                            && $0.hash != row.hash
                    }
                    guard let other else {
                        rows[index].name = row.name
                        return "renewed"
                    }
                    if owner != row.creator { return "renewed" }
                    rows[index].name = row.name
                    return "replaced " + text(rows.remove(at: other).hash)
                }
                var outcome = "added"
                if !row.creator.isEmpty,
                    let other = rows.firstIndex(where: {
                        $0.creator == row.creator && $0.name == row.name
                    })
                {
                    outcome = "replaced " + text(rows.remove(at: other).hash)
                }
                rows.append(row)
                return outcome
            }
        }

        private func words(_ outcome: Catalogue.Outcome) -> String {
            switch outcome {
            case .added: "added"
            case .renewed: "renewed"
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
                            tool: text(row.tool), bytes: row.sizeBytes))
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
                        #expect(try catalogue.setTool(slab(tool), of: hash) == (index != nil))
                        if let index { model.rows[index].tool = tool }
                    default:
                        let row = Model.Row(
                            hash: hash, name: "n\(random.below(4))",
                            creator: ["", "A", "B"][random.below(3)],
                            tool: ["public", "private"][random.below(2)],
                            bytes: Int64(random.below(1_000)))
                        let outcome = try catalogue.store(
                            package(
                                row.hash, row.name, by: row.creator, bytes: row.bytes,
                                tool: row.tool))
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

        @Test func keepsEveryFieldOverARestart() throws {
            let folder = try TestFolder()
            var new = package(hash(7), "K\u{e4}se \u{1F9C0}.zip", by: "ANDROID-1", bytes: 1 << 40)
            new.submissionUser = slab("ALPHA'); DROP TABLE packages;--")
            new.mimeType = slab("application/zip")
            new.keywords = slab("missionpackage,map")
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
            for package in wrong {
                let error = #expect(throws: CatalogueError.self) {
                    _ = try catalogue.store(package)
                }
                #expect(error?.kind == .badField)
            }
            #expect(try catalogue.totals().count == 0)
            let tool = String(repeating: "t", count: 31)
            var right = package(hash(1), longest, by: longest, tool: tool)
            right.submissionUser = slab(longest)
            right.keywords = slab(longest)
            right.mimeType = slab(String(repeating: "m", count: 127))
            _ = try catalogue.store(right)
            #expect(try catalogue.find(hash(1))?.keywords.count == 255)
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
