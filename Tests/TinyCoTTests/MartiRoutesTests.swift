// Every path of protocol 8.2 that TinyCoT answers, with every method, and the ways of writing a
// path that must or must not lead there.

import Foundation
import Testing

@testable import TinyCoT

@Suite struct MartiRoutesTests {
    private func find(_ method: String, _ path: String) -> MartiRouting {
        withSlab(Array(method.utf8)) { method in
            withSlab(Array(path.utf8)) { MartiRoutes.find(method: method, path: $0) }
        }
    }

    private static let hash = String(repeating: "0aF9", count: 16)

    /// Path, allowed methods, route.
    private static let table: [(String, String, MartiRoute)] = [
        ("/Marti/sync/missionquery", "GET, HEAD", .missionQuery),
        ("/Marti/sync/missionupload", "POST", .missionUpload),
        ("/Marti/sync/upload", "POST", .syncUpload),
        ("/Marti/sync/content", "GET, HEAD", .syncContent),
        ("/Marti/sync/search", "GET, HEAD", .syncSearch),
        ("/Marti/sync/delete", "GET, POST, DELETE", .syncDelete),
        (
            "/Marti/api/sync/metadata/\(hash)/tool", "GET, HEAD, PUT",
            .tool(hash: ByteRange(offset: 25, count: 64))
        ),
        ("/Marti/api/version", "GET, HEAD", .version),
        ("/Marti/api/version/config", "GET, HEAD", .versionConfig),
        ("/Marti/api/clientEndPoints", "GET, HEAD", .clientEndpoints),
        ("/Marti/api/contacts/all", "GET, HEAD", .contacts),
        ("/Marti/api/groups/all", "GET, HEAD", .groups),
        ("/Marti/api/groups/groupCacheEnabled", "GET, HEAD", .groupCacheEnabled),
        ("/Marti/api/missions", "GET, HEAD", .missions),
        ("/Marti/vcm", "GET, HEAD, POST", .videos),
        ("/Marti/api/cot/xml/ANDROID-1", "GET, HEAD", .event(uid: ByteRange(offset: 19, count: 9))),
        ("/Marti/api/cot/sa", "GET, HEAD", .positions),
        ("/healthz", "GET, HEAD", .health),
        ("/metrics", "GET, HEAD", .metrics),
        ("/", "GET, HEAD", .page),
        ("/status.json", "GET, HEAD", .status),
    ]

    private func shifted(_ route: MartiRoute, by offset: Int) -> MartiRoute {
        switch route {
        case .tool(let range):
            .tool(hash: ByteRange(offset: Int(range.offset) + offset, count: Int(range.count)))
        case .event(let range):
            .event(uid: ByteRange(offset: Int(range.offset) + offset, count: Int(range.count)))
        default: route
        }
    }

