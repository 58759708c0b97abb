// What happens in the world: the actions of the clients and of the operator, and the events that
// they send. Each turn draws a few of them.

@testable import TinyCoT

extension World {
    // MARK: Running

    /// Runs `steps` turns, drains the world, and checks that nothing is left behind.
    func run(steps: Int) {
        while step < steps && !hasFailed {
            turn { for _ in 0..<random.between(1, 3) where !hasFailed { act() } }
            if stepsPerRestart > 0 && !hasFailed && random.below(stepsPerRestart) == 0 {
                kill()
            }
            if step % 400 == 0 && !hasFailed { calm() }
        }
        if hasFailed { return }
        calm()
        leaveAll()
    }

    /// Everyone reads; nobody sends. Every queue must run empty and every picture be complete.
    private func calm() {
        note("all is calm")
        for client in clients { client.reading = .all }
        turn { comeHome(all: true) }
        for _ in 0..<80 where !hasFailed {
            milliseconds += 40
            turn {
                for client in clients where !client.isAtBoundary { feed(client, .max) }
            }
        }
        for client in clients where !hasFailed {
            let record = relay.client(at: client.place)
            // What an alert's repeat has only just queued may have met a short write.
            let waited = milliseconds - max(client.waitingSince ?? milliseconds, client.lastTook)
            if record.queue.count > 0 && waited > 500 || record.replay.pass != .done {
                fail(
                    "client \(client.model.number) reads all and still does not get all: "
                        + "\(record.queue.count) events wait, the picture stands at "
                        + "\(record.replay.pass)")
            }
        }
        for client in clients { chooseReading(client) }
    }

    private func leaveAll() {
        turn { for client in clients where !hasFailed { end(client, .peerClosed) } }
        if hasFailed { return }
        if relay.receivePool.usedCount != 0 {
            fail("\(relay.receivePool.usedCount) receive blocks are left when all have gone")
        }
        let pongs = relay.pong == EventLog.none ? 0 : 1
        if relay.log.liveEvents != pongs {
            fail("\(relay.log.liveEvents) events are live in the log when all have gone")
        }
        if !clients.isEmpty || relay.connectedClients != 0 { fail("somebody is left") }
    }

    // MARK: Actions

    private func act() {
        if random.chance(4) { ask() }
        if homecoming != nil && random.chance(25) { comeHome(all: random.chance(30)) }
        if stepsPerRestart > 0 && random.chance(snapshot == nil ? 10 : 40) {
            takeStatePage()
        }
        let roll = random.below(1000)
        if clients.isEmpty || roll < 35 { return connect() }
        let client = random.pick(clients)
        if client.model.phase != .connected { return }
        switch roll {
        case ..<780: send(client, events: random.chance(90) ? 1 : random.between(2, 12))
        case ..<800: send(client, events: 40)
        case ..<820: chooseReading(client)
        case ..<840:
            devices[client.device].colour = randomColour()
            send(client, events: 1)
        case ..<846 where scenario.teams != .open || random.chance(20): reload()
        case ..<870: vanish(client)
        case ..<880: connectForeign()
        default: feed(client, random.between(1, 900))
        }
    }

    private func chooseReading(_ client: FakeClient) {
        switch random.below(10) {
        case ..<6: client.reading = .all
        case ..<9: client.reading = .slow(random.pick([1, 60, 700, 3000]))
        default: client.reading = .nothing
        }
    }

    static func ip(_ address: Int) -> Address {
        Address(ipv4: address == 1 ? 0x7F00_0001 : 0xC000_0200 + UInt32(address))
    }

