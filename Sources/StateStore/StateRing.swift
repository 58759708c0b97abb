// The ring of slots itself, over any disk. StateFiles, beside it, says how it is used. Its table
// mirrors the folder: what each slot holds, as far as it is known. `descriptor` is -1 or the one
// file that is open.

import CLinuxSys
import PackageStore
import TinyCoT

public struct StateRing<Disk: StateDisk & ~Copyable>: ~Copyable {
    /// What has to be known of a slot to choose one.
    struct Entry: BitwiseCopyable {
        var condition = StateSlot.Condition.unknown
        var generation: UInt64 = 0
        var livedMilliseconds: Int64 = 0
        var sizeBytes: Int64 = 0
    }

    /// `state_generations` allows no more; a slot of a larger budget than today's is seen, too.
    public static var slotLimit: Int { 16 }
    /// Generations that are passed over once if a slot cannot be read: it may hold later ones.
    static var generationGap: UInt64 { 1000 }

    let disk: Disk
    let limits: StateLimits
    /// Slot `n` stands at `n - 1`.
    var entries: InlineArray<16, Entry> = .init(repeating: Entry())
    var descriptor: Int32 = -1
    var isWriting = false
    private var digest = Digest()
    private var lastGeneration: UInt64 = 0
    private var hasGap = false
    /// Bytes of the file that is being written, or was last.
    public private(set) var byteCount: Int64 = 0

    public init(_ disk: consuming Disk, _ limits: StateLimits) {
        invariant(
            limits.generations >= 1 && limits.generations <= 16, "the ring has its slots")
        self.disk = disk
        self.limits = limits
    }

    // MARK: What is there

    /// The slot of the newest whole generation, or nil.
    public var newest: Int? { pick { $0.generation > $1.generation } }

    /// For the header of the next file.
    public var nextGeneration: UInt64 {
        let next = lastGeneration + 1 + (hasGap ? StateRing.generationGap : 0)
        return min(next, UInt64(StateHeader.generationMax))
    }

    var wholeCount: Int {
        var count = 0
        var i = 0
        while i < StateRing.slotLimit {
            if entries[i].condition == .whole { count += 1 }
            i += 1
        }
        return count
    }

    /// The whole slot that comes before all others in an order.
    func pick(_ isBefore: (Entry, Entry) -> Bool) -> Int? {
        var found: Int?
        var i = 0
        while i < StateRing.slotLimit {
            if entries[i].condition == .whole {
                if let best = found, !isBefore(entries[i], entries[best - 1]) {
                    i += 1
                    continue
                }
                found = i + 1
            }
            i += 1
        }
        return found
    }

    mutating func note(_ slot: StateSlot) {
        var entry = Entry()
        entry.condition = slot.condition
        // What could not be set aside still has its name, and is nobody's to replace.
        if slot.condition == .broken || slot.condition == .newer {
            entry.condition = slot.error == nil ? .free : .unreadable
        }
        entry.generation = slot.header.generation
        entry.livedMilliseconds = slot.header.livedMilliseconds
        entry.sizeBytes = slot.sizeBytes
        entries[slot.number - 1] = entry
        if entry.condition == .whole { lastGeneration = max(lastGeneration, entry.generation) }
        if entry.condition == .unreadable { hasGap = true }
    }

    // MARK: Writing

    /// Opens the temporary, in place of one that was left over.
    public mutating func begin() throws(FileError) {
        invariant(descriptor < 0, "one state file is open at a time")
        invariant(isSurveyed, "the slots are known before one is written")
        byteCount = 0
        digest = Digest()
        let removed = disk.unlink(.temporary)
        if removed != -tcs_errno_absent { try FileError.check(.stateLeftover, removed) }
        descriptor = try FileError.check(.stateCreate, disk.create(.temporary))
        isWriting = true
    }

    private var isSurveyed: Bool {
        var i = 0
        while i < StateRing.slotLimit, entries[i].condition != .unknown { i += 1 }
        return i == StateRing.slotLimit
    }

    public mutating func write(_ bytes: Slab<UInt8>) throws(FileError) {
        invariant(isWriting, "a state file is written after its beginning")
        digest.update(bytes)
        do throws(FileError) {
            try append(bytes)
        } catch {
            discard()
            throw error
        }
    }

    private mutating func append(_ bytes: Slab<UInt8>) throws(FileError) {
        if byteCount + Int64(bytes.count) > limits.generationBytes {
            throw FileError(step: .stateLimit, errno: tcs_errno_file_too_big)
        }
        var done = 0
        while done < bytes.count {
            let result = disk.write(descriptor, bytes.slice(done, bytes.count - done))
            if result == -Int64(tcs_errno_interrupted) { continue }
            if result < 0 {
                throw FileError(step: .stateWrite, errno: Int32(truncatingIfNeeded: -result))
            }
            // A file system that takes nothing and reports nothing would keep us here for ever.
            if result == 0 { throw FileError(step: .stateWrite, errno: tcs_errno_no_space) }
            done += Int(result)
            byteCount += result
        }
    }

