// Relaying and walls, seen from outside: at every station one client listens; then, station after
// station, a second one sends an event. It must reach the first, and of the others exactly those
// whose teams may see it. That an event does not come is known by what was asked for after it and
// has come, not by waiting.

import CLinuxSys
import TinyCoT

extension Doctor {
    mutating func checkRelay() {
        let count = makeStations()
        var i = 0
        while i < count {
            openReceiver(i)
            i += 1
        }
        i = 0
        while i < count {
            if memory.stations[i].receiver.isOpen { checkStation(i, count) }
            i += 1
        }
        i = 0
        while i < count {
            memory.stations[i].receiver.close()
            i += 1
        }
    }

    private func subject(_ index: Int) -> DoctorSubject {
        var subject = DoctorSubject(memory.stations[index].listener)
        subject.team = teamName(memory.stations[index].team)
        return subject
    }

    private mutating func openReceiver(_ index: Int) {
        let station = memory.stations.pointer(at: index)
        do throws(DoctorTrouble) {
            try station.pointee.receiver.open(station.pointee, 2 * index, self)
        } catch {
            station.pointee.receiver.close()
            find("relay", subject(index), "a client is not served", error)
        }
    }

    private mutating func checkStation(_ index: Int, _ count: Int) {
        if isLate { return find("relay", .skipped, subject(index), "there was no time left") }
        let station = memory.stations.pointer(at: index)
        var sender = DoctorLink()
        do throws(DoctorTrouble) {
            try sender.open(station.pointee, 2 * index + 1, self)
            let start = LinuxClock.now()
            try sender.sendMarker(index, self)
            try station.pointee.receiver.waitFor(index, self)
            let taken = (LinuxClock.now().nanoseconds - start.nanoseconds) / 100_000
            station.pointee.works = true
            find("relay", .ok, subject(index)) {
                $0.append("an event came through in ")
                $0.append(decimal: Int64(taken / 10))
                $0.append(".")
                $0.append(decimal: Int64(taken % 10))
                $0.append(" ms")
            }
            checkOthers(index, count)
        } catch {
            find("relay", subject(index), "an event did not come through", error)
        }
        sender.close()
    }

    /// Who else has heard it.
    private mutating func checkOthers(_ sender: Int, _ count: Int) {
        var heard = 0
        var unheard = 0
        var wrong = 0
        var other = 0
        while other < count {
            defer { other += 1 }
            if other == sender || !memory.stations[other].receiver.isOpen { continue }
            guard let isHeard = hears(other, sender) else {
                wrong += 1
                continue
            }
            let teams = (memory.stations[sender].team, memory.stations[other].team)
            let shallHear = config.visible(from: teams.0, to: teams.1)
            if isHeard == shallHear {
                heard += isHeard ? 1 : 0
                unheard += isHeard ? 0 : 1
                continue
            }
            wrong += 1
            var subject = subject(sender)
            subject.otherTeam = teamName(teams.1)
            find(
                "wall", .failure, subject,
                shallHear
                    ? "its events do not arrive where they should"
                    : "its events get through a wall")
        }
        if !config.isolatesTeams || wrong > 0 || heard + unheard == 0 { return }
        find("wall", .ok, subject(sender)) {
            $0.append("heard at ")
            $0.append(decimal: heard)
            $0.append(" and unheard at ")
            $0.append(decimal: unheard)
            $0.append(unheard + heard == 1 ? " other place" : " other places")
            $0.append(", as configured")
        }
    }

    /// Nil if that client is not served any more, which has been said.
    private mutating func hears(_ other: Int, _ marker: Int) -> Bool? {
        let station = memory.stations.pointer(at: other)
        do throws(DoctorTrouble) {
            try station.pointee.receiver.settle(self)
            return station.pointee.receiver.hasSeen(marker)
        } catch {
            station.pointee.receiver.close()
            find("relay", subject(other), "a client is not served any more", error)
            return nil
        }
    }
}
