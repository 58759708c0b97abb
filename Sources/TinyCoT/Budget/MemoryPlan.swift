// The budget turned into pools: what every table, pool and buffer takes, which descriptors are
// opened, and what the kernel may hold for us at worst. Made before anything opens; printed by
// `tinycot budget` and compared with what the machine allows.
// Invariant: `arenaBytes` is the sum of the rows, each rounded as the arena rounds.

/// The plan. Whoever takes slabs from the arena adds a row for them.
public struct MemoryPlan: BitwiseCopyable {
    /// One pool: `totalBytes` is `count * unitBytes`, rounded up to the arena's alignment.
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
    public static var descriptorRowLimit: Int { 16 }

    public let budget: Budget
    private var rows: InlineArray<48, Row>
    public private(set) var rowCount = 0
    private var descriptorRows: InlineArray<16, DescriptorRow>
    public private(set) var descriptorRowCount = 0

    /// The plan for what the configuration and the edge take. The relay adds its own rows.
    public init(budget: Budget) {
        self.budget = budget
        rows = .init(repeating: Row())
        descriptorRows = .init(repeating: DescriptorRow())
        add("configuration tables", count: 2, unitBytes: Config.tableBytes(budget))
        add("configuration file", count: 1, unitBytes: budget.configFileBytes)
        addDescriptors("clients", budget.clients)
        addDescriptors("listeners", budget.listeners)
        addDescriptors("status socket", 1)
        addDescriptors("status connections", budget.statusConnections)
        addDescriptors("epoll", 1)
        addDescriptors("signals", 1)
        addDescriptors("event descriptors", 2)
        addDescriptors("kept in reserve", 1)
        // One more than the clients: it is accepted to be told apart, and closed at once.
        addDescriptors("being accepted", 1)
        addDescriptors("configuration file", 1)
        addDescriptors("standard streams", 3)
    }

    public mutating func add(_ name: StaticString, count: Int, unitBytes: Int) {
        invariant(rowCount < MemoryPlan.rowLimit, "the plan has room for every pool")
        invariant(count >= 0 && unitBytes >= 0, "a pool has no negative size")
        rows[rowCount] = Row(
            name: name, count: count, unitBytes: unitBytes,
            totalBytes: Arena.roundUp(count * unitBytes))
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

    /// What the one mapping must hold.
    public var arenaBytes: Int {
        var sum = 0
        var i = 0
        while i < rowCount {
            sum += rows[i].totalBytes
            i += 1
        }
        return sum
    }

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

    /// All buffers of all clients full in both directions. The kernel doubles what is asked for
    /// by SO_RCVBUF and SO_SNDBUF, to have room for its own bookkeeping (socket(7)).
    public var kernelSocketBytes: Int {
        2 * budget.clients
            * (budget.clientReceiveBufferBytes + budget.clientSendBufferBytes)
    }

    // MARK: Checks

    /// The first thing that does not fit, or nil.
    /// - Parameters:
    ///   - cgroupBytes: memory.max of our control group, nil where there is none.
    ///   - descriptorLimit: the hard limit RLIMIT_NOFILE, nil where it is unlimited.
    public func check(cgroupBytes: Int?, descriptorLimit: Int?) -> ConfigError? {
        if headroomBytes < 0 {
            return refusal(
                .memory, .memoryBytes, needed: plannedBytes, "the plan needs")
        }
        if kernelSocketBytes > budget.kernelSocketBytes {
            return refusal(
                .socketMemory, .kernelSocketBytes, needed: kernelSocketBytes,
                "the socket buffers of all clients can take")
        }
        if descriptors > budget.fileDescriptors {
            return refusal(
                .descriptors, .fileDescriptors, needed: descriptors, "the plan needs")
        }
        if let cgroupBytes, cgroupBytes < plannedBytes {
            var error = refusal(.controlGroup, .memoryBytes, needed: plannedBytes, "")
            error.minimum = budget.memoryBytes
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

extension Config {
    /// What one set of tables takes from the arena; `init(budget:arena:)` takes the same.
    static func tableBytes(_ budget: Budget) -> Int {
        Arena.bytes(ListenerConfig.self, count: budget.listeners)
            + Arena.bytes(Network.self, count: budget.allowedNetworks)
            + Arena.bytes(TeamConfig.self, count: budget.teams)
            + Arena.bytes(TeamMember.self, count: budget.teamMembers)
    }
}
