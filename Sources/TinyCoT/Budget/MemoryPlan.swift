// The budget turned into pools: what every table, pool and buffer takes, which descriptors are
// opened, and what the kernel may hold for us at worst. Made before anything opens; printed by
// `tinycot budget` and compared with what the machine allows.
// Invariant: `arenaBytes` is the sum of the rows.

/// The plan, made from an arena that has measured everything, so that it cannot differ from what
/// is taken.
public struct MemoryPlan: BitwiseCopyable {
    /// One pool. `unitBytes` is what one of it takes, bookkeeping included, rounded down.
    public struct Row: BitwiseCopyable {
        public var name: StaticString = ""
        public var count = 0
        public var unitBytes = 0
        public var totalBytes = 0
    }

    /// Descriptors of one kind.
    public struct DescriptorRow: BitwiseCopyable {
        public var name: StaticString = ""
        public var count = 0
    }

    public static var rowLimit: Int { 48 }
    /// Connections through the store socket at one time.
    public static var operatorConnections: Int { 1 }
    /// Connections that are refused with an answer, beside those that are served.
    public static var refusedConnections: Int { 2 }
    public static var descriptorRowLimit: Int { 24 }
    /// Both ends of the connection that the daemon makes to itself.
    public static var canarySockets: Int { 2 }
    /// SO_RCVBUF and SO_SNDBUF of each: an event of half a kilobyte passes.
    public static var canaryBufferBytes: Int { 4_096 }

    public let budget: Budget
    /// What the one mapping must hold.
    public let arenaBytes: Int
    private var rows: InlineArray<48, Row>
    public private(set) var rowCount = 0
    private var descriptorRows: InlineArray<24, DescriptorRow>
    public private(set) var descriptorRowCount = 0

    /// - Parameter arena: what everything that takes memory has taken from it, or only measured.
    public init(budget: Budget, arena: borrowing Arena) {
        self.budget = budget
        arenaBytes = arena.usedBytes
        rows = .init(repeating: Row())
        descriptorRows = .init(repeating: DescriptorRow())
        var i = 0
        while i < arena.rowCount {
            add(arena.rows[i])
            i += 1
        }
        addRelayDescriptors()
        addStoreDescriptors()
        // The socket to the service manager, and both ends of the canary's connection.
        addDescriptors("service manager and canary", 1 + MemoryPlan.canarySockets)
    }

    private mutating func addRelayDescriptors() {
        addDescriptors("clients", budget.clients)
        addDescriptors("listeners", budget.listeners)
        addDescriptors("status socket", 1)
        addDescriptors("status connections", budget.statusConnections)
        addDescriptors("epoll", 1)
        addDescriptors("signals", 1)
        // Two of the reading of the configuration, two between relay and store.
        addDescriptors("event descriptors", 4)
        addDescriptors("kept in reserve", 1)
        // One more than the clients: it is accepted to be told apart, and closed at once.
        addDescriptors("being accepted", 1)
        addDescriptors("configuration file", 1)
        addDescriptors("standard streams", 3)
    }

    private mutating func addStoreDescriptors() {
        addDescriptors("HTTP connections", budget.httpConnections)
        addDescriptors("HTTP listeners", budget.httpListeners)
        addDescriptors("store socket", 1)
        addDescriptors("operator connection", MemoryPlan.operatorConnections)
        addDescriptors("being refused", MemoryPlan.refusedConnections)
        addDescriptors("store epoll", 1)
        addDescriptors("files being received", budget.uploads)
        addDescriptors("files being sent", budget.httpConnections)
        // The database, its journal, and what SQLite opens for a moment beside them.
        addDescriptors("catalogue", 4)
        // The folder itself, and once more while it is listed.
        addDescriptors("package folder", 2)
        // The folder, and the file that is being written or read.
        addDescriptors("state", 2)
        // The folder of the dump, and the file that is being written.
        addDescriptors("dump", 2)
    }

    private mutating func add(_ pool: ArenaRow) {
        invariant(rowCount < MemoryPlan.rowLimit, "the plan has room for every pool")
        rows[rowCount] = Row(
            name: pool.name, count: pool.count, unitBytes: pool.bytes / max(1, pool.count),
            totalBytes: pool.bytes)
        rowCount += 1
    }

