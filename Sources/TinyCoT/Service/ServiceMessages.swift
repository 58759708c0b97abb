// What the service manager is told (sd_notify(3)): the text of each message, and which of them are
// owed to it. The edge sends them; a socket that takes nothing at the moment is tried again,
// because a READY that is lost is a service that never starts.

/// The figures of the line that `systemctl status` shows.
public struct ServiceStatus: BitwiseCopyable, Equatable, Sendable {
    public enum Disk: UInt8, Sendable, BitwiseCopyable {
        case well
        /// Packages cannot be had; the log says why.
        case unavailable
        /// Inside one call for longer than is usual.
        case silent
    }
    public var clients = 0
    public var eventsPerSecond = 0
    public var memoryBytes = 0
    public var memoryLimitBytes = 0
    public var disk = Disk.well
    public var diskSilentSeconds = 0
    /// The relay's own event did not come back.
    public var isCanaryLost = false
    public init() {}
}

public enum ServiceMessages {
    /// Room for any of them.
    public static var maxBytes: Int { 512 }

    public static func ready(
        process: Int, _ status: ServiceStatus, into writer: inout ByteWriter
    ) {
        writer.append("READY=1\nMAINPID=")
        writer.append(decimal: process)
        writer.append("\n")
        self.status(status, into: &writer)
    }

    /// - Parameter now: of CLOCK_MONOTONIC, when the signal had come.
    public static func reloading(now: Instant, into writer: inout ByteWriter) {
        writer.append("RELOADING=1\nMONOTONIC_USEC=")
        writer.append(decimal: Int64(clamping: now.nanoseconds / 1_000))
        writer.append("\nSTATUS=reading the configuration again\n")
    }

    public static func stopping(clients: Int, into writer: inout ByteWriter) {
        writer.append("STOPPING=1\nSTATUS=sending what waits for ")
        append(clients, "client", "clients", &writer)
        writer.append("\n")
    }

    public static func watchdog(into writer: inout ByteWriter) { writer.append("WATCHDOG=1\n") }

    public static func status(_ status: ServiceStatus, into writer: inout ByteWriter) {
        writer.append("STATUS=")
        append(status.clients, "client", "clients", &writer)
        writer.append(", ")
        append(status.eventsPerSecond, "event", "events", &writer)
        writer.append(" a second, memory ")
        writer.append(decimal: status.memoryBytes / 1_024)
        writer.append(" of ")
        writer.append(decimal: status.memoryLimitBytes / 1_024)
        writer.append(" KiB")
        switch status.disk {
        case .well: break
        case .unavailable: writer.append("; the disk cannot be used, packages are refused")
        case .silent:
            writer.append("; the disk has not answered for ")
            append(status.diskSilentSeconds, "second", "seconds", &writer)
        }
        if status.isCanaryLost { writer.append("; the relay does not answer itself") }
        writer.append("\n")
    }

    private static func append(
        _ count: Int, _ one: StaticString, _ many: StaticString, _ writer: inout ByteWriter
    ) {
        writer.append(decimal: count)
        writer.append(" ")
        writer.append(count == 1 ? one : many)
    }
}

/// Messages that wait to be sent, in the order in which they must go: a reload is over only after
/// it has begun.
public struct ServiceDuties: BitwiseCopyable, Sendable {
    public enum Message: UInt8, Sendable, BitwiseCopyable {
        case reloading, ready, stopping, watchdog, status
        static var count: UInt8 { Message.status.rawValue + 1 }
    }
    private var owed: UInt8 = 0
    /// The socket took nothing: not again before this.
    public private(set) var retryAt = Instant.zero

    public init() {}

    public var isEmpty: Bool { owed == 0 }

    public mutating func owe(_ message: Message) {
        owed |= 1 << message.rawValue
        // A second reload begins: the end of the first is no longer news.
        if message == .reloading { settle(.ready) }
    }

    /// What is to be sent now.
    public func next(now: Instant) -> Message? {
        if now < retryAt { return nil }
        var value: UInt8 = 0
        while value < Message.count {
            if (owed >> value) & 1 == 1 { return Message(rawValue: value) }
            value += 1
        }
        return nil
    }

    public mutating func settle(_ message: Message) { owed &= ~(1 << message.rawValue) }

    public mutating func failed(now: Instant) { retryAt = now.after(milliseconds: 100) }

    /// When the edge must look again; `never` if nothing waits.
    public var deadline: Instant { isEmpty ? .never : retryAt }
}
