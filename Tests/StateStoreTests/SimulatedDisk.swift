// A disk that forgets. What is written is there until the power goes; then a file has what was
// brought to it (`sync`) and any part of the rest, and of the names that changed since the last
// `syncFolder` any may be as before. Each call is counted; one of them may fail, or be the last.

import Glibc
import TinyCoT

@testable import StateStore

final class SimulatedFile {
    var bytes: [UInt8] = []
    /// What is on the disk for certain.
    var safeBytes: [UInt8] = []
    /// A link, a folder: something that is not ours.
    var isRegular = true

    init(_ bytes: [UInt8] = []) {
        self.bytes = bytes
        safeBytes = bytes
    }
}

final class DiskMemory {
    enum Fault: Equatable {
        /// The call and all behind it do nothing: the power is gone.
        case crash
        /// The call fails; `isLasting`: and all behind it that are of its kind or write.
        case fail(Int32, isLasting: Bool)
    }

    var names: [String: SimulatedFile] = [:]
    /// Changes of names since the last `syncFolder`, each whole: nil takes a name away.
    private var changes: [[(String, SimulatedFile?)]] = []
    private var safeNames: [String: SimulatedFile] = [:]
    private var open: [Int32: (file: SimulatedFile, position: Int)] = [:]
    private var nextDescriptor: Int32 = 3
    private(set) var mostOpen = 0
    private(set) var calls = 0
    var fault: Fault?
    var faultAt = Int.max
    /// Only calls of this name count and fail.
    var only = ""
    /// What `facts` says where it is not what there is: a file that changes meanwhile.
    var sizes: [String: Int64] = [:]
    /// Names that cannot be read, whatever is called.
    var unreadable: Set<String> = []
    private(set) var isCrashed = false
    /// Bytes that one call of `write` takes at most.
    var writeBytesMax = Int.max

    var openCount: Int { open.count }

    func put(_ name: String, _ bytes: [UInt8], isRegular: Bool = true) {
        let file = SimulatedFile(bytes)
        file.isRegular = isRegular
        names[name] = file
        safeNames[name] = file
    }

    private func meet(_ call: String) -> Int32? {
        if isCrashed { return EIO }
        if !only.isEmpty && call != only { return nil }
        calls += 1
        if calls < faultAt { return nil }
        switch fault {
        case .crash:
            isCrashed = true
            return EIO
        case .fail(let number, let isLasting):
            return calls == faultAt || isLasting ? number : nil
        case nil: return nil
        }
    }

    private func change(_ pairs: [(String, SimulatedFile?)]) {
        for (name, file) in pairs { names[name] = file }
        changes.append(pairs)
    }

    // MARK: The calls

    func facts(_ name: String, _ facts: inout StateFileFacts) -> Int32 {
        if let error = meet("facts") { return -error }
        guard let file = names[name] else { return -ENOENT }
        if unreadable.contains(name) { return -EIO }
        facts.isRegular = file.isRegular
        facts.sizeBytes = sizes[name] ?? Int64(file.bytes.count)
        return 0
    }

    func create(_ name: String) -> Int32 {
        if let error = meet("create") { return -error }
        if names[name] != nil { return -EEXIST }
        let file = SimulatedFile()
        change([(name, file)])
        return opened(file)
    }

    private func opened(_ file: SimulatedFile) -> Int32 {
        nextDescriptor += 1
        open[nextDescriptor] = (file, 0)
        mostOpen = max(mostOpen, open.count)
        return nextDescriptor
    }

    func open(_ name: String) -> Int32 {
        if let error = meet("open") { return -error }
        guard let file = names[name] else { return -ENOENT }
        return file.isRegular ? opened(file) : -ELOOP
    }

    func read(_ descriptor: Int32, _ bytes: Slab<UInt8>) -> Int64 {
        if let error = meet("read") { return -Int64(error) }
        guard let (file, position) = open[descriptor] else { return -Int64(EBADF) }
        let count = min(bytes.count, file.bytes.count - position)
        for i in 0..<count { bytes[i] = file.bytes[position + i] }
        open[descriptor]?.position += count
        return Int64(count)
    }

