// The events that `tinycot doctor` sends as a client. Its marker is of a type that no client shows,
// that is relayed like any other broadcast and that is not kept. On a port that teams share it must
// say who it is first, as everybody must, and is a contact until it leaves.

public enum DoctorEvent {
    /// Room for any of them.
    public static var maxBytes: Int { 1_200 }
    /// Enough of a marker's uid to know it by; its number follows in four digits.
    static var runDigits: Int { 16 }
    static var numberDigits: Int { 4 }
    public static var numberLimit: Int { 128 }

    static func appendMarkerName(run: UInt64, into writer: inout ByteWriter) {
        writer.append("tinycot-doctor-")
        writer.append(hex: run, digits: runDigits)
        writer.append("-m")
    }

    /// - Parameters:
    ///   - run: tells one call of the doctor from every other.
    ///   - number: below `numberLimit`.
    public static func marker(
        _ number: Int, run: UInt64, now: WallTime, into writer: inout ByteWriter
    ) {
        writer.append("<event version=\"2.0\" uid=\"")
        appendMarkerName(run: run, into: &writer)
        writer.append(decimal: Int64(number), minDigits: numberDigits)
        writer.append("\" type=\"t-x-tinycot-doctor\"")
        EventWriter.appendTimes(now, staleSeconds: 10, &writer)
        writer.append(" how=\"m-g\"><point lat=\"0.0\" lon=\"0.0\" hae=\"0.0\"")
        writer.append(" ce=\"9999999\" le=\"9999999\"/><detail/></event>")
    }

    /// A position report, by which the server learns name and colour (protocol 6.2).
    /// - Parameters:
    ///   - number: of the client. Its uid is the same in every run, since servers remember uids.
    ///   - colour: nil where it shall wear none.
    public static func hello(
        _ number: Int, colour: TeamColour?, now: WallTime, into writer: inout ByteWriter
    ) {
        writer.append("<event version=\"2.0\" uid=\"tinycot-doctor-c")
        writer.append(decimal: Int64(number), minDigits: numberDigits)
        writer.append("\" type=\"a-f-G-U-C\"")
        EventWriter.appendTimes(now, staleSeconds: 10, &writer)
        writer.append(" how=\"m-g\"><point lat=\"0.0\" lon=\"0.0\" hae=\"0.0\"")
        writer.append(" ce=\"9999999\" le=\"9999999\"/><detail>")
        writer.append("<contact callsign=\"tinycot doctor\" endpoint=\"*:-1:stcp\"/>")
        if let colour {
            writer.append("<__group name=\"")
            writer.append(colour.name)
            writer.append("\" role=\"HQ\"/>")
        }
        writer.append("</detail></event>")
    }

    /// What ATAK asks its server to see that it is there (protocol 4.2). The answer comes behind
    /// everything that was sent to this client before.
    public static func ping(run: UInt64, now: WallTime, into writer: inout ByteWriter) {
        writer.append("<event version=\"2.0\" uid=\"tinycot-doctor-")
        writer.append(hex: run, digits: runDigits)
        writer.append("-ping\" type=\"t-x-c-t\"")
        EventWriter.appendTimes(now, staleSeconds: 10, &writer)
        writer.append(" how=\"m-g\"><point lat=\"0.0\" lon=\"0.0\" hae=\"0.0\"")
        writer.append(" ce=\"9999999\" le=\"9999999\"/><detail/></event>")
    }
}
