// The one place where the edge calls the parsers of the two files.

import TinyCoT

enum Parsing {
    static func budget(_ bytes: Slab<UInt8>) throws(ConfigError) -> Budget {
        try BudgetParser.parse(bytes)
    }

    /// Fills all of `config`; after an error its contents mean nothing.
    /// - Parameter hashKey: the relay's, for the names of rosters.
    static func config(_ bytes: Slab<UInt8>, hashKey: UInt64, into config: inout Config)
        throws(ConfigError)
    {
        try ConfigParser.parse(bytes, hashKey: hashKey, into: &config)
    }

    /// `[::]:8087` next to `0.0.0.0:8087`, as nothing configured gives them. On a host without
    /// IPv6 that one listener is left out; any other that cannot be bound is an error.
    static func isDefaultIPv6Listener(_ listener: ListenerConfig) -> Bool {
        listener.endpoint.address == Address() && listener.endpoint.port == 8087
            && listener.team == Config.noTeam
    }
}
