// What the multipart tests share: running the splitter over stretches that are gone afterwards, a
// naive reference that sees the whole body, and a generator of bodies with treacherous contents.

import Foundation
import Testing

@testable import TinyCoT

/// What was told of a body; contents in one piece.
enum MultipartTold: Equatable {
    case part(name: [UInt8], fileName: [UInt8]?, type: [UInt8])
    case content([UInt8])
    case partEnded, bodyEnded
    case refused(MultipartRefusal)
}

func text<let capacity: Int>(_ text: ShortText<capacity>) -> [UInt8] {
    (0..<Int(text.count)).map { text[$0] }
}

func boundary(_ contentType: String) -> MultipartBoundary? {
    withSlab(Array(contentType.utf8)) {
        if case .boundary(let found) = MultipartBoundary.read($0) { return found }
        return nil
    }
}

/// A splitter with memory of its own, which lies flush between guard bytes.
final class SplitBody {
    private static let guardBytes = 64
    private let memory: UnsafeMutablePointer<UInt8>
    private var splitter: MultipartSplitter
    private(set) var told: [MultipartTold] = []
    private(set) var contentBytes = 0

    init(_ boundary: MultipartBoundary) {
        let count = MultipartSplitter.memoryBytes + 2 * SplitBody.guardBytes
        memory = .allocate(capacity: count)
        memory.initialize(repeating: 0xA5, count: count)
        splitter = MultipartSplitter(
            boundary,
            memory: Slab(
                start: memory + SplitBody.guardBytes, count: MultipartSplitter.memoryBytes))
    }

    deinit {
        let above = MultipartSplitter.memoryBytes + SplitBody.guardBytes
        for i in 0..<SplitBody.guardBytes where memory[i] != 0xA5 || memory[above + i] != 0xA5 {
            Issue.record("the splitter wrote outside its memory")
        }
        memory.deallocate()
    }

    /// The stretch has memory of its own, is not changed, and is gone afterwards.
    func feed(_ stretch: ArraySlice<UInt8>) {
        let room = UnsafeMutablePointer<UInt8>.allocate(capacity: max(stretch.count, 1))
        defer { room.deallocate() }
        _ = UnsafeMutableBufferPointer(start: room, count: stretch.count)
            .initialize(from: stretch)
        let slab = Slab(start: room, count: stretch.count)
        var index = 0
        var steps = 0
        while true {
            steps += 1
            let step = splitter.next(slab, from: &index)
            if index > slab.count || steps > 4 * stretch.count + 4 {
                Issue.record("step \(steps) leaves the index at \(index) of \(slab.count)")
                break
            }
            if case .needMoreBytes = step { break }
            take(step)
            if case .refused = step { break }
        }
        if !stretch.elementsEqual(UnsafeBufferPointer(start: room, count: stretch.count)) {
            Issue.record("the received bytes were changed")
        }
    }

    private func take(_ step: MultipartStep) {
        switch step {
        case .needMoreBytes: break
        case .partBegan:
            let part = splitter.part
            told.append(
                .part(
                    name: text(part.name),
                    fileName: part.hasFileName ? text(part.fileName) : nil,
                    type: text(part.contentType)))
        case .content(let slab):
            if slab.count == 0 { Issue.record("an empty stretch of content") }
            contentBytes += slab.count
            if case .content(let before) = told.last {
                told[told.count - 1] = .content(before + array(slab))
            } else {
                told.append(.content(array(slab)))
            }
        case .partEnded: told.append(.partEnded)
        case .bodyEnded: told.append(.bodyEnded)
        case .refused(let reason):
            if told.last != .refused(reason) { told.append(.refused(reason)) }
        }
    }

    func finish() -> [MultipartTold] {
        if let reason = splitter.finish(), told.last != .refused(reason) {
            told.append(.refused(reason))
        }
        return told
    }
}

/// Feeds `body` cut at `cuts` (ascending).
func split(_ body: [UInt8], _ boundary: MultipartBoundary, cuts: [Int] = []) -> [MultipartTold] {
    let splitBody = SplitBody(boundary)
    var from = 0
    for cut in cuts + [body.count] {
        splitBody.feed(body[from..<cut])
        from = cut
    }
    return splitBody.finish()
}

/// RFC 2046 and 7578 read with the whole body in view, without any care for time or memory.
struct NaiveSplitter {
    private var told: [MultipartTold] = []
    private var rest: ArraySlice<UInt8>
    private let delimiter: [UInt8]
    private static let parameter = try? NSRegularExpression(
        pattern: "(?s)\\G[ \t]*(?:;[ \t]*)+"
            + "([^=; \t]+)=(?:\"((?:[^\"\\\\]|\\\\.)*)\"|([^; \t\"]+))(?=[ \t;]|\\z)")

    static func split(_ body: [UInt8], _ boundary: String) -> [MultipartTold] {
        var naive = NaiveSplitter(body, boundary)
        if let refusal = naive.run() { naive.told.append(.refused(refusal)) }
        return naive.told
    }

