// Reading the slots: at start each is read whole, its hash is compared and its form checked, before
// anything of it is believed. What is broken is set aside under another name, never removed: it is
// all that an operator can still look at. Then the chosen one is read again, piece by piece.

import CLinuxSys
import PackageStore
import TinyCoT

extension StateRing where Disk: ~Copyable {
    // MARK: At start

    /// Looks into one slot, and sets a file aside that is broken or of a later version.
    /// - Parameter number: 1 ... `slotLimit`.
    /// - Parameter text: memory for the longest event.
    /// - Parameter buffer: what is read at a time; at least one byte.
    public mutating func examine(
        _ number: Int, text: Slab<UInt8>, buffer: Slab<UInt8>
    ) -> StateSlot {
        invariant(descriptor < 0, "one state file is open at a time")
        invariant(buffer.count > 0, "something can be read")
        var slot = StateSlot(number)
        do throws(FileError) {
            try look(&slot, text, buffer)
        } catch {
            slot.condition = .unreadable
            slot.error = error
        }
        if descriptor >= 0 { _ = disk.close(descriptor) }
        descriptor = -1
        setAside(&slot)
        note(slot)
        return slot
    }

    private mutating func look(
        _ slot: inout StateSlot, _ text: Slab<UInt8>, _ buffer: Slab<UInt8>
    ) throws(FileError) {
        let name = StateFileName(slot: slot.number)
        var facts = StateFileFacts()
        let found = disk.facts(name, &facts)
        if found == -tcs_errno_absent {
            slot.condition = .free
            return
        }
        try FileError.check(.stateLook, found)
        slot.sizeBytes = facts.sizeBytes
        slot.condition = .broken
        if !facts.isRegular {
            slot.damage = .noFile
        } else if facts.sizeBytes > limits.generationBytes {
            slot.damage = .tooLong
        } else if facts.sizeBytes <= Int64(StateWriter.lastLineBytes) {
            slot.damage = .tooShort
        } else {
            descriptor = try FileError.check(.stateOpen, disk.open(name))
            try judge(&slot, text, buffer)
        }
    }

    /// Reads the whole file. Stops at the first thing that is wrong.
    private func judge(
        _ slot: inout StateSlot, _ text: Slab<UInt8>, _ buffer: Slab<UInt8>
    ) throws(FileError) {
        var reader = StateReader(text: text)
        var check = StateDigestCheck(sizeBytes: slot.sizeBytes)
        while true {
            let count = try readPiece(buffer)
            // One that somebody else makes longer meanwhile is wrong, and not read for ever.
            if count == 0 || check.readBytes > slot.sizeBytes { break }
            let piece = buffer.slice(0, count)
            check.take(piece)
            do throws(StateFault) {
                try StateRing.read(piece, &reader)
            } catch {
                StateRing.blame(error, &slot)
                return
            }
        }
        do throws(StateFault) {
            try reader.finish()
        } catch {
            StateRing.blame(error, &slot)
            return
        }
        if !check.isRight() {
            slot.damage = .digest
            return
        }
        slot.header = reader.header
        slot.condition = .whole
    }

    private static func read(
        _ piece: Slab<UInt8>, _ reader: inout StateReader
    ) throws(StateFault) {
        var offset = 0
        while try reader.read(piece, &offset) != .more {}
    }

    private static func blame(_ fault: StateFault, _ slot: inout StateSlot) {
        slot.fault = fault
        slot.damage = .content
        if fault.isNewer { slot.condition = .newer }
    }

    private func setAside(_ slot: inout StateSlot) {
        if slot.condition != .broken && slot.condition != .newer { return }
        let name = StateFileName(
            slot: slot.number, aside: slot.condition == .newer ? .newer : .broken)
        let result = disk.rename(StateFileName(slot: slot.number), to: name)
        if result < 0 { slot.error = FileError(step: .stateSetAside, errno: -result) }
    }

    // MARK: The chosen one

    /// Opens a slot to read it from its beginning.
    public mutating func open(_ number: Int) throws(FileError) {
        invariant(descriptor < 0, "one state file is open at a time")
        descriptor = try FileError.check(
            .stateOpen, disk.open(StateFileName(slot: number)))
    }

    /// The next piece.
    /// - Returns: how many bytes of the buffer it has; 0 at the end.
    public mutating func read(into buffer: Slab<UInt8>) throws(FileError) -> Int {
        invariant(descriptor >= 0 && !isWriting, "a state file is open")
        return try readPiece(buffer)
    }

    /// After the end, and after an error.
    public mutating func closeReading() {
        invariant(!isWriting, "what is written is committed or discarded")
        if descriptor >= 0 { _ = disk.close(descriptor) }
        descriptor = -1
    }

    private func readPiece(_ buffer: Slab<UInt8>) throws(FileError) -> Int {
        while true {
            let result = disk.read(descriptor, buffer)
            if result == -Int64(tcs_errno_interrupted) { continue }
            if result < 0 {
                throw FileError(step: .stateRead, errno: Int32(truncatingIfNeeded: -result))
            }
            return Int(result)
        }
    }
}

/// Compares the last line of a file with the hash of all before it, byte for byte.
struct StateDigestCheck: BitwiseCopyable {
    private let sizeBytes: Int64
    private var digest = Digest()
    private(set) var readBytes: Int64 = 0
    private var line = InlineArray<77, UInt8>(repeating: 0)

    init(sizeBytes: Int64) { self.sizeBytes = sizeBytes }

    mutating func take(_ piece: Slab<UInt8>) {
        let bodyBytes = sizeBytes - Int64(StateWriter.lastLineBytes)
        let inBody = Int(min(max(bodyBytes - readBytes, 0), Int64(piece.count)))
        digest.update(piece.slice(0, inBody))
        var i = inBody
        while i < piece.count {
            let at = readBytes + Int64(i) - bodyBytes
            // A file that has grown meanwhile is not right; `isRight` sees it by its size.
            if at < Int64(StateWriter.lastLineBytes) { line[Int(at)] = piece[i] }
            i += 1
        }
        readBytes += Int64(piece.count)
    }

    mutating func isRight() -> Bool {
        if readBytes != sizeBytes { return false }
        let hash = digest.finish()
        var expected = InlineArray<80, UInt8>(repeating: 0)
        return withUnsafeMutablePointer(to: &expected) { pointer in
            let start = UnsafeMutableRawPointer(pointer).assumingMemoryBound(to: UInt8.self)
            var writer = ByteWriter(Slab(start: start, count: 80))
            StateWriter.writeLastLine(hash, into: &writer)
            var i = 0
            while i < StateWriter.lastLineBytes {
                if writer.slab[i] != line[i] { return false }
                i += 1
            }
            return true
        }
    }
}
