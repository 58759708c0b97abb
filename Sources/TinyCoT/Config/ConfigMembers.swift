// Finds roster lines by the hash of a name, in the table of the lines itself: line b also says
// where the chain of bucket b begins, in bytes that would lie idle behind its team. So a roster is
// read in a time that grows with its length and not with its square, and who says their name costs
// the same under the longest one.
// Invariant: every line below `memberCount` is in the chain of its hash, the last one first.

extension Config {
    /// Forgets all lines.
    mutating func removeMembers() {
        memberCount = 0
        members.fill(TeamMember())
    }

    /// Adds a line behind the others; there is room for it.
    mutating func addMember(nameHash: UInt64, team: UInt8) {
        invariant(memberCount < members.count, "a roster line has a place")
        let bucket = Config.bucket(nameHash, members.count)
        let line = memberCount
        members[line].nameHash = nameHash
        members[line].team = team
        members[line].next = members[bucket].first
        members[bucket].first = UInt16(line + 1)
        memberCount += 1
    }

    /// The first line with this hash.
    func member(_ nameHash: UInt64) -> Int? {
        if memberCount == 0 { return nil }
        var best: Int?
        var at = Int(members[Config.bucket(nameHash, members.count)].first)
        while at != 0 {
            let line = members.pointer(at: at - 1)
            // Chains run from the last line to the first.
            if line.pointee.nameHash == nameHash { best = at - 1 }
            at = Int(line.pointee.next)
        }
        return best
    }

    private static func bucket(_ nameHash: UInt64, _ count: Int) -> Int {
        Int(nameHash % UInt64(count))
    }
}
