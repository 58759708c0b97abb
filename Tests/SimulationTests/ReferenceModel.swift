// The reference model: what the relay should do, in plain arrays, dictionaries and strings, written
// from the protocol page and the rules of the project, not from the relay's code. It knows nothing
// of bytes, rings, logs or pools: an event that may be dropped for a slow client is simply
// expected, and the drop counters must account for it if it does not come.

@testable import TinyCoT

struct ModelTeam {
    var name: String
    var sees: Set<String> = []
    var colours: Set<String> = []
}

struct ModelConfig {
    var teams = [ModelTeam(name: "all")]
    /// Uid or callsign, and the team it belongs to.
    var members: [(name: String, team: String)] = []
    var defaultTeam = "all"
    var isolates = false
    var heartbeatSeconds = 25
    var stallSeconds = 30
    var coalesceMilliseconds = 0
    var emergencyRepeatSeconds = 10
    var emergencyMaxSeconds = 60
    var replayMaxSeconds = 86_400
    var returnSeconds = 20

    func has(_ team: String) -> Bool { teams.contains { $0.name == team } }

    func visible(from sender: String, to receiver: String) -> Bool {
        if sender == receiver { return true }
        return teams.first { $0.name == receiver }?.sees.contains(sender) ?? false
    }

    func sight(of team: String) -> Set<String> {
        (teams.first { $0.name == team }?.sees ?? []).union([team])
    }
}

/// A connection as the model sees it.
final class ModelClient {
    enum Phase { case connected, closing, gone }

    let number: Int
    let place: Int
    let address: Int
    var phase = Phase.connected
    var listenerTeam: String?
    var team: String
    var uid: String?
    /// A newer connection of its team bears its uid.
    var isReplaced = false
    var callsign = ""
    var colour: String?

    // What it should be sent, in the order in which it was pushed.
    var pending: [PieceName] = []
    var pendingFirst = 0
    var pushes = 0
    var received = 0
    var lost = [0, 0, 0]
    /// Lost positions that no newer one of the same uid has made worthless.
    var lostNewest = 0
    var newestPosition: [String: Int] = [:]
    var owesPong = false

    // The picture since it was last offered.
    var offeredUpTo: UInt64 = 0
    /// Serial numbers.
    var offered: [Int] = []
    var replayed: Set<Int> = []
    var isReplaying = false
    /// It waits for the picture of before a restart.
    var isHeld = false
    /// Events of the picture that were dropped in the very moment in which they were queued.
    var shownAndDropped = 0
    /// The piece that was on its way when walls moved is let through.
    var letsOneThrough = false

    init(number: Int, place: Int, address: Int, team: String) {
        self.number = number
        self.place = place
        self.address = address
        self.team = team
    }

    var waiting: Int { pending.count - pendingFirst }
}

/// An event of the picture.
struct Kept {
    var event: SimulatedEvent
    var team: String
    /// The number of the client that sent it; `nobody` if it was restored.
    var owner: Int
    var address: Int
    var isOwnPosition: Bool
    var isEmergency: Bool
    var sequence: UInt64
    /// When it arrived, perhaps before a restart and so perhaps before the clock's begin.
    var bornAt: Int64
    var endsAt: UInt64
    var repeatAt: UInt64
    var blocks: Int
    var isRestored = false
    /// The same for all events that one after the other renew the same entry.
    var stay = 0

    static let nobody = -1
}

final class ReferenceModel {
    var config: ModelConfig
    /// Milliseconds.
    var now: UInt64 = 0
    var clients: [Int: ModelClient] = [:]
    /// In the order in which they were last renewed, oldest first.
    var picture: [Kept] = []
    var events: [Int: SimulatedEvent] = [:]
    var sequence: UInt64 = 0
    var undeliverable = 0
    var reloads = 0
    /// For a team that was taken away: the number of the last reload that did so.
    var removedAt: [String: Int] = [:]
    var acceptedAtReload: [Int: Int] = [:]
    var failure: String?
    /// Serial numbers of the events that have a sequence number in this run.
    var serials: [UInt64: Int] = [:]

    // Who was here, slot by slot, and what lasts as long as a restoration (ModelState.swift).
    var seen: [ModelSeen?]
    var restoration = ModelRestoration()
    var nextStay = 1
    var notReturned = 0

