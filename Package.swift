// swift-tools-version: 6.2
import PackageDescription

// One package, two builds. Without the switch: the full Swift runtime, for development and
// `swift test`. With TINYCOT_EMBEDDED=1: Embedded Swift, for what ships (scripts/build.sh).
let embedded = Context.environment["TINYCOT_EMBEDDED"] == "1"
// A build of the daemon for tests: it stops at the first heap allocation after the seal, and its
// wall clock can be set wrong.
let trapsOnAllocation = Context.environment["TINYCOT_TRAP_ALLOCATIONS"] == "1"

let common: [SwiftSetting] =
    embedded
    ? [.enableExperimentalFeature("Embedded"), .unsafeFlags(["-wmo"])]
    : []
// The compiler itself proves that the core never allocates: in the Embedded build a class, an
// array or a growing string in it is an error.
let core: [SwiftSetting] = common + (embedded ? [.unsafeFlags(["-no-allocations"])] : [])

// All C of the project. _FORTIFY_SOURCE needs the optimiser.
let hardened: [CSetting] =
    [.unsafeFlags(["-Wall", "-Wextra", "-Werror", "-fstack-protector-strong"])]
    + [.define("_FORTIFY_SOURCE", to: "2", .when(configuration: .release))]

// The C shim. In the shipped builds the linker sends every call of malloc and its kin, those of the
// C library included, to the counters in heap.c; the define and the option belong together.
let shim: [CSetting] =
    hardened
    + (embedded ? [.define("TCS_WRAP_HEAP")] : [])
    + (trapsOnAllocation ? [.define("TCS_TRAP_ALLOCATIONS"), .define("TCS_TEST_CLOCK")] : [])

let heapFunctions = ["malloc", "calloc", "realloc", "posix_memalign", "aligned_alloc", "memalign"]
let shimLinking: [LinkerSetting] =
    embedded ? [.unsafeFlags(heapFunctions.flatMap { ["-Xlinker", "--wrap=\($0)"] })] : []

// The disk side of data packages. Their C shims call Debian's SQLite and libcrypto: the shared
// libraries under `swift test`, the static ones in what ships.
let libraryShim: [CSetting] = hardened

let package = Package(
    name: "TinyCoT",
    products: [.executable(name: "tinycot", targets: ["tinycotd"])],
    targets: [
        // The status page, which its C file embeds.
        .target(name: "CStatusPage", exclude: ["page.html"], cSettings: libraryShim),
        .target(name: "CLinuxSys", cSettings: shim, linkerSettings: shimLinking),
        .target(name: "TinyCoT", swiftSettings: core),
        .target(
            name: "CSQLite", cSettings: libraryShim,
            linkerSettings: [.linkedLibrary("sqlite3"), .linkedLibrary("m")]),
        .target(
            name: "CCrypto", cSettings: libraryShim, linkerSettings: [.linkedLibrary("crypto")]),
        .target(
            name: "PackageStore", dependencies: ["TinyCoT", "CLinuxSys", "CSQLite", "CCrypto"],
            swiftSettings: core),
        .target(
            name: "StateStore", dependencies: ["TinyCoT", "CLinuxSys", "PackageStore"],
            swiftSettings: core),
        .executableTarget(
            name: "tinycotd",
            dependencies: [
                "TinyCoT", "CLinuxSys", "CStatusPage", "PackageStore", "StateStore",
            ],
            swiftSettings: common),
        .testTarget(name: "TinyCoTTests", dependencies: ["TinyCoT"]),
        .testTarget(name: "SimulationTests", dependencies: ["TinyCoT"]),
        .testTarget(name: "BridgeTests", dependencies: ["tinycotd", "TinyCoT"]),
        // A process that stores packages until the tests end it. Its own system calls stand before
        // those of the C library, for SQLite too, so that a test can let each of them fail.
        .executableTarget(
            name: "PackageStoreHelper", dependencies: ["PackageStore", "TinyCoT"],
            path: "Tests/PackageStoreHelper",
            linkerSettings: [.unsafeFlags(["-Xlinker", "--export-dynamic"])]),
        // The readers of the core, so that their instructions can be counted (bench/linear.py).
        .executableTarget(
            name: "LinearHelper", dependencies: ["TinyCoT", "CLinuxSys"],
            path: "Tests/LinearHelper", swiftSettings: common),
        .testTarget(
            name: "PackageStoreTests",
            dependencies: ["PackageStore", "PackageStoreHelper", "TinyCoT"]),
        .testTarget(
            name: "StateStoreTests", dependencies: ["StateStore", "PackageStore", "TinyCoT"]),
    ]
)
