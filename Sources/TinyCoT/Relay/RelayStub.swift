// Throw-away: broadcasts bytes, so that the edge can be compiled and tried. Replaced at merge.

public enum PoolUseMark {}
public struct PoolUse { public var name: StaticString; public var used, peak, limit: Int }

public struct RelayTotals: BitwiseCopyable {
    public var eventsIn: UInt64 = 0
    public var bytesIn: UInt64 = 0
    public var eventsOut: UInt64 = 0
    public var bytesOut: UInt64 = 0
    public var refused: InlineArray<21, UInt64> = .init(repeating: 0)
    public var admissionRefused: InlineArray<4, UInt64> = .init(repeating: 0)
    public var closed: InlineArray<8, UInt64> = .init(repeating: 0)
    public var drops: InlineArray<6, UInt64> = .init(repeating: 0)
}

public struct Relay: ~Copyable {
    let budget: Budget
    var clients: Slab<Client>
    var rings: Slab<UInt8>
    var heads: Slab<Int>
    var counts: Slab<Int>
    var flags: Slab<UInt8>  // 1 blocked, 2 offered this turn, 4 close offered
    var now = Instant.zero
    var down = false
    var config: Config
    var sums = RelayTotals()
    static var ring: Int { 262_144 }

    public init(budget: Budget, config: Config, seed: UInt64, arena: inout Arena) {
        self.budget = budget
        self.config = config
        clients = arena.take(Client.self, count: budget.clients)
        rings = arena.take(UInt8.self, count: 8 * Relay.ring)
        heads = arena.take(Int.self, count: budget.clients)
        counts = arena.take(Int.self, count: budget.clients)
        flags = arena.take(UInt8.self, count: budget.clients)
    }
    public mutating func addRows(to plan: inout MemoryPlan) {
        plan.add("clients", count: budget.clients, unitBytes: MemoryLayout<Client>.stride)
        plan.add("rings", count: 8, unitBytes: Relay.ring)
    }
    public mutating func beginTurn(now: Instant, wall: WallTime) {
        self.now = now
        var i = 0
        while i < clients.count {
            flags[i] &= ~2
            i += 1
        }
    }
    public mutating func admit(address: Address, port: UInt16, listenerTeam: UInt8) -> Admission {
        var i = 0
        while i < min(clients.count, 8) {
            if clients[i].phase == .free {
                var c = Client()
                c.phase = .connected
                c.address = address
                c.listenerTeam = listenerTeam
                c.connectedAt = now
                clients[i] = c
                heads[i] = 0
                counts[i] = 0
                flags[i] = 0
                return .admitted(i)
            }
            i += 1
        }
        sums.admissionRefused[1] += 1
        return .refused(.clientsFull)
    }
    public mutating func bytesArrived(client: Int, bytes: Slab<UInt8>) {
        sums.bytesIn += UInt64(bytes.count)
        clients[client].counters.bytesIn += UInt64(bytes.count)
        if bytes.count > 0, bytes[0] == 0x16 {
            clients[client].phase = .closing
            clients[client].closeReason = .tlsOnPlainPort
            return
        }
        if !clients[client].isIdentified {
            clients[client].isIdentified = true
            clients[client].callsign.set(bytes.slice(0, min(bytes.count, 80)))
            clients[client].uid.set("uid-\"x")
        }
        var i = 0
        while i < 8 {
            if i != client, clients[i].phase == .connected {
                var k = 0
                while k < bytes.count {
                    if counts[i] == Relay.ring {
                        clients[i].counters.drops[1] += 1
                        break
                    }
                    rings[i * Relay.ring + (heads[i] + counts[i]) % Relay.ring] = bytes[k]
                    counts[i] += 1
                    k += 1
                }
            }
            i += 1
        }
    }
    public mutating func connectionEnded(client: Int, reason: CloseReason) {
        clients[client].phase = .closing
        clients[client].closeReason = reason
    }
    public mutating func runDeadlines() {}
    public mutating func nextToFlush() -> Int? {
        var i = 0
        while i < min(8, clients.count) {
            if clients[i].phase == .connected, counts[i] > 0, flags[i] & 3 == 0 {
                flags[i] |= 2
                return i
            }
            i += 1
        }
        return nil
    }
    public mutating func gather(client: Int, into pieces: Slab<Piece>) -> Int {
        let n = min(counts[client], Relay.ring - heads[client])
        if n == 0 { return 0 }
        pieces[0] = Piece(
            start: UnsafeRawPointer(rings.pointer(at: client * Relay.ring + heads[client])), count: n)
        return 1
    }
    public mutating func bytesTaken(client: Int, count: Int, blocked: Bool) -> Flow {
        heads[client] = (heads[client] + count) % Relay.ring
        counts[client] -= count
        sums.bytesOut += UInt64(count)
        clients[client].counters.bytesOut += UInt64(count)
        if blocked { flags[client] |= 1 }
        return counts[client] == 0 ? .drained : .moreWaiting
    }
    public mutating func becameWritable(client: Int) { flags[client] &= ~1 }
    public mutating func nextToClose() -> Int? {
        var i = 0
        while i < min(8, clients.count) {
            if clients[i].phase == .closing, flags[i] & 4 == 0 {
                flags[i] |= 4
                return i
            }
            i += 1
        }
        return nil
    }
    public mutating func released(client: Int) {
        sums.closed[Int(clients[client].closeReason.rawValue)] += 1
        clients[client].phase = .free
    }
    public func nextDeadline() -> Instant { now.after(seconds: 1) }
    public mutating func apply(config: Config) { self.config = config }
    public mutating func beginShutdown() { down = true }
    public var isDrained: Bool {
        var i = 0
        while i < clients.count {
            if clients[i].phase == .connected, counts[i] > 0 { return false }
            i += 1
        }
        return true
    }
    public func client(at index: Int) -> Client { clients[index] }
    public func queueDepth(client: Int) -> (events: Int, bytes: Int) { (counts[client], counts[client]) }
    public var connectedClients: Int {
        var n = 0
        var i = 0
        while i < clients.count {
            if clients[i].phase != .free { n += 1 }
            i += 1
        }
        return n
    }
    public var totals: RelayTotals { sums }
    public func pool(_ i: Int) -> PoolUse? {
        i < 2 ? PoolUse(name: i == 0 ? "event_log" : "receive", used: 1, peak: 2, limit: 3) : nil
    }
}

