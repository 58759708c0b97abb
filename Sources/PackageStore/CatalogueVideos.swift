// Feeds of video that clients have posted, kept as they came. The store loop stores one at a post
// and lists them at a get. A feed is known by its team and uuid; nothing of it is a file or a path.

import TinyCoT

/// The longest texts of a feed, in bytes.
public enum VideoLimits {
    public static var teamBytes: Int { PackageLimits.teamBytes }
    public static var uuidBytes: Int { 80 }
    /// The whole element as it was posted.
    public static var feedBytes: Int { 4096 }

    /// Room for all texts of one row.
    public static var rowBytes: Int { teamBytes + uuidBytes + feedBytes }
}

/// A feed as it was posted. The texts are valid until the next call of the catalogue.
public struct VideoRow: BitwiseCopyable {
    /// Grows with every post that changed something; the order of lists.
    public let id: Int64
    public let team: Slab<UInt8>
    public let uuid: Slab<UInt8>
    public let feed: Slab<UInt8>
}

extension Catalogue {
    /// What is stored from here to `endStoringVideos` is kept together or not at all, and costs the
    /// card one write. A call that throws has ended it.
    public mutating func beginStoringVideos() throws(CatalogueError) { try begin() }

    public mutating func endStoringVideos() throws(CatalogueError) {
        do throws(CatalogueError) {
            try connection.database.run(connection.statements.commit)
        } catch {
            abandon()
            throw error
        }
    }

    /// Keeps a feed; the one with the same uuid of the same team gives way to it. With more than
    /// `max` feeds the oldest goes of the team that has most: no team drives out the others'.
    public mutating func storeVideo(
        team: Slab<UInt8>, uuid: Slab<UInt8>, feed: Slab<UInt8>, max: Int
    ) throws(CatalogueError) {
        let isSound =
            uuid.count > 0 && feed.count > 0
            && NewPackage.isText(team, VideoLimits.teamBytes)
            && NewPackage.isText(uuid, VideoLimits.uuidBytes)
            && NewPackage.isText(feed, VideoLimits.feedBytes)
        let isAlone = !connection.database.isInTransaction
        if !isSound {
            abandon()
            throw CatalogueError(.write, kind: .badField)
        }
        invariant(max > 0, "there is room for a feed")
        if isAlone { try begin() }
        do throws(CatalogueError) {
            try changeVideos(team, uuid, feed, max)
            if isAlone { try connection.database.run(connection.statements.commit) }
        } catch {
            abandon()
            throw error
        }
    }

    private func changeVideos(
        _ team: Slab<UInt8>, _ uuid: Slab<UInt8>, _ feed: Slab<UInt8>, _ max: Int
    ) throws(CatalogueError) {
        let find = connection.statements.findVideo
        find.bind(1, team)
        find.bind(2, uuid)
        if try connection.database.step(find) {
            let isSame = find.text(0).equals(feed)
            find.reset()
            // What is so already costs the card nothing.
            if isSame { return }
        }
        let insert = connection.statements.insertVideo
        insert.bind(1, team)
        insert.bind(2, uuid)
        insert.bind(3, feed)
        try connection.database.run(insert)
        var surplus = try videoCount() - Int64(max)
        while surplus > 0 {
            try connection.database.run(connection.statements.evictVideo)
            surplus -= 1
        }
    }

    private func videoCount() throws(CatalogueError) -> Int64 {
        let statement = connection.statements.countVideos
        if try !connection.database.step(statement) { return 0 }
        let count = statement.integer(0)
        statement.reset()
        return count
    }

    /// Begins to list feeds in the order of their ids, the oldest first. Follow with `nextVideo`
    /// until it returns nil; any other call ends the list early.
    public mutating func beginVideos(after id: Int64) {
        endPage()
        let statement = connection.statements.pageOfVideos
        statement.bind(1, id)
        videoPage = statement
    }

    public mutating func nextVideo() throws(CatalogueError) -> VideoRow? {
        guard let statement = videoPage else { return nil }
        do throws(CatalogueError) {
            if try connection.database.step(statement) { return try videoRow(of: statement) }
        } catch {
            endPage()
            throw error
        }
        videoPage = nil
        return nil
    }

    private func videoRow(of statement: Statement) throws(CatalogueError) -> VideoRow {
        var writer = ByteWriter(rowBuffer)
        let row = VideoRow(
            id: statement.integer(0), team: keep(statement, 1, &writer),
            uuid: keep(statement, 2, &writer), feed: keep(statement, 3, &writer))
        // Longer texts than this program ever stores.
        if writer.overflowed { throw CatalogueError(.read, kind: .corrupt) }
        return row
    }
}
