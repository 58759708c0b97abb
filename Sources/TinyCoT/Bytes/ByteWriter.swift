// Text is made by appending bytes to a fixed piece of memory. When it does not fit, the writer
// remembers that and goes on doing nothing, so that the caller checks once, at the end.

/// Appends bytes to a slab. `0 ≤ count ≤ slab.count`.
public struct ByteWriter: BitwiseCopyable {
    public let slab: Slab<UInt8>
    public private(set) var count = 0
    /// Something did not fit. What was written before is whole; nothing after it was written.
    public private(set) var overflowed = false

    public init(_ slab: Slab<UInt8>) { self.slab = slab }

    public var written: Slab<UInt8> { slab.slice(0, count) }

    @inline(__always)
    public mutating func append(_ byte: UInt8) {
        if overflowed || count == slab.count {
            overflowed = true
            return
        }
        slab[count] = byte
        count += 1
    }

    @inline(__always)
    public mutating func append(_ bytes: Slab<UInt8>) {
        if overflowed || bytes.count > slab.count - count {
            overflowed = true
            return
        }
        slab.copy(bytes, to: count)
        count += bytes.count
    }

    public mutating func append(_ text: StaticString) { append(Slab(text)) }

    /// Decimal, without leading zeros unless `minDigits` asks for them.
    public mutating func append(decimal value: Int64, minDigits: Int = 1) {
        if value < 0 { append(UInt8(ascii: "-")) }
        var rest = value.magnitude
        var digits: InlineArray<20, UInt8> = .init(repeating: UInt8(ascii: "0"))
        var used = 0
        while rest > 0 || used < min(minDigits, 20) {
            digits[used] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
            used += 1
        }
        while used > 0 {
            used -= 1
            append(digits[used])
        }
    }

    public mutating func append(decimal value: Int) { append(decimal: Int64(value)) }

    /// `digits` lower-case hexadecimal digits of `value`, most significant first.
    public mutating func append(hex value: UInt64, digits: Int) {
        var shift = (digits - 1) * 4
        while shift >= 0 {
            let nibble = UInt8(truncatingIfNeeded: (value >> UInt64(shift)) & 15)
            append(nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "a") + nibble - 10)
            shift -= 4
        }
    }

    public mutating func reset() {
        count = 0
        overflowed = false
    }
}
