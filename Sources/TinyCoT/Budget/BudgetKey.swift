// The keys of budget.json: for each its name, its smallest and largest value, and its field in
// `Budget`. Read by BudgetParser; docs/configuration.md says what each means.
// A key that is not here does not exist; a field of `Budget` that is not here cannot be set.

/// In the order in which the file and the documentation show them.
public enum BudgetKey: UInt8, BitwiseCopyable, Sendable {
    case memoryBytes
    case kernelSocketBytes
    case fileDescriptors
    case processBytes
    case clients
    case clientsPerAddress
    case clientQueueEvents
    case clientQueueBytes
    case clientReceiveBufferBytes
    case clientSendBufferBytes
    case eventMaxBytes
    case eventLogBytes
    case eventLogEvents
    case receivePoolBytes
    case replayEvents
    case replayBytes
    case emergencies
    case teams
    case teamMembers
    case listeners
    case allowedNetworks
    case configFileBytes
    case httpConnections
    case httpConnectionsPerAddress
    case httpListeners
    case httpHeadBytes
    case httpOutputBytes
    case httpReceiveBytes
    case httpReceiveBufferBytes
    case httpSendBufferBytes
    case uploads
    case uploadsPerAddress
    case uploadAddresses
    case uploadBytesPerDay
    case uploadBytesPerAddressPerDay
    case packages
    case packageMaxBytes
    case packageStoreBytes
    case diskReserveBytes
    case videos
    case sqliteHeapBytes
    case stateGenerations
    case stateBytes
    case seenClients
    case dumpRingBytes
    case dumpFileBytes
    case dumpBytes
    case diskWriteBytesPerDay
    case statusConnections
    case logLinesPerSecond

    public static var count: Int { Int(BudgetKey.logLinesPerSecond.rawValue) + 1 }

    /// As written in the file: the name of the field, in snake case.
    public var name: StaticString {
        switch self {
        case .memoryBytes: "memory_bytes"
        case .kernelSocketBytes: "kernel_socket_bytes"
        case .fileDescriptors: "file_descriptors"
        case .processBytes: "process_bytes"
        case .clients: "clients"
        case .clientsPerAddress: "clients_per_address"
        case .clientQueueEvents: "client_queue_events"
        case .clientQueueBytes: "client_queue_bytes"
        case .clientReceiveBufferBytes: "client_receive_buffer_bytes"
        case .clientSendBufferBytes: "client_send_buffer_bytes"
        case .eventMaxBytes: "event_max_bytes"
        case .eventLogBytes: "event_log_bytes"
        case .eventLogEvents: "event_log_events"
        case .receivePoolBytes: "receive_pool_bytes"
        case .replayEvents: "replay_events"
        case .replayBytes: "replay_bytes"
        case .emergencies: "emergencies"
        case .teams: "teams"
        case .teamMembers: "team_members"
        case .listeners: "listeners"
        case .allowedNetworks: "allowed_networks"
        case .configFileBytes: "config_file_bytes"
        case .httpConnections: "http_connections"
        case .httpConnectionsPerAddress: "http_connections_per_address"
        case .httpListeners: "http_listeners"
        case .httpHeadBytes: "http_head_bytes"
        case .httpOutputBytes: "http_output_bytes"
        case .httpReceiveBytes: "http_receive_bytes"
        case .httpReceiveBufferBytes: "http_receive_buffer_bytes"
        case .httpSendBufferBytes: "http_send_buffer_bytes"
        case .uploads: "uploads"
        case .uploadsPerAddress: "uploads_per_address"
        case .uploadAddresses: "upload_addresses"
        case .uploadBytesPerDay: "upload_bytes_per_day"
        case .uploadBytesPerAddressPerDay: "upload_bytes_per_address_per_day"
        case .packages: "packages"
        case .packageMaxBytes: "package_max_bytes"
        case .packageStoreBytes: "package_store_bytes"
        case .diskReserveBytes: "disk_reserve_bytes"
        case .videos: "videos"
        case .sqliteHeapBytes: "sqlite_heap_bytes"
        case .stateGenerations: "state_generations"
        case .stateBytes: "state_bytes"
        case .seenClients: "seen_clients"
        case .dumpRingBytes: "dump_ring_bytes"
        case .dumpFileBytes: "dump_file_bytes"
        case .dumpBytes: "dump_bytes"
        case .diskWriteBytesPerDay: "disk_write_bytes_per_day"
        case .statusConnections: "status_connections"
        case .logLinesPerSecond: "log_lines_per_second"
        }
    }

