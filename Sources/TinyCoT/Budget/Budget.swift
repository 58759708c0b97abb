// Every limit of the daemon, as read from budget.json. No limit is written anywhere else.
// The defaults here and the file `budget.json` of the repository are the same; a test holds them
// together.

/// All limits, each with its unit in its name. Plain numbers; `MemoryPlan` turns them into pools.
public struct Budget: BitwiseCopyable, Sendable {
    /// Ceiling for everything the process itself may occupy: arena, program, stacks.
    public var memoryBytes = 8_388_608
    /// Ceiling for what the kernel may hold in socket buffers on our behalf.
    public var kernelSocketBytes = 33_554_432
    public var fileDescriptors = 192
    /// Room set aside for what does not lie in the arena: the program's pages and its stacks.
    public var processBytes = 1_572_864

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
    public var eventLogBytes = 1_572_864
    public var eventLogEvents = 4_096
    /// Blocks that hold the beginnings of events whose end has not arrived.
    public var receivePoolBytes = 524_288

    /// The picture for late joiners.
    public var replayEvents = 1_024
    public var replayBytes = 1_048_576
    public var emergencies = 16

    public var teams = 16
    public var teamMembers = 256
    public var listeners = 16
    public var allowedNetworks = 32
    public var configFileBytes = 32_768

    public var statusConnections = 2
    public var logLinesPerSecond = 20

    public init() {}
}
