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

    /// `[::]:8087` next to `0.0.0.0:8087`, as nothing configured gives them.
    static func isDefaultIPv6Listener(_ listener: ListenerConfig) -> Bool {
        listener.endpoint.isDefaultIPv6(port: Config.cotPort) && listener.team == Config.noTeam
    }

    /// The same for `[::]:8080`.
    static func isDefaultIPv6HTTPListener(_ endpoint: Endpoint) -> Bool {
        endpoint.isDefaultIPv6(port: Config.httpPort)
    }
}
