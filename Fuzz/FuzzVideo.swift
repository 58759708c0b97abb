// A posted video list. Must hold: what is taken can be written, what is written can be taken and is
// then the same feed with the same bytes; the list that everybody gets is sound whatever was
// posted; and no piece of markup comes through as markup.

enum FuzzVideo {
    static func run(_ input: FuzzInput) {
        let (feeds, refusal) = read(input.all)
        var list = Array("<videoConnections>".utf8)
        for feed in feeds { list += feed.bytes }
        list += Array("</videoConnections>".utf8)
        if refusal == nil && list.count <= VideoFeedReader.documentBytesMax {
            let (again, none) = read(list)
            invariant(none == nil, "the list that everybody gets is sound")
            invariant(again == feeds, "what is written is read as it was")
        }
    }

    struct Feed: Equatable {
        var uid: [UInt8]
        var bytes: [UInt8]
    }

    private static func read(_ document: [UInt8]) -> ([Feed], VideoRefusal?) {
        withStretch(document) { slab in
            withRoom(VideoFeed.bytesMax) { memory in
                var reader = VideoFeedReader(slab)
                var feed = VideoFeed()
                var feeds: [Feed] = []
                var last = reader.next(into: &feed)
                var isTooLarge = false
                while last == .feed {
                    invariant(!feed.uid.isEmpty && !feed.uid.isCut, "a feed has its uid")
                    if let written = VideoFeedWriter.write(feed, of: slab, memory) {
                        feeds.append(Feed(uid: array(feed.uid), bytes: array(written)))
                        judge(array(written))
                    } else {
                        isTooLarge = true
                    }
                    last = reader.next(into: &feed)
                }
                invariant(reader.next(into: &feed) == last, "the last word stays the same")
                invariant(array(slab) == document, "the document stays as it is")
                var refusal: VideoRefusal?
                if case .refused(let reason) = last { refusal = reason }
                if isTooLarge { refusal = .feedTooLarge }
                let checked = VideoFeedReader.check(slab, memory: memory)
                invariant(checked == refusal, "looking and reading agree")
                return (feeds, refusal)
            }
        }
    }

    /// 22 children, no more tags than they have, and text that is text.
    private static func judge(_ feed: [UInt8]) {
        invariant(feed.count <= VideoFeed.bytesMax, "a feed is not longer than it may be")
        let text = String(validating: feed, as: UTF8.self)
        invariant(text != nil, "a feed is UTF-8")
        var names: [ArraySlice<UInt8>] = []
        for piece in feed.split(separator: UInt8(ascii: "<")) where piece.first != 0x2F {
            names.append(piece.prefix { $0 != 0x3E && $0 != 0x2F })
        }
        invariant(names.count == VideoChild.count + 1, "a feed has its children and no others")
        for (number, name) in names.dropFirst().enumerated() {
            let child = VideoChild(rawValue: UInt8(number))
            let isIt = withStretch(name) { slab in child.map { slab.equals($0.name) } }
            invariant(isIt == true, "the children of a feed stand in their order")
        }
        let isPlain = feed.allSatisfy { $0 >= 0x20 && $0 != 0x22 && $0 != 0x27 }
        invariant(isPlain, "controls and quotes are escaped")
    }
}
