// Finds in what a server sends the two things that the doctor waits for: its own markers, and
// answers to its pings. The stream may be cut anywhere. One scan a connection; whoever receives
// puts the `kept` bytes of the last piece in front of the next.
//
// 0 ≤ keptBytes < longest. What is kept holds no whole sign: nothing is counted twice.

public struct DoctorScan: BitwiseCopyable {
    private static var pong: StaticString { "type=\"t-x-c-t-r\"" }
    /// Bytes of a marker's uid.
    private static var markerBytes: Int {
        15 + DoctorEvent.runDigits + 2 + DoctorEvent.numberDigits
    }
    /// Room that must lie in front of what is received.
    public static var keptBytesMax: Int { markerBytes - 1 }

    private let run: UInt64
    private var seenLow: UInt64 = 0
    private var seenHigh: UInt64 = 0
    private var kept: InlineArray<48, UInt8> = .init(repeating: 0)
    public private(set) var keptBytes = 0
    /// Answers to pings, and heartbeats, which are the same event.
    public private(set) var pongs = 0

    public init(run: UInt64) { self.run = run }

    public func hasSeen(_ number: Int) -> Bool {
        (number < 64 ? seenLow >> UInt64(number) : seenHigh >> UInt64(number - 64)) & 1 == 1
    }

    /// Puts what is left of the last piece at the front of `buffer`; receive behind it.
    public func restore(into buffer: Slab<UInt8>) {
        var i = 0
        while i < keptBytes {
            buffer[i] = kept[i]
            i += 1
        }
    }

    /// - Parameter bytes: what was restored, and behind it what came.
    public mutating func look(at bytes: Slab<UInt8>) {
        var text: InlineArray<48, UInt8> = .init(repeating: 0)
        var span = text.mutableSpan
        span.withUnsafeMutableBufferPointer { buffer in
            var name = ByteWriter(Slab(start: buffer.baseAddress, count: buffer.count))
            DoctorEvent.appendMarkerName(run: run, into: &name)
            look(at: bytes, name.written)
        }
    }

    private mutating func look(at bytes: Slab<UInt8>, _ name: Slab<UInt8>) {
        let pong = Slab(DoctorScan.pong)
        var at = 0
        var begin = 0
        while at < bytes.count {
            // Both begin with this letter, and few others do.
            at = bytes.firstIndex(of: UInt8(ascii: "t"), from: at)
            if begins(bytes, at, pong) {
                pongs += 1
                at += pong.count
                begin = at
            } else if begins(bytes, at, name), let number = number(bytes, at + name.count) {
                note(number)
                at += DoctorScan.markerBytes
                begin = at
            } else {
                at += 1
            }
        }
        keep(bytes, from: max(begin, bytes.count - DoctorScan.keptBytesMax))
    }

    private func begins(_ bytes: Slab<UInt8>, _ at: Int, _ text: Slab<UInt8>) -> Bool {
        if bytes.count - at < text.count { return false }
        return bytes.slice(at, text.count).equals(text)
    }

    /// Nil if it has not come whole, or is none.
    private func number(_ bytes: Slab<UInt8>, _ at: Int) -> Int? {
        if bytes.count - at < DoctorEvent.numberDigits { return nil }
        guard let number = DecimalText.number(bytes.slice(at, DoctorEvent.numberDigits)),
            number < UInt64(DoctorEvent.numberLimit)
        else { return nil }
        return Int(number)
    }

    private mutating func note(_ number: Int) {
        if number < 64 {
            seenLow |= 1 << UInt64(number)
        } else {
            seenHigh |= 1 << UInt64(number - 64)
        }
    }

    private mutating func keep(_ bytes: Slab<UInt8>, from start: Int) {
        keptBytes = 0
        while start + keptBytes < bytes.count {
            kept[keptBytes] = bytes[start + keptBytes]
            keptBytes += 1
        }
    }
}
