// Who is here and who was: every short history of the table against an array, and what the relay
// writes into it and shows of it.

import Testing

@testable import TinyCoT

private struct Row: Equatable {
    var uid: UInt64
    var team: UInt8
    var state: SeenClient.State
    var seenAt: Int64
}

@Suite struct SeenClientsTests {
    /// Two are remembered when gone, two can be connected.
    @Test func everyShortHistory() {
        let memory = FreshMemory(bytes: 8_192)
        var budget = Budget()
        budget.clients = 2
        budget.seenClients = 2
        everyHistory(of: 9, length: 5) { history in
            var arena = memory.arena()
            var table = SeenClients(budget: budget, arena: &arena)
            var model: [Row] = []
            for (step, choice) in history.enumerated() {
                SeenClientsTests.change(&table, &model, choice, Int64(step))
                table.checkInvariants()
                let gone = model.count { $0.state == .gone }
                let isSame = model.allSatisfy { row in
                    table.find(uidHash: row.uid, team: row.team).map {
                        table.pointer(at: $0).pointee.state == row.state
                    } ?? false
                }
                if table.count != model.count || table.count(of: .gone) != gone || !isSame {
                    Issue.record("\(history) at \(step): not \(model)")
                    return false
                }
            }
            return true
        }
    }

    /// One operation on the table and on the array. A choice is an operation and a uid.
    private static func change(
        _ table: inout SeenClients, _ model: inout [Row], _ choice: Int, _ now: Int64
    ) {
        let uid = UInt64(choice % 3 + 1)
        let team = UInt8(choice % 2)
        let slot = table.find(uidHash: uid, team: team)
        let row = model.firstIndex { $0.uid == uid && $0.team == team }
        switch (choice / 3, slot, row) {
        case (0, .some(let slot), .some(let row)):
            table.remove(slot)
            model.remove(at: row)
        case (0, nil, nil) where model.count < 4:
            let fresh = table.insert(uidHash: uid, team: team)
            table.pointer(at: fresh).pointee.seenAt = now
            table.setGone(fresh)
            model.append(Row(uid: uid, team: team, state: .gone, seenAt: now))
            trim(&model)
        case (1, .some(let slot), .some(let row)) where model.count { $0.state != .gone } < 2:
            table.setConnected(slot, holder: 0)
            model[row].state = .connected
        case (2, .some(let slot), .some(let row)):
            table.pointer(at: slot).pointee.seenAt = now
            table.setGone(slot)
            model[row].state = .gone
            model[row].seenAt = now
            trim(&model)
        default: break
        }
    }

    private static func trim(_ model: inout [Row]) {
        let gone = model.filter { $0.state == .gone }
        guard gone.count > 2, let oldest = gone.min(by: { $0.seenAt < $1.seenAt }) else { return }
        model.removeAll { $0 == oldest }
    }

    // MARK: On the stage

    @Test func whoGoesIsRememberedAsGone() {
        let stage = StateStage()
        stage.join(1, as: "A")
        let two = stage.join(1, as: "B")
        #expect(stage.contactNames(from: 1) == ["A", "B"])
        stage.leave(two)
        #expect(stage.contactNames(from: 1) == ["(B)", "A"])
        let gone = stage.contacts(from: 1).first { !$0.isConnected }
        #expect(gone.map { plain($0.callsign) } == "C-B")
        stage.join(1, as: "B")
        #expect(stage.contactNames(from: 1) == ["A", "B"])
    }

    @Test func theConnectedOnesComeFirst() {
        let stage = StateStage()
        for i in 0..<20 { stage.leave(stage.join(1, as: "gone\(i)")) }
        for i in 0..<20 { stage.join(1, as: "here\(i)") }
        let contacts = stage.contacts(from: 1)
        let order = contacts.map(\.isConnected)
        #expect(order == (0..<40).map { $0 < 20 })
    }