    /// What a value of this key may be, whatever the others are.
    public var range: ClosedRange<Int> {
        switch self {
        case .memoryBytes: 1_048_576...1_073_741_824
        case .kernelSocketBytes: 65_536...4_294_967_296
        case .fileDescriptors: 16...65_536
        case .processBytes: 262_144...67_108_864
        case .clients: 1...1_024
        case .clientsPerAddress: 1...1_024
        case .clientQueueEvents: 8...65_535
        case .clientQueueBytes: 1_024...16_777_216
        case .clientReceiveBufferBytes: 4_096...4_194_304
        case .clientSendBufferBytes: 8_192...4_194_304
        case .eventMaxBytes: 1_024...65_536
        case .eventLogBytes: 16_384...268_435_456
        case .eventLogEvents: 16...65_535
        case .receivePoolBytes: 2_048...268_435_456
        case .replayEvents: 16...65_535
        case .replayBytes: 2_048...268_435_456
        case .emergencies: 1...1_024
        case .teams: 1...64
        case .teamMembers: 1...4_096
        case .listeners: 2...64
        case .allowedNetworks: 9...256
        case .configFileBytes: 1_024...1_048_576
        case .httpConnections: 1...256
        case .httpConnectionsPerAddress: 1...256
        case .httpListeners: 1...16
        case .httpHeadBytes: 1_024...65_536
        case .httpOutputBytes: 5_632...1_048_576
        case .httpReceiveBytes: 4_096...4_194_304
        case .httpReceiveBufferBytes: 4_096...4_194_304
        case .httpSendBufferBytes: 8_192...4_194_304
        case .uploads: 1...64
        case .uploadsPerAddress: 1...64
        case .uploadAddresses: 1...4_096
        case .uploadBytesPerDay: 1_024...17_592_186_044_416
        case .uploadBytesPerAddressPerDay: 1_024...17_592_186_044_416
        case .packages: 1...1_000_000
        case .packageMaxBytes: 1_024...1_099_511_627_776
        case .packageStoreBytes: 1_024...17_592_186_044_416
        case .diskReserveBytes: 0...1_099_511_627_776
        case .videos: 1...4_096
        case .sqliteHeapBytes: 262_144...67_108_864
        case .stateGenerations: 2...16
        case .stateBytes: 131_072...1_073_741_824
        case .seenClients: 1...4_096
        case .dumpRingBytes: 4_096...16_777_216
        case .dumpFileBytes: 65_536...1_073_741_824
        case .dumpBytes: 131_072...1_099_511_627_776
        case .diskWriteBytesPerDay: 1_048_576...17_592_186_044_416
        case .statusConnections: 1...16
        case .logLinesPerSecond: 1...1_000
        }
    }

    public func value(in budget: Budget) -> Int {
        switch self {
        case .memoryBytes: budget.memoryBytes
        case .kernelSocketBytes: budget.kernelSocketBytes
        case .fileDescriptors: budget.fileDescriptors
        case .processBytes: budget.processBytes
        case .clients: budget.clients
        case .clientsPerAddress: budget.clientsPerAddress
        case .clientQueueEvents: budget.clientQueueEvents
        case .clientQueueBytes: budget.clientQueueBytes
        case .clientReceiveBufferBytes: budget.clientReceiveBufferBytes
        case .clientSendBufferBytes: budget.clientSendBufferBytes
        case .eventMaxBytes: budget.eventMaxBytes
        case .eventLogBytes: budget.eventLogBytes
        case .eventLogEvents: budget.eventLogEvents
        case .receivePoolBytes: budget.receivePoolBytes
        case .replayEvents: budget.replayEvents
        case .replayBytes: budget.replayBytes
        case .emergencies: budget.emergencies
        case .teams: budget.teams
        case .teamMembers: budget.teamMembers
        case .listeners: budget.listeners
        case .allowedNetworks: budget.allowedNetworks
        case .configFileBytes: budget.configFileBytes
        case .httpConnections: budget.httpConnections
        case .httpConnectionsPerAddress: budget.httpConnectionsPerAddress
        case .httpListeners: budget.httpListeners
        case .httpHeadBytes: budget.httpHeadBytes
        case .httpOutputBytes: budget.httpOutputBytes
        case .httpReceiveBytes: budget.httpReceiveBytes
        case .httpReceiveBufferBytes: budget.httpReceiveBufferBytes
        case .httpSendBufferBytes: budget.httpSendBufferBytes
        case .uploads: budget.uploads
        case .uploadsPerAddress: budget.uploadsPerAddress
        case .uploadAddresses: budget.uploadAddresses
        case .uploadBytesPerDay: budget.uploadBytesPerDay
        case .uploadBytesPerAddressPerDay: budget.uploadBytesPerAddressPerDay
        case .packages: budget.packages
        case .packageMaxBytes: budget.packageMaxBytes
        case .packageStoreBytes: budget.packageStoreBytes
        case .diskReserveBytes: budget.diskReserveBytes
        case .videos: budget.videos
        case .sqliteHeapBytes: budget.sqliteHeapBytes
        case .stateGenerations: budget.stateGenerations
        case .stateBytes: budget.stateBytes
        case .seenClients: budget.seenClients
        case .dumpRingBytes: budget.dumpRingBytes
        case .dumpFileBytes: budget.dumpFileBytes
        case .dumpBytes: budget.dumpBytes
        case .diskWriteBytesPerDay: budget.diskWriteBytesPerDay
        case .statusConnections: budget.statusConnections
        case .logLinesPerSecond: budget.logLinesPerSecond
        }
    }

