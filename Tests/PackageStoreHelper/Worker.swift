// The store as the daemon will use it, in short: uploads, listed and answered on the output.

import Glibc
import PackageStore
import TinyCoT

func memory(_ bytes: Int) -> Slab<UInt8> {
    let start = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64)
    return Slab(start: start.bindMemory(to: UInt8.self, capacity: bytes), count: bytes)
}

func say(_ text: String) {
    var line = Array((text + "\n").utf8)
    _ = Glibc.write(1, &line, line.count)
}

func sentence(_ write: (inout ByteWriter) -> Void) -> String {
    var writer = ByteWriter(memory(1024))
    write(&writer)
    return String(decoding: (0..<writer.count).map { writer.slab[$0] }, as: UTF8.self)
}

struct Worker: ~Copyable {
    let files: PackageFiles
    var catalogue: Catalogue
    var random: UInt64
    let chunk = memory(16_384)

    consuming func close() throws(StoreError) {
        do throws(CatalogueError) { try catalogue.close() } catch { throw .catalogue(error) }
    }

    mutating func next() -> UInt64 {
        random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return random >> 20
    }

    /// One upload, from the temporary file to the row.
    mutating func upload() throws(StoreError) {
        var digest = Digest()
        let hash: SHA256Digest
        do throws(FileError) {
            var file = try files.create()
            var rest = Int(next() % 100_000) + 1
            do throws(FileError) {
                while rest > 0 {
                    let part = chunk.slice(0, min(rest, chunk.count))
                    for i in 0..<min(64, part.count) {
                        part[i] = UInt8(truncatingIfNeeded: next())
                    }
                    digest.update(part)
                    try files.write(part, to: &file)
                    rest -= part.count
                }
            } catch {
                files.discard(&file)
                throw error
            }
            hash = digest.finish()
            try files.publish(file, as: hash)
        } catch { throw .files(error) }
        try list(hash)
    }

    mutating func list(_ hash: SHA256Digest) throws(StoreError) {
        let name = "map \(next() % 8).zip"
        let words = sentence { hash.append(to: &$0) } + " " + name
        say("begin " + words)
        var bytes = Array(name.utf8)
        var replaced: SHA256Digest?
        do throws(CatalogueError) {
            replaced = try bytes.withUnsafeMutableBufferPointer { pointer throws(CatalogueError) in
                var package = NewPackage(
                    hash: hash, name: Slab(start: pointer.baseAddress, count: pointer.count))
                package.creatorUid = Slab("ANDROID-1")
                package.team = Slab("red")
                do throws(FileError) {
                    package.sizeBytes = try files.size(hash) ?? 0
                } catch { say("the size is not known") }
                if case .replaced(let old) = try catalogue.store(package) { return old }
                return nil
            }
        } catch {
            // Nobody got an answer: the file goes at once, or at the next start.
            do throws(FileError) { try files.remove(hash) } catch { throw .files(error) }
            throw .catalogue(error)
        }
        say("done " + words)
        if let replaced {
            do throws(FileError) { try files.remove(replaced) } catch { throw .files(error) }
        }
    }
}

/// What the plan gives by default.
private let heapBytes = 524_288

/// For the life of the process.
private func installHeap() throws(StoreError) {
    do throws(CatalogueError) {
        try SQLiteMemory.install(memory(heapBytes))
    } catch { throw .catalogue(error) }
}

func openWorker(_ folder: String, seed: UInt64) throws(StoreError) -> Worker {
    try installHeap()
    let files: PackageFiles
    do throws(FileError) {
        files = try PackageFiles.prepareFolder(state: folder)
    } catch { throw .files(error) }
    let buffer = memory(Catalogue.bufferBytes)
    var catalogue = try Catalogue(
        folder: folder, files: files, buffer: buffer,
        settings: DatabaseSettings(cacheKibibytes: 256, journalPages: 64))
    _ = try Reconciliation.run(files, &catalogue, buffer: memory(FolderScan.bufferBytes))
    return Worker(files: files, catalogue: catalogue, random: seed)
}
