// What the three formats of `tinycot export` share: the beginning of every one is a StaticString,
// each call writes one element into the writer, and the caller empties it in between.
// `elementBytesMax` bytes are enough for any element: an event of the longest kind that consists of
// one name, escaped to six times its length, twice, and the team from its comment.

public enum ExportText {
    public static var elementBytesMax: Int {
        2 * 6 * DumpReader.maxEventBytes + 6 * DumpComments.bytesMax + 4_096
    }
}

extension ByteWriter {
    /// `<name>text</name>`
    mutating func element(_ name: StaticString, _ text: DumpText) {
        append("<")
        append(name)
        append(">")
        text.write(.xml, into: &self)
        append("</")
        append(name)
        append(">")
    }

    /// The same for a time.
    mutating func element(_ name: StaticString, _ time: WallTime) {
        append("<")
        append(name)
        append(">")
        CoTTime.write(time, into: &self)
        append("</")
        append(name)
        append(">")
    }
}

extension DumpEvent {
    /// What people call the thing.
    var name: DumpText { callsign.isEmpty ? uid : callsign }
}
