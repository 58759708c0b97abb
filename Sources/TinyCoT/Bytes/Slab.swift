// A table of fixed length in the arena. Every access is checked, in release builds too: this is
// the only place of the core where a wrong index could reach foreign memory.

/// A borrowed, bounds-checked, fixed-length table. Copying it copies the view, not the elements.
public struct Slab<Element: BitwiseCopyable>: BitwiseCopyable {
    public let start: UnsafeMutablePointer<Element>?
    public let count: Int

    @inline(__always)
    public init(start: UnsafeMutablePointer<Element>?, count: Int) {
        self.start = start
        self.count = count
    }

    @inline(__always)
    public subscript(index: Int) -> Element {
        unsafeAddress { UnsafePointer(pointer(at: index)) }
        nonmutating unsafeMutableAddress { pointer(at: index) }
    }

    /// The address of one element, checked. For updating a large element in place.
    @inline(__always)
    public func pointer(at index: Int) -> UnsafeMutablePointer<Element> {
        invariant(
            UInt(bitPattern: index) < UInt(bitPattern: count), "an index lies inside its slab")
        return start.unsafelyUnwrapped + index
    }

    /// A part of the table, checked.
    @inline(__always)
    public func slice(_ offset: Int, _ length: Int) -> Slab<Element> {
        invariant(
            offset >= 0 && length >= 0 && offset <= count && length <= count - offset,
            "a slice lies inside its slab")
        return Slab(start: start.map { $0 + offset }, count: length)
    }

    public func fill(_ value: Element) {
        var i = 0
        while i < count {
            start.unsafelyUnwrapped[i] = value
            i += 1
        }
    }
}

extension Slab where Element == UInt8 {
    /// The bytes of a literal. They are constant memory and must not be written to.
    @inline(__always)
    public init(_ text: StaticString) {
        self.init(
            start: UnsafeMutablePointer(mutating: text.utf8Start), count: text.utf8CodeUnitCount)
    }

    public func equals(_ text: StaticString) -> Bool {
        if count != text.utf8CodeUnitCount { return false }
        var i = 0
        while i < count {
            if self[i] != text.utf8Start[i] { return false }
            i += 1
        }
        return true
    }

    public func equals(_ other: Slab<UInt8>) -> Bool {
        if count != other.count { return false }
        var i = 0
        while i < count {
            if self[i] != other[i] { return false }
            i += 1
        }
        return true
    }

    /// Copies `source` to `offset`, checked on both sides. The two may overlap.
    @inline(__always)
    public func copy(_ source: Slab<UInt8>, to offset: Int) {
        let target = slice(offset, source.count)
        // Of raw memory: copying elements becomes a loop over single bytes in Embedded Swift.
        if source.count > 0 {
            UnsafeMutableRawPointer(target.start.unsafelyUnwrapped).copyMemory(
                from: source.start.unsafelyUnwrapped, byteCount: source.count)
        }
    }
}
