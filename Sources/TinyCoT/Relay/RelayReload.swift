// A new configuration while clients stay connected. Teams are matched by name: who is in "blue"
// stays in "blue" even if its place in the file has changed.

extension Relay {
    /// Puts a whole, checked configuration in force. Its tables must stay untouched until the next
    /// one has been applied.
    public mutating func apply(config new: Config) {
        let old = config
        let newTeam = Teams.renumbering(from: old, to: new)
        log.renumberTeams(newTeam)
        replayTable.renumberTeams(newTeam)
        seen.renumberTeams(newTeam)
        restoration.renumberTeams(newTeam)
        stateChanges += 1
        // Those who have gone may be remembered for less time than before.
        expireAt = min(expireAt, now)
        config = new
        sweep(by: now)
        // All of them first: settling one asks for the teams of the others.
        var i = 0
        while i < connectedClients {
            renumber(Int(active[i]), from: old, newTeam)
            i += 1
        }
        i = 0
        while i < connectedClients {
            resettle(Int(active[i]))
            i += 1
        }
    }

    /// Gives one client the team numbers of the new configuration. Also one that is closing: its
    /// team is still to be told that it left.
    private mutating func renumber(
        _ index: Int, from old: Config, _ newTeam: InlineArray<64, UInt8>
    ) {
        let client = clients.pointer(at: index)
        client.pointee.sawBefore =
            Teams.mayReceive(client.pointee, config: old)
            ? renumberedSight(old, client.pointee.team, newTeam) : 0
        client.pointee.listenerTeam = Teams.renumbered(client.pointee.listenerTeam, newTeam)
        let kept = Teams.renumbered(client.pointee.team, newTeam)
        // A team that is no more: nobody is left to be told, and nothing of it is kept.
        client.pointee.team =
            kept == Config.noTeam ? Teams.team(of: client.pointee, config: config) : kept
    }

    /// One client under the new configuration.
    private mutating func resettle(_ index: Int) {
        let client = clients.pointer(at: index)
        if client.pointee.phase != .connected { return }
        settleTeam(index, wasNamed: client.pointee.isIdentified, couldReceive: true)
        // Two connections of one device that stood in different teams may share one now.
        if client.pointee.isIdentified {
            takeOver(index)
            rememberSeen(index)
        }
        dropInvisible(index)
        let seesNow = sight(config, client.pointee.team)
        if seesNow & ~client.pointee.sawBefore != 0
            && Teams.mayReceive(client.pointee, config: config)
        {
            startReplay(index)
        }
    }

    /// The teams whose traffic a client of `team` receives, as a bit set.
    private func sight(_ config: Config, _ team: UInt8) -> UInt64 {
        config.teams[Int(team)].sees | 1 << UInt64(team)
    }

    /// The same for the old configuration, in the team numbers of the new one.
    private func renumberedSight(
        _ old: Config, _ team: UInt8, _ newTeam: InlineArray<64, UInt8>
    ) -> UInt64 {
        let before = sight(old, team)
        var result: UInt64 = 0
        var i = 0
        while i < old.teamCount {
            if (before >> UInt64(i)) & 1 == 1 && newTeam[i] != Config.noTeam {
                result |= 1 << UInt64(newTeam[i])
            }
            i += 1
        }
        return result
    }
}
