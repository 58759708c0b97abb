// Listening sockets that the service manager has opened for us (sd_listen_fds(3)): descriptors from
// 3 on, as many as LISTEN_FDS says, if LISTEN_PID is us. Each is taken where the configuration
// names its address, for CoT or HTTP; what it does not name is closed with a line in the log.
// Looked at before anything else is opened; used during the start only, so that a reload opens
// sockets of our own. Names (LISTEN_FDNAMES) are for people: the address decides.

import CLinuxSys
import TinyCoT

struct PassedSockets: BitwiseCopyable {
    private static var first: Int { 3 }

    private var count = 0
    /// One bit each: taken, or closed.
    private var gone: InlineArray<4, UInt32> = .init(repeating: 0)
    private var names = Slab<UInt8>(start: nil, count: 0)

    /// None.
    init() {}

    /// What was passed, checked; a complaint on standard error if it is not what we can use.
    init(budget: Budget, startup: StartupMemory) throws(ExitCode) {
        guard let pid = tcs_environment("LISTEN_PID"),
            ServiceEnvironment.isFor(process: Int(tcs_process()), Slab(cString: pid)),
            let text = tcs_environment("LISTEN_FDS")
        else { return }
        let most = budget.listeners + budget.httpListeners
        guard let number = ServiceEnvironment.number(Slab(cString: text)),
            number <= UInt64(min(most, 128))
        else {
            var writer = ByteWriter(startup.text)
            writer.append("tinycot: LISTEN_FDS is ")
            writer.append(Slab(cString: text), as: .plain)
            writer.append(", but at most ")
            writer.append(decimal: most)
            writer.append(" sockets can be passed (listeners and http_listeners in budget.json)")
            writer.append(".\n")
            Console.write(writer.written, to: Console.error)
            throw .configuration
        }
        count = Int(number)
        if let list = tcs_environment("LISTEN_FDNAMES") { names = Slab(cString: list) }
        var index = 0
        while index < count {
            try prepare(index, startup)
            index += 1
        }
    }

    private func descriptor(_ index: Int) -> Int32 { Int32(PassedSockets.first + index) }

    private func prepare(_ index: Int, _ startup: StartupMemory) throws(ExitCode) {
        let raw = descriptor(index)
        let family = tcs_socket_family(raw)
        let isTCP = family == tcs_family_ipv4 || family == tcs_family_ipv6
        if isTCP && tcs_socket_type(raw) == tcs_type_stream && tcs_socket_listens(raw) == 1
            && tcs_set_close_on_exec(raw) == 0 && tcs_set_non_blocking(raw) == 0
        {
            // As for our own: what waits there is bounded.
            _ = tcs_listen(raw, 128)
            return
        }
        var writer = ByteWriter(startup.text)
        writer.append("tinycot: descriptor ")
        describe(index, into: &writer)
        writer.append(", passed by LISTEN_FDS, is no listening TCP socket.\n")
        Console.write(writer.written, to: Console.error)
        throw .configuration
    }

    /// `4 ("http")`
    private func describe(_ index: Int, into writer: inout ByteWriter) {
        writer.append(decimal: Int(descriptor(index)))
        let name = ServiceEnvironment.name(index, of: names)
        if name.count == 0 { return }
        writer.append(" (\"")
        writer.append(name, as: .plain)
        writer.append("\")")
    }

    private func isGone(_ index: Int) -> Bool { (gone[index / 32] >> UInt32(index % 32)) & 1 == 1 }

    private func endpoint(_ index: Int) -> Endpoint {
        var name = tcs_endpoint()
        return tcs_local_endpoint(descriptor(index), &name) < 0 ? Endpoint() : Endpoint(name)
    }

    /// The socket that listens on `wanted`, from now on the caller's; nil if none was passed.
    mutating func take(_ wanted: Endpoint) -> Int32? {
        var index = 0
        while index < count {
            if !isGone(index) && endpoint(index) == wanted {
                gone[index / 32] |= 1 << UInt32(index % 32)
                return descriptor(index)
            }
            index += 1
        }
        return nil
    }

    /// When all listeners are open: what nobody wanted goes.
    mutating func closeRest(log: inout Log, at now: Instant) {
        var index = 0
        while index < count {
            if !isGone(index) {
                var line = log.begin(.warning)
                line.append("the passed socket ")
                describe(index, into: &line)
                line.append(" is closed: no \"listen\" names its address ")
                line.append(endpoint(index))
                log.end(line, at: now, limited: false)
                _ = tcs_close(descriptor(index))
            }
            index += 1
        }
        self = PassedSockets()
    }
}
