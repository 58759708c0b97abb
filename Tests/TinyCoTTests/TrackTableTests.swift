// Positions in order: by thing, then by time, against a model made of arrays and dictionaries.

import Testing

@testable import TinyCoT

@Suite struct TrackTableTests {
    private struct Position {
        var uid: Int
        var team: Int
        var second: Int?
        var isMarker: Bool
    }

    private func text(_ position: Position, _ index: Int) -> String {
        let time = position.second.map { second in
            written { CoTTime.write(WallTime(milliseconds: Int64(second) * 1_000), into: &$0) }
        }
        let root =
            "uid=\"u\(position.uid)\" type=\"a-f-G\" how=\"\(position.isMarker ? "h-e" : "m-g")\" "
            + "time=\"\(time ?? "soon")\""
        return eventText(
            "<__group name=\"team \(position.team)\" role=\"x\"/>", root: root,
            point: "<point lat=\"0.\(100_000 + index)\" lon=\"1\" hae=\"2\" ce=\"3\" le=\"4\"/>")
    }

    private func random(_ count: Int, seed: UInt64) -> [Position] {
        var state = seed
        func draw(_ limit: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % limit
        }
        return (0..<count).map { _ in
            Position(
                uid: draw(9), team: draw(3), second: draw(6) == 0 ? nil : draw(50),
                isMarker: draw(5) == 0)
        }
    }

    @Test(arguments: 1...20) func tracksAreWhatAModelSays(_ seed: Int) {
        let positions = random(seed == 1 ? 0 : 40 * seed, seed: UInt64(seed))
        let memory = ArenaMemory(1 << 21)
        var arena = memory.arena
        var table = TrackTable(events: positions.count, key: 7, arena: &arena)
        let all = positions.enumerated().map { text($1, $0) }.joined(separator: "\n")
        var index = 0
        var ends: [Int] = []
        withEvents(all) { event, end in
            let wasNoted = table.note(event, at: DumpPlace(file: 0, start: 0, end: Int64(end)))
            #expect(wasNoted)
            ends.append(end)
            index += 1
        }
        #expect(index == positions.count)
        table.arrange()
        expectTracks(table, positions, ends)
        expectTeams(table, positions, ends)
    }

    private func uids(_ positions: [Position]) -> [Int] {
        var uids: [Int] = []
        for position in positions where !uids.contains(position.uid) { uids.append(position.uid) }
        return uids
    }

    private func expectTracks(_ table: TrackTable, _ positions: [Position], _ ends: [Int]) {
        let uids = uids(positions)
        #expect(table.thingCount == uids.count)
        for (number, uid) in uids.enumerated() where number < table.thingCount {
            let thing = table.thing(number)
            var last = 0
            var points: [(key: Int, latitude: Int64, hasTime: Bool)] = []
            for (order, position) in positions.enumerated()
            where position.uid == uid && !position.isMarker {
                last = position.second ?? last
                points.append((last, Int64(100_000 + order) * 1_000, position.second != nil))
            }
            let sorted = points.enumerated().sorted {
                ($0.element.key, $0.offset) < ($1.element.key, $1.offset)
            }
            #expect(Int(thing.pointCount) == sorted.count)
            for (i, point) in sorted.enumerated() {
                let found = table.point(i, of: thing)
                #expect(found.place.latitude == point.element.latitude)
                #expect((found.time != nil) == point.element.hasTime)
                #expect(found.time.map { Int($0.milliseconds / 1_000) } ?? point.element.key
                    == point.element.key)
            }
            let marker = positions.lastIndex { $0.uid == uid && $0.isMarker }
            #expect(thing.marker.isKnown == (marker != nil))
            if let marker { #expect(thing.marker.end == Int64(ends[marker])) }
            let latest = positions.lastIndex { $0.uid == uid }!
            #expect(table.latest(of: thing).end == Int64(ends[latest]))
        }

    }

    /// Teams in the order of their first thing, things in the order of the files.
    private func expectTeams(_ table: TrackTable, _ positions: [Position], _ ends: [Int]) {
        let uids = uids(positions)
        let team = Dictionary(
            uniqueKeysWithValues: uids.map { uid in
                (uid, positions.last { $0.uid == uid }!.team)
            })
        var teams: [Int] = []
        for uid in uids where !teams.contains(team[uid]!) { teams.append(team[uid]!) }
        let expected = teams.flatMap { wanted in uids.filter { team[$0] == wanted } }
        let found = (0..<table.thingCount).map { i in
            uids.first { uid in
                table.latest(of: table.thing(byTeam: i)).end
                    == Int64(ends[positions.lastIndex { $0.uid == uid }!])
            }
        }
        #expect(found == expected)
    }

    @Test func oneMoreThanWasCountedIsSaid() {
        let memory = ArenaMemory()
        var arena = memory.arena
        var table = TrackTable(events: 2, key: 1, arena: &arena)
        let positions = (0..<3).map { Position(uid: $0 % 2, team: 0, second: 1, isMarker: false) }
        var answers: [Bool] = []
        withEvents(positions.enumerated().map { text($1, $0) }.joined()) { event, _ in
            answers.append(table.note(event, at: DumpPlace()))
        }
        #expect(answers == [true, true, false])
    }

    @Test func heapSortSorts() {
        for count in 0...40 {
            var numbers = (0..<count).map { Int32(truncatingIfNeeded: $0 &* 7_919 % 17) }
            let expected = numbers.sorted()
            numbers.withUnsafeMutableBufferPointer {
                HeapSort.sort(Slab(start: $0.baseAddress, count: $0.count)) { $0 < $1 }
            }
            #expect(numbers == expected)
        }
    }
}