    let entriesMax: Int
    let blocksMax: Int
    let emergenciesMax: Int
    let goneMax: Int

    init(config: ModelConfig, budget: Budget) {
        self.config = config
        entriesMax = budget.replayEvents
        blocksMax = budget.replayBytes / 256
        emergenciesMax = budget.emergencies
        goneMax = budget.seenClients
        seen = Array(repeating: nil, count: budget.seenClients + budget.clients)
    }

    func fail(_ sentence: String) {
        if failure == nil { failure = sentence }
    }

    // MARK: Who may see whom

    func mayReceive(_ client: ModelClient) -> Bool {
        !config.isolates || client.uid != nil || client.listenerTeam != nil
    }

    func maySee(_ client: ModelClient, _ team: String) -> Bool {
        client.phase == .connected && mayReceive(client)
            && config.visible(from: team, to: client.team)
    }

    /// Port, roster, colour, default: in that order (design 5).
    func team(of client: ModelClient) -> String {
        if let team = client.listenerTeam { return team }
        guard let uid = client.uid else { return config.defaultTeam }
        for member in config.members where member.name == uid || member.name == client.callsign {
            return member.team
        }
        if let colour = client.colour,
            let team = config.teams.first(where: { $0.colours.contains(colour) })
        {
            return team.name
        }
        return config.defaultTeam
    }

    // MARK: Coming and going

    func admit(number: Int, place: Int, address: Int, listenerTeam: String?) -> ModelClient {
        let client = ModelClient(
            number: number, place: place, address: address,
            team: listenerTeam ?? config.defaultTeam)
        client.listenerTeam = listenerTeam
        clients[number] = client
        if mayReceive(client) { offerPicture(client) }
        return client
    }

    func ended(_ client: ModelClient) {
        if client.phase == .connected { client.phase = .closing }
    }

    /// Its descriptor is about to be closed: the others learn of it now.
    func leaves(_ client: ModelClient) {
        if client.uid != nil, !client.isReplaced {
            tellLeaving(client, of: client.team, toNewTeam: nil)
            forgetOwnPosition(client)
            noteLeft(client, of: client.team)
        }
        client.phase = .gone
        clients[client.number] = nil
    }

    private func tellLeaving(_ client: ModelClient, of team: String, toNewTeam new: String?) {
        for receiver in clients.values where receiver !== client && maySee(receiver, team) {
            if let new, config.visible(from: new, to: receiver.team) { continue }
            push(receiver, .notice(client.uid ?? ""))
        }
    }

    private func ownPosition(_ client: ModelClient) -> Int? {
        picture.firstIndex {
            $0.isOwnPosition && $0.owner == client.number && $0.team == client.team
                && $0.event.uid == client.uid
        }
    }

    private func forgetOwnPosition(_ client: ModelClient) {
        if let index = ownPosition(client) { picture.remove(at: index) }
    }

    // MARK: Events

    func accept(_ event: SimulatedEvent, from sender: ModelClient) {
        switch event.fate {
        case .ping: sender.owesPong = true
        case .takpRequest: push(sender, .denial(event.uid))
        case .swallowed, .ignored, .refused: break
        case .routed, .uncertain: route(event, from: sender)
        }
    }

    private func route(_ event: SimulatedEvent, from sender: ModelClient) {
        sequence += 1
        identify(sender, by: event)
        event.sequence = sequence
        serials[sequence] = event.serial
        event.team = sender.team
        event.sender = sender.number
        events[event.serial] = event
        acceptedAtReload[event.serial] = reloads
        guard let addressees = addressees(of: event, from: sender) else {
            for receiver in clients.values
            where receiver !== sender && maySee(receiver, event.team) {
                pushEvent(receiver, event)
            }
            keep(event, from: sender)
            return
        }
        var reached: Set<Int> = []
        for receiver in addressees
        where receiver !== sender && maySee(receiver, event.team)
            && reached.insert(receiver.number).inserted
        {
            pushEvent(receiver, event)
        }
        if reached.isEmpty { undeliverable += 1 }
    }

