// What a run is about: its limits (from a ring of four events to nearly the defaults), its teams,
// and the configurations that a reload may put in force. Drawn from the seed.

@testable import TinyCoT

struct Scenario {
    enum Teams: String, CaseIterable { case open, ports, rosters, colours, mixed }

    var budget = Budget()
    var devices = 6
    var socketBytes = 4096
    let teams: Teams
    let size: String

    var name: String { "\(size) budget, teams \(teams.rawValue)" }

    init(random: inout SeededRandom) {
        teams = random.pick(Teams.allCases)
        budget.teams = 8
        budget.teamMembers = 16
        budget.listeners = 2
        budget.allowedNetworks = 9
        switch random.below(4) {
        case 0:
            size = "tiny"
            budget.eventMaxBytes = 2048
            budget.clients = 5
            budget.clientsPerAddress = 3
            budget.clientQueueEvents = 4
            budget.clientQueueBytes = 2048
            budget.eventLogBytes = 8192
            budget.eventLogEvents = 16
            budget.receivePoolBytes = 4096
            budget.replayEvents = 16
            budget.replayBytes = 4096
            (budget.emergencies, budget.seenClients) = (1, 2)
            devices = 5
            socketBytes = 1500
        case 1:
            size = "small"
            budget.eventMaxBytes = 4096
            budget.clients = 12
            budget.clientsPerAddress = 6
            budget.clientQueueEvents = 8
            budget.clientQueueBytes = 8192
            budget.eventLogBytes = 65_536
            budget.eventLogEvents = 96
            budget.receivePoolBytes = 8192
            budget.replayEvents = 24
            budget.replayBytes = 12_288
            (budget.emergencies, budget.seenClients) = (3, 5)
            devices = 10
        case 2:
            size = "middling"
            budget.eventMaxBytes = 16_384
            budget.clients = 40
            budget.clientsPerAddress = 40
            budget.clientQueueEvents = 32
            budget.clientQueueBytes = 32_768
            budget.eventLogBytes = 262_144
            budget.eventLogEvents = 512
            budget.receivePoolBytes = 32_768
            budget.replayEvents = 64
            budget.replayBytes = 65_536
            (budget.emergencies, budget.seenClients) = (4, 12)
            devices = 30
            socketBytes = 8192
        default:
            size = "default"
            budget.clientsPerAddress = 20
            devices = 24
            socketBytes = 65_536
        }
    }

    func configs(random: inout SeededRandom) -> [ModelConfig] {
        var first = ModelConfig()
        first.emergencyRepeatSeconds = 5
        first.replayMaxSeconds = random.pick([300, 86_400])
        first.returnSeconds = random.pick([3, 20])
        first.heartbeatSeconds = random.pick([10, 25])
        first.stallSeconds = random.pick([10, 30])
        first.coalesceMilliseconds = random.pick([0, 20, 20, 200])
        if teams == .open {
            var second = first
            second.heartbeatSeconds = 15
            second.coalesceMilliseconds = random.pick([0, 5, 500])
            return [first, second, walled(first, &random)]
        }
        let walls = walled(first, &random)
        // The same teams in another order, then one team less, then no walls at all.
        var second = walls
        second.teams.shuffle(using: &random)
        var third = walls
        third.teams.removeAll { $0.name == "red" }
        third.members.removeAll { $0.team == "red" }
        for i in third.teams.indices { third.teams[i].sees.remove("red") }
        var fourth = walls
        for i in fourth.teams.indices where fourth.teams[i].name == "blue" {
            fourth.teams[i].sees = ["red"]
        }
        return [walls, second, third, fourth, walls, first]
    }

    private func walled(_ base: ModelConfig, _ random: inout SeededRandom) -> ModelConfig {
        var config = base
        config.isolates = true
        config.teams = [
            ModelTeam(name: "blue"), ModelTeam(name: "red"),
            ModelTeam(name: "umpire", sees: ["blue", "red", "nobody"]), ModelTeam(name: "nobody"),
        ]
        config.defaultTeam = random.pick(["nobody", "blue"])
        if teams != .ports && teams != .rosters {
            config.teams[0].colours = ["Cyan", "Blue"]
            config.teams[1].colours = ["Red", "Maroon"]
            config.teams[2].colours = ["Yellow"]
        }
        if teams == .rosters || teams == .mixed {
            config.members = [
                ("ANDROID-0", "blue"), ("CALL-1", "blue"), ("ANDROID-2", "red"), ("CALL-3", "red"),
                ("TWIN", "umpire"), ("ANDROID-5", "nobody"),
            ]
        }
        return config
    }

    /// The team of the port that a client comes in by, or nil for the shared one.
    func listenerTeam(_ config: ModelConfig, _ random: inout SeededRandom) -> String? {
        switch teams {
        case .ports: random.chance(90) ? random.pick(config.teams).name : nil
        case .mixed: random.chance(30) ? random.pick(config.teams).name : nil
        case .open, .rosters, .colours: nil
        }
    }

    // MARK: The relay's own form of a configuration

    static func fill(_ config: inout Config, from model: ModelConfig, hashKey: UInt64) {
        config.allowCount = 1
        config.allow[0] = Network()
        config.allow[0].address = Address(ipv4: 0)
        config.allow[0].prefixBits = 96
        config.teamCount = model.teams.count
        for (i, team) in model.teams.enumerated() {
            var entry = TeamConfig()
            withSlab(team.name) { entry.name.set($0) }
            for name in team.sees {
                if let index = model.teams.firstIndex(where: { $0.name == name }) {
                    entry.sees |= 1 << UInt64(index)
                }
            }
            for colour in team.colours {
                withSlab(colour) { entry.colours |= TeamColour.bit($0) }
            }
            config.teams[i] = entry
        }
        config.removeMembers()
        for member in model.members {
            var nameHash: UInt64 = 0
            withSlab(member.name) { nameHash = NameHash.of($0, key: hashKey) }
            config.addMember(nameHash: nameHash, team: number(of: member.team, in: model))
        }
        config.isolatesTeams = model.isolates
        config.defaultTeam = number(of: model.defaultTeam, in: model)
        config.heartbeatSeconds = model.heartbeatSeconds
        config.stallSeconds = model.stallSeconds
        config.coalesceMilliseconds = model.coalesceMilliseconds
        config.emergencyRepeatSeconds = model.emergencyRepeatSeconds
        config.emergencyMaxSeconds = model.emergencyMaxSeconds
        config.replayMaxSeconds = model.replayMaxSeconds
        config.returnSeconds = model.returnSeconds
    }

    static func number(of team: String, in model: ModelConfig) -> UInt8 {
        UInt8(model.teams.firstIndex { $0.name == team } ?? 255)
    }

    static func name(of team: UInt8, in config: Config) -> String {
        if Int(team) >= config.teamCount { return "number \(team)" }
        let name = config.teams[Int(team)].name
        return String(decoding: (0..<Int(name.count)).map { name[$0] }, as: UTF8.self)
    }

    static func withSlab(_ text: String, _ body: (Slab<UInt8>) -> Void) {
        var bytes = Array(text.utf8)
        bytes.withUnsafeMutableBufferPointer {
            body(Slab(start: $0.baseAddress, count: $0.count))
        }
    }
}

extension Array {
    mutating func shuffle(using random: inout SeededRandom) {
        for i in indices.reversed() where i > 0 { swapAt(i, random.below(i + 1)) }
    }
}
