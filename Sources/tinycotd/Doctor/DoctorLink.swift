// One connection of the doctor's to a port of the relay, as a phone makes it. Opened and closed by
// the check of the relay.

import CLinuxSys
import TinyCoT

struct DoctorLink: BitwiseCopyable {
    private(set) var raw: Int32 = -1
    private var scan = DoctorScan(run: 0)

    init() {}

    var isOpen: Bool { raw >= 0 }
    func hasSeen(_ marker: Int) -> Bool { scan.hasSeen(marker) }

    mutating func close() {
        if raw >= 0 { _ = tcs_close(raw) }
        raw = -1
    }

    /// Connects, says who it is where that is asked for, and waits until the server knows it.
    mutating func open(
        _ station: DoctorStation, _ client: Int, _ doctor: borrowing Doctor
    ) throws(DoctorTrouble) {
        raw = try DoctorSocket.connect(station.goal)
        scan = DoctorScan(run: doctor.number)
        _ = tcs_set_no_delay(raw)
        if station.mustSayWho {
            try send(doctor) {
                DoctorEvent.hello(
                    client, colour: station.colour, now: LinuxClock.wall(), into: &$0)
            }
        }
        try settle(doctor)
    }

    mutating func sendMarker(_ number: Int, _ doctor: borrowing Doctor) throws(DoctorTrouble) {
        try send(doctor) {
            DoctorEvent.marker(number, run: doctor.number, now: LinuxClock.wall(), into: &$0)
        }
    }

    /// Until a marker has come.
    mutating func waitFor(_ marker: Int, _ doctor: borrowing Doctor) throws(DoctorTrouble) {
        let end = DoctorSocket.deadline
        while !scan.hasSeen(marker) { try receive(doctor, until: end) }
    }

    /// Until everything has come that was sent to this client before. Asks twice, because the first
    /// answer may be a heartbeat that was on its way; the next one of those is seconds off. One
    /// after the other, because a server may answer two pings at once with one pong.
    mutating func settle(_ doctor: borrowing Doctor) throws(DoctorTrouble) {
        var round = 0
        while round < 2 {
            let pongs = scan.pongs
            try send(doctor) {
                DoctorEvent.ping(run: doctor.number, now: LinuxClock.wall(), into: &$0)
            }
            let end = DoctorSocket.deadline
            while scan.pongs == pongs { try receive(doctor, until: end) }
            round += 1
        }
    }

    private mutating func receive(
        _ doctor: borrowing Doctor, until end: Instant
    ) throws(DoctorTrouble) {
        let scratch = doctor.memory.scratch
        let kept = scan.keptBytes
        scan.restore(into: scratch)
        let count = try DoctorSocket.receive(
            into: scratch.slice(kept, scratch.count - kept), from: raw, until: end)
        scan.look(at: scratch.slice(0, kept + count))
    }

    private func send(
        _ doctor: borrowing Doctor, _ write: (inout ByteWriter) -> Void
    ) throws(DoctorTrouble) {
        var writer = ByteWriter(doctor.memory.out)
        write(&writer)
        invariant(!writer.overflowed, "the doctor's events fit into their room")
        try DoctorSocket.send(writer.written, to: raw)
    }
}
