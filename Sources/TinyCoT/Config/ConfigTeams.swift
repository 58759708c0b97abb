// The "teams" of tinycot.json, a part of ConfigParser. A uid, a callsign, a colour or a port
// belongs to one team at most, so that no client can be claimed twice.

extension ConfigParser {
    mutating func readTeams() throws(ConfigError) {
        try reader.expect(.listStart, "a list of teams", at: ConfigPlace("teams"))
        while try nextElement() {
            let place = ConfigPlace("teams", config.teamCount)
            try reader.expect(.objectStart, "an object", at: place)
            if config.teamCount == teamCapacity {
                throw tooMany("is one team too many", .teams, teamCapacity, at: place)
            }
            try readTeam(config.teamCount, line: reader.tokenLine)
            config.teamCount += 1
        }
    }

    /// A set of teams is 64 bits wide.
    private var teamCapacity: Int { min(config.teams.count, 64) }

    private mutating func readTeam(_ index: Int, line: Int) throws(ConfigError) {
        let place = ConfigPlace("teams", index)
        config.teams[index] = TeamConfig()
        var seen: UInt32 = 0
        while let keyIndex = try nextKey(.team, seen: &seen, at: place) {
            guard let key = TeamKey(rawValue: UInt8(keyIndex)) else { continue }
            let valuePlace = ConfigPlace("teams", index, key.name)
            switch key {
            case .name: try readName(index, at: valuePlace)
            case .listen: try readListeners(valuePlace, team: UInt8(index))
            case .members: try readMembers(index, at: valuePlace)
            case .colours: try readColours(index, at: valuePlace)
            case .sees:
                try reader.expect(.listStart, "a list of team names", at: valuePlace)
                seesLists[index] = reader
                teamsWithSees |= 1 << UInt64(index)
                try reader.skipValue()
            case .default: try readDefault(index, at: valuePlace)
            }
        }
        if config.teams[index].name.isEmpty {
            var error = ConfigError(.missingKey, line: line, place: place)
            error.other = TeamKey.name.name
            throw error
        }
    }

    private mutating func readName(_ index: Int, at place: ConfigPlace) throws(ConfigError) {
        let text = try reader.string(at: place)
        if text.isText("*") {
            throw reader.badText("but \"*\" stands for all teams and names none", at: place)
        }
        config.teams[index].name.set(text)
        let kept = Int(config.teams[index].name.count)
        if kept < text.count {
            var error = ConfigError(.tooLong, line: reader.tokenLine, place: place)
            error.found = Quotation(text)
            error.number = text.count
            error.maximum = 40
            throw error
        }
        if let other = team(named: text, before: index) {
            throw taken(text, "is the name of another team already", by: other, at: place)
        }
    }

    private mutating func readMembers(_ index: Int, at place: ConfigPlace) throws(ConfigError) {
        try reader.expect(.listStart, "a list of uids and callsigns", at: place)
        var element = place
        element.innerIndex = 0
        while try nextElement() {
            let text = try reader.string(at: element)
            let nameHash = hash(text)
            if let other = config.member(nameHash) {
                throw taken(
                    text, "is a member already of", by: Int(config.members[other].team),
                    of: index, at: element)
            }
            if config.memberCount == config.members.count {
                throw tooMany(
                    "is one member too many", .teamMembers, config.members.count, at: element)
            }
            config.addMember(nameHash: nameHash, team: UInt8(index))
            element.innerIndex += 1
        }
    }

    private mutating func readColours(_ index: Int, at place: ConfigPlace) throws(ConfigError) {
        try reader.expect(.listStart, "a list of colours", at: place)
        var element = place
        element.innerIndex = 0
        while try nextElement() {
            let text = try reader.string(at: element)
            let bit = TeamColour.bit(text)
            if bit == 0 { throw unknownColour(text, at: element) }
            var other = 0
            while other <= index {
                if config.teams[other].colours & bit != 0 {
                    throw taken(
                        text, "is a colour already of", by: other, of: index, at: element)
                }
                other += 1
            }
            config.teams[index].colours |= bit
            element.innerIndex += 1
        }
    }

    private mutating func readDefault(_ index: Int, at place: ConfigPlace) throws(ConfigError) {
        guard try reader.boolean(at: place) else { return }
        if hasDefaultTeam {
            var error = ConfigError(.taken, line: reader.tokenLine, place: place)
            error.found = Quotation(config.teams[Int(config.defaultTeam)].name)
            error.allowed = "is the default team already"
            throw error
        }
        hasDefaultTeam = true
        config.defaultTeam = UInt8(index)
    }

    // MARK: After the file

