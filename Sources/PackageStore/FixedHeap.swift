// A heap inside one fixed piece of memory: SQLite allocates here and nowhere else (SQLiteMemory).
// It never asks the system for more and never gives up: without room it returns nothing, and SQLite
// turns that into SQLITE_NOMEM. Taking and giving back cost a bounded number of steps.
//
// The memory is a row of blocks of whole 8-byte words. A block begins with one word: its own length
// and the length of its left neighbour. A free block links into the list of its size class.
// Invariant: blocks follow each other without a gap, and no two neighbours are both free.

import TinyCoT

/// Addresses handed out are aligned to 8 bytes.
struct FixedHeap: ~Copyable {
    private static var classCount: Int { 192 }
    /// A free block needs a head and a word for its links.
    private static var minBlockWords: Int { 2 }
    /// How many blocks of the request's own class are tried when no larger class has one.
    private static var maxTries: Int { 64 }
    private static var usedBit: UInt64 { 1 << 31 }

    /// Block heads, links and what the holders write. Word 0 is never a block: 0 means "none".
    private let words: Slab<UInt64>
    private var firstFree = InlineArray<192, UInt32>(repeating: 0)
    private var classHasBlocks = InlineArray<3, UInt64>(repeating: 0)
    /// Words in used blocks, their heads included.
    private var usedWords = 0
    private var peakWords = 0
    /// Requests that found no room.
    private(set) var refusals = 0

    init() { words = Slab(start: nil, count: 0) }

    /// - Parameter memory: aligned to 8 bytes; at least 64 bytes and less than 256 MiB.
    init(memory: Slab<UInt8>) {
        invariant(memory.count >= 64 && memory.count < 1 << 28, "a heap has a sensible size")
        let start = UnsafeMutableRawPointer(memory.start.unsafelyUnwrapped)
        invariant(UInt(bitPattern: start) % 8 == 0, "a heap begins at a whole word")
        let count = memory.count / 8
        words = Slab(start: start.bindMemory(to: UInt64.self, capacity: count), count: count)
        let length = count - 2
        setHead(1, length: length, previous: 0, isUsed: false)
        // A used block without length ends the row, so that no free block looks past the end.
        setHead(1 + length, length: 0, previous: length, isUsed: true)
        link(1)
    }

    var capacityBytes: Int { words.count * 8 }
    var usedBytes: Int { usedWords * 8 }
    var peakBytes: Int { peakWords * 8 }

    /// - Returns: room for at least `bytes`, or nil.
    mutating func allocate(_ bytes: Int) -> UnsafeMutableRawPointer? {
        if bytes <= 0 || bytes > capacityBytes { return refuse() }
        let wanted = FixedHeap.blockWords(bytes)
        let block = find(wanted)
        if block == 0 { return refuse() }
        unlink(block)
        use(block, keeping: wanted)
        return UnsafeMutableRawPointer(words.pointer(at: block + 1))
    }

    mutating func release(_ address: UnsafeMutableRawPointer) {
        let block = usedBlock(at: address)
        usedWords -= length(block)
        free(block)
    }

    /// Grows or shrinks in place where that is possible, moves the bytes otherwise. Without room it
    /// returns nil and `address` stays valid.
    mutating func resize(
        _ address: UnsafeMutableRawPointer, to bytes: Int
    ) -> UnsafeMutableRawPointer? {
        if bytes <= 0 || bytes > capacityBytes { return refuse() }
        let block = usedBlock(at: address)
        let wanted = FixedHeap.blockWords(bytes)
        let next = block + length(block)
        let room = length(block) + (isUsed(next) ? 0 : length(next))
        if wanted <= room {
            usedWords -= length(block)
            if wanted > length(block) {
                unlink(next)
                setLength(block, room)
            }
            use(block, keeping: wanted)
            return address
        }
        guard let moved = allocate(bytes) else { return nil }
        moved.copyMemory(from: address, byteCount: size(of: address))
        release(address)
        return moved
    }

    /// Bytes that the holder may use: at least what was asked for.
    func size(of address: UnsafeMutableRawPointer) -> Int {
        (length(usedBlock(at: address)) - 1) * 8
    }

    /// What a request for `bytes` gets.
    static func roundUp(_ bytes: Int) -> Int { (blockWords(bytes) - 1) * 8 }

    private static func blockWords(_ bytes: Int) -> Int {
        max(minBlockWords, (bytes + 7) / 8 + 1)
    }

    private mutating func refuse() -> UnsafeMutableRawPointer? {
        refusals += 1
        return nil
    }

    // Blocks.

    private func length(_ block: Int) -> Int { Int(words[block] & (FixedHeap.usedBit - 1)) }
    private func previousLength(_ block: Int) -> Int { Int(words[block] >> 32) }
    private func isUsed(_ block: Int) -> Bool { words[block] & FixedHeap.usedBit != 0 }

    private func setHead(_ block: Int, length: Int, previous: Int, isUsed: Bool) {
        words[block] =
            UInt64(length) | UInt64(previous) << 32 | (isUsed ? FixedHeap.usedBit : 0)
    }

    /// Changes a length, and what the right neighbour knows of it.
    private func setLength(_ block: Int, _ length: Int) {
        setHead(
            block, length: length, previous: previousLength(block), isUsed: isUsed(block))
        let next = block + length
        words[next] = words[next] & 0xFFFF_FFFF | UInt64(length) << 32
    }

