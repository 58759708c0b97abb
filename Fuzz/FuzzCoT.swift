// A stream of CoT events, cut anywhere, and each event through the reader and the rewriter. Must
// hold: every way of cutting gives the same events and the same refusals; what is taken for an
// event at a glance is what the framer finds; an event that the reader takes is still one event,
// and the same one, after it was mended or has lost its delivery list.

enum FuzzCoT {
    /// Small, so that the limit is reached.
    private static let eventBytesMax = 2048

    static func run(_ input: FuzzInput) {
        let whole = Stream(input.bytes, cuts: [])
        for event in whole.events { judge(event) }
        for cuts in input.ways {
            let cut = Stream(input.bytes, cuts: cuts)
            invariant(cut == whole, "a stream is framed the same for every cut")
        }
        judge(Array(input.bytes))
    }

    // MARK: Framing

    struct Stream: Equatable {
        private(set) var events: [[UInt8]] = []
        /// Events, refusals and the rest in their order.
        private var told: [UInt8] = []
        private var isClosed = false

        init(_ bytes: ArraySlice<UInt8>, cuts: [Int]) {
            var framer = EventFramer(maxEventBytes: FuzzCoT.eventBytesMax)
            var kept: [UInt8] = []
            var from = bytes.startIndex
            for cut in cuts.map({ bytes.startIndex + $0 }) + [bytes.endIndex] where !isClosed {
                withStretch(bytes[from..<cut]) { feed($0, &framer, &kept) }
                from = cut
            }
        }

        private mutating func feed(
            _ stretch: Slab<UInt8>, _ framer: inout EventFramer, _ kept: inout [UInt8]
        ) {
            var index = 0
            while true {
                let before = index
                let glance = FuzzCoT.wellFormed(
                    framer.wholeEvent(stretch, from: index), stretch)
                let step = framer.next(stretch, from: index)
                invariant(
                    glance == nil || step == .event(start: glance!.start, end: glance!.end),
                    "a glance sees what the framer finds")
                switch step {
                case .needMoreBytes:
                    kept = framer.openStart.map { joined(kept, stretch, $0, stretch.count) } ?? []
                    invariant(kept.count <= FuzzCoT.eventBytesMax, "no more is kept than may be")
                    return
                case .event(let start, let end):
                    events.append(joined(kept, stretch, start, end))
                    kept = []
                    told.append(0)
                    index = end
                case .refused(let reason, let resumeAt):
                    kept = []
                    told.append(1 + reason.rawValue)
                    index = resumeAt
                case .authDocument(let resumeAt):
                    told.append(254)
                    index = resumeAt
                case .foreign:
                    told.append(255)
                    isClosed = true
                    return
                }
                invariant(index >= before && index <= stretch.count, "the index goes forward")
                invariant(told.count < 1_000_000, "a stream is passed in few steps")
            }
        }

        private func joined(
            _ kept: [UInt8], _ stretch: Slab<UInt8>, _ start: Int, _ end: Int
        ) -> [UInt8] {
            let literal = Array("<event".utf8)
            let first = max(0, start)
            return kept + literal.prefix(max(0, -start)) + array(stretch.slice(first, end - first))
        }
    }

    // MARK: Reading

    private static let readerBytes = 1 << 16
    nonisolated(unsafe) private static var reader = {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: readerBytes, alignment: 64)
        memory.initializeMemory(as: UInt8.self, repeating: 0)
        var arena = Arena(memory: memory)
        return EventReader(arena: &arena)
    }()

    private static func wellFormed(
        _ glance: WholeEvent?, _ stretch: Slab<UInt8>
    ) -> WholeEvent? {
        guard let glance else { return nil }
        var header = EventHeader()
        let event = stretch.slice(glance.start, glance.end - glance.start)
        return reader.read(event, into: &header) == nil ? glance : nil
    }

    private static func judge(_ event: [UInt8]) {
        withStretch(event) { slab in
            var header = EventHeader()
            if reader.read(slab, into: &header) != nil { return }
            let name = uid(slab, header)
            let copies = [
                written(event.count * 6 + 64) {
                    EventRewriter.rewrite(slab, header, into: &$0)
                },
                header.needsRewrite
                    ? []
                    : written(event.count * 6 + 64) {
                        EventRewriter.copyWithoutMarti(slab, header, into: &$0)
                    },
            ]
            for copy in copies where !copy.isEmpty { judgeCopy(copy, name) }
        }
    }

    private static func judgeCopy(_ copy: [UInt8], _ name: [UInt8]) {
        let end = Array("</event>".utf8)
        let first = firstIndex(of: end, in: copy[...], from: 0)
        invariant(first == copy.count - end.count, "a copy ends at its only end tag")
        withStretch(copy) { slab in
            var header = EventHeader()
            invariant(reader.read(slab, into: &header) == nil, "a copy is taken again")
            invariant(!header.needsRewrite, "a copy need not be mended")
            // The list of deliveries holds four; what is beyond stays in.
            invariant(uid(slab, header) == name, "a copy has the uid of its event")
        }
    }

    private static func uid(_ event: Slab<UInt8>, _ header: EventHeader) -> [UInt8] {
        written(event.count + 8) { AttributeValue.append(event, header.uid, to: &$0) }
    }
}
