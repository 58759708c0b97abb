// Lines for the journal, on standard error. Never waits: a line that cannot be written at once is
// counted and lost, because a stopped terminal must not stop the relay. At most
// `log_lines_per_second` lines go out; what was left out is said in one line afterwards. There is
// no line per event. Names of clients are escaped by whoever appends them (`TextEscaper`).
// 0 ≤ linesInWindow ≤ linesPerSecond.

import CLinuxSys
import TinyCoT

struct Log: ~Copyable {
    /// As sd-daemon(3) counts them.
    enum Priority: UInt8 { case error = 3, warning = 4, notice = 5, information = 6 }

    static var lineBytes: Int { 1_024 }

    private let line: Slab<UInt8>
    private let isSocket: Bool
    private let hasPriorities: Bool
    var linesPerSecond = Budget().logLinesPerSecond

    private var windowEnd = Instant.zero
    private var linesInWindow = 0
    private var suppressedInWindow = 0
    /// Lines that the limit kept back, since start.
    private(set) var suppressedLines: UInt64 = 0
    /// Lines that standard error did not take, since start.
    private(set) var lostLines: UInt64 = 0

    init(line: Slab<UInt8>) {
        self.line = line
        isSocket = tcs_is_socket(Console.error) == 1
        hasPriorities = tcs_environment("JOURNAL_STREAM") != nil
    }

    /// An empty line to append to; hand it to `end`. The last byte is kept for the line feed.
    func begin(_ priority: Priority) -> ByteWriter {
        var writer = ByteWriter(line.slice(0, line.count - 1))
        if hasPriorities {
            writer.append("<")
            writer.append(decimal: Int(priority.rawValue))
            writer.append(">")
        }
        return writer
    }

    /// - Parameter limited: false for the few lines that must not be lost in a flood of others.
    mutating func end(_ writer: ByteWriter, at now: Instant, limited: Bool = true) {
        if limited && !mayWrite(at: now) {
            suppressedInWindow += 1
            suppressedLines += 1
            return
        }
        line[writer.count] = UInt8(ascii: "\n")
        send(line.slice(0, writer.count + 1))
    }

    mutating func say(
        _ text: StaticString, _ priority: Priority, at now: Instant, limited: Bool = true
    ) {
        var writer = begin(priority)
        writer.append(text)
        end(writer, at: now, limited: limited)
    }

    private mutating func mayWrite(at now: Instant) -> Bool {
        reportSuppressed(at: now)
        if linesInWindow >= linesPerSecond { return false }
        linesInWindow += 1
        return true
    }

    /// When the loop must wake to say how much was left out; `never` if nothing was.
    var deadline: Instant { suppressedInWindow > 0 ? windowEnd : .never }

    /// Once a turn: closes the second that is over.
    mutating func reportSuppressed(at now: Instant) {
        if now < windowEnd { return }
        let missing = suppressedInWindow
        windowEnd = now.after(seconds: 1)
        linesInWindow = 0
        suppressedInWindow = 0
        if missing == 0 { return }
        // The caller may be in the middle of a line of its own, so this one has other memory.
        var bytes: InlineArray<64, UInt8> = .init(repeating: 0)
        var span = bytes.mutableSpan
        span.withUnsafeMutableBufferPointer { buffer in
            var writer = ByteWriter(Slab(start: buffer.baseAddress, count: buffer.count))
            if hasPriorities { writer.append("<5>") }
            writer.append(decimal: missing)
            writer.append(" log lines suppressed\n")
            send(writer.written)
        }
    }

    private mutating func send(_ bytes: Slab<UInt8>) {
        let result: Int64
        if isSocket {
            result = tcs_send(Console.error, bytes.start, bytes.count)
        } else if tcs_poll_writable(Console.error) == 1 {
            result = tcs_write(Console.error, bytes.start, bytes.count)
        } else {
            result = -1
        }
        if result < Int64(bytes.count) { lostLines += 1 }
    }
}

/// The last words of the core, then the end with a core dump: systemd starts a fresh process.
func installInvariantSink() {
    invariantSink = { sentence, file, line in
        var bytes: InlineArray<256, UInt8> = .init(repeating: 0)
        var span = bytes.mutableSpan
        span.withUnsafeMutableBufferPointer { buffer in
            var writer = ByteWriter(Slab(start: buffer.baseAddress, count: buffer.count))
            writer.append("tinycot: broken invariant: ")
            writer.append(sentence)
            writer.append(" (")
            writer.append(file)
            writer.append(":")
            writer.append(decimal: Int(line))
            writer.append(")\n")
            // A full pipe must not keep a broken daemon from ending.
            if tcs_poll_writable(Console.error) == 1 {
                Console.write(writer.written, to: Console.error)
            }
        }
        tcs_abort()
    }
}