    /// Where clients go that nothing claims. With `"default": true` the operator has said it.
    /// Without, they get a team of their own, "unassigned": they hear each other, no configured
    /// team hears them, and they hear none. Only a team that sees "*", or names "unassigned",
    /// sees them too: so a phone with a mistyped callsign can be noticed, but walks in nowhere.
    /// (Taking the first team instead would open it to every stranger on the network; refusing
    /// the file would force an operator to invent such a team by hand.)
    mutating func settleDefaultTeam() throws(ConfigError) {
        if hasDefaultTeam { return }
        let name: StaticString = "unassigned"
        if let namesake = team(named: .literal(name), before: config.teamCount) {
            var error = ConfigError(
                .badText, place: ConfigPlace("teams", namesake, TeamKey.name.name))
            error.found = Quotation(name)
            error.allowed = """
                which is kept for clients that no team claims; rename it or make it the \
                default
                """
            throw error
        }
        if config.teamCount == teamCapacity {
            throw tooMany(
                "leaves no place for the team of clients that no team claims", .teams,
                teamCapacity, at: ConfigPlace("teams"), 0)
        }
        config.teams[config.teamCount] = TeamConfig()
        config.teams[config.teamCount].name.set(name)
        config.defaultTeam = UInt8(config.teamCount)
        config.teamCount += 1
    }

    /// Reads the `sees` lists now that all teams are known.
    mutating func resolveSees() throws(ConfigError) {
        var index = 0
        while index < config.teamCount {
            if (teamsWithSees >> UInt64(index)) & 1 == 1 {
                reader = seesLists[index]
                config.teams[index].sees = try readTeamNames(
                    ConfigPlace("teams", index, TeamKey.sees.name, 0))
            }
            index += 1
        }
    }

    /// The rest of a list of names, as a bit set of teams; `first` is the place of its first.
    mutating func readTeamNames(_ first: ConfigPlace) throws(ConfigError) -> UInt64 {
        var place = first
        var result: UInt64 = 0
        while try nextElement() {
            let text = try reader.string(at: place)
            if text.isText("*") {
                result |= ~0 >> UInt64(64 - config.teamCount)
            } else if let other = team(named: text, before: config.teamCount) {
                result |= 1 << UInt64(other)
            } else {
                throw unknownTeam(text, at: place)
            }
            place.innerIndex += 1
        }
        return result
    }

    // MARK: Errors

    private func team(named text: Slab<UInt8>, before end: Int) -> Int? {
        var i = 0
        while i < end {
            if config.teams[i].name.isText(text) { return i }
            i += 1
        }
        return nil
    }

    private func unknownTeam(_ text: Slab<UInt8>, at place: ConfigPlace) -> ConfigError {
        var nearness = Nearness(text)
        var i = 0
        while i < config.teamCount {
            nearness.offer(Quotation(config.teams[i].name))
            i += 1
        }
        var error = ConfigError(.unknownName, line: reader.tokenLine, place: place)
        error.other = "team"
        error.found = Quotation(text)
        error.suggestion = nearness.suggestion
        return error
    }

    private func unknownColour(_ text: Slab<UInt8>, at place: ConfigPlace) -> ConfigError {
        var nearness = Nearness(text)
        var i = 0
        while let name = ConfigParser.colourName(i) {
            nearness.offer(name)
            i += 1
        }
        var error = ConfigError(.unknownName, line: reader.tokenLine, place: place)
        error.other = "team colour"
        error.found = Quotation(text)
        error.suggestion = nearness.suggestion
        return error
    }

    /// `text` belongs to team `owner`, whose name is known unless it is the team being read.
    private func taken(
        _ text: Slab<UInt8>, _ how: StaticString, by owner: Int, of reading: Int = -1,
        at place: ConfigPlace
    ) -> ConfigError {
        var error = ConfigError(.taken, line: reader.tokenLine, place: place)
        error.found = Quotation(text)
        error.allowed = owner == reading ? "is listed twice" : how
        if reading >= 0 && owner != reading {
            error.suggestion = Quotation(config.teams[owner].name)
        }
        return error
    }

    /// For suggestions; `TeamColour` decides what is a colour.
    static func colourName(_ index: Int) -> StaticString? {
        switch index {
        case 0: "White"
        case 1: "Yellow"
        case 2: "Orange"
        case 3: "Magenta"
        case 4: "Red"
        case 5: "Maroon"
        case 6: "Purple"
        case 7: "Dark Blue"
        case 8: "Blue"
        case 9: "Cyan"
        case 10: "Teal"
        case 11: "Green"
        case 12: "Dark Green"
        case 13: "Brown"
        default: nil
        }
    }
}
