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
        config = new
        sweep(by: now)
        var i = 0
        while i < connectedClients {
            resettle(Int(active[i]), from: old, newTeam)
            i += 1
        }
    }

    /// One client under the new configuration.
    private mutating func resettle(
        _ index: Int, from old: Config, _ newTeam: InlineArray<64, UInt8>
    ) {
        let client = clients.pointer(at: index)
        if client.pointee.phase != .connected { return }
        let couldReceive = Teams.mayReceive(client.pointee, config: old)
        let sawBefore = renumberedSight(old, client.pointee.team, newTeam)
        client.pointee.listenerTeam = Teams.renumbered(client.pointee.listenerTeam, newTeam)
        let kept = Teams.renumbered(client.pointee.team, newTeam)
        // A team that is no more: nobody is left to be told, and nothing of it is kept.
        client.pointee.team =
            kept == Config.noTeam ? Teams.team(of: client.pointee, config: config) : kept
        settleTeam(index, couldReceive: couldReceive)
        dropInvisible(index)
        let seesNow = sight(config, client.pointee.team)
        if seesNow & ~sawBefore != 0 && Teams.mayReceive(client.pointee, config: config) {
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
