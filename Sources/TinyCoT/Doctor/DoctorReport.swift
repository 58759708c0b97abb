// What the doctor found, one finding after the other, as JSON that is made on the way and as lines
// for people. A sentence holds words and numbers only; whatever names somebody (a team, an address)
// has a member of its own, so that a support archive can have it replaced.

public enum DoctorResult: UInt8, BitwiseCopyable, Sendable {
    case ok, warning, failure
    /// It could not be asked, and that is nobody's fault.
    case skipped

    public var name: StaticString {
        switch self {
        case .ok: "ok"
        case .warning: "warning"
        case .failure: "failure"
        case .skipped: "skipped"
        }
    }
}

/// Whom or what a finding speaks of.
public struct DoctorSubject: BitwiseCopyable {
    public var endpoint: Endpoint?
    public var team = ShortText<40>()
    /// Of a wall: who stands on its other side.
    public var otherTeam = ShortText<40>()

    public init() {}
    public init(_ endpoint: Endpoint) { self.endpoint = endpoint }
}

public struct DoctorReport: BitwiseCopyable {
    /// Room that one finding takes at most, its texts six times as long by their escapes.
    private static var findingBytesMax: Int { 1_024 }
    public static var sentenceBytesMax: Int { 200 }

    private var json = JSONWriter()
    private var writer: ByteWriter
    /// By result.
    private var counts: InlineArray<4, Int> = .init(repeating: 0)
    /// Found, but without a place in the JSON.
    public private(set) var unlisted = 0

    /// - Parameter memory: of the JSON. Findings beyond it are counted only.
    public init(_ memory: Slab<UInt8>, version: StaticString) {
        writer = ByteWriter(memory)
        json.beginObject(&writer)
        json.key("version", &writer)
        json.string(version, &writer)
        json.key("findings", &writer)
        json.beginList(&writer)
    }

    public func count(_ result: DoctorResult) -> Int { counts[Int(result.rawValue)] }

    /// The worst that was found.
    public var result: DoctorResult {
        if count(.failure) > 0 { return .failure }
        return count(.warning) > 0 ? .warning : .ok
    }

    /// - Parameter sentence: words and numbers of the program's own, without a full stop.
    public mutating func add(
        _ check: StaticString, _ result: DoctorResult, _ subject: DoctorSubject,
        _ sentence: Slab<UInt8>
    ) {
        counts[Int(result.rawValue)] += 1
        if writer.slab.count - writer.count < 2 * DoctorReport.findingBytesMax {
            unlisted += 1
            return
        }
        json.beginObject(&writer)
        json.key("check", &writer)
        json.string(check, &writer)
        json.key("result", &writer)
        json.string(result.name, &writer)
        if let endpoint = subject.endpoint {
            json.key("address", &writer)
            DoctorReport.withText(of: endpoint) { json.string($0, &writer) }
        }
        if !subject.team.isEmpty {
            json.key("team", &writer)
            json.string(subject.team, &writer)
        }
        if !subject.otherTeam.isEmpty {
            json.key("other_team", &writer)
            json.string(subject.otherTeam, &writer)
        }
        json.key("sentence", &writer)
        json.string(sentence, &writer)
        json.endObject(&writer)
        invariant(!writer.overflowed, "a finding fits into the room that is kept for it")
    }

    /// - Returns: the whole document. Nothing can be added then.
    public mutating func finish() -> Slab<UInt8> {
        json.endList(&writer)
        json.key("result", &writer)
        json.string(result.name, &writer)
        json.key("failures", &writer)
        json.number(Int64(count(.failure)), &writer)
        json.key("warnings", &writer)
        json.number(Int64(count(.warning)), &writer)
        json.key("skipped", &writer)
        json.number(Int64(count(.skipped)), &writer)
        json.key("unlisted", &writer)
        json.number(Int64(unlisted), &writer)
        json.endObject(&writer)
        writer.append("\n")
        invariant(!writer.overflowed, "the end fits into the room that is kept for it")
        return writer.written
    }

    /// One finding as a line: `ok       relay   0.0.0.0:8087, team red: sentence`
    public static func writeLine(
        _ check: StaticString, _ result: DoctorResult, _ subject: DoctorSubject,
        _ sentence: Slab<UInt8>, into writer: inout ByteWriter
    ) {
        writer.append(result.name)
        pad(result.name.utf8CodeUnitCount, to: 9, &writer)
        writer.append(check)
        pad(check.utf8CodeUnitCount, to: 13, &writer)
        if let endpoint = subject.endpoint { writer.append(endpoint) }
        if !subject.team.isEmpty {
            writer.append(subject.endpoint == nil ? "team " : ", team ")
            writer.append(subject.team, as: .plain)
        }
        if !subject.otherTeam.isEmpty {
            writer.append(" to team ")
            writer.append(subject.otherTeam, as: .plain)
        }
        if subject.endpoint != nil || !subject.team.isEmpty { writer.append(": ") }
        writer.append(sentence)
        writer.append("\n")
    }

    private static func pad(_ used: Int, to width: Int, _ writer: inout ByteWriter) {
        var i = used
        while i < width {
            writer.append(UInt8(ascii: " "))
            i += 1
        }
    }

    private static func withText(of endpoint: Endpoint, _ use: (Slab<UInt8>) -> Void) {
        var bytes: InlineArray<48, UInt8> = .init(repeating: 0)
        var span = bytes.mutableSpan
        span.withUnsafeMutableBufferPointer { buffer in
            var text = ByteWriter(Slab(start: buffer.baseAddress, count: buffer.count))
            text.append(endpoint)
            use(text.written)
        }
    }
}
