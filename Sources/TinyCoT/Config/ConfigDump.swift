// The "dump" of tinycot.json, a part of ConfigParser: which events are written to the disk. All
// of it may change at a reload.

extension ConfigParser {
    mutating func readDump() throws(ConfigError) {
        let place = ConfigPlace("dump")
        try reader.expect(.objectStart, "an object", at: place)
        var seen: UInt32 = 0
        while let index = try nextKey(.dump, seen: &seen, at: place) {
            guard let key = DumpKey(rawValue: UInt8(index)) else { continue }
            let place = ConfigPlace("dump", -1, key.name)
            switch key {
            case .enabled: config.dump.isEnabled = try reader.boolean(at: place)
            case .types: try readDumpTypes(place)
            case .teams:
                // A team may be described further down: read again at the end.
                try reader.expect(.listStart, "a list of team names", at: place)
                dumpTeams = reader
                hasDumpTeams = true
                try reader.skipValue()
            case .uids: try readDumpUIDs(place)
            case .fileSeconds:
                config.dump.fileSeconds = try reader.integer(in: 60...86_400, at: place)
            }
        }
    }

    private mutating func readDumpTypes(_ place: ConfigPlace) throws(ConfigError) {
        try reader.expect(.listStart, "a list of beginnings of types", at: place)
        var element = place
        element.innerIndex = 0
        while try nextElement() {
            let text = try reader.string(at: element)
            if config.dump.typeCount == DumpConfig.typesMax {
                throw oneTooMany("is one type too many: at most 16 fit", at: element)
            }
            var type = ShortText<32>()
            type.set(text)
            if type.isCut {
                var error = ConfigError(.tooLong, line: reader.tokenLine, place: element)
                error.found = Quotation(text)
                error.number = text.count
                error.maximum = 32
                throw error
            }
            config.dump.types[config.dump.typeCount] = type
            config.dump.typeCount += 1
            element.innerIndex += 1
        }
    }

    private mutating func readDumpUIDs(_ place: ConfigPlace) throws(ConfigError) {
        try reader.expect(.listStart, "a list of uids", at: place)
        var element = place
        element.innerIndex = 0
        while try nextElement() {
            let text = try reader.string(at: element)
            if config.dump.uidCount == DumpConfig.uidsMax {
                throw oneTooMany("is one uid too many: at most 32 fit", at: element)
            }
            config.dump.uids[config.dump.uidCount] = hash(text)
            config.dump.uidCount += 1
            element.innerIndex += 1
        }
    }

    private func oneTooMany(_ what: StaticString, at place: ConfigPlace) -> ConfigError {
        var error = ConfigError(.badValue, line: reader.tokenLine, place: place)
        error.allowed = what
        return error
    }

    /// Reads the list of teams now that all of them are known. An empty one stands for all.
    mutating func resolveDumpTeams() throws(ConfigError) {
        if !hasDumpTeams { return }
        reader = dumpTeams
        let named = try readTeamNames(ConfigPlace("dump", -1, DumpKey.teams.name, 0))
        if named != 0 { config.dump.teams = named }
    }
}