    /// Nil: everyone (protocol 7.1, 7.4).
    private func addressees(of event: SimulatedEvent, from sender: ModelClient) -> [ModelClient]? {
        if event.destinations.contains(where: { $0.callsign == "All Streaming" }) { return nil }
        if !event.destinations.isEmpty {
            return event.destinations.flatMap { holders(uid: $0.uid, callsign: $0.callsign) }
        }
        guard event.isChat, let chat = event.chat else { return nil }
        if chat.room == "All Chat Rooms" || chat.id == "All Chat Rooms" { return nil }
        if chat.parent == "TeamGroups" {
            return clients.values.filter { $0.uid != nil && $0.colour == chat.room }
        }
        if chat.parent == "UserGroups" {
            return chat.members.flatMap { holders(uid: $0, callsign: nil) }
        }
        return holders(uid: chat.id, callsign: nil)
    }

    private func holders(uid: String?, callsign: String?) -> [ModelClient] {
        var result: [ModelClient] = []
        if let uid { result += owners(of: uid) }
        if let callsign {
            result += clients.values.filter { $0.uid != nil && $0.callsign == callsign }
        }
        return result
    }

    /// Protocol 12.6: the first position with uid, callsign and endpoint names the connection;
    /// later ones count if the uid is the connection's own.
    private func identify(_ client: ModelClient, by event: SimulatedEvent) {
        guard event.type.hasPrefix("a-"), event.hasEndpoint, let callsign = event.callsign,
            client.uid == nil || client.uid == event.uid
        else { return }
        let couldReceive = mayReceive(client)
        let wasNamed = client.uid != nil
        client.uid = event.uid
        client.callsign = callsign
        client.colour = event.colour
        settle(client, wasNamed: wasNamed, couldReceive: couldReceive)
        remember(client)
    }

    private func settle(_ client: ModelClient, wasNamed: Bool, couldReceive: Bool) {
        let new = team(of: client)
        let moves = new != client.team
        if moves {
            if wasNamed {
                tellLeaving(client, of: client.team, toNewTeam: new)
                forgetOwnPosition(client)
                noteLeft(client, of: client.team)
            }
            client.team = new
            wallsMoved(client)
        }
        if moves || !wasNamed { takeOver(client) }
        if moves || !couldReceive { offerPicture(client) }
    }

    /// The connections that bear a uid: one in each team at most.
    func owners(of uid: String) -> [ModelClient] {
        clients.values.filter { $0.uid == uid && !$0.isReplaced }
    }

    /// The newest connection owns a uid (protocol 4.7), inside its team.
    private func takeOver(_ client: ModelClient) {
        guard let uid = client.uid else { return }
        for other in owners(of: uid) where other !== client && other.team == client.team {
            other.isReplaced = true
            ended(other)
        }
    }

    /// What was pushed before may be withdrawn, except the piece whose bytes are on their way.
    var hasBegunPiece: (ModelClient) -> Bool = { _ in false }

    private func wallsMoved(_ client: ModelClient) {
        if hasBegunPiece(client) { client.letsOneThrough = true }
    }

    // MARK: The picture

    func index(uid: String, team: String) -> Int? {
        picture.firstIndex { $0.event.uid == uid && $0.team == team }
    }

    private func keep(_ event: SimulatedEvent, from sender: ModelClient) {
        if event.isDelete {
            let target = event.linkUID ?? ""
            if owners(of: target).contains(where: { $0 !== sender && $0.team == event.team }) {
                return
            }
            if let found = index(uid: target, team: event.team) { picture.remove(at: found) }
            restoration.forget(target, event.team)
            return
        }
        let old = index(uid: event.uid, team: event.team)
        if event.isEmergencyCancel {
            if let old { picture.remove(at: old) }
            restoration.forget(event.uid, event.team)
            return
        }
        if !event.isKept { return }
        let second: UInt64 = 1000
        var kept = Kept(
            event: event, team: event.team, owner: sender.number, address: sender.address,
            isOwnPosition: sender.uid == event.uid && !event.isEmergency,
            isEmergency: event.isEmergency, sequence: event.sequence, bornAt: Int64(now),
            endsAt: 0, repeatAt: .max, blocks: (event.piece.count + 255) / 256)
        if event.isEmergency {
            kept.endsAt = now + UInt64(config.emergencyMaxSeconds) * second
            kept.repeatAt = now + UInt64(config.emergencyRepeatSeconds) * second
        } else {
            if let old, picture[old].isEmergency { return }
            if event.spanSeconds <= 0 { return }
            kept.endsAt = now + UInt64(min(event.spanSeconds, config.replayMaxSeconds)) * second
        }
        if kept.blocks > blocksMax { return }
        kept.stay = old.map { picture[$0].stay } ?? freshStay()
        if let old { picture.remove(at: old) }
        store(kept)
    }

