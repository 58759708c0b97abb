// Numbered events through the files of the dump, as the store loop does it: after an error all is
// given up and opened anew. Says `lost <count>` after an error, `written <count>` at the end.

import PackageStore
import TinyCoT

enum DumpScript {
    static let events = 120
    static let fileBytes: Int64 = 65_536

    /// Of the event's number alone, so that the tests know it, too. Every tenth is longer than
    /// the buffer.
    static func event(_ number: Int) -> String {
        let filler = String(repeating: "x", count: number % 10 == 9 ? 20_000 : number * 37 % 900)
        return "<event uid=\"\(number)\">\(filler)</event>"
    }
}

private func slab(_ text: String) -> Slab<UInt8> {
    let memory = UnsafeMutablePointer<UInt8>.allocate(capacity: text.utf8.count + 1)
    for (i, byte) in text.utf8.enumerated() { memory[i] = byte }
    return Slab(start: memory, count: text.utf8.count)
}

func runDump(_ folder: String, totalBytes: Int64) {
    var files = DumpFiles(
        limits: DumpLimits(
            fileBytes: DumpScript.fileBytes, fileSeconds: 60, totalBytes: totalBytes,
            reserveBytes: 0),
        buffer: memory(DumpFiles.bufferBytes), scratch: memory(FolderScan.bufferBytes))
    let path = folder.withCString { slab(String(cString: $0) + "\u{0}") }
    let cPath = UnsafeRawPointer(path.start!).assumingMemoryBound(to: CChar.self)
    for number in 0..<DumpScript.events {
        do throws(FileError) {
            if !files.isOpen { try files.open(state: cPath, boot: ShortText<40>()) }
            try files.append(
                comment: slab("<!-- \(number) -->\n"), event: slab(DumpScript.event(number)),
                rest: Slab(""), now: Instant(nanoseconds: 1_000_000_000))
        } catch {
            giveUp(&files, error, alsoLost: 1)
        }
    }
    do throws(FileError) { try files.finish() } catch { giveUp(&files, error, alsoLost: 0) }
    say("written \(files.eventsWritten)")
}

private func giveUp(_ files: inout DumpFiles, _ error: FileError, alsoLost: Int) {
    say(sentence { error.write(into: &$0) })
    say("lost \(files.giveUp() + alsoLost)")
    files.close()
}
