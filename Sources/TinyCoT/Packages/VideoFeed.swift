// One feed of the video list (protocol 8.7) as it lies in the posted document, and why such a
// document is not taken. Filled by `VideoFeedReader`, written out by `VideoFeedWriter`, kept by
// the store loop under its `uid`. Nothing is decoded or copied but the uid.
// Invariant: each range lies inside the document and begins and ends between its tags.

/// Why the posted document is refused as a whole. The answer is 400, or 413 for `.tooLarge`.
public enum VideoRefusal: UInt8, Error, Sendable, BitwiseCopyable {
    case tooLarge, wrongRoot, unfinished, malformed, textOutside
    case doctype, instruction, badDeclaration
    case characters, reference, attribute, tag, tooDeep
    case elementInValue, repeatedValue, missingUID, longUID, feedTooLarge

    public static var count: Int { Int(VideoRefusal.feedTooLarge.rawValue) + 1 }

    /// A sentence for the log and for the short body of the answer.
    public var sentence: StaticString {
        switch self {
        case .tooLarge: "The video list is longer than 16384 bytes."
        case .wrongRoot: "The root of a video list is videoConnections, not another element."
        case .unfinished: "The video list ends before its last end tag."
        case .malformed: "The video list is not well-formed XML."
        case .textOutside: "The video list has something outside of its root element."
        case .doctype: "The video list has a document type; it must go without one."
        case .instruction: "The video list has a processing instruction; it must go without."
        case .badDeclaration: "The XML declaration of the video list is not one of XML 1.0."
        case .characters: "The video list has bytes that are not UTF-8 or not legal in XML."
        case .reference: "The video list has a reference that XML itself does not define."
        case .attribute: "An element of the video list has an attribute twice, or more than 16."
        case .tag: "An end tag of the video list does not belong to the element that is open."
        case .tooDeep: "The video list is nested deeper than 16 elements."
        case .elementInValue: "A value of a video feed has an element in it."
        case .repeatedValue: "A video feed has two different values of one name."
        case .missingUID: "A video feed has no uid."
        case .longUID: "The uid of a video feed is longer than 80 bytes."
        case .feedTooLarge: "A video feed is longer than 4096 bytes."
        }
    }

    init(_ refusal: Refusal) {
        switch refusal {
        case .unterminated: self = .unfinished
        case .doctype: self = .doctype
        case .controlCharacter, .invalidUTF8: self = .characters
        case .badReference: self = .reference
        default: self = .malformed
        }
    }
}

/// The children of a feed, in the order in which they are written.
enum VideoChild: UInt8, BitwiseCopyable {
    case uid, uuid, active, alias, address, port, roverPort, ignoreEmbeddedKLV
    case preferredMacAddress, preferredInterfaceAddress, path, proto, timeout, buffer
    case rtspReliable, thumbnail, classification, latitude, longitude, fov, heading, range

    static var count: Int { 22 }

    /// What may stand in it. Clients turn numbers and truth values into such, and one of them
    /// gives up on the whole list when that fails; so whatever else was sent is not passed on.
    enum Kind: UInt8, BitwiseCopyable { case text, truth, integer, decimal }

    var kind: Kind {
        switch self {
        case .active, .ignoreEmbeddedKLV: .truth
        case .port, .roverPort, .timeout, .buffer, .rtspReliable: .integer
        case .latitude, .longitude, .fov, .heading, .range: .decimal
        default: .text
        }
    }

    /// Written where nothing was sent.
    var substitute: StaticString {
        switch self {
        case .active: "true"
        case .roverPort: "-1"
        case .ignoreEmbeddedKLV: "false"
        case .timeout: "5000"
        default: ""
        }
    }

    var name: StaticString {
        switch self {
        case .uid: "uid"
        case .uuid: "uuid"
        case .active: "active"
        case .alias: "alias"
        case .address: "address"
        case .port: "port"
        case .roverPort: "roverPort"
        case .ignoreEmbeddedKLV: "ignoreEmbeddedKLV"
        case .preferredMacAddress: "preferredMacAddress"
        case .preferredInterfaceAddress: "preferredInterfaceAddress"
        case .path: "path"
        case .proto: "protocol"
        case .timeout: "timeout"
        case .buffer: "buffer"
        case .rtspReliable: "rtspReliable"
        case .thumbnail: "thumbnail"
        case .classification: "classification"
        case .latitude: "latitude"
        case .longitude: "longitude"
        case .fov: "fov"
        case .heading: "heading"
        case .range: "range"
        }
    }

    /// The child of that name, or nil.
    static func named(_ name: Slab<UInt8>) -> VideoChild? {
        var number: UInt8 = 0
        while let child = VideoChild(rawValue: number) {
            if name.equals(child.name) { return child }
            number += 1
        }
        return nil
    }
}

/// One feed, as ranges of its document.
public struct VideoFeed: BitwiseCopyable {
    /// Written out, it is not longer.
    public static var bytesMax: Int { 4096 }

    /// By which it is known: a later feed of the same uid takes its place. Never empty.
    public internal(set) var uid = NameText()
    /// What stands between the tags of each child; absent where there is no such child.
    private var contents: InlineArray<22, ByteRange> = .init(repeating: ByteRange())

    public init() {}

    subscript(child: VideoChild) -> ByteRange {
        get { contents[Int(child.rawValue)] }
        set { contents[Int(child.rawValue)] = newValue }
    }
}
