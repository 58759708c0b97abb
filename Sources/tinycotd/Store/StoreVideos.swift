// The list of video feeds that clients keep on the server (protocol 8.7). What is posted is read
// strictly and written anew, feed by feed, so that nothing posted can break what others get. A
// feed belongs to the team of whoever posted it.

import CLinuxSys
import PackageStore
import TinyCoT

extension StoreLoop {
    // MARK: Keeping

    /// The posted document lies in the connection's output buffer. It is kept whole or not at all.
    mutating func keepVideos(_ index: Int, _ team: ShortText<40>) {
        let document = text(index)
        if let refusal = VideoFeedReader.check(document, memory: feedMemory) {
            counters.add(.badRequests)
            return answerError(index, .badRequest, refusal.sentence)
        }
        do throws(CatalogueError) {
            try keepAll(document, team)
        } catch {
            logTrouble(error)
            return answerError(index, error.status, "The list of videos cannot be written.")
        }
        answer(index, .ok, "text/plain; charset=utf-8", bodyWriter(index))
    }

    private var feedMemory: Slab<UInt8> { tables.received.slice(0, VideoFeed.bytesMax) }

    private mutating func keepAll(
        _ document: Slab<UInt8>, _ team: ShortText<40>
    ) throws(CatalogueError) {
        try catalogue!.beginStoringVideos()
        var reader = VideoFeedReader(document)
        var feed = VideoFeed()
        while reader.next(into: &feed) == .feed {
            guard let text = VideoFeedWriter.write(feed, of: document, feedMemory) else {
                invariantBroken("a feed that was checked can be written")
            }
            var writer = ByteWriter(tables.texts)
            team.append(to: &writer)
            let teamBytes = writer.written
            feed.uid.append(to: &writer)
            let uid = writer.written.slice(teamBytes.count, writer.count - teamBytes.count)
            try catalogue!.storeVideo(
                team: teamBytes, uuid: uid, feed: text, max: budget.videos)
        }
        try catalogue!.endStoringVideos()
    }

    // MARK: Showing

    mutating func beginVideoList(_ index: Int) {
        let place = tables.connections.pointer(at: index)
        place.pointee.cursor = 0
        place.pointee.hasPrologue = false
        answerLong(index, "application/xml", .videos)
    }

    mutating func writeVideos(_ index: Int, _ piece: inout ByteWriter) throws(CatalogueError) {
        let place = tables.connections.pointer(at: index)
        if !place.pointee.hasPrologue {
            piece.append("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n")
            VideoFeedWriter.begin(&piece)
            place.pointee.hasPrologue = true
        }
        catalogue!.beginVideos(after: Int64(place.pointee.cursor))
        while let row = try catalogue!.nextVideo() {
            let before = piece
            if isVisible(team: row.team, to: index) { piece.append(row.feed) }
            if piece.overflowed {
                piece = before
                return catalogue!.endPage()
            }
            place.pointee.cursor = UInt64(row.id)
        }
        let before = piece
        VideoFeedWriter.end(&piece)
        if piece.overflowed {
            piece = before
        } else {
            place.pointee.sourceEnded = true
        }
    }
}
