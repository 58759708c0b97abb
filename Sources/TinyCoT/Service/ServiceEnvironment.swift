// What a service manager says in variables of the environment (sd_listen_fds(3),
// sd_watchdog_enabled(3)): numbers, and names between colons. Anything else than what the manuals
// describe is no number and no name.

public enum ServiceEnvironment {
    /// A whole number of digits only; nil for anything else, or beyond 2^63.
    public static func number(_ text: Slab<UInt8>) -> UInt64? {
        guard let value = DecimalText.number(text, maxDigits: 19) else { return nil }
        return value <= UInt64(Int64.max) ? value : nil
    }

    /// Is what was handed over for this process? Without the variable it is: it can only have come
    /// from whoever started us.
    /// - Parameter text: of WATCHDOG_PID; nil where it is not set.
    public static func isFor(process: Int, _ text: Slab<UInt8>?) -> Bool {
        guard let text else { return true }
        return number(text) == UInt64(clamping: process)
    }

    /// Name number `index` of `first:second:third`; empty if there are fewer.
    public static func name(_ index: Int, of list: Slab<UInt8>) -> Slab<UInt8> {
        var start = 0
        var place = 0
        while start <= list.count {
            var end = start
            while end < list.count && list[end] != UInt8(ascii: ":") { end += 1 }
            if place == index { return list.slice(start, end - start) }
            place += 1
            start = end + 1
        }
        return list.slice(list.count, 0)
    }
}
