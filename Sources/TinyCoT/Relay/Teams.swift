// Which team a client belongs to. Decided in the order of design 5: the port it came in by, the
// roster (uid or callsign), its colour, the default team.

enum Teams {
    /// The team of a client under `config`.
    static func team(of client: Client, config: Config) -> UInt8 {
        if client.listenerTeam != Config.noTeam { return client.listenerTeam }
        if client.isIdentified {
            let byUID = config.member(client.uidHash)
            let byCallsign = config.member(client.callsignHash)
            // If they are in two teams, the line that stands first decides.
            if byUID != nil || byCallsign != nil {
                return config.members[min(byUID ?? .max, byCallsign ?? .max)].team
            }
            var i = 0
            while i < config.teamCount {
                if config.teams[i].colours & client.colourBit != 0 { return UInt8(i) }
                i += 1
            }
        }
        return config.defaultTeam
    }

    /// May this client be sent anything of any team yet? Where teams are isolated, a client on a
    /// shared port belongs to nobody until it has said who it is: what it were given before could
    /// be another team's.
    @inline(__always)
    static func mayReceive(_ client: Client, config: Config) -> Bool {
        !config.isolatesTeams || client.isIdentified || client.listenerTeam != Config.noTeam
    }

    /// For each team number of `old`, that of the team with the same name in `new`, or `noTeam`.
    static func renumbering(from old: Config, to new: Config) -> InlineArray<64, UInt8> {
        var result: InlineArray<64, UInt8> = .init(repeating: Config.noTeam)
        var i = 0
        while i < old.teamCount {
            var j = 0
            while j < new.teamCount {
                if old.teams[i].name.equals(new.teams[j].name) { result[i] = UInt8(j) }
                j += 1
            }
            i += 1
        }
        return result
    }

    static func renumbered(_ team: UInt8, _ newTeam: InlineArray<64, UInt8>) -> UInt8 {
        team == Config.noTeam ? Config.noTeam : newTeam[Int(team)]
    }
}
