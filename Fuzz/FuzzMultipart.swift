// An upload: a Content-Type in the first line, then the body, cut anywhere. Must hold: every way
// of cutting tells the same parts and the same contents; and with all bytes in view, the contents
// are what stands between the delimiters.

enum FuzzMultipart {
    static func run(_ input: FuzzInput) {
        let lineEnd = input.bytes.firstIndex(of: 0x0A) ?? input.bytes.endIndex
        let reading = withStretch(input.bytes[input.bytes.startIndex..<lineEnd]) {
            MultipartBoundary.read($0)
        }
        guard case .boundary(let boundary) = reading else { return }
        let name = (0..<boundary.count).map { boundary[$0] }
        let isFit = !name.isEmpty && name.count <= 70 && name.last != 0x20
        invariant(isFit && !name.contains { $0 < 0x20 || $0 > 0x7E }, "a boundary is a boundary")
        let body = Array(input.bytes[min(lineEnd + 1, input.bytes.endIndex)...])
        let whole = Body(body, boundary, cuts: [])
        whole.judge(body, name)
        let chosen = input.cuts.map { $0 % (body.count + 1) }.sorted()
        let everywhere = body.count <= 768 ? Array(1..<max(1, body.count)) : []
        for cuts in [chosen, everywhere] {
            let cut = Body(body, boundary, cuts: cuts)
            invariant(cut == whole, "a body is split the same for every cut")
        }
    }

    struct Part: Equatable {
        var name: [UInt8]
        var fileName: [UInt8]
        var hasFileName: Bool
        var contentType: [UInt8]
        var content: [UInt8] = []
        var isWhole = false
    }

    struct Body: Equatable {
        private(set) var parts: [Part] = []
        private(set) var isEnded = false
        private(set) var refusal: MultipartRefusal?

        init(_ body: [UInt8], _ boundary: MultipartBoundary, cuts: [Int]) {
            self = withRoom(MultipartSplitter.memoryBytes) { memory in
                var splitter = MultipartSplitter(boundary, memory: memory)
                var told = Body()
                var from = 0
                for cut in cuts + [body.count] {
                    withStretch(body[from..<cut]) { told.feed($0, &splitter) }
                    from = cut
                }
                let last = splitter.finish()
                invariant(told.refusal == nil || told.refusal == last, "a refusal stays")
                invariant((last == nil) == told.isEnded, "only a whole body is not refused")
                told.refusal = last
                return told
            }
        }

        private init() {}

        private mutating func feed(_ stretch: Slab<UInt8>, _ splitter: inout MultipartSplitter) {
            let before = array(stretch)
            var index = 0
            var steps = 0
            while true {
                let start = index
                let step = splitter.next(stretch, from: &index)
                invariant(index >= start && index <= stretch.count, "the index goes forward")
                steps += 1
                invariant(steps <= 4 * stretch.count + 4, "a stretch is passed in few steps")
                if case .needMoreBytes = step { break }
                take(step, splitter.part)
                if refusal != nil { break }
            }
            invariant(refusal != nil || index == stretch.count, "a stretch is looked at to its end")
            invariant(array(stretch) == before, "the received bytes stay as they are")
        }

        private mutating func take(_ step: MultipartStep, _ part: MultipartPart) {
            switch step {
            case .needMoreBytes: break
            case .partBegan:
                invariant(!isEnded && parts.last?.isWhole != false, "a part begins behind another")
                parts.append(
                    Part(
                        name: array(part.name), fileName: array(part.fileName),
                        hasFileName: part.hasFileName, contentType: array(part.contentType)))
            case .content(let slab):
                invariant(slab.count > 0, "a stretch of content is not empty")
                invariant(parts.last?.isWhole == false, "content belongs to an open part")
                parts[parts.count - 1].content += array(slab)
            case .partEnded:
                invariant(parts.last?.isWhole == false, "a part ends once")
                parts[parts.count - 1].isWhole = true
            case .bodyEnded:
                invariant(!isEnded && parts.last?.isWhole != false, "a body ends behind its parts")
                isEnded = true
            case .refused(let reason): refusal = reason
            }
        }

        /// The same with all bytes in view. What the headers say is not looked at.
        func judge(_ body: [UInt8], _ boundary: [UInt8]) {
            let all = [0x0D, 0x0A] + body
            let delimiter = Array("\r\n--".utf8) + boundary
            var begin = firstIndex(of: delimiter, in: all[...], from: 0)
            for part in parts {
                guard let found = begin else { invariantBroken("a part has a delimiter") }
                // Up to the empty line behind the delimiter and the header.
                let header = found + delimiter.count
                let end = firstIndex(of: Array("\r\n\r\n".utf8), in: all[...], from: header)
                guard let empty = end else { invariantBroken("a part has an empty line") }
                let content = empty + 4
                begin = firstIndex(of: delimiter, in: all[...], from: content - 2)
                guard let next = begin else {
                    invariant(!part.isWhole, "without a delimiter no part ends")
                    let isBegin = all[content...].starts(with: part.content)
                    let missing = all.count - content - part.content.count
                    invariant(isBegin, "the content of an open part is what was sent")
                    invariant(missing < delimiter.count, "no more is held back than must be")
                    return
                }
                invariant(part.isWhole, "a part ends at its delimiter")
                let expected = all[content..<max(content, next)]
                invariant(part.content.elementsEqual(expected), "a part holds its content")
            }
            if !isEnded { return }
            guard let last = begin else { invariantBroken("a body that ended has a delimiter") }
            let mark = all[(last + delimiter.count)...].starts(with: Array("--".utf8))
            invariant(mark, "a body ends at its final delimiter")
        }
    }
}
