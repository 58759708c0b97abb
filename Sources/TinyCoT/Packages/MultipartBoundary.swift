// The boundary of a multipart body, read from the value of a Content-Type field (RFC 2046 section
// 5.1.1, RFC 7578 section 4.1). Called when the head of an upload has been read.
// Invariant: 1 to 70 characters of the RFC's set, and the last one is not a blank.

/// What stands between the parts, without its two hyphens.
public struct MultipartBoundary: BitwiseCopyable {
    public static var maxBytes: Int { 70 }

    public private(set) var count = 0
    private var bytes: InlineArray<70, UInt8> = .init(repeating: 0)

    /// What a Content-Type says.
    public enum Reading: BitwiseCopyable {
        case boundary(MultipartBoundary)
        /// The body is something else: the raw bytes of one package.
        case notMultipart
        /// It says multipart/form-data, but has no boundary, two of them, or a wrong one.
        case malformed
    }

    /// - Parameter contentType: the value of the field, without the line end.
    public static func read(_ contentType: Slab<UInt8>) -> Reading {
        var walk = FieldParameters(contentType)
        guard let type = walk.leadingValue() else { return .notMultipart }
        if !FieldParameters.isName(contentType, type, "multipart/form-data") {
            return .notMultipart
        }
        var found: MultipartBoundary?
        while true {
            switch walk.next() {
            case .parameter(let name, let value, let isQuoted):
                if !FieldParameters.isName(contentType, name, "boundary") { continue }
                if found != nil { return .malformed }
                guard let boundary = MultipartBoundary(contentType, value, isQuoted: isQuoted)
                else { return .malformed }
                found = boundary
            case .malformed: return .malformed
            case .end:
                guard let found else { return .malformed }
                return .boundary(found)
            }
        }
    }

    private init?(_ text: Slab<UInt8>, _ range: Range<Int>, isQuoted: Bool) {
        var i = range.lowerBound
        while i < range.upperBound {
            if isQuoted, text[i] == UInt8(ascii: "\\") { i += 1 }
            if count == MultipartBoundary.maxBytes || !MultipartBoundary.isAllowed(text[i]) {
                return nil
            }
            bytes[count] = text[i]
            count += 1
            i += 1
        }
        if count == 0 || bytes[count - 1] == UInt8(ascii: " ") { return nil }
    }

    @inline(__always)
    subscript(index: Int) -> UInt8 { bytes[index] }

    /// `bchars` of RFC 2046.
    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "a")...UInt8(ascii: "z"):
            return true
        default:
            let others: StaticString = "'()+_,-./:=? "
            var i = 0
            while i < others.utf8CodeUnitCount {
                if others.utf8Start[i] == byte { return true }
                i += 1
            }
            return false
        }
    }
}
