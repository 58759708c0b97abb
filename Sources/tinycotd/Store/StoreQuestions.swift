// What the store has to know of the clients: it fills a slot, the relay answers in it, and the
// request goes on. There are fewer slots than connections; who finds none waits its turn.

import CLinuxSys
import PackageStore
import TinyCoT

/// Who asked what lies in a slot. `connection` is -1 for an announcement, -2 for the state.
struct SlotAsker: BitwiseCopyable {
    static var state: Int { -2 }
    var connection = -1
    var generation: UInt32 = 0
}

extension StoreLoop {
    /// So long a slot may lie with a client that does not read, when others wait for one.
    private static var slotSeconds: Int { 2 }

    // MARK: Asking

    mutating func ask(_ index: Int) {
        let place = tables.connections.pointer(at: index)
        place.pointee.cursor = 0
        beginWaiting(index)
    }

    private mutating func beginWaiting(_ index: Int) {
        let place = tables.connections.pointer(at: index)
        place.pointee.phase = .waiting
        place.pointee.deadline = now.after(seconds: StoreLoop.slotSeconds)
        watch(index, 0)
        tryToAsk(index)
    }

    /// It has waited for a slot for long. A piece of an event or of the positions is cut anywhere,
    /// so a slot stays with its answer until the socket has taken all of it; who reads slowly is
    /// cut off when others could not get on otherwise.
    mutating func slotIsLate(_ index: Int) {
        tables.connections.pointer(at: index).pointee.deadline = now.after(
            seconds: StoreLoop.slotSeconds)
        if tables.connections[index].phase == .asking { return relayIsLate(index) }
        var slowest: Int?
        var i = 0
        while i < tables.connections.count {
            let connection = tables.connections[i]
            if connection.phase == .answering && connection.slot >= 0
                && now >= connection.slotTakenAt.after(seconds: StoreLoop.slotSeconds)
            {
                let best = tables.connections[slowest ?? i].slotTakenAt
                if slowest == nil || connection.slotTakenAt < best { slowest = i }
            }
            i += 1
        }
        guard let slowest else { return }
        counters.add(.timeouts)
        closeConnection(slowest)
    }

    /// - Parameter range: of the path: the uid, escaped.
    mutating func askForEvent(_ index: Int, _ range: ByteRange) {
        if Int(range.count) > tables.texts.count {
            return answerError(index, .notFound, "Nothing is known of that uid.")
        }
        ask(index)
    }

    /// Those who found no slot, in the order of their places.
    mutating func serveWaiting() {
        var i = 0
        while i < tables.connections.count {
            if tables.connections[i].phase == .waiting && !tryToAsk(i) { return }
            i += 1
        }
    }

    /// - Returns: false if there is no slot.
    @discardableResult
    private mutating func tryToAsk(_ index: Int) -> Bool {
        guard let slot = bridge.takeFreeSlot() else { return false }
        let place = tables.connections.pointer(at: index)
        place.pointee.phase = .asking
        place.pointee.slot = slot
        place.pointee.slotTakenAt = now
        askers[slot] = SlotAsker(connection: index, generation: place.pointee.generation)
        let question = bridge.question(slot)
        question.pointee = Question()
        question.pointee.address = place.pointee.peer.address
        question.pointee.isOperator = place.pointee.isOperator
        question.pointee.cursor = place.pointee.cursor
        switch place.pointee.route {
        case .clientEndpoints, .contacts: question.pointee.kind = .contacts
        case .positions: question.pointee.kind = .positions
        case .health, .metrics: question.pointee.kind = .figures
        case .status: question.pointee.kind = .standings
        case .event(let range):
            question.pointee.kind = .event
            var writer = ByteWriter(tables.texts)
            PathText.append(path(index), range.range, to: &writer)
            question.pointee.uid.set(writer.written)
        default:
            question.pointee.kind = .identity
            setCreator(index, question)
        }
        bridge.ask(slot)
        return true
    }

    private func path(_ index: Int) -> Slab<UInt8> {
        let path = tables.connections[index].head.path
        return tables.head(index).slice(Int(path.offset), Int(path.count))
    }

    /// Who an uploader says it is decides between the clients of its address.
    private func setCreator(_ index: Int, _ question: UnsafeMutablePointer<Question>) {
        var uid = ShortText<255>()
        if textParameter(index, "creatoruid", &uid) { question.pointee.uid = uid }
    }

    // MARK: Answers

    mutating func answerArrived(_ slot: Int) {
        let asker = askers[slot]
        if asker.connection == SlotAsker.state { return statePageArrived(slot) }
        if asker.connection < 0 { return announcementArrived(slot) }
        let connection = tables.connections[asker.connection]
        let isThere =
            connection.phase == .asking && connection.generation == asker.generation
            && connection.slot == slot
        if !isThere { return bridge.release(slot) }
        let index = asker.connection
        switch connection.route {
        case .clientEndpoints, .contacts: contactsArrived(index)
        case .event: eventArrived(index)
        case .positions: positionsArrived(index)
        case .health: answerHealth(index)
        case .metrics: beginMetrics(index)
        case .status: standingsArrived(index)
        default: identityArrived(index, slot)
        }
    }

    func releaseSlot(_ index: Int) {
        let place = tables.connections.pointer(at: index)
        if place.pointee.slot >= 0 { bridge.release(place.pointee.slot) }
        place.pointee.slot = -1
    }

