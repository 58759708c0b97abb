// The little memory that is needed before the plan is known: the bytes of budget.json, the text of
// a complaint, a line of the log. Mapped once by Main; counted in `process_bytes`. The arena, which
// comes later, holds everything that grows with the budget.

import CLinuxSys
import TinyCoT

struct StartupMemory {
    /// For reading one small file. One byte more than is allowed, to see that there was more.
    let file: Slab<UInt8>
    let text: Slab<UInt8>
    let logLine: Slab<UInt8>
    /// The paths of the two sockets and of the folder they lie in, each ended by a zero.
    let runDirectory: Slab<UInt8>
    let statusPath: Slab<UInt8>
    let storePath: Slab<UInt8>
    /// Of the state folder, and of the folder of packages in it; ended by a zero.
    let stateDirectory: Slab<UInt8>
    let packagesPath: Slab<UInt8>

    init() throws(SystemError) {
        let fileBytes = Budget().configFileBytes + 1
        var measuring = Arena.measuring()
        _ = StartupMemory(fileBytes: fileBytes, arena: &measuring)
        var arena = try Mapping.arena(bytes: measuring.usedBytes)
        self = StartupMemory(fileBytes: fileBytes, arena: &arena)
    }

    private init(fileBytes: Int, arena: inout Arena) {
        file = arena.take(UInt8.self, count: fileBytes)
        text = arena.take(UInt8.self, count: 16_384)
        logLine = arena.take(UInt8.self, count: Log.lineBytes)
        runDirectory = arena.take(UInt8.self, count: 128)
        statusPath = arena.take(UInt8.self, count: 160)
        storePath = arena.take(UInt8.self, count: 160)
        stateDirectory = arena.take(UInt8.self, count: StateDirectory.maxBytes + 1)
        packagesPath = arena.take(UInt8.self, count: StateDirectory.maxBytes + 16)
    }
}

/// Memory from the kernel, zeroed, never given back.
enum Mapping {
    static func memory(bytes: Int) throws(SystemError) -> UnsafeMutableRawBufferPointer {
        var memory: UnsafeMutableRawPointer?
        try SystemError.check(tcs_map(bytes, &memory))
        return UnsafeMutableRawBufferPointer(start: memory, count: bytes)
    }

    static func arena(bytes: Int) throws(SystemError) -> Arena {
        Arena(memory: try memory(bytes: bytes))
    }
}
