// The roster as a table that finds by name: the longest there may be, names that share a bucket,
// and a file that is read into tables which held another.

import Testing

@testable import TinyCoT

@Suite struct ConfigMembersTests {
    private func roster(_ names: some Sequence<Int>, teams: Int = 1) -> [UInt8] {
        var lists = [[String]](repeating: [], count: teams)
        for name in names { lists[name % teams].append("\"M\(name)\"") }
        let text = lists.enumerated().map { number, list in
            "{\"name\": \"t\(number)\", \"members\": [\(list.joined(separator: ","))]}"
        }
        return Array("{\"teams\": [\(text.joined(separator: ","))]}".utf8)
    }

    @Test func theLongestRosterFindsEveryName() throws {
        var budget = Budget()
        budget.teamMembers = 4096
        let candidate = ConfigCandidate(budget)
        try candidate.parse(roster(0..<4096, teams: 10))
        #expect(candidate.config.memberCount == 4096)
        for name in 0..<4096 { #expect(candidate.team(of: "M\(name)") == UInt8(name % 10)) }
        for name in 4096..<8192 { #expect(candidate.team(of: "M\(name)") == nil) }
    }

    /// With two places, most names share a bucket with another.
    @Test func aTableThatIsFullFindsToo() throws {
        var budget = Budget()
        budget.teamMembers = 2
        for first in 0..<20 {
            let candidate = ConfigCandidate(budget)
            try candidate.parse(roster([first, first + 1]))
            for name in 0..<22 {
                let isMember = name == first || name == first + 1
                #expect(candidate.team(of: "M\(name)") == (isMember ? 0 : nil))
            }
        }
    }

    @Test func nothingOfAnEarlierFileIsLeft() throws {
        let candidate = ConfigCandidate()
        try candidate.parse(roster(0..<200))
        try candidate.parse(roster(200..<210))
        #expect(candidate.config.memberCount == 10)
        for name in 0..<210 { #expect(candidate.team(of: "M\(name)") == (name < 200 ? nil : 0)) }
    }

    @Test func theFirstLineOfANameCounts() {
        let candidate = ConfigCandidate()
        candidate.config.removeMembers()
        candidate.config.addMember(nameHash: 5, team: 1)
        candidate.config.addMember(nameHash: 5 + 256, team: 2)
        candidate.config.addMember(nameHash: 5, team: 3)
        #expect(candidate.config.member(5) == 0)
        #expect(candidate.config.member(5 + 256) == 1)
        #expect(candidate.config.member(5 + 512) == nil)
    }

    /// It would cost memory that the plan has not.
    @Test func theIndexTakesNoMemory() {
        #expect(MemoryLayout<TeamMember>.stride == 16)
    }
}