    /// The same uid in two teams is two. What one sees of it depends on the teams that one sees.
    @Test func theGoneStayBehindTheirWallToo() {
        let stage = StateStage.walled()
        stage.join(1, team: StateStage.blue, as: "B")
        stage.join(2, team: StateStage.red, as: "R")
        stage.join(3, team: StateStage.umpire, as: "U")
        stage.leave(stage.join(4, team: StateStage.blue, as: "X"))
        #expect(stage.contactNames(from: 1) == ["(X)", "B"])
        #expect(stage.contactNames(from: 2) == ["R"])
        #expect(stage.contactNames(from: 3) == ["(X)", "B", "R", "U"])
        // It is in red now: gone for blue, here for those who see both, once.
        let again = stage.join(4, team: StateStage.red, as: "X")
        #expect(stage.contactNames(from: 1) == ["(X)", "B"])
        #expect(stage.contactNames(from: 2) == ["R", "X"])
        #expect(stage.contactNames(from: 3) == ["B", "R", "U", "X"])
        stage.pass(seconds: 1)
        stage.leave(again)
        #expect(stage.contactNames(from: 3) == ["(X)", "B", "R", "U"])
        #expect(stage.page().seen.count == 5)
    }

    /// Its old team must not read in its lists what it says of itself in the new one.
    @Test func aNewNameInANewTeamStaysThere() {
        let stage = StateStage.walled()
        stage.reload {
            $0.teams[0].colours = TeamColour.bit(Slab("Cyan"))
            $0.teams[1].colours = TeamColour.bit(Slab("Red"))
        }
        stage.join(1, team: StateStage.blue, as: "B")
        let one = stage.join(2)
        stage.send(one, StateStage.position("X", colour: "Cyan"))
        stage.send(
            one,
            StateStage.position("X", colour: "Red").replacing("C-X", with: "SECRET"))
        let gone = stage.contacts(from: 1).first { plain($0.uid) == "X" }
        #expect(gone?.isConnected == false)
        #expect(gone.map { plain($0.callsign) } == "C-X")
        #expect(gone.map { plain($0.team) } == "Cyan")
    }

    @Test func theOneNotSeenForLongestGivesWay() {
        let stage = StateStage {
            $0.seenClients = 3
            $0.clients = 4
        }
        let stays = stage.join(1, as: "stays")
        for i in 0..<5 {
            let client = stage.join(1, as: "G\(i)")
            stage.pass(seconds: 1)
            stage.leave(client)
        }
        #expect(stage.contactNames(from: 1) == ["(G2)", "(G3)", "(G4)", "stays"])
        #expect(stage.relay.pool(7)?.used == 3 && stage.relay.pool(7)?.limit == 3)
        stage.leave(stays)
        #expect(stage.page().seen.map { plain($0.uid) }.sorted() == ["G3", "G4", "stays"])
    }

    @Test func whoWasNotSeenForADayIsForgotten() {
        let stage = StateStage()
        stage.leave(stage.join(1, as: "G"))
        stage.join(1, as: "here")
        stage.pass(seconds: 86_399)
        #expect(stage.contactNames(from: 1) == ["(G)", "here"])
        let changes = stage.relay.stateChanges
        stage.pass(seconds: 1)
        #expect(stage.contactNames(from: 1) == ["here"])
        stage.pass(seconds: 2)
        #expect(stage.page().seen.count == 1)
        #expect(stage.relay.stateChanges == changes)
    }

    @Test func aUIDThatIsCutNamesNobody() {
        let stage = StateStage()
        let long = String(repeating: "u", count: 81)
        let one = stage.join(1, as: long)
        #expect(stage.page().seen.isEmpty)
        stage.leave(one)
        #expect(stage.page().seen.isEmpty)
        stage.relay.checkInvariants()
    }

    @Test func aTakeOverIsNoLeaving() {
        let stage = StateStage()
        stage.join(1, as: "A")
        let again = stage.join(1, as: "A")
        stage.pass(seconds: 1)
        #expect(stage.page().seen.map(\.isConnected) == [true])
        stage.leave(again)
        #expect(stage.page().seen.map(\.isConnected) == [false])
    }

    /// Teams are matched by name; with a team go those who were seen in it.
    @Test func aReloadKeepsThemByTeamName() {
        let stage = StateStage.walled()
        stage.leave(stage.join(1, team: StateStage.blue, as: "B"))
        stage.leave(stage.join(2, team: StateStage.red, as: "R"))
        stage.reload {
            $0.teams[0].name.set("red")
            $0.teams[1].name.set("green")
        }
        stage.relay.checkInvariants()
        #expect(stage.page().seen.map { plain($0.uid) } == ["R"])
        #expect(stage.page().seen.map { plain($0.team) } == ["red"])
    }
}
