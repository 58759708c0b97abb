// The plan as a table for people: `tinycot budget`. At most 80 columns, every figure in bytes
// with separators, so that it can be compared with a key of budget.json at a glance.

extension MemoryPlan {
    /// Where the columns end, counted from 1.
    private static var countEnd: Int { 41 }
    private static var unitEnd: Int { 55 }
    private static var totalEnd: Int { 69 }
    private static var shareEnd: Int { 77 }

    /// Needs about 8 KiB. Ends with a line feed.
    public func write(into writer: inout ByteWriter) {
        writeHeading("Memory", "count", "bytes each", "bytes", "share", into: &writer)
        var i = 0
        while i < rowCount {
            let row = row(i)
            writeRow(
                row.name, count: row.count, unit: row.unitBytes, total: row.totalBytes,
                into: &writer)
            i += 1
        }
        writeRule(into: &writer)
        writeRow("arena, one mapping", total: arenaBytes, into: &writer)
        writeRow("process_bytes (program, stacks)", total: budget.processBytes, into: &writer)
        writeRow("planned", total: plannedBytes, into: &writer)
        writeRow("headroom", total: headroomBytes, into: &writer)
        writeRow("memory_bytes", total: budget.memoryBytes, into: &writer)
        writer.append(UInt8(ascii: "\n"))
        writeSocketMemory(into: &writer)
        writer.append(UInt8(ascii: "\n"))
        writeDescriptors(into: &writer)
    }

    private func writeSocketMemory(into writer: inout ByteWriter) {
        writeHeading(
            "Kernel socket memory, worst case", "count", "bytes each", "bytes", "share",
            into: &writer)
        let limit = budget.kernelSocketBytes
        writeBuffers(
            "clients, receive, doubled", count: budget.clients, budget.clientReceiveBufferBytes,
            into: &writer)
        writeBuffers(
            "clients, send, doubled", count: budget.clients, budget.clientSendBufferBytes,
            into: &writer)
        writeBuffers(
            "HTTP, receive, doubled", count: httpSockets, budget.httpReceiveBufferBytes,
            into: &writer)
        writeBuffers(
            "HTTP, send, doubled", count: httpSockets, budget.httpSendBufferBytes,
            into: &writer)
        writeBuffers(
            "canary, both ways, doubled", count: 2 * MemoryPlan.canarySockets,
            MemoryPlan.canaryBufferBytes, into: &writer)
        writeRule(into: &writer)
        writeRow("planned", total: kernelSocketBytes, of: limit, into: &writer)
        writeRow("headroom", total: limit - kernelSocketBytes, of: limit, into: &writer)
        writeRow("kernel_socket_bytes", total: limit, of: limit, into: &writer)
    }

    private func writeBuffers(
        _ name: StaticString, count: Int, _ bytes: Int, into writer: inout ByteWriter
    ) {
        writeRow(
            name, count: count, unit: 2 * bytes, total: count * 2 * bytes,
            of: budget.kernelSocketBytes, into: &writer)
    }

    private func writeDescriptors(into writer: inout ByteWriter) {
        writeHeading("File descriptors", "count", "", "", "", into: &writer)
        var i = 0
        while i < descriptorRowCount {
            writeCount(descriptorRow(i).name, descriptorRow(i).count, into: &writer)
            i += 1
        }
        writeRule(into: &writer, end: MemoryPlan.countEnd)
        writeCount("planned", descriptors, into: &writer)
        writeCount("headroom", budget.fileDescriptors - descriptors, into: &writer)
        writeCount("file_descriptors", budget.fileDescriptors, into: &writer)
    }

    // MARK: Lines

    private func writeHeading(
        _ name: StaticString, _ count: StaticString, _ unit: StaticString,
        _ total: StaticString, _ share: StaticString, into writer: inout ByteWriter
    ) {
        var column = writer.startColumn(name)
        writer.append(count, endingAt: MemoryPlan.countEnd, &column)
        if unit.utf8CodeUnitCount > 0 {
            writer.append(unit, endingAt: MemoryPlan.unitEnd, &column)
            writer.append(total, endingAt: MemoryPlan.totalEnd, &column)
            writer.append(share, endingAt: MemoryPlan.shareEnd, &column)
        }
        writer.append(UInt8(ascii: "\n"))
        writeRule(
            into: &writer,
            end: unit.utf8CodeUnitCount > 0 ? MemoryPlan.shareEnd : MemoryPlan.countEnd)
    }