    private init(_ body: [UInt8], _ boundary: String) {
        delimiter = Array("\r\n--\(boundary)".utf8)
        // The first delimiter has no line end before it if it begins the body.
        rest = (Array("\r\n".utf8) + body)[...]
    }

    private mutating func run() -> MultipartRefusal? {
        guard upToDelimiter() != nil else { return .unfinished }
        var parts = 0
        while true {
            if rest.starts(with: Array("--".utf8)) {
                told.append(.bodyEnded)
                return nil
            }
            if rest.elementsEqual(Array("-".utf8)) { return .unfinished }
            while rest.first == 0x20 || rest.first == 0x09 { rest.removeFirst() }
            if rest.isEmpty || rest.elementsEqual([0x0D]) { return .unfinished }
            guard rest.starts(with: [0x0D, 0x0A]) else { return .badDelimiter }
            rest.removeFirst(2)
            if parts == 16 { return .tooManyParts }
            parts += 1
            if let refusal = headers() { return refusal }
            // An empty part: the line end of its empty line is the delimiter's.
            rest = ([0x0D, 0x0A] + rest)[...]
            guard let content = upToDelimiter(orEnd: true) else { return .unfinished }
            if content.count > 2 { told.append(.content(Array(content.dropFirst(2)))) }
            if rest.isEmpty && !endedByDelimiter { return .unfinished }
            told.append(.partEnded)
        }
    }

    private var endedByDelimiter = false

    /// What stands before the next delimiter, which is passed. At the end of a body without one,
    /// what can be told is what cannot become one.
    private mutating func upToDelimiter(orEnd: Bool = false) -> ArraySlice<UInt8>? {
        for at in rest.indices where rest[at] == 0x0D && rest[at...].starts(with: delimiter) {
            let before = rest[rest.startIndex..<at]
            rest = rest[(at + delimiter.count)...]
            endedByDelimiter = true
            return before
        }
        endedByDelimiter = false
        if !orEnd { return nil }
        var kept = rest
        for count in stride(from: min(delimiter.count, rest.count), to: 0, by: -1)
        where rest.suffix(count).elementsEqual(delimiter.prefix(count)) {
            kept = rest.dropLast(count)
            break
        }
        rest = []
        return kept
    }

    private mutating func headers() -> MultipartRefusal? {
        var name: [UInt8]?
        var fileName: [UInt8]?
        var type: [UInt8] = []
        var lines = 0
        while true {
            var line: [UInt8] = []
            while let byte = rest.first, byte != 0x0D {
                if byte < 0x20 && byte != 0x09 || byte == 0x7F { return .badHeader }
                if line.count == 1024 { return .headerTooLong }
                line.append(byte)
                rest.removeFirst()
            }
            if rest.count < 2 { return .unfinished }
            rest.removeFirst()
            if rest.removeFirst() != 0x0A { return .badHeader }
            if line.isEmpty { break }
            lines += 1
            if lines > 16 { return .tooManyHeaders }
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > 0,
                line[..<colon].allSatisfy({ $0 > 0x20 && $0 < 0x7F })
            else { return .badHeader }
            let key = String(decoding: line[..<colon], as: UTF8.self).lowercased()
            let value = trimmed(line[(colon + 1)...])
            switch key {
            case "content-type": type = Array(value)
            case "content-transfer-encoding":
                let encoding = String(decoding: value, as: UTF8.self).lowercased()
                if !["binary", "8bit", "7bit"].contains(encoding) { return .encodedContent }
            case "content-disposition":
                if name != nil { return .noName }
                if let refusal = disposition(value, &name, &fileName) { return refusal }
            default: break
            }
        }
        guard let name else { return .noName }
        told.append(.part(name: name, fileName: fileName, type: type))
        return nil
    }

    private func trimmed(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var bytes = bytes
        while bytes.first == 0x20 || bytes.first == 0x09 { bytes.removeFirst() }
        while bytes.last == 0x20 || bytes.last == 0x09 { bytes.removeLast() }
        return bytes
    }

    private func disposition(
        _ value: ArraySlice<UInt8>, _ name: inout [UInt8]?, _ fileName: inout [UInt8]?
    ) -> MultipartRefusal? {
        let all = value.map { String(UnicodeScalar($0)) }.joined()
        let units = Array(all.utf16)
        let kind = value.prefix { $0 != UInt8(ascii: ";") && $0 != 0x20 && $0 != 0x09 }
        guard String(decoding: kind, as: UTF8.self).lowercased() == "form-data" else {
            return .noName
        }
        var at = kind.count
        while let match = NaiveSplitter.parameter?.firstMatch(
            in: all, range: NSRange(location: at, length: units.count - at))
        {
            at = NSMaxRange(match.range)
            func bytes(_ group: Int) -> [UInt8]? {
                let range = match.range(at: group)
                if range.location == NSNotFound { return nil }
                return units[range.location..<NSMaxRange(range)].map { UInt8($0) }
            }
            let key = String(decoding: bytes(1) ?? [], as: UTF8.self).lowercased()
            let found = bytes(2).map(unescaped) ?? bytes(3)
            if key == "name" {
                if name != nil { return .badHeader }
                name = found.map { cut($0, 80) }
            } else if key == "filename" {
                if fileName != nil { return .badHeader }
                fileName = found.map { cut($0, 255) }
            }
        }
        let isOver = units[at...].allSatisfy { $0 == 0x20 || $0 == 0x09 || $0 == 0x3B }
        return isOver ? (name == nil ? .noName : nil) : .badHeader
    }

