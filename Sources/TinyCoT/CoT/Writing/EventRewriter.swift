// The three ways in which an accepted event is copied: as it came but without `marti`, mended so
// that a client that cuts at `</event>` cuts only at its end (protocol 3.1), and with new times
// for an alert that is repeated. Called by the relay, once for each event that it keeps or sends.
// Only for bytes that `EventReader` accepted with the same header. Whether all of it fitted says
// the writer (`overflowed`), once, at the end.

public enum EventRewriter {
    /// The usual case, `header.needsRewrite` is false: copies what lies between the `marti`.
    public static func copyWithoutMarti(
        _ event: Slab<UInt8>, _ header: EventHeader, into writer: inout ByteWriter
    ) {
        var at = 0
        var i = 0
        while i < header.martiCount {
            let marti = header.marti[i]
            writer.append(event.slice(at, Int(marti.offset) - at))
            at = Seam.cross(event, marti.end, &writer)
            i += 1
        }
        writer.append(event.slice(at, event.count - at))
    }

    /// Leaves out comments, instructions and `marti`, writes CDATA as escaped text and the end tag
    /// as `</event>`. All else stays byte for byte.
    public static func rewrite(
        _ event: Slab<UInt8>, _ header: EventHeader, into writer: inout ByteWriter
    ) {
        var at = 0
        var copied = 0
        var nextMarti = 0
        while at < event.count {
            if event[at] != UInt8(ascii: "<") {
                at += 1
                continue
            }
            writer.append(event.slice(copied, at - copied))
            if nextMarti < header.martiCount, at == Int(header.marti[nextMarti].offset) {
                at = Seam.cross(event, header.marti[nextMarti].end, &writer)
                nextMarti += 1
            } else if Markup.starts(event, at, "<!--") {
                at = Seam.cross(event, Markup.end(event, at + 4, "-->"), &writer)
            } else if Markup.starts(event, at, "<?") {
                at = Seam.cross(event, Markup.end(event, at + 2, "?>"), &writer)
            } else if Markup.starts(event, at, "<![CDATA[") {
                let end = Markup.end(event, at + 9, "]]>")
                appendEscaped(event.slice(at + 9, end - 3 - at - 9), &writer)
                at = Seam.cross(event, end, &writer)
            } else {
                copied = at
                at = Markup.tagEnd(event, at)
                // The root's end tag is the last thing in the event.
                if at == event.count { break }
                writer.append(event.slice(copied, at - copied))
            }
            copied = at
        }
        writer.append("</event>")
    }

    /// Copies an event that was stored (so has no `marti`), with other times. A time that the
    /// event does not have is not added.
    public static func copyWithTimes(
        _ event: Slab<UInt8>, _ header: EventHeader, time: WallTime, start: WallTime,
        stale: WallTime, into writer: inout ByteWriter
    ) {
        var at = 0
        // The order of the attributes is the sender's; each round takes the first one left.
        var round = 0
        var last = ByteRange()
        while round < 3 {
            var next = ByteRange()
            var value = time
            pick(header.time, time, after: last, &next, &value)
            pick(header.start, start, after: last, &next, &value)
            pick(header.stale, stale, after: last, &next, &value)
            if next.isAbsent { break }
            writer.append(event.slice(at, Int(next.offset) - at))
            CoTTime.write(value, into: &writer)
            at = next.end
            last = next
            round += 1
        }
        writer.append(event.slice(at, event.count - at))
    }

    private static func pick(
        _ range: ByteRange, _ time: WallTime, after last: ByteRange, _ next: inout ByteRange,
        _ value: inout WallTime
    ) {
        // Not by the end of the last one: an empty value ends where it begins.
        if range.isAbsent || range.offset <= last.offset { return }
        if !next.isAbsent && next.offset < range.offset { return }
        next = range
        value = time
    }

    private static func appendEscaped(_ text: Slab<UInt8>, _ writer: inout ByteWriter) {
        var i = 0
        while i < text.count {
            switch text[i] {
            case UInt8(ascii: "&"): writer.append("&amp;")
            case UInt8(ascii: "<"): writer.append("&lt;")
            case UInt8(ascii: ">"): writer.append("&gt;")
            case 0x0A where i == 0 && Seam.lastIsReturn(writer): writer.append("&#10;")
            default: writer.append(text[i])
            }
            i += 1
        }
    }
}

/// Where something was cut out, text that was apart becomes one. Two things must not arise from
/// that: `]]>`, which is illegal in text, and CR LF, which would be one line end instead of two.
private enum Seam {
    /// - Returns: from where to go on copying; what had to be changed is already written.
    static func cross(_ event: Slab<UInt8>, _ start: Int, _ writer: inout ByteWriter) -> Int {
        var at = start
        if at < event.count, event[at] == 0x0A, lastIsReturn(writer) {
            writer.append("&#10;")
            return at + 1
        }
        if !lastIs(UInt8(ascii: "]"), writer) { return at }
        while at < event.count, event[at] == UInt8(ascii: "]") { at += 1 }
        writer.append(event.slice(start, at - start))
        // More than was needed if there is only one bracket in all; the text is the same.
        if at < event.count, event[at] == UInt8(ascii: ">") {
            writer.append("&gt;")
            at += 1
        }
        return at
    }

    static func lastIsReturn(_ writer: ByteWriter) -> Bool { lastIs(0x0D, writer) }

    private static func lastIs(_ byte: UInt8, _ writer: ByteWriter) -> Bool {
        writer.count > 0 && writer.written[writer.count - 1] == byte
    }
}
