// How deep the stack gets, how many descriptors are open, and how much heap SQLite uses, call by
// call. Each call runs on a thread of its own whose stack was filled with a pattern; descriptors
// are counted at every call that opens one (Faults).

import Glibc
import PackageStore
import TinyCoT

enum Figures {
    private static let stackBytes = 1 << 20
    private static let pattern: UInt8 = 0xA7
    nonisolated(unsafe) private static var job: () throws(StoreError) -> Void = {}
    nonisolated(unsafe) private static var failure: StoreError?

    /// Runs `work` on a fresh stack and says how many of its bytes were touched.
    private static func measure(
        _ name: String, _ work: @escaping () throws(StoreError) -> Void
    ) throws(StoreError) {
        let stack = memory(stackBytes + 4096)
        stack.fill(pattern)
        job = work
        failure = nil
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        let aligned = (Int(bitPattern: stack.start) + 4095) / 4096 * 4096
        pthread_attr_setstack(
            &attributes, UnsafeMutableRawPointer(bitPattern: aligned)!, stackBytes)
        var thread = pthread_t()
        let made = pthread_create(
            &thread, &attributes,
            { _ in
                do throws(StoreError) { try Figures.job() } catch { Figures.failure = error }
                return nil
            }, nil)
        invariant(made == 0, "a thread is made")
        pthread_join(thread, nil)
        let offset = aligned - Int(bitPattern: stack.start)
        var untouched = 0
        while untouched < stackBytes && stack[offset + untouched] == pattern { untouched += 1 }
        say("stack \(stackBytes - untouched) \(name)")
        if let failure { throw failure }
    }

    /// A folder of version 1, made by the test, with as many rows as it likes.
    static func report(_ folder: String) throws(StoreError) {
        let first = Faults.openDescriptors()
        Faults.watchDescriptors()
        var worker: Worker?
        try measure("start, with check and migration") { () throws(StoreError) in
            worker = try openWorker(folder, seed: 0)
        }
        say("descriptors \(Faults.mostDescriptors - first) start")
        Faults.watchDescriptors()
        try measure("changes") { () throws(StoreError) in worker?.runScript() }
        // One more than the store's own is the file of the upload.
        say("descriptors \(Faults.mostDescriptors - first) changes")
        say("descriptors \(Faults.openDescriptors() - first) rest")
        try measure("list") { () throws(StoreError) in
            do throws(CatalogueError) {
                worker?.catalogue.beginPage(after: 0, count: 1 << 30)
                while try worker?.catalogue.nextOfPage() != nil {}
                _ = try worker?.catalogue.totals()
            } catch { throw .catalogue(error) }
        }
        let last = worker.take()
        worker = nil
        var closing: Worker? = last
        try measure("close") { () throws(StoreError) in
            do throws(CatalogueError) {
                try closing?.catalogue.writeBack()
            } catch { throw .catalogue(error) }
            closing = nil
        }
        say("heap \(SQLiteMemory.peakBytes) peak")
    }
}
