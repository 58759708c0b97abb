import Foundation
import Testing

@testable import TinyCoT

@Suite struct ConfigParserTests {
    private let builtInAllow = [
        "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "127.0.0.0/8",
        "100.64.0.0/10", "::1/128", "fe80::/10", "fc00::/7",
    ]

    @Test func anEmptyObjectMeansTheDefaults() throws {
        let candidate = ConfigCandidate()
        try candidate.parse(Array("{}".utf8))
        let config = candidate.config
        #expect(candidate.listeners == ["0.0.0.0:8087", "[::]:8087"])
        #expect(candidate.allow == builtInAllow)
        #expect(candidate.teams == ["open"])
        #expect(!config.isolatesTeams && config.defaultTeam == 0 && config.memberCount == 0)
        #expect(config.heartbeatSeconds == 25 && config.stallSeconds == 30)
        #expect(config.coalesceMilliseconds == 20)
        #expect(config.drainSeconds == 3 && config.replayMaxSeconds == 86_400)
        #expect(config.emergencyRepeatSeconds == 10 && config.emergencyMaxSeconds == 3_600)
        #expect(candidate.httpListeners == ["0.0.0.0:8080", "[::]:8080"])
    }

    private let full = """
        {
            "cot": {"listen": ["192.0.2.1:8087"]},
            "allow": ["192.0.2.0/24", "2001:db8::/32"],
            "heartbeat_seconds": 5, "stall_seconds": 600, "drain_seconds": 0,
            "coalesce_milliseconds": 0,
            "replay_max_seconds": 60, "emergency_repeat_seconds": 60,
            "emergency_max_seconds": 86400,
            "teams": [
                {"sees": ["red", "blue"], "name": "umpire", "listen": ["127.0.0.1:8200"]},
                {"name": "blue", "listen": ["0.0.0.0:8187", "[::]:8187"],
                 "members": ["ANDROID-1", "AL\\u0046A"], "colours": ["Blue", "Dark Blue"],
                 "default": true},
                {"name": "red", "colours": ["Red"], "members": ["BRAVO é"], "default": false},
                {"name": "all", "sees": ["*"]}
            ]
        }
        """

