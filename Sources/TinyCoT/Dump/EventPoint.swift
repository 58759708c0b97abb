// Where an event is: the attributes of its `point`, as numbers for files that people open in other
// programs. Called by `export`; the relay never needs a number, so its reader keeps none.
// Nothing becomes a binary fraction: text goes to JSON as the same digits, and to maps as whole
// numbers of a small unit. Only for bytes that `EventReader` accepted.

struct EventPoint: BitwiseCopyable {
    private(set) var latitude = ByteRange()
    private(set) var longitude = ByteRange()
    private(set) var height = ByteRange()
    private(set) var circularError = ByteRange()
    private(set) var linearError = ByteRange()

    /// Of the one `point` that is a child of the root.
    init(_ event: Slab<UInt8>) {
        var at = 0
        var depth = 0
        while at < event.count {
            let tag = at
            if event[tag] != UInt8(ascii: "<") {
                at += 1
            } else if Markup.starts(event, tag, "</") {
                at = Markup.tagEnd(event, tag)
                depth -= 1
            } else if Markup.starts(event, tag, "<!--") {
                at = Markup.end(event, tag + 4, "-->")
            } else if Markup.starts(event, tag, "<![CDATA[") {
                at = Markup.end(event, tag + 9, "]]>")
            } else if Markup.starts(event, tag, "<?") {
                at = Markup.end(event, tag + 2, "?>")
            } else {
                at = Markup.tagEnd(event, tag)
                let end = Markup.nameEnd(event, tag + 1)
                let name = ByteRange(offset: tag + 1, count: end - tag - 1)
                if depth == 1 && Markup.isName(event, name, "point") {
                    read(event, tag)
                    return
                }
                if event[at - 2] != UInt8(ascii: "/") { depth += 1 }
            }
        }
    }

    private mutating func read(_ event: Slab<UInt8>, _ tag: Int) {
        var attributes = AttributeWalk(event, tag: tag)
        while attributes.next(event) {
            let name = attributes.name
            if Markup.isName(event, name, "lat") {
                latitude = attributes.value
            } else if Markup.isName(event, name, "lon") {
                longitude = attributes.value
            } else if Markup.isName(event, name, "hae") {
                height = attributes.value
            } else if Markup.isName(event, name, "ce") {
                circularError = attributes.value
            } else if Markup.isName(event, name, "le") {
                linearError = attributes.value
            }
        }
    }

    /// 9999999 stands for "unknown", and some write one nine less (protocol 2.1).
    private static var unknown: Int64 { 999_999 }

    /// For a map. nil for the point 0, 0 of unknown error, which clients send when they
    /// know none, and for things that have no single place (protocol 2.1).
    func place(_ event: Slab<UInt8>) -> MapPlace? {
        guard let latitude = EventPoint.scaled(event, latitude, places: 9),
            let longitude = EventPoint.scaled(event, longitude, places: 9)
        else { return nil }
        if latitude == 0 && longitude == 0 {
            let error = EventPoint.scaled(event, circularError, places: 0)
            if error.map({ $0 >= EventPoint.unknown }) ?? true { return nil }
        }
        var place = MapPlace()
        place.latitude = latitude
        place.longitude = longitude
        if let height = EventPoint.scaled(event, height, places: 3),
            height.magnitude < EventPoint.unknown.magnitude * 1_000
        {
            place.height = Int32(height)
        }
        return place
    }

    /// The value times 10^`places`, rounded. nil if it is none or does not fit.
    static func scaled(_ event: Slab<UInt8>, _ range: ByteRange, places: Int) -> Int64? {
        guard let base = event.start, !range.isEmpty,
            case .number(var digits, let exponent) = Decimal.read(UnsafePointer(base), range)
        else { return nil }
        var shift = exponent + places
        while shift > 0 && digits > 0 {
            let (product, overflow) = digits.multipliedReportingOverflow(by: 10)
            if overflow { return nil }
            digits = product
            shift -= 1
        }
        var rest: UInt64 = 0
        while shift < 0 && digits > 0 {
            rest = digits % 10
            digits /= 10
            shift += 1
        }
        // Where the loop ended early, the digit behind the last place is a zero.
        if shift == 0 && rest >= 5 { digits += 1 }
        guard let value = Int64(exactly: digits) else { return nil }
        return isNegative(event, range) ? -value : value
    }

    private static func isNegative(_ event: Slab<UInt8>, _ range: ByteRange) -> Bool {
        let first = Markup.skipSpace(event, Int(range.offset))
        return first < range.end && event[first] == UInt8(ascii: "-")
    }

    /// The same digits, in the grammar of RFC 8259: no plus sign, no leading zeros, a digit on both
    /// sides of the point. `null` for what is no number.
    static func writeJSON(
        _ event: Slab<UInt8>, _ range: ByteRange, into writer: inout ByteWriter
    ) {
        guard let base = event.start, !range.isEmpty,
            case .number = Decimal.read(UnsafePointer(base), range)
        else {
            writer.append("null")
            return
        }
        let text = event.slice(0, range.end)
        var at = Markup.skipSpace(text, Int(range.offset))
        if text[at] == UInt8(ascii: "-") { writer.append(UInt8(ascii: "-")) }
        if text[at] == UInt8(ascii: "-") || text[at] == UInt8(ascii: "+") { at += 1 }
        while at < text.count, text[at] == UInt8(ascii: "0") { at += 1 }
        if at == text.count || !isDigit(text[at]) { writer.append(UInt8(ascii: "0")) }
        at = copyDigits(text, at, &writer)
        if at < text.count, text[at] == UInt8(ascii: ".") {
            at += 1
            if at < text.count, isDigit(text[at]) { writer.append(UInt8(ascii: ".")) }
            at = copyDigits(text, at, &writer)
        }
        writer.append(text.slice(at, text.count - at))
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") <= 9 }

    private static func copyDigits(
        _ text: Slab<UInt8>, _ start: Int, _ writer: inout ByteWriter
    ) -> Int {
        var at = start
        while at < text.count, isDigit(text[at]) {
            writer.append(text[at])
            at += 1
        }
        return at
    }
}

/// A place as maps take it.
public struct MapPlace: BitwiseCopyable {
    /// In units of 10^-9 degrees: a tenth of a millimetre.
    var latitude: Int64 = 0
    var longitude: Int64 = 0
    /// Millimetres above the ellipsoid, or `unknownHeight`.
    var height = MapPlace.unknownHeight

    static var unknownHeight: Int32 { .min }

    public init() {}

    static func write(degrees: Int64, into writer: inout ByteWriter) {
        write(degrees, places: 9, &writer)
    }

    func writeHeight(into writer: inout ByteWriter) {
        MapPlace.write(Int64(height), places: 3, &writer)
    }

    /// `value` × 10^-`places`, without zeros at the end.
    private static func write(_ value: Int64, places: Int, _ writer: inout ByteWriter) {
        var scale: UInt64 = 1
        var i = 0
        while i < places {
            scale *= 10
            i += 1
        }
        if value < 0 { writer.append(UInt8(ascii: "-")) }
        writer.append(decimal: Int64(value.magnitude / scale))
        var rest = value.magnitude % scale
        if rest == 0 { return }
        var digits = places
        while rest % 10 == 0 {
            rest /= 10
            digits -= 1
        }
        writer.append(UInt8(ascii: "."))
        writer.append(decimal: Int64(rest), minDigits: digits)
    }
}
