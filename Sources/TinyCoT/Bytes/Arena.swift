// All memory of the core comes from one mapping, handed in by the edge before anything opens.
// The same code that takes the memory also measures it: an arena without a mapping only counts.
// That is how the plan that is printed and the memory that is used can never differ.

/// What was taken under one name: a row of the memory plan.
public struct ArenaRow: BitwiseCopyable {
    public fileprivate(set) var name: StaticString = ""
    /// How many of the things the name speaks of: 128 of `clients`.
    public fileprivate(set) var count = 0
    public fileprivate(set) var bytes = 0
}

/// A bump allocator over one fixed piece of memory. There is no way to give memory back.
/// Invariant: `usedBytes` is the sum of the rows.
public struct Arena: ~Copyable {
    private let base: UnsafeMutableRawPointer?
    public let capacityBytes: Int
    public private(set) var usedBytes = 0
    public private(set) var rows: InlineArray<40, ArenaRow> = .init(repeating: ArenaRow())
    public private(set) var rowCount = 0

    public static var rowLimit: Int { 40 }

    /// Every piece starts on a cache line, so that two tables never share one.
    public static var alignment: Int { 64 }

    /// - Parameter memory: zeroed, aligned to at least 64 bytes, and never freed.
    public init(memory: UnsafeMutableRawBufferPointer) {
        base = memory.baseAddress
        capacityBytes = memory.count
    }

    /// An arena that only adds up; `take` hands out slabs that must not be used.
    public static func measuring() -> Arena { Arena() }

    private init() {
        base = nil
        capacityBytes = .max
    }

    public var isMeasuring: Bool { base == nil }

    /// Bytes that `count` elements will occupy in an arena, padding included.
    public static func bytes<T: BitwiseCopyable>(_ type: T.Type, count: Int) -> Int {
        roundUp(MemoryLayout<T>.stride * count)
    }

    static func roundUp(_ bytes: Int) -> Int { (bytes + alignment - 1) & ~(alignment - 1) }

    /// What is taken from now on is listed under `name`.
    public mutating func label(_ name: StaticString, count: Int) {
        invariant(rowCount < Arena.rowLimit, "the plan has a row for every name")
        rows[rowCount].name = name
        rows[rowCount].count = count
        rowCount += 1
    }

    /// Takes room for `count` zeroed elements.
    public mutating func take<T: BitwiseCopyable>(_ type: T.Type, count: Int) -> Slab<T> {
        invariant(count >= 0, "a slab has no negative size")
        let bytes = Arena.bytes(type, count: count)
        invariant(bytes <= capacityBytes - usedBytes, "the memory plan covers every slab")
        let offset = usedBytes
        usedBytes += bytes
        if rowCount == 0 { label("unnamed", count: 1) }
        rows[rowCount - 1].bytes += bytes
        guard let base else { return Slab(start: nil, count: count) }
        return Slab(
            start: (base + offset).bindMemory(to: type, capacity: count), count: count)
    }
}
