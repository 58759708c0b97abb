// What an event says, computed from the judge's tree in the plainest way. The reader, which finds
// the same in one pass over raw bytes, is compared with it.
import Foundation

@testable import TinyCoT

extension Node {
    var name: String { if case .element(let name, _, _) = self { name } else { "" } }
    var attributes: [String: String] {
        if case .element(_, let attributes, _) = self { attributes } else { [:] }
    }
    var children: [Node] { if case .element(_, _, let children) = self { children } else { [] } }
    func elements(_ name: String) -> [Node] { children.filter { $0.name == name } }

    var depth: Int { 1 + (children.filter { !$0.name.isEmpty }.map(\.depth).max() ?? 0) }
    var mostAttributes: Int { max(attributes.count, children.map(\.mostAttributes).max() ?? 0) }
    func contains(_ wanted: String) -> Bool {
        children.contains { $0.name == wanted || $0.contains(wanted) }
    }

    /// Without the `marti` of the root and of its details; text that then adjoins is one piece.
    func withoutMarti(level: Int = 0) -> Node {
        guard case .element(let name, let attributes, let children) = self else { return self }
        let isPlace = level == 0 || (level == 1 && name == "detail")
        var kept: [Node] = []
        for child in children where !(isPlace && child.name == "marti") {
            let next = child.withoutMarti(level: level + 1)
            if case .text(let more) = next, case .text(let before)? = kept.last {
                kept[kept.count - 1] = .text(before + more)
            } else {
                kept.append(next)
            }
        }
        return .element(name, attributes, kept)
    }
}

struct EventModel {
    let root: Node
    var details: [Node] { root.elements("detail") }
    func inDetail(_ names: String...) -> [Node] {
        details.flatMap { $0.children.filter { names.contains($0.name) } }
    }
    var contact: Node? {
        let all = inDetail("contact")
        return all.first { !($0.attributes["endpoint"] ?? "").isEmpty } ?? all.first
    }
    var group: Node? { inDetail("__group").first }
    var takv: Node? { inDetail("takv").first }
    var chat: Node? { inDetail("__chat", "__chatreceipt").first }
    var chatGroup: Node? {
        inDetail("__chat", "__chatreceipt").flatMap { $0.elements("chatgrp") }.first
    }
    var link: Node? { inDetail("link").first { $0.attributes["uid"] != nil } }
    var martis: [Node] {
        root.children.flatMap { child -> [Node] in
            child.name == "marti" ? [child] : child.name == "detail" ? child.elements("marti") : []
        }
    }
    var destinations: [Node] { martis.flatMap { $0.elements("dest") } }

    static func number(_ text: String?) -> Double? {
        guard let text else { return nil }
        let trimmed = text.drop {
            $0 == " " || $0 == "\t" || $0 == "\n" || $0 == "\r" || $0 == "\r\n"
        }
        guard trimmed.allSatisfy({ "0123456789+-.eE".contains($0) }) else { return nil }
        return Double(trimmed)
    }

    static func isUsable(_ text: String?) -> Bool {
        if let number = number(text) { return number.isFinite }
        guard let text else { return false }
        let bare = text.drop { $0 == " " || $0 == "\t" || $0 == "\n" }
        let word = bare.first == "-" || bare.first == "+" ? bare.dropFirst() : bare
        return word.lowercased() == "nan"
    }

    /// The reasons for which an event that libxml2 accepts is refused on purpose.
    var stricter: Set<Refusal> {
        var all: Set<Refusal> = []
        if root.name != "event" { all.insert(.brokenMarkup) }
        if root.contains("event") { all.insert(.nestedEvent) }
        if root.depth > 256 { all.insert(.tooDeep) }
        if root.mostAttributes > 128 { all.insert(.tooManyAttributes) }
        if martis.count > 4 { all.insert(.brokenMarkup) }
        if (root.attributes["uid"] ?? "").isEmpty { all.insert(.missingUID) }
        if (root.attributes["type"] ?? "").isEmpty { all.insert(.missingType) }
        let points = root.elements("point")
        if points.count > 1 { all.insert(.badPoint) }
        guard let point = points.first, let latitude = point.attributes["lat"],
            let longitude = point.attributes["lon"]
        else {
            all.insert(.missingPoint)
            return all
        }
        if abs(EventModel.number(latitude) ?? .infinity) > 90 { all.insert(.badPoint) }
        if abs(EventModel.number(longitude) ?? .infinity) > 180 { all.insert(.badPoint) }
        return all
    }

    /// What differs between the reader's header and this model.
    func differences(from event: ReadEvent) -> [String] {
        let header = event.header
        var found: [String] = []
        func compare(_ what: String, _ range: ByteRange, _ expected: String?) {
            let actual = event.text(range)
            if actual != expected {
                found.append("\(what): \(actual ?? "nil") is not \(expected ?? "nil")")
            }
        }
        compare("uid", header.uid, root.attributes["uid"])
        compare("type", header.type, root.attributes["type"])
        compare("how", header.how, root.attributes["how"])
        compare("time", header.time, root.attributes["time"])
        compare("start", header.start, root.attributes["start"])
        compare("stale", header.stale, root.attributes["stale"])
        compare("callsign", header.contactCallsign, contact?.attributes["callsign"])
        compare("endpoint", header.contactEndpoint, contact?.attributes["endpoint"])
        compare("group", header.groupName, group?.attributes["name"])
        compare("role", header.groupRole, group?.attributes["role"])
        compare("platform", header.takvPlatform, takv?.attributes["platform"])
        compare("program version", header.takvVersion, takv?.attributes["version"])
        compare("chat id", header.chatID, chat?.attributes["id"])
        compare("room", header.chatRoom, chat?.attributes["chatroom"])
        compare("parent", header.chatParent, chat?.attributes["parent"])
        compare("link uid", header.linkUID, link?.attributes["uid"])
        compare("link type", header.linkType, link?.attributes["type"])
        compare("relation", header.linkRelation, link?.attributes["relation"])
        if header.hasChat != (chat != nil) { found.append("hasChat") }
        if header.martiCount != martis.count { found.append("martiCount") }
        let cancelled = inDetail("emergency").last { $0.attributes["cancel"] != nil }
        if header.emergencyCancelled != (cancelled?.attributes["cancel"] == "true") {
            found.append("emergencyCancelled")
        }
        let point = root.elements("point").first?.attributes ?? [:]
        let isComplete = ["hae", "ce", "le"].allSatisfy { EventModel.isUsable(point[$0]) }
        if header.pointIsComplete != isComplete { found.append("pointIsComplete") }
        return found + listDifferences(from: event)
    }

    private func listDifferences(from event: ReadEvent) -> [String] {
        let actual = event.destinations.map {
            [event.text($0.callsign), event.text($0.uid), $0.hasOther ? "other" : nil]
        }
        let expected = destinations.map { node -> [String?] in
            let isOther = node.attributes.keys.contains { $0 != "callsign" && $0 != "uid" }
            return [node.attributes["callsign"], node.attributes["uid"], isOther ? "other" : nil]
        }
        var found = actual == expected ? [] : ["destinations \(actual) \(expected)"]
        let names = (chatGroup?.attributes ?? [:]).filter { pair in
            pair.key.hasPrefix("uid")
                && pair.key.dropFirst(3).first.map { "0123456789".contains($0) } == true
        }
        if event.members.sorted() != names.values.sorted() { found.append("members") }
        return found
    }
}
