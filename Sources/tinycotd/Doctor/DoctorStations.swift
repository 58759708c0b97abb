// Where the doctor has to stand to see every port and every team: one station for each listener,
// and one for each team that is only reached by wearing its colour.

import CLinuxSys
import TinyCoT

struct DoctorStation: BitwiseCopyable {
    /// As it is configured, and the address of this machine by which it is reached.
    var listener = Endpoint()
    var goal = Endpoint()
    var team: UInt8 = 0
    /// To be worn, so that the server puts us into the team.
    var colour: TeamColour?
    /// The port is shared by teams: there nobody hears anything before the server knows the name.
    var mustSayWho = false
    var receiver = DoctorLink()
    /// The receiver stands, and an event has come through.
    var works = false

    init() {}
}

extension Doctor {
    /// - Returns: how many there are.
    mutating func makeStations() -> Int {
        var count = 0
        var i = 0
        while i < config.listenerCount {
            addStation(config.listeners[i], &count)
            i += 1
        }
        if !config.isolatesTeams { return count }
        i = 0
        while i < config.teamCount {
            if !hasStation(UInt8(i), count) { addStation(colourOf: UInt8(i), &count) }
            i += 1
        }
        return count
    }

    private func hasStation(_ team: UInt8, _ count: Int) -> Bool {
        var i = 0
        while i < count {
            if memory.stations[i].team == team { return true }
            i += 1
        }
        return false
    }

    private mutating func addStation(_ listener: ListenerConfig, _ count: inout Int) {
        let subject = subject(listener)
        let isLeftOut = Parsing.isDefaultIPv6Listener(listener) && !hasIPv6
        if isLeftOut {
            return find("relay", .skipped, subject, "this machine has no IPv6")
        }
        guard let goal = way(to: listener.endpoint) else {
            return find(
                "relay", .skipped, subject, "no address of this machine is served (allow)")
        }
        var station = DoctorStation()
        station.listener = listener.endpoint
        station.goal = goal
        let isShared = listener.team == Config.noTeam
        station.team = isShared ? config.defaultTeam : listener.team
        station.mustSayWho = isShared && config.isolatesTeams
        add(station, &count)
    }

    /// On the first port that teams share.
    private mutating func addStation(colourOf team: UInt8, _ count: inout Int) {
        var subject = DoctorSubject()
        subject.team = teamName(team)
        var colour: TeamColour?
        var i: UInt8 = 0
        while colour == nil, let candidate = TeamColour(rawValue: i) {
            if config.teams[Int(team)].colours & candidate.bit != 0 { colour = candidate }
            i += 1
        }
        guard let colour else {
            return find(
                "relay", .skipped, subject, "only its members reach this team, by their names")
        }
        var listener = 0
        while listener < config.listenerCount {
            let shared = config.listeners[listener]
            listener += 1
            guard shared.team == Config.noTeam, let goal = way(to: shared.endpoint) else {
                continue
            }
            var station = DoctorStation()
            station.listener = shared.endpoint
            station.goal = goal
            station.team = team
            station.colour = colour
            station.mustSayWho = true
            return add(station, &count)
        }
        find("relay", .skipped, subject, "no port leads to this team")
    }

    private mutating func add(_ station: DoctorStation, _ count: inout Int) {
        // The sender of the moment takes a place, too.
        let places = min(
            freePlaces, budget.clientsPerAddress, DoctorEvent.numberLimit) - 1
        if count >= places {
            var subject = DoctorSubject(station.listener)
            subject.team = teamName(station.team)
            return find(
                "relay", .skipped, subject, "there is no place free for the doctor's clients")
        }
        memory.stations[count] = station
        count += 1
    }

    /// Places for clients.
    private var freePlaces: Int {
        let clients = Slab<UInt8>("clients")
        let limit = metrics.value("tinycot_pool_limit", clients) ?? Int64(budget.clients)
        return Int(clamping: limit - (metrics.value("tinycot_pool_used", clients) ?? 0))
    }

    private func subject(_ listener: ListenerConfig) -> DoctorSubject {
        var subject = DoctorSubject(listener.endpoint)
        if listener.team != Config.noTeam { subject.team = teamName(listener.team) }
        return subject
    }

    // MARK: Addresses

    /// The address to call; nil if the server would not let us in by any. Whoever calls an address
    /// of its own machine comes from that address.
    private func way(to listener: Endpoint) -> Endpoint? {
        var goal = listener
        if !listener.address.isUnspecified { return isAllowed(goal.address) ? goal : nil }
        goal.address = DoctorAddresses.loopback(like: listener.address)
        if isAllowed(goal.address) { return goal }
        var i = 0
        while let address = addresses.next(&i, for: listener.address) {
            if isAllowed(address) {
                goal.address = address
                return goal
            }
        }
        return nil
    }

    var hasIPv6: Bool {
        var i = 0
        return addresses.next(&i, for: Address()) != nil
    }
}
