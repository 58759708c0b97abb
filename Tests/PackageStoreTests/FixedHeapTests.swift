// The fixed heap against a model that remembers what it was told: no two pieces overlap, no byte of
// a piece changes, nothing is lost, and whoever asks for too much is told so.

import Testing
import TinyCoT

@testable import PackageStore

@Suite struct FixedHeapTests {
    private struct Piece {
        let address: UnsafeMutableRawPointer
        let bytes: Int
        let mark: UInt8
    }

    private func fill(_ piece: Piece) {
        piece.address.initializeMemory(as: UInt8.self, repeating: piece.mark, count: piece.bytes)
    }

    private func isUntouched(_ piece: Piece, _ bytes: Int) -> Bool {
        (0..<bytes).allSatisfy {
            piece.address.load(fromByteOffset: $0, as: UInt8.self) == piece.mark
        }
    }

    /// Mostly small, some large, as SQLite asks.
    private func size(_ random: inout SeededGenerator) -> Int {
        switch random.below(10) {
        case 0: 1 + random.below(9_000)
        case 1, 2: 4_000 + random.below(600)
        default: 1 + random.below(300)
        }
    }

    @Test(arguments: 1...20) func keepsEveryByte(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed))
        let capacity = 4_096 + random.below(200_000)
        var heap = FixedHeap(memory: freshMemory(capacity))
        var pieces: [Piece] = []
        for step in 0..<4_000 {
            // Grows for a while, then shrinks, so that a full and an empty heap both occur.
            let isGrowing = step / 500 % 2 == 0
            let choice = random.below(10)
            if choice < (isGrowing ? 6 : 2) || pieces.isEmpty {
                let bytes = size(&random)
                guard let address = heap.allocate(bytes) else { continue }
                let piece = Piece(address: address, bytes: bytes, mark: UInt8(step & 0xFF))
                #expect(UInt(bitPattern: address) % 8 == 0)
                #expect(heap.size(of: address) >= bytes)
                fill(piece)
                pieces.append(piece)
            } else if choice < 8 {
                let piece = pieces.remove(at: random.below(pieces.count))
                #expect(isUntouched(piece, piece.bytes), "seed \(seed), step \(step)")
                heap.release(piece.address)
            } else {
                let index = random.below(pieces.count)
                let old = pieces[index]
                let bytes = size(&random)
                guard let address = heap.resize(old.address, to: bytes) else {
                    #expect(isUntouched(old, old.bytes), "a refusal leaves the piece")
                    continue
                }
                let piece = Piece(address: address, bytes: bytes, mark: old.mark)
                #expect(isUntouched(piece, min(bytes, old.bytes)), "seed \(seed), step \(step)")
                fill(piece)
                pieces[index] = piece
            }
            if step % 100 == 0 { heap.checkInvariants() }
        }
        for piece in pieces {
            #expect(isUntouched(piece, piece.bytes), "seed \(seed)")
            heap.release(piece.address)
        }
        heap.checkInvariants()
        #expect(heap.usedBytes == 0)
        // All pieces have grown together again: one may have nearly everything.
        let all = heap.allocate(capacity / 8 * 8 - 3 * 8)
        #expect(all != nil, "seed \(seed): the heap is one piece again")
    }

    @Test func refusesWhatDoesNotFit() {
        var heap = FixedHeap(memory: freshMemory(4_096))
        #expect(heap.allocate(4_096) == nil)
        #expect(heap.allocate(0) == nil)
        #expect(heap.allocate(.max) == nil)
        #expect(heap.refusals == 3)
        var count = 0
        while heap.allocate(8) != nil { count += 1 }
        // 512 words, of which two are ends; a piece is a head and one word.
        #expect(count == 255)
        #expect(heap.usedBytes == 255 * 16)
        #expect(heap.peakBytes == heap.usedBytes)
        heap.checkInvariants()
    }

    @Test func usesTheLastFittingPieceOfItsOwnClass() throws {
        // 100 words is in the middle of its class; a search of roomier classes alone finds none.
        var heap = FixedHeap(memory: freshMemory((100 + 2) * 8))
        #expect(heap.allocate(99 * 8) != nil)
    }

    @Test func growsInPlaceIntoAFreeNeighbour() throws {
        var heap = FixedHeap(memory: freshMemory(4_096))
        let first = try unwrap(heap.allocate(100))
        let second = try unwrap(heap.allocate(1_000))
        let third = try unwrap(heap.allocate(100))
        heap.release(second)
        #expect(heap.resize(first, to: 1_000) == first)
        #expect(heap.resize(first, to: 10) == first)
        heap.release(third)
        heap.release(first)
        heap.checkInvariants()
    }

    @Test(arguments: 1...700) func roundsUpToWhatItGives(bytes: Int) throws {
        var heap = FixedHeap(memory: freshMemory(4_096))
        let address = try unwrap(heap.allocate(bytes))
        #expect(heap.size(of: address) == FixedHeap.roundUp(bytes))
        #expect(FixedHeap.roundUp(FixedHeap.roundUp(bytes)) == FixedHeap.roundUp(bytes))
    }
}
