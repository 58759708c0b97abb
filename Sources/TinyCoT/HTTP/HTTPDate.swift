// The one form in which HTTP writes a time: `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 section
// 5.6.7). Called by `HTTPResponseWriter`. Never reads a clock; the calendar is `CoTTime`'s.

enum HTTPDate {
    /// Appends `time`, cut to the second. What lies outside 1970 … 9999 becomes the nearest end.
    static func write(_ time: WallTime, into writer: inout ByteWriter) {
        var memory: InlineArray<24, UInt8> = .init(repeating: 0)
        var span = memory.mutableSpan
        span.withUnsafeMutableBufferPointer { buffer in
            let text = Slab(start: buffer.baseAddress, count: buffer.count)
            // `2026-01-15T12:00:00.000Z`
            var scratch = ByteWriter(text)
            CoTTime.write(time, into: &scratch)
            invariant(scratch.count == CoTTime.writtenBytes, "a time has a fixed length")
            // 1970-01-01 was a Thursday.
            let latestDay: Int64 = 2_932_896
            let day = min(max(time.milliseconds, 0) / 86_400_000, latestDay)
            writer.append(weekday(Int((day + 4) % 7)))
            writer.append(", ")
            writer.append(text.slice(8, 2))
            writer.append(month(Int(text[5] & 15) * 10 + Int(text[6] & 15)))
            writer.append(text.slice(0, 4))
            writer.append(" ")
            writer.append(text.slice(11, 8))
            writer.append(" GMT")
        }
    }

    private static func weekday(_ number: Int) -> StaticString {
        switch number {
        case 0: "Sun"
        case 1: "Mon"
        case 2: "Tue"
        case 3: "Wed"
        case 4: "Thu"
        case 5: "Fri"
        default: "Sat"
        }
    }

    /// With the blanks around it.
    private static func month(_ number: Int) -> StaticString {
        switch number {
        case 1: " Jan "
        case 2: " Feb "
        case 3: " Mar "
        case 4: " Apr "
        case 5: " May "
        case 6: " Jun "
        case 7: " Jul "
        case 8: " Aug "
        case 9: " Sep "
        case 10: " Oct "
        case 11: " Nov "
        default: " Dec "
        }
    }
}
