// Walks the parameters of a URL or of a posted form: `a=b&c=d` (protocol 8.1). Called by the
// routes. Nothing is copied: names are compared where they lie, in any case because clients
// disagree about it (`creatorUid`, `CreatorUid`), values are decoded when asked for.
// Invariant: 0 ≤ offset ≤ text.count; a walk takes at most `maxParameters` steps.

/// One parameter; both parts raw. Without `=` the value is empty.
public struct QueryParameter: BitwiseCopyable {
    public let name: Slab<UInt8>
    public let value: Slab<UInt8>

    /// - Parameter word: in small letters.
    public func isNamed(_ word: StaticString) -> Bool { PercentText.equals(name, word) }

    /// Appends the decoded value. False if it cannot be decoded or does not fit.
    public func decode(into writer: inout ByteWriter) -> Bool {
        PercentText.decode(value, plusIsBlank: true, into: &writer)
    }

    /// A plain decimal number, such as an offset. nil if it is none or does not fit.
    public var number: UInt64? {
        guard let number = HTTPCharacters.number(value), number < .max else { return nil }
        return number
    }
}

public struct QueryString: BitwiseCopyable {
    /// What lies beyond is not looked at. ATAK's longest query has six parameters (protocol 8.2).
    public static var maxParameters: Int { 64 }

    private let text: Slab<UInt8>
    private var offset = 0
    private var taken = 0

    /// - Parameter text: what follows the `?`.
    public init(_ text: Slab<UInt8>) { self.text = text }

    /// The query of a request. Without one there are no parameters.
    public init(_ bytes: Slab<UInt8>, _ range: ByteRange) {
        text = bytes.slice(Int(range.offset), Int(range.count))
    }

    /// The next parameter, in order. Empty pieces, as in `a=b&&c=d`, are none.
    public mutating func next() -> QueryParameter? {
        while offset < text.count {
            let start = offset
            var equals = -1
            while offset < text.count, text[offset] != UInt8(ascii: "&") {
                if equals < 0 && text[offset] == UInt8(ascii: "=") { equals = offset }
                offset += 1
            }
            let end = offset
            if offset < text.count { offset += 1 }
            if start == end { continue }
            if taken == QueryString.maxParameters { return nil }
            taken += 1
            let nameEnd = equals < 0 ? end : equals
            let valueStart = equals < 0 ? end : equals + 1
            return QueryParameter(
                name: text.slice(start, nameEnd - start),
                value: text.slice(valueStart, end - valueStart))
        }
        return nil
    }

    /// The first parameter of that name, as the official server takes it, wherever this walk is.
    /// - Parameter word: in small letters.
    public func first(named word: StaticString) -> QueryParameter? {
        var walk = QueryString(text)
        while let parameter = walk.next() {
            if parameter.isNamed(word) { return parameter }
        }
        return nil
    }
}
