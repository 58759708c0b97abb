// The bodies of the small answers of the Marti API (protocol 8.3, 8.4, 8.6 to 8.9). Called by the
// store loop with the memory of the answer to come; what does not fit is told by its writer.
// Every text of the network is escaped. Lists, which may be long, are `MartiList`'s.

/// Who this server says it is.
public struct MartiServer: BitwiseCopyable {
    public var version: StaticString
    public var hostname = NameText()
    /// An opaque name that stays the same: `nodeId`.
    public var node = ShortText<40>()

    public init(version: StaticString) { self.version = version }
}

public enum MartiAnswers {
    /// Room that is enough for each of these bodies, whatever the texts are.
    public static var bytesMax: Int { 5120 }

    /// `api/version`: ATAK looks for the words `TAK Server` (protocol 8.4). It is text/plain.
    public static func version(_ server: MartiServer, _ writer: inout ByteWriter) {
        writer.append("TAK Server ")
        writer.append(Slab(server.version))
    }

    /// `api/version/config`. Level 3 makes ATAK add `tool=public` to its searches (protocol 8.4).
    public static func versionConfig(_ server: MartiServer, _ writer: inout ByteWriter) {
        var json = JSONWriter()
        beginEnvelope("ServerConfig", &json, &writer)
        json.beginObject(&writer)
        json.key("version", &writer)
        json.string(server.version, &writer)
        json.key("api", &writer)
        json.string("3", &writer)
        json.key("hostname", &writer)
        json.string(server.hostname, &writer)
        json.endObject(&writer)
        endEnvelope(server, &json, &writer)
    }

    /// `api/groups/all`: TinyCoT shows its teams to nobody as groups (protocol 12).
    public static func groups(_ server: MartiServer, _ writer: inout ByteWriter) {
        emptyList("com.bbn.marti.remote.groups.Group", server, &writer)
    }

    /// `api/missions`: there are none (protocol 8.8).
    public static func missions(_ server: MartiServer, _ writer: inout ByteWriter) {
        emptyList("Mission", server, &writer)
    }

    /// One truth value, as `api/groups/groupCacheEnabled` answers it (protocol 8.9).
    public static func boolean(
        _ value: Bool, _ server: MartiServer, _ writer: inout ByteWriter
    ) {
        var json = JSONWriter()
        beginEnvelope("java.lang.Boolean", &json, &writer)
        json.boolean(value, &writer)
        endEnvelope(server, &json, &writer)
    }

    /// `vcm` without a feed (protocol 8.7). Content type application/xml.
    public static func noVideos(_ writer: inout ByteWriter) {
        writer.append("<videoConnections/>")
    }

    /// `sync/upload` after the package was stored (protocol 8.6).
    public static func uploadMetadata(_ record: PackageRecord, _ writer: inout ByteWriter) {
        var json = JSONWriter()
        json.beginObject(&writer)
        json.key("UID", &writer)
        json.string(record.digest, &writer)
        json.key("SubmissionDateTime", &writer)
        json.string(record.submittedAt, &writer)
        json.key("Keywords", &writer)
        json.keywords(record, &writer)
        json.key("MIMEType", &writer)
        json.string(record.mimeType, &writer)
        json.key("SubmissionUser", &writer)
        json.string(record.submissionUser, &writer)
        json.key("PrimaryKey", &writer)
        json.quotedNumber(record.number, &writer)
        json.key("Hash", &writer)
        json.string(record.digest, &writer)
        json.key("CreatorUid", &writer)
        json.string(record.creatorUID, &writer)
        json.key("Name", &writer)
        json.packageName(record, &writer)
        json.endObject(&writer)
    }

    /// `sync/missionquery` and `sync/missionupload`: the address of the package, which clients use
    /// as it stands, so nothing may follow it (protocol 8.3). Content type text/plain.
    /// - Parameter base: `http://` and the host that the client asked, or the configured address;
    ///   without a slash at its end.
    /// - Returns: false, with nothing written, if `base` has a byte that no address has: a quote, a
    ///   blank or a `<` would break out of the event in which the sender passes the address on.
    public static func packageAddress(
        base: Slab<UInt8>, _ digest: SHA256Digest, _ writer: inout ByteWriter
    ) -> Bool {
        var i = 0
        while i < base.count {
            if !isAddressByte(base[i]) { return false }
            i += 1
        }
        writer.append(base)
        writer.append("/Marti/sync/content?hash=")
        digest.append(to: &writer)
        return true
    }

    /// The characters of scheme, host, port and path (RFC 3986) that mean nothing in XML or JSON.
    private static func isAddressByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "-")...UInt8(ascii: "/"),
            UInt8(ascii: "_"), UInt8(ascii: "~"), UInt8(ascii: ":"), UInt8(ascii: "%"),
            UInt8(ascii: "["), UInt8(ascii: "]"):
            true
        default: false
        }
    }

    // MARK: The envelope (protocol 8.9)

    /// Up to the key `data`; its value comes next.
    static func beginEnvelope(
        _ type: StaticString, _ json: inout JSONWriter, _ writer: inout ByteWriter
    ) {
        json.beginObject(&writer)
        json.key("version", &writer)
        json.string("3", &writer)
        json.key("type", &writer)
        json.string(type, &writer)
        json.key("data", &writer)
    }

    static func endEnvelope(
        _ server: MartiServer, _ json: inout JSONWriter, _ writer: inout ByteWriter
    ) {
        json.key("nodeId", &writer)
        json.string(server.node, &writer)
        json.endObject(&writer)
        invariant(json.isComplete, "an answer ends with its envelope")
    }

    private static func emptyList(
        _ type: StaticString, _ server: MartiServer, _ writer: inout ByteWriter
    ) {
        var json = JSONWriter()
        beginEnvelope(type, &json, &writer)
        json.beginList(&writer)
        json.endList(&writer)
        endEnvelope(server, &json, &writer)
    }
}

extension JSONWriter {
    /// The keywords as a list of strings, empty ones left out.
    mutating func keywords(_ record: PackageRecord, _ writer: inout ByteWriter) {
        beginList(&writer)
        let text = record.keywords
        var start = 0
        var at = 0
        while at <= Int(text.count) {
            if at == Int(text.count) || text[at] == UInt8(ascii: ",") {
                if at > start { string(text, from: start, to: at, &writer) }
                start = at + 1
            }
            at += 1
        }
        endList(&writer)
    }

    /// ATAK throws the whole list away when one name is empty (protocol 8.5).
    mutating func packageName(_ record: PackageRecord, _ writer: inout ByteWriter) {
        if record.name.isEmpty {
            string(record.digest, &writer)
        } else {
            string(record.name, &writer)
        }
    }
}
