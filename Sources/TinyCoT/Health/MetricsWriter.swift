// Lines of the Prometheus text format, version 0.0.4: HELP and TYPE once a family, then its
// samples. Names, labels and help texts are the program's own, so nothing has to be escaped.

public struct MetricsWriter: BitwiseCopyable {
    public enum Kind: UInt8, BitwiseCopyable, Sendable {
        /// Only grows, from 0 at the start of the program. Its name ends in `_total`.
        case counter
        case gauge
        case histogram

        var name: StaticString {
            switch self {
            case .counter: "counter"
            case .gauge: "gauge"
            case .histogram: "histogram"
            }
        }
    }

    public private(set) var text: ByteWriter
    private var family: StaticString = ""

    public init(_ text: ByteWriter) { self.text = text }

    /// Begins a family; its samples follow.
    public mutating func begin(_ name: StaticString, _ kind: Kind, _ help: StaticString) {
        family = name
        text.append("# HELP ")
        text.append(name)
        text.append(" ")
        text.append(help)
        text.append("\n# TYPE ")
        text.append(name)
        text.append(" ")
        text.append(kind.name)
        text.append("\n")
    }

    /// The only sample of the family.
    public mutating func sample(_ value: UInt64) {
        text.append(family)
        end(value)
    }

    public mutating func sample(_ label: StaticString, _ of: StaticString, _ value: UInt64) {
        text.append(family)
        text.append("{")
        text.append(label)
        text.append("=\"")
        text.append(of)
        text.append("\"}")
        end(value)
    }

    /// The only sample of the family, a span in seconds.
    public mutating func sample(nanoseconds value: UInt64) {
        text.append(family)
        end(nanoseconds: value)
    }

    /// All samples of the family: how many took no longer than each limit, their sum, their number.
    public mutating func samples(_ histogram: LatencyHistogram) {
        var i = 0
        while i < LatencyHistogram.bucketCount {
            text.append(family)
            text.append("_bucket{le=\"")
            text.append(LatencyHistogram.limitName(i))
            text.append("\"}")
            end(histogram.count(upTo: i))
            i += 1
        }
        text.append(family)
        text.append("_sum")
        end(nanoseconds: histogram.sumNanoseconds)
        text.append(family)
        text.append("_count")
        end(histogram.count)
    }

    private mutating func end(_ value: UInt64) {
        text.append(" ")
        text.append(decimal: Int64(clamping: value))
        text.append("\n")
    }

    private mutating func end(nanoseconds value: UInt64) {
        text.append(" ")
        text.append(decimal: Int64(value / 1_000_000_000))
        text.append(".")
        text.append(decimal: Int64(value % 1_000_000_000), minDigits: 9)
        text.append("\n")
    }
}
