// Drives what reads bytes of strangers, so that bench/linear.py can count its instructions. Built
// as Embedded Swift, like what ships and with the same core (scripts/build.sh amd64-linear).
//
//   linear READER STEP FILE  [READER STEP FILE …]
//
// For each three words the reader gets the bytes of the file in stretches of STEP bytes, as a
// socket would bring them. Only that is counted; what a reader needs is made ready before. What it
// made of the bytes is printed, so that a case which no longer does what it is meant to is seen.

import CLinuxSys
import TinyCoT

nonisolated(unsafe) private var calls = 0

/// What is counted lies between two calls of these: callgrind writes a file before each. They do
/// something, or the compiler would leave them out.
@inline(never)
func tinycotMeasuredBegin() { calls += 1 }

@inline(never)
func tinycotMeasuredEnd() { calls += 2 }

/// A reader with all that it needs.
class LinearReader {
    func read(_ stretch: Slab<UInt8>) {}
    /// What came of it.
    var outcome: String { "" }
}

@main
enum Linear {
    /// The largest input.
    private static var mostBytes: Int { 1 << 20 }

    static func main() {
        let memory = zeroed(mostBytes)
        var at: Int32 = 1
        while let name = tcs_argument(at) {
            guard let step = tcs_argument(at + 1).map({ word($0) }).flatMap(number),
                let path = tcs_argument(at + 2), let whole = contents(of: path, memory),
                let reader = reader(named: word(name))
            else {
                print("a reader, a step and a file are wanted")
                tcs_exit(64)
            }
            var from = 0
            tinycotMeasuredBegin()
            while from < whole.count {
                let count = min(step, whole.count - from)
                reader.read(whole.slice(from, count))
                from += count
            }
            tinycotMeasuredEnd()
            print(reader.outcome)
            at += 3
        }
        tcs_exit(0)
    }

    private static func reader(named name: Slab<UInt8>) -> LinearReader? {
        if name.equals("relay") { return RelayReader(holders: 100) }
        if name.equals("http") { return HeadReader() }
        if name.equals("chunked") { return ChunkReader() }
        if name.equals("multipart") { return MultipartReader() }
        if name.equals("json") { return JSONWholeReader() }
        if name.equals("config") { return ConfigReader() }
        if name.equals("video") { return VideoReader() }
        if name.equals("state") { return StateWholeReader() }
        return nil
    }

    private static func word(_ text: UnsafePointer<CChar>) -> Slab<UInt8> {
        var count = 0
        while text[count] != 0 { count += 1 }
        let start = UnsafeMutableRawPointer(mutating: text).assumingMemoryBound(to: UInt8.self)
        return Slab(start: start, count: count)
    }

    private static func number(_ word: Slab<UInt8>) -> Int? {
        var result = 0
        for i in 0..<word.count {
            let digit = Int(word[i]) - 48
            if digit < 0 || digit > 9 || i > 8 { return nil }
            result = result * 10 + digit
        }
        return result > 0 ? result : nil
    }

    private static func contents(
        of path: UnsafePointer<CChar>, _ memory: Slab<UInt8>
    ) -> Slab<UInt8>? {
        let file = tcs_open_for_reading(path)
        if file < 0 { return nil }
        let count = tcs_read(file, memory.start, memory.count)
        _ = tcs_close(file)
        return count > 0 ? memory.slice(0, Int(count)) : nil
    }
}

/// Memory for as long as the program runs.
func zeroed(_ count: Int) -> Slab<UInt8> {
    let memory = UnsafeMutablePointer<UInt8>.allocate(capacity: count)
    memory.initialize(repeating: 0, count: count)
    return Slab(start: memory, count: count)
}