    func write(_ descriptor: Int32, _ bytes: Slab<UInt8>) -> Int64 {
        if let error = meet("write") { return -Int64(error) }
        guard let file = open[descriptor]?.file else { return -Int64(EBADF) }
        let count = min(bytes.count, writeBytesMax)
        for i in 0..<count { file.bytes.append(bytes[i]) }
        return Int64(count)
    }

    func sync(_ descriptor: Int32) -> Int32 {
        if let error = meet("sync") { return -error }
        guard let file = open[descriptor]?.file else { return -EBADF }
        file.safeBytes = file.bytes
        return 0
    }

    func close(_ descriptor: Int32) -> Int32 {
        // The descriptor is gone whatever comes of it.
        let error = meet("close")
        if open.removeValue(forKey: descriptor) == nil { return -EBADF }
        return error.map { -$0 } ?? 0
    }

    func rename(_ name: String, _ to: String) -> Int32 {
        if let error = meet("rename") { return -error }
        guard let file = names[name] else { return -ENOENT }
        change([(name, nil), (to, file)])
        return 0
    }

    func unlink(_ name: String) -> Int32 {
        if let error = meet("unlink") { return -error }
        if names[name] == nil { return -ENOENT }
        change([(name, nil)])
        return 0
    }

    func syncFolder() -> Int32 {
        if let error = meet("syncFolder") { return -error }
        safeNames = names
        changes = []
        return 0
    }

    // MARK: The power goes

    /// The disk as the next start finds it.
    func afterCrash(_ random: inout SeededGenerator) -> DiskMemory {
        let next = DiskMemory()
        var found = safeNames
        let isInOrder = random.below(2) == 0
        let kept = random.below(changes.count + 1)
        for (i, change) in changes.enumerated() {
            if isInOrder ? i >= kept : random.below(2) == 0 { continue }
            for (name, file) in change { found[name] = file }
        }
        for (name, file) in found.sorted(by: { $0.key < $1.key }) {
            next.put(name, DiskMemory.remains(file, &random), isRegular: file.isRegular)
        }
        return next
    }

    /// What was not brought to the disk may be there, or not, or be zeros, or rubbish.
    private static func remains(
        _ file: SimulatedFile, _ random: inout SeededGenerator
    ) -> [UInt8] {
        if file.bytes == file.safeBytes { return file.bytes }
        switch random.below(4) {
        case 0: return file.safeBytes
        case 1: return file.bytes
        case 2: return Array(file.bytes.prefix(random.below(file.bytes.count + 1)))
        default:
            var bytes = file.bytes
            for start in stride(from: file.safeBytes.count, to: bytes.count, by: 512)
            where random.below(2) == 0 {
                for i in start..<min(bytes.count, start + 512) { bytes[i] = 0 }
            }
            return bytes
        }
    }
}

/// The same as StateRing wants it.
struct SimulatedDisk: StateDisk {
    let memory: DiskMemory

    private func text(_ name: StateFileName) -> String { sentence { name.append(to: &$0) } }

    func facts(_ name: StateFileName, _ facts: inout StateFileFacts) -> Int32 {
        memory.facts(text(name), &facts)
    }
    func create(_ name: StateFileName) -> Int32 { memory.create(text(name)) }
    func open(_ name: StateFileName) -> Int32 { memory.open(text(name)) }
    func read(_ descriptor: Int32, _ bytes: Slab<UInt8>) -> Int64 {
        memory.read(descriptor, bytes)
    }
    func write(_ descriptor: Int32, _ bytes: Slab<UInt8>) -> Int64 {
        memory.write(descriptor, bytes)
    }
    func sync(_ descriptor: Int32) -> Int32 { memory.sync(descriptor) }
    func close(_ descriptor: Int32) -> Int32 { memory.close(descriptor) }
    func rename(_ name: StateFileName, to: StateFileName) -> Int32 {
        memory.rename(text(name), text(to))
    }
    func unlink(_ name: StateFileName) -> Int32 { memory.unlink(text(name)) }
    func syncFolder() -> Int32 { memory.syncFolder() }
}
