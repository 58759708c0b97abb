// The steps of an upload one by one: what each leaves, what is right after each that fails, and
// large files whose way to the disk begins while they are written.

import Foundation
import Glibc
import Testing
import TinyCoT

@testable import PackageStore

@Suite struct UploadFilesTests {
    private func temporaries(_ folder: TestFolder) -> Int {
        folder.names.count { $0.hasPrefix("tmp-") }
    }

    private func isOpen(_ descriptor: Int32) -> Bool { fcntl(descriptor, F_GETFD) >= 0 }

    @Test func eachStepLeavesWhatItSays() throws {
        let folder = try TestFolder()
        let files = try folder.files()
        var file = try files.create()
        let descriptor = file.descriptor
        try files.write(slab([1, 2, 3]), to: &file)
        try files.sync(file)
        #expect(isOpen(descriptor) && temporaries(folder) == 1)
        try files.rename(&file, as: hash(5))
        #expect(file.descriptor == -1)
        #expect(folder.names == [text(hash(5)) + ".zip"])
        try files.syncFolder()
        // Too late, and harmless.
        files.discard(&file)
        #expect(folder.names == [text(hash(5)) + ".zip"])
        #expect(try files.remove(hash(5)) == true)
        #expect(folder.names == [])
    }

    @Test func afterAFailedRenameTheTemporaryIsDiscarded() throws {
        let folder = try TestFolder()
        let files = try folder.files()
        // A folder bears the name of the package.
        let name = text(hash(1)) + ".zip"
        try FileManager.default.createDirectory(
            atPath: folder.packagesPath + "/" + name, withIntermediateDirectories: false)
        var file = try files.create()
        try files.sync(file)
        let error = #expect(throws: FileError.self) { try files.rename(&file, as: hash(1)) }
        #expect(error?.step == .publish)
        #expect(file.descriptor == -1)
        #expect(temporaries(folder) == 1)
        // The number of the closed descriptor is another file's now: it must stay open.
        let other = open("/dev/null", O_RDONLY)
        defer { close(other) }
        files.discard(&file)
        files.discard(&file)
        #expect(isOpen(other))
        #expect(folder.names == [name])
    }

    @Test func aDescriptorThatFailsIsSaidWithItsStep() throws {
        let folder = try TestFolder()
        let files = try folder.files()
        // A pipe takes bytes and cannot be brought to a disk.
        var ends: [Int32] = [0, 0]
        #expect(pipe(&ends) == 0)
        defer { close(ends[0]) }
        var file = try files.create()
        close(file.descriptor)
        file.descriptor = ends[1]
        let sync = #expect(throws: FileError.self) { try files.sync(file) }
        #expect(sync?.step == .sync && sync?.errno == EINVAL)
        close(ends[1])
        // A number that is no descriptor.
        file.descriptor = 1_000_000
        let closed = #expect(throws: FileError.self) { try files.rename(&file, as: hash(1)) }
        #expect(closed?.step == .close && closed?.errno == EBADF)
        files.discard(&file)
        #expect(folder.names == [])
    }

    /// Three windows and a half, in pieces that do not divide one, and in one that is larger.
    @Test(arguments: [131_072 - 13, 6 << 20]) func aLargeFileIsWhole(piece: Int) throws {
        let folder = try TestFolder()
        let files = try folder.files()
        let bytes = freshMemory(piece)
        for i in 0..<piece where i % 509 == 0 { bytes[i] = UInt8(truncatingIfNeeded: i / 509) }
        var file = try files.create()
        var digest = Digest()
        while file.byteCount < 14 << 20 {
            try files.write(bytes, to: &file)
            digest.update(bytes)
        }
        let size = file.byteCount
        let hash = digest.finish()
        try files.publish(file, as: hash)
        #expect(try files.size(hash) == size)
        #expect(try files.verify(hash, buffer: freshMemory(65_536)) == true)
    }

    /// What cannot be brought to a disk ahead of time is written all the same.
    @Test func aFileSystemWithoutWritebackIsNoError() throws {
        let folder = try TestFolder()
        let files = try folder.files()
        var file = try files.create()
        close(file.descriptor)
        // A character device: sync_file_range refuses it with ESPIPE.
        file.descriptor = open("/dev/null", O_WRONLY)
        try files.write(freshMemory(9 << 20), to: &file)
        #expect(file.byteCount == 9 << 20)
        files.discard(&file)
        #expect(folder.names == [])
    }

    @Test func theFolderIsMadeOnceAndFoundAgain() throws {
        let folder = try TestFolder()
        try FileManager.default.removeItem(atPath: folder.packagesPath)
        for _ in 0..<2 {
            let files = try PackageFiles.prepareFolder(state: folder.path)
            let file = try files.create()
            try files.publish(file, as: hash(1))
            #expect(folder.names == [text(hash(1)) + ".zip"])
        }
        let attributes = try FileManager.default.attributesOfItem(atPath: folder.packagesPath)
        let mode = try unwrap(attributes[.posixPermissions] as? Int)
        #expect(mode & 0o007 == 0, "strangers do not read packages")
    }

    private func prepareError(_ state: String) -> FileError? {
        do throws(FileError) {
            _ = try PackageFiles.prepareFolder(state: state)
            return nil
        } catch { return error }
    }

    @Test func aFolderThatIsNoneIsRefused() throws {
        let folder = try TestFolder()
        let absent = try unwrap(prepareError(folder.path + "/nothing"))
        #expect(absent.step == .openState && absent.isAbsent)
        #expect(
            sentence { absent.write(into: &$0) }
                == "the state folder cannot be opened: No such file or directory")
        let tooLong = prepareError(folder.path + String(repeating: "/", count: 4096))
        #expect(tooLong?.step == .openState && tooLong?.errno == ENAMETOOLONG)
        // A link would lead the packages to wherever somebody wants them.
        try FileManager.default.removeItem(atPath: folder.packagesPath)
        try FileManager.default.createSymbolicLink(
            atPath: folder.packagesPath, withDestinationPath: "/etc")
        #expect(prepareError(folder.path)?.step == .openFolder)
        try FileManager.default.removeItem(atPath: folder.packagesPath)
        try Data().write(to: URL(fileURLWithPath: folder.packagesPath))
        #expect(prepareError(folder.path)?.errno == ENOTDIR)
    }
}
