// Which events of a dump the operator asked for: `--uid`, `--team`, `--type` of `tinycot export`.

public struct DumpFilter: BitwiseCopyable {
    private let uid: Slab<UInt8>?
    private let team: Slab<UInt8>?
    private let typePrefix: Slab<UInt8>?

    /// nil lets everything pass.
    public init(uid: Slab<UInt8>?, team: Slab<UInt8>?, typePrefix: Slab<UInt8>?) {
        self.uid = uid
        self.team = team
        self.typePrefix = typePrefix
    }

    public func lets(_ event: DumpEvent) -> Bool {
        if let uid, !event.uid.equals(uid) { return false }
        if let team, !event.team.equals(team) { return false }
        if let typePrefix, !event.type.starts(typePrefix) { return false }
        return true
    }
}
