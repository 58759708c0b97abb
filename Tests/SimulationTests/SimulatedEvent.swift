// An event that a simulated client sends: its bytes on the wire, the bytes that a receiver must
// get, and in plain words what it says. The reference model reads the words, the relay the bytes.
// Every event carries its serial number in its remarks, so that a receiver's piece names it.

import Foundation

/// What must become of an event, whatever else happens.
enum Fate {
    /// Routed to whoever the rules name.
    case routed
    /// Consumed, perhaps answered.
    case ping, takpRequest, swallowed
    /// Consumed before it counts as an event at all (`<auth>`, white space).
    case ignored
    /// Never relayed.
    case refused
    /// A mutated event: refused or broadcast, the relay's counter says which.
    case uncertain
}

/// How soon an event may be dropped for a slow client.
enum Importance: Int { case position, marker, important }

struct Destination: Equatable {
    var callsign: String?
    var uid: String?
    var mission: String?
}

struct ChatAddress {
    var id: String
    var room: String
    var parent: String
    var members: [String]
}

final class SimulatedEvent {
    let serial: Int
    var fate = Fate.routed
    var type = "a-f-G-U-C"
    var uid = ""
    var how = "m-g"
    var callsign: String?
    var hasEndpoint = false
    var colour: String?
    var destinations: [Destination] = []
    var hasEmptyMarti = false
    var chat: ChatAddress?
    var linkUID: String?
    var cancelsEmergency = false
    var spanSeconds = 75
    /// More markup inside `detail`.
    var extra = ""
    var padding = 0
    /// Its bytes cannot go out as they came, so what goes out is not compared byte for byte.
    var isRewritten = false

    var wire: [UInt8] = []
    /// What a receiver gets.
    var piece: [UInt8] = []

    // Filled in by the model when the relay has taken the event.
    var sequence: UInt64 = 0
    var team = ""
    var sender = -1

    init(serial: Int) { self.serial = serial }

    var isPosition: Bool {
        type.hasPrefix("a-") && (how.hasPrefix("m-") || (callsign != nil && hasEndpoint))
    }

    var isEmergencyCancel: Bool {
        type == "b-a-o-can" || (type.hasPrefix("b-a-") && cancelsEmergency)
    }

    var isEmergency: Bool {
        (type.hasPrefix("b-a-o-") || type == "b-a-g") && !isEmergencyCancel
    }

    var isDelete: Bool { type == "t-x-d-d" && linkUID != nil }

    var isChat: Bool { type == "b-t-f" || type.hasPrefix("b-t-f-") }

    var importance: Importance {
        if isPosition { return .position }
        if isDelete || isChat || isEmergency || isEmergencyCancel || type.hasPrefix("b-f-t-")
            || type == "b-r-f-h-c" || type.hasPrefix("y-")
        {
            return .important
        }
        return .marker
    }

    /// Protocol 6.2: what a late joiner is shown.
    var isKept: Bool {
        if isPosition || isEmergency || type.hasPrefix("a-") || type == "b-r-f-h-c" { return true }
        return type.hasPrefix("b-m-p-") || type == "b-m-r" || type == "b-i-v"
            || type.hasPrefix("u-d-") || type == "u-rb-a" || type.hasPrefix("u-r-b-")
    }

    static let declarations = [
        "", "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n", "\n",
        "<?xml version='1.0' encoding='utf-16'?>", "<?xml version=\"1.0\"?>\r\n", " \t",
    ]

    /// Makes `wire` and `piece` from the words.
    func compose(declaration: String) {
        let before = head()
        let marti = martiText()
        let after = tail()
        piece = Array((before + after).utf8)
        wire = Array((declaration + before + marti + after).utf8)
    }

