// Understands one header line of a part: Content-Disposition, Content-Type and
// Content-Transfer-Encoding (RFC 7578 sections 4.2, 4.4, 4.7); all others are passed over.
// Called by the splitter with a whole line in memory that it may change, for values are unescaped
// where they lie. It keeps nothing of the line but copies in the fixed fields of the part.

extension MultipartPart {
    /// - Returns: what is wrong with the line, or nil.
    mutating func read(_ line: Slab<UInt8>) -> MultipartRefusal? {
        var colon = 0
        while colon < line.count, line[colon] != UInt8(ascii: ":") {
            // A folded line begins with a blank; a blank before the colon is not allowed either.
            if line[colon] <= 0x20 || line[colon] >= 0x7F { return .badHeader }
            colon += 1
        }
        if colon == 0 || colon == line.count { return .badHeader }
        let name = 0..<colon
        let value = MultipartPart.trimmed(line, from: colon + 1)
        if FieldParameters.isName(line, name, "content-disposition") {
            return readDisposition(value)
        }
        if FieldParameters.isName(line, name, "content-type") {
            contentType.set(value)
            return nil
        }
        if FieldParameters.isName(line, name, "content-transfer-encoding") {
            let all = 0..<value.count
            let isPlain =
                FieldParameters.isName(value, all, "binary")
                || FieldParameters.isName(value, all, "8bit")
                || FieldParameters.isName(value, all, "7bit")
            return isPlain ? nil : .encodedContent
        }
        return nil
    }

    private mutating func readDisposition(_ value: Slab<UInt8>) -> MultipartRefusal? {
        if hasDisposition { return .noName }
        var walk = FieldParameters(value)
        guard let kind = walk.leadingValue(),
            FieldParameters.isName(value, kind, "form-data")
        else { return .noName }
        // Each turn passes a parameter.
        while true {
            switch walk.next() {
            case .end: return hasDisposition ? nil : .noName
            case .malformed: return .badHeader
            case .parameter(let parameter, let range, let isQuoted):
                let isPartName = FieldParameters.isName(value, parameter, "name")
                let isFileName = FieldParameters.isName(value, parameter, "filename")
                if !isPartName && !isFileName { continue }
                // Two names would let two readers see two different parts.
                if isPartName ? hasDisposition : hasFileName { return .badHeader }
                let text =
                    isQuoted
                    ? FieldParameters.unescape(value, range)
                    : value.slice(range.lowerBound, range.count)
                if isPartName {
                    name.set(text)
                    hasDisposition = true
                } else {
                    fileName.set(text)
                    hasFileName = true
                }
            }
        }
    }

    private static func trimmed(_ line: Slab<UInt8>, from start: Int) -> Slab<UInt8> {
        var first = start
        var end = line.count
        while first < end, line[first] == 0x20 || line[first] == 0x09 { first += 1 }
        while end > first, line[end - 1] == 0x20 || line[end - 1] == 0x09 { end -= 1 }
        return line.slice(first, end - first)
    }
}
