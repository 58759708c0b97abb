// Which connection of a replay speaks for which recorded sender. Each sender has its own, so that
// the server sees the people apart and their chat finds its way; from the sixty-fourth on they
// share one. Called by `replay` for every event. 1 ≤ count ≤ limit, once an event has come.

public struct ReplaySenders: BitwiseCopyable {
    public static var limit: Int { 64 }

    private let key: UInt64
    private var names: InlineArray<64, UInt64> = .init(repeating: 0)
    public private(set) var count = 0
    /// Events of senders that came after the last connection was given away.
    public private(set) var sharedEvents = 0

    public init(key: UInt64) { self.key = key }

    /// The number of the connection for `event`.
    public mutating func connection(for event: DumpEvent) -> Int {
        let name = name(of: event)
        var i = 0
        while i < count {
            if names[i] == name { return i }
            i += 1
        }
        if count < ReplaySenders.limit {
            names[count] = name
            count += 1
            return count - 1
        }
        sharedEvents += 1
        return ReplaySenders.limit - 1
    }

    /// Who has not named itself is known by its address. A file of another tool has one sender.
    private func name(of event: DumpEvent) -> UInt64 {
        let metadata = event.metadata
        if metadata.sender.count > 0 { return NameHash.of(metadata.sender, key: key) }
        return NameHash.of(metadata.address, key: ~key)
    }
}
