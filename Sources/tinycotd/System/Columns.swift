// Tables of plain text for people: columns of a width, with two places between them. Used by
// `status` and by `packages list`.

import TinyCoT

extension ByteWriter {
    /// Fills a column that has `used` places taken, and two between it and the next.
    mutating func pad(_ used: Int, to width: Int) {
        var i = used
        while i < width + 2 {
            append(UInt8(ascii: " "))
            i += 1
        }
    }

    mutating func column(_ text: StaticString, _ width: Int) {
        append(text)
        pad(text.utf8CodeUnitCount, to: width)
    }

    mutating func column(rightAligned text: StaticString, _ width: Int) {
        spaces(width - text.utf8CodeUnitCount)
        append(text)
        spaces(2)
    }

    mutating func column(_ value: Int, _ width: Int) {
        var digits = 1
        var rest = value / 10
        while rest > 0 {
            digits += 1
            rest /= 10
        }
        spaces(width - digits)
        append(decimal: value)
        spaces(2)
    }

    /// Set to the right.
    mutating func column(duration seconds: Int, _ width: Int) {
        // Measured by writing it where nobody looks, so that there is one way to write it.
        var bytes: InlineArray<32, UInt8> = .init(repeating: 0)
        var span = bytes.mutableSpan
        let used = span.withUnsafeMutableBufferPointer { buffer in
            var trial = ByteWriter(Slab(start: buffer.baseAddress, count: buffer.count))
            trial.append(duration: seconds)
            return trial.count
        }
        spaces(width - used)
        append(duration: seconds)
        spaces(2)
    }

    /// `07:05`, `3:07:05` or `12d 03h`.
    mutating func append(duration seconds: Int) {
        let minutes = seconds / 60
        let hours = minutes / 60
        if hours >= 24 {
            append(decimal: hours / 24)
            append("d ")
            append(decimal: Int64(hours % 24), minDigits: 2)
            append("h")
            return
        }
        if hours > 0 {
            append(decimal: hours)
            append(":")
        }
        append(decimal: Int64(minutes % 60), minDigits: 2)
        append(":")
        append(decimal: Int64(seconds % 60), minDigits: 2)
    }

    mutating func spaces(_ number: Int) {
        var i = 0
        while i < number {
            append(UInt8(ascii: " "))
            i += 1
        }
    }
}