    private func head() -> String {
        let stale = 43_200 + spanSeconds
        var text = "<event version=\"2.0\" uid=\"\(uid)\" type=\"\(type)\" how=\"\(how)\""
        text += " time=\"2026-01-15T12:00:00.000Z\" start=\"2026-01-15T12:00:00.000Z\""
        text += " stale=\"2026-01-15T\(SimulatedEvent.clock(stale)).000Z\">"
        text += "<point lat=\"50.1109\" lon=\"8.6821\" hae=\"118.2\" ce=\"9.9\" le=\"9.9\"/>"
        text += "<detail>"
        if let callsign {
            text += "<contact callsign=\"\(callsign)\""
            text += hasEndpoint ? " endpoint=\"*:-1:stcp\"/>" : "/>"
        }
        if let colour { text += "<__group name=\"\(colour)\" role=\"Team Member\"/>" }
        if let chat {
            text += "<__chat parent=\"\(chat.parent)\" chatroom=\"\(chat.room)\" id=\"\(chat.id)\">"
            text += "<chatgrp"
            for (i, member) in chat.members.enumerated() { text += " uid\(i)=\"\(member)\"" }
            text += " id=\"\(chat.id)\"/></__chat>"
        }
        if let linkUID {
            text += "<link uid=\"\(linkUID)\" relation=\"p-p\" type=\"a-f-G-U-C\"/>"
        }
        if cancelsEmergency { text += "<emergency cancel=\"true\">X</emergency>" }
        return text + extra
    }

    private func martiText() -> String {
        if destinations.isEmpty { return hasEmptyMarti ? "<marti/>" : "" }
        var text = "<marti>"
        for destination in destinations {
            text += "<dest"
            if let callsign = destination.callsign { text += " callsign=\"\(callsign)\"" }
            if let uid = destination.uid { text += " uid=\"\(uid)\"" }
            if let mission = destination.mission { text += " mission=\"\(mission)\"" }
            text += "/>"
        }
        return text + "</marti>"
    }

    private func tail() -> String {
        let fill = padding > 0 ? "<x>" + String(repeating: "p", count: padding) + "</x>" : ""
        return fill + "<remarks>S\(serial)</remarks></detail></event>"
    }

    private static func clock(_ seconds: Int) -> String {
        func two(_ n: Int) -> String { n < 10 ? "0\(n)" : "\(n)" }
        return "\(two(seconds / 3600)):\(two(seconds / 60 % 60)):\(two(seconds % 60))"
    }
}

/// What a receiver can tell of a piece of its stream without a parser.
enum PieceName: Equatable, CustomStringConvertible {
    case event(Int)
    case pong
    case notice(String)
    case denial(String)
    case unknown

    private static let end = Array("</remarks></detail></event>".utf8)
    private static let mutated = Array("<event version=\"2.0\" uid=\"MUTATED-".utf8)

    init(_ piece: ArraySlice<UInt8>) {
        var at = piece.startIndex
        if piece.starts(with: PieceName.mutated) {
            at += PieceName.mutated.count
            self = PieceName.number(piece, at).map { .event($0) } ?? .unknown
            return
        }
        if piece.count > PieceName.end.count + 2 {
            at = piece.endIndex - PieceName.end.count
            if piece[at...].elementsEqual(PieceName.end) {
                while at > piece.startIndex, piece[at - 1] &- 48 <= 9 { at -= 1 }
                if piece[at - 1] == UInt8(ascii: "S"), let number = PieceName.number(piece, at) {
                    self = .event(number)
                    return
                }
            }
        }
        self = PieceName.ofServer(String(decoding: piece, as: UTF8.self))
    }

    private static func number(_ piece: ArraySlice<UInt8>, _ start: Int) -> Int? {
        var at = start
        var value = 0
        while at < piece.endIndex, piece[at] &- 48 <= 9 {
            value = value * 10 + Int(piece[at] - 48)
            at += 1
        }
        return at > start ? value : nil
    }

    /// The shapes of what the server writes itself: protocol 4.2, 5.1 and 6.1.
    private static func ofServer(_ text: String) -> PieceName {
        if text.contains(" uid=\"takPong\" type=\"t-x-c-t-r\" ") { return .pong }
        if text.contains(" type=\"t-x-takp-r\" "),
            text.contains("<TakResponse status=\"false\"/>")
        {
            return value(of: " uid=\"", in: text).map { .denial($0) } ?? .unknown
        }
        if text.contains(" type=\"t-x-d-d\" ") {
            return value(of: "<link relation=\"p-p\" uid=\"", in: text).map { .notice($0) }
                ?? .unknown
        }
        return .unknown
    }

    private static func value(of key: String, in text: String) -> String? {
        guard let start = text.range(of: key)?.upperBound,
            let end = text[start...].firstIndex(of: "\"")
        else { return nil }
        return String(text[start..<end])
    }

    var description: String {
        switch self {
        case .event(let serial): "event \(serial)"
        case .pong: "pong"
        case .notice(let uid): "notice that \(uid) left"
        case .denial(let uid): "denial of \(uid)"
        case .unknown: "something unknown"
        }
    }
}