public struct MemoryPlan: BitwiseCopyable {
    public var totalBytes = 0
    public init() {}
    public mutating func add(_ name: StaticString, count: Int, unitBytes: Int) {
        totalBytes += Arena.roundUp(count * unitBytes)
    }
    public func check(budget: Budget, cgroupBytes: Int?, descriptorLimit: Int) -> ConfigError? {
        if descriptorLimit < budget.fileDescriptors { return ConfigError(text: "too few descriptors") }
        if let cgroupBytes, totalBytes > cgroupBytes { return ConfigError(text: "cgroup") }
        return totalBytes > budget.memoryBytes ? ConfigError(text: "memory_bytes is too small") : nil
    }
    public func write(into writer: inout ByteWriter) {
        writer.append("plan ")
        writer.append(decimal: totalBytes)
        writer.append("\n")
    }
}

public struct ConfigError: Error {
    var text: StaticString = ""
    var number = 0
    public static func fileTooLarge(bytes: Int, limit: Int) -> ConfigError {
        ConfigError(text: "the file is too large", number: bytes)
    }
    public func write(file: Slab<UInt8>, into writer: inout ByteWriter) {
        writer.append(file)
        writer.append(": ")
        writer.append(text)
    }
}

public struct BudgetParser {
    public static func parse(_ bytes: Slab<UInt8>, into budget: inout Budget) throws(ConfigError) {
        if bytes.count > 0, bytes[0] != UInt8(ascii: "{") { throw ConfigError(text: "not an object") }
    }
}

public struct ConfigParser {
    // lines "L port" choose IPv4 listeners on loopback; anything else gives the defaults
    public static func parse(_ bytes: Slab<UInt8>, budget: Budget, into config: inout Config)
        throws(ConfigError)
    {
        config.teamCount = 1
        config.teams[0] = TeamConfig()
        config.teams[0].name.set("everyone")
        config.listenerCount = 0
        config.defaultTeam = 0
        config.drainSeconds = 3
        var i = 0
        var number = -1
        var six = false
        while i < bytes.count {
            let byte = bytes[i]
            if byte == UInt8(ascii: "!") { throw ConfigError(text: "bad byte") }
            if byte == UInt8(ascii: "L") { number = 0; six = false }
            if byte == UInt8(ascii: "S") { number = 0; six = true }
            if number >= 0, byte >= 48, byte <= 57 { number = number * 10 + Int(byte) - 48 }
            if number > 0, byte == UInt8(ascii: "\n") {
                config.listeners[config.listenerCount].endpoint.address = six ? Address(high: 0, low: 1) : Address(ipv4: 0x7F00_0001)
                config.listeners[config.listenerCount].endpoint.port = UInt16(number)
                config.listeners[config.listenerCount].team = 255
                config.listenerCount += 1
                number = -1
            }
            i += 1
        }
        if config.listenerCount == 0 {
            config.listeners[0].endpoint.address = Address(ipv4: 0)
            config.listeners[0].endpoint.port = 8087
            config.listeners[1].endpoint.address = Address()
            config.listeners[1].endpoint.port = 8087
            config.listenerCount = 2
        }
    }
}

extension ByteWriter {
    public mutating func append(_ endpoint: Endpoint) {
        if endpoint.address.isIPv4 {
            var i = 3
            while i >= 0 {
                append(decimal: Int((endpoint.address.low >> UInt64(i * 8)) & 255))
                if i > 0 { append(UInt8(ascii: ".")) }
                i -= 1
            }
        } else {
            append("[v6:")
            append(hex: endpoint.address.low, digits: 4)
            append("]")
        }
        append(":")
        append(decimal: Int(endpoint.port))
    }
}
