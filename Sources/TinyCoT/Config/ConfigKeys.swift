// The keys of tinycot.json, by the object they stand in. Read by ConfigParser;
// docs/configuration.md says what each means. A key that is not here does not exist.

/// Each kind of object in the file has one table; a key is an index into it.
enum ConfigKeys: UInt8, BitwiseCopyable {
    case file, cot, http, team, dump

    /// Nil behind the last.
    func name(_ index: Int) -> StaticString? {
        switch self {
        case .file: FileKey(rawValue: UInt8(index))?.name
        case .cot: index == 0 ? "listen" : nil
        case .http: HTTPKey(rawValue: UInt8(index))?.name
        case .team: TeamKey(rawValue: UInt8(index))?.name
        case .dump: DumpKey(rawValue: UInt8(index))?.name
        }
    }
}

enum FileKey: UInt8, BitwiseCopyable {
    case cot, http, allow, teams
    case heartbeatSeconds, stallSeconds, drainSeconds, coalesceMilliseconds
    case replayMaxSeconds, emergencyRepeatSeconds, emergencyMaxSeconds
    case stateSeconds, returnSeconds
    case storeStallSeconds
    case dump

    var name: StaticString {
        switch self {
        case .cot: "cot"
        case .http: "http"
        case .allow: "allow"
        case .teams: "teams"
        case .heartbeatSeconds: "heartbeat_seconds"
        case .stallSeconds: "stall_seconds"
        case .drainSeconds: "drain_seconds"
        case .coalesceMilliseconds: "coalesce_milliseconds"
        case .replayMaxSeconds: "replay_max_seconds"
        case .emergencyRepeatSeconds: "emergency_repeat_seconds"
        case .emergencyMaxSeconds: "emergency_max_seconds"
        case .stateSeconds: "state_seconds"
        case .returnSeconds: "return_seconds"
        case .storeStallSeconds: "store_stall_seconds"
        case .dump: "dump"
        }
    }
}

enum HTTPKey: UInt8, BitwiseCopyable {
    case listen, publicURL
    case allowDelete, announceUploads, evictOldest
    case headSeconds, stallSeconds, idleSeconds

    var name: StaticString {
        switch self {
        case .listen: "listen"
        case .publicURL: "public_url"
        case .allowDelete: "allow_delete"
        case .announceUploads: "announce_uploads"
        case .evictOldest: "evict_oldest"
        case .headSeconds: "head_seconds"
        case .stallSeconds: "stall_seconds"
        case .idleSeconds: "idle_seconds"
        }
    }
}

enum TeamKey: UInt8, BitwiseCopyable {
    case name, listen, members, colours, sees, `default`

    var name: StaticString {
        switch self {
        case .name: "name"
        case .listen: "listen"
        case .members: "members"
        case .colours: "colours"
        case .sees: "sees"
        case .default: "default"
        }
    }
}

enum DumpKey: UInt8, BitwiseCopyable {
    case enabled, types, teams, uids, fileSeconds

    var name: StaticString {
        switch self {
        case .enabled: "enabled"
        case .types: "types"
        case .teams: "teams"
        case .uids: "uids"
        case .fileSeconds: "file_seconds"
        }
    }
}
