// Every limit of the daemon, as read from budget.json. No limit is written anywhere else.
// The defaults here and the file `budget.json` of the repository are the same; a test holds them
// together.

/// All limits, each with its unit in its name. Plain numbers; `MemoryPlan` turns them into pools.
public struct Budget: BitwiseCopyable, Sendable {
    /// Ceiling for everything the process itself may occupy: arena, program, stacks.
    public var memoryBytes = 8_388_608
    /// Ceiling for what the kernel may hold in socket buffers on our behalf.
    public var kernelSocketBytes = 33_554_432
    public var fileDescriptors = 256
    /// Room set aside for what does not lie in the arena: the program's pages and its stacks.
    public var processBytes = 3_506_176

    public var clients = 128
    public var clientsPerAddress = 128
    /// Events that may wait for one slow client.
    public var clientQueueEvents = 200
    /// Bytes of those events together.
    public var clientQueueBytes = 262_144
    /// SO_RCVBUF and SO_SNDBUF as asked for; the kernel doubles both for its own bookkeeping.
    public var clientReceiveBufferBytes = 32_768
    public var clientSendBufferBytes = 65_536

    /// The longest event that is relayed. ATAK cannot take more than 65,536 (protocol 2.5).
    public var eventMaxBytes = 65_536
    /// The log in which every event waits, once, for all its receivers.
    public var eventLogBytes = 1_343_488
    public var eventLogEvents = 4_096
    /// Blocks that hold the beginnings of events whose end has not arrived.
    public var receivePoolBytes = 262_144

    /// The picture for late joiners.
    public var replayEvents = 1_024
    public var replayBytes = 1_048_576
    public var emergencies = 16

    public var teams = 16
    public var teamMembers = 256
    public var listeners = 16
    public var allowedNetworks = 32
    public var configFileBytes = 32_768

    /// Connections of the HTTP service. The operator's own, through the store socket, is not
    /// counted here.
    public var httpConnections = 8
    public var httpConnectionsPerAddress = 4
    public var httpListeners = 4
    /// The longest head of a request: its line, which may take half of it, and its fields.
    public var httpHeadBytes = 8_192
    /// What waits to be sent to one connection; a file that is sent does not pass through it.
    public var httpOutputBytes = 16_384
    /// One piece of any body. All connections share one buffer: a piece is received, taken
    /// apart, hashed and written before the next one is looked at.
    public var httpReceiveBytes = 131_072
    /// SO_RCVBUF and SO_SNDBUF of an HTTP connection, as for the clients.
    public var httpReceiveBufferBytes = 131_072
    public var httpSendBufferBytes = 196_608

    /// Packages that are being received at one time.
    public var uploads = 4
    public var uploadsPerAddress = 2
    /// Addresses whose uploads of the day are counted, each for itself.
    public var uploadAddresses = 64
    public var uploadBytesPerDay = 8_589_934_592
    public var uploadBytesPerAddressPerDay = 2_147_483_648

    /// Rows of the catalogue.
    public var packages = 10_000
    public var packageMaxBytes = 419_430_400
    /// Bytes of all packages together.
    public var packageStoreBytes = 4_294_967_296
    /// What uploads leave free in the file system, for everybody else.
    public var diskReserveBytes = 268_435_456
    public var videos = 64
    public var sqliteHeapBytes = 524_288

    /// State files that are kept, the newest and those before it.
    public var stateGenerations = 3
    /// Bytes of those files together; a single one that is larger is not written.
    public var stateBytes = 16_777_216
    /// Clients that are remembered after they left.
    public var seenClients = 128
    /// Where events wait for the dump; what finds no room is counted and not dumped.
    public var dumpRingBytes = 98_304
    /// A dump file is closed at this size.
    public var dumpFileBytes = 4_194_304
    /// Bytes of all dump files together.
    public var dumpBytes = 67_108_864
    /// What may be written to the disk in a day, by everything together.
    public var diskWriteBytesPerDay = 9_663_676_416

    public var statusConnections = 2
    public var logLinesPerSecond = 20

    public init() {}
}
