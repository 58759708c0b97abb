// A script of changes, the migration first, in which each system call in turn meets a fault: the
// process is killed, a write is torn, the disk fails or is full, once or from then on. Afterwards
// what was answered is there, what was not is there whole or not at all, and nothing else is.

import Foundation
import Glibc
import Testing
import TinyCoT

@testable import PackageStore

extension StoreSuite {
    @Suite struct FaultTests {
        /// What may be there: names and hashes, and the feed.
        private struct World: Hashable {
            var rows: [String: String]
            var hasFeed = false

            mutating func apply(_ words: [String]) {
                switch words[0] {
                case "add": rows[words[1]] = FaultTests.contentHash(UInt8(words[2])!)
                case "video": hasFeed = true
                default: rows["map 1.zip"] = nil
                }
            }
        }

        private static func contentHash(_ value: UInt8) -> String {
            var digest = Digest()
            digest.update(slab([UInt8](repeating: value, count: 20_000)))
            return text(digest.finish())
        }

        /// What the helper said, and every state that it allows.
        private func worlds(_ output: String, from first: World) -> Set<World> {
            var worlds: Set<World> = [first]
            var begun: [String]?
            func maybe(_ words: [String]) {
                for var world in worlds {
                    world.apply(words)
                    worlds.insert(world)
                }
            }
            for line in output.split(separator: "\n") {
                let words = line.split(separator: " ").map(String.init)
                switch words[0] {
                case "begin": begun = Array(words.dropFirst())
                case "done":
                    worlds = Set(
                        worlds.map { world in
                            var world = world
                            world.apply(Array(words.dropFirst()))
                            return world
                        })
                    begun = nil
                case "failed":
                    maybe(Array(words.dropFirst()))
                    begun = nil
                default: break
                }
            }
            if let begun { maybe(begun) }
            return worlds
        }

        /// Runs the helper to its end. Nothing but the fault may end it otherwise than by itself.
        private func run(
            _ mode: String, _ folder: TestFolder, _ fault: String, _ number: Int
        ) throws -> String {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: try helperPath())
            process.arguments = [mode, folder.path, fault, "\(number)"]
            let output = Pipe()
            process.standardOutput = output
            try process.run()
            let bytes = output.fileHandleForReading.readDataToEndOfFile()
            process.waitUntilExit()
            let wasKilled = process.terminationReason == .uncaughtSignal
            let mayBeKilled = ["kill", "torn", "EIO!", "ENOSPC!"].contains(fault)
            #expect(!wasKilled || mayBeKilled, "\(fault) \(number)")
            #expect(!wasKilled || process.terminationStatus == SIGKILL, "\(fault) \(number)")
            return String(decoding: bytes, as: UTF8.self)
        }

        /// A state folder of version 1, with eight packages.
        private func versionOne() throws -> (TestFolder, World) {
            let folder = try TestFolder()
            var packages: [(SHA256Digest, Int)] = []
            var world = World(rows: [:])
            for number in 1...8 {
                let hash = try folder.publish([UInt8](repeating: 200 + UInt8(number), count: 900))
                packages.append((hash, 900))
                world.rows["map \(number).zip"] = text(hash)
            }
            try folder.makeVersionOne(packages)
            return (folder, world)
        }

        private func copy(_ folder: TestFolder) throws -> TestFolder {
            let copy = try memoryFolder()
            for name in ["packages", "catalogue.db"] {
                let target = copy.path + "/" + name
                try? FileManager.default.removeItem(atPath: target)
                try FileManager.default.copyItem(
                    atPath: folder.path + "/" + name, toPath: target)
            }
            return copy
        }

        private func check(
            _ folder: TestFolder, _ allowed: Set<World>, _ label: String
        ) throws {
            var catalogue = try folder.catalogue()
            #expect(catalogue.origin == .opened, "\(label)")
            _ = try folder.reconcile(&catalogue)
            var found = World(rows: [:])
            catalogue.beginPage(after: 0, count: 100)
            while let row = try catalogue.nextOfPage() {
                found.rows[text(row.name)] = text(row.hash)
            }
            catalogue.beginVideos(after: 0)
            while let video = try catalogue.nextVideo() {
                #expect(text(video.feed) == "feed", "\(label)")
                found.hasFeed = true
            }
            #expect(allowed.contains(found), "\(label): \(found)")
            #expect(
                folder.names == Set(found.rows.values.map { $0 + ".zip" }).sorted(),
                "\(label): every row has its file, every file its row, no temporary")
            let files = try folder.files()
            for hash in found.rows.values {
                let isWhole = try files.verify(
                    unwrap(SHA256Digest(hex: slab(hash))), buffer: freshMemory(65_536))
                #expect(isWhole, "\(label): \(hash)")
            }
        }

        @Test(arguments: ["kill", "torn", "EIO", "EIO!", "EIO+", "ENOSPC!", "ENOSPC+"])
        func everySystemCallMayMeet(fault: String) throws {
            let (template, first) = try versionOne()
            let whole = try copy(template)
            let output = try run("script", whole, fault, .max)
            #expect(output.contains("done remove first") && output.contains("closed"))
            let calls = try calls(output)
            #expect(calls > 80, "the calls are counted: \(calls)")
            try check(whole, worlds(output, from: first), "no fault")
            var migrations = 0
            var answers = 0
            for number in 1...calls {
                let folder = try copy(template)
                let output = try run("script", folder, fault, number)
                if output.contains("opened") { migrations += 1 }
                answers += output.split(separator: "\n").count { $0.hasPrefix("done") }
                try check(folder, worlds(output, from: first), "\(fault) at call \(number)")
            }
            #expect(migrations > 30 && migrations < calls, "\(migrations) of \(calls)")
            #expect(answers > 30)
        }

        private func calls(_ output: String) throws -> Int {
            let last = output.split(separator: "\n").last?.split(separator: " ").last
            return try unwrap(last.flatMap { Int($0) })
        }

        /// 14 MiB are three whole windows: three beginnings, and two waits for the one before.
        @Test func anErrorWhileItIsWrittenBackEndsAnUpload() throws {
            let whole = try memoryFolder()
            let output = try run("large", whole, "sync_file_range:EIO", .max)
            #expect(output.contains("done large"))
            #expect(try calls(output) == 5)
            for fault in ["EIO", "ENOSPC"] {
                for number in 1...5 {
                    let folder = try memoryFolder()
                    let output = try run("large", folder, "sync_file_range:" + fault, number)
                    #expect(!output.contains("done large"))
                    #expect(output.contains("an upload cannot be written: "), "\(output)")
                    #expect(folder.names == [])
                }
            }
        }

        /// Some file systems cannot; the upload is whole all the same.
        @Test(arguments: ["EINVAL", "ENOSYS", "ESPIPE"])
        func withoutWritebackAnUploadIsWhole(fault: String) throws {
            let folder = try memoryFolder()
            let output = try run("large", folder, "sync_file_range:\(fault)+", 1)
            #expect(output.contains("done large"))
            #expect(try calls(output) == 5)
            let name = try unwrap(folder.names.first)
            let hash = try unwrap(SHA256Digest(hex: slab(String(name.prefix(64)))))
            let files = try folder.files()
            #expect(try files.verify(hash, buffer: freshMemory(65_536)) == true)
        }
    }
}