    @discardableResult
    private func admit(device: Int) -> FakeClient? {
        let address = random.pick([1, 2, 3, device + 10])
        let team = scenario.listenerTeam(model.config, &random)
        let number = team.map { Scenario.number(of: $0, in: model.config) } ?? Config.noTeam
        makePlace(for: World.ip(address))
        let same = clients.count { $0.model.address == address }
        let isFull =
            clients.count >= scenario.budget.clients || same >= scenario.budget.clientsPerAddress
        switch relay.admit(address: World.ip(address), port: 8087, listenerTeam: number) {
        case .refused:
            note("a connection is refused")
            if !isFull { fail("a connection is refused although there is room") }
            return nil
        case .admitted(let place):
            if isFull { fail("a connection is admitted although there is no room") }
            nextNumber += 1
            let seen = model.admit(
                number: nextNumber, place: place, address: address, listenerTeam: team)
            let client = FakeClient(
                model: seen, device: device, capacity: scenario.socketBytes, reading: .all,
                now: milliseconds)
            chooseReading(client)
            clients.append(client)
            byPlace[place] = client
            note("client \(nextNumber) connects at \(place), team \(seen.team)")
            return client
        }
    }

    /// A device connects: perhaps for the first time, perhaps while its old connection is open.
    private func connect() {
        guard let client = admit(device: random.below(devices.count)), random.chance(80) else {
            return
        }
        let event = fresh()
        describeSelf(event, client)
        hand(client, event)
        feed(client, .max)
    }

    private func connectForeign() {
        guard let client = admit(device: random.below(devices.count)) else { return }
        let (bytes, reason) = random.pick([
            (Array("GET / HTTP/1.1\r\nHost: x\r\n\r\n".utf8), CloseReason.httpOnCoTPort),
            ([0x16, 3, 1, 0, 0x80, 1, 0, 0, 0x7C, 3, 3], CloseReason.tlsOnPlainPort),
        ])
        client.outgoing += bytes
        expectsEnd = true
        feed(client, .max)
        expectsEnd = false
        let record = relay.client(at: client.place)
        if record.phase != .closing || record.closeReason != reason {
            fail("a foreign protocol is not noticed: \(reason.name)")
        }
    }

    /// Gone in the middle of whatever it was sending.
    private func vanish(_ client: FakeClient) {
        if random.chance(50) {
            compose(client)
            feed(client, random.between(0, client.outgoing.count - client.handed))
        }
        end(client, random.pick([.peerClosed, .peerReset]))
    }

    private func end(_ client: FakeClient, _ reason: CloseReason) {
        if client.model.phase != .connected { return }
        note("client \(client.model.number) goes: \(reason.name)")
        relay.connectionEnded(client: client.place, reason: reason)
        model.ended(client.model)
    }

    private func reload() {
        modelConfig = (modelConfig + 1) % configs.count
        let new = configs[modelConfig]
        note("reload: teams \(new.teams.map(\.name))")
        Scenario.fill(&spareConfig, from: new, hashKey: relay.hashKey)
        // The order in which clients are settled is the relay's own business.
        let order = (0..<relay.connectedClients).compactMap {
            byPlace[Int(relay.active[$0])]?.model.number
        }
        let old = relay.config
        relay.apply(config: spareConfig)
        spareConfig = old
        model.reload(new, order: order)
        noticeEnds()
    }

    // MARK: Sending

    private func send(_ client: FakeClient, events: Int) {
        for _ in 0..<events { compose(client) }
        switch random.below(10) {
        case ..<6: feed(client, .max)
        case ..<8: feed(client, random.between(1, client.outgoing.count - client.handed))
        case ..<9:
            while !client.isAtBoundary && client.model.phase == .connected && !hasFailed {
                feed(client, random.between(1, 300))
            }
        default:
            var bytes = 0
            while !client.isAtBoundary && bytes < 1500 && client.model.phase == .connected
                && !hasFailed
            {
                feed(client, 1)
                bytes += 1
            }
        }
    }

    func fresh() -> SimulatedEvent {
        nextSerial += 1
        return SimulatedEvent(serial: nextSerial - 1)
    }

    /// Appends an event to what the client has to send.
    private func hand(_ client: FakeClient, _ event: SimulatedEvent) {
        if event.wire.isEmpty {
            event.compose(declaration: random.pick(SimulatedEvent.declarations))
        }
        // The limit holds for what stands between `<event` and `</event>`.
        let limit = scenario.budget.eventMaxBytes
        let bytes = event.wire.count
        if bytes > limit && event.fate != .ignored { event.fate = .refused }
        client.outgoing += event.wire
        client.items.append((client.outgoing.count, event))
        note(
            "client \(client.model.number) sends \(event.serial) \(event.type) of \(event.uid), "
                + "\(bytes) bytes, \(event.fate)")
    }

