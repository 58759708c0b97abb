import Testing

@testable import TinyCoT

@Suite struct MemoryPlanTests {
    private func sentence(_ plan: MemoryPlan, cgroup: Int? = nil, limit: Int? = nil) -> String? {
        plan.check(cgroupBytes: cgroup, descriptorLimit: limit).map {
            TinyCoTTests.sentence($0, file: "budget.json")
        }
    }

    /// A plan for pools of the given names, counts and sizes.
    private func plan(
        _ pools: [(StaticString, count: Int, unitBytes: Int)], budget: Budget = Budget()
    ) -> MemoryPlan {
        var arena = Arena.measuring()
        for pool in pools {
            arena.label(pool.0, count: pool.count)
            _ = arena.take(UInt8.self, count: pool.count * pool.unitBytes)
        }
        return MemoryPlan(budget: budget, arena: arena)
    }

    @Test func sumsAreTheSumsOfTheRows() {
        let plan = plan([
            ("clients", count: 128, unitBytes: 1_000), ("odd", count: 3, unitBytes: 7),
        ])
        let rows = (0..<plan.rowCount).map(plan.row)
        #expect(rows.map(\.totalBytes) == [128_000, 64])
        #expect(plan.arenaBytes == 128_064)
        #expect(plan.plannedBytes == plan.arenaBytes + 3_506_176)
        #expect(plan.headroomBytes == 8_388_608 - plan.plannedBytes)
        // 128 x 2 x (32 KiB + 64 KiB), and for 8 HTTP connections, the operator's and two that are
        // refused 11 x 2 x (128 KiB + 192 KiB).
        #expect(plan.kernelSocketBytes == 25_165_824 + 7_208_960 + 32_768)
        // Clients 128, listeners 16, status 1 + 2, epoll 1, signals 1, events 4, reserve 1,
        // accepting 1, file 1, standard streams 3; HTTP 8 + 4, operator 1 + 1, refused 2, epoll 1,
        // received 4, sent 8, catalogue 4, folder 2, dump 2; service manager 1, canary 2.
        #expect(plan.descriptors == 159 + 42)
    }

    /// Every limit of the store loop that opens something is in the sum.
    @Test func theStoreLoopIsPlanned() {
        func grown(_ change: (inout Budget) -> Void) -> (sockets: Int, descriptors: Int) {
            var budget = Budget()
            change(&budget)
            let more = plan([], budget: budget)
            let usual = plan([])
            return (
                more.kernelSocketBytes - usual.kernelSocketBytes,
                more.descriptors - usual.descriptors
            )
        }
        // A connection, and the file that is sent on it.
        #expect(grown { $0.httpConnections += 3 } == (3 * 655_360, 6))
        #expect(grown { $0.httpListeners += 3 } == (0, 3))
        #expect(grown { $0.uploads += 3 } == (0, 3))
        #expect(grown { $0.httpReceiveBufferBytes += 100 } == (2_200, 0))
        #expect(grown { $0.httpSendBufferBytes += 100 } == (2_200, 0))
    }

    /// The largest arena fits into the plan, and the plan's table into the text of a command.
    @Test func thePlanHasARowForEveryRowOfTheArena() {
        var budget = Budget()
        budget.memoryBytes = 1 << 30
        let pools = [(StaticString, count: Int, unitBytes: Int)](
            repeating: ("some pool", count: 1, unitBytes: 64), count: Arena.rowLimit)
        let full = plan(pools, budget: budget)
        #expect(full.rowCount == Arena.rowLimit)
        #expect(written(capacity: 8_192) { full.write(into: &$0) }.contains("headroom"))
    }

    /// What is measured is what is taken: a mapping of exactly the planned size is used up.
    @Test func theRelayTakesWhatThePlanSays() {
        for clients in [1, 16, 128] {
            var budget = Budget()
            budget.clients = clients
            budget.clientsPerAddress = clients
            var measuring = Arena.measuring()
            let measured = Config(budget: budget, arena: &measuring)
            _ = Relay(budget: budget, config: measured, seed: 1, arena: &measuring)
            let plan = MemoryPlan(budget: budget, arena: measuring)
            let memory = UnsafeMutableRawBufferPointer.allocate(
                byteCount: plan.arenaBytes, alignment: 64)
            defer { memory.deallocate() }
            memory.initializeMemory(as: UInt8.self, repeating: 0)
            var arena = Arena(memory: memory)
            let config = Config(budget: budget, arena: &arena)
            _ = Relay(budget: budget, config: config, seed: 1, arena: &arena)
            #expect(arena.usedBytes == plan.arenaBytes)
            let rows = (0..<plan.rowCount).map(plan.row)
            #expect(rows.reduce(0) { $0 + $1.totalBytes } == plan.arenaBytes)
        }
    }

    @Test func refusalsNameTheKeyAndBothNumbers() {
        let most = 8_388_608 - 3_506_176
        #expect(sentence(plan([("all", count: 1, unitBytes: most)])) == nil)
        #expect(
            sentence(plan([("all", count: 1, unitBytes: most), ("one", count: 1, unitBytes: 1)]))
                == "budget.json: memory_bytes is 8388608, but the plan needs 8388672 bytes.")

        var budget = Budget()
        budget.kernelSocketBytes = 32_407_551
        #expect(
            sentence(plan([], budget: budget))
                == """
                budget.json: kernel_socket_bytes is 32407551, but the buffers of all sockets \
                together can take 32407552 bytes.
                """)
        budget = Budget()
        budget.fileDescriptors = 200
        #expect(
            sentence(plan([], budget: budget))
                == "budget.json: file_descriptors is 200, but the plan needs 201.")

        let plain = plan([("some", count: 1, unitBytes: 1_000)])
        let charged = plain.plannedBytes + plain.kernelSocketBytes
        #expect(sentence(plain, cgroup: charged, limit: 201) == nil)
        #expect(
            sentence(plain, cgroup: charged - 1)
                == """
                budget.json: the plan needs \(charged) bytes, 32407552 of them in the kernel's \
                buffers of sockets, but memory.max of this control group is \(charged - 1) \
                (memory_bytes is 8388608).
                """)
        // A group of version 1 has another account for sockets.
        #expect(
            plain.check(
                cgroupBytes: plain.plannedBytes, groupCountsSockets: false, descriptorLimit: nil)
                == nil)
        #expect(
            sentence(plain, limit: 64)
                == """
                budget.json: the plan needs 201 file descriptors, but the system allows this \
                process 64 (file_descriptors is 256).
                """)
    }

    @Test func theTableFitsATerminal() {
        var budget = Budget()
        budget.memoryBytes = 1 << 30
        let plan = plan([("clients", count: 1_024, unitBytes: 262_144)], budget: budget)
        let table = written { plan.write(into: &$0) }
        let lines = table.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.allSatisfy { $0.utf8.count <= 80 })
        #expect(table.hasSuffix("\n"))
        let clients =
            "clients                             1,024       262,144   268,435,456  25.0 %"
        #expect(lines.contains { $0 == clients })
        let limit =
            "memory_bytes                                            1,073,741,824 100.0 %"
        #expect(lines.contains { $0 == limit })
        // Every line of figures ends in the same column.
        let shares = lines.filter { $0.hasSuffix("%") }
        #expect(Set(shares.map(\.utf8.count)).count == 1)
    }
}