    private func unescaped(_ bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var isEscape = false
        for byte in bytes {
            if !isEscape && byte == UInt8(ascii: "\\") {
                isEscape = true
            } else {
                result.append(byte)
                isEscape = false
            }
        }
        return result
    }

    /// Fixed fields cut, but never inside a UTF-8 sequence.
    private func cut(_ bytes: [UInt8], _ capacity: Int) -> [UInt8] {
        if bytes.count <= capacity { return bytes }
        var count = capacity
        while count > 0, bytes[count] & 0xC0 == 0x80 { count -= 1 }
        return Array(bytes[..<count])
    }
}

/// Well-formed bodies whose contents are full of beginnings of their boundary.
struct MultipartGenerator {
    var random: SeededGenerator

    struct Body {
        var boundary: String
        var bytes: [UInt8]
        var told: [MultipartTold]
    }

    mutating func body() -> Body {
        let boundary = someBoundary()
        var body = Body(boundary: boundary, bytes: [], told: [])
        if random.below(4) == 0 { body.bytes += Array("preamble\r\n".utf8) }
        for _ in 0..<(1 + random.below(4)) {
            body.bytes += Array("--\(boundary)\(blanks())\r\n".utf8)
            addPart(&body)
        }
        body.bytes += Array("--\(boundary)--".utf8)
        if random.below(3) > 0 {
            body.bytes += Array("\(blanks())\r\n".utf8)
            if random.below(4) == 0 {
                body.bytes += Array("epilogue\r\n--\(boundary)\r\n".utf8)
            }
        }
        body.told.append(.bodyEnded)
        return body
    }

    private mutating func blanks() -> String { random.below(5) == 0 ? " \t" : "" }

    private mutating func someBoundary() -> String {
        if random.below(3) == 0 { return "------------------------0123456789abcdef" }
        let letters = Array("-aB09'()+_,./:=?")
        let length = random.below(4) == 0 ? 70 : 1 + random.below(12)
        return String((0..<length).map { _ in letters[random.below(letters.count)] })
    }

    private mutating func addPart(_ body: inout Body) {
        let name = random.below(2) == 0 ? "assetfile" : someName()
        var disposition = "form-data; name=\"\(escaped(name))\""
        var fileName: String?
        if random.below(3) > 0 {
            let made = someName()
            fileName = made
            disposition += "; filename=\"\(escaped(made))\""
        }
        var lines = ["Content-Disposition: \(disposition)"]
        var type = ""
        if random.below(2) == 0 {
            type = "application/x-zip-compressed"
            lines.append("content-TYPE:\(random.below(2) == 0 ? " " : "")\(type)")
        }
        if random.below(4) == 0 { lines.append("X-Other: \(someName())") }
        if random.below(2) == 0 { lines.reverse() }
        for line in lines { body.bytes += Array("\(line)\r\n".utf8) }
        let content = someContent(body.boundary)
        body.bytes += Array("\r\n".utf8) + content + Array("\r\n".utf8)
        body.told.append(
            .part(
                name: Array(name.utf8), fileName: fileName.map { Array($0.utf8) },
                type: Array(type.utf8)))
        if !content.isEmpty { body.told.append(.content(content)) }
        body.told.append(.partEnded)
    }

    private mutating func someName() -> String {
        let letters = Array("abc XYZ.019;=%\"\\,'")
        let middle = (0..<random.below(20)).map { _ in letters[random.below(letters.count)] }
        return "n" + String(middle) + ".zip"
    }

    private func escaped(_ name: String) -> String {
        name.replacingOccurrences(of: "\\", with: "\\\\")
            .replacingOccurrences(of: "\"", with: "\\\"")
    }

    private mutating func someContent(_ boundary: String) -> [UInt8] {
        let delimiter = Array("\r\n--\(boundary)".utf8)
        let forbidden = Array(delimiter.dropFirst(2))
        while true {
            var content: [UInt8] = []
            for _ in 0..<random.below(16) {
                switch random.below(6) {
                case 0: content += delimiter.prefix(random.below(delimiter.count))
                case 1: content += [0x0D, 0x0A]
                case 2: content.append([0x0D, 0x0A, 0x2D][random.below(3)])
                case 3: content += (0..<random.below(40)).map { _ in UInt8(random.below(256)) }
                default: content.append(UInt8(random.below(256)))
                }
            }
            let whole = content + [0x0D, 0x0A]
            let hits = whole.indices.contains { whole[$0...].starts(with: forbidden) }
            if !hits { return content }
        }
    }
}
