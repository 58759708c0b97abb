// How much memory the control group of this process may use: the smallest limit on the way from
// our group up to the root, because each of them binds. Reads /proc and /sys once, before the
// plan is checked. Both versions of the interface are known, since old boards boot with the first.

import CLinuxSys
import TinyCoT

enum ControlGroup {
    struct Limit: BitwiseCopyable {
        let bytes: Int
        /// Version 2 charges the buffers of sockets like any memory; version 1 keeps another
        /// account for them.
        let countsSockets: Bool
    }

    /// - Parameter scratch: at least 8 KiB; its contents are lost.
    /// - Returns: nil where nothing limits us or nothing can be read.
    static func memoryLimit(scratch: Slab<UInt8>) -> Limit? {
        let list = scratch.slice(0, 4_096)
        let count = Files.read("/proc/self/cgroup", into: list)
        if count <= 0 { return nil }
        let text = list.slice(0, min(Int(count), list.count))
        var smallest: Limit?
        var start = 0
        while start < text.count {
            var end = start
            while end < text.count && text[end] != UInt8(ascii: "\n") { end += 1 }
            let line = text.slice(start, end - start)
            if let limit = limit(ofLine: line, scratch: scratch),
                limit.bytes < smallest?.bytes ?? .max
            {
                smallest = limit
            }
            start = end + 1
        }
        return smallest
    }

    /// `0::/system.slice/tinycot.service` (version 2) or `9:memory:/…` (version 1).
    private static func limit(ofLine line: Slab<UInt8>, scratch: Slab<UInt8>) -> Limit? {
        var first = 0
        while first < line.count && line[first] != UInt8(ascii: ":") { first += 1 }
        var second = first + 1
        while second < line.count && line[second] != UInt8(ascii: ":") { second += 1 }
        if second >= line.count { return nil }
        let controllers = line.slice(first + 1, second - first - 1)
        let group = line.slice(second + 1, line.count - second - 1)
        if controllers.count == 0 {
            return smallest("/sys/fs/cgroup", group, "/memory.max", scratch).map {
                Limit(bytes: $0, countsSockets: true)
            }
        }
        if names(controllers, "memory") {
            return smallest("/sys/fs/cgroup/memory", group, "/memory.limit_in_bytes", scratch).map {
                Limit(bytes: $0, countsSockets: false)
            }
        }
        return nil
    }

    /// Is `word` one of the names between commas?
    private static func names(_ list: Slab<UInt8>, _ word: StaticString) -> Bool {
        let wanted = Slab(word)
        var start = 0
        while start < list.count {
            var end = start
            while end < list.count && list[end] != UInt8(ascii: ",") { end += 1 }
            if end - start == wanted.count {
                var i = 0
                while i < wanted.count && list[start + i] == wanted[i] { i += 1 }
                if i == wanted.count { return true }
            }
            start = end + 1
        }
        return false
    }

    private static func smallest(
        _ root: StaticString, _ group: Slab<UInt8>, _ file: StaticString, _ scratch: Slab<UInt8>
    ) -> Int? {
        var smallest: Int?
        var length = group.count
        while length >= 0 {
            while length > 0 && group[length - 1] == UInt8(ascii: "/") { length -= 1 }
            var path = ByteWriter(scratch.slice(4_096, 2_048))
            path.append(root)
            path.append(group.slice(0, length))
            path.append(file)
            path.append(0)
            if !path.overflowed, let limit = number(path.written, scratch.slice(6_144, 64)) {
                smallest = min(smallest ?? limit, limit)
            }
            if length == 0 { break }
            while length > 0 && group[length - 1] != UInt8(ascii: "/") { length -= 1 }
        }
        return smallest
    }

    /// "max", and numbers near the largest there is, mean "no limit".
    private static func number(_ path: Slab<UInt8>, _ buffer: Slab<UInt8>) -> Int? {
        let count = Files.read(RunDirectory.cString(path), into: buffer)
        if count <= 0 || count > 24 { return nil }
        var value = 0
        var i = 0
        while i < Int(count) && buffer[i] != UInt8(ascii: "\n") {
            let digit = Int(buffer[i]) - 48
            if digit < 0 || digit > 9 || value > Int.max / 100 { return nil }
            value = value * 10 + digit
            i += 1
        }
        return value < 1 << 60 ? value : nil
    }
}
