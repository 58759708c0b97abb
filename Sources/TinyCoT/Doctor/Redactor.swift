// Makes a JSON document of ours fit for a stranger's eyes: every text that names somebody or a
// place in a network is replaced by a word with a number, `name-3`, the same text by the same word
// in all documents of one archive. A text passes only if its key says that it is a word of the
// program's own; so a key that nobody thought of is replaced, not shown. Numbers and truths pass:
// neither the status nor the configuration has a position in it.

public struct Redactor: BitwiseCopyable {
    public enum Document: UInt8, BitwiseCopyable, Sendable { case configuration, status, report }

    /// What a text is, and the word that takes its place.
    private enum Kind: UInt8, BitwiseCopyable {
        /// The program's own.
        case plain
        /// A uid, a callsign, or a roster's line, which may be either.
        case name
        case team, address, colour, url, text

        var word: StaticString {
            switch self {
            case .plain: ""
            case .name: "name-"
            case .team: "team-"
            case .address: "address-"
            case .colour: "colour-"
            case .url: "url-"
            case .text: "text-"
            }
        }
    }

    /// A text that was replaced before: its hash, and the number that it got.
    public struct Entry: BitwiseCopyable {
        fileprivate var hash: UInt64 = 0
        fileprivate var number = 0
    }

    private let table: Slab<Entry>
    private var count = 0
    private let key: UInt64
    /// By kind: how many different ones there have been.
    private var numbers: InlineArray<7, Int> = .init(repeating: 0)

    /// - Parameters:
    ///   - table: one entry for each different text. Behind the last they are all called `more`.
    ///   - key: secret and random, or an archive could be searched for a name by its hash.
    public init(_ table: Slab<Entry>, key: UInt64) {
        self.table = table
        self.key = key
    }

    /// - Parameters:
    ///   - json: decoded where it lies.
    ///   - writer: says whether it fitted.
    /// - Throws: what is no JSON.
    public mutating func redact(
        _ json: Slab<UInt8>, _ document: Document, into writer: inout ByteWriter
    ) throws(ConfigError) {
        var reader = JSONReader(json)
        var output = JSONWriter()
        var kinds: InlineArray<17, Kind> = .init(repeating: .text)
        while true {
            switch try reader.next() {
            case .end: return
            case .objectStart:
                output.beginObject(&writer)
                kinds[reader.depth] = .text
            case .listStart:
                // Elements are what the key in front of the list says.
                let kind = reader.depth > 0 ? kinds[reader.depth - 1] : .text
                output.beginList(&writer)
                kinds[reader.depth] = kind
            case .objectEnd: output.endObject(&writer)
            case .listEnd: output.endList(&writer)
            case .key:
                let name = reader.text()
                kinds[reader.depth] = Redactor.kind(name, document)
                output.key(name, &writer)
            case .string:
                replace(reader.text(), kinds[reader.depth], &output, &writer)
            case .number: output.number(Int64(reader.integer() ?? 0), &writer)
            case .yes: output.boolean(true, &writer)
            case .no: output.boolean(false, &writer)
            case .null: output.null(&writer)
            }
        }
    }

    private static func kind(_ key: Slab<UInt8>, _ document: Document) -> Kind {
        if key.equals("uid") || key.equals("uids") || key.equals("callsign")
            || key.equals("members")
        {
            return .name
        }
        if key.equals("team") || key.equals("other_team") || key.equals("teams")
            || key.equals("sees")
        {
            return .team
        }
        if key.equals("address") || key.equals("listen") || key.equals("allow") { return .address }
        if key.equals("colour") || key.equals("colours") { return .colour }
        if key.equals("public_url") { return .url }
        if key.equals("name") { return document == .configuration ? .team : .plain }
        let isWord =
            key.equals("version") || key.equals("types") || key.equals("check")
            || key.equals("result") || key.equals("sentence")
        return isWord ? .plain : .text
    }

    // MARK: Texts

    private mutating func replace(
        _ text: Slab<UInt8>, _ kind: Kind, _ output: inout JSONWriter, _ writer: inout ByteWriter
    ) {
        var bytes: InlineArray<64, UInt8> = .init(repeating: 0)
        var span = bytes.mutableSpan
        span.withUnsafeMutableBufferPointer { buffer in
            var word = ByteWriter(Slab(start: buffer.baseAddress, count: buffer.count))
            if !passes(text, kind) { writeWord(text, kind, &word) }
            output.string(word.count > 0 ? word.written : text, &writer)
        }
    }

    private func passes(_ text: Slab<UInt8>, _ kind: Kind) -> Bool {
        if text.count == 0 { return true }
        switch kind {
        case .plain: return true
        // The two that are nobody's name.
        case .team: return text.equals("*") || text.equals("unassigned")
        case .colour: return TeamColour.bit(text) != 0
        case .address: return Redactor.isCommonAddress(text)
        case .name, .url, .text: return false
        }
    }

    /// `0.0.0.0:8087` or `127.0.0.1:8087` says nothing about anybody's network.
    private static func isCommonAddress(_ text: Slab<UInt8>) -> Bool {
        guard let endpoint = try? AddressParser.endpoint(text) else { return false }
        return endpoint.address.isLoopback || endpoint.address.isUnspecified
    }

    /// Ports and the lengths of networks stay: trouble is often in them.
    private mutating func writeWord(
        _ text: Slab<UInt8>, _ kind: Kind, _ word: inout ByteWriter
    ) {
        if kind == .address, let endpoint = try? AddressParser.endpoint(text) {
            var bytes: InlineArray<40, UInt8> = .init(repeating: 0)
            var span = bytes.mutableSpan
            span.withUnsafeMutableBufferPointer { buffer in
                var address = ByteWriter(Slab(start: buffer.baseAddress, count: buffer.count))
                address.append(endpoint.address)
                writeNumbered(address.written, kind, &word)
            }
            word.append(":")
            word.append(decimal: Int(endpoint.port))
            return
        }
        let slash = kind == .address ? text.firstIndex(of: UInt8(ascii: "/"), from: 0) : text.count
        writeNumbered(text.slice(0, slash), kind, &word)
        if slash < text.count && text.count - slash <= 4 {
            word.append(text.slice(slash, text.count - slash))
        }
    }

    private mutating func writeNumbered(
        _ text: Slab<UInt8>, _ kind: Kind, _ word: inout ByteWriter
    ) {
        word.append(kind.word)
        let number = number(of: text, kind)
        if number == 0 {
            word.append("more")
        } else {
            word.append(decimal: number)
        }
    }

    /// - Returns: 0 if the table is full.
    private mutating func number(of text: Slab<UInt8>, _ kind: Kind) -> Int {
        let hash = NameHash.of(text, key: key &+ UInt64(kind.rawValue))
        var i = 0
        while i < count {
            if table[i].hash == hash { return table[i].number }
            i += 1
        }
        if count == table.count { return 0 }
        numbers[Int(kind.rawValue)] += 1
        table[count] = Entry(hash: hash, number: numbers[Int(kind.rawValue)])
        count += 1
        return numbers[Int(kind.rawValue)]
    }
}
