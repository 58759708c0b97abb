// The "http" object of tinycot.json: its keys, its refusals, and what it shares with "cot".

import Testing

@testable import TinyCoT

@Suite struct ConfigHTTPTests {
    private func parsed(_ text: String, _ budget: Budget = Budget()) throws -> ConfigCandidate {
        let candidate = ConfigCandidate(budget)
        try candidate.parse(Array(text.utf8))
        return candidate
    }

    private let full = """
        {"http": {"listen": ["192.0.2.1:80", "[2001:db8::1]:80"],
            "public_url": "https://tak.example.org:8443/field/", "allow_delete": true,
            "announce_uploads": true, "evict_oldest": true,
            "head_seconds": 1, "stall_seconds": 600, "idle_seconds": 2}}
        """

    @Test func everyKeyIsRead() throws {
        let candidate = try parsed(full)
        let config = candidate.config
        #expect(candidate.httpListeners == ["192.0.2.1:80", "[2001:db8::1]:80"])
        #expect(candidate.listeners == ["0.0.0.0:8087", "[::]:8087"])
        #expect(text(config.publicURL) == "https://tak.example.org:8443/field")
        #expect(config.allowsDelete && config.announcesUploads && config.evictsOldest)
        #expect(config.httpHeadSeconds == 1 && config.httpStallSeconds == 600)
        #expect(config.httpIdleSeconds == 2)
        // The relay's own key of that name is another one.
        #expect(config.stallSeconds == 30)
    }

    /// Each switch and each number reaches its own field only.
    @Test func oneKeyChangesOneField() throws {
        func figures(_ key: String, _ value: String) throws -> [Int] {
            let config = try parsed("{\"http\": {\"\(key)\": \(value)}}").config
            return [
                config.allowsDelete ? 1 : 0, config.announcesUploads ? 1 : 0,
                config.evictsOldest ? 1 : 0, config.httpHeadSeconds, config.httpStallSeconds,
                config.httpIdleSeconds,
            ]
        }
        #expect(try figures("allow_delete", "true") == [1, 0, 0, 15, 30, 30])
        #expect(try figures("announce_uploads", "true") == [0, 1, 0, 15, 30, 30])
        #expect(try figures("evict_oldest", "true") == [0, 0, 1, 15, 30, 30])
        #expect(try figures("head_seconds", "300") == [0, 0, 0, 300, 30, 30])
        #expect(try figures("stall_seconds", "1") == [0, 0, 0, 15, 1, 30])
        #expect(try figures("idle_seconds", "600") == [0, 0, 0, 15, 30, 600])
    }

    @Test func aSecondReadingForgetsTheFirst() throws {
        let candidate = try parsed(full)
        try candidate.parse(Array("{}".utf8))
        #expect(candidate.httpListeners == ["0.0.0.0:8080", "[::]:8080"])
        #expect(candidate.config.publicURL.isEmpty && !candidate.config.allowsDelete)
        #expect(candidate.config.httpHeadSeconds == 15)
    }

    @Test func anEmptyListTurnsHTTPOff() throws {
        #expect(try parsed("{\"http\": {\"listen\": []}}").httpListeners == [])
        #expect(try parsed("{\"http\": {}}").httpListeners == ["0.0.0.0:8080", "[::]:8080"])
        // Then its port is free for the relay.
        let relay = try parsed(
            """
            {"cot": {"listen": ["0.0.0.0:8080"]}, "http": {"listen": []}}
            """)
        #expect(relay.listeners == ["0.0.0.0:8080"] && relay.httpListeners == [])
    }

    @Test func onlyTheBuiltInIPv6ListenerMayBeLeftOut() throws {
        let candidate = try parsed("{}")
        let config = candidate.config
        #expect(config.httpListeners[1].isDefaultIPv6(port: Config.httpPort))
        #expect(!config.httpListeners[0].isDefaultIPv6(port: Config.httpPort))
        #expect(config.listeners[1].endpoint.isDefaultIPv6(port: Config.cotPort))
        #expect(!config.listeners[1].endpoint.isDefaultIPv6(port: Config.httpPort))
        let own = try parsed("{\"http\": {\"listen\": [\"[::]:8081\", \"[::1]:8080\"]}}").config
        #expect(!own.httpListeners[0].isDefaultIPv6(port: Config.httpPort))
        #expect(!own.httpListeners[1].isDefaultIPv6(port: Config.httpPort))
    }

