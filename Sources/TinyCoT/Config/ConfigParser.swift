// The bytes of tinycot.json -> `Config`. Called at start and at every reload, with a candidate
// whose tables come from the arena; the caller puts the candidate in force only if no error
// came. What the file does not say has its default; what it says wrongly is an error.
// A client that no port, roster or colour claims never lands in a configured team by accident:
// see `settleDefaultTeam`.

/// One reading of one file. `parse` is the way in.
public struct ConfigParser {
    var reader: JSONReader
    var config: Config
    private let hashKey: UInt64
    var hasCotListen = false
    var hasHTTPListen = false
    private var hasAllow = false
    var hasDefaultTeam = false
    /// Where the `sees` of each team begins. A team may see one that is described further down,
    /// so the lists are read again at the end.
    var seesLists: InlineArray<64, JSONReader>
    var teamsWithSees: UInt64 = 0
    /// The same for the teams of the dump.
    var dumpTeams: JSONReader
    var hasDumpTeams = false

    /// Fills the tables of `config` and sets everything else in it. After an error the tables
    /// are undefined and the counts and numbers of `config` are as before.
    /// - Parameters:
    ///   - text: the whole file; `{}` where there is none. Strings in it are decoded in place.
    ///   - hashKey: the key of `NameHash` that the relay hashes uids and callsigns with.
    public static func parse(
        _ text: Slab<UInt8>, hashKey: UInt64, into config: inout Config
    ) throws(ConfigError) {
        var parser = ConfigParser(text, hashKey: hashKey, candidate: config)
        try parser.readFile()
        try parser.settle()
        config = parser.config
    }

    private init(_ text: Slab<UInt8>, hashKey: UInt64, candidate: Config) {
        reader = JSONReader(text)
        self.hashKey = hashKey
        config = candidate
        config.resetToDefaults()
        seesLists = .init(repeating: reader)
        dumpTeams = reader
    }

    // MARK: The file

    private mutating func readFile() throws(ConfigError) {
        _ = try reader.next()
        try reader.expect(.objectStart, "an object", at: ConfigPlace())
        var seen: UInt32 = 0
        while let index = try nextKey(.file, seen: &seen, at: ConfigPlace()) {
            guard let key = FileKey(rawValue: UInt8(index)) else { continue }
            let place = ConfigPlace(key.name)
            switch key {
            case .cot: try readCot()
            case .http: try readHTTP()
            case .allow: try readAllow()
            case .teams: try readTeams()
            case .heartbeatSeconds:
                config.heartbeatSeconds = try reader.integer(in: 5...300, at: place)
            case .stallSeconds:
                config.stallSeconds = try reader.integer(in: 5...600, at: place)
            case .drainSeconds:
                config.drainSeconds = try reader.integer(in: 0...60, at: place)
            case .coalesceMilliseconds:
                config.coalesceMilliseconds = try reader.integer(in: 0...500, at: place)
            case .replayMaxSeconds:
                config.replayMaxSeconds = try reader.integer(in: 60...2_592_000, at: place)
            case .emergencyRepeatSeconds:
                config.emergencyRepeatSeconds = try reader.integer(in: 3...60, at: place)
            case .emergencyMaxSeconds:
                config.emergencyMaxSeconds = try reader.integer(in: 60...86_400, at: place)
            case .stateSeconds:
                config.stateSeconds = try reader.integer(in: 1...86_400, at: place)
            case .returnSeconds:
                config.returnSeconds = try reader.integer(in: 5...3_600, at: place)
            case .storeStallSeconds:
                config.storeStallSeconds = try reader.integer(in: 5...3_600, at: place)
            case .dump: try readDump()
            }
        }
        _ = try reader.next()
    }

    /// Reads a key and the first token of its value. Nil at the end of the object.
    /// - Parameter seen: one bit per key of `table`.
    mutating func nextKey(
        _ table: ConfigKeys, seen: inout UInt32, at place: ConfigPlace
    ) throws(ConfigError) -> Int? {
        if try reader.next() == .objectEnd { return nil }
        let text = reader.text()
        var index = 0
        while let name = table.name(index), !text.isText(name) { index += 1 }
        if table.name(index) == nil { throw unknownKey(text, table, at: place) }
        if (seen >> UInt32(index)) & 1 == 1 {
            var error = ConfigError(.duplicateKey, line: reader.tokenLine, place: place)
            error.found = Quotation(text)
            throw error
        }
        seen |= 1 << UInt32(index)
        _ = try reader.next()
        return index
    }

