import Testing

@testable import TinyCoT

@Suite struct MemoryPlanTests {
    private func sentence(_ plan: MemoryPlan, cgroup: Int? = nil, limit: Int? = nil) -> String? {
        plan.check(cgroupBytes: cgroup, descriptorLimit: limit).map {
            TinyCoTTests.sentence($0, file: "budget.json")
        }
    }

    @Test func sumsAreTheSumsOfTheRows() {
        var plan = MemoryPlan(budget: Budget())
        plan.add("clients", count: 128, unitBytes: 1_000)
        plan.add("odd", count: 3, unitBytes: 7)
        let rows = (0..<plan.rowCount).map(plan.row)
        #expect(rows.reduce(0) { $0 + $1.totalBytes } == plan.arenaBytes)
        #expect(
            rows.allSatisfy { $0.totalBytes % 64 == 0 && $0.totalBytes >= $0.count * $0.unitBytes })
        #expect(rows.last!.totalBytes == 64)
        #expect(plan.plannedBytes == plan.arenaBytes + 1_572_864)
        #expect(plan.headroomBytes == 8_388_608 - plan.plannedBytes)
        // 128 x 2 x (32 KiB + 64 KiB)
        #expect(plan.kernelSocketBytes == 25_165_824)
        // Clients 128, listeners 16, status 1 + 2, epoll 1, signals 1, events 2, reserve 1,
        // accepting 1, file 1, standard streams 3.
        #expect(plan.descriptors == 157)
    }

    /// What the configuration takes from a real arena is what the plan says.
    @Test func theRowsOfTheConfigurationAreWhatItTakes() {
        for teams in [1, 16, 64] {
            var budget = Budget()
            budget.teams = teams
            budget.teamMembers = 17
            let plan = MemoryPlan(budget: budget)
            var arena = Arena.measuring()
            _ = Config(budget: budget, arena: &arena)
            _ = Config(budget: budget, arena: &arena)
            _ = arena.take(UInt8.self, count: budget.configFileBytes)
            #expect(arena.usedBytes == plan.arenaBytes)
        }
    }

    @Test func refusalsNameTheKeyAndBothNumbers() {
        #expect(sentence(MemoryPlan(budget: Budget())) == nil)
        var plan = MemoryPlan(budget: Budget())
        plan.add("more", count: 1, unitBytes: 8_388_608 - plan.plannedBytes)
        #expect(sentence(plan) == nil)
        plan.add("one more", count: 1, unitBytes: 1)
        #expect(
            sentence(plan)
                == "budget.json: memory_bytes is 8388608, but the plan needs 8388672 bytes.")

        var budget = Budget()
        budget.kernelSocketBytes = 25_165_823
        #expect(
            sentence(MemoryPlan(budget: budget))
                == """
                budget.json: kernel_socket_bytes is 25165823, but the socket buffers of all \
                clients can take 25165824 bytes.
                """)
        budget = Budget()
        budget.fileDescriptors = 156
        #expect(
            sentence(MemoryPlan(budget: budget))
                == "budget.json: file_descriptors is 156, but the plan needs 157.")

        let plain = MemoryPlan(budget: Budget())
        #expect(sentence(plain, cgroup: plain.plannedBytes, limit: 157) == nil)
        #expect(
            sentence(plain, cgroup: 1_000)
                == """
                budget.json: the plan needs \(plain.plannedBytes) bytes, but memory.max of \
                this control group is 1000 (memory_bytes is 8388608).
                """)
        #expect(
            sentence(plain, limit: 64)
                == """
                budget.json: the plan needs 157 file descriptors, but the system allows this \
                process 64 (file_descriptors is 192).
                """)
    }

    @Test func theTableFitsATerminal() {
        var budget = Budget()
        budget.memoryBytes = 1 << 30
        var plan = MemoryPlan(budget: budget)
        plan.add("clients", count: 1_024, unitBytes: 262_144)
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
