// swift-tools-version: 6.2
import PackageDescription

// One package, two builds. Without the switch: the full Swift runtime, for development and
// `swift test`. With TINYCOT_EMBEDDED=1: Embedded Swift, for what ships (scripts/build.sh).
let embedded = Context.environment["TINYCOT_EMBEDDED"] == "1"
// A build of the daemon that stops at the first heap allocation after the seal; tests run it.
let trapsOnAllocation = Context.environment["TINYCOT_TRAP_ALLOCATIONS"] == "1"

let common: [SwiftSetting] =
    embedded
    ? [.enableExperimentalFeature("Embedded"), .unsafeFlags(["-wmo"])]
    : []
// The compiler itself proves that the core never allocates: in the Embedded build a class, an
// array or a growing string in it is an error.
let core: [SwiftSetting] = common + (embedded ? [.unsafeFlags(["-no-allocations"])] : [])

// The C shim. Only the shipped builds are linked with --wrap (scripts/build.sh), so only they
// define the counters that take the place of malloc and its kin.
let shim: [CSetting] =
    [.unsafeFlags(["-Wall", "-Wextra", "-Werror", "-fstack-protector-strong"])]
    + [.define("_FORTIFY_SOURCE", to: "2", .when(configuration: .release))]
    + (embedded ? [.define("TCS_WRAP_HEAP")] : [])
    + (trapsOnAllocation ? [.define("TCS_TRAP_ALLOCATIONS")] : [])

let package = Package(
    name: "TinyCoT",
    products: [.executable(name: "tinycot", targets: ["tinycotd"])],
    targets: [
        .target(name: "CLinuxSys", cSettings: shim),
        .target(name: "TinyCoT", swiftSettings: core),
        .executableTarget(
            name: "tinycotd", dependencies: ["TinyCoT", "CLinuxSys"], swiftSettings: common),
        .testTarget(name: "TinyCoTTests", dependencies: ["TinyCoT"]),
        .testTarget(name: "SimulationTests", dependencies: ["TinyCoT"]),
    ]
)
