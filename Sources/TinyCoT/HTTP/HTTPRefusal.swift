// Why a request is not served, as far as its bytes alone decide. Found by the head parser and the
// body reader; the edge answers with `status`, closes the connection and counts the reason.
// After a refusal nothing more of the connection is read: where the next request begins is unsure.

public enum HTTPRefusal: UInt8, Error, Sendable, BitwiseCopyable {
    // Found in any line.
    case controlCharacter, bareCarriageReturn, bareLineFeed
    // Found in the request line.
    case requestLineTooLong, brokenRequestLine, badTarget, badVersion
    case unknownMethod, unsupportedVersion
    // Found in the fields of the head.
    case headTooLarge, tooManyFields, brokenField, foldedField, repeatedField
    case missingHost, badHost
    case badContentLength, lengthAndCoding, codingInOldVersion, unknownCoding
    case unknownExpectation
    // Found in the body.
    case badChunkSize, chunkLineTooLong, badChunkExtension, badChunkEnd
    case trailersTooLarge, brokenTrailer, framingInTrailer

    public static var count: Int { Int(HTTPRefusal.framingInTrailer.rawValue) + 1 }

    public var status: HTTPStatus {
        switch self {
        case .requestLineTooLong: .uriTooLong
        case .headTooLarge, .tooManyFields, .trailersTooLarge: .requestHeaderFieldsTooLarge
        case .unknownMethod, .unknownCoding: .notImplemented
        case .unsupportedVersion: .httpVersionNotSupported
        case .unknownExpectation: .expectationFailed
        default: .badRequest
        }
    }

    /// One sentence for the body of the answer and for the log.
    public var sentence: StaticString {
        switch self {
        case .controlCharacter: "The request has a control character in a line."
        case .bareCarriageReturn: "The request has a CR without an LF behind it."
        case .bareLineFeed: "The request has an LF without a CR in front of it."
        case .requestLineTooLong: "The request line is too long."
        case .brokenRequestLine: "The request line is not method, target and version."
        case .badTarget: "The target is neither a path nor an http address."
        case .badVersion: "The request line does not end in HTTP/1.1 or HTTP/1.0."
        case .unknownMethod: "The method is not known here."
        case .unsupportedVersion: "The version of HTTP is neither 1.0 nor 1.1."
        case .headTooLarge: "The header fields are too long."
        case .tooManyFields: "There are too many header fields."
        case .brokenField: "A header field is not a name, a colon and a value."
        case .foldedField: "A header field goes on in a second line."
        case .repeatedField: "A header field that may be given once is given twice."
        case .missingHost: "HTTP/1.1 demands a Host field."
        case .badHost: "The Host is not a name or address with an optional port."
        case .badContentLength: "Content-Length is not a number of bytes."
        case .lengthAndCoding: "Content-Length and Transfer-Encoding exclude each other."
        case .codingInOldVersion: "HTTP/1.0 has no Transfer-Encoding."
        case .unknownCoding: "Transfer-Encoding is not exactly chunked."
        case .unknownExpectation: "The only expectation met here is 100-continue."
        case .badChunkSize: "The size of a chunk is not a hexadecimal number of 64 bits."
        case .chunkLineTooLong: "The chunk extensions are too long."
        case .badChunkExtension: "A chunk extension is not a name with an optional value."
        case .badChunkEnd: "A chunk is not as long as it says."
        case .trailersTooLarge: "The trailer fields are too long."
        case .brokenTrailer: "A trailer field is not a name, a colon and a value."
        case .framingInTrailer:
            "A trailer field would change where the request or connection ends."
        }
    }
}
