// Every short history of two chains in a pool of three blocks, against arrays.

import Testing

@testable import TinyCoT

@Suite struct BlockPoolTests {
    private static let memory = 4096

    private func blocks(_ count: Int) -> Int { (count + 3) / 4 }

    @Test func everyShortHistory() {
        let memory = FreshMemory(bytes: BlockPoolTests.memory)
        let sizes = [1, 4, 7]
        everyHistory(of: 8, length: 5) { history in
            var arena = memory.arena()
            var pool = BlockPool(poolBytes: 12, blockBytes: 4, arena: &arena)
            var chains = [BlockChain(), BlockChain()]
            var model: [[UInt8]] = [[], []]
            var next: UInt8 = 1
            for step in history {
                let which = step & 1
                if step < 6 {
                    let more = sizes[step / 2]
                    let used = model.reduce(0) { $0 + blocks($1.count) }
                    let needed = blocks(model[which].count + more) - blocks(model[which].count)
                    let hasRoom = used + needed <= 3
                    guard pool.hasRoom(for: more, in: chains[which]) == hasRoom else {
                        Issue.record("\(history): room is judged wrongly")
                        return false
                    }
                    if !hasRoom { continue }
                    let bytes = (0..<more).map { _ -> UInt8 in
                        next &+= 1
                        return next
                    }
                    withSlab(bytes) { pool.append($0, to: &chains[which]) }
                    model[which] += bytes
                } else {
                    pool.release(&chains[which])
                    model[which] = []
                }
                pool.checkInvariants()
                if !agrees(pool, chains, model) {
                    Issue.record("\(history): other bytes, or blocks are lost")
                    return false
                }
            }
            return true
        }
    }

    private func agrees(
        _ pool: borrowing BlockPool, _ chains: [BlockChain], _ model: [[UInt8]]
    ) -> Bool {
        if pool.usedCount != model.reduce(0, { $0 + blocks($1.count) }) { return false }
        for i in 0..<2 {
            var room = [UInt8](repeating: 0, count: 16)
            let copied = room.withUnsafeMutableBufferPointer { buffer in
                var writer = ByteWriter(Slab(start: buffer.baseAddress, count: 16))
                pool.copy(chains[i], into: &writer)
                return array(writer.written)
            }
            if copied != model[i] { return false }
        }
        return true
    }
}