    /// Two services cannot have one port, whichever of them the file names first.
    @Test(arguments: [
        (
            """
            {"cot": {"listen": ["127.0.0.1:9"]},
            "http": {"listen": ["127.0.0.1:9"]}}
            """,
            ", line 2: http.listen[0]: 127.0.0.1:9 is taken already by 127.0.0.1:9 of cot.listen."
        ),
        (
            "{\"http\": {\"listen\": [\"0.0.0.0:9\"]},\n\"cot\": {\"listen\": [\"127.0.0.1:9\"]}}",
            ", line 2: cot.listen[0]: 127.0.0.1:9 is taken already by 0.0.0.0:9 of http.listen."
        ),
        (
            """
            {"teams": [{"name": "a", "listen": ["[::]:9"]}], "http": {"listen": ["[::1]:9"]}}
            """,
            ", line 1: http.listen[0]: [::1]:9 is taken already by [::]:9 of teams[0].listen."
        ),
        (
            "{\"http\": {\"listen\": [\"1.2.3.4:9\", \"0.0.0.0:9\"]}}",
            ", line 1: http.listen[1]: 0.0.0.0:9 is taken already by 1.2.3.4:9 of http.listen."
        ),
        (
            "{\"cot\": {\"listen\": [\"[::1]:8080\"]}}",
            ": http.listen[1]: [::]:8080 is taken already by [::1]:8080 of cot.listen."
        ),
        (
            "{\"http\": {\"listen\": [\"0.0.0.0:8087\"]}}",
            ": cot.listen[0]: 0.0.0.0:8087 is taken already by 0.0.0.0:8087 of http.listen."
        ),
    ])
    func conflicts(_ text: String, _ expected: String) {
        #expect(ConfigCandidate().failure(text) == "tinycot.json" + expected)
    }

