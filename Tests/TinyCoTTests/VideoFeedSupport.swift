// What the tests of the video list share: a document read and written anew, and Python's expat,
// which nobody of this project wrote, as the judge of what a document is and what is in it.

import Foundation

@testable import TinyCoT

/// A posted document as the store loop treats it.
struct SeenVideos: Equatable {
    struct Feed: Equatable {
        var uid: [UInt8]
        /// As it was written anew; nil if it is too long.
        var written: [UInt8]?
    }

    var feeds: [Feed] = []
    var refusal: VideoRefusal?

    init(_ document: [UInt8]) {
        withSlab(document) { bytes in
            withSlab([UInt8](repeating: 0xA5, count: VideoFeed.bytesMax)) { read(bytes, $0) }
        }
    }

    private mutating func read(_ document: Slab<UInt8>, _ memory: Slab<UInt8>) {
        var reader = VideoFeedReader(document)
        var feed = VideoFeed()
        var step = reader.next(into: &feed)
        while step == .feed {
            let written = VideoFeedWriter.write(feed, of: document, memory)
            feeds.append(Feed(uid: text(feed.uid), written: written.map(array)))
            step = reader.next(into: &feed)
        }
        if case .refused(let reason) = step { refusal = reason }
        precondition(reader.next(into: &feed) == step, "the last word stays the same")
        let checked = VideoFeedReader.check(document, memory: memory)
        let isTooLarge = feeds.contains { $0.written == nil }
        precondition(checked == (isTooLarge ? .feedTooLarge : refusal), "check and next agree")
    }

    init(_ text: String) { self.init(Array(text.utf8)) }

    /// The list that everybody gets.
    var list: [UInt8] {
        withSlab([UInt8](repeating: 0, count: 64 + feeds.count * VideoFeed.bytesMax)) { slab in
            var writer = ByteWriter(slab)
            VideoFeedWriter.begin(&writer)
            for feed in feeds {
                for byte in feed.written ?? [] { writer.append(byte) }
            }
            VideoFeedWriter.end(&writer)
            return array(writer.written)
        }
    }
}

enum VideoJudge {
    struct Child: Equatable {
        var name: String
        /// Without the blanks around it. Nil if there are elements in it.
        var text: String?
    }

    /// - Returns: the children of every feed, in order; nil for what expat does not take; an empty
    ///   list as well where the root is another.
    static func judge(_ documents: [[UInt8]]) throws -> [[[Child]]?] {
        let input = FileManager.default.temporaryDirectory
            .appendingPathComponent("videos-\(UUID().uuidString).txt")
        defer { try? FileManager.default.removeItem(at: input) }
        func hex(_ byte: UInt8) -> String {
            String(byte >> 4, radix: 16) + String(byte & 15, radix: 16)
        }
        let lines = documents.map { $0.map(hex).joined() + "\n" }
        try Data(lines.joined().utf8).write(to: input)
        let python = Process()
        python.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        python.arguments = ["python3", "-c", program, input.path]
        let output = Pipe()
        python.standardOutput = output
        try python.run()
        let answer = output.fileHandleForReading.readDataToEndOfFile()
        python.waitUntilExit()
        let all = try JSONSerialization.jsonObject(with: answer) as? [Any] ?? []
        precondition(all.count == documents.count, "Python answers every document")
        return all.map { one in
            (one as? [[[Any]]])?.map { feed in
                feed.map { Child(name: $0[0] as? String ?? "", text: $0[1] as? String) }
            }
        }
    }

    private static let program = #"""
        import json, sys
        from xml.parsers import expat
        from xml.etree.ElementTree import TreeBuilder
        def read(document):
            # The encoding that a document names is not believed here either.
            parser = expat.ParserCreate('utf-8')
            builder = TreeBuilder()
            parser.StartElementHandler = builder.start
            parser.EndElementHandler = builder.end
            parser.CharacterDataHandler = builder.data
            try:
                parser.Parse(document, True)
            except expat.ExpatError:
                return None
            root = builder.close()
            if root.tag != 'videoConnections':
                return []
            def text(child):
                return None if len(child) else (child.text or '').strip(' \t\r\n')
            return [[(child.tag, text(child)) for child in feed]
                    for feed in root if feed.tag == 'feed']
        print(json.dumps([read(bytes.fromhex(line.strip())) for line in open(sys.argv[1])]))
        """#
}
