// Answers in JSON from hostile texts, written as the input says, and read back by our own reader,
// which must find what was written. And the reader itself, over the input as it is: it must end,
// and what it takes it must take again after decoding.

enum FuzzJSON {
    static func run(_ input: FuzzInput) {
        readAnything(input.all)
        writeAndRead(input.all)
        writeList(input.all)
    }

    // MARK: Reading

    private static func readAnything(_ bytes: [UInt8]) {
        withStretch(bytes) { slab in
            var reader = JSONReader(slab)
            var line = 1
            do throws(ConfigError) {
                while try reader.next() != .end {
                    invariant(reader.tokenLine >= line, "tokens stand behind each other")
                    line = reader.tokenLine
                    if reader.token == .number { _ = reader.integer() }
                    if reader.token == .string || reader.token == .key {
                        let text = array(reader.text())
                        let isUTF8 = String(validating: text, as: UTF8.self) != nil
                        invariant(isUTF8, "a decoded text is UTF-8")
                        invariant(array(reader.text()) == text, "a text is decoded once")
                    }
                }
                invariant(reader.depth == 0, "a text ends outside of all brackets")
            } catch {
                invariant(error.line >= 1 && error.column >= 1, "a mistake has a place")
            }
        }
        withStretch(bytes) { slab in
            var reader = JSONReader(slab)
            do throws(ConfigError) {
                _ = try reader.next()
                try reader.skipValue()
            } catch {}
        }
    }

    // MARK: Writing

    enum Wrote: Equatable {
        case token(JSONReader.Token)
        case number(Int64)
        case text([UInt8])
    }

    /// Nothing here but bytes that say what comes next.
    private struct Script {
        var rest: ArraySlice<UInt8>
        mutating func byte() -> UInt8 { rest.popFirst() ?? 0 }
        mutating func text() -> [UInt8] {
            let count = min(Int(byte()), rest.count)
            defer { rest = rest.dropFirst(count) }
            return Array(rest.prefix(count))
        }
    }

    private static func writeAndRead(_ bytes: [UInt8]) {
        var script = Script(rest: bytes[...])
        var wrote: [Wrote] = []
        let json = written(bytes.count * 6 + 4096) { writer in
            var json = JSONWriter()
            var isObject: [Bool] = []
            repeat {
                let byte = script.byte()
                let mustEnd = script.rest.isEmpty || json.depth == JSONWriter.depthLimit
                if !isObject.isEmpty && (mustEnd || byte & 7 == 0) {
                    let object = isObject.removeLast()
                    if object { json.endObject(&writer) } else { json.endList(&writer) }
                    wrote.append(.token(object ? .objectEnd : .listEnd))
                    continue
                }
                if isObject.last == true {
                    json.key(byte & 8 == 0 ? "UID" : "Name", &writer)
                    wrote.append(.text(Array((byte & 8 == 0 ? "UID" : "Name").utf8)))
                }
                let mayNest = !script.rest.isEmpty && json.depth < JSONWriter.depthLimit
                if mayNest && byte & 7 < 3 {
                    let object = byte & 16 == 0
                    if object { json.beginObject(&writer) } else { json.beginList(&writer) }
                    isObject.append(object)
                    wrote.append(.token(object ? .objectStart : .listStart))
                } else {
                    writeValue(byte, &script, &json, &wrote, &writer)
                }
            } while !isObject.isEmpty
            invariant(json.isComplete, "all that was begun was ended")
        }
        compare(json, wrote)
    }

    private static func writeValue(
        _ byte: UInt8, _ script: inout Script, _ json: inout JSONWriter, _ wrote: inout [Wrote],
        _ writer: inout ByteWriter
    ) {
        switch byte >> 4 {
        case 0:
            json.null(&writer)
            wrote.append(.token(.null))
        case 1:
            json.boolean(byte & 8 == 0, &writer)
            wrote.append(.token(byte & 8 == 0 ? .yes : .no))
        case 2, 3:
            var number: Int64 = 0
            for _ in 0..<8 { number = number << 8 | Int64(script.byte()) }
            json.number(number, &writer)
            wrote.append(.number(number))
        case 4...8:
            var text = ShortText<80>()
            withStretch(script.text()) { text.set($0) }
            json.string(text, &writer)
            wrote.append(.text(array(text)))
        default:
            let text = script.text()
            withStretch(text) { json.string($0, &writer) }
            wrote.append(.text(text))
        }
    }

    private static func compare(_ json: [UInt8], _ wrote: [Wrote]) {
        withStretch(json) { slab in
            var reader = JSONReader(slab)
            do throws(ConfigError) {
                for expected in wrote {
                    let token = try reader.next()
                    switch expected {
                    case .token(let expected): invariant(token == expected, "tokens come back")
                    case .number(let number):
                        invariant(token == .number, "numbers come back as numbers")
                        invariant(reader.integer() == Int(number), "numbers come back")
                    case .text(let text):
                        invariant(token == .string || token == .key, "texts come back as texts")
                        let read = array(reader.text())
                        invariant(same(read, text), "texts come back as they were")
                    }
                }
                let last = try reader.next()
                invariant(last == .end, "nothing follows what was written")
            } catch {
                invariantBroken("our own reader takes what we write")
            }
        }
    }

    /// Equal but for how many U+FFFD stand for what is not UTF-8.
    private static func same(_ read: [UInt8], _ text: [UInt8]) -> Bool {
        if read == text { return true }
        func folded(_ bytes: [UInt8]) -> [Unicode.Scalar] {
            var scalars: [Unicode.Scalar] = []
            for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars
            where scalar != "\u{FFFD}" || scalars.last != "\u{FFFD}" {
                scalars.append(scalar)
            }
            return scalars
        }
        return String(validating: text, as: UTF8.self) == nil && folded(read) == folded(text)
    }

    // MARK: Lists

    /// The package list in pieces, as the store loop sends it.
    private static func writeList(_ bytes: [UInt8]) {
        var script = Script(rest: bytes[...])
        var all: [UInt8] = []
        var records: [PackageRecord] = []
        let digest = withRoom(SHA256Digest.byteCount) { SHA256Digest(bytes: $0) }
        while !script.rest.isEmpty && records.count < 8 {
            var record = PackageRecord(digest: digest)
            withStretch(script.text()) { record.name.set($0) }
            withStretch(script.text()) { record.keywords.set($0) }
            withStretch(script.text()) { record.creatorUID.set($0) }
            withStretch(script.text()) { record.mimeType.set($0) }
            records.append(record)
        }
        withRoom(MartiList.pieceBytesMin) { slab in
            var writer = ByteWriter(slab)
            var list = MartiList(.packages)
            func fit(_ write: (inout MartiList, inout ByteWriter) -> Bool) {
                if write(&list, &writer) { return }
                all += array(writer.written)
                writer.reset()
                invariant(write(&list, &writer), "an empty piece takes every element")
            }
            fit { $0.begin(&$1) }
            for record in records { fit { $0.add(record, &$1) } }
            fit { $0.end(MartiServer(version: "1"), &$1) }
            all += array(writer.written)
        }
        withStretch(all) { slab in
            var reader = JSONReader(slab)
            var count: Int?
            do throws(ConfigError) {
                var isCount = false
                while try reader.next() != .end {
                    if isCount { count = reader.integer() }
                    isCount = reader.token == .key && reader.text().equals("resultCount")
                }
            } catch {
                invariantBroken("our own reader takes the package list")
            }
            invariant(count == records.count, "a package list counts its packages")
        }
    }
}