    /// Ends the file and puts it in the place of the oldest. When this returns, the generation
    /// survives a pulled plug. After `.syncState` it is there, but may be gone after one.
    /// - Parameter header: the one that was written.
    public mutating func commit(_ header: StateHeader) throws(FileError) -> StateCommit {
        invariant(isWriting, "a state file is whole before it gets its name")
        invariant(header.generation == nextGeneration, "a new generation is a later one")
        let slot = target
        do throws(FileError) {
            try appendLastLine()
            // After an error nobody knows what is on the disk: never try again.
            try FileError.check(.stateSync, disk.sync(descriptor))
            try closeTemporary()
            try FileError.check(
                .statePublish, disk.rename(.temporary, to: StateFileName(slot: slot)))
        } catch {
            discard()
            throw error
        }
        isWriting = false
        hasGap = false
        lastGeneration = header.generation
        entries[slot - 1] = Entry(
            condition: .whole, generation: header.generation,
            livedMilliseconds: header.livedMilliseconds, sizeBytes: byteCount)
        try FileError.check(.syncState, disk.syncFolder())
        var commit = StateCommit(slot: slot, sizeBytes: byteCount)
        prune(slot, &commit)
        return commit
    }

    private mutating func appendLastLine() throws(FileError) {
        let hash = digest.finish()
        var line = InlineArray<80, UInt8>(repeating: 0)
        var failure: FileError?
        withUnsafeMutablePointer(to: &line) { pointer in
            let start = UnsafeMutableRawPointer(pointer).assumingMemoryBound(to: UInt8.self)
            var writer = ByteWriter(Slab(start: start, count: 80))
            StateWriter.writeLastLine(hash, into: &writer)
            do throws(FileError) { try append(writer.written) } catch { failure = error }
        }
        if let failure { throw failure }
    }

    private mutating func closeTemporary() throws(FileError) {
        let closed = disk.close(descriptor)
        // Even after an error the descriptor is gone, and the number soon another file's.
        descriptor = -1
        try FileError.check(.stateClose, closed)
    }

    /// Gives up what is being written. Without an error to report: what stays is removed by the
    /// next `begin`.
    public mutating func discard() {
        if !isWriting { return }
        if descriptor >= 0 { _ = disk.close(descriptor) }
        descriptor = -1
        isWriting = false
        _ = disk.unlink(.temporary)
    }

    // MARK: Which slot

    /// A free one; else that of the oldest; else one that cannot be read, before the only one that
    /// can be.
    private var target: Int {
        if let free = firstSlot(.free) { return free }
        let unreadable = firstSlot(.unreadable)
        if wholeCount < 2, let unreadable { return unreadable }
        var oldest = 0
        var i = 0
        while i < limits.generations {
            let isOlder =
                oldest == 0 || entries[i].generation < entries[oldest - 1].generation
            if entries[i].condition == .whole && isOlder { oldest = i + 1 }
            i += 1
        }
        invariant(oldest > 0 || unreadable != nil, "a slot is free, whole or unreadable")
        return oldest > 0 ? oldest : unreadable.unsafelyUnwrapped
    }

    private func firstSlot(_ condition: StateSlot.Condition) -> Int? {
        var i = 0
        while i < limits.generations {
            if entries[i].condition == condition { return i + 1 }
            i += 1
        }
        return nil
    }

    /// Removes what is over the limits, the oldest first, never the one that was just written.
    private mutating func prune(_ newest: Int, _ commit: inout StateCommit) {
        var turns = 0
        while turns < StateRing.slotLimit, let slot = surplus(newest) {
            let result = disk.unlink(StateFileName(slot: slot))
            if result < 0 && result != -tcs_errno_absent {
                commit.error = FileError(step: .stateRemove, errno: -result)
                return
            }
            entries[slot - 1] = Entry(condition: .free)
            commit.removedCount += 1
            turns += 1
        }
    }

    private func surplus(_ newest: Int) -> Int? {
        guard let oldest = pick({ $0.generation < $1.generation }), oldest != newest else {
            return nil
        }
        var total: Int64 = 0
        var beyond: Int?
        var i = 0
        while i < StateRing.slotLimit {
            if entries[i].condition == .whole {
                total += entries[i].sizeBytes
                if i >= limits.generations { beyond = i + 1 }
            }
            i += 1
        }
        if let beyond { return beyond }
        let lived =
            entries[newest - 1].livedMilliseconds - entries[oldest - 1].livedMilliseconds
        return total > limits.totalBytes || lived > limits.maxAgeMilliseconds ? oldest : nil
    }
}