    @Test func tooManyListenersNameTheKeyOfTheBudget() throws {
        var budget = Budget()
        budget.httpListeners = 1
        let candidate = ConfigCandidate(budget)
        #expect(candidate.failure("{\"http\": {\"listen\": [\"[::]:1\"]}}") == "accepted")
        #expect(
            candidate.failure("{\"http\": {\"listen\": [\"[::]:1\",\n\"[::]:2\"]}}")
                == """
                tinycot.json, line 2: http.listen[1] is one listener too many: http_listeners \
                in budget.json is 1.
                """)
        #expect(
            candidate.failure("{}")
                == """
                tinycot.json: http.listen[1] is one listener too many: http_listeners in \
                budget.json is 1.
                """)
        // The relay's listeners are counted for themselves.
        var relay = Budget()
        relay.listeners = 2
        #expect(try parsed("{}", relay).config.httpListenerCount == 2)
    }

    @Test(arguments: [
        ("[]", "http must be an object, found a list."),
        (
            "{\"public-url\": \"\"}",
            "unknown key \"public-url\" in http; did you mean \"public_url\"?"
        ),
        (
            "{\"heartbeat_seconds\": 9}",
            "unknown key \"heartbeat_seconds\" in http."
        ),
        (
            "{\"allow_delete\": true, \"allow_delete\": true}",
            "the key \"allow_delete\" is given twice in http."
        ),
        (
            "{\"listen\": \"0.0.0.0:80\"}",
            """
            http.listen must be a list of addresses with ports, found the string \
            \"0.0.0.0:80\".
            """
        ),
        ("{\"listen\": [80]}", "http.listen[0] must be a string, found the number \"80\"."),
        (
            "{\"listen\": [\"[::]:80\", \"0.0.0.0\"]}",
            """
            http.listen[1] is \"0.0.0.0\", which has no port, as in 0.0.0.0:8087 or [::]:8087.
            """
        ),
        (
            "{\"allow_delete\": 1}",
            "http.allow_delete must be true or false, found the number \"1\"."
        ),
        (
            "{\"announce_uploads\": \"yes\"}",
            "http.announce_uploads must be true or false, found the string \"yes\"."
        ),
        ("{\"evict_oldest\": null}", "http.evict_oldest must be true or false, found null."),
        ("{\"head_seconds\": 0}", "http.head_seconds is 0, but must lie between 1 and 300."),
        ("{\"head_seconds\": 301}", "http.head_seconds is 301, but must lie between 1 and 300."),
        ("{\"stall_seconds\": 0}", "http.stall_seconds is 0, but must lie between 1 and 600."),
        ("{\"stall_seconds\": 601}", "http.stall_seconds is 601, but must lie between 1 and 600."),
        ("{\"idle_seconds\": 0}", "http.idle_seconds is 0, but must lie between 1 and 600."),
        ("{\"idle_seconds\": 601}", "http.idle_seconds is 601, but must lie between 1 and 600."),
        (
            "{\"idle_seconds\": 1.5}",
            "http.idle_seconds must be a whole number, found the number \"1.5\"."
        ),
        ("{\"public_url\": 7}", "http.public_url must be a string, found the number \"7\"."),
    ])
    func wrongObjects(_ object: String, _ expected: String) {
        #expect(
            ConfigCandidate().failure("{\"http\": \(object)}")
                == "tinycot.json, line 1: " + expected)
    }

    // MARK: public_url

    @Test(arguments: [
        ("", ""), ("http://a", "http://a"), ("http://a/", "http://a"),
        ("https://a//", "https://a"), ("http://10.0.0.1:8080", "http://10.0.0.1:8080"),
        ("https://[2001:db8::1]:8443/x/", "https://[2001:db8::1]:8443/x"),
        ("http://[::1]", "http://[::1]"), ("http://a:1", "http://a:1"),
        ("http://a:65535", "http://a:65535"),
        ("https://Tak-1.example.org/a_b/~c/d.e", "https://Tak-1.example.org/a_b/~c/d.e"),
    ])
    func publicURLs(_ given: String, _ kept: String) throws {
        let candidate = try parsed("{\"http\": {\"public_url\": \"\(given)\"}}")
        #expect(text(candidate.config.publicURL) == kept)
    }

    private static let scheme = "which does not begin with http:// or https://"
    private static let host = "but the host may hold letters, digits and - . _ ~ : [ ] only"
    private static let path = "but the path may hold letters, digits and - . _ ~ / only"
    private static let port = "but behind the host only a port from 1 to 65535 may stand"
    private static let brackets = "but only an IPv6 address has brackets, around all of it"
    private static let inBrackets = "but only an IPv6 address stands in brackets"

    @Test(arguments: [
        ("a", scheme), ("/", scheme), ("ftp://a", scheme), ("http:/a", scheme),
        ("HTTP://a", scheme), ("//a", scheme), (" http://a", scheme),
        ("http://", "which names no host"), ("http:///x", "which names no host"),
        ("http://:80", "which names no host"),
        ("http://a b", host), ("http://me@a", host), ("http://a?x", host), ("http://a#x", host),
        ("http://a&b", host), ("http://a<b", host), ("http://ä", host), ("http://a%20", host),
        ("http://a\\\\b", host), ("http://a\\\"b", host), ("http://a'", host),
        ("http://a/?x", path), ("http://a/b c", path), ("http://a/<", path),
        ("http://a/b:1", path), ("http://a/%41", path), ("http://a/é", path),
        ("http://a:", port), ("http://a:0", port), ("http://a:65536", port),
        ("http://a:080", port), ("http://a:x", port), ("http://a:1:2", port),
        ("http://[::1]8080", port), ("http://[::1]:", port),
        ("http://a[", brackets), ("http://a]", brackets),
        ("http://[::1", "which opens a bracket and does not close it"),
        ("http://[]", inBrackets), ("http://[a]", inBrackets), ("http://[1.2.3.4]", inBrackets),
    ])
    func wrongPublicURLs(_ given: String, _ why: String) {
        let failure = ConfigCandidate().failure("{\"http\": {\"public_url\": \"\(given)\"}}")
        #expect(failure.hasPrefix("tinycot.json, line 1: http.public_url is \""))
        #expect(failure.hasSuffix(why + "."), "\(failure)")
    }

    @Test func aPublicURLHasALimit() throws {
        let start = "https://tak.example.org/"
        let longest = start + String(repeating: "x", count: 200 - start.utf8.count)
        let candidate = try parsed("{\"http\": {\"public_url\": \"\(longest)//\"}}")
        #expect(text(candidate.config.publicURL) == longest)
        let failure = ConfigCandidate().failure("{\"http\": {\"public_url\": \"\(longest)x\"}}")
        #expect(failure.hasPrefix("tinycot.json, line 1: http.public_url has 201 bytes (\"https:"))
        #expect(failure.hasSuffix("), but at most 200 fit."))
    }

    /// What stands in a URL that is handed out can do nothing to JSON or XML around it.
    @Test func noByteOfAPublicURLNeedsEscaping() {
        for byte in UInt8(1)...UInt8(255) {
            for place in ["http://a", "http://a/"] {
                let bytes = OwnedBytes(Array(place.utf8) + [byte])
                let isHarmless =
                    byte < 0x80
                    && "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/"
                        .utf8.contains(byte)
                #expect((PublicURL.objection(to: bytes.slab) == nil) == isHarmless, "\(byte)")
            }
        }
    }

    @Test func hostileTextNeverTraps() {
        let pieces =
            jsonPieces
            + [
                "\"http\":{", "\"listen\":[\"0.0.0.0:1\"],", "\"public_url\":\"", "https://",
                "\"evict_oldest\":true,", ":8080", "[::1]", "]:",
            ].map { Array($0.utf8) }
        var random = SeededGenerator(seed: 31)
        let candidate = ConfigCandidate()
        let room = OwnedBytes([UInt8](repeating: 0, count: 1_024))
        let name = OwnedBytes("tinycot.json")
        var accepted = 0
        for _ in 0..<10_000 {
            let text = mutate(Array(full.utf8), pieces: pieces, using: &random)
            do throws(ConfigError) {
                try candidate.parse(text)
                accepted += 1
                if candidate.config.httpListenerCount > Budget().httpListeners {
                    Issue.record("broken: \(String(decoding: text, as: UTF8.self))")
                }
            } catch {
                var writer = ByteWriter(room.slab)
                error.write(file: name.slab, into: &writer)
                if writer.overflowed { Issue.record("a sentence that does not fit") }
            }
        }
        #expect(accepted > 200)
    }
}