    public mutating func addDescriptors(_ name: StaticString, _ count: Int) {
        invariant(
            descriptorRowCount < MemoryPlan.descriptorRowLimit,
            "the plan has room for every kind of descriptor")
        descriptorRows[descriptorRowCount] = DescriptorRow(name: name, count: count)
        descriptorRowCount += 1
    }

    public func row(_ index: Int) -> Row {
        invariant(index >= 0 && index < rowCount, "a row of the plan exists")
        return rows[index]
    }

    public func descriptorRow(_ index: Int) -> DescriptorRow {
        invariant(index >= 0 && index < descriptorRowCount, "a descriptor row exists")
        return descriptorRows[index]
    }

    // MARK: Sums

    /// The arena and what lies outside it.
    public var plannedBytes: Int { arenaBytes + budget.processBytes }

    /// Negative if the plan does not fit.
    public var headroomBytes: Int { budget.memoryBytes - plannedBytes }

    public var descriptors: Int {
        var sum = 0
        var i = 0
        while i < descriptorRowCount {
            sum += descriptorRows[i].count
            i += 1
        }
        return sum
    }

    /// The operator's connection, and those that are refused, have the same buffers.
    public var httpSockets: Int {
        budget.httpConnections + MemoryPlan.operatorConnections + MemoryPlan.refusedConnections
    }

    /// All buffers of all connections full in both directions. The kernel doubles what is asked
    /// for by SO_RCVBUF and SO_SNDBUF, to have room for its own bookkeeping (socket(7)).
    public var kernelSocketBytes: Int {
        2 * budget.clients
            * (budget.clientReceiveBufferBytes + budget.clientSendBufferBytes)
            + 2 * httpSockets
            * (budget.httpReceiveBufferBytes + budget.httpSendBufferBytes)
            + 2 * MemoryPlan.canarySockets * 2 * MemoryPlan.canaryBufferBytes
    }

    /// All that a control group of version 2 charges: our own memory, and what the kernel holds in
    /// the buffers of our sockets. Pages of files are charged, too, but given back.
    public var groupBytes: Int { plannedBytes + kernelSocketBytes }

    // MARK: Checks

    /// The first thing that does not fit, or nil.
    /// - Parameters:
    ///   - cgroupBytes: the limit of our control group, nil where there is none.
    ///   - groupCountsSockets: it charges the buffers of sockets, too (version 2 does).
    ///   - descriptorLimit: the hard limit RLIMIT_NOFILE, nil where it is unlimited.
    public func check(
        cgroupBytes: Int?, groupCountsSockets: Bool = true, descriptorLimit: Int?
    ) -> ConfigError? {
        if headroomBytes < 0 {
            return refusal(
                .memory, .memoryBytes, needed: plannedBytes, "the plan needs")
        }
        if kernelSocketBytes > budget.kernelSocketBytes {
            return refusal(
                .socketMemory, .kernelSocketBytes, needed: kernelSocketBytes,
                "the buffers of all sockets together can take")
        }
        if descriptors > budget.fileDescriptors {
            return refusal(
                .descriptors, .fileDescriptors, needed: descriptors, "the plan needs")
        }
        let charged = groupCountsSockets ? groupBytes : plannedBytes
        if let cgroupBytes, cgroupBytes < charged {
            var error = refusal(.controlGroup, .memoryBytes, needed: charged, "")
            error.minimum = budget.memoryBytes
            error.otherNumber = groupCountsSockets ? kernelSocketBytes : 0
            error.maximum = cgroupBytes
            return error
        }
        if let descriptorLimit, descriptorLimit < descriptors {
            var error = refusal(.descriptorLimit, .fileDescriptors, needed: descriptors, "")
            error.minimum = budget.fileDescriptors
            error.maximum = descriptorLimit
            return error
        }
        return nil
    }

    private func refusal(
        _ problem: ConfigError.Problem, _ key: BudgetKey, needed: Int, _ why: StaticString
    ) -> ConfigError {
        var error = ConfigError(problem, place: ConfigPlace(key.name))
        error.allowed = why
        error.number = needed
        error.maximum = key.value(in: budget)
        return error
    }
}