    public func set(_ value: Int, in budget: inout Budget) {
        switch self {
        case .memoryBytes: budget.memoryBytes = value
        case .kernelSocketBytes: budget.kernelSocketBytes = value
        case .fileDescriptors: budget.fileDescriptors = value
        case .processBytes: budget.processBytes = value
        case .clients: budget.clients = value
        case .clientsPerAddress: budget.clientsPerAddress = value
        case .clientQueueEvents: budget.clientQueueEvents = value
        case .clientQueueBytes: budget.clientQueueBytes = value
        case .clientReceiveBufferBytes: budget.clientReceiveBufferBytes = value
        case .clientSendBufferBytes: budget.clientSendBufferBytes = value
        case .eventMaxBytes: budget.eventMaxBytes = value
        case .eventLogBytes: budget.eventLogBytes = value
        case .eventLogEvents: budget.eventLogEvents = value
        case .receivePoolBytes: budget.receivePoolBytes = value
        case .replayEvents: budget.replayEvents = value
        case .replayBytes: budget.replayBytes = value
        case .emergencies: budget.emergencies = value
        case .teams: budget.teams = value
        case .teamMembers: budget.teamMembers = value
        case .listeners: budget.listeners = value
        case .allowedNetworks: budget.allowedNetworks = value
        case .configFileBytes: budget.configFileBytes = value
        case .httpConnections: budget.httpConnections = value
        case .httpConnectionsPerAddress: budget.httpConnectionsPerAddress = value
        case .httpListeners: budget.httpListeners = value
        case .httpHeadBytes: budget.httpHeadBytes = value
        case .httpOutputBytes: budget.httpOutputBytes = value
        case .httpReceiveBytes: budget.httpReceiveBytes = value
        case .httpReceiveBufferBytes: budget.httpReceiveBufferBytes = value
        case .httpSendBufferBytes: budget.httpSendBufferBytes = value
        case .uploads: budget.uploads = value
        case .uploadsPerAddress: budget.uploadsPerAddress = value
        case .uploadAddresses: budget.uploadAddresses = value
        case .uploadBytesPerDay: budget.uploadBytesPerDay = value
        case .uploadBytesPerAddressPerDay: budget.uploadBytesPerAddressPerDay = value
        case .packages: budget.packages = value
        case .packageMaxBytes: budget.packageMaxBytes = value
        case .packageStoreBytes: budget.packageStoreBytes = value
        case .diskReserveBytes: budget.diskReserveBytes = value
        case .videos: budget.videos = value
        case .sqliteHeapBytes: budget.sqliteHeapBytes = value
        case .stateGenerations: budget.stateGenerations = value
        case .stateBytes: budget.stateBytes = value
        case .seenClients: budget.seenClients = value
        case .dumpRingBytes: budget.dumpRingBytes = value
        case .dumpFileBytes: budget.dumpFileBytes = value
        case .dumpBytes: budget.dumpBytes = value
        case .diskWriteBytesPerDay: budget.diskWriteBytesPerDay = value
        case .statusConnections: budget.statusConnections = value
        case .logLinesPerSecond: budget.logLinesPerSecond = value
        }
    }
}
