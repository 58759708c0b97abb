// Which slot is written, which generation is chosen, what is removed and what is left alone.

import Glibc
import PackageStore
import Testing
import TinyCoT

@testable import StateStore

@Suite struct StateRingTests {
    private func names(_ memory: DiskMemory) -> [String] { memory.names.keys.sorted() }

    @Test func theOldestGivesWay() throws {
        let memory = DiskMemory()
        var ring = simulatedRing(memory)
        #expect(ring.survey().allSatisfy { $0.condition == .free })
        #expect(ring.newest == nil && ring.nextGeneration == 1)
        var slots: [Int] = []
        for generation: UInt64 in 1...7 {
            #expect(ring.nextGeneration == generation)
            let commit = try ring.save()
            slots.append(commit.slot)
            #expect(ring.newest == commit.slot)
            #expect(commit.sizeBytes == Int64(file(header(generation)).count))
            #expect(commit.removedCount == 0 && commit.error == nil)
            #expect(try ring.load(commit.slot) == file(header(generation)))
        }
        #expect(slots == [1, 2, 3, 1, 2, 3, 1])
        #expect(names(memory) == ["state.1.json", "state.2.json", "state.3.json"])
        // And the next start sees the same.
        var next = simulatedRing(memory)
        let found = next.survey()
        #expect(found[0...2].map(\.header.generation) == [7, 5, 6])
        #expect(next.newest == 1 && next.nextGeneration == 8)
        #expect(try next.save().slot == 2)
        // Beside the folder there is one file at a time.
        #expect(memory.mostOpen == 1 && memory.openCount == 0)
    }

    @Test func aGapIsFilledFirst() throws {
        let memory = DiskMemory()
        memory.put("state.1.json", file(header(5)))
        memory.put("state.3.json", file(header(6)))
        var ring = simulatedRing(memory)
        ring.survey()
        #expect(try ring.save().slot == 2)
        #expect(try ring.save().slot == 1)
    }

    @Test func aBrokenOneIsSetAsideAndAnOlderOneChosen() throws {
        let memory = DiskMemory()
        memory.put("state.1.json", file(header(5)))
        var torn = file(header(6))
        torn[torn.count / 2] ^= 1
        memory.put("state.2.json", torn)
        memory.put("state.2.json.broken", [1, 2, 3])
        var ring = simulatedRing(memory)
        let found = ring.survey()
        #expect(found[1].condition == .broken && found[1].isTrouble && !found[0].isTrouble)
        #expect(ring.newest == 1 && ring.nextGeneration == 6)
        #expect(memory.names["state.2.json.broken"]?.bytes == torn)
        #expect(try ring.save().slot == 2)
        #expect(memory.names["state.2.json.broken"]?.bytes == torn)
    }

