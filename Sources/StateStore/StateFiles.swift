// The files of the state: a ring of slots in the state folder (ADR 0010). Called by the store loop,
// at start and at each snapshot. Any call may wait for the disk.
//
//   let files = try StateFiles.open(path, limits)
//   at start:  for each slot 1 ... StateFiles.slotLimit: files.examine(slot, text:, buffer:), log
//              if let slot = files.newest: try files.open(slot); while try files.read(into:) > 0 …
//              … StateReader over the pieces …; files.closeReading()
//   to write:  header.generation = files.nextGeneration; try files.begin()
//              try files.write(piece) for each buffer of StateWriter
//              let commit = try files.commit(header); log commit.error if there is one
//
// After an error of `begin`, `write` or `commit` the snapshot is over and its temporary is gone, as
// far as the disk allows; the generations that were there are there. `discard` gives one up
// that is going well. Two descriptors at most: the folder, always, and one file. All of `examine`
// must be done before the first `begin`; reading and writing do not overlap.

import CLinuxSys
import PackageStore
import TinyCoT

/// What the budget gives the state.
public struct StateLimits: BitwiseCopyable, Sendable {
    /// Slots in use, at most `slotLimit`.
    public var generations: Int
    /// All state files together. While a new one is written, it comes on top.
    public var totalBytes: Int64
    /// One of them. A file that is larger is not read, and a state that is larger not written.
    public var generationBytes: Int64
    /// An older one is removed, by the time that this installation has lived since.
    public var maxAgeMilliseconds: Int64

    public init(
        generations: Int, totalBytes: Int64, generationBytes: Int64, maxAgeMilliseconds: Int64
    ) {
        self.generations = generations
        self.totalBytes = totalBytes
        self.generationBytes = generationBytes
        self.maxAgeMilliseconds = maxAgeMilliseconds
    }
}

/// What came of a commit.
public struct StateCommit: BitwiseCopyable, Sendable {
    /// Where the generation is now.
    public let slot: Int
    public let sizeBytes: Int64
    /// Older generations that were removed.
    public internal(set) var removedCount = 0
    /// Removing one failed. The new generation is safe all the same.
    public internal(set) var error: FileError?
}

public typealias StateFiles = StateRing<StateFolder>

extension StateRing where Disk == StateFolder {
    /// - Parameter path: the state folder, which exists; ended by a zero.
    public static func open(
        _ path: UnsafePointer<CChar>, _ limits: StateLimits
    ) throws(FileError) -> StateFiles {
        let folder = try FileError.check(.openState, tcs_open_folder(path))
        return StateRing(StateFolder(descriptor: folder), limits)
    }
}

// As functions: reading a property of an optional that cannot be copied would consume it.
extension StateRing where Disk: ~Copyable {
    public func newestSlot() -> Int? { newest }
    public func generationOfNext() -> UInt64 { nextGeneration }
}
