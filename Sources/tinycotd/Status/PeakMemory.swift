// The most memory this process ever had resident, for the status report. From /proc, because what
// getrusage says includes the program that started us. Never waits: /proc is not on a disk.

import TinyCoT

enum PeakMemory {
    /// - Parameter scratch: at least 4 KiB; its contents are lost.
    /// - Returns: 0 if the system does not say.
    static func bytes(scratch: Slab<UInt8>) -> Int {
        let count = Files.read("/proc/self/status", into: scratch.slice(0, 4_096))
        let text = scratch.slice(0, max(0, min(Int(count), 4_096)))
        let name = Slab("VmHWM:")
        var start = 0
        while start + name.count < text.count {
            var i = 0
            while i < name.count && text[start + i] == name[i] { i += 1 }
            if i == name.count { return kibibytes(text, from: start + i) * 1_024 }
            while start < text.count && text[start] != UInt8(ascii: "\n") { start += 1 }
            start += 1
        }
        return 0
    }

    /// `     3176 kB`
    private static func kibibytes(_ text: Slab<UInt8>, from start: Int) -> Int {
        var value = 0
        var i = start
        while i < text.count && text[i] != UInt8(ascii: "\n") && value < 1 << 40 {
            let digit = Int(text[i]) - 48
            if digit >= 0 && digit <= 9 { value = value * 10 + digit }
            i += 1
        }
        return value
    }
}
