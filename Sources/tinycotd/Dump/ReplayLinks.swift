// The connections of a replay, at most one for each of 64 senders, and the waiting: for the next
// event, for a server that takes no bytes, for its last word. Whatever comes in is read and
// forgotten, so that no server holds back because of us. Used by `ReplayCommand`.
// A link is `unused`, then a descriptor, then `gone` for good; what it had to say goes over
// another.

import CLinuxSys
import TinyCoT

struct ReplayLinks: ~Copyable {
    private static var unused: Int32 { -1 }
    private static var gone: Int32 { -2 }
    /// The number under which the poller knows the signals.
    private static var signalMark: UInt64 { 64 }
    private static var connectSeconds: Int { 10 }
    private static var stallSeconds: Int { 30 }
    private static var farewellSeconds: Int { 5 }
    /// Between two looks at what has come in, while there is no time to wait.
    private static var eventsBetweenLooks: Int { 16 }

    private var target: ReplayTarget
    private let scratch: Slab<UInt8>
    private let startup: StartupMemory
    private let poller: FileDescriptor
    private let signals: FileDescriptor
    private var descriptors: InlineArray<64, Int32> = .init(repeating: ReplayLinks.unused)
    private var unlooked = 0
    private(set) var isInterrupted = false
    /// Connections that stood.
    private(set) var opened = 0
    private(set) var lost = 0

    init(
        _ target: ReplayTarget, _ scratch: Slab<UInt8>, _ startup: StartupMemory
    ) throws(ExitCode) {
        self.target = target
        self.scratch = scratch
        self.startup = startup
        var result = tcs_hold_signals()
        poller = FileDescriptor(owning: tcs_poller())
        signals = FileDescriptor(owning: tcs_signal_descriptor())
        if result >= 0 { result = min(poller.raw, signals.raw) }
        if result >= 0 {
            result = tcs_poller_add(
                poller.raw, signals.raw, tcs_event_readable, ReplayLinks.signalMark)
        }
        if result >= 0 { return }
        complain("cannot wait for events", Slab(""), reason: -result, startup: startup)
        throw .system
    }

    // MARK: Waiting

    /// Reads what comes, until `deadline` or a signal.
    mutating func wait(until deadline: Instant) {
        if deadline <= LinuxClock.now() {
            unlooked += 1
            if unlooked < ReplayLinks.eventsBetweenLooks { return }
        }
        unlooked = 0
        while true {
            let milliseconds = LinuxClock.milliseconds(until: deadline)
            look(milliseconds)
            if isInterrupted || deadline <= LinuxClock.now() { return }
        }
    }

    /// One look at all links.
    private mutating func look(_ milliseconds: Int32) {
        var events: InlineArray<64, tcs_event> = .init(repeating: tcs_event())
        var span = events.mutableSpan
        let count = span.withUnsafeMutableBufferPointer {
            tcs_poller_wait(poller.raw, $0.baseAddress, 64, milliseconds)
        }
        var i = 0
        while i < Int(count) {
            let event = events[i]
            i += 1
            if event.data == ReplayLinks.signalMark {
                interrupt()
            } else if event.events & ~tcs_event_writable != 0 {
                drain(Int(event.data))
            }
        }
    }

    private mutating func interrupt() {
        _ = tcs_next_signal(signals.raw)
        isInterrupted = true
    }

    private mutating func drain(_ link: Int) {
        let descriptor = descriptors[link]
        if descriptor < 0 { return }
        let result = tcs_receive(descriptor, scratch.start, scratch.count)
        if result > 0 || result == -Int64(tcs_errno_again)
            || result == -Int64(tcs_errno_interrupted)
        {
            return
        }
        close(link)
    }

    private mutating func close(_ link: Int) {
        _ = tcs_close(descriptors[link])
        descriptors[link] = ReplayLinks.gone
        if !isLeaving { lost += 1 }
    }

    private var isLeaving = false

    // MARK: Connecting

    /// Every replay needs one connection at least.
    mutating func openFirst() throws(ExitCode) {
        var result = connect(0, target.first)
        if result < 0, !isInterrupted, let second = target.second {
            let other = connect(0, second)
            if other >= 0 {
                target.first = second
                result = other
            }
        }
        if result >= 0 || isInterrupted { return }
        var writer = ByteWriter(startup.text)
        writer.append("tinycot: cannot connect to ")
        writer.append(target.first)
        writer.append(reason: -result)
        writer.append("\n")
        Console.write(writer.written, to: Console.error)
        throw .unavailable
    }

