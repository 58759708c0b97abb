// The long answers of the Marti API: packages (protocol 8.5), client endpoints and contacts
// (protocol 8.4, 8.9). Called by the store loop with one piece of memory after the other and with
// one element at a time, so that ten thousand packages need no more room than one.
// Invariants: what is in the pieces, one behind the other, is always the beginning of valid JSON;
// `packageCount` is the number of packages in them, so what the list says of itself at its end is
// true even if packages came or went while it was on its way.
//
// States:  head --begin--> elements --add…--> elements --end--> whole

/// An answer on its way. What does not fit is left out as a whole: send the piece, empty the
/// writer, call again with the same element.
public struct MartiList: BitwiseCopyable {
    public enum Kind: UInt8, BitwiseCopyable, Sendable { case packages, clientEndpoints, contacts }
    private enum State: UInt8, BitwiseCopyable { case head, elements, whole }

    /// A piece must have this room at least: the longest element with nothing but texts that grow
    /// sixfold by their escapes.
    public static var pieceBytesMin: Int { MartiAnswers.bytesMax }

    private let kind: Kind
    private var state = State.head
    private var json = JSONWriter()
    private var packageCount = 0

    public init(_ kind: Kind) { self.kind = kind }

    public var hasBegun: Bool { state != .head }
    public var isWhole: Bool { state == .whole }

    /// - Returns: false if it did not fit.
    public mutating func begin(_ writer: inout ByteWriter) -> Bool {
        invariant(state == .head, "a list begins once")
        return attempt(&writer) { list, writer in
            list.writeHead(&writer)
            list.state = .elements
        }
    }

    /// - Returns: false if it did not fit.
    public mutating func add(_ record: PackageRecord, _ writer: inout ByteWriter) -> Bool {
        invariant(state == .elements && kind == .packages, "a package goes into its own list")
        return attempt(&writer) { list, writer in
            list.write(record, &writer)
            list.packageCount += 1
        }
    }

    /// A contact without callsign or uid is passed over: ATAK would throw away the whole list.
    /// - Returns: false if it did not fit.
    public mutating func add(_ contact: ContactRecord, _ writer: inout ByteWriter) -> Bool {
        invariant(state == .elements && kind != .packages, "a contact goes into its own list")
        if !contact.isListable { return true }
        return attempt(&writer) { list, writer in
            if list.kind == .clientEndpoints {
                list.writeEndpoint(contact, &writer)
            } else {
                list.writeContact(contact, &writer)
            }
        }
    }

    /// - Returns: false if it did not fit.
    public mutating func end(_ server: MartiServer, _ writer: inout ByteWriter) -> Bool {
        invariant(state == .elements, "a list ends once, after its elements")
        return attempt(&writer) { list, writer in
            list.json.endList(&writer)
            switch list.kind {
            case .packages:
                list.json.key("resultCount", &writer)
                list.json.number(Int64(list.packageCount), &writer)
                list.json.endObject(&writer)
            case .clientEndpoints: MartiAnswers.endEnvelope(server, &list.json, &writer)
            case .contacts: break
            }
            invariant(list.json.isComplete, "a list ends with its last bracket")
            list.state = .whole
        }
    }

    /// Takes everything back if it does not fit.
    @inline(__always)
    private mutating func attempt(
        _ writer: inout ByteWriter, _ write: (inout MartiList, inout ByteWriter) -> Void
    ) -> Bool {
        invariant(!writer.overflowed, "a piece is begun anew after it has overflowed")
        invariant(
            writer.slab.count >= MartiList.pieceBytesMin, "each element fits into an empty piece")
        let list = self
        let before = writer
        write(&self, &writer)
        if !writer.overflowed { return true }
        invariant(before.count > 0, "each element fits into an empty piece")
        self = list
        writer = before
        return false
    }

    // MARK: What is written

    private mutating func writeHead(_ writer: inout ByteWriter) {
        switch kind {
        case .packages:
            json.beginObject(&writer)
            json.key("results", &writer)
        case .clientEndpoints:
            MartiAnswers.beginEnvelope("com.bbn.marti.remote.ClientEndpoint", &json, &writer)
        case .contacts: break
        }
        json.beginList(&writer)
    }

    private mutating func write(_ record: PackageRecord, _ writer: inout ByteWriter) {
        json.beginObject(&writer)
        json.key("UID", &writer)
        json.string(record.digest, &writer)
        json.key("Name", &writer)
        json.packageName(record, &writer)
        json.key("Hash", &writer)
        json.string(record.digest, &writer)
        json.key("PrimaryKey", &writer)
        json.quotedNumber(record.number, &writer)
        json.key("SubmissionDateTime", &writer)
        json.string(record.submittedAt, &writer)
        json.key("SubmissionUser", &writer)
        json.string(record.submissionUser, &writer)
        json.key("CreatorUid", &writer)
        json.string(record.creatorUID, &writer)
        json.key("Keywords", &writer)
        json.keywords(record, &writer)
        json.key("MIMEType", &writer)
        json.string(record.mimeType, &writer)
        json.key("Size", &writer)
        json.quotedNumber(record.sizeBytes, &writer)
        json.key("Tool", &writer)
        json.string(record.tool, &writer)
        json.key("EXPIRATION", &writer)
        json.string("-1", &writer)
        json.endObject(&writer)
    }

    private mutating func writeEndpoint(_ contact: ContactRecord, _ writer: inout ByteWriter) {
        json.beginObject(&writer)
        json.key("callsign", &writer)
        json.string(contact.callsign, &writer)
        json.key("uid", &writer)
        json.string(contact.uid, &writer)
        json.key("username", &writer)
        json.string("anonymous", &writer)
        json.key("team", &writer)
        json.string(contact.team, &writer)
        json.key("role", &writer)
        json.string(contact.role, &writer)
        json.key("lastEventTime", &writer)
        json.string(contact.lastEventAt, &writer)
        json.key("lastStatus", &writer)
        json.string(contact.isConnected ? "Connected" : "Disconnected", &writer)
        json.endObject(&writer)
    }

    private mutating func writeContact(_ contact: ContactRecord, _ writer: inout ByteWriter) {
        json.beginObject(&writer)
        json.key("filterGroups", &writer)
        json.beginList(&writer)
        json.endList(&writer)
        json.key("notes", &writer)
        json.string("", &writer)
        json.key("callsign", &writer)
        json.string(contact.callsign, &writer)
        json.key("team", &writer)
        json.string(contact.team, &writer)
        json.key("role", &writer)
        json.string(contact.role, &writer)
        json.key("takv", &writer)
        json.string(contact.takv, &writer)
        json.key("uid", &writer)
        json.string(contact.uid, &writer)
        json.endObject(&writer)
    }
}