    /// Bounded: the item that was not renewed for longest goes, then the position; alerts never.
    private func store(_ kept: Kept) {
        if kept.isEmergency && !makeRoomForAlert(kept) { return }
        while picture.count >= entriesMax
            || picture.reduce(0, { $0 + $1.blocks }) + kept.blocks > blocksMax
        {
            let victim =
                picture.firstIndex { !$0.isEmergency && !$0.isOwnPosition }
                ?? picture.firstIndex { !$0.isEmergency }
            guard let victim else { return }
            picture.remove(at: victim)
        }
        picture.append(kept)
    }

    /// The oldest alert of whoever has most gives way, the newcomer's own counted with the new one;
    /// an only alert never.
    private func makeRoomForAlert(_ kept: Kept) -> Bool {
        while true {
            let alerts = picture.filter(\.isEmergency)
            let blocks = alerts.reduce(kept.blocks) { $0 + $1.blocks }
            if alerts.count < emergenciesMax && 4 * blocks <= blocksMax { return true }
            func weight(_ alert: Kept) -> Int {
                // Of restored ones nobody knows whose they are: each counts alone.
                if alert.owner == Kept.nobody { return 1 }
                return alerts.count { $0.owner == alert.owner }
                    + (alert.owner == kept.owner ? 1 : 0)
            }
            guard let most = alerts.map(weight).max(), most > 1,
                let victim = picture.firstIndex(where: { $0.isEmergency && weight($0) == most })
            else { return false }
            picture.remove(at: victim)
        }
    }

    /// Whether an entry belongs into the picture that this client is shown.
    func mayShow(_ kept: Kept, to client: ModelClient) -> Bool {
        maySee(client, kept.team) && kept.owner != client.number && kept.event.uid != client.uid
            && kept.endsAt > now
    }

    private func offerPicture(_ client: ModelClient) {
        guard client.phase == .connected else { return }
        client.offeredUpTo = sequence
        client.replayed = []
        client.shownAndDropped = 0
        client.isHeld = restoration.phase == .hold
        if !client.isHeld { beginPicture(client) }
    }

    func beginPicture(_ client: ModelClient) {
        client.isHeld = false
        client.offered = picture.filter {
            mayShow($0, to: client) && $0.sequence <= client.offeredUpTo
        }.map(\.event.serial)
        client.isReplaying = true
    }

    /// The relay has queued a kept event for a client.
    func showed(_ client: ModelClient, _ name: PieceName) {
        guard case .event(let serial) = name, let event = events[serial] else {
            return fail("client \(client.number) is shown \(name), which nobody sent")
        }
        guard let kept = picture.first(where: { $0.event === event }) else {
            return fail("client \(client.number) is shown \(name), which is not kept any more")
        }
        if !mayShow(kept, to: client) {
            fail(
                "client \(client.number) of \(client.team) is shown \(name) of \(kept.team), "
                    + "which it must not see")
        }
        if client.isHeld { fail("client \(client.number) is shown \(name) before its time") }
        if kept.sequence > client.offeredUpTo {
            fail("client \(client.number) is shown \(name), which it gets live as well")
        }
        if !client.replayed.insert(event.serial).inserted {
            fail("client \(client.number) is shown \(name) twice")
        }
        pushEvent(client, event)
    }

    /// The relay says that the client has the whole picture.
    func sawAll(_ client: ModelClient) {
        if !client.isReplaying { return }
        client.isReplaying = false
        let missing = picture.filter {
            client.offered.contains($0.event.serial) && mayShow($0, to: client)
                && !client.replayed.contains($0.event.serial)
        }
        if missing.count > client.shownAndDropped {
            let event = missing[0].event
            fail(
                "client \(client.number) was never shown event \(event.serial), \(event.type) of "
                    + "\(event.uid) by client \(missing[0].owner)")
        }
    }

