// What the tests of the package store share: one heap for SQLite, temporary folders, and views of
// Swift's arrays. SQLite is set to one thread, so every test that uses it is in one serial suite.

import Foundation
import Testing
import TinyCoT

@testable import PackageStore

/// Suites that use SQLite are declared inside.
@Suite(.serialized) struct StoreSuite {}

/// Zeroed, aligned to 64 bytes, never given back.
func freshMemory(_ bytes: Int) -> Slab<UInt8> {
    let start = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64)
    start.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
    return Slab(start: start.assumingMemoryBound(to: UInt8.self), count: bytes)
}

/// A view that lives as long as the test process.
func slab(_ text: String) -> Slab<UInt8> { slab(Array(text.utf8)) }
func slab(_ bytes: [UInt8]) -> Slab<UInt8> {
    let memory = freshMemory(max(1, bytes.count))
    for (i, byte) in bytes.enumerated() { memory[i] = byte }
    return memory.slice(0, bytes.count)
}

func text(_ bytes: Slab<UInt8>) -> String {
    String(decoding: (0..<bytes.count).map { bytes[$0] }, as: UTF8.self)
}

func text(_ hash: SHA256Digest) -> String { sentence { hash.append(to: &$0) } }

func sentence(_ write: (inout ByteWriter) -> Void) -> String {
    var writer = ByteWriter(freshMemory(1024))
    write(&writer)
    return text(writer.written)
}

/// A hash that is a number.
func hash(_ number: Int) -> SHA256Digest {
    let digits = String(number, radix: 16)
    return SHA256Digest(hex: slab(String(repeating: "0", count: 64 - digits.count) + digits))!
}

enum TestHeap {
    static let bytes = 1 << 20
    /// Gives SQLite its memory when the first test asks.
    static let isInstalled: Bool = {
        do throws(CatalogueError) {
            try SQLiteMemory.install(freshMemory(bytes))
            return true
        } catch { return false }
    }()
}

/// A folder with a folder `packages` in it, removed with everything.
final class TestFolder {
    let path: String
    let buffer = freshMemory(Catalogue.bufferBytes)

    init(path: String? = nil) throws {
        self.path = path ?? NSTemporaryDirectory() + "tinycot-store-" + UUID().uuidString
        try FileManager.default.createDirectory(
            atPath: packagesPath, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    var packagesPath: String { path + "/packages" }
    var databasePath: String { path + "/catalogue.db" }

    var names: [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: packagesPath)) ?? []).sorted()
    }

    func files() throws -> PackageFiles { try PackageFiles(path: packagesPath) }

    func catalogue(cacheKibibytes: Int = 256, journalPages: Int = 64) throws -> Catalogue {
        #expect(TestHeap.isInstalled)
        let files = try files()
        return try Catalogue(
            folder: path, files: files, buffer: buffer,
            settings: DatabaseSettings(
                cacheKibibytes: cacheKibibytes, journalPages: journalPages))
    }

    func reconcile(_ catalogue: inout Catalogue) throws -> Reconciliation {
        let files = try files()
        return try Reconciliation.run(
            files, &catalogue, buffer: freshMemory(FolderScan.bufferBytes))
    }

    /// Writes a package the way an upload does.
    func publish(_ bytes: [UInt8]) throws -> SHA256Digest {
        let files = try files()
        var file = try files.create()
        var digest = Digest()
        let view = slab(bytes)
        digest.update(view)
        do throws(FileError) {
            try files.write(view, to: &file)
        } catch {
            files.discard(&file)
            throw error
        }
        let hash = digest.finish()
        try files.publish(file, as: hash)
        return hash
    }
}

func package(
    _ hash: SHA256Digest, _ name: String, by creator: String = "", bytes: Int64 = 1,
    tool: String = "private", team: String = ""
) -> NewPackage {
    var package = NewPackage(hash: hash, name: slab(name))
    package.creatorUid = slab(creator)
    package.sizeBytes = bytes
    package.tool = slab(tool)
    package.team = slab(team)
    package.submittedAtMilliseconds = 1_700_000_000_000
    return package
}

/// SplitMix64: the same seed gives the same test.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
    mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
}

/// In memory where that may be, for tests that do not ask what a disk takes its time for.
func memoryFolder() throws -> TestFolder {
    let shared = "/dev/shm"
    if !FileManager.default.isWritableFile(atPath: shared) { return try TestFolder() }
    return try TestFolder(path: shared + "/tinycot-store-" + UUID().uuidString)
}

/// The process that stores packages, beside the tests.
func helperPath() throws -> String {
    let program = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    return (program as NSString).deletingLastPathComponent + "/PackageStoreHelper"
}

func run(_ program: String, _ arguments: [String]) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let bytes = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return String(decoding: bytes, as: UTF8.self)
}

/// `#require` calls methods on a copy of their owner; ours cannot be copied.
func unwrap<T>(_ value: T?) throws -> T { try #require(value) }