    @Test func sentences() {
        let memory = DiskMemory()
        memory.put("state.1.json", file(header(5)))
        memory.put("state.2.json", [])
        memory.put("state.3.json", [], isRegular: false)
        memory.put("state.4.json", [UInt8](repeating: 0, count: (1 << 20) + 1))
        memory.put("state.5.json", [UInt8](repeating: 0, count: 100))
        memory.put("state.6.json", file(header(5)))
        memory.unreadable = ["state.6.json"]
        var other = file(header(5))
        other[other.count - 20] ^= 1
        memory.put("state.7.json", other)
        var ring = simulatedRing(memory)
        let found = ring.survey().map { slot in sentence { slot.write(into: &$0) } }
        #expect(
            found[..<8] == [
                "state.1.json: generation 5, \(file(header(5)).count) bytes",
                "state.2.json: it has 0 bytes, fewer than its last line; it is now "
                    + "state.2.json.broken",
                "state.3.json: it is not a file; it is now state.3.json.broken",
                "state.4.json: it has 1048577 bytes, more than a state may have; it is now "
                    + "state.4.json.broken",
                "state.5.json: line 1: found the byte 0x00; allowed is a value; it is now "
                    + "state.5.json.broken",
                "state.6.json: a state file cannot be looked at: Input/output error; "
                    + "it is left alone",
                "state.7.json: it does not hold what was written, by its hash; it is now "
                    + "state.7.json.broken",
                "state.8.json: free",
            ])
    }

    /// A disk that fails for a moment must not cost a generation, and what is written meanwhile
    /// must be later than what cannot be read.
    @Test func whatCannotBeReadIsLeftAlone() throws {
        let memory = DiskMemory()
        memory.put("state.1.json", file(header(5)))
        memory.put("state.2.json", file(header(6)))
        memory.put("state.3.json", file(header(7)))
        memory.unreadable = ["state.3.json"]
        var ring = simulatedRing(memory)
        ring.survey()
        #expect(ring.newest == 2 && ring.nextGeneration > 7)
        let first = try ring.save()
        #expect(first.slot == 1)
        let generation = ring.nextGeneration
        #expect(try ring.save().slot == 2)
        #expect(memory.names["state.3.json"]?.bytes == file(header(7)))
        // Today it can be read again.
        memory.unreadable = []
        var next = simulatedRing(memory)
        next.survey()
        #expect(next.newest == 2 && next.nextGeneration == generation + 1)
    }

    /// An error of the disk is no damage of the file: it is not set aside.
    @Test(arguments: ["facts", "open", "read"], [EIO, EACCES])
    func anyErrorWhileASlotIsReadLeavesItAlone(call: String, number: Int32) {
        let memory = DiskMemory()
        memory.put("state.1.json", file(header(5), events: 30))
        memory.only = call
        memory.fault = .fail(number, isLasting: false)
        memory.faultAt = call == "read" ? 3 : 1
        var ring = simulatedRing(memory)
        let found = ring.look(into: 1)
        #expect(found.condition == .unreadable && found.error?.errno == number)
        #expect(names(memory) == ["state.1.json"] && memory.openCount == 0)
        // Where it was the disk's mood, the next start has it.
        var next = simulatedRing(memory)
        #expect(next.look(into: 1).condition == .whole)
    }

    @Test func aFileThatChangesWhileItIsReadIsNotWhole() {
        let bytes = file(header(5))
        for (there, said) in [
            (bytes + [0x0A], bytes.count), (bytes, bytes.count - 1), (bytes, bytes.count + 1),
            (bytes + [UInt8](repeating: 0x0A, count: 9000), bytes.count),
        ] {
            let memory = DiskMemory()
            memory.put("state.1.json", there)
            memory.sizes = ["state.1.json": Int64(said)]
            var ring = simulatedRing(memory)
            #expect(ring.look(into: 1).damage == .digest)
        }
    }

    /// Before the only one that can be read, one that cannot gives way.
    @Test func theOnlyWholeOneIsTheLastToGo() throws {
        let memory = DiskMemory()
        for number in 1...3 { memory.put("state.\(number).json", file(header(UInt64(number)))) }
        memory.unreadable = ["state.1.json", "state.3.json"]
        var ring = simulatedRing(memory)
        ring.survey()
        #expect(try ring.save().slot == 1)
        #expect(try ring.save().slot == 2)
    }

    @Test func whatCannotBeSetAsideIsNotReplaced() throws {
        let memory = DiskMemory()
        memory.put("state.1.json", file(header(5)))
        memory.put("state.2.json", [1])
        memory.put("state.3.json", file(header(6)))
        memory.only = "rename"
        memory.fault = .fail(EACCES, isLasting: true)
        memory.faultAt = 1
        var ring = simulatedRing(memory)
        let found = ring.survey()
        #expect(
            sentence { found[1].write(into: &$0) }
                == "state.2.json: it has 1 bytes, fewer than its last line; "
                + "a state file cannot be set aside: Permission denied")
        memory.fault = nil
        #expect(try ring.save().slot == 1)
        #expect(memory.names["state.2.json"]?.bytes == [1])
    }

    @Test func slotsOfALargerBudgetAreReadAndThenRemoved() throws {
        let memory = DiskMemory()
        memory.put("state.1.json", file(header(5)))
        memory.put("state.2.json", file(header(6)))
        memory.put("state.5.json", file(header(8)))
        memory.put("state.16.json", file(header(7)))
        var limits = manyLimits
        limits.generations = 2
        var ring = simulatedRing(memory, limits)
        ring.survey()
        #expect(ring.newest == 5 && ring.nextGeneration == 9)
        let commit = try ring.save()
        #expect(commit.slot == 1 && commit.removedCount == 2)
        #expect(names(memory) == ["state.1.json", "state.2.json"])
    }

    @Test func theOldestGoWhileAllAreTooMuch() throws {
        let memory = DiskMemory()
        var limits = manyLimits
        limits.generations = 4
        let size = Int64(file(header(1)).count)
        limits.totalBytes = 3 * size
        var ring = simulatedRing(memory, limits)
        ring.survey()
        for _ in 1...3 { #expect(try ring.save().removedCount == 0) }
        let fourth = try ring.save()
        #expect(fourth.removedCount == 1 && fourth.slot == 4)
        #expect(names(memory) == ["state.2.json", "state.3.json", "state.4.json"])
        // One that alone is as large as all may be: it stays, and only it.
        limits.totalBytes = 1
        var next = simulatedRing(memory, limits)
        next.survey()
        let last = try next.save()
        #expect(last.removedCount == 3)
        #expect(names(memory) == ["state.\(last.slot).json"])
    }

    @Test func theAgeOfAGenerationIsWhatWeHaveLivedThrough() throws {
        let memory = DiskMemory()
        var limits = manyLimits
        limits.maxAgeMilliseconds = 1000
        var ring = simulatedRing(memory, limits)
        ring.survey()
        _ = try ring.save(lived: 5000)
        _ = try ring.save(lived: 5500)
        #expect(try ring.save(lived: 6000).removedCount == 0)
        // That of 5000 was replaced anyway.
        #expect(try ring.save(lived: 6500).removedCount == 0)
        #expect(try ring.save(lived: 7001).removedCount == 1)
        #expect(try ring.save(lived: 20_000).removedCount == 2)
        #expect(names(memory).count == 1)
    }

    @Test func aStateThatIsTooLargeIsNotWritten() throws {
        let memory = DiskMemory()
        var limits = manyLimits
        limits.generationBytes = Int64(file(header(1)).count)
        var ring = simulatedRing(memory, limits)
        ring.survey()
        _ = try ring.save()
        do throws(FileError) {
            _ = try ring.save(textBytes: 60)
            Issue.record("one byte more than the limit is too much")
        } catch {
            #expect(error.step == .stateLimit && !error.isFull)
        }
        #expect(names(memory) == ["state.1.json"])
        #expect(memory.openCount == 0)
        #expect(ring.nextGeneration == 2)
        _ = try ring.save()
    }

    @Test func aDiskThatTakesAFewBytesAtATime() throws {
        let memory = DiskMemory()
        memory.writeBytesMax = 7
        var ring = simulatedRing(memory)
        ring.survey()
        let commit = try ring.save()
        #expect(memory.names["state.\(commit.slot).json"]?.bytes == file(header(1)))
    }

    @Test func oneThatIsGivenUpLeavesNothing() throws {
        let memory = DiskMemory()
        var ring = simulatedRing(memory)
        ring.survey()
        _ = try ring.save()
        try ring.begin()
        try ring.write([1, 2, 3])
        ring.discard()
        ring.discard()
        #expect(names(memory) == ["state.1.json"] && memory.openCount == 0)
        #expect(ring.nextGeneration == 2)
        #expect(try ring.save().slot == 2)
    }
}
