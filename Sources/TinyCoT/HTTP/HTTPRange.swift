// What a Range field asks for, measured against the size of a file (RFC 9110 section 14). Called
// by the download route for GET only. One range of bytes is honoured; several, other units and
// what is not grammar are ignored, which the RFC allows and every client understands.
// Invariant of a part: count > 0 and offset + count ≤ size.

public enum HTTPRange: Equatable, Sendable, BitwiseCopyable {
    /// Serve everything, with 200.
    case whole
    /// Serve these bytes, with 206.
    case part(offset: UInt64, count: UInt64)
    /// 416: the range begins behind the end.
    case unsatisfiable

    /// - Parameter value: of the Range field, without white space around it.
    public static func of(_ value: Slab<UInt8>, size: UInt64) -> HTTPRange {
        if value.count < 7 || !HTTPCharacters.equals(value.slice(0, 6), "bytes=") {
            return .whole
        }
        let range = value.slice(6, value.count - 6)
        var dash = 0
        while dash < range.count, range[dash] != UInt8(ascii: "-") { dash += 1 }
        if dash == range.count { return .whole }
        let behind = range.slice(dash + 1, range.count - dash - 1)
        // A number too large for 64 bits reads as the largest one: behind the end, as it is.
        if dash == 0 { return suffix(behind, size) }
        guard let first = HTTPCharacters.number(range.slice(0, dash)) else { return .whole }
        var last = UInt64.max
        if behind.count > 0 {
            guard let number = HTTPCharacters.number(behind) else { return .whole }
            last = number
        }
        if first > last { return .whole }
        if first >= size { return .unsatisfiable }
        last = min(last, size - 1)
        return .part(offset: first, count: last - first + 1)
    }

    /// `-n`: the last n bytes.
    private static func suffix(_ digits: Slab<UInt8>, _ size: UInt64) -> HTTPRange {
        guard let wanted = HTTPCharacters.number(digits) else { return .whole }
        if wanted == 0 { return .unsatisfiable }
        // Nothing of an empty file is satisfiable, but Content-Range has no words for it.
        if size == 0 { return .whole }
        let count = min(wanted, size)
        return .part(offset: size - count, count: count)
    }
}
