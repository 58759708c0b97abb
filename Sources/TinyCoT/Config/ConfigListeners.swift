// The listeners of tinycot.json, a part of ConfigParser: those of the relay, common or of a team,
// and those of HTTP. No two of them, of whatever kind, may ask for the same port of an address.

extension ConfigParser {
    // MARK: Of the relay

    /// A list of endpoints; `place` is that of the list.
    mutating func readListeners(
        _ place: ConfigPlace, team: UInt8
    ) throws(ConfigError) {
        try reader.expect(.listStart, "a list of addresses with ports", at: place)
        var element = place
        element.innerIndex = 0
        while try nextElement() {
            let endpoint = try readEndpoint(at: element)
            try addListener(endpoint, team: team, line: reader.tokenLine, at: element)
            element.innerIndex += 1
        }
    }

    private mutating func addListener(
        _ endpoint: Endpoint, team: UInt8, line: Int, at place: ConfigPlace
    ) throws(ConfigError) {
        try expectFree(endpoint, line: line, at: place)
        if config.listenerCount == config.listeners.count {
            throw tooMany(
                "is one listener too many", .listeners, config.listeners.count, at: place, line)
        }
        var listener = ListenerConfig()
        listener.endpoint = endpoint
        listener.team = team
        config.listeners[config.listenerCount] = listener
        config.listenerCount += 1
    }

    // MARK: Of HTTP

    mutating func readHTTPListeners(_ place: ConfigPlace) throws(ConfigError) {
        hasHTTPListen = true
        try reader.expect(.listStart, "a list of addresses with ports", at: place)
        var element = place
        element.innerIndex = 0
        while try nextElement() {
            let endpoint = try readEndpoint(at: element)
            try addHTTPListener(endpoint, line: reader.tokenLine, at: element)
            element.innerIndex += 1
        }
    }

    private mutating func addHTTPListener(
        _ endpoint: Endpoint, line: Int, at place: ConfigPlace
    ) throws(ConfigError) {
        try expectFree(endpoint, line: line, at: place)
        if config.httpListenerCount == config.httpListeners.count {
            throw tooMany(
                "is one listener too many", .httpListeners, config.httpListeners.count,
                at: place, line)
        }
        config.httpListeners[config.httpListenerCount] = endpoint
        config.httpListenerCount += 1
    }

    // MARK: Of both

    private mutating func readEndpoint(at place: ConfigPlace) throws(ConfigError) -> Endpoint {
        let text = try reader.string(at: place)
        do {
            return try AddressParser.endpoint(text)
        } catch {
            throw reader.badText(error.explanation, at: place)
        }
    }

    private func expectFree(
        _ endpoint: Endpoint, line: Int, at place: ConfigPlace
    ) throws(ConfigError) {
        var i = 0
        while i < config.listenerCount {
            let other = config.listeners[i]
            if other.endpoint.excludes(endpoint) {
                throw endpointTaken(
                    endpoint, by: other.endpoint,
                    of: other.team == Config.noTeam
                        ? ConfigPlace("cot", -1, "listen")
                        : ConfigPlace("teams", Int(other.team), "listen"),
                    line: line, at: place)
            }
            i += 1
        }
        i = 0
        while i < config.httpListenerCount {
            let other = config.httpListeners[i]
            if other.excludes(endpoint) {
                throw endpointTaken(
                    endpoint, by: other, of: ConfigPlace("http", -1, "listen"), line: line,
                    at: place)
            }
            i += 1
        }
    }

    private func endpointTaken(
        _ endpoint: Endpoint, by other: Endpoint, of otherPlace: ConfigPlace, line: Int,
        at place: ConfigPlace
    ) -> ConfigError {
        var error = ConfigError(.endpointTaken, line: line, place: place)
        error.endpoint = endpoint
        error.otherEndpoint = other
        error.otherPlace = otherPlace
        return error
    }

    // MARK: What the file left open

    mutating func settleListeners() throws(ConfigError) {
        var i = 0
        while !hasCotListen && i < 2 {
            try addListener(
                ConfigParser.defaultListener(i, port: Config.cotPort), team: Config.noTeam,
                line: 0, at: ConfigPlace("cot", -1, "listen", i))
            i += 1
        }
        if config.listenerCount == 0 {
            var error = ConfigError(.badValue, place: ConfigPlace("cot", -1, "listen"))
            error.allowed = "is empty, and no team has a \"listen\" of its own"
            throw error
        }
        i = 0
        while !hasHTTPListen && i < 2 {
            try addHTTPListener(
                ConfigParser.defaultListener(i, port: Config.httpPort), line: 0,
                at: ConfigPlace("http", -1, "listen", i))
            i += 1
        }
    }

    /// `0.0.0.0` first, then `[::]`.
    private static func defaultListener(_ index: Int, port: UInt16) -> Endpoint {
        var endpoint = Endpoint()
        if index == 0 { endpoint.address = Address(ipv4: 0) }
        endpoint.port = port
        return endpoint
    }
}

extension Endpoint {
    /// The two cannot be bound together: same port, same family, same or any address.
    fileprivate func excludes(_ other: Endpoint) -> Bool {
        port == other.port && address.isIPv4 == other.address.isIPv4
            && (address == other.address || address.isUnspecified || other.address.isUnspecified)
    }
}

extension Address {
    /// 0.0.0.0 or ::
    public var isUnspecified: Bool {
        high == 0 && (low == 0 || low == 0x0000_FFFF_0000_0000)
    }
}