    private mutating func identityArrived(_ index: Int, _ slot: Int) {
        let question = bridge.question(slot).pointee
        let place = tables.connections.pointer(at: index)
        place.pointee.seesAll = question.seesAll
        place.pointee.teamCount = question.teamCount
        let names = bridge.memory(slot).teams
        let visible = tables.visibleTeams(index)
        var i = 0
        while i < question.teamCount {
            visible[i] = names[i]
            i += 1
        }
        releaseSlot(index)
        if catalogue == nil {
            return answerError(
                index, .serviceUnavailable, "The store of packages is not ready.")
        }
        switch place.pointee.route {
        case .missionUpload, .syncUpload: beginUpload(index, question)
        case .syncSearch: beginPackageList(index)
        case .syncDelete: deletePackage(index)
        case .tool:
            if place.pointee.method == .put { setTool(index) } else { answerTool(index) }
        case .videos:
            if place.pointee.method == .post {
                keepVideos(index, question.homeTeam)
            } else {
                beginVideoList(index)
            }
        default: invariantBroken("only these ask who is there")
        }
    }

    private mutating func contactsArrived(_ index: Int) {
        let place = tables.connections.pointer(at: index)
        place.pointee.index = 0
        if place.pointee.source == .contacts {
            // A further page of a list that is on its way.
            return goOnAnswering(index)
        }
        let kind: MartiList.Kind =
            place.pointee.route == .contacts ? .contacts : .clientEndpoints
        place.pointee.list = MartiList(kind)
        answerLong(index, "application/json", .contacts)
    }

    private mutating func eventArrived(_ index: Int) {
        let place = tables.connections.pointer(at: index)
        let question = bridge.question(place.pointee.slot).pointee
        if !question.isFound {
            releaseSlot(index)
            return answerError(index, .notFound, "Nothing is known of that uid.")
        }
        place.pointee.index = 0
        answerLong(index, "application/xml", .event, bytes: question.byteCount)
    }

    private mutating func positionsArrived(_ index: Int) {
        let place = tables.connections.pointer(at: index)
        place.pointee.index = 0
        if place.pointee.source == .positions { return goOnAnswering(index) }
        place.pointee.hasPrologue = false
        answerLong(index, "application/xml", .positions)
    }

    mutating func goOnAnswering(_ index: Int) {
        tables.connections.pointer(at: index).pointee.phase = .answering
        beginWindow(index)
        flush(index)
    }

    // MARK: Pieces of the relay's answers

    /// - Returns: false if the connection went on to ask for more.
    mutating func writeContacts(_ index: Int, _ piece: inout ByteWriter) -> Bool {
        let place = tables.connections.pointer(at: index)
        if place.pointee.slot < 0 {
            askAgain(index)
            return false
        }
        let question = bridge.question(place.pointee.slot).pointee
        let contacts = bridge.memory(place.pointee.slot).contacts
        if !place.pointee.list.hasBegun && !place.pointee.list.begin(&piece) { return true }
        // Only the list of end points has a word for those who have gone (protocol 8.4).
        let showsGone = place.pointee.route != .contacts
        while place.pointee.index < question.contactCount {
            if !showsGone && !contacts[place.pointee.index].isConnected {
                place.pointee.index += 1
                continue
            }
            if !place.pointee.list.add(contacts[place.pointee.index], &piece) { return true }
            place.pointee.index += 1
        }
        if !question.isLast { return endPage(index, question.cursor) }
        if place.pointee.list.end(server, &piece) {
            releaseSlot(index)
            place.pointee.sourceEnded = true
        }
        return true
    }

    mutating func writeEvent(_ index: Int, _ piece: inout ByteWriter) {
        let place = tables.connections.pointer(at: index)
        copySlot(index, &piece)
        if place.pointee.index == bridge.question(place.pointee.slot).pointee.byteCount {
            releaseSlot(index)
            place.pointee.sourceEnded = true
        }
    }

    /// `<events>` around what is kept of positions (protocol 8.2: `api/cot/sa`).
    mutating func writePositions(_ index: Int, _ piece: inout ByteWriter) -> Bool {
        let place = tables.connections.pointer(at: index)
        if place.pointee.slot < 0 {
            askAgain(index)
            return false
        }
        if !place.pointee.hasPrologue {
            piece.append("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<events>\n")
            place.pointee.hasPrologue = true
        }
        copySlot(index, &piece)
        let question = bridge.question(place.pointee.slot).pointee
        if place.pointee.index < question.byteCount { return true }
        if !question.isLast { return endPage(index, question.cursor) }
        let before = piece
        piece.append("</events>\n")
        if piece.overflowed {
            piece = before
            return true
        }
        releaseSlot(index)
        place.pointee.sourceEnded = true
        return true
    }

    private func copySlot(_ index: Int, _ piece: inout ByteWriter) {
        let place = tables.connections.pointer(at: index)
        let question = bridge.question(place.pointee.slot).pointee
        let bytes = bridge.memory(place.pointee.slot).bytes
        let room = piece.slab.count - piece.count
        let count = min(room, question.byteCount - place.pointee.index)
        piece.append(bytes.slice(place.pointee.index, count))
        place.pointee.index += count
    }

    /// All of the page is in the piece. The slot is given back before the piece is sent: what is
    /// left of the list is asked for when the client has read this.
    mutating func endPage(_ index: Int, _ cursor: UInt64) -> Bool {
        tables.connections.pointer(at: index).pointee.cursor = cursor
        releaseSlot(index)
        return true
    }

    /// The next page, from `cursor` on.
    mutating func askAgain(_ index: Int) { beginWaiting(index) }
}
