// What the tests of the relay's parts share: every short history of operations, and memory that is
// new for each of them.

@testable import TinyCoT

/// Calls `body` with every sequence of `length` numbers below `choices`.
func everyHistory(of choices: Int, length: Int, _ body: ([Int]) -> Bool) {
    var history = [Int](repeating: 0, count: length)
    while true {
        if !body(history) { return }
        var at = length - 1
        while at >= 0, history[at] == choices - 1 {
            history[at] = 0
            at -= 1
        }
        if at < 0 { return }
        history[at] += 1
    }
}

/// One piece of memory that is zeroed each time an arena is laid over it.
final class FreshMemory {
    private let buffer: UnsafeMutableRawBufferPointer

    init(bytes: Int) { buffer = .allocate(byteCount: bytes, alignment: 64) }
    deinit { buffer.deallocate() }

    func arena() -> Arena {
        buffer.initializeMemory(as: UInt8.self, repeating: 0)
        return Arena(memory: buffer)
    }
}

func withSlab<R>(_ bytes: [UInt8], _ body: (Slab<UInt8>) -> R) -> R {
    var copy = bytes
    return copy.withUnsafeMutableBufferPointer {
        body(Slab(start: $0.baseAddress, count: $0.count))
    }
}

func array(_ slab: Slab<UInt8>) -> [UInt8] { (0..<slab.count).map { slab[$0] } }
