// Equal blocks of memory and a list of the free ones. Used where bytes of unknown length have to
// be kept for a while: the beginning of an event whose end has not arrived, and the picture for
// late joiners. A chain of blocks belongs to exactly one holder, who must release it.
// Invariant: blocks in chains + free blocks = blockCount.

/// A run of bytes kept in blocks. `none` holds nothing and needs no release.
public struct BlockChain: BitwiseCopyable {
    static var end: UInt32 { .max }
    fileprivate(set) var first = BlockChain.end
    fileprivate(set) var last = BlockChain.end
    public fileprivate(set) var byteCount: UInt32 = 0

    public init() {}
    public var isEmpty: Bool { byteCount == 0 }
}

/// Fixed-size blocks with a free list.
public struct BlockPool: ~Copyable {
    private let memory: Slab<UInt8>
    /// For a block in a chain: its successor. For a free block: the next free one.
    private let next: Slab<UInt32>
    public let blockBytes: Int
    public let blockCount: Int
    private var firstFree = BlockChain.end
    public private(set) var freeCount = 0
    /// The most blocks that were ever in use together.
    public private(set) var peakUsed = 0

    /// Takes `poolBytes / blockBytes` blocks from the arena.
    public init(poolBytes: Int, blockBytes: Int, arena: inout Arena) {
        self.blockBytes = blockBytes
        blockCount = poolBytes / blockBytes
        memory = arena.take(UInt8.self, count: blockCount * blockBytes)
        next = arena.take(UInt32.self, count: blockCount)
        if arena.isMeasuring { return }
        var i = blockCount
        while i > 0 {
            i -= 1
            next[i] = firstFree
            firstFree = UInt32(i)
        }
        freeCount = blockCount
    }

    public var usedCount: Int { blockCount - freeCount }

    /// Blocks that a chain of `bytes` occupies.
    public func blocks(for bytes: Int) -> Int { (bytes + blockBytes - 1) / blockBytes }

    /// Could `more` bytes be appended to `chain` now?
    public func hasRoom(for more: Int, in chain: BlockChain) -> Bool {
        let total = Int(chain.byteCount) + more
        return blocks(for: total) - blocks(for: Int(chain.byteCount)) <= freeCount
    }

    private mutating func takeBlock() -> UInt32 {
        invariant(freeCount > 0, "a block is taken only where room was asked for before")
        let block = firstFree
        firstFree = next[Int(block)]
        freeCount -= 1
        if usedCount > peakUsed { peakUsed = usedCount }
        next[Int(block)] = BlockChain.end
        return block
    }

    /// Appends all bytes. The caller has asked `hasRoom` before.
    public mutating func append(_ bytes: Slab<UInt8>, to chain: inout BlockChain) {
        var done = 0
        while done < bytes.count {
            let used = Int(chain.byteCount) % blockBytes
            if used == 0 {
                let block = takeBlock()
                if chain.byteCount == 0 {
                    chain.first = block
                } else {
                    next[Int(chain.last)] = block
                }
                chain.last = block
            }
            let part = min(blockBytes - used, bytes.count - done)
            memory.copy(bytes.slice(done, part), to: Int(chain.last) * blockBytes + used)
            chain.byteCount += UInt32(part)
            done += part
        }
    }

    /// Writes the bytes of the chain, in order.
    public func copy(_ chain: BlockChain, into writer: inout ByteWriter) {
        var rest = Int(chain.byteCount)
        var block = chain.first
        while rest > 0 {
            let part = min(rest, blockBytes)
            writer.append(memory.slice(Int(block) * blockBytes, part))
            rest -= part
            block = next[Int(block)]
        }
    }

    /// Gives every block back and empties the chain.
    public mutating func release(_ chain: inout BlockChain) {
        var rest = blocks(for: Int(chain.byteCount))
        if rest == 0 { return }
        freeCount += rest
        invariant(freeCount <= blockCount, "no block is given back twice")
        var block = chain.first
        while rest > 1 {
            block = next[Int(block)]
            rest -= 1
        }
        invariant(block == chain.last, "a chain ends at its last block")
        next[Int(block)] = firstFree
        firstFree = chain.first
        chain = BlockChain()
    }

    /// Walks the free blocks. For tests; linear.
    func checkInvariants() {
        var free = 0
        var block = firstFree
        while block != BlockChain.end && free <= blockCount {
            free += 1
            block = next[Int(block)]
        }
        invariant(free == freeCount, "free blocks add up")
    }
}
