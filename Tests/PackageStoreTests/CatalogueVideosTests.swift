// Feeds of video: what is posted is listed, posted again it is replaced, and with too many the
// oldest goes of the team that has most.

import Foundation
import Testing
import TinyCoT

@testable import PackageStore

extension StoreSuite {
    @Suite struct CatalogueVideosTests {
        private struct Feed: Equatable {
            var team: String
            var uuid: String
            var feed: String
        }

        private func feeds(_ catalogue: inout Catalogue) throws -> [Feed] {
            var feeds: [Feed] = []
            var last: Int64 = 0
            catalogue.beginVideos(after: 0)
            while let row = try catalogue.nextVideo() {
                #expect(row.id > last)
                last = row.id
                feeds.append(Feed(team: text(row.team), uuid: text(row.uuid), feed: text(row.feed)))
            }
            return feeds
        }

        private func store(
            _ catalogue: inout Catalogue, _ feed: Feed, max: Int
        ) throws(CatalogueError) {
            try catalogue.storeVideo(
                team: slab(feed.team), uuid: slab(feed.uuid), feed: slab(feed.feed), max: max)
        }

        /// Against a list in memory, over restarts and with a limit that changes.
        @Test(arguments: 1...4) func isWhatTheRulesSay(seed: Int) throws {
            var random = SeededGenerator(seed: UInt64(seed))
            let folder = try TestFolder()
            var model: [Feed] = []
            for max in [3, 8, 5, 1] {
                var catalogue = try folder.catalogue()
                for _ in 0..<40 {
                    let feed = Feed(
                        team: ["", "red", "blue"][random.below(3)], uuid: "u\(random.below(6))",
                        feed: "<feed>\(random.below(4))</feed>")
                    try store(&catalogue, feed, max: max)
                    if model.contains(feed) { continue }
                    model.removeAll { $0.team == feed.team && $0.uuid == feed.uuid }
                    model.append(feed)
                    while model.count > max {
                        let most = Dictionary(grouping: model, by: \.team).values.map(\.count).max()
                        // The oldest whose team has most; of two such teams, that with the oldest.
                        let oldest = model.firstIndex { old in
                            model.count { $0.team == old.team } == most
                        }
                        model.remove(at: try unwrap(oldest))
                    }
                    #expect(try feeds(&catalogue) == model, "seed \(seed)")
                }
            }
        }

        @Test func aTeamDrivesOutItsOwn() throws {
            let folder = try TestFolder()
            var catalogue = try folder.catalogue()
            let mine = Feed(team: "red", uuid: "camera", feed: "<feed/>")
            try store(&catalogue, mine, max: 4)
            for number in 0..<20 {
                let flood = Feed(team: "blue", uuid: "\(number)", feed: "<feed/>")
                try store(&catalogue, flood, max: 4)
            }
            let left = try feeds(&catalogue)
            #expect(left.first == mine)
            #expect(left.dropFirst().map(\.uuid) == ["17", "18", "19"])
        }

        @Test func aListGoesOnAfterAnId() throws {
            let folder = try TestFolder()
            var catalogue = try folder.catalogue()
            for number in 1...5 {
                let feed = Feed(team: "red", uuid: "\(number)", feed: "<feed/>")
                try store(&catalogue, feed, max: 9)
            }
            catalogue.beginVideos(after: 0)
            _ = try catalogue.nextVideo()
            let second = try unwrap(try catalogue.nextVideo())
            // Any other call ends it.
            _ = try catalogue.find(hash(1))
            #expect(try catalogue.nextVideo() == nil)
            catalogue.beginVideos(after: second.id)
            #expect(try catalogue.nextVideo().map { text($0.uuid) } == "3")
            // A page of packages and a list of feeds never mix.
            catalogue.beginPage(after: 0, count: 5)
            #expect(try catalogue.nextVideo() == nil)
            catalogue.beginVideos(after: 0)
            #expect(try catalogue.nextOfPage() == nil)
        }

        @Test func refusesTextsThatDoNotFit() throws {
            let folder = try TestFolder()
            var catalogue = try folder.catalogue()
            func feed(_ team: Int, _ uuid: Int, _ feed: Int) -> Feed {
                func letters(_ count: Int) -> String { String(repeating: "x", count: count) }
                return Feed(team: letters(team), uuid: letters(uuid), feed: letters(feed))
            }
            var wrong = [feed(41, 1, 1), feed(0, 81, 1), feed(0, 0, 1), feed(0, 1, 4097)]
            wrong += [feed(0, 1, 0), Feed(team: "", uuid: "a\u{0}", feed: "f")]
            wrong.append(Feed(team: "", uuid: "a", feed: "f\u{0}g"))
            for feed in wrong {
                let error = #expect(throws: CatalogueError.self) {
                    try store(&catalogue, feed, max: 3)
                }
                #expect(error?.kind == .badField)
            }
            #expect(try feeds(&catalogue) == [])
            try store(&catalogue, feed(40, 80, 4096), max: 3)
            #expect(try feeds(&catalogue) == [feed(40, 80, 4096)])
        }
    }
}