    private func compose(_ client: FakeClient) {
        let event = fresh()
        switch random.below(100) {
        case ..<42: describeSelf(event, client)
        case ..<52: describeItem(event, client)
        case ..<68: describeDirected(event, client)
        case ..<73: describeAlert(event, client)
        case ..<77: describeDelete(event, client)
        case ..<86: describeControl(event, client)
        case ..<88:
            event.padding = random.below(scenario.budget.eventMaxBytes - 500)
            describeItem(event, client)
        case ..<90: describeSomeoneElse(event)
        case ..<95: describeHostile(event, client)
        case ..<96:
            event.fate = .ignored
            event.wire = Array("<auth><cot username=\"u\" password=\"p\"/></auth>".utf8)
        case ..<97:
            event.type = "b-z-hidden"
            event.uid = "HIDDEN-\(event.serial)"
            event.extra = "<!-- </event> --><?note </event>?><![CDATA[</event>]]>"
            event.isRewritten = true
        default: return mutate(event, client)
        }
        hand(client, event)
    }

    // MARK: Events

    private func describeSelf(_ event: SimulatedEvent, _ client: FakeClient) {
        let device = devices[client.device]
        event.uid = device.uid
        event.callsign = device.callsign
        event.hasEndpoint = random.chance(92)
        event.colour = device.colour
        event.spanSeconds = random.pick([75, 75, 75, 600, 3, 0, -20])
        if random.chance(2) { event.destinations = [Destination(uid: anyUID())] }
    }

    /// Clients also move other people's markers, and claim other people's uids (h62).
    private func describeSomeoneElse(_ event: SimulatedEvent) {
        let device = random.pick(devices)
        event.uid = device.uid
        event.how = random.pick(["m-g", "h-e"])
        if random.chance(30) {
            event.callsign = device.callsign
            event.hasEndpoint = true
        }
    }

    private func describeItem(_ event: SimulatedEvent, _ client: FakeClient) {
        event.uid = "MARKER-\(random.below(12))"
        event.how = "h-e"
        event.type = random.pick([
            "a-u-G", "b-m-p-s-m", "u-d-f", "u-rb-a", "b-i-v", "b-m-r", "b-r-f-h-c", "b-z-x",
            "y-a-r",
        ])
        event.spanSeconds = random.pick([75, 600, 10_000, 1])
        event.hasEmptyMarti = random.chance(5)
    }

    private func anyUID() -> String {
        random.chance(90) ? random.pick(devices).uid : "ANDROID-NOBODY"
    }

    private func describeDirected(_ event: SimulatedEvent, _ client: FakeClient) {
        event.uid = "MESSAGE-\(event.serial)"
        event.type = random.pick(["b-t-f", "b-t-f", "b-t-f-d", "b-f-t-r", "b-f-t-a", "b-m-p-s-m"])
        event.how = "h-g-i-g-o"
        let peer = random.pick(devices)
        if event.isChat {
            let colour = random.pick(["Cyan", "Red", "Invented"])
            event.chat = random.pick([
                ChatAddress(
                    id: "All Chat Rooms", room: "All Chat Rooms", parent: "RootContactGroup",
                    members: []),
                ChatAddress(
                    id: peer.uid, room: peer.callsign, parent: "RootContactGroup",
                    members: [devices[client.device].uid, peer.uid]),
                ChatAddress(id: colour, room: colour, parent: "TeamGroups", members: []),
                ChatAddress(
                    id: "group", room: "group", parent: "UserGroups",
                    members: [anyUID(), anyUID(), peer.uid, peer.uid]),
            ])
            if random.chance(50) { return }
        }
        let count = random.between(1, 4)
        for _ in 0..<count {
            event.destinations.append(
                random.pick([
                    Destination(callsign: random.pick(devices).callsign),
                    Destination(uid: anyUID()),
                    Destination(callsign: peer.callsign, uid: peer.uid),
                    Destination(callsign: "NOBODY"),
                    Destination(mission: "m"),
                    Destination(callsign: "ffffffff-ffff-ffff-ffff-ffffffffffff"),
                ]))
        }
        if random.chance(5) { event.destinations.append(Destination(callsign: "All Streaming")) }
    }