    /// Alerts whose time has come, in the order in which the relay's table holds them.
    func repeatEmergencies(order: [Int]) {
        let due = picture.indices.filter {
            picture[$0].isEmergency && picture[$0].repeatAt <= now && picture[$0].endsAt > now
        }
        let sorted = due.sorted {
            (order.firstIndex(of: picture[$0].event.serial) ?? .max)
                < (order.firstIndex(of: picture[$1].event.serial) ?? .max)
        }
        for index in sorted {
            let kept = picture[index]
            picture[index].repeatAt = now + UInt64(config.emergencyRepeatSeconds) * 1000
            for client in clients.values
            where client.number != kept.owner && maySee(client, kept.team) {
                pushEvent(client, kept.event)
            }
        }
    }

    /// Compares the picture with what the relay keeps. What has lived its time may go at once, and
    /// must be gone a second later.
    func compare(kept: Set<Int>) {
        for entry in picture where !kept.contains(entry.event.serial) && entry.endsAt > now {
            fail("event \(entry.event.serial) of \(entry.event.uid) is not kept")
        }
        picture.removeAll { !kept.contains($0.event.serial) }
        if picture.count != kept.count {
            let known = Set(picture.map(\.event.serial))
            let strange = kept.subtracting(known).sorted()
            fail("the relay keeps events it should not: \(strange)")
        }
        for entry in picture where entry.endsAt + 1000 < now {
            fail("event \(entry.event.serial) is kept beyond its time")
        }
    }

    // MARK: A new configuration

    func reload(_ new: ModelConfig, order: [Int]) {
        let old = config
        reloads += 1
        let gone = old.teams.map(\.name).filter { !new.has($0) }
        for name in gone { removedAt[name] = reloads }
        picture.removeAll { gone.contains($0.team) }
        forgetSeen(of: gone)
        let couldReceive = clients.mapValues { mayReceive($0) }
        let sawBefore = clients.mapValues { old.sight(of: $0.team).subtracting(gone) }
        config = new
        for client in clients.values {
            if let team = client.listenerTeam, gone.contains(team) { client.listenerTeam = nil }
            if gone.contains(client.team) { client.team = team(of: client) }
        }
        for number in order {
            guard let client = clients[number], client.phase == .connected else { continue }
            wallsMoved(client)
            settle(
                client, wasNamed: client.uid != nil, couldReceive: couldReceive[number] ?? false)
            takeOver(client)
            if client.uid != nil { remember(client) }
            let sees = config.sight(of: client.team)
            if mayReceive(client), !sees.isSubset(of: sawBefore[number] ?? []) {
                offerPicture(client)
            }
        }
    }

    // MARK: What clients are sent and get

    func pushEvent(_ client: ModelClient, _ event: SimulatedEvent) {
        if event.isPosition { client.newestPosition[event.uid] = event.serial }
        push(client, .event(event.serial))
    }

    func push(_ client: ModelClient, _ name: PieceName) {
        client.pending.append(name)
        client.pushes += 1
    }

    /// A whole piece has come out at a client.
    func took(_ client: ModelClient, _ name: PieceName) {
        if name == .pong { return }
        client.received += 1
        var at = client.pendingFirst
        while at < client.pending.count, client.pending[at] != name { at += 1 }
        if at == client.pending.count {
            return fail("client \(client.number) got \(name): unasked, twice or out of order")
        }
        while client.pendingFirst < at { noteLost(client) }
        client.pendingFirst += 1
        if client.pendingFirst > 512 {
            client.pending.removeFirst(client.pendingFirst)
            client.pendingFirst = 0
        }
        checkWall(client, name)
    }

    private func checkWall(_ client: ModelClient, _ name: PieceName) {
        let isLetThrough = client.letsOneThrough
        client.letsOneThrough = false
        guard case .event(let serial) = name, let event = events[serial], !isLetThrough else {
            return
        }
        if let removed = removedAt[event.team], removed > acceptedAtReload[serial] ?? 0 { return }
        if !maySee(client, event.team) {
            fail(
                "client \(client.number) of team \(client.team) got \(name) of team \(event.team)")
        }
    }

    private func noteLost(_ client: ModelClient) {
        let name = client.pending[client.pendingFirst]
        client.pendingFirst += 1
        guard case .event(let serial) = name, let event = events[serial] else {
            client.lost[Importance.important.rawValue] += 1
            return
        }
        client.lost[event.importance.rawValue] += 1
        if client.newestPosition[event.uid] == serial { client.lostNewest += 1 }
    }

    /// Nothing waits for this client any more: what has not come by now was lost.
    func isDrained(_ client: ModelClient) {
        while client.pendingFirst < client.pending.count { noteLost(client) }
    }
}
