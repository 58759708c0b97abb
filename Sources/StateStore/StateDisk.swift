// What the state's files need of a disk: one folder, and calls that return a value or -errno, as
// those of the C shim do. StateFolder makes them of the kernel. The tests put a disk in its place
// that forgets what was not brought to it, and that fails at any call.

import CLinuxSys
import TinyCoT

public struct StateFileFacts: BitwiseCopyable {
    public var isRegular = false
    public var sizeBytes: Int64 = 0
    public init() {}
}

public protocol StateDisk: ~Copyable {
    /// Never follows a symbolic link.
    func facts(_ name: StateFileName, _ facts: inout StateFileFacts) -> Int32
    /// For writing; fails if the name is taken.
    func create(_ name: StateFileName) -> Int32
    /// For reading; fails at a symbolic link.
    func open(_ name: StateFileName) -> Int32
    func read(_ descriptor: Int32, _ bytes: Slab<UInt8>) -> Int64
    func write(_ descriptor: Int32, _ bytes: Slab<UInt8>) -> Int64
    func sync(_ descriptor: Int32) -> Int32
    func close(_ descriptor: Int32) -> Int32
    func rename(_ name: StateFileName, to: StateFileName) -> Int32
    func unlink(_ name: StateFileName) -> Int32
    func syncFolder() -> Int32
}

/// Owns the descriptor of the state folder.
public struct StateFolder: StateDisk, ~Copyable {
    @usableFromInline
    let folder: Int32

    init(descriptor: Int32) { folder = descriptor }

    /// Inlinable, as Embedded Swift wants it of a type that another module ends.
    @inlinable
    deinit { _ = tcs_close(folder) }

    public func facts(_ name: StateFileName, _ facts: inout StateFileFacts) -> Int32 {
        var found = tcs_file_facts_t()
        let result = name.withText { tcs_file_facts(folder, $0, &found) }
        facts.isRegular = result >= 0 && found.is_regular != 0
        facts.sizeBytes = found.size_bytes
        return result
    }

    public func create(_ name: StateFileName) -> Int32 {
        name.withText { tcs_file_create(folder, $0, 0o640) }
    }

    public func open(_ name: StateFileName) -> Int32 {
        name.withText { tcs_file_open(folder, $0) }
    }

    public func read(_ descriptor: Int32, _ bytes: Slab<UInt8>) -> Int64 {
        tcs_read(descriptor, bytes.start, bytes.count)
    }

    public func write(_ descriptor: Int32, _ bytes: Slab<UInt8>) -> Int64 {
        tcs_write(descriptor, bytes.start, bytes.count)
    }

    public func sync(_ descriptor: Int32) -> Int32 { tcs_sync(descriptor) }
    public func close(_ descriptor: Int32) -> Int32 { tcs_close(descriptor) }

    public func rename(_ name: StateFileName, to: StateFileName) -> Int32 {
        name.withText { from in to.withText { tcs_file_rename(folder, from, $0) } }
    }

    public func unlink(_ name: StateFileName) -> Int32 {
        name.withText { tcs_file_unlink(folder, $0) }
    }

    public func syncFolder() -> Int32 { tcs_sync(folder) }
}