    /// - Returns: 0, or -errno.
    private mutating func connect(_ link: Int, _ endpoint: Endpoint) -> Int32 {
        var name = tcs_endpoint(endpoint)
        let descriptor = tcs_socket_tcp(&name)
        if descriptor < 0 { return descriptor }
        descriptors[link] = descriptor
        var result = tcs_connect(descriptor, &name)
        if result == 0 || result == -tcs_errno_in_progress {
            let both = tcs_event_readable | tcs_event_writable
            result = tcs_poller_add(poller.raw, descriptor, both, UInt64(link))
            if result >= 0 { result = awaitConnection(link) }
        }
        if result >= 0 {
            _ = tcs_set_no_delay(descriptor)
            _ = tcs_poller_change(poller.raw, descriptor, tcs_event_readable, UInt64(link))
            opened += 1
            return 0
        }
        if descriptors[link] >= 0 { _ = tcs_close(descriptor) }
        descriptors[link] = ReplayLinks.unused
        return result
    }

    private mutating func awaitConnection(_ link: Int) -> Int32 {
        let descriptor = descriptors[link]
        let deadline = LinuxClock.now().after(seconds: ReplayLinks.connectSeconds)
        while !isInterrupted {
            var event = tcs_event()
            // Only this one socket matters now, and its error must be asked for before it is read.
            let count = tcs_poller_wait(
                poller.raw, &event, 1, LinuxClock.milliseconds(until: deadline))
            if count == 1 && event.data == ReplayLinks.signalMark {
                interrupt()
            } else if count == 1 && event.data == UInt64(link) {
                return tcs_pending_error(descriptor)
            } else if count == 1 {
                drain(Int(event.data))
            }
            if deadline <= LinuxClock.now() { return -tcs_errno_timed_out }
        }
        return -tcs_errno_interrupted
    }

    // MARK: Sending

    /// The whole of `document`, over the link with this number if it stands or can be opened, else
    /// over the first that stands.
    /// - Returns: false if a signal came in between.
    mutating func send(_ document: Slab<UInt8>, over link: Int) throws(ExitCode) -> Bool {
        if descriptors[link] == ReplayLinks.unused && connect(link, target.first) < 0 {
            if isInterrupted { return false }
            descriptors[link] = ReplayLinks.gone
            lost += 1
        }
        if try write(document, link) { return true }
        var other = 0
        while other < 64 && !isInterrupted {
            if try write(document, other) { return true }
            other += 1
        }
        if isInterrupted { return false }
        Console.write("tinycot: the server has closed the connection.\n", to: Console.error)
        throw .unavailable
    }

    /// - Returns: false if the link is gone, or a signal came.
    private mutating func write(_ document: Slab<UInt8>, _ link: Int) throws(ExitCode) -> Bool {
        var done = 0
        var deadline = LinuxClock.now().after(seconds: ReplayLinks.stallSeconds)
        while descriptors[link] >= 0 && !isInterrupted {
            let rest = document.slice(done, document.count - done)
            let result = tcs_send(descriptors[link], rest.start, rest.count)
            if result > 0 {
                done += Int(result)
                if done == document.count { return true }
                deadline = LinuxClock.now().after(seconds: ReplayLinks.stallSeconds)
            } else if result == -Int64(tcs_errno_again) {
                if deadline <= LinuxClock.now() {
                    Console.write(
                        "tinycot: the server has taken no byte for 30 seconds.\n",
                        to: Console.error)
                    throw .temporary
                }
                awaitRoom(link)
            } else if result != -Int64(tcs_errno_interrupted) {
                close(link)
            }
        }
        return false
    }

    /// Until the link takes bytes again, or something else happened, or a second has passed.
    private mutating func awaitRoom(_ link: Int) {
        let both = tcs_event_readable | tcs_event_writable
        _ = tcs_poller_change(poller.raw, descriptors[link], both, UInt64(link))
        look(1_000)
        if descriptors[link] < 0 { return }
        _ = tcs_poller_change(poller.raw, descriptors[link], tcs_event_readable, UInt64(link))
    }

    // MARK: Leaving

    /// Says on every link that no more comes, and reads until the server has closed it too: closing
    /// with bytes unread would make the kernel forget what the server has not read yet. A second
    /// signal ends the wait.
    mutating func finish() {
        isLeaving = true
        var i = 0
        while i < 64 {
            if descriptors[i] >= 0 { _ = tcs_shutdown_writing(descriptors[i]) }
            i += 1
        }
        isInterrupted = false
        let deadline = LinuxClock.now().after(seconds: ReplayLinks.farewellSeconds)
        while isAnyOpen && !isInterrupted && LinuxClock.now() < deadline {
            look(LinuxClock.milliseconds(until: deadline))
        }
    }

    private var isAnyOpen: Bool {
        var i = 0
        while i < 64 {
            if descriptors[i] >= 0 { return true }
            i += 1
        }
        return false
    }
}
