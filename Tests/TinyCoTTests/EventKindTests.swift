import Testing

@testable import TinyCoT

@Suite struct EventKindTests {
    /// From the rows of the corpus README: what the server should do decides the kind.
    @Test(arguments: [
        ("01", EventKind.position), ("03", .position), ("05", .position), ("14", .marker),
        ("16", .marker), ("18", .marker), ("19", .marker), ("20", .marker), ("21", .marker),
        ("22", .marker), ("23", .marker), ("24", .marker), ("25", .chat), ("29", .chat),
        ("31", .chat), ("32", .chat), ("33", .chat), ("35", .casevac), ("36", .emergency),
        ("37", .emergency), ("38", .emergencyCancel), ("39", .fileTransfer),
        ("40", .fileTransfer), ("42", .ping), ("43", .pong), ("44", .control),
        ("45", .takpRequest), ("46", .control), ("47", .delete), ("48", .delete), ("49", .hello),
        ("50", .control), ("52", .control), ("53", .marker), ("54", .marker), ("56", .marker),
        ("61", .control), ("76", .other), ("h50", .delete), ("h51", .control), ("h52", .pong),
        ("h53", .control),
    ])
    func corpusRow(number: String, kind: EventKind) {
        let event = ReadEvent(EventCorpus.event(number: number))
        #expect(event.refusal == nil)
        #expect(event.kind == kind, "\(number): \(event.raw(event.header.type))")
    }

    @Test(arguments: [
        ("t-x-c-t", EventKind.ping), ("t-x-c-t-r", .pong), ("t-x-c-t-x", .other),
        ("t-x-takp-v", .control), ("t-x-takp-r", .control), ("t-x-c-i-e", .control),
        ("t-x-c-i-d", .control), ("t-b", .control), ("t-b-a", .control), ("t-b-c", .control),
        ("t-b-q", .control), ("t-x-c-f", .control), ("t-x-g-c", .control), ("t-x-m-c", .control),
        ("t-x-m-c-l", .control), ("t-x-m-n", .control), ("t-x-d-d", .hello), ("t-s", .other),
        ("b-t-f", .chat), ("b-t-f-s", .chat), ("b-t-fx", .other), ("b-f-t-r", .fileTransfer),
        ("b-a-o-tbl", .emergency), ("b-a-g", .emergency), ("b-a-o-can", .emergencyCancel),
        ("b-a-x", .other), ("b-m-p-w", .marker), ("b-m-r", .marker), ("b-m-x", .other),
        ("b-i-v", .marker), ("b-r-f-h-c", .casevac), ("u-d-f", .marker), ("u-rb-a", .marker),
        ("u-r-b-c-c", .marker), ("u-x", .other), ("y-a", .reply), ("a-f-G", .marker),
        ("a", .other), ("", .other), ("xa-f", .other), ("&#116;-x-c-t", .ping),
        ("t-x-&#x74;akp-v", .control), ("T-X-C-T", .other),
    ])
    func typeDecides(type: String, kind: EventKind) {
        let event = ReadEvent(eventText(root: "uid='u' type='\(type)' how='h-e'"))
        if type.isEmpty {
            #expect(event.refusal == .missingType)
        } else {
            #expect(event.kind == kind, "\(type)")
        }
    }

    @Test func anAtomIsAPositionIfItMovesByItselfOrCanBeAnswered() {
        func kind(_ how: String, _ contact: String) -> EventKind {
            ReadEvent(eventText(contact, root: "uid='u' type='a-f-G' how='\(how)'")).kind
        }
        #expect(kind("m-g", "") == .position)
        #expect(kind("h-g-i-g-o", "<contact callsign='c' endpoint='*:-1:stcp'/>") == .position)
        #expect(kind("h-g-i-g-o", "<contact callsign='c'/>") == .marker)
        #expect(kind("", "<contact callsign='' endpoint='*:-1:stcp'/>") == .marker)
    }

    @Test func anAlertIsCancelledByItsElementToo() {
        func kind(_ value: String) -> EventKind {
            ReadEvent(
                eventText("<emergency cancel='\(value)'/>", root: "uid='u' type='b-a-o-tbl'")
            ).kind
        }
        #expect(kind("true") == .emergencyCancel)
        #expect(kind("false") == .emergency)
    }

    @Test func positionsGoFirstAndMessagesLast() {
        #expect(EventKind.position.importance < EventKind.marker.importance)
        #expect(EventKind.other.importance == EventKind.marker.importance)
        for kind in [
            EventKind.chat, .fileTransfer, .delete, .emergency, .emergencyCancel, .casevac, .reply,
        ] {
            #expect(kind.importance > EventKind.marker.importance)
        }
        for kind in [EventKind.position, .marker, .casevac, .emergency] { #expect(kind.isKept) }
        for kind in [
            EventKind.ping, .pong, .takpRequest, .control, .delete, .hello, .chat, .fileTransfer,
            .emergencyCancel, .reply, .other,
        ] {
            #expect(!kind.isKept)
        }
    }
}
