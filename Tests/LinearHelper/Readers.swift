// What reads HTTP, multipart, JSON, video lists and states, each as the edge calls it.

import TinyCoT

/// Heads: each stretch may end anywhere, and the parser is shown all that is there. Of a whole head
/// the route is found and the query is searched for every name that a route asks for.
final class HeadReader: LinearReader {
    private static let most = 65_536
    private let limits = HTTPHeadLimits(
        maxRequestLineBytes: most / 2, maxHeadBytes: most, maxFields: 64)
    private var parser: HTTPHeadParser
    private var head = HTTPRequestHead()
    private var start: UnsafeMutablePointer<UInt8>?
    private var count = 0
    private var said = "incomplete"
    override var outcome: String { said }

    override init() { parser = HTTPHeadParser(limits) }

    override func read(_ stretch: Slab<UInt8>) {
        if start == nil { start = stretch.start }
        count += stretch.count
        let bytes = Slab(start: start, count: count)
        switch parser.parse(bytes, into: &head) {
        case .incomplete: break
        case .refused: said = "refused"
        case .complete:
            let path = bytes.slice(Int(head.path.offset), Int(head.path.count))
            let routing = MartiRoutes.find(method: Slab("GET"), path: path)
            let query = QueryString(bytes, head.query)
            var found = 0
            let names: [StaticString] = [
                "hash", "uid", "filename", "creatorUid", "keywords", "tool", "name", "offset",
            ]
            for name in names where query.first(named: name) != nil { found += 1 }
            if case .found = routing { said = "found, \(found) parameters" }
        }
    }
}

/// A chunked body.
final class ChunkReader: LinearReader {
    private var body = HTTPBodyReader(length: 0, isChunked: true)
    private var content = 0
    private var isEnded = false
    override var outcome: String { "\(content > 0 ? "content" : "nothing"), ended \(isEnded)" }

    override func read(_ stretch: Slab<UInt8>) {
        var at = 0
        while !isEnded {
            switch body.next(stretch, from: at) {
            case .needMoreBytes: return
            case .body(let start, let end):
                content += end - start
                at = end
            case .ended: isEnded = true
            case .refused: return
            }
        }
    }
}

/// A form with the boundary of the cases, seventy bytes as the longest may have.
final class MultipartReader: LinearReader {
    private var splitter: MultipartSplitter
    private var content = 0
    private var last = "open"
    override var outcome: String { "\(last), \(content > 0 ? "content" : "nothing")" }

    override init() {
        // As FuzzMultipart does it, from the value of a Content-Type.
        var type = ByteWriter(zeroed(128))
        type.append("multipart/form-data; boundary=")
        for _ in 0..<70 { type.append("a") }
        guard case .boundary(let boundary) = MultipartBoundary.read(type.written) else {
            invariantBroken("seventy letters are a boundary")
        }
        splitter = MultipartSplitter(boundary, memory: zeroed(MultipartSplitter.memoryBytes))
    }

    override func read(_ stretch: Slab<UInt8>) {
        var at = 0
        while true {
            switch splitter.next(stretch, from: &at) {
            case .needMoreBytes: return
            case .content(let slab): content += slab.count
            case .bodyEnded: last = "ended"
            case .refused:
                last = "refused"
                return
            case .partBegan, .partEnded: break
            }
        }
    }
}

/// Any JSON, token by token, each text decoded.
final class JSONWholeReader: LinearReader {
    private var said = "not begun"
    override var outcome: String { said }

    override func read(_ stretch: Slab<UInt8>) {
        var reader = JSONReader(stretch)
        do throws(ConfigError) {
            while try reader.next() != .end {
                if reader.token == .string || reader.token == .key { _ = reader.text() }
            }
            said = "read"
        } catch { said = "refused" }
    }
}

/// A tinycot.json with as many members of teams as the largest budget allows.
final class ConfigReader: LinearReader {
    private var config: Config
    private var said = "not begun"
    override var outcome: String { said }

    override init() {
        var budget = Budget()
        budget.teamMembers = 4_096
        budget.teams = 64
        var measure = Arena.measuring()
        _ = Config(budget: budget, arena: &measure)
        var arena = arenaOf(measure.usedBytes)
        config = Config(budget: budget, arena: &arena)
    }

    override func read(_ stretch: Slab<UInt8>) {
        do throws(ConfigError) {
            try ConfigParser.parse(stretch, hashKey: 7, into: &config)
            said = "read"
        } catch {
            said = "refused"
        }
    }
}

/// A posted list of videos.
final class VideoReader: LinearReader {
    private let memory = zeroed(VideoFeed.bytesMax)
    private var said = "not begun"
    override var outcome: String { said }

    override func read(_ stretch: Slab<UInt8>) {
        said = VideoFeedReader.check(stretch, memory: memory) == nil ? "taken" : "refused"
    }
}

/// A state file in stretches.
final class StateWholeReader: LinearReader {
    private var reader = StateReader(text: zeroed(65_536))
    private var events = 0
    private var fault = false
    override var outcome: String { "\(events > 0 ? "events" : "none")\(fault ? ", refused" : "")" }

    override func read(_ stretch: Slab<UInt8>) {
        var offset = 0
        do throws(StateFault) {
            while !fault {
                switch try reader.read(stretch, &offset) {
                case .more, .end: return
                case .event: events += 1
                case .header, .client: break
                }
            }
        } catch { fault = true }
    }
}
