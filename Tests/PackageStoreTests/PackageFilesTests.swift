// Files in a real temporary folder: what is published is whole and bears its hash, what is given up
// leaves nothing, names that are not ours are left alone, errors say what and why.

import Foundation
import Testing
import TinyCoT

@testable import PackageStore

@Suite struct PackageFilesTests {
    private func bytes(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
        var random = SeededGenerator(seed: seed)
        return (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
    }

    @Test func whatIsPublishedIsThereUnderItsHash() throws {
        let folder = try TestFolder()
        let content = bytes(100_000)
        let hash = try folder.publish(content)
        #expect(folder.names == [text(hash) + ".zip"])
        let path = folder.packagesPath + "/" + folder.names[0]
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == Data(content))
        #expect(try run("/usr/bin/sha256sum", [path]).prefix(64) == text(hash))
        let files = try folder.files()
        #expect(try files.size(hash) == 100_000)
        let package = try unwrap(try files.open(hash))
        #expect(package.sizeBytes == 100_000)
        files.close(package)
        #expect(try files.remove(hash) == true)
        #expect(try files.remove(hash) == false)
        #expect(try files.size(hash) == nil)
        #expect(try files.open(hash) == nil)
    }

    @Test func theSameAgainCostsNoSpace() throws {
        let folder = try TestFolder()
        let first = try folder.publish([1, 2, 3])
        #expect(try folder.publish([1, 2, 3]) == first)
        #expect(folder.names.count == 1)
    }

    @Test func aTemporaryHasNoHashAndGoesWhenGivenUp() throws {
        let folder = try TestFolder()
        let files = try folder.files()
        var file = try files.create()
        try files.write(slab([1, 2, 3]), to: &file)
        #expect(file.byteCount == 3)
        #expect(folder.names.count == 1)
        #expect(folder.names[0].hasPrefix("tmp-"))
        files.discard(&file)
        #expect(folder.names == [])
    }

    @Test func verifySeesOneChangedBit() throws {
        let folder = try TestFolder()
        let hash = try folder.publish(bytes(50_000))
        let files = try folder.files()
        let buffer = freshMemory(1_000)
        #expect(try files.verify(hash, buffer: buffer) == true)
        let path = folder.packagesPath + "/" + folder.names[0]
        let handle = try unwrap(FileHandle(forUpdatingAtPath: path))
        try handle.seek(toOffset: 49_999)
        try handle.write(contentsOf: [bytes(50_000)[49_999] ^ 1])
        try handle.close()
        #expect(try files.verify(hash, buffer: buffer) == false)
    }

    @Test func aLinkOrAFolderIsNotAPackage() throws {
        let folder = try TestFolder()
        let files = try folder.files()
        let link = folder.packagesPath + "/" + text(hash(1)) + ".zip"
        try FileManager.default.createSymbolicLink(
            atPath: link, withDestinationPath: "/etc/hostname")
        #expect(try files.size(hash(1)) == nil)
        #expect(throws: FileError.self) { _ = try files.open(hash(1)) }
        try FileManager.default.createDirectory(
            atPath: folder.packagesPath + "/" + text(hash(2)) + ".zip",
            withIntermediateDirectories: false)
        #expect(try files.size(hash(2)) == nil)
    }

    @Test func aScanKnowsItsOwnNames() throws {
        let folder = try TestFolder()
        let digits = String(repeating: "ab", count: 32)
        let foreign = [
            "readme", digits, digits + ".ZIP", digits + ".zip.part", digits.uppercased() + ".zip",
            "tmp-", "tmp-00000000000000zz", "tmp-000000000000000A",
            "x" + digits.dropFirst() + ".zip",
            String(repeating: "n", count: 255),
        ]
        for name in foreign + [digits + ".zip", "tmp-0123456789abcdef"] {
            try Data().write(to: URL(fileURLWithPath: folder.packagesPath + "/" + name))
        }
        let files = try folder.files()
        var scan = try FolderScan(files, buffer: freshMemory(FolderScan.bufferBytes))
        // `.` and `..` are no files.
        var found = (packages: 0, temporaries: 0, foreign: 0)
        while let kind = try scan.next() {
            switch kind {
            case .package(let hash):
                #expect(text(hash) == digits)
                found.packages += 1
            case .temporary(let number):
                #expect(number == 0x0123_4567_89ab_cdef)
                found.temporaries += 1
            case .foreign: found.foreign += 1
            }
        }
        #expect(found == (1, 1, foreign.count))
    }

    @Test func aScanSeesEveryOneOfManyFiles() throws {
        let folder = try TestFolder()
        for number in 0..<700 {
            let name = text(hash(number)) + ".zip"
            try Data().write(to: URL(fileURLWithPath: folder.packagesPath + "/" + name))
        }
        let files = try folder.files()
        for _ in 0..<2 {
            var scan = try FolderScan(files, buffer: freshMemory(FolderScan.bufferBytes))
            var seen = Set<String>()
            while let kind = try scan.next() {
                if case .package(let hash) = kind { seen.insert(text(hash)) }
            }
            #expect(seen.count == 700)
        }
    }

    @Test func roomIsWhatIsFreeWithoutTheReserve() throws {
        let folder = try TestFolder()
        let files = try folder.files()
        let free = try files.freeBytes()
        #expect(free > 0)
        #expect(try files.hasRoom(for: 1, reserveBytes: 0) == true)
        #expect(try files.hasRoom(for: .max, reserveBytes: 0) == false)
        #expect(try files.hasRoom(for: 0, reserveBytes: .max) == false)
        #expect(try files.hasRoom(for: .max, reserveBytes: .max) == false)
    }

    @Test func anErrorSaysWhatAndWhy() throws {
        let error = #expect(throws: FileError.self) {
            _ = try PackageFiles(path: "/there/is/no/such/folder")
        }
        let found = try unwrap(error)
        #expect(found.isAbsent && !found.isFull)
        #expect(
            sentence { found.write(into: &$0) }
                == "the folder of packages cannot be opened: No such file or directory")
        let folder = try TestFolder()
        let files = try folder.files()
        let file = try files.create()
        // Somebody has taken the temporary away: nothing is published, and it is said where.
        try FileManager.default.removeItem(atPath: folder.packagesPath + "/" + folder.names[0])
        let second = #expect(throws: FileError.self) { try files.publish(file, as: hash(1)) }
        #expect(second?.step == .publish)
        #expect(folder.names == [])
        // A folder bears the name of the package: the temporary goes, the folder stays.
        let name = text(hash(1)) + ".zip"
        try FileManager.default.createDirectory(
            atPath: folder.packagesPath + "/" + name, withIntermediateDirectories: false)
        let third = try files.create()
        #expect(throws: FileError.self) { try files.publish(third, as: hash(1)) }
        #expect(folder.names == [name])
    }
}
