// The "http" of tinycot.json, a part of ConfigParser: the door for data packages. All of it but the
// addresses may change at a reload.

extension ConfigParser {
    mutating func readHTTP() throws(ConfigError) {
        let place = ConfigPlace("http")
        try reader.expect(.objectStart, "an object", at: place)
        var seen: UInt32 = 0
        while let index = try nextKey(.http, seen: &seen, at: place) {
            guard let key = HTTPKey(rawValue: UInt8(index)) else { continue }
            let place = ConfigPlace("http", -1, key.name)
            switch key {
            case .listen: try readHTTPListeners(place)
            case .publicURL: try readPublicURL(place)
            case .allowDelete: config.allowsDelete = try reader.boolean(at: place)
            case .announceUploads: config.announcesUploads = try reader.boolean(at: place)
            case .evictOldest: config.evictsOldest = try reader.boolean(at: place)
            case .headSeconds:
                config.httpHeadSeconds = try reader.integer(in: 1...300, at: place)
            case .stallSeconds:
                config.httpStallSeconds = try reader.integer(in: 1...600, at: place)
            case .idleSeconds:
                config.httpIdleSeconds = try reader.integer(in: 1...600, at: place)
            }
        }
    }

    /// The empty text is the default: no URL of the operator's.
    private mutating func readPublicURL(_ place: ConfigPlace) throws(ConfigError) {
        try reader.expect(.string, "a string", at: place)
        let text = reader.text()
        if text.count == 0 { return }
        if let objection = PublicURL.objection(to: text) {
            throw reader.badText(objection, at: place)
        }
        let trimmed = PublicURL.trimmed(text)
        if trimmed.count > PublicURL.maxBytes {
            var error = ConfigError(.tooLong, line: reader.tokenLine, place: place)
            error.found = Quotation(text)
            error.number = trimmed.count
            error.maximum = PublicURL.maxBytes
            throw error
        }
        config.publicURL.set(trimmed)
    }
}
