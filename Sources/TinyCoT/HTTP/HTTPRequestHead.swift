// What TinyCoT needs to know of a request's head, as ranges into the head's own bytes. Filled by
// `HTTPHeadParser`; read by the routes and by `HTTPBodyReader`. Nothing is copied or decoded.
// Invariant of a complete head: at most one of `contentLength` and `isChunked` says that a body
// follows, and every range lies inside the bytes that the parser consumed.

public enum HTTPRequestMethod: UInt8, Sendable, BitwiseCopyable {
    case get, head, post, put, delete, options
    /// PATCH or TRACE: methods of the standard that nothing here has; the answer is 405.
    /// Methods beyond those are refused by the parser with 501.
    case other
}

/// The head of one request. Ranges are from the start of the connection's head buffer; no field
/// value has white space around it.
public struct HTTPRequestHead: BitwiseCopyable {
    public internal(set) var method = HTTPRequestMethod.other
    public internal(set) var isVersion11 = false
    /// The raw path. Empty stands for `/`, which an absolute target may leave out. `*` only with
    /// OPTIONS.
    public internal(set) var path = ByteRange()
    /// What follows the first `?`, raw. Absent if there is none; empty if nothing follows it.
    public internal(set) var query = ByteRange()
    /// Host and port as received: letters, digits and `-._~:`, or an address in brackets. Safe to
    /// be written into a URL. Of an absolute target, its own (RFC 9112 3.2.2). Absent only in 1.0.
    public internal(set) var host = ByteRange()
    public internal(set) var contentType = ByteRange()
    public internal(set) var range = ByteRange()
    /// Without it being answered, `range` must not be honoured (RFC 9110 13.1.5).
    public internal(set) var ifRange = ByteRange()
    /// The first one, if there are several lines; missing a tag only costs a download.
    public internal(set) var ifNoneMatch = ByteRange()
    // Of several lines the last: that is the one the nearest proxy added. Not to be believed
    // unless the peer is a proxy that the operator named.
    public internal(set) var forwardedFor = ByteRange()
    public internal(set) var forwardedHost = ByteRange()
    public internal(set) var forwardedProto = ByteRange()
    /// Bytes of the body, if the head gives their number.
    public internal(set) var contentLength: UInt64?
    public internal(set) var isChunked = false
    /// The client waits for `100 Continue` or a refusal before it sends the body.
    public internal(set) var expectsContinue = false
    /// The connection may carry another request after this one.
    public internal(set) var keepAlive = false

    public init() {}

    public var hasBody: Bool { isChunked || (contentLength ?? 0) > 0 }
}
