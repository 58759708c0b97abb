// The same on a real folder: names, links, folders, and what is in the way.

import Foundation
import Glibc
import PackageStore
import Testing
import TinyCoT

@testable import StateStore

private final class Folder {
    let path = NSTemporaryDirectory() + "tinycot-state-" + UUID().uuidString

    init() throws {
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    var names: [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
    }

    func put(_ name: String, _ bytes: [UInt8]) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: path + "/" + name))
    }

    func bytes(_ name: String) -> [UInt8] {
        [UInt8]((try? Data(contentsOf: URL(fileURLWithPath: path + "/" + name))) ?? Data())
    }

    func files(_ limits: StateLimits = manyLimits) throws -> StateFiles {
        try StateFiles.open(path, limits)
    }
}

@Suite struct StateFilesTests {
    @Test func generationsOnARealDisk() throws {
        let folder = try Folder()
        try folder.put("catalogue.db", [1])
        try folder.put("state.tmp", [2])
        var files = try folder.files()
        files.survey()
        for generation: UInt64 in 1...5 {
            let commit = try files.save(lived: Int64(generation), events: 30)
            let bytes = folder.bytes("state.\(commit.slot).json")
            #expect(bytes == file(header(generation, lived: Int64(generation)), events: 30))
        }
        #expect(
            folder.names == ["catalogue.db", "state.1.json", "state.2.json", "state.3.json"])
        var status = stat()
        #expect(stat(folder.path + "/state.1.json", &status) == 0)
        #expect(status.st_mode & 0o137 == 0, "nobody else may read it")
        var next = try folder.files()
        let found = next.survey()
        #expect(next.newest == 2)
        #expect(found[1].header.livedMilliseconds == 5)
        #expect(try next.load(2) == folder.bytes("state.2.json"))
    }

    /// The state of the whole program goes through the reader as it came from the writer.
    @Test func whatIsWrittenIsWhatIsRead() throws {
        let folder = try Folder()
        var files = try folder.files()
        files.survey()
        let commit = try files.save(events: 50, textBytes: 500)
        try files.open(commit.slot)
        let memory = ReadingMemory()
        var reader = StateReader(text: memory.text)
        var uids: [String] = []
        while true {
            let count = try files.read(into: memory.buffer)
            if count == 0 { break }
            let piece = memory.buffer.slice(0, count)
            var offset = 0
            var found = try reader.read(piece, &offset)
            while found != .more {
                if found == .event {
                    let text = String(decoding: array(reader.eventBytes), as: UTF8.self)
                    uids.append(String(text.dropFirst(12).prefix { $0 != "\"" }))
                }
                found = try reader.read(piece, &offset)
            }
        }
        try reader.finish()
        withExtendedLifetime(memory) {}
        files.closeReading()
        #expect(uids == (0..<50).map { "1-\($0)" })
    }

    @Test func linksFoldersAndPipesAreSetAsideAndNotFollowed() throws {
        let folder = try Folder()
        let outside = try Folder()
        try outside.put("secret", file(header(99)))
        for name in ["state.1.json", "state.tmp"] {
            try FileManager.default.createSymbolicLink(
                atPath: folder.path + "/" + name, withDestinationPath: outside.path + "/secret")
        }
        try FileManager.default.createDirectory(
            atPath: folder.path + "/state.2.json", withIntermediateDirectories: false)
        try folder.put("state.2.json/inside", [1])
        #expect(mkfifo(folder.path + "/state.3.json", 0o600) == 0)
        var files = try folder.files()
        let found = files.survey()
        #expect(found[..<3].allSatisfy { $0.condition == .broken && $0.damage == .noFile })
        #expect(found[..<3].allSatisfy { $0.error == nil })
        #expect(files.newest == nil)
        #expect(try files.save().slot == 1)
        #expect(
            folder.names == [
                "state.1.json", "state.1.json.broken", "state.2.json.broken",
                "state.3.json.broken",
            ])
        #expect(outside.bytes("secret") == file(header(99)))
    }

    @Test func aFolderInTheWayOfTheTemporaryIsAnError() throws {
        let folder = try Folder()
        try FileManager.default.createDirectory(
            atPath: folder.path + "/state.tmp", withIntermediateDirectories: false)
        var files = try folder.files()
        files.survey()
        do throws(FileError) {
            try files.begin()
            Issue.record("a folder is in the way")
        } catch { #expect(error.step == .stateLeftover) }
    }

    @Test func aFolderThatIsNotThere() throws {
        do throws(FileError) {
            _ = try StateFiles.open("/nonexistent/tinycot", manyLimits)
            Issue.record("there is no such folder")
        } catch {
            #expect(error.step == .openState && error.isAbsent)
        }
    }

    @Test func twoDescriptorsAtMost() throws {
        let folder = try Folder()
        func open() throws -> Int {
            try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").filter { name in
                let target = try? FileManager.default.destinationOfSymbolicLink(
                    atPath: "/proc/self/fd/" + name)
                return target?.hasPrefix(folder.path) == true
            }.count
        }
        var files = try folder.files()
        files.survey()
        #expect(try open() == 1)
        try files.begin()
        #expect(try open() == 2)
        files.discard()
        _ = try files.save()
        #expect(try open() == 1)
        try files.open(1)
        #expect(try open() == 2)
        files.closeReading()
        #expect(try open() == 1)
    }
}
