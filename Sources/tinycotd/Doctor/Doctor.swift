// What the checks of the doctor share: the configuration, the daemon's figures, and the report that
// each of them adds to. The checks themselves are extensions, a file each.

import CLinuxSys
import TinyCoT

struct Doctor: ~Copyable {
    /// All checks together. What is not done then is not begun.
    private static var totalSeconds: Int { 60 }

    let budget: Budget
    let memory: DoctorMemory
    let config: Config
    let run: RunDirectory
    let state: StateDirectory
    let startup: StartupMemory
    let addresses: DoctorAddresses
    /// Tells this call from every other.
    let number: UInt64
    let writesLines: Bool
    var report: DoctorReport
    /// Empty until the daemon has answered.
    var metrics = MetricsText(Slab(""))
    var daemonProcess: Int32 = 0
    private let end = LinuxClock.now().after(seconds: Doctor.totalSeconds)

    /// There is no time for another check.
    var isLate: Bool { end <= LinuxClock.now() }

    /// Adds a finding, and says it if it is for people.
    mutating func find(
        _ check: StaticString, _ result: DoctorResult, _ subject: DoctorSubject = DoctorSubject(),
        _ words: (inout ByteWriter) -> Void
    ) {
        var sentence = ByteWriter(memory.sentence)
        words(&sentence)
        invariant(!sentence.overflowed, "a sentence of the doctor's is short")
        report.add(check, result, subject, sentence.written)
        if !writesLines { return }
        var line = ByteWriter(memory.line)
        DoctorReport.writeLine(check, result, subject, sentence.written, into: &line)
        Console.write(line.written, to: Console.output)
    }

    mutating func find(
        _ check: StaticString, _ result: DoctorResult, _ subject: DoctorSubject,
        _ sentence: StaticString
    ) {
        find(check, result, subject) { $0.append(sentence) }
    }

    mutating func find(_ check: StaticString, _ result: DoctorResult, _ sentence: StaticString) {
        find(check, result, DoctorSubject(), sentence)
    }

    /// A step that went wrong: what was tried, and what came of it.
    mutating func find(
        _ check: StaticString, _ subject: DoctorSubject, _ what: StaticString,
        _ trouble: DoctorTrouble
    ) {
        find(check, .failure, subject) {
            $0.append(what)
            $0.append(": ")
            trouble.write(into: &$0)
        }
    }

    /// A client with this address is served (`allow`).
    func isAllowed(_ address: Address) -> Bool {
        var i = 0
        while i < config.allowCount {
            if config.allow[i].contains(address) { return true }
            i += 1
        }
        return false
    }

    func teamName(_ team: UInt8) -> ShortText<40> {
        config.isolatesTeams ? config.teams[Int(team)].name : ShortText<40>()
    }
}
