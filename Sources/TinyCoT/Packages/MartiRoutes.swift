// Which question a request asks: method and path of the Marti API (protocol 8.2, 12), and what is
// asked by who watches the server. Called once a request, with the path as it came,
// without its query. Paths are compared byte by byte, in the case of the protocol, each
// percent-escape decoded once; an escaped slash is a letter of its segment, not a border. Ranges
// point into the path as it came; `PathText` decodes them.
// It changes nothing and keeps nothing.

/// A question, and what its path tells.
public enum MartiRoute: Equatable, BitwiseCopyable, Sendable {
    case missionQuery, missionUpload
    case syncUpload, syncContent, syncSearch, syncDelete
    /// The visibility of one package: asked for, or set.
    case tool(hash: ByteRange)
    case version, versionConfig
    case clientEndpoints, contacts
    case groups, groupCacheEnabled
    case missions
    case videos
    /// The latest event of one uid.
    case event(uid: ByteRange)
    /// The latest position of every client.
    case positions
    /// Whether it serves, and its figures.
    case health, metrics
    /// The page for people, and what it draws.
    case page, status
}

/// A set of methods. Not an `OptionSet`, whose literals are arrays.
public struct MartiMethods: Equatable, BitwiseCopyable, Sendable {
    private let rawValue: UInt8
    private init(rawValue: UInt8) { self.rawValue = rawValue }

    public static var get: MartiMethods { MartiMethods(rawValue: 1) }
    public static var head: MartiMethods { MartiMethods(rawValue: 2) }
    public static var post: MartiMethods { MartiMethods(rawValue: 4) }
    public static var put: MartiMethods { MartiMethods(rawValue: 8) }
    public static var delete: MartiMethods { MartiMethods(rawValue: 16) }

    public var isEmpty: Bool { rawValue == 0 }

    public func union(_ other: MartiMethods) -> MartiMethods {
        MartiMethods(rawValue: rawValue | other.rawValue)
    }

    public func isSuperset(of other: MartiMethods) -> Bool {
        other.rawValue & ~rawValue == 0
    }

    private static func name(_ bit: UInt8) -> StaticString {
        switch bit {
        case 0: "GET"
        case 1: "HEAD"
        case 2: "POST"
        case 3: "PUT"
        default: "DELETE"
        }
    }

    /// The set of this one method, or the empty set. Methods are case-sensitive (RFC 9110).
    public init(_ method: Slab<UInt8>) {
        var bit: UInt8 = 0
        var found: UInt8 = 0
        while bit < 5 {
            if method.equals(MartiMethods.name(bit)) { found = 1 << bit }
            bit += 1
        }
        rawValue = found
    }

    /// The value of an Allow field.
    public func append(to writer: inout ByteWriter) {
        var bit: UInt8 = 0
        var isFirst = true
        while bit < 5 {
            if rawValue >> bit & 1 == 1 {
                if !isFirst { writer.append(", ") }
                isFirst = false
                writer.append(MartiMethods.name(bit))
            }
            bit += 1
        }
    }
}

/// What `MartiRoutes` finds.
public enum MartiRouting: Equatable, Sendable {
    case found(MartiRoute, method: MartiMethods)
    /// 405, with the methods that are allowed.
    case wrongMethod(allowed: MartiMethods)
    /// 404.
    case unknown
    /// 400: a percent sign without two hexadecimal digits.
    case malformed
}

public enum MartiRoutes {
    /// - Parameter path: from its first slash on, without `?` and query.
    public static func find(method: Slab<UInt8>, path: Slab<UInt8>) -> MartiRouting {
        if !PathText.isWellFormed(path) { return .malformed }
        var number = 0
        while let entry = entry(number) {
            number += 1
            guard let parameter = match(path, entry.pattern) else { continue }
            let asked = MartiMethods(method)
            if asked.isEmpty || !entry.methods.isSuperset(of: asked) {
                return .wrongMethod(allowed: entry.methods)
            }
            return .found(route(entry.route, parameter), method: asked)
        }
        return .unknown
    }

    private struct Entry {
        let pattern: StaticString
        let methods: MartiMethods
        let route: MartiRoute

        init(_ pattern: StaticString, _ methods: MartiMethods, _ route: MartiRoute) {
            self.pattern = pattern
            self.methods = methods
            self.route = route
        }
    }

    /// The table. A star stands for one segment that is not empty.
    private static func entry(_ number: Int) -> Entry? {
        let read = MartiMethods.get.union(.head)
        return switch number {
        case 0: Entry("/Marti/sync/missionquery", read, .missionQuery)
        case 1: Entry("/Marti/sync/missionupload", .post, .missionUpload)
        case 2: Entry("/Marti/sync/upload", .post, .syncUpload)
        case 3: Entry("/Marti/sync/content", read, .syncContent)
        case 4: Entry("/Marti/sync/search", read, .syncSearch)
        // The official server takes all three (protocol 8.2).
        case 5:
            Entry(
                "/Marti/sync/delete", MartiMethods.get.union(.post).union(.delete), .syncDelete)
        case 6:
            Entry(
                "/Marti/api/sync/metadata/*/tool", read.union(.put), .tool(hash: ByteRange()))
        case 7: Entry("/Marti/api/version", read, .version)
        case 8: Entry("/Marti/api/version/config", read, .versionConfig)
        case 9: Entry("/Marti/api/clientEndPoints", read, .clientEndpoints)
        case 10: Entry("/Marti/api/contacts/all", read, .contacts)
        case 11: Entry("/Marti/api/groups/all", read, .groups)
        case 12: Entry("/Marti/api/groups/groupCacheEnabled", read, .groupCacheEnabled)
        case 13: Entry("/Marti/api/missions", read, .missions)
        case 14: Entry("/Marti/vcm", read.union(.post), .videos)
        case 15: Entry("/Marti/api/cot/xml/*", read, .event(uid: ByteRange()))
        case 16: Entry("/Marti/api/cot/sa", read, .positions)
        case 17: Entry("/healthz", read, .health)
        case 18: Entry("/metrics", read, .metrics)
        case 19: Entry("/", read, .page)
        case 20: Entry("/status.json", read, .status)
        default: nil
        }
    }

    private static func route(_ route: MartiRoute, _ parameter: Range<Int>) -> MartiRoute {
        let range = ByteRange(offset: parameter.lowerBound, count: parameter.count)
        return switch route {
        case .tool: .tool(hash: range)
        case .event: .event(uid: range)
        default: route
        }
    }

    /// Where the star's segment lies; an empty range if the pattern has no star; nil if the path
    /// is another.
    private static func match(_ path: Slab<UInt8>, _ pattern: StaticString) -> Range<Int>? {
        var parameter = 0..<0
        var at = 0
        // Some addresses that servers hand out have two slashes in front (protocol 8.3).
        if path.count > 1, path[0] == UInt8(ascii: "/"), path[1] == UInt8(ascii: "/") { at = 1 }
        var i = 0
        while i < pattern.utf8CodeUnitCount {
            let wanted = pattern.utf8Start[i]
            if wanted == UInt8(ascii: "*") {
                let start = at
                while at < path.count, path[at] != UInt8(ascii: "/") { at += 1 }
                if at == start { return nil }
                parameter = start..<at
            } else if wanted == UInt8(ascii: "/") {
                if at == path.count || path[at] != wanted { return nil }
                at += 1
            } else {
                if at == path.count || PathText.byte(path, at) != wanted { return nil }
                at += PathText.length(path, at)
            }
            i += 1
        }
        return at == path.count ? parameter : nil
    }
}