    private func describeAlert(_ event: SimulatedEvent, _ client: FakeClient) {
        event.uid = devices[client.device].uid + "-9-1-1"
        event.type = random.pick(["b-a-o-tbl", "b-a-g", "b-a-o-can", "b-a-o-tbl"])
        event.cancelsEmergency = random.chance(20)
        event.spanSeconds = 10
        if random.chance(10) { event.uid = devices[client.device].uid }
    }

    private func describeDelete(_ event: SimulatedEvent, _ client: FakeClient) {
        event.uid = "DELETE-\(event.serial)"
        event.type = "t-x-d-d"
        event.linkUID = random.chance(60) ? "MARKER-\(random.below(12))" : anyUID()
    }

    private func describeControl(_ event: SimulatedEvent, _ client: FakeClient) {
        event.uid = "CONTROL-\(event.serial)"
        switch random.below(10) {
        case ..<6:
            event.type = "t-x-c-t"
            event.fate = .ping
        case 6:
            event.type = "t-x-takp-q"
            event.fate = .takpRequest
        default:
            event.type = random.pick(["t-x-c-m", "t-x-c-t-r", "t-x-takp-v", "t-x-g-c", "t-x-d-d"])
            event.fate = .swallowed
        }
    }

    private func describeHostile(_ event: SimulatedEvent, _ client: FakeClient) {
        describeSelf(event, client)
        event.fate = .refused
        event.extra = random.pick([
            "\u{01}", "<a></b>", "&nothing;", "<a b='1' b='2'/>", "<event/>", "]]>", "&#xD800;",
            "<a b='<'/>", "<?xml version='1.0'?>", "\u{FFFF}",
        ])
        event.compose(declaration: "")
        let text = String(decoding: event.wire, as: UTF8.self)
        switch random.below(6) {
        case 0: event.wire = Array(text.replacing(" uid=\"", with: " dui=\"").utf8)
        case 1: event.wire = Array(text.replacing("lat=\"50", with: "lat=\"950").utf8)
        case 2: event.wire = Array(("<!DOCTYPE event [<!ENTITY a \"b\">]>" + text).utf8)
        case 3: event.wire = event.wire.map { $0 == UInt8(ascii: "R") ? 0xFF : $0 }
        case 4: event.wire = Array(repeating: 0x61, count: 50) + event.wire
        default: break
        }
    }

    /// An event with a few bytes changed behind its point, or cut off and followed by a whole one.
    /// It goes out alone, so that the counters tell what became of it.
    private func mutate(_ event: SimulatedEvent, _ client: FakeClient) {
        guard client.isAtBoundary else { return }
        event.uid = "MUTATED-\(event.serial)"
        event.type = "b-z-mutated"
        event.fate = .uncertain
        event.isRewritten = true
        event.extra = "<a b='1' c=\"2\">text &amp; more</a><!-- note --><c/>"
        event.compose(declaration: "")
        let first = 250
        if random.chance(30) {
            let cut = Array(event.wire[..<random.between(20, event.wire.count - 1)])
            event.wire = cut + event.wire
        } else {
            for _ in 0..<random.between(1, 3) {
                let at = random.between(first, event.wire.count - 12)
                switch random.below(4) {
                case 0: event.wire[at] = UInt8(random.below(256))
                case 1: event.wire.remove(at: at)
                case 2: event.wire[at] ^= 1 << UInt8(random.below(8))
                default:
                    let tokens = ["<", ">", "\"", "'", "&", "<!--", "<![CDATA[", "</a>", "<?"]
                    let token = random.pick(tokens)
                    event.wire.insert(contentsOf: Array(token.utf8), at: at)
                }
            }
        }
        hand(client, event)
        // Alone: whatever comes next is handed over in another call.
        while !client.isAtBoundary && client.model.phase == .connected && !hasFailed {
            feed(client, random.chance(50) ? .max : random.between(1, 200))
        }
        // Whatever it was, the event behind it gets through.
        let next = fresh()
        describeSelf(next, client)
        hand(client, next)
    }
}
