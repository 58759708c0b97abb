// What stands in the address of a request: query, percent signs, paths and routes; and the name of
// a download, which came in that way. Must hold: a query is what it is when it is split at & and =;
// text is decoded once; a path means the same however it is escaped; no name gets out of its
// header line.

enum FuzzURL {
    static func run(_ input: FuzzInput) {
        withStretch(input.all) { text in
            checkQuery(text, input.all)
            checkDecoding(text, input.all)
            checkPath(text, input.all)
            checkName(text)
        }
    }

    private static func checkQuery(_ text: Slab<UInt8>, _ bytes: [UInt8]) {
        let pieces = bytes.split(separator: UInt8(ascii: "&")).prefix(QueryString.maxParameters)
        var walk = QueryString(text)
        for piece in pieces {
            guard let parameter = walk.next() else {
                invariantBroken("every piece is a parameter")
            }
            let name = piece.prefix { $0 != UInt8(ascii: "=") }
            let value = piece.dropFirst(name.count + 1)
            invariant(array(parameter.name).elementsEqual(name), "a name ends at the first =")
            invariant(array(parameter.value).elementsEqual(value), "a value follows the first =")
            let decoded = decode(name, plusIsBlank: true)?.map { HTTPCharacters.lowered($0) }
            let isHash = decoded == Array("hash".utf8)
            invariant(parameter.isNamed("hash") == isHash, "a name is compared decoded")
            if let number = parameter.number {
                invariant(
                    UInt64(String(decoding: value, as: UTF8.self)) == number, "digits are a number")
            }
        }
        invariant(walk.next() == nil, "nothing follows the last piece")
    }

    /// The same as `PercentText.decode`, control characters included.
    private static func decode(_ text: ArraySlice<UInt8>, plusIsBlank: Bool) -> [UInt8]? {
        var result: [UInt8] = []
        var rest = text
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%") {
                let digits = rest.prefix(2)
                let isHex = digits.allSatisfy { Character(UnicodeScalar($0)).isHexDigit }
                if digits.count < 2 || !isHex { return nil }
                result.append(UInt8(String(decoding: digits, as: UTF8.self), radix: 16) ?? 0)
                rest = rest.dropFirst(2)
            } else {
                result.append(plusIsBlank && byte == UInt8(ascii: "+") ? 0x20 : byte)
            }
        }
        return result
    }

    private static func checkDecoding(_ text: Slab<UInt8>, _ bytes: [UInt8]) {
        for plusIsBlank in [false, true] {
            var expected = decode(bytes[...], plusIsBlank: plusIsBlank)
            if expected?.contains(where: { $0 < 0x20 || $0 == 0x7F }) == true { expected = nil }
            for room in [bytes.count, 5] {
                withRoom(room) { slab in
                    var writer = ByteWriter(slab)
                    let isGood = PercentText.decode(text, plusIsBlank: plusIsBlank, into: &writer)
                    let isExpected = expected.map { $0.count <= room } ?? false
                    invariant(isGood == isExpected, "what can be decoded and fits is")
                    if isGood { invariant(array(writer.written) == expected, "decoded once") }
                }
            }
        }
    }

    private static func checkPath(_ text: Slab<UInt8>, _ bytes: [UInt8]) {
        let decoded = decode(bytes[...], plusIsBlank: false)
        invariant(PathText.isWellFormed(text) == (decoded != nil), "a path is well formed or not")
        let get = MartiRoutes.find(method: Slab("GET"), path: text)
        guard let decoded else {
            invariant(get == .malformed, "a malformed path is nothing else")
            return
        }
        let whole = written(bytes.count) { PathText.append(text, 0..<text.count, to: &$0) }
        invariant(whole == decoded, "a path is decoded once")
        // Every letter of it escaped: the same question.
        var escaped: [UInt8] = []
        for byte in bytes {
            if byte == UInt8(ascii: "/") || byte == UInt8(ascii: "%") {
                escaped.append(byte)
            } else if escaped.suffix(2).contains(UInt8(ascii: "%")) {
                // One of the two digits behind a percent sign.
                escaped.append(byte)
            } else {
                escaped += written(3) {
                    $0.append(UInt8(ascii: "%"))
                    $0.append(hex: UInt64(byte), digits: 2)
                }
            }
        }
        withStretch(escaped) { path in
            let other = MartiRoutes.find(method: Slab("GET"), path: path)
            invariant(kind(other) == kind(get), "an escaped letter is the same letter")
            let mine = parameter(get, text)
            invariant(parameter(other, path) == mine, "a parameter is the same escaped")
        }
        if case .found(_, let method) = MartiRoutes.find(method: Slab("BREW"), path: text) {
            invariant(method.isEmpty, "an unknown method is not allowed anywhere")
        }
    }

    /// The routing without the place of its parameter.
    private static func kind(_ routing: MartiRouting) -> MartiRouting {
        switch routing {
        case .found(.tool, let method): .found(.tool(hash: ByteRange()), method: method)
        case .found(.event, let method): .found(.event(uid: ByteRange()), method: method)
        default: routing
        }
    }

    /// The decoded parameter of a path.
    private static func parameter(_ routing: MartiRouting, _ path: Slab<UInt8>) -> [UInt8]? {
        guard case .found(let route, _) = routing else { return nil }
        let range: ByteRange
        switch route {
        case .tool(let hash): range = hash
        case .event(let uid): range = uid
        default: return nil
        }
        let isInside = !range.isEmpty && range.end <= path.count
        invariant(isInside, "a parameter lies inside its path")
        let raw = array(path.slice(Int(range.offset), Int(range.count)))
        invariant(!raw.contains(UInt8(ascii: "/")), "a parameter is one segment")
        return written(path.count) { PathText.append(path, Int(range.offset)..<range.end, to: &$0) }
    }

    private static func checkName(_ name: Slab<UInt8>) {
        let field = written(2048) { DownloadName(name).write(into: &$0) }
        let isLine = field.allSatisfy { $0 >= 0x20 && $0 < 0x7F }
        invariant(isLine, "the name of a download stays in its line and in ASCII")
        let quotes = field.filter { $0 == UInt8(ascii: "\"") }.count
        invariant(quotes == 2, "the name of a download stays in its quotes")
        invariant(!field.contains(UInt8(ascii: "/")), "the name of a download is no path")
        invariant(!field.contains(UInt8(ascii: "\\")), "the name of a download is no path")
        invariant(field.count < 700, "the name of a download is bounded")
    }
}
