// Text for the person at the terminal: answers on standard output, complaints on standard error.
// Used by the commands and by the start of the daemon; the running daemon writes through `Log`,
// which never waits.

import CLinuxSys
import TinyCoT

enum Console {
    static var output: Int32 { 1 }
    static var error: Int32 { 2 }

    /// Writes all of it, waiting where it must.
    static func write(_ bytes: Slab<UInt8>, to descriptor: Int32) {
        var done = 0
        while done < bytes.count {
            let rest = bytes.slice(done, bytes.count - done)
            let result = tcs_write(descriptor, rest.start, rest.count)
            if result < 0 && result != -Int64(tcs_errno_interrupted) { return }
            done += max(0, Int(result))
        }
    }

    static func write(_ text: StaticString, to descriptor: Int32) {
        write(Slab(text), to: descriptor)
    }
}

extension Slab where Element == UInt8 {
    /// The bytes of a C string without its end. They must not be written to.
    init(cString: UnsafePointer<CChar>) {
        var count = 0
        while cString[count] != 0 { count += 1 }
        self.init(
            start: UnsafeMutableRawPointer(mutating: cString)
                .bindMemory(to: UInt8.self, capacity: count), count: count)
    }
}

extension ByteWriter {
    /// ": Address already in use."
    mutating func append(reason number: Int32) {
        append(": ")
        append(Slab(cString: tcs_error_text(number)))
        append(".")
    }
}
