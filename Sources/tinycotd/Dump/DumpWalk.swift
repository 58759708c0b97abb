// All events of the files, one after the other, and a count of what was none. `export` and `replay`
// pull; in between the event lies in the memory of the walk. What is wrong with a file as a whole
// is said when its end is reached.
// placeStart ≤ the end of the event in hand; pieceStart + at = the place in the file.

import TinyCoT

struct DumpWalk: BitwiseCopyable {
    private let files: DumpInputs
    private let piece: Slab<UInt8>
    private var reader: DumpReader
    private let isQuiet: Bool

    private var file = -1
    private var filled = 0
    private var at = 0
    private var pieceStart: Int64 = 0
    private var placeStart: Int64 = 0
    private var eventsInFile = 0
    private var refusedInFile = 0

    /// Where the event in hand lies.
    private(set) var place = DumpPlace()
    private(set) var refused: InlineArray<32, Int> = .init(repeating: 0)
    /// Some file held something, but no event.
    private(set) var hasForeignFile = false

    static var pieceBytes: Int { 65_536 }

    /// - Parameter isQuiet: says nothing; what there is to say was said by an earlier walk.
    init(_ files: DumpInputs, _ reader: DumpReader, piece: Slab<UInt8>, isQuiet: Bool) {
        invariant(Refusal.count <= 32, "every reason is counted")
        self.files = files
        self.reader = reader
        self.piece = piece
        self.isQuiet = isQuiet
    }

    var event: DumpEvent { reader.event }

    /// Goes to the next event, or says that there is none.
    mutating func next() throws(ExitCode) -> Bool {
        while true {
            if at == filled {
                if try !fill() { return false }
                continue
            }
            switch reader.next(piece.slice(0, filled), from: at) {
            case .needMoreBytes: at = filled
            case .event(let end):
                at = end
                eventsInFile += 1
                place = DumpPlace(
                    file: file, start: placeStart, end: pieceStart + Int64(end))
                placeStart = place.end
                return true
            case .refused(let reason, let resumeAt):
                at = resumeAt
                refused[Int(reason.rawValue)] += 1
                refusedInFile += 1
            case .foreign:
                refusedInFile += 1
                if try !begin(file + 1) { return false }
            }
        }
    }

    /// The next piece of this file, or the first of the next one. False after the last.
    private mutating func fill() throws(ExitCode) -> Bool {
        if file < 0 { return try begin(0) }
        pieceStart += Int64(filled)
        at = 0
        filled = try files.read(file, at: pieceStart, end: .max, into: piece)
        if filled > 0 { return true }
        return try begin(file + 1)
    }

    private mutating func begin(_ next: Int) throws(ExitCode) -> Bool {
        if file >= 0 { endFile() }
        file = next
        filled = 0
        at = 0
        pieceStart = 0
        placeStart = 0
        eventsInFile = 0
        refusedInFile = 0
        if file == files.count { return false }
        reader.beginFile()
        filled = try files.read(file, at: 0, end: .max, into: piece)
        return true
    }

    private mutating func endFile() {
        if eventsInFile == 0 && refusedInFile > 0 {
            hasForeignFile = true
            if !isQuiet { files.say(file, ": holds no Cursor-on-Target event.\n") }
        } else if reader.isInside && !isQuiet {
            files.say(file, ": ends in the middle of an event, which is left out.\n")
        }
    }

    /// Goes back to an event that was seen before.
    mutating func find(_ place: DumpPlace) throws(ExitCode) -> Bool {
        if place.start == 0 { reader.beginFile() } else { reader.beginPart() }
        pieceStart = place.start
        while true {
            filled = try files.read(Int(place.file), at: pieceStart, end: place.end, into: piece)
            if filled == 0 { return false }
            at = 0
            while at < filled {
                switch reader.next(piece.slice(0, filled), from: at) {
                case .needMoreBytes: at = filled
                case .event(let end):
                    if pieceStart + Int64(end) == place.end { return true }
                    at = end
                case .refused(_, let resumeAt): at = resumeAt
                case .foreign: return false
                }
            }
            pieceStart += Int64(filled)
        }
    }

    /// What was no event, for people. Nothing if all were.
    func reportRefused(_ startup: StartupMemory) {
        var total = 0
        var i = 0
        while i < Refusal.count {
            total += refused[i]
            i += 1
        }
        if total == 0 || isQuiet { return }
        var writer = ByteWriter(startup.text)
        writer.append("tinycot: left out what is no valid event: ")
        var isFirst = true
        i = 0
        while i < Refusal.count {
            if let reason = Refusal(rawValue: UInt8(i)), refused[i] > 0 {
                if !isFirst { writer.append(", ") }
                isFirst = false
                writer.append(decimal: refused[i])
                writer.append(" ")
                writer.append(reason.name)
            }
            i += 1
        }
        writer.append(".\n")
        Console.write(writer.written, to: Console.error)
    }
}
