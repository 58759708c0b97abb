// "Did you mean ...?": finds the known name nearest to one that is unknown. Used by the parsers
// of both files for keys, teams and colours, and by the command line. It never suggests what is
// merely the least far.

/// Offered the known names one after the other, it keeps the nearest that is near enough.
public struct Nearness: BitwiseCopyable {
    /// Longer names are compared by nobody: no key, team or colour is longer.
    private static var limit: Int { 48 }

    private let wanted: Quotation
    private let isComparable: Bool
    private var bestDistance: Int
    private var best = Quotation()

    /// One slip in three letters, and never more than three: beyond that it is another word.
    public init(_ unknown: Slab<UInt8>) {
        wanted = Quotation(unknown)
        isComparable = unknown.count <= Nearness.limit && unknown.count > 0
        bestDistance = min(3, max(1, unknown.count / 3)) + 1
    }

    /// The nearest name, or an empty quotation.
    public var suggestion: Quotation { best }

    /// - Returns: whether this is the nearest so far.
    @discardableResult
    public mutating func offer(_ known: StaticString) -> Bool { offer(Quotation(known)) }

    @inline(never)
    @discardableResult
    public mutating func offer(_ known: Quotation) -> Bool {
        let isLong = known.wasCut || known.count > Nearness.limit
        guard isComparable && !isLong else { return false }
        // So many letters must at least be added or left out.
        let difference = known.count - wanted.count
        if abs(difference) >= bestDistance { return false }
        let distance = distance(to: known)
        if distance >= bestDistance { return false }
        bestDistance = distance
        best = known
        return true
    }

    /// Insertions, deletions, replacements and swaps of neighbours (optimal string alignment),
    /// upper and lower case being equal. Three rows of the table are enough.
    private func distance(to known: Quotation) -> Int {
        var beforePrevious = InlineArray<49, UInt8>(repeating: 0)
        var previous = InlineArray<49, UInt8>(repeating: 0)
        var current = InlineArray<49, UInt8>(repeating: 0)
        var column = 0
        while column <= known.count {
            previous[column] = UInt8(column)
            column += 1
        }
        var row = 1
        while row <= wanted.count {
            current[0] = UInt8(row)
            column = 1
            while column <= known.count {
                let here = Nearness.lowerCase(wanted[row - 1])
                let there = Nearness.lowerCase(known[column - 1])
                var best = min(previous[column], current[column - 1]) + 1
                best = min(best, previous[column - 1] + (here == there ? 0 : 1))
                if row > 1 && column > 1 && here == Nearness.lowerCase(known[column - 2])
                    && there == Nearness.lowerCase(wanted[row - 2])
                {
                    best = min(best, beforePrevious[column - 2] + 1)
                }
                current[column] = best
                column += 1
            }
            beforePrevious = previous
            previous = current
            row += 1
        }
        return Int(previous[known.count])
    }

    private static func lowerCase(_ byte: UInt8) -> UInt8 {
        byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") ? byte | 0x20 : byte
    }
}
