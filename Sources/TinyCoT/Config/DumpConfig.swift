// What "dump" of tinycot.json says: whether events are dumped, and which. The relay asks it for
// each event, the store for the length of a file. A part of `Config`.

/// Lists that are empty hold nothing back. An event must pass all three.
public struct DumpConfig: BitwiseCopyable {
    public static var typesMax: Int { 16 }
    public static var uidsMax: Int { 32 }

    public var isEnabled = false
    /// Beginnings of types.
    public let types: Slab<ShortText<32>>
    public var typeCount = 0
    /// A bit for each team; all of them where the file names none.
    public var teams = ~UInt64(0)
    /// Hashes of uids.
    public let uids: Slab<UInt64>
    public var uidCount = 0
    public var fileSeconds = 3_600

    init(arena: inout Arena) {
        types = arena.take(ShortText<32>.self, count: DumpConfig.typesMax)
        uids = arena.take(UInt64.self, count: DumpConfig.uidsMax)
    }

    /// Over the same tables, with the built-in numbers.
    init(tablesOf other: DumpConfig) {
        types = other.types
        uids = other.uids
    }

    /// Does an event of this type, sent by a client of this team, belong into the dump?
    /// - Parameter senderHash: nil while the sender has not named itself.
    func wants(
        _ event: Slab<UInt8>, type: ByteRange, team: UInt8, uidHash: UInt64, senderHash: UInt64?
    ) -> Bool {
        (teams >> UInt64(team)) & 1 == 1 && names(uidHash, senderHash) && holds(event, type)
    }

    private func names(_ uidHash: UInt64, _ senderHash: UInt64?) -> Bool {
        var i = 0
        while i < uidCount {
            if uids[i] == uidHash || uids[i] == senderHash { return true }
            i += 1
        }
        return uidCount == 0
    }

    private func holds(_ event: Slab<UInt8>, _ type: ByteRange) -> Bool {
        var i = 0
        while i < typeCount {
            if AttributeValue.hasPrefix(event, type, types[i]) { return true }
            i += 1
        }
        return typeCount == 0
    }
}