    @Test func everyKeyIsRead() throws {
        let candidate = ConfigCandidate()
        try candidate.parse(Array(full.utf8))
        let config = candidate.config
        #expect(
            candidate.listeners == [
                "192.0.2.1:8087", "127.0.0.1:8200 0", "0.0.0.0:8187 1", "[::]:8187 1",
            ])
        #expect(candidate.allow == ["192.0.2.0/24", "2001:db8::/32"])
        #expect(candidate.teams == ["umpire", "blue", "red", "all"])
        #expect(config.isolatesTeams && config.defaultTeam == 1)
        #expect(candidate.team(of: "ANDROID-1") == 1)
        #expect(candidate.team(of: "ALFA") == 1)
        #expect(candidate.team(of: "BRAVO é") == 2)
        #expect(candidate.team(of: "ALF") == nil)
        #expect(config.memberCount == 3)
        // From umpire: itself and all. From blue: umpire, blue, all. From red: umpire, red, all.
        #expect(candidate.visible == ["1001", "1101", "1011", "0001"])
        let blue = config.teams[1].colours
        #expect(blue.nonzeroBitCount == 2 && blue & config.teams[2].colours == 0)
        #expect(config.teams[0].colours == 0)
        #expect(config.heartbeatSeconds == 5 && config.stallSeconds == 600)
        #expect(config.coalesceMilliseconds == 0)
        #expect(config.drainSeconds == 0 && config.replayMaxSeconds == 60)
        #expect(config.emergencyRepeatSeconds == 60 && config.emergencyMaxSeconds == 86_400)
    }

    @Test func aSecondReadingForgetsTheFirst() throws {
        let candidate = ConfigCandidate()
        try candidate.parse(Array(full.utf8))
        try candidate.parse(Array("{}".utf8))
        #expect(candidate.teams == ["open"] && candidate.config.memberCount == 0)
        #expect(candidate.config.teams[0].colours == 0 && candidate.config.teams[0].sees == 0)
        #expect(candidate.listeners == ["0.0.0.0:8087", "[::]:8087"])
        #expect(!candidate.config.isolatesTeams && candidate.config.stallSeconds == 30)
        #expect(candidate.config.defaultTeam == 0)
    }

    @Test func afterAnErrorTheCountsAreAsBefore() throws {
        let candidate = ConfigCandidate()
        try candidate.parse(Array(full.utf8))
        #expect(candidate.failure("{\"stall_seconds\": 7, \"teams\": [], \"x\": 1}") != "accepted")
        #expect(candidate.config.teamCount == 4 && candidate.config.stallSeconds == 600)
    }

    /// Without a default the unclaimed get a team of their own, that only "*" hears.
    @Test func unclaimedClientsLandInNoConfiguredTeam() throws {
        let candidate = ConfigCandidate()
        try candidate.parse(
            Array(
                """
                {"teams": [{"name": "blue"}, {"name": "umpire", "sees": ["*"]}, {"name": "red"},
                 {"name": "medic", "sees": ["unassigned"]}]}
                """.utf8))
        #expect(candidate.teams == ["blue", "umpire", "red", "medic", "unassigned"])
        #expect(candidate.config.defaultTeam == 4)
        #expect(candidate.visible == ["11000", "01000", "01100", "01010", "01011"])
        // Its place counts, and its name cannot be taken by chance.
        var budget = Budget()
        budget.teams = 1
        #expect(
            ConfigCandidate(budget).failure("{\"teams\": [{\"name\": \"blue\"}]}")
                == """
                tinycot.json: teams leaves no place for the team of clients that no team \
                claims: teams in budget.json is 1.
                """)
        #expect(
            ConfigCandidate(budget).failure(
                """
                {\"teams\": [{\"name\": \"b\", \"default\": true}]}
                """) == "accepted")
        #expect(
            candidate.failure("{\"teams\": [{\"name\": \"unassigned\"}]}")
                == """
                tinycot.json: teams[0].name is \"unassigned\", which is kept for clients that \
                no team claims; rename it or make it the default.
                """)
    }

    @Test func sixtyFourTeamsCanSeeEachOther() throws {
        var budget = Budget()
        budget.teams = 64
        let candidate = ConfigCandidate(budget)
        let teams = (0..<64).map {
            """
            {\"name\": \"t\($0)\", \"sees\": [\"*\"], \"default\": \($0 == 63)}
            """
        }
        try candidate.parse(Array("{\"teams\": [\(teams.joined(separator: ","))]}".utf8))
        #expect(candidate.visible.allSatisfy { !$0.contains("0") })
        #expect(candidate.config.defaultTeam == 63)
    }

    @Test func teamPortsAloneAreEnough() throws {
        let candidate = ConfigCandidate()
        try candidate.parse(
            Array(
                """
                {"cot": {"listen": []}, "teams": [{"name": "a", "listen": ["0.0.0.0:8087"]}]}
                """.utf8))
        #expect(candidate.listeners == ["0.0.0.0:8087 0"])
    }

    @Test(arguments: [
        (
            "{\n\n\n\"heartbeat_second\": 1}",
            ", line 4: unknown key \"heartbeat_second\"; did you mean \"heartbeat_seconds\"?"
        ),
        ("{\"htttp\": {}}", ", line 1: unknown key \"htttp\"; did you mean \"http\"?"),
        (
            "{\"cot\": {\"lsiten\": []}}",
            """
            , line 1: unknown key \"lsiten\" in cot; did you mean \"listen\"?
            """
        ),
        (
            "{\"teams\": [{\"colors\": []}]}",
            ", line 1: unknown key \"colors\" in teams[0]; did you mean \"colours\"?"
        ),
        (
            "{\"teams\": [{\"name\": \"a\", \"name\": \"b\"}]}",
            ", line 1: the key \"name\" is given twice in teams[0]."
        ),
        (
            """
            {\"allow\": [\"::/0\"], \"allow\": [\"::/0\"]}
            """, ", line 1: the key \"allow\" is given twice."
        ),
        ("{\"cot\": []}", ", line 1: cot must be an object, found a list."),
        (
            "{\"cot\": {\"listen\": \"0.0.0.0:8087\"}}",
            """
            , line 1: cot.listen must be a list of addresses with ports, found the string \
            \"0.0.0.0:8087\".
            """
        ),
        (
            "{\"cot\": {\"listen\": [8087]}}",
            ", line 1: cot.listen[0] must be a string, found the number \"8087\"."
        ),
        (
            "{\"cot\": {\"listen\": [\"0.0.0.0:1\", \"8087\"]}}",
            """
            , line 1: cot.listen[1] is \"8087\", which is not an IPv4 or IPv6 address \
            (host names are not looked up).
            """
        ),
        (
            "{\"cot\": {\"listen\": []}}",
            ": cot.listen is empty, and no team has a \"listen\" of its own."
        ),
        (
            "{\"allow\": []}",
            """
            , line 1: allow must name at least one network, or nobody could connect.
            """
        ),
        (
            "{\"allow\": [\"10.1.0.0/8\"]}",
            """
            , line 1: allow[0] is \"10.1.0.0/8\", an address with a longer prefix; did \
            you mean \"10.0.0.0/8\"?
            """
        ),
        (
            "{\"allow\": [\"10.1.2.3\"]}",
            ", line 1: allow[0] is \"10.1.2.3\", which has no prefix length, as in 10.0.0.0/8."
        ),
        (
            "{\"heartbeat_seconds\": 4}",
            ", line 1: heartbeat_seconds is 4, but must lie between 5 and 300."
        ),
        (
            "{\"stall_seconds\": 601}",
            """
            , line 1: stall_seconds is 601, but must lie between 5 and 600.
            """
        ),
        (
            "{\"drain_seconds\": -1}",
            """
            , line 1: drain_seconds is -1, but must lie between 0 and 60.
            """
        ),
        (
            "{\"replay_max_seconds\": 2592001}",
            ", line 1: replay_max_seconds is 2592001, but must lie between 60 and 2592000."
        ),
        (
            "{\"emergency_repeat_seconds\": 2}",
            ", line 1: emergency_repeat_seconds is 2, but must lie between 3 and 60."
        ),
        (
            "{\"emergency_max_seconds\": 59}",
            ", line 1: emergency_max_seconds is 59, but must lie between 60 and 86400."
        ),
        (
            "{\"stall_seconds\": \"30\"}",
            ", line 1: stall_seconds must be a whole number, found the string \"30\"."
        ),
        (
            "{\"teams\": [{\"name\": \"\"}]}",
            """
            , line 1: teams[0].name is \"\", but must not be empty.
            """
        ),
        (
            "{\"teams\": [{\"name\": \"a\\nb\"}]}",
            ", line 1: teams[0].name is \"a\\x0ab\", but must not hold control characters."
        ),
        (
            "{\"teams\": [{\"name\": \"*\"}]}",
            ", line 1: teams[0].name is \"*\", but \"*\" stands for all teams and names none."
        ),
        ("{\"teams\": [\n{}]}", ", line 2: teams[0] has no \"name\"."),
        (
            "{\"teams\": [{\"name\": \"a\"}, {\"name\": \"a\"}]}",
            ", line 1: teams[1].name: \"a\" is the name of another team already."
        ),
        (
            "{\"teams\": [{\"name\": \"12345678901234567890123456789012345678901\"}]}",
            """
            , line 1: teams[0].name has 41 bytes \
            (\"12345678901234567890123456789012345678901\"), but at most 40 fit.
            """
        ),
        (
            "{\"teams\": [{\"name\": \"a\", \"sees\": [\"blu\"]},\n{\"name\": \"blue\"}]}",
            ", line 1: teams[0].sees[0]: there is no team \"blu\"; did you mean \"blue\"?"
        ),
        (
            "{\"teams\": [{\"name\": \"a\",\n\"sees\": [\"a\",\n\"zebra\"]}]}",
            ", line 3: teams[0].sees[1]: there is no team \"zebra\"."
        ),
        (
            "{\"teams\": [{\"name\": \"a\", \"sees\": \"*\"}]}",
            ", line 1: teams[0].sees must be a list of team names, found the string \"*\"."
        ),
        (
            "{\"teams\": [{\"name\": \"a\", \"colours\": [\"blue\"]}]}",
            """
            , line 1: teams[0].colours[0]: there is no team colour \"blue\"; did you mean \
            \"Blue\"?
            """
        ),
        (
            """
            {\"teams\": [{\"name\": \"a\", \"colours\": [\"Blue\"]}, {\"name\": \"b\", \
            \"colours\": [\"Red\", \"Blue\"]}]}
            """,
            ", line 1: teams[1].colours[1]: \"Blue\" is a colour already of \"a\"."
        ),
        (
            "{\"teams\": [{\"name\": \"a\", \"colours\": [\"Blue\", \"Blue\"]}]}",
            ", line 1: teams[0].colours[1]: \"Blue\" is listed twice."
        ),
        (
            """
            {\"teams\": [{\"name\": \"a\", \"members\": [\"X\"]}, {\"members\": [\"X\"], \
            \"name\": \"b\"}]}
            """,
            ", line 1: teams[1].members[0]: \"X\" is a member already of \"a\"."
        ),
        (
            "{\"teams\": [{\"name\": \"a\", \"members\": [\"X\", \"X\"]}]}",
            ", line 1: teams[0].members[1]: \"X\" is listed twice."
        ),
        (
            """
            {\"teams\": [{\"name\": \"a\", \"default\": true}, {\"name\": \"b\", \"default\": \
            true}]}
            """,
            ", line 1: teams[1].default: \"a\" is the default team already."
        ),
        (
            "{\"teams\": [{\"name\": \"a\", \"default\": 1}]}",
            ", line 1: teams[0].default must be true or false, found the number \"1\"."
        ),
        (
            "{\"cot\": {\"listen\": [\"0.0.0.0:1\", \"127.0.0.1:1\"]}}",
            ", line 1: cot.listen[1]: 127.0.0.1:1 is taken already by 0.0.0.0:1 of cot.listen."
        ),
        (
            "{\"cot\": {\"listen\": [\"10.0.0.1:1\", \"10.0.0.2:1\", \"0.0.0.0:1\"]}}",
            ", line 1: cot.listen[2]: 0.0.0.0:1 is taken already by 10.0.0.1:1 of cot.listen."
        ),
        (
            "{\"cot\": {\"listen\": [\"[::]:1\", \"0.0.0.0:1\", \"[::1]:1\"]}}",
            ", line 1: cot.listen[2]: [::1]:1 is taken already by [::]:1 of cot.listen."
        ),
        (
            "{\"cot\": {\"listen\": [\"[::ffff:1.2.3.4]:1\", \"1.2.3.4:1\"]}}",
            ", line 1: cot.listen[1]: 1.2.3.4:1 is taken already by 1.2.3.4:1 of cot.listen."
        ),
        (
            "{\"teams\": [{\"name\": \"a\", \"listen\": [\"127.0.0.1:8087\"]}]}",
            ": cot.listen[0]: 0.0.0.0:8087 is taken already by 127.0.0.1:8087 of teams[0].listen."
        ),
        ("{} {}", ", line 1, column 4: nothing may follow the closing bracket, found \"{\"."),
        ("", ", line 1, column 1: expected a value, found the end of the file."),
    ])
    func wrongFiles(_ text: String, _ expected: String) {
        #expect(ConfigCandidate().failure(text) == "tinycot.json" + expected)
    }

    @Test func differentAddressesMayShareAPort() throws {
        let candidate = ConfigCandidate()
        try candidate.parse(
            Array(
                """
                {"cot": {"listen": ["10.0.0.1:1", "10.0.0.2:1", "[::1]:1", "[::2]:1", "0.0.0.0:2"]}}
                """.utf8))
        #expect(candidate.config.listenerCount == 5)
    }

    @Test func tooManyNamesTheKeyOfTheBudget() {
        var budget = Budget()
        budget.teams = 2
        budget.teamMembers = 2
        budget.listeners = 2
        budget.allowedNetworks = 9
        let candidate = ConfigCandidate(budget)
        #expect(
            candidate.failure(
                """
                {\"teams\": [{\"name\":\"a\"},{\"name\":\"b\"},{\"name\":\"c\"}]}
                """)
                == "tinycot.json, line 1: teams[2] is one team too many: teams in budget.json is 2."
        )
        #expect(
            candidate.failure("{\"teams\": [{\"name\":\"a\",\"members\":[\"1\",\"2\",\"3\"]}]}")
                == """
                tinycot.json, line 1: teams[0].members[2] is one member too many: \
                team_members in budget.json is 2.
                """)
        #expect(
            candidate.failure("{\"cot\": {\"listen\": [\"[::]:1\",\"[::]:2\",\"[::]:3\"]}}")
                == """
                tinycot.json, line 1: cot.listen[2] is one listener too many: listeners in \
                budget.json is 2.
                """)
        let networks = (0..<10).map { "\"10.\($0).0.0/16\"" }.joined(separator: ",")
        #expect(
            candidate.failure("{\"allow\": [\(networks)]}")
                == """
                tinycot.json, line 1: allow[9] is one network too many: allowed_networks in \
                budget.json is 9.
                """)
        let error = ConfigError.fileTooLarge(bytes: 40_000, limit: 32_768)
        #expect(
            sentence(error, file: "tinycot.json")
                == """
                tinycot.json: the file has 40000 bytes, but config_file_bytes in budget.json \
                is 32768.
                """)
    }

    /// The list for suggestions and the relay's own table of colours are the same fourteen.
    @Test func everySuggestedColourIsAColour() {
        var all: UInt16 = 0
        var count = 0
        while let name = ConfigParser.colourName(count) {
            let bytes = OwnedBytes(name.description)
            all |= TeamColour.bit(bytes.slab)
            count += 1
        }
        #expect(count == 14 && all.nonzeroBitCount == 14)
    }

    @Test func hostileTextNeverTraps() {
        let words = [
            "\"cot\":", "\"listen\":[\"0.0.0.0:1\"],", "\"allow\":", "\"teams\":[",
            "{\"name\":\"x\"},",
            "\"sees\":[\"*\"],", "\"members\":[\"q\"],", "\"colours\":[\"Red\"],",
            "\"default\":true,",
            "\"[::]:8087\"", "\"fe80::/10\"", "umpire",
        ].map { Array($0.utf8) }
        let seed = Array(full.utf8)
        var random = SeededGenerator(seed: 12)
        let candidate = ConfigCandidate()
        let name = OwnedBytes("tinycot.json")
        let room = OwnedBytes([UInt8](repeating: 0, count: 1_024))
        var accepted = 0
        for _ in 0..<20_000 {
            let text = mutate(seed, pieces: jsonPieces + words, using: &random)
            do throws(ConfigError) {
                try candidate.parse(text)
                accepted += 1
                let config = candidate.config
                if Int(config.defaultTeam) >= config.teamCount || config.listenerCount == 0 {
                    Issue.record("broken: \(String(decoding: text, as: UTF8.self))")
                }
            } catch {
                var writer = ByteWriter(room.slab)
                error.write(file: name.slab, into: &writer)
                let isClean = (0..<writer.count).allSatisfy { room.slab[$0] >= 0x20 }
                if writer.overflowed || !isClean { Issue.record("unclean sentence") }
            }
        }
        #expect(accepted > 200)
    }
}
