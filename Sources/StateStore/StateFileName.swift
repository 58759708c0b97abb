// The names of the state's files in the state folder: `state.N.json` for slot N, the same with
// `.broken` or `.newer` behind it for one that was set aside, and `state.tmp` for one that is being
// written. All are made of numbers.

import TinyCoT

/// A name with a zero behind it, for the system calls.
public struct StateFileName: BitwiseCopyable {
    public enum Aside: UInt8, BitwiseCopyable, Sendable { case broken, newer }

    static var capacity: Int { 32 }
    private var bytes = InlineArray<32, UInt8>(repeating: 0)
    public private(set) var count = 0

    public static var temporary: StateFileName { StateFileName { $0.append("state.tmp") } }

    /// - Parameter slot: from 1 on.
    public init(slot: Int) { self.init { StateFileName.append(slot, &$0) } }

    public init(slot: Int, aside: Aside) {
        self.init { writer in
            StateFileName.append(slot, &writer)
            writer.append(aside == .broken ? ".broken" : ".newer")
        }
    }

    private init(_ write: (inout ByteWriter) -> Void) {
        var length = 0
        withUnsafeMutablePointer(to: &bytes) { pointer in
            let start = UnsafeMutableRawPointer(pointer).assumingMemoryBound(to: UInt8.self)
            var writer = ByteWriter(Slab(start: start, count: StateFileName.capacity - 1))
            write(&writer)
            invariant(!writer.overflowed, "the name of a state file fits")
            length = writer.count
        }
        count = length
    }

    private static func append(_ slot: Int, _ writer: inout ByteWriter) {
        writer.append("state.")
        writer.append(decimal: slot)
        writer.append(".json")
    }

    /// Calls `body` with the text.
    func withText<R>(_ body: (UnsafePointer<CChar>) -> R) -> R {
        withUnsafePointer(to: bytes) { pointer in
            body(UnsafeRawPointer(pointer).assumingMemoryBound(to: CChar.self))
        }
    }

    public func append(to writer: inout ByteWriter) {
        var i = 0
        while i < count {
            writer.append(bytes[i])
            i += 1
        }
    }
}
