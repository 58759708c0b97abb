// `manifest.json` of a backup: which files belong to it, and what they must be. It is written last,
// so a folder without it holds no whole backup. One file a line, so that two can be compared with
// `diff`. Written by `tinycot backup`, read by `tinycot restore`, in pieces: it has no longest
// length but that of the list of packages.
//
//     {"format":1,"tinycot":"0.3.0","made":"2026-11-25T16:05:00.123Z","files":[
//     {"name":"catalogue.db","bytes":40960,"sha256":"…"}
//     ,{"name":"state.1.json","bytes":3072,"sha256":"…"}
//     ,{"name":"packages/….zip","bytes":17,"sha256":"…"}
//     ],"packages":1,"state_files":1,"bytes":44049}
//
// The counts at the end say that nothing is missing in between. A later format may have anything
// behind its number, so that is looked at first.

/// What a manifest adds up to.
public struct BackupCounts: BitwiseCopyable, Equatable, Sendable {
    public var packages = 0
    public var stateFiles = 0
    public var catalogues = 0
    /// Of all files.
    public var bytes: Int64 = 0

    public init() {}

    public var files: Int { packages + stateFiles + catalogues }

    public mutating func add(_ file: BackupFile) {
        switch file.kind {
        case .catalogue: catalogues += 1
        case .state: stateFiles += 1
        case .package: packages += 1
        }
        // A manifest may say anything; a sum that no file system holds is no sum.
        let (sum, isTooMuch) = bytes.addingReportingOverflow(file.sizeBytes)
        bytes = isTooMuch ? .max : sum
    }
}

public struct BackupManifestWriter: BitwiseCopyable {
    public private(set) var counts = BackupCounts()
    private var json = JSONWriter()

    /// The longest piece that one call writes.
    public static var pieceBytes: Int { 256 }

    public init() {}

    public mutating func begin(
        version: StaticString, made: WallTime, _ writer: inout ByteWriter
    ) {
        json.beginObject(&writer)
        json.key("format", &writer)
        json.number(Int64(BackupManifestReader.format), &writer)
        json.key("tinycot", &writer)
        json.string(version, &writer)
        json.key("made", &writer)
        json.string(made, &writer)
        json.key("files", &writer)
        json.beginList(&writer)
        writer.append("\n")
    }

    public mutating func add(_ file: BackupFile, _ writer: inout ByteWriter) {
        if counts.files > 0 { writer.append("\n") }
        counts.add(file)
        json.beginObject(&writer)
        json.key("name", &writer)
        var bytes = InlineArray<80, UInt8>(repeating: 0)
        var span = bytes.mutableSpan
        span.withUnsafeMutableBufferPointer { buffer in
            var name = ByteWriter(Slab(start: buffer.baseAddress, count: buffer.count))
            file.appendName(to: &name)
            invariant(!name.overflowed, "the name of a file of a backup fits")
            json.string(name.written, &writer)
        }
        json.key("bytes", &writer)
        json.number(file.sizeBytes, &writer)
        json.key("sha256", &writer)
        json.string(file.digest, &writer)
        json.endObject(&writer)
    }

    public mutating func end(_ writer: inout ByteWriter) {
        writer.append("\n")
        json.endList(&writer)
        json.key("packages", &writer)
        json.number(Int64(counts.packages), &writer)
        json.key("state_files", &writer)
        json.number(Int64(counts.stateFiles), &writer)
        json.key("bytes", &writer)
        json.number(counts.bytes, &writer)
        json.endObject(&writer)
        writer.append("\n")
    }
}

/// Reads a manifest that lies in memory whole, file by file.
public struct BackupManifestReader: BitwiseCopyable {
    /// The only one there is.
    public static var format: Int { 1 }

    public enum Mistake: UInt8, Error, BitwiseCopyable, Sendable {
        case newerFormat, damaged

        /// Behind the name of the file.
        public var sentence: StaticString {
            switch self {
            case .newerFormat: "was written by a newer version of tinycot"
            case .damaged: "is damaged"
            }
        }
    }

    private var json: JSONReader
    public private(set) var counts = BackupCounts()

    /// - Parameter bytes: all of it; they are changed where they hold escapes.
    public init(_ bytes: Slab<UInt8>) throws(Mistake) {
        json = JSONReader(bytes)
        try expect(.objectStart)
        let format = try number("format")
        if format > BackupManifestReader.format { throw .newerFormat }
        if format < 1 { throw .damaged }
        try key("tinycot")
        try expect(.string)
        try key("made")
        try expect(.string)
        try key("files")
        try expect(.listStart)
    }

    /// The next file, or nil when the manifest has ended as it should.
    public mutating func next() throws(Mistake) -> BackupFile? {
        switch try token() {
        case .objectStart: return try file()
        case .listEnd:
            try checkEnd()
            return nil
        default: throw .damaged
        }
    }

    private mutating func file() throws(Mistake) -> BackupFile {
        try key("name")
        try expect(.string)
        let name = json.text()
        let bytes = try number("bytes")
        try key("sha256")
        try expect(.string)
        guard let digest = SHA256Digest(hex: json.text()),
            let kind = BackupFile.kind(name, digest)
        else { throw .damaged }
        try expect(.objectEnd)
        let file = BackupFile(kind, sizeBytes: Int64(bytes), digest: digest)
        counts.add(file)
        // It comes first, once; nothing can be restored without it.
        if counts.catalogues != 1 || (kind == .catalogue && counts.files != 1) { throw .damaged }
        return file
    }

    private mutating func checkEnd() throws(Mistake) {
        if try number("packages") != counts.packages { throw .damaged }
        if try number("state_files") != counts.stateFiles { throw .damaged }
        if try number("bytes") != Int(counts.bytes) { throw .damaged }
        try expect(.objectEnd)
        try expect(.end)
        if counts.catalogues != 1 { throw .damaged }
    }

    // MARK: Tokens

    private mutating func token() throws(Mistake) -> JSONReader.Token {
        do throws(ConfigError) { return try json.next() } catch { throw .damaged }
    }

    private mutating func expect(_ wanted: JSONReader.Token) throws(Mistake) {
        if try token() != wanted { throw .damaged }
    }

    private mutating func key(_ name: StaticString) throws(Mistake) {
        try expect(.key)
        if !json.text().equals(name) { throw .damaged }
    }

    /// A member that is a whole number, not below zero.
    private mutating func number(_ name: StaticString) throws(Mistake) -> Int {
        try key(name)
        try expect(.number)
        guard let value = json.integer(), value >= 0, value < Int.max else { throw .damaged }
        return value
    }
}
