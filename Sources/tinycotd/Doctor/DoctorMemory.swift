// The buffers of `tinycot doctor`, taken from one mapping when it begins; pages are used only as
// far as they are written to. The daemon has none of them.

import CLinuxSys
import TinyCoT

struct DoctorMemory {
    let configText: Slab<UInt8>
    let config: Config
    /// What a link receives.
    let scratch: Slab<UInt8>
    /// An event, or the head of a request.
    let out: Slab<UInt8>
    /// The daemon's figures, kept until the end.
    let metrics: Slab<UInt8>
    /// Any other answer.
    let answer: Slab<UInt8>
    /// The content of a package.
    let package: Slab<UInt8>
    let sentence: Slab<UInt8>
    let line: Slab<UInt8>
    let report: Slab<UInt8>
    let stations: Slab<DoctorStation>
    let addresses: Slab<tcs_endpoint>
    /// For the archive: a document, and what has been replaced.
    let redacted: Slab<UInt8>
    let words: Slab<Redactor.Entry>

    static var answerBytes: Int { 2 * 1_048_576 }
    static var packageBytes: Int { 4_096 }

    init(budget: Budget, arena: inout Arena) {
        configText = arena.take(UInt8.self, count: budget.configFileBytes + 1)
        config = Config(budget: budget, arena: &arena)
        scratch = arena.take(UInt8.self, count: 65_536 + DoctorScan.keptBytesMax)
        out = arena.take(UInt8.self, count: 4 * DoctorEvent.maxBytes)
        metrics = arena.take(UInt8.self, count: 131_072)
        answer = arena.take(UInt8.self, count: DoctorMemory.answerBytes)
        package = arena.take(UInt8.self, count: DoctorMemory.packageBytes)
        sentence = arena.take(UInt8.self, count: DoctorReport.sentenceBytesMax)
        line = arena.take(UInt8.self, count: 1_024)
        report = arena.take(UInt8.self, count: 1_048_576)
        stations = arena.take(DoctorStation.self, count: DoctorEvent.numberLimit)
        addresses = arena.take(tcs_endpoint.self, count: 128)
        redacted = arena.take(UInt8.self, count: 2 * DoctorMemory.answerBytes)
        words = arena.take(Redactor.Entry.self, count: 8_192)
    }
}
