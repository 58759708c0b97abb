// `tinycot replay`: sends the events of the files to a server, byte for byte, at the pace at which
// they came, each recorded sender over a connection of its own. What the server sends is read and
// thrown away. Ends at the last event, at SIGINT, SIGTERM or SIGHUP, or when the server leaves.
// Chosen by Main. Times inside the events stay as they were recorded.

import CLinuxSys
import TinyCoT

enum ReplayCommand {
    static func run(_ invocation: Invocation, _ startup: StartupMemory) throws(ExitCode) {
        let target = try target(invocation, startup)
        let speed = try number(invocation, .speed, maximum: 1_000, startup) ?? 1_000
        let gap = try number(invocation, .maxGap, maximum: 86_400, startup)
        let files = try DumpInputs(invocation, startup)
        let memory = try ToolMemory.take(startup) { arena in ReplayMemory(&arena) }
        var walk = DumpWalk(files, memory.reader, piece: memory.piece, isQuiet: false)
        var replay = Replay(
            links: try ReplayLinks(target, memory.scratch, startup),
            senders: ReplaySenders(key: try ToolMemory.key(startup)),
            pace: ReplayPace(speedThousandths: speed, gapMilliseconds: gap),
            document: memory.document)
        while !replay.links.isInterrupted, try walk.next() { try replay.send(walk.event) }
        let end = LinuxClock.now()
        let isInterrupted = replay.links.isInterrupted
        replay.links.finish()
        replay.report(at: end, isInterrupted, startup)
        walk.reportRefused(startup)
        if walk.hasForeignFile { throw .badData }
    }

    /// `localhost` is the loopback address of IPv4, or of IPv6 where nobody listens there.
    private static func target(
        _ invocation: Invocation, _ startup: StartupMemory
    ) throws(ExitCode) -> ReplayTarget {
        let text = Slab(cString: Settings.value(invocation, .to).unsafelyUnwrapped)
        let name = Slab("localhost:")
        do throws(AddressProblem) {
            if text.count > name.count && text.slice(0, name.count).equals(name) {
                var writer = ByteWriter(startup.file)
                writer.append("127.0.0.1")
                writer.append(text.slice(name.count - 1, text.count - name.count + 1))
                var target = ReplayTarget(first: try AddressParser.endpoint(writer.written))
                target.second = target.first
                target.second?.address = Address(high: 0, low: 1)
                return target
            }
            if text.equals("localhost") { throw .missingPort }
            return ReplayTarget(first: try AddressParser.endpoint(text))
        } catch {
            complain(.to, text, startup) { $0.append(error.explanation) }
            throw .usage
        }
    }

    /// In thousandths.
    private static func number(
        _ invocation: Invocation, _ option: Invocation.Option, maximum: Int64,
        _ startup: StartupMemory
    ) throws(ExitCode) -> Int64? {
        guard let given = Settings.value(invocation, option) else { return nil }
        let text = Slab(cString: given)
        if let value = ReplayPace.thousandths(text, maximum: maximum) { return value }
        complain(option, text, startup) {
            $0.append("which is not a number between 0 and ")
            $0.append(decimal: maximum)
            $0.append(" with at most three places")
        }
        throw .usage
    }

    private static func complain(
        _ option: Invocation.Option, _ text: Slab<UInt8>, _ startup: StartupMemory,
        _ rest: (inout ByteWriter) -> Void
    ) {
        var writer = ByteWriter(startup.text)
        writer.append("tinycot: ")
        writer.append(option.name)
        writer.append(" is \"")
        writer.append(text, as: .plain, maxColumns: 60)
        writer.append("\", ")
        rest(&writer)
        writer.append(".\n")
        Console.write(writer.written, to: Console.error)
    }
}

struct ReplayTarget: BitwiseCopyable {
    var first: Endpoint
    /// Where to try if nobody listens at the first.
    var second: Endpoint?
}

struct ReplayMemory {
    let reader: DumpReader
    let piece: Slab<UInt8>
    let document: Slab<UInt8>
    let scratch: Slab<UInt8>

    init(_ arena: inout Arena) {
        reader = DumpReader(arena: &arena)
        piece = arena.take(UInt8.self, count: DumpWalk.pieceBytes)
        document = arena.take(UInt8.self, count: DumpReader.maxEventBytes + 64)
        scratch = arena.take(UInt8.self, count: 65_536)
    }
}

/// One run: who speaks over which connection, when, and what came of it.
private struct Replay: ~Copyable {
    var links: ReplayLinks
    var senders: ReplaySenders
    var pace: ReplayPace
    let document: Slab<UInt8>
    private var began: Instant?
    private var sent = 0
    private var behindNanoseconds: UInt64 = 0

    init(
        links: consuming ReplayLinks, senders: ReplaySenders, pace: ReplayPace,
        document: Slab<UInt8>
    ) {
        self.links = links
        self.senders = senders
        self.pace = pace
        self.document = document
    }

    /// Waits until `event` is due. The clock starts when the first connection stands.
    mutating func send(_ event: DumpEvent) throws(ExitCode) {
        let link = senders.connection(for: event)
        let microseconds = pace.microseconds(for: event)
        // What is written is what every server wants (protocol 3): a declaration, one line feed,
        // the event as it was sent, nothing behind it.
        var writer = ByteWriter(document)
        writer.append("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n")
        writer.append(event.bytes)
        invariant(!writer.overflowed, "no event is longer than the reader lets it be")
        if began == nil {
            try links.openFirst()
            began = LinuxClock.now()
        }
        let start = began ?? .zero
        let due = Instant(nanoseconds: start.nanoseconds + UInt64(microseconds) * 1_000)
        links.wait(until: due)
        if links.isInterrupted { return }
        let now = LinuxClock.now()
        behindNanoseconds = max(behindNanoseconds, now.nanoseconds - due.nanoseconds)
        if try links.send(writer.written, over: link) { sent += 1 }
    }

    func report(at end: Instant, _ isInterrupted: Bool, _ startup: StartupMemory) {
        var writer = ByteWriter(startup.text)
        writer.append(isInterrupted ? "interrupted after " : "replayed ")
        writer.append(decimal: sent)
        writer.append(sent == 1 ? " event" : " events")
        writer.append(" over ")
        writer.append(decimal: links.opened)
        writer.append(links.opened == 1 ? " connection in " : " connections in ")
        writer.append(seconds: end.nanoseconds - (began ?? end).nanoseconds)
        if pace.isTimed {
            writer.append(" s, at most ")
            writer.append(seconds: behindNanoseconds)
            writer.append(" s late\n")
        } else {
            writer.append(" s\n")
        }
        if senders.sharedEvents > 0 {
            writer.append("more than 64 senders: ")
            writer.append(decimal: senders.sharedEvents)
            writer.append(" events came over the connection of another\n")
        }
        if links.lost > 0 {
            writer.append("the server closed ")
            writer.append(decimal: links.lost)
            writer.append(links.lost == 1 ? " connection" : " connections")
            writer.append("; their senders went on over another\n")
        }
        Console.write(writer.written, to: Console.output)
    }
}

extension ByteWriter {
    /// `12.034`
    fileprivate mutating func append(seconds nanoseconds: UInt64) {
        append(decimal: Int64(nanoseconds / 1_000_000_000))
        append(".")
        append(decimal: Int64(nanoseconds / 1_000_000 % 1_000), minDigits: 3)
    }
}
