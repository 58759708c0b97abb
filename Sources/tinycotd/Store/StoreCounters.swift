// What the store loop counts. It alone writes; the relay's thread reads them for `status`. Each is
// one word that is stored and loaded whole, and nothing is read from two of them together.

import CLinuxSys
import TinyCoT

enum StoreCounter: UInt8, BitwiseCopyable {
    // How things are.
    case isReady, packages, packageBytes
    case connectionsUsed, connectionsPeak, uploadsUsed, uploadsPeak
    case sqliteHeapUsed, sqliteHeapPeak
    case stateGeneration, stateBytes, statesWritten, stateFailures
    // Bytes written to the disk in the present day, by purpose, and ever.
    case stateToday, dumpToday, packagesToday, catalogueToday
    case stateWritten, dumpWritten, packagesWritten, catalogueWritten
    // The dump.
    case dumpFiles, dumpEvents, dumpBytes, dumpDroppedRing, dumpDroppedDisk
    // What has happened.
    case connections, requests, badRequests, timeouts, gaveWay
    case addressNotAllowed, addressFull, acceptFailed
    case answered2xx, answered3xx, answered4xx, answered5xx
    case bytesIn, bytesOut, downloads
    case uploadsStored, uploadsRefused, uploadsCutOff
    case evicted, packagesLost, diskErrors
    case announcements, announcementsUnheard, announcementsDropped

    static var count: Int { Int(StoreCounter.announcementsDropped.rawValue) + 1 }

    var name: StaticString {
        switch self {
        case .isReady: "ready"
        case .packages: "packages"
        case .packageBytes: "package_bytes"
        case .connectionsUsed: "connections_used"
        case .connectionsPeak: "connections_peak"
        case .uploadsUsed: "uploads_used"
        case .uploadsPeak: "uploads_peak"
        case .sqliteHeapUsed: "sqlite_heap_used"
        case .sqliteHeapPeak: "sqlite_heap_peak"
        case .stateGeneration: "state_generation"
        case .stateBytes: "state_bytes"
        case .statesWritten: "states_written"
        case .stateFailures: "state_failures"
        case .stateToday: "written_today_state"
        case .packagesToday: "written_today_packages"
        case .catalogueToday: "written_today_catalogue"
        case .dumpToday: "written_today_dump"
        case .stateWritten: "written_state"
        case .packagesWritten: "written_packages"
        case .catalogueWritten: "written_catalogue"
        case .dumpWritten: "written_dump"
        case .dumpFiles: "dump_files"
        case .dumpEvents: "dump_events"
        case .dumpBytes: "dump_bytes"
        case .dumpDroppedRing: "dump_dropped_ring_full"
        case .dumpDroppedDisk: "dump_dropped_disk"
        case .connections: "connections"
        case .requests: "requests"
        case .badRequests: "bad_requests"
        case .timeouts: "timeouts"
        case .gaveWay: "gave_way"
        case .addressNotAllowed: "address_not_allowed"
        case .addressFull: "address_full"
        case .acceptFailed: "accept_failed"
        case .answered2xx: "answered_2xx"
        case .answered3xx: "answered_3xx"
        case .answered4xx: "answered_4xx"
        case .answered5xx: "answered_5xx"
        case .bytesIn: "upload_bytes"
        case .bytesOut: "bytes_out"
        case .downloads: "downloads"
        case .uploadsStored: "uploads_stored"
        case .uploadsRefused: "uploads_refused"
        case .uploadsCutOff: "uploads_cut_off"
        case .evicted: "evicted"
        case .packagesLost: "packages_lost"
        case .diskErrors: "disk_errors"
        case .announcements: "announcements"
        case .announcementsUnheard: "announcements_unheard"
        case .announcementsDropped: "announcements_dropped"
        }
    }
}

/// A view of the counters; both threads hold one.
struct StoreCounters: BitwiseCopyable {
    private let words: Slab<UInt64>

    init(arena: inout Arena) {
        words = arena.take(UInt64.self, count: StoreCounter.count)
    }

    func value(_ counter: StoreCounter) -> UInt64 {
        tcs_load64(words.pointer(at: Int(counter.rawValue)))
    }

    func set(_ counter: StoreCounter, _ value: UInt64) {
        tcs_store64(words.pointer(at: Int(counter.rawValue)), value)
    }

    func add(_ counter: StoreCounter, _ count: UInt64 = 1) {
        set(counter, words[Int(counter.rawValue)] &+ count)
    }

    /// How much of a pool is in use, and with it the most that ever was.
    func note(_ used: Int, as counter: StoreCounter, peak: StoreCounter) {
        set(counter, UInt64(used))
        if UInt64(used) > words[Int(peak.rawValue)] { set(peak, UInt64(used)) }
    }

    /// The pools of the store, from 0, as `status` shows them; nil behind the last.
    func pool(_ index: Int, budget: Budget) -> PoolUse? {
        switch index {
        case 0:
            use("http_connections", .connectionsUsed, .connectionsPeak, budget.httpConnections)
        case 1: use("uploads", .uploadsUsed, .uploadsPeak, budget.uploads)
        case 2: use("sqlite_heap_bytes", .sqliteHeapUsed, .sqliteHeapPeak, budget.sqliteHeapBytes)
        default: nil
        }
    }

    private func use(
        _ name: StaticString, _ used: StoreCounter, _ peak: StoreCounter, _ limit: Int
    ) -> PoolUse {
        PoolUse(
            name: name, used: Int(clamping: value(used)), peak: Int(clamping: value(peak)),
            limit: limit)
    }

    func add(answer status: HTTPStatus) {
        switch status.rawValue {
        case 200..<300: add(.answered2xx)
        case 300..<400: add(.answered3xx)
        case 400..<500: add(.answered4xx)
        default: add(.answered5xx)
        }
    }
}
