// The power goes at any call of a snapshot, over and over: the newest generation that was committed
// is there afterwards, or the one that was just being committed, byte for byte. And the disk fails
// at any call: the older generations are there, and the next snapshot succeeds.

import Foundation
import Glibc
import PackageStore
import Testing
import TinyCoT

@testable import StateStore

@Suite struct StateFaultTests {
    /// What a test knows of the generations that it has written.
    private struct History {
        /// Of each generation that a commit was begun for: the bytes that it would have.
        var written: [UInt64: [UInt8]] = [:]
        /// The last one whose commit returned.
        var promised: UInt64 = 0
        /// One whose commit did not return.
        var pending: Set<UInt64> = []

        mutating func begin(_ generation: UInt64, _ bytes: [UInt8]) {
            written[generation] = bytes
            pending.insert(generation)
        }

        mutating func promise(_ generation: UInt64) {
            promised = generation
            pending = []
        }
    }

    /// What a start finds is the promise or a later one, whole, and its bytes are those.
    private func check(
        _ ring: inout SimulatedRing, _ history: inout History, _ label: String
    ) throws {
        let found = ring.survey()
        let newest = ring.newest
        if history.promised > 0 { #expect(newest != nil, "\(label)") }
        guard let newest else { return }
        let generation = found[newest - 1].header.generation
        #expect(
            generation == history.promised || history.pending.contains(generation),
            "\(label): \(generation), not \(history.promised)")
        for slot in found where slot.condition == .whole {
            let bytes = try ring.load(slot.number)
            let isSame = bytes == history.written[slot.header.generation]
            #expect(isSame, "\(label): slot \(slot.number)")
        }
        history.promise(generation)
    }

    @Test func aThousandHistoriesWithPowerCuts() throws {
        var cuts = 0
        var late = 0
        for seed: UInt64 in 1...1000 {
            var random = SeededGenerator(seed: seed)
            var limits = manyLimits
            limits.generations = 2 + random.below(3)
            if random.below(3) == 0 { limits.totalBytes = 4000 }
            var memory = DiskMemory()
            var history = History()
            for start in 0..<3 {
                var ring = simulatedRing(memory, limits)
                let before = history.promised
                try check(&ring, &history, "seed \(seed), start \(start)")
                if history.promised > before && start > 0 { late += 1 }
                memory.fault = .crash
                memory.faultAt = memory.calls + 1 + random.below(40)
                for _ in 0..<4 where !memory.isCrashed {
                    let generation = ring.nextGeneration
                    let events = 1 + random.below(4)
                    history.begin(generation, file(header(generation), events: events))
                    do throws(FileError) {
                        _ = try ring.save(events: events)
                        history.promise(generation)
                    } catch {
                        #expect(memory.isCrashed, "seed \(seed): no other call fails")
                    }
                }
                if memory.isCrashed { cuts += 1 }
                memory = memory.afterCrash(&random)
            }
            var last = simulatedRing(memory, limits)
            try check(&last, &history, "seed \(seed), end")
        }
        // Both sides of the commit have been met.
        #expect(cuts > 1500, "\(cuts)")
        #expect(late > 50, "\(late)")
    }

    /// Ring of three, full; the fourth commit meets the fault at each of its calls.
    @Test(arguments: [EIO, ENOSPC, EDQUOT, EROFS], [false, true])
    func theDiskFailsAtAnyCall(number: Int32, isLasting: Bool) throws {
        var position = 1
        var failures = 0
        var rest = 1
        while rest > 0 {
            let memory = DiskMemory()
            var ring = simulatedRing(memory)
            ring.survey()
            for _ in 1...3 { _ = try ring.save() }
            memory.put("state.tmp", [1, 2, 3])
            let label = "\(number) at call \(position), lasting \(isLasting)"
            let first = memory.calls
            memory.fault = .fail(number, isLasting: isLasting)
            memory.faultAt = first + position
            var thrown: FileError?
            do throws(FileError) {
                let commit = try ring.save()
                // A temporary that goes by itself; removing is all that may fail silently.
                #expect(commit.error == nil, "\(label)")
            } catch {
                thrown = error
                #expect(error.errno == number, "\(label)")
                #expect(error.isFull == (number == ENOSPC || number == EDQUOT), "\(label)")
                failures += 1
            }
            rest = memory.calls - memory.faultAt + 1
            memory.fault = nil
            #expect(memory.openCount == 0, "\(label)")
            if rest > 0 || thrown != nil { #expect(thrown != nil, "\(label)") }

            // The generations of before are there, but for the one that was replaced.
            var next = simulatedRing(memory)
            let found = next.survey().filter { $0.condition == .whole }
            let isPublished = thrown == nil || thrown?.step == .syncState
            #expect(
                found.map(\.header.generation) == (isPublished ? [4, 2, 3] : [1, 2, 3]),
                "\(label)")
            for slot in found {
                #expect(try next.load(slot.number) == file(slot.header), "\(label)")
            }
            // And both the running program and one that starts now go on.
            #expect(try ring.save().error == nil, "\(label)")
            #expect(memory.names["state.tmp"] == nil, "\(label)")
            #expect(memory.names.count == 3, "\(label)")
            position += 1
            if position > 100 { break }
        }
        // unlink, create, three writes and the last line, sync, close, rename, syncFolder.
        #expect(failures >= 7 && position < 20, "\(failures) of \(position)")
    }

    /// The temporary of a failed snapshot that could not be removed either goes at the next.
    @Test func aTemporaryThatStaysGoesAtTheNextBeginning() throws {
        let memory = DiskMemory()
        var ring = simulatedRing(memory)
        ring.survey()
        memory.fault = .fail(EIO, isLasting: true)
        memory.faultAt = memory.calls + 3
        do throws(FileError) {
            _ = try ring.save()
            Issue.record("a write that fails ends the snapshot")
        } catch { #expect(error.step == .stateWrite) }
        #expect(memory.names["state.tmp"] != nil)
        memory.fault = nil
        try ring.begin()
        #expect(memory.names["state.tmp"]?.bytes == [])
        ring.discard()
        #expect(memory.names["state.tmp"] == nil)
    }

    @Test func anOldGenerationThatCannotBeRemovedIsSaid() throws {
        let memory = DiskMemory()
        var limits = manyLimits
        limits.totalBytes = 1
        var ring = simulatedRing(memory, limits)
        ring.survey()
        _ = try ring.save()
        memory.only = "unlink"
        memory.fault = .fail(EIO, isLasting: false)
        // The first is that of `begin`.
        memory.faultAt = memory.calls + 2
        let commit = try ring.save()
        #expect(commit.error?.step == .stateRemove && commit.removedCount == 0)
        #expect(ring.newest == commit.slot)
    }
}