    @Test func everyEndpointWithEveryMethod() {
        let methods = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "get", "", "PATCH"]
        for (path, allowed, route) in MartiRoutesTests.table {
            for method in methods {
                let isAllowed = allowed.components(separatedBy: ", ").contains(method)
                for (offset, path) in [path, "/" + path].enumerated() {
                    switch find(method, path) {
                    case .found(let found, let used):
                        #expect(isAllowed && found == shifted(route, by: offset), "\(path)")
                        #expect(allow(used) == method)
                    case .wrongMethod(let methods):
                        #expect(!isAllowed, "\(method) \(path)")
                        #expect(allow(methods) == allowed)
                    case .unknown, .malformed: Issue.record("\(method) \(path)")
                    }
                }
            }
        }
    }

    private func allow(_ methods: MartiMethods) -> String {
        withSlab([UInt8](repeating: 0, count: 100)) {
            var writer = ByteWriter($0)
            methods.append(to: &writer)
            return String(decoding: array(writer.written), as: UTF8.self)
        }
    }

    @Test func otherPathsAreUnknown() {
        let paths = [
            "", "///", "/.", "/index.html", "/status", "*",
            "/Marti", "/Marti/", "/marti/api/version", "/Marti/api/Version",
            "/Marti/api/version/", "/Marti//api/version", "///Marti/api/version",
            "Marti/api/version", "/Marti/api/version/config/x", "/Marti/api/versio",
            "/Marti/api/versions", "/Marti/api/cot/xml/", "/Marti/api/cot/xml/a/all",
            "/Marti/api/sync/metadata//tool", "/Marti/api/sync/metadata/x/tools",
            "/Marti/api/sync/metadata/x/y/tool", "/Marti%2Fapi/version", "/Marti/./api/version",
            "/Marti/x/../api/version", "/Marti/api/missions/a", "/Marti/%2561pi/version",
            "/Marti/api/version%00", "/Marti/api/version?", "http://a/Marti/api/version",
        ]
        for path in paths { #expect(find("GET", path) == .unknown, "\(path)") }
    }

    @Test func escapesAreDecodedOnceAndCheckedFirst() {
        #expect(find("GET", "/%4darti/api/%76ersion") == .found(.version, method: .get))
        for path in ["/Marti/%", "/%4", "/Marti/api/cot/xml/%zz", "/Marti/api/cot/xml/%%41", "%"] {
            #expect(find("GET", path) == .malformed, "\(path)")
            #expect(find("GET", path + "/x%") == .malformed, "\(path)")
        }
        // A slash that is escaped belongs to the uid; two dots are a uid like another.
        for (path, uid) in [
            ("a%2Fb", "a/b"), ("%2541", "%41"), ("..", ".."), ("a+b%20c", "a+b c"),
            ("%00", "\u{0}"), ("Gr%C3%BC%c3%9fe", "Grüße"),
        ] {
            let whole = "/Marti/api/cot/xml/" + path
            guard case .found(.event(let range), _) = find("GET", whole) else {
                Issue.record("\(path)")
                continue
            }
            #expect(decoded(whole, range.range) == Array(uid.utf8))
        }
    }

    private func decoded(_ path: String, _ range: Range<Int>) -> [UInt8] {
        withSlab(Array(path.utf8)) { path in
            withSlab([UInt8](repeating: 0, count: 100)) {
                var writer = ByteWriter($0)
                PathText.append(path, range, to: &writer)
                return array(writer.written)
            }
        }
    }

    @Test func digestsOfPathsAreSixtyFourDigits() {
        func digest(_ text: String) -> SHA256Digest? {
            withSlab(Array(text.utf8)) { PathText.digest($0, 0..<text.utf8.count) }
        }
        let hash = MartiRoutesTests.hash
        #expect(digest(hash) != nil)
        #expect(digest("%30" + hash.dropFirst()) == digest(hash))
        #expect(digest(hash.lowercased()) == digest(hash))
        for wrong in [hash + "0", String(hash.dropLast()), "", "g" + hash.dropFirst()] {
            #expect(digest(wrong) == nil)
        }
    }

    /// Nothing that comes can stop the program, and whatever is found lies inside the path.
    @Test func mutatedPathsAreHarmless() {
        var generator = SeededGenerator(seed: 3986)
        let letters = Array("/%2F4Maé*.\u{0}".utf8)
        for _ in 0..<20_000 {
            let entry = MartiRoutesTests.table[generator.below(MartiRoutesTests.table.count)]
            var path = Array(entry.0.utf8)
            for _ in 0...generator.below(3) {
                let at = generator.below(path.count + 1)
                if generator.below(3) == 0 {
                    path = Array(path[..<at])
                } else {
                    path.insert(letters[generator.below(letters.count)], at: at)
                }
            }
            let routing = withSlab(path) { MartiRoutes.find(method: Slab("GET"), path: $0) }
            switch routing {
            case .found(.tool(let range), _), .found(.event(let range), _):
                #expect(range.offset > 0 && range.end <= path.count && !range.isEmpty)
                #expect(!path[range.range].contains(UInt8(ascii: "/")))
            default: break
            }
        }
    }
}
