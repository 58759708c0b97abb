// Every kind of change once, on a catalogue that the test has made. After an error it goes on: the
// next change meets what the error left. A file is removed only where it is certain that
// no row needs it.

import Glibc
import PackageStore
import TinyCoT

extension Worker {
    /// One change, with words before and after. Returns nil if it failed.
    private mutating func change<Value>(
        _ words: String, _ body: (inout Worker) throws(StoreError) -> Value
    ) -> Value? {
        say("begin " + words)
        do throws(StoreError) {
            let value = try body(&self)
            say("done " + words)
            return value
        } catch {
            say(sentence { error.write(into: &$0) })
            say("failed " + words)
            if Faults.endsAfterFailure { kill(getpid(), SIGKILL) }
            return nil
        }
    }

    /// A file of `count` bytes that are all `value`, published under its hash.
    func publish(_ value: UInt8, count: Int) throws(FileError) -> SHA256Digest {
        var file = try files.create()
        var digest = Digest()
        do throws(FileError) {
            chunk.fill(value)
            while file.byteCount < count {
                let part = chunk.slice(0, min(chunk.count, count - Int(file.byteCount)))
                digest.update(part)
                try files.write(part, to: &file)
            }
            let hash = digest.finish()
            try files.sync(file)
            try files.rename(&file, as: hash)
            try files.syncFolder()
            return hash
        } catch {
            files.discard(&file)
            throw error
        }
    }

    private mutating func add(_ value: UInt8, _ name: StaticString) throws(StoreError) {
        let hash: SHA256Digest
        do throws(FileError) {
            hash = try publish(value, count: 20_000)
        } catch { throw .files(error) }
        var gone: SHA256Digest?
        do throws(CatalogueError) {
            var package = NewPackage(hash: hash, name: Slab(name))
            package.creatorUid = Slab("ANDROID-1")
            package.team = Slab("red")
            package.sizeBytes = 20_000
            if case .replaced(let old) = try catalogue.store(package) { gone = old }
        } catch {
            if !error.isUncertain { gone = hash }
            do throws(FileError) {
                if let gone { try files.remove(gone) }
            } catch { say("the file stays") }
            throw .catalogue(error)
        }
        do throws(FileError) {
            if let gone { try files.remove(gone) }
        } catch { say("the old file stays") }
    }

    mutating func runScript() {
        _ = change("add a.zip 1") { worker throws(StoreError) in try worker.add(1, "a.zip") }
        _ = change("add b.zip 2") { worker throws(StoreError) in try worker.add(2, "b.zip") }
        _ = change("add a.zip 3") { worker throws(StoreError) in try worker.add(3, "a.zip") }
        _ = change("video u feed") { worker throws(StoreError) in
            do throws(CatalogueError) {
                try worker.catalogue.storeVideo(
                    team: Slab("red"), uuid: Slab("u"), feed: Slab("feed"), max: 4)
            } catch { throw .catalogue(error) }
        }
        _ = change("remove first") { worker throws(StoreError) in try worker.removeFirst() }
    }

    private mutating func removeFirst() throws(StoreError) {
        let hash: SHA256Digest
        do throws(CatalogueError) {
            guard let row = try catalogue.oldest(after: 0) else { return }
            hash = row.hash
            try catalogue.setTool(Slab("private"), of: hash)
            try catalogue.delete(hash)
        } catch { throw .catalogue(error) }
        do throws(FileError) { try files.remove(hash) } catch { say("the file stays") }
    }
}

func runScript(_ folder: String) throws(StoreError) {
    var worker = try openWorker(folder, seed: 0)
    say("opened")
    worker.runScript()
    try worker.close()
    say("closed")
}

func uploadLarge(_ folder: String) throws(StoreError) {
    let worker = try openWorker(folder, seed: 0)
    do throws(FileError) {
        _ = try worker.publish(7, count: 14 << 20)
        say("done large")
    } catch { throw .files(error) }
}