    private func writeRule(into writer: inout ByteWriter, end: Int = MemoryPlan.shareEnd) {
        var i = 0
        while i < end {
            writer.append(UInt8(ascii: "-"))
            i += 1
        }
        writer.append(UInt8(ascii: "\n"))
    }

    /// A count of -1 leaves the first two columns of figures empty.
    private func writeRow(
        _ name: StaticString, count: Int = -1, unit: Int = 0, total: Int, of whole: Int? = nil,
        into writer: inout ByteWriter
    ) {
        var column = writer.startColumn(name)
        if count >= 0 {
            writer.append(grouped: count, endingAt: MemoryPlan.countEnd, &column)
            writer.append(grouped: unit, endingAt: MemoryPlan.unitEnd, &column)
        }
        writer.append(grouped: total, endingAt: MemoryPlan.totalEnd, &column)
        writer.append(
            tenthsOfPercent: MemoryPlan.tenthsOfPercent(total, of: whole ?? budget.memoryBytes),
            endingAt: MemoryPlan.shareEnd, &column)
        writer.append(UInt8(ascii: "\n"))
    }

    private func writeCount(_ name: StaticString, _ count: Int, into writer: inout ByteWriter) {
        var column = writer.startColumn(name)
        writer.append(grouped: count, endingAt: MemoryPlan.countEnd, &column)
        writer.append(UInt8(ascii: "\n"))
    }

    /// Rounded to the nearest.
    private static func tenthsOfPercent(_ part: Int, of whole: Int) -> Int {
        let magnitude = (Int(part.magnitude) * 1_000 + whole / 2) / whole
        return part < 0 ? -magnitude : magnitude
    }
}

extension ByteWriter {
    /// Writes the first cell; the result is the number of columns used.
    fileprivate mutating func startColumn(_ name: StaticString) -> Int {
        append(name)
        return name.utf8CodeUnitCount
    }

    private mutating func pad(to end: Int, width: Int, _ column: inout Int) {
        // Figures never touch, even where one is wider than its column.
        var spaces = max(1, end - width - column)
        column += spaces + width
        while spaces > 0 {
            append(UInt8(ascii: " "))
            spaces -= 1
        }
    }

    fileprivate mutating func append(
        _ text: StaticString, endingAt end: Int, _ column: inout Int
    ) {
        pad(to: end, width: text.utf8CodeUnitCount, &column)
        append(text)
    }

    /// `8,388,608`
    fileprivate mutating func append(grouped value: Int, endingAt end: Int, _ column: inout Int) {
        var groups = 0
        var leading = Int(value.magnitude)
        var divisor = 1
        while leading >= 1_000 {
            leading /= 1_000
            divisor *= 1_000
            groups += 1
        }
        let digits = leading >= 100 ? 3 : leading >= 10 ? 2 : 1
        pad(to: end, width: digits + 4 * groups + (value < 0 ? 1 : 0), &column)
        if value < 0 { append(UInt8(ascii: "-")) }
        append(decimal: leading)
        var rest = Int(value.magnitude)
        while divisor > 1 {
            rest %= divisor
            divisor /= 1_000
            append(UInt8(ascii: ","))
            append(decimal: Int64(rest / divisor), minDigits: 3)
        }
    }

    /// `12.5 %`
    fileprivate mutating func append(
        tenthsOfPercent value: Int, endingAt end: Int, _ column: inout Int
    ) {
        let whole = Int(value.magnitude) / 10
        let digits = whole >= 1_000 ? 4 : whole >= 100 ? 3 : whole >= 10 ? 2 : 1
        pad(to: end, width: digits + 4 + (value < 0 ? 1 : 0), &column)
        if value < 0 { append(UInt8(ascii: "-")) }
        append(decimal: whole)
        append(UInt8(ascii: "."))
        append(decimal: Int(value.magnitude) % 10)
        append(" %")
    }
}
