// `tinycot packages` with a daemon: one request for each action. What the answers are is in the
// store loop, which serves them.

import PackageStore
import TinyCoT

enum DaemonPackages {
    static func list(
        _ daemon: consuming StoreConnection, _ job: PackagesJob
    ) throws(ExitCode) {
        if job.invocation.wantsJSON {
            var request = StoreRequest("GET", "/Marti/sync/search", job.memory.head)
            try ask(&daemon, request.finish())
            if daemon.head.status != 200 { throw try daemon.refusal() }
            while let bytes = try daemon.nextOfBody() {
                Console.write(bytes, to: Console.output)
            }
            Console.write("\n", to: Console.output)
            return
        }
        var table = PackageTable(job.memory.output)
        try eachLine(daemon, job) { line in table.add(line) }
        table.finish()
    }

    /// The whole list as the daemon gives it, line by line.
    static func eachLine(
        _ daemon: consuming StoreConnection, _ job: PackagesJob, _ use: (PackageLine) -> Void
    ) throws(ExitCode) {
        var request = StoreRequest("GET", "/tinycot/packages", job.memory.head)
        try ask(&daemon, request.finish())
        if daemon.head.status != 200 { throw try daemon.refusal() }
        var writer = ByteWriter(job.memory.line)
        while let bytes = try daemon.nextOfBody() {
            var i = 0
            while i < bytes.count {
                if bytes[i] != UInt8(ascii: "\n") {
                    writer.append(bytes[i])
                } else if let line = PackageLine(writer.written), !writer.overflowed {
                    use(line)
                    writer.reset()
                } else {
                    throw strangeList()
                }
                i += 1
            }
        }
        if writer.count > 0 { throw strangeList() }
    }

    private static func strangeList() -> ExitCode {
        Console.write(
            "tinycot: the daemon's list cannot be read; is it of another version?\n",
            to: Console.error)
        return .temporary
    }

    static func add(
        _ offer: borrowing PackageOffer, _ daemon: consuming StoreConnection, _ job: PackagesJob
    ) throws(ExitCode) {
        var request = StoreRequest("POST", "/Marti/sync/upload", job.memory.head)
        request.parameter("name", offer.name)
        request.parameter("keywords", Slab("missionpackage"))
        request.parameter("creatorUid", Slab(""))
        request.parameter("team", offer.team)
        request.parameter("tool", Slab(offer.tool))
        var goesOn = try daemon.send(request.finish(bodyBytes: offer.sizeBytes))
        var digest = Digest()
        while goesOn && digest.byteCount < offer.sizeBytes {
            let rest = Int(min(offer.sizeBytes - digest.byteCount, Int64(job.memory.piece.count)))
            let bytes = try offer.read(into: job.memory.piece.slice(0, rest), job)
            if bytes.count == 0 {
                complainOfChange(offer, job)
                throw .noInput
            }
            digest.update(bytes)
            goesOn = try daemon.send(bytes)
        }
        let isWhole = goesOn
        try daemon.readHead()
        if daemon.head.status != 200 { throw try daemon.refusal() }
        let hash = digest.finish()
        let isNamed = try names(hash, &daemon)
        if !isWhole || !isNamed {
            Console.write(
                "tinycot: the daemon has stored other bytes than were sent.\n", to: Console.error)
            throw .badData
        }
        job.announce(hash)
    }

    private static func complainOfChange(_ offer: borrowing PackageOffer, _ job: PackagesJob) {
        var writer = job.beginComplaint()
        writer.append(offer.path, as: .plain)
        writer.append(" became shorter while it was read; nothing was added.\n")
        Console.write(writer.written, to: Console.error)
    }

    /// Does the answer hold this hash? Its JSON has it once as a whole text.
    private static func names(
        _ hash: SHA256Digest, _ daemon: inout StoreConnection
    ) throws(ExitCode) -> Bool {
        var text = DigestText(hash)
        while let bytes = try daemon.nextOfBody() { text.look(at: bytes) }
        return text.wasFound
    }

    static func remove(
        _ digest: SHA256Digest, _ daemon: consuming StoreConnection, _ job: PackagesJob
    ) throws(ExitCode) {
        var request = StoreRequest("DELETE", "/Marti/sync/delete", job.memory.head)
        request.parameter("hash", digest)
        try ask(&daemon, request.finish())
        switch daemon.head.status {
        case 200, 204: return
        case 404, 410: throw job.noSuchPackage(digest)
        default: throw try daemon.refusal()
        }
    }

    /// Is this package still in the catalogue?
    static func isListed(
        _ digest: SHA256Digest, _ daemon: consuming StoreConnection, _ job: PackagesJob
    ) throws(ExitCode) -> Bool {
        var writer = ByteWriter(job.memory.line)
        writer.append("GET /Marti/api/sync/metadata/")
        digest.append(to: &writer)
        writer.append("/tool HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        try ask(&daemon, writer.written)
        return daemon.head.status != 404
    }

    private static func ask(
        _ daemon: inout StoreConnection, _ request: Slab<UInt8>
    ) throws(ExitCode) {
        _ = try daemon.send(request)
        try daemon.readHead()
    }
}

/// Looks for the 64 digits of a hash in bytes that come in pieces.
private struct DigestText {
    private var digits = InlineArray<64, UInt8>(repeating: 0)
    private var matched = 0
    private(set) var wasFound = false

    init(_ digest: SHA256Digest) {
        let letters: StaticString = "0123456789abcdef"
        var i = 0
        while i < SHA256Digest.byteCount {
            digits[2 * i] = letters.utf8Start[Int(digest[i] >> 4)]
            digits[2 * i + 1] = letters.utf8Start[Int(digest[i] & 15)]
            i += 1
        }
    }

    /// A hash stands between quotes, so a run of digits is looked at from its beginning only.
    mutating func look(at bytes: Slab<UInt8>) {
        var i = 0
        while i < bytes.count && !wasFound {
            if bytes[i] == UInt8(ascii: "\"") {
                matched = 0
            } else if matched >= 0 && bytes[i] == digits[matched] {
                matched += 1
                if matched == 64 { wasFound = true }
            } else {
                matched = -1
            }
            i += 1
        }
    }
}

extension PackageLine {
    /// One line of the daemon's list, without its end: eight texts with tabs between them.
    init?(_ line: Slab<UInt8>) {
        var fields = InlineArray<8, Slab<UInt8>>(repeating: line.slice(0, 0))
        var count = 0
        var start = 0
        var i = 0
        while i <= line.count {
            if i == line.count || line[i] == UInt8(ascii: "\t") {
                if count == 8 { return nil }
                fields[count] = line.slice(start, i - start)
                count += 1
                start = i + 1
            }
            i += 1
        }
        guard count == 8, let digest = SHA256Digest(hex: fields[1]),
            let size = DecimalText.number(fields[2])
        else { return nil }
        self.init(
            number: fields[0], digest: digest, sizeBytes: Int64(size), tool: fields[3],
            team: fields[4], submitted: fields[5], creator: fields[6], name: fields[7])
    }
}
