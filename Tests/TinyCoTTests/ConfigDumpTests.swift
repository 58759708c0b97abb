// The "dump" object of tinycot.json: its keys, its refusals, and that its teams are the file's.

import Testing

@testable import TinyCoT

@Suite struct ConfigDumpTests {
    private func parsed(_ text: String) throws -> ConfigCandidate {
        let candidate = ConfigCandidate()
        try candidate.parse(Array(text.utf8))
        return candidate
    }

    private func types(_ config: Config) -> [String] {
        (0..<config.dump.typeCount).map { text(config.dump.types[$0]) }
    }

    private let full = """
        {"dump": {"enabled": true, "types": ["a-f", "b-t-f"], "teams": ["umpire", "blue"],
            "uids": ["ANDROID-1", "Łódź"], "file_seconds": 60},
        "teams": [{"name": "blue"}, {"name": "red"}, {"name": "umpire", "default": true}]}
        """

    @Test func everyKeyIsRead() throws {
        let dump = try parsed(full).config.dump
        #expect(dump.isEnabled && dump.fileSeconds == 60)
        #expect(types(try parsed(full).config) == ["a-f", "b-t-f"])
        #expect(dump.teams == 0b101)
        #expect(dump.uidCount == 2)
        let city = OwnedBytes("Łódź")
        #expect(withExtendedLifetime(city) { NameHash.of(city.slab, key: 7) } == dump.uids[1])
    }

    @Test func itIsOffAndHoldsNothingBackByDefault() throws {
        let empty = "{\"dump\": {\"types\": [], \"teams\": [], \"uids\": []}}"
        for file in ["{}", "{\"dump\": {}}", empty] {
            let dump = try parsed(file).config.dump
            #expect(!dump.isEnabled && dump.fileSeconds == 3_600)
            #expect(dump.typeCount == 0 && dump.uidCount == 0 && dump.teams == .max)
        }
    }

    @Test func aSecondReadingForgetsTheFirst() throws {
        let candidate = try parsed(full)
        try candidate.parse(Array("{}".utf8))
        let dump = candidate.config.dump
        #expect(!dump.isEnabled && dump.typeCount == 0 && dump.uidCount == 0)
        #expect(dump.teams == .max && dump.fileSeconds == 3_600)
    }

    @Test func teamsAreFoundWhereverTheyStand() throws {
        func teams(_ names: String, _ rest: String = "") throws -> UInt64 {
            try parsed("{\"dump\": {\"teams\": [\(names)]}\(rest)}").config.dump.teams
        }
        let two = ", \"teams\": [{\"name\": \"blue\"}, {\"name\": \"red\"}]"
        #expect(try teams("\"red\"", two) == 0b10)
        // Those that nothing claims have a team, too.
        #expect(try teams("\"unassigned\"", two) == 0b100)
        #expect(try teams("\"*\"", two) == 0b111)
        #expect(try teams("\"open\"") == 0b1)
    }

    @Test func asManyAsAreAllowedFit() throws {
        func list(_ count: Int) -> String {
            (0..<count).map { "\"x\($0)\"" }.joined(separator: ",")
        }
        let dump = try parsed(
            "{\"dump\": {\"types\": [\(list(16))], \"uids\": [\(list(32))]}}"
        ).config.dump
        #expect(dump.typeCount == 16 && dump.uidCount == 32)
        #expect(
            ConfigCandidate().failure("{\"dump\": {\"types\": [\(list(17))]}}")
                == "tinycot.json, line 1: dump.types[16] is one type too many: at most 16 fit.")
        #expect(
            ConfigCandidate().failure("{\"dump\": {\"uids\": [\(list(33))]}}")
                == "tinycot.json, line 1: dump.uids[32] is one uid too many: at most 32 fit.")
        let longest = String(repeating: "a", count: 32)
        #expect(types(try parsed("{\"dump\": {\"types\": [\"\(longest)\"]}}").config) == [longest])
        #expect(
            ConfigCandidate().failure("{\"dump\": {\"types\": [\"\(longest)b\"]}}")
                == "tinycot.json, line 1: dump.types[0] has 33 bytes (\"\(longest)b\"), "
                + "but at most 32 fit.")
    }

    @Test(arguments: [
        ("{\"enable\": true}", "unknown key \"enable\" in dump; did you mean \"enabled\"?"),
        ("{\"enabled\": 1}", "dump.enabled must be true or false, found the number \"1\"."),
        ("{\"file_seconds\": 59}", "dump.file_seconds is 59, but must lie between 60 and 86400."),
        (
            "{\"file_seconds\": 86401}",
            "dump.file_seconds is 86401, but must lie between 60 and 86400."
        ),
        ("{\"types\": \"a\"}", "dump.types must be a list of beginnings of types, found "
            + "the string \"a\"."),
        ("{\"types\": [\"a\", \"\"]}", "dump.types[1] is \"\", but must not be empty."),
        ("{\"uids\": [7]}", "dump.uids[0] must be a string, found the number \"7\"."),
        ("{\"teams\": {}}", "dump.teams must be a list of team names, found an object."),
        ("{\"teams\": [\"opne\"]}", "dump.teams[0]: there is no team \"opne\"; "
            + "did you mean \"open\"?"),
        ("{\"teams\": [\"open\", \"martians\"]}", "dump.teams[1]: there is no team \"martians\"."),
        ("[]", "dump must be an object, found a list."),
    ])
    func whatIsWrongIsNamed(_ value: String, _ expected: String) {
        #expect(
            ConfigCandidate().failure("{\"dump\": \(value)}")
                == "tinycot.json, line 1: " + expected)
    }
}
