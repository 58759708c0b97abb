import Foundation
import Testing

@testable import TinyCoT

@Suite struct BudgetTests {
    private func parse(_ text: String) -> Result<Budget, ConfigError> {
        let bytes = OwnedBytes(text)
        do throws(ConfigError) {
            return .success(try BudgetParser.parse(bytes.slab))
        } catch {
            return .failure(error)
        }
    }

    private func failure(_ text: String) -> String {
        switch parse(text) {
        case .success: "accepted"
        case .failure(let error): sentence(error, file: "budget.json")
        }
    }

    private func values(_ budget: Budget) -> [Int] {
        (0..<BudgetKey.count).map { BudgetKey(rawValue: UInt8($0))!.value(in: budget) }
    }

    /// The file that ships, found beside the tests.
    private func shippedFile() throws -> String {
        let root = URL(fileURLWithPath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        return try String(contentsOf: root.appendingPathComponent("budget.json"), encoding: .utf8)
    }

    @Test func theShippedFileSaysTheDefaults() throws {
        let text = try shippedFile()
        #expect(try values(parse(text).get()) == values(Budget()))
        #expect(try values(parse("{}").get()) == values(Budget()))
        // And it names every key, so that an operator sees all there is.
        let object = try JSONSerialization.jsonObject(with: Data(text.utf8)) as! [String: Int]
        #expect(object.count == BudgetKey.count)
        // Mirror knows the fields of Budget independently of BudgetKey.
        #expect(Mirror(reflecting: Budget()).children.count == BudgetKey.count)
        for (name, value) in Mirror(reflecting: Budget()).children {
            let key = name!.reduce("") {
                $0 + ($1.isUppercase ? "_" + $1.lowercased() : String($1))
            }
            #expect(object[key] == value as? Int)
        }
    }

    @Test func everyKeyReachesItsFieldAndItsBounds() throws {
        for i in 0..<BudgetKey.count {
            let key = BudgetKey(rawValue: UInt8(i))!
            #expect(key.range.contains(key.value(in: Budget())))
            for bound in [key.range.lowerBound, key.range.upperBound] {
                // Alone a bound may contradict another default; it is never out of range.
                switch parse("{\"\(key.name)\": \(bound)}") {
                case .success(let budget):
                    #expect(key.value(in: budget) == bound)
                    #expect(zip(values(budget), values(Budget())).filter { $0 != $1 }.count <= 1)
                case .failure(let error): #expect(error.problem == .contradiction)
                }
            }
            for beyond in [key.range.lowerBound - 1, key.range.upperBound + 1] {
                #expect(
                    failure("{\"\(key.name)\": \(beyond)}")
                        == "budget.json, line 1: \(key.name) is \(beyond), but must lie between "
                        + "\(key.range.lowerBound) and \(key.range.upperBound).")
            }
        }
        #expect(BudgetKey.eventMaxBytes.range == 1_024...65_536)
        #expect(BudgetKey.clientQueueEvents.range.upperBound == 65_535)
        #expect(BudgetKey.teams.range.upperBound == 64)
    }

    @Test(arguments: [
        ("{\n\"client\": 1}", "line 2: unknown key \"client\"; did you mean \"clients\"?"),
        (
            "{\"memoryBytes\": 1}",
            """
            line 1: unknown key \"memoryBytes\"; did you mean \"memory_bytes\"?
            """
        ),
        ("{\"cleints\": 1}", "line 1: unknown key \"cleints\"; did you mean \"clients\"?"),
        ("{\"frobnicate\": 1}", "line 1: unknown key \"frobnicate\"."),
        ("{\"\": 1}", "line 1: unknown key \"\"."),
        ("{\"a\\u001b[2J\": 1}", "line 1: unknown key \"a\\x1b[2J\"."),
        ("{\"clients\": 1,\n\"clie\\u006ets\": 2}", "line 2: the key \"clients\" is given twice."),
        (
            "{\"clients\": \"128\"}",
            """
            line 1: clients must be a whole number, found the string \"128\".
            """
        ),
        ("{\"clients\": 1.5}", "line 1: clients must be a whole number, found the number \"1.5\"."),
        ("{\"clients\": 1e2}", "line 1: clients must be a whole number, found the number \"1e2\"."),
        ("{\"clients\": null}", "line 1: clients must be a whole number, found null."),
        ("{\"clients\": {}}", "line 1: clients must be a whole number, found an object."),
        (
            "{\"clients\": 99999999999999999999}",
            "line 1: clients is 99999999999999999999, but must lie between 1 and 1024."
        ),
        ("[]", "line 1: the file must be an object, found a list."),
        ("7", "line 1: the file must be an object, found the number \"7\"."),
    ])
    func wrongFiles(_ text: String, _ expected: String) {
        #expect(failure(text) == "budget.json, " + expected)
    }

