// Processes that store packages are killed at any moment, or find the disk full. Afterwards what
// was answered is whole and listed, and nothing else is there.

import Foundation
import Glibc
import Testing
import TinyCoT

@testable import PackageStore

extension StoreSuite {
    @Suite struct CrashTests {
        /// What the helper said, and what must therefore be there.
        private struct Expected {
            /// Answered: these are listed, each under its name.
            var byName: [String: String] = [:]
            /// Begun and neither answered nor refused: listed or not, but if listed then whole.
            var open: (hash: String, name: String)?
            var lastWords = ""

            mutating func take(_ output: String) {
                for line in output.split(separator: "\n", omittingEmptySubsequences: true) {
                    let words = line.split(separator: " ", maxSplits: 2).map(String.init)
                    if words.count == 3, words[0] == "begin" {
                        open = (words[1], words[2])
                    } else if words.count == 3, words[0] == "done" {
                        byName[words[2]] = words[1]
                        open = nil
                    } else {
                        lastWords = String(line)
                    }
                }
            }
        }

        /// Runs the helper and ends it after `milliseconds`, or waits until it ends by itself.
        private func run(
            _ folder: TestFolder, seed: Int, killAfter milliseconds: Int?, fileLimit: Int? = nil
        ) throws -> String {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: try helperPath())
            process.arguments =
                ["fill", folder.path, "\(seed)"] + (fileLimit.map { ["\($0)"] } ?? [])
            let path = folder.path + "/output"
            try Data().write(to: URL(fileURLWithPath: path))
            let output = try unwrap(FileHandle(forWritingAtPath: path))
            process.standardOutput = output
            try process.run()
            if let milliseconds {
                usleep(UInt32(milliseconds) * 1_000)
                kill(process.processIdentifier, SIGKILL)
            }
            process.waitUntilExit()
            try output.close()
            return try String(contentsOfFile: path, encoding: .utf8)
        }

        /// Starts the store as the daemon would, and looks at everything.
        private func check(
            _ folder: TestFolder, _ expected: inout Expected, _ label: String
        ) throws {
            var catalogue = try folder.catalogue()
            _ = try folder.reconcile(&catalogue)
            var listed: [String: String] = [:]
            catalogue.beginPage(after: 0, count: 1_000)
            while let row = try catalogue.nextOfPage() {
                listed[text(row.name)] = text(row.hash)
            }
            if let open = expected.open, listed[open.name] == open.hash {
                expected.byName[open.name] = open.hash
            }
            expected.open = nil
            #expect(listed == expected.byName, "\(label)")
            #expect(
                folder.names == listed.values.map { $0 + ".zip" }.sorted(),
                "\(label): every row has its file, every file its row, no temporary")
            let files = try folder.files()
            for hash in listed.values {
                let isWhole = try files.verify(
                    unwrap(SHA256Digest(hex: slab(hash))), buffer: freshMemory(65_536))
                #expect(isWhole, "\(label): \(hash)")
            }
        }

        @Test func whatWasAnsweredSurvivesAKillAtAnyMoment() throws {
            let folder = try TestFolder()
            var expected = Expected()
            var random = SeededGenerator(seed: UInt64(Date().timeIntervalSince1970))
            let end = Date().addingTimeInterval(15)
            var rounds = 0
            var answers = 0
            while Date() < end && rounds < 200 {
                let seed = Int(random.next() >> 2)
                let milliseconds = 5 + random.below(120)
                let output = try run(folder, seed: seed, killAfter: milliseconds)
                expected.take(output)
                answers += output.split(separator: "\n").count { $0.hasPrefix("done") }
                try check(folder, &expected, "round \(rounds), seed \(seed), \(milliseconds) ms")
                rounds += 1
            }
            #expect(rounds > 10 && answers > 10, "\(rounds) rounds, \(answers) answers")
        }

        /// The limit of a file's size stands for the full disk: uploads, the journal and the
        /// database all meet it, at one limit or another.
        @Test(arguments: [3_000, 9_000, 33_000, 50_000, 90_000, 99_990, 150_000, 250_000])
        func aFullDiskIsAnErrorAndLosesNothing(limit: Int) throws {
            let folder = try TestFolder()
            var expected = Expected()
            for seed in 1...3 {
                let output = try run(
                    folder, seed: limit + seed, killAfter: limit > 100_000 ? 400 : nil,
                    fileLimit: limit)
                expected.take(output)
                if limit < 100_000 {
                    #expect(
                        expected.lastWords.contains("File too large")
                            || expected.lastWords.contains("no room"),
                        "limit \(limit): \(expected.lastWords)")
                }
                try check(folder, &expected, "limit \(limit), seed \(seed)")
            }
        }

        /// A real file system of one MiB, where this process may mount one.
        @Test(.enabled(if: geteuid() == 0)) func aFullFileSystem() throws {
            let path = NSTemporaryDirectory() + "tinycot-full-" + UUID().uuidString
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(atPath: path) }
            if mount("tmpfs", path, "tmpfs", 0, "size=1m") != 0 { return }
            defer { umount2(path, Int32(MNT_DETACH)) }
            let folder = try TestFolder(path: path)
            var expected = Expected()
            let fullErrors = try fill(folder, &expected)
            #expect(fullErrors > 3 && expected.byName.count > 20)
            try check(folder, &expected, "after a full file system")
        }

        /// Stores more than there is room for, and at the end removes one: then one fits again.
        private func fill(_ folder: TestFolder, _ expected: inout Expected) throws -> Int {
            var fullErrors = 0
            let files = try folder.files()
            #expect(try files.hasRoom(for: 1_000, reserveBytes: 100_000) == true)
            #expect(try files.hasRoom(for: 1_000_000, reserveBytes: 100_000) == false)
            var catalogue = try folder.catalogue()
            for number in 0..<120 {
                let content = [UInt8](repeating: UInt8(number), count: 20_000 - number * 150)
                do throws(any Error) {
                    let hash = try folder.publish(content)
                    let new = package(hash, "n\(number)", bytes: Int64(content.count))
                    do throws(CatalogueError) {
                        _ = try catalogue.store(new)
                        expected.byName["n\(number)"] = text(hash)
                    } catch {
                        #expect(error.kind == .diskFull, "\(error)")
                        fullErrors += 1
                        _ = try files.remove(hash)
                    }
                } catch {
                    #expect((error as? FileError)?.isFull == true, "\(error)")
                    fullErrors += 1
                }
            }
            let (name, gone) = try unwrap(expected.byName.first { $0.key.count == 2 })
            let goneHash = try unwrap(SHA256Digest(hex: slab(gone)))
            _ = try files.remove(goneHash)
            #expect(try catalogue.delete(goneHash) == true)
            expected.byName[name] = nil
            let hash = try folder.publish([1, 2, 3])
            _ = try catalogue.store(package(hash, "last", bytes: 3))
            expected.byName["last"] = text(hash)
            return fullErrors
        }
    }
}
