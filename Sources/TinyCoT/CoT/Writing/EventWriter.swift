// The events that the server sends on its own: heartbeat and answer to a ping, the refusal of the
// binary protocol, the notice that a client has gone. Called by the relay. Each has all that ATAK
// demands (protocol 2.1) and is written without a declaration, like everything that is relayed.
// Whether it fitted says the writer (`overflowed`).

public enum EventWriter {
    /// Room for any of them, if a uid has at most 80 bytes and a type at most 24.
    public static var maxBytes: Int { 1200 }

    /// What stands in front of an event, or of `eventsStart`, in an HTTP answer; a stream has none.
    public static var declaration: StaticString {
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
    }
    /// Around several events in an HTTP answer (protocol 8.2).
    public static var eventsStart: StaticString { "<events>\n" }
    public static var eventsEnd: StaticString { "\n</events>\n" }

    /// `t-x-c-t-r`: both the answer to a ping and the heartbeat (protocol 4.2).
    public static func pong(now: WallTime, into writer: inout ByteWriter) {
        writer.append("<event version=\"2.0\" uid=\"takPong\" type=\"t-x-c-t-r\"")
        appendTimes(now, staleSeconds: 20, &writer)
        writer.append(" how=\"h-g-i-g-o\"><point lat=\"0.0\" lon=\"0.0\" hae=\"0.0\"")
        writer.append(" ce=\"9999999\" le=\"9999999\"/><detail/></event>")
    }

    /// `t-x-takp-r` with status false (protocol 5.1).
    /// - Parameter uid: of the request, in its bytes; it goes out as the client wrote it.
    public static func takpDenial(
        _ request: Slab<UInt8>, uid: ByteRange, now: WallTime, into writer: inout ByteWriter
    ) {
        // The client may have quoted its value with apostrophes, and then it may hold this quote.
        let raw = request.slice(Int(uid.offset), Int(uid.count))
        let quote = contains(raw, UInt8(ascii: "\"")) ? UInt8(ascii: "'") : UInt8(ascii: "\"")
        writer.append("<event version=\"2.0\" uid=")
        writer.append(quote)
        writer.append(raw)
        writer.append(quote)
        writer.append(" type=\"t-x-takp-r\"")
        appendTimes(now, staleSeconds: 60, &writer)
        writer.append(" how=\"m-g\"><point lat=\"0.0\" lon=\"0.0\" hae=\"0.0\"")
        writer.append(" ce=\"999999\" le=\"999999\"/><detail><TakControl>")
        writer.append("<TakResponse status=\"false\"/></TakControl></detail></event>")
    }

    /// `t-x-d-d` in the official shape (protocol 6.1): the client that has `uid` is gone.
    /// - Parameters:
    ///   - randomHigh: with `randomLow`, 128 random bits; six of them become the version and the
    ///     variant of a random UUID (RFC 9562, 5.4).
    ///   - uid: decoded text; it is escaped here. The same holds for `type`.
    public static func disconnectNotice<let uidBytes: Int, let typeBytes: Int>(
        randomHigh: UInt64, randomLow: UInt64, uid: ShortText<uidBytes>,
        type: ShortText<typeBytes>, now: WallTime, into writer: inout ByteWriter
    ) {
        writer.append("<event version=\"2.0\" uid=\"")
        appendUUID(randomHigh, randomLow, &writer)
        writer.append("\" type=\"t-x-d-d\"")
        appendTimes(now, staleSeconds: 20, &writer)
        writer.append(" how=\"h-g-i-g-o\"><point lat=\"0.0\" lon=\"0.0\" hae=\"0.0\"")
        writer.append(" ce=\"9999999\" le=\"9999999\"/><detail><link relation=\"p-p\" uid=\"")
        appendEscaped(uid, &writer)
        writer.append("\" type=\"")
        appendEscaped(type, &writer)
        writer.append("\"/></detail></event>")
    }

    /// The daemon's own event, by which it sees that it relays (ADR 0013). It is directed to its
    /// own uid, so that its delivery list is taken off on the way.
    /// - Parameter isBack: as it comes back.
    public static func canary(
        number: UInt64, now: WallTime, isBack: Bool, into writer: inout ByteWriter
    ) {
        writer.append("<event version=\"2.0\" uid=\"tinycot-canary-")
        writer.append(hex: number, digits: 16)
        writer.append("\" type=\"t-x-tinycot-canary\"")
        appendTimes(now, staleSeconds: 20, &writer)
        writer.append(" how=\"m-g\"><point lat=\"0.0\" lon=\"0.0\" hae=\"0.0\"")
        writer.append(" ce=\"9999999\" le=\"9999999\"/><detail>")
        if !isBack {
            writer.append("<marti><dest uid=\"tinycot-canary-")
            writer.append(hex: number, digits: 16)
            writer.append("\"/></marti>")
        }
        writer.append("</detail></event>")
    }

    static func appendTimes(
        _ now: WallTime, staleSeconds: Int64, _ writer: inout ByteWriter
    ) {
        writer.append(" time=\"")
        CoTTime.write(now, into: &writer)
        writer.append("\" start=\"")
        CoTTime.write(now, into: &writer)
        writer.append("\" stale=\"")
        CoTTime.write(now.adding(milliseconds: staleSeconds * 1000), into: &writer)
        writer.append("\"")
    }

    private static func appendUUID(
        _ high: UInt64, _ low: UInt64, _ writer: inout ByteWriter
    ) {
        let versioned = high & ~0xF000 | 0x4000
        let varied = low & ~(3 << 62) | 2 << 62
        writer.append(hex: versioned >> 32, digits: 8)
        writer.append(UInt8(ascii: "-"))
        writer.append(hex: versioned >> 16 & 0xFFFF, digits: 4)
        writer.append(UInt8(ascii: "-"))
        writer.append(hex: versioned & 0xFFFF, digits: 4)
        writer.append(UInt8(ascii: "-"))
        writer.append(hex: varied >> 48, digits: 4)
        writer.append(UInt8(ascii: "-"))
        writer.append(hex: varied & 0xFFFF_FFFF_FFFF, digits: 12)
    }

    /// For a value in double quotes. Line ends and tabs become references, or a reader would turn
    /// them into spaces and the uid would name nobody.
    private static func appendEscaped<let capacity: Int>(
        _ text: ShortText<capacity>, _ writer: inout ByteWriter
    ) {
        var i = 0
        while i < Int(text.count) {
            switch text[i] {
            case UInt8(ascii: "&"): writer.append("&amp;")
            case UInt8(ascii: "<"): writer.append("&lt;")
            case UInt8(ascii: ">"): writer.append("&gt;")
            case UInt8(ascii: "\""): writer.append("&quot;")
            case 0x09: writer.append("&#9;")
            case 0x0A: writer.append("&#10;")
            case 0x0D: writer.append("&#13;")
            default: writer.append(text[i])
            }
            i += 1
        }
    }

    private static func contains(_ bytes: Slab<UInt8>, _ byte: UInt8) -> Bool {
        var i = 0
        while i < bytes.count {
            if bytes[i] == byte { return true }
            i += 1
        }
        return false
    }
}
