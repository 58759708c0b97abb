// Reads single figures out of `/metrics`, which this program wrote (`MetricsWriter`): no spaces but
// the one in front of the value, and at most one label. Used by the doctor.

public struct MetricsText: BitwiseCopyable {
    public let text: Slab<UInt8>

    public init(_ text: Slab<UInt8>) { self.text = text }

    /// - Parameter label: the value of the sample's label; empty if it has none.
    /// - Returns: nil if there is no such sample, or it is no whole number.
    public func value(_ name: StaticString, _ label: Slab<UInt8> = Slab("")) -> Int64? {
        var at = 0
        while let sample = sample(from: &at) {
            if sample.name.equals(name) && sample.label.equals(label) {
                return DecimalText.number(sample.value).map { Int64(clamping: $0) }
            }
        }
        return nil
    }

    /// All samples of a family together.
    public func sum(_ name: StaticString) -> Int64 {
        var at = 0
        var sum: Int64 = 0
        while let sample = sample(from: &at) {
            if !sample.name.equals(name) { continue }
            sum &+= DecimalText.number(sample.value).map { Int64(clamping: $0) } ?? 0
        }
        return sum
    }

    /// The label of the sample with this number in a family; nil behind the last.
    public func label(_ name: StaticString, _ number: Int) -> Slab<UInt8>? {
        var at = 0
        var left = number
        while let sample = sample(from: &at) {
            if !sample.name.equals(name) { continue }
            if left == 0 { return sample.label }
            left -= 1
        }
        return nil
    }

    private struct Sample {
        var name: Slab<UInt8>
        var label: Slab<UInt8>
        var value: Slab<UInt8>
    }

    /// The next line that is a sample.
    private func sample(from at: inout Int) -> Sample? {
        while at < text.count {
            let end = text.firstIndex(of: UInt8(ascii: "\n"), from: at)
            let line = text.slice(at, end - at)
            at = min(end + 1, text.count)
            if line.count == 0 || line[0] == UInt8(ascii: "#") { continue }
            let space = line.firstIndex(of: UInt8(ascii: " "), from: 0)
            if space == line.count { continue }
            let head = line.slice(0, space)
            let brace = head.firstIndex(of: UInt8(ascii: "{"), from: 0)
            return Sample(
                name: head.slice(0, brace), label: MetricsText.label(head, brace),
                value: line.slice(space + 1, line.count - space - 1))
        }
        return nil
    }

    /// What stands between the quotes of `{pool="clients"}`.
    private static func label(_ head: Slab<UInt8>, _ brace: Int) -> Slab<UInt8> {
        let open = head.firstIndex(of: UInt8(ascii: "\""), from: brace)
        if open == head.count { return Slab("") }
        let close = head.firstIndex(of: UInt8(ascii: "\""), from: open + 1)
        return head.slice(open + 1, close - open - 1)
    }
}