    private func usedBlock(at address: UnsafeMutableRawPointer) -> Int {
        let start = UnsafeRawPointer(words.start.unsafelyUnwrapped)
        let offset = UnsafeRawPointer(address) - start
        invariant(
            offset >= 16 && offset < capacityBytes - 8 && offset % 8 == 0,
            "an address that is given back lies in the heap")
        let block = offset / 8 - 1
        invariant(isUsed(block) && length(block) > 0, "a block is given back once")
        return block
    }

    /// Marks the block used and frees what it has beyond `wanted` words.
    private mutating func use(_ block: Int, keeping wanted: Int) {
        let whole = length(block)
        let rest = whole - wanted
        if rest >= FixedHeap.minBlockWords {
            setHead(
                block, length: wanted, previous: previousLength(block), isUsed: true)
            setHead(block + wanted, length: rest, previous: wanted, isUsed: true)
            setLength(block + wanted, rest)
            free(block + wanted)
        } else {
            setHead(block, length: whole, previous: previousLength(block), isUsed: true)
        }
        usedWords += length(block)
        peakWords = max(peakWords, usedWords)
    }

    /// Joins the block with free neighbours and puts the whole into its list.
    private mutating func free(_ block: Int) {
        var first = block
        var whole = length(block)
        let next = block + whole
        if !isUsed(next) {
            unlink(next)
            whole += length(next)
        }
        let previous = previousLength(block)
        if previous > 0 && !isUsed(block - previous) {
            first = block - previous
            unlink(first)
            whole += previous
        }
        setHead(first, length: whole, previous: previousLength(first), isUsed: false)
        setLength(first, whole)
        link(first)
    }

    // Size classes: one a length below 16 words, then eight to every power of two.

    private static func sizeClass(_ words: Int) -> Int {
        if words < 16 { return words }
        let power = Int.bitWidth - 1 - words.leadingZeroBitCount
        return 16 + (power - 4) * 8 + (words >> (power - 3)) & 7
    }

    /// The smallest class all of whose blocks have at least `words`.
    private static func roomyClass(_ words: Int) -> Int {
        if words < 16 { return words }
        let power = Int.bitWidth - 1 - words.leadingZeroBitCount
        return sizeClass(words + (1 << (power - 3)) - 1)
    }

    /// - Returns: a free block of at least `wanted` words, or 0.
    private func find(_ wanted: Int) -> Int {
        let roomy = FixedHeap.roomyClass(wanted)
        var index = roomy / 64
        var mask = UInt64.max << UInt64(roomy % 64)
        while index < 3 {
            let found = classHasBlocks[index] & mask
            if found != 0 { return Int(firstFree[index * 64 + found.trailingZeroBitCount]) }
            index += 1
            mask = .max
        }
        // Blocks of the request's own class may be large enough; some of them are looked at.
        var block = Int(firstFree[FixedHeap.sizeClass(wanted)])
        var tries = 0
        while block != 0 && tries < FixedHeap.maxTries {
            if length(block) >= wanted { return block }
            block = nextFree(block)
            tries += 1
        }
        return 0
    }

    private func nextFree(_ block: Int) -> Int { Int(words[block + 1] & 0xFFFF_FFFF) }
    private func previousFree(_ block: Int) -> Int { Int(words[block + 1] >> 32) }
    private func setLinks(_ block: Int, next: Int, previous: Int) {
        words[block + 1] = UInt64(next) | UInt64(previous) << 32
    }

    private mutating func link(_ block: Int) {
        let sizeClass = FixedHeap.sizeClass(length(block))
        let next = Int(firstFree[sizeClass])
        setLinks(block, next: next, previous: 0)
        if next != 0 { setLinks(next, next: nextFree(next), previous: block) }
        firstFree[sizeClass] = UInt32(block)
        classHasBlocks[sizeClass / 64] |= 1 << UInt64(sizeClass % 64)
    }

    private mutating func unlink(_ block: Int) {
        let next = nextFree(block)
        let previous = previousFree(block)
        if next != 0 { setLinks(next, next: nextFree(next), previous: previous) }
        if previous != 0 {
            setLinks(previous, next: next, previous: previousFree(previous))
            return
        }
        let sizeClass = FixedHeap.sizeClass(length(block))
        invariant(firstFree[sizeClass] == UInt32(block), "a free block is in its list")
        firstFree[sizeClass] = UInt32(next)
        if next == 0 { classHasBlocks[sizeClass / 64] &= ~(1 << UInt64(sizeClass % 64)) }
    }

    /// Walks all blocks and all lists. For tests; linear.
    func checkInvariants() {
        var block = 1
        var previous = 0
        var wasFree = false
        var used = 0
        var freeBlocks = 0
        while length(block) > 0 {
            invariant(previousLength(block) == previous, "a block knows its left neighbour")
            invariant(!wasFree || isUsed(block), "free neighbours are joined")
            wasFree = !isUsed(block)
            if isUsed(block) { used += length(block) } else { freeBlocks += 1 }
            previous = length(block)
            block += previous
        }
        invariant(block == words.count - 1, "the blocks fill the heap")
        invariant(used == usedWords, "the used words add up")
        var listed = 0
        var sizeClass = 0
        while sizeClass < FixedHeap.classCount {
            var free = Int(firstFree[sizeClass])
            let hasBlocks = classHasBlocks[sizeClass / 64] >> UInt64(sizeClass % 64) & 1 == 1
            invariant(hasBlocks == (free != 0), "the map of classes is right")
            while free != 0 {
                invariant(!isUsed(free), "a listed block is free")
                invariant(FixedHeap.sizeClass(length(free)) == sizeClass, "lists are by class")
                listed += 1
                invariant(listed <= freeBlocks, "a list has an end")
                free = nextFree(free)
            }
            sizeClass += 1
        }
        invariant(listed == freeBlocks, "every free block is listed")
    }
}