    @Test(arguments: [
        (
            "{\"clients\": 64}",
            "line 1: clients_per_address is 128, but must be at most 64 because clients is 64."
        ),
        (
            "{\n\"clients_per_address\": 200,\n\"memory_bytes\": 8388608}",
            "line 2: clients_per_address is 200, but must be at most 128 because clients is 128."
        ),
        (
            "{\"client_queue_bytes\": 65535}",
            """
            line 1: client_queue_bytes is 65535, but must be at least 65536 because \
            event_max_bytes is 65536.
            """
        ),
        (
            "{\"event_log_bytes\": 262143}",
            """
            line 1: event_log_bytes is 262143, but must be at least 262144 because \
            event_max_bytes is 65536.
            """
        ),
        (
            "{\"client_queue_bytes\": 1343489}",
            """
            line 1: client_queue_bytes is 1343489, but must be at most 1343488 because \
            event_log_bytes is 1343488.
            """
        ),
        (
            "{\"client_queue_events\": 5000}",
            """
            line 1: client_queue_events is 5000, but must be at most 4096 because \
            event_log_events is 4096.
            """
        ),
        (
            "{\"receive_pool_bytes\": 73727}",
            """
            line 1: receive_pool_bytes is 73727, but must be at least 73728 because \
            event_max_bytes is 65536.
            """
        ),
        (
            "{\"replay_bytes\": 65536}",
            """
            line 1: replay_bytes is 65536, but must be at least 73728 because \
            event_max_bytes is 65536.
            """
        ),
        (
            "{\"http_connections_per_address\": 9}",
            """
            line 1: http_connections_per_address is 9, but must be at most 8 because \
            http_connections is 8.
            """
        ),
        (
            "{\n\"http_head_bytes\": 65536,\n\"http_receive_bytes\": 65535}",
            """
            line 3: http_receive_bytes is 65535, but must be at least 65536 because \
            http_head_bytes is 65536.
            """
        ),
        (
            "{\n\"http_connections\": 2, \"http_connections_per_address\": 1}",
            "line 2: uploads is 4, but must be at most 2 because http_connections is 2."
        ),
        (
            "{\"uploads\": 1}",
            "line 1: uploads_per_address is 2, but must be at most 1 because uploads is 1."
        ),
    ])
    func contradictions(_ text: String, _ expected: String) {
        #expect(failure(text) == "budget.json, " + expected)
    }

    @Test func boundsOfContradictionsAreExact() throws {
        for text in [
            "{\"clients\": 64, \"clients_per_address\": 64}", "{\"client_queue_bytes\": 65536}",
            "{\"event_log_bytes\": 262144}", "{\"receive_pool_bytes\": 73728}",
            "{\"replay_bytes\": 73728}", "{\"event_max_bytes\": 1024, \"replay_bytes\": 2048}",
            "{\"http_connections\": 4}", "{\"http_connections_per_address\": 8, \"uploads\": 8}",
            "{\"http_head_bytes\": 65536, \"http_receive_bytes\": 65536}",
            "{\"uploads_per_address\": 4}", "{\"disk_reserve_bytes\": 0}",
            "{\"package_store_bytes\": 17592186044416}",
        ] {
            #expect(failure(text) == "accepted")
        }
    }