    private func unknownKey(
        _ text: Slab<UInt8>, _ table: ConfigKeys, at place: ConfigPlace
    ) -> ConfigError {
        var nearness = Nearness(text)
        var index = 0
        while let name = table.name(index) {
            nearness.offer(name)
            index += 1
        }
        var error = ConfigError(.unknownKey, line: reader.tokenLine, place: place)
        error.found = Quotation(text)
        error.suggestion = nearness.suggestion
        return error
    }

    /// Reads the next element of a list. False at its end.
    mutating func nextElement() throws(ConfigError) -> Bool { try reader.next() != .listEnd }

    private mutating func readCot() throws(ConfigError) {
        try reader.expect(.objectStart, "an object", at: ConfigPlace("cot"))
        var seen: UInt32 = 0
        while try nextKey(.cot, seen: &seen, at: ConfigPlace("cot")) != nil {
            hasCotListen = true
            try readListeners(ConfigPlace("cot", -1, "listen"), team: Config.noTeam)
        }
    }

    private mutating func readAllow() throws(ConfigError) {
        hasAllow = true
        let line = reader.tokenLine
        try reader.expect(.listStart, "a list of networks", at: ConfigPlace("allow"))
        while try nextElement() {
            let place = ConfigPlace("allow", config.allowCount)
            let text = try reader.string(at: place)
            if config.allowCount == config.allow.count {
                throw tooMany(
                    "is one network too many", .allowedNetworks, config.allow.count, at: place)
            }
            config.allow[config.allowCount] = try network(text, at: place)
            config.allowCount += 1
        }
        if config.allowCount == 0 {
            var error = ConfigError(.badValue, line: line, place: ConfigPlace("allow"))
            error.allowed = "must name at least one network, or nobody could connect"
            throw error
        }
    }

    private mutating func network(
        _ text: Slab<UInt8>, at place: ConfigPlace
    ) throws(ConfigError) -> Network {
        let parsed: AddressParser.NetworkText
        do {
            parsed = try AddressParser.network(text)
        } catch {
            throw reader.badText(error.explanation, at: place)
        }
        if !parsed.hasHostBits { return parsed.network }
        var error = ConfigError(.hostBits, line: reader.tokenLine, place: place)
        error.found = Quotation(text)
        error.network = parsed.network
        throw error
    }

    // MARK: What the file left open

    private mutating func settle() throws(ConfigError) {
        if config.teamCount == 0 {
            config.teams[0] = TeamConfig()
            config.teams[0].name.set("open")
            config.teamCount = 1
        } else {
            config.isolatesTeams = true
            try settleDefaultTeam()
            try resolveSees()
        }
        try resolveDumpTeams()
        if !hasAllow { fillDefaultAllow() }
        try settleListeners()
    }

    /// Private, link-local, loopback, carrier-grade NAT (RFC 6598, VPNs use it) and unique local.
    static func defaultNetwork(_ index: Int) -> StaticString? {
        switch index {
        case 0: "10.0.0.0/8"
        case 1: "172.16.0.0/12"
        case 2: "192.168.0.0/16"
        case 3: "169.254.0.0/16"
        case 4: "127.0.0.0/8"
        case 5: "100.64.0.0/10"
        case 6: "::1/128"
        case 7: "fe80::/10"
        case 8: "fc00::/7"
        default: nil
        }
    }

    private mutating func fillDefaultAllow() {
        var i = 0
        while let text = ConfigParser.defaultNetwork(i) {
            config.allow[i] = ConfigParser.builtIn(network: text)
            i += 1
        }
        config.allowCount = i
    }

    private static func builtIn(network text: StaticString) -> Network {
        do { return try AddressParser.network(.literal(text)).network } catch {
            invariantBroken("a built-in network is well formed")
        }
    }

    // MARK: Shared

    func hash(_ text: Slab<UInt8>) -> UInt64 { NameHash.of(text, key: hashKey) }

    /// `key` is the limit in budget.json, `limit` its value.
    func tooMany(
        _ what: StaticString, _ key: BudgetKey, _ limit: Int, at place: ConfigPlace,
        _ line: Int? = nil
    ) -> ConfigError {
        var error = ConfigError(.tooMany, line: line ?? reader.tokenLine, place: place)
        error.allowed = what
        error.other = key.name
        error.maximum = limit
        return error
    }
}

extension Config {
    /// Everything but the tables themselves.
    fileprivate mutating func resetToDefaults() {
        self = Config(tablesOf: self)
        removeMembers()
    }
}