    @Test func hostileTextNeverTraps() throws {
        let seed = Array(try shippedFile().utf8)
        let keys = (0..<BudgetKey.count).map { BudgetKey(rawValue: UInt8($0))!.name.description }
        let pieces = jsonPieces + keys.map { Array("\"\($0)\": 7,".utf8) }
        var random = SeededGenerator(seed: 3)
        let name = OwnedBytes("budget.json")
        let room = OwnedBytes([UInt8](repeating: 0, count: 1_024))
        var accepted = 0
        for _ in 0..<12_000 {
            let bytes = OwnedBytes(mutate(seed, pieces: pieces, using: &random))
            do throws(ConfigError) {
                let budget = try BudgetParser.parse(bytes.slab)
                accepted += 1
                for i in 0..<BudgetKey.count {
                    let key = BudgetKey(rawValue: UInt8(i))!
                    if !key.range.contains(key.value(in: budget)) { Issue.record("\(key)") }
                }
            } catch {
                var writer = ByteWriter(room.slab)
                error.write(file: name.slab, into: &writer)
                let isClean = (0..<writer.count).allSatisfy { room.slab[$0] >= 0x20 }
                if writer.overflowed || !isClean { Issue.record("unclean sentence") }
            }
        }
        #expect(accepted > 100)
    }
}

@Suite struct ConfigurationPageTests {
    /// docs/configuration.md says of every key of the budget the default and the bounds that
    /// the program has.
    @Test func thePageSaysWhatTheProgramDoes() throws {
        let root = URL(fileURLWithPath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let page = try String(
            contentsOf: root.appendingPathComponent("docs/configuration.md"), encoding: .utf8)
        let lines = page.split(separator: "\n")
        for i in 0..<BudgetKey.count {
            let key = BudgetKey(rawValue: UInt8(i))!
            // `teams` is a key of both files; the budget comes last.
            let row = lines.last { $0.hasPrefix("| `\(key.name)` |") } ?? ""
            let figures =
                "| \(grouped(key.value(in: Budget()))) "
                + "| \(grouped(key.range.lowerBound)) to \(grouped(key.range.upperBound)) |"
            #expect(row.hasSuffix(figures), "\(key.name)")
        }
        for table in [ConfigKeys.file, .cot, .http, .team, .dump] {
            var i = 0
            while let name = table.name(i) {
                // Keys of one name stand in several objects, each with a section of its own.
                let section = section(of: table, in: page)
                #expect(
                    section.contains(table == .cot ? "\"\(name)\"" : "\n| `\(name)` |"), "\(name)")
                i += 1
            }
        }
    }

    /// From the head of the table to the next heading.
    private func section(of table: ConfigKeys, in page: String) -> Substring {
        let head =
            switch table {
            case .file, .cot: "| Key |"
            case .http: "| Key of `http` |"
            case .team: "| Key of a team |"
            case .dump: "| Key of `dump` |"
            }
        guard let start = page.range(of: head)?.lowerBound else { return "" }
        let end = page[start...].range(of: "\n#")?.lowerBound ?? page.endIndex
        return page[start..<end]
    }

    /// And of the keys of "http" what they are where nothing is said.
    @Test func thePageSaysTheDefaultsOfHTTP() throws {
        let root = URL(fileURLWithPath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let page = try String(
            contentsOf: root.appendingPathComponent("docs/configuration.md"), encoding: .utf8)
        let rows = section(of: .http, in: page).split(separator: "\n")
        let candidate = ConfigCandidate()
        try candidate.parse(Array("{}".utf8))
        let config = candidate.config
        let listen = candidate.httpListeners.map { "`\($0)`" }.joined(separator: ", ")
        for (name, value) in [
            ("listen", listen), ("public_url", "`\"\(text(config.publicURL))\"`"),
            ("allow_delete", "`\(config.allowsDelete)`"),
            ("announce_uploads", "`\(config.announcesUploads)`"),
            ("evict_oldest", "`\(config.evictsOldest)`"),
            ("head_seconds", "\(config.httpHeadSeconds)"),
            ("stall_seconds", "\(config.httpStallSeconds)"),
            ("idle_seconds", "\(config.httpIdleSeconds)"),
        ] {
            let row = rows.first { $0.hasPrefix("| `\(name)` |") } ?? ""
            #expect(row.contains("| \(value) |"), "\(name)")
        }
    }

    private func grouped(_ value: Int) -> String {
        var digits = Array(String(value))
        var position = digits.count - 3
        while position > 0 {
            digits.insert(",", at: position)
            position -= 3
        }
        return String(digits)
    }
}
