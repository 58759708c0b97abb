// Why an inbound event (or stretch of bytes) was not relayed. Every refusal is counted under
// exactly one of these, per client and in total.

/// The reasons, in the order in which they are shown.
public enum Refusal: UInt8, Sendable, BitwiseCopyable {
    // Found by the framer.
    case junk, tooLarge, unterminated, brokenMarkup, nestedEvent, doctype, xmlVersion
    // Found by the reader.
    case controlCharacter, invalidUTF8, badReference, duplicateAttribute, tooManyAttributes
    case tooDeep, mismatchedTag, reservedInstruction
    case missingUID, missingType, missingPoint, badPoint
    // Found by the relay.
    case noReceiveBlock, rewriteTooLarge

    public static var count: Int { Int(Refusal.rewriteTooLarge.rawValue) + 1 }

    /// The name in `status --json` and in metrics.
    public var name: StaticString {
        switch self {
        case .junk: "junk"
        case .tooLarge: "too_large"
        case .unterminated: "unterminated"
        case .brokenMarkup: "broken_markup"
        case .nestedEvent: "nested_event"
        case .doctype: "doctype"
        case .xmlVersion: "xml_version"
        case .controlCharacter: "control_character"
        case .invalidUTF8: "invalid_utf8"
        case .badReference: "bad_reference"
        case .duplicateAttribute: "duplicate_attribute"
        case .tooManyAttributes: "too_many_attributes"
        case .tooDeep: "too_deep"
        case .mismatchedTag: "mismatched_tag"
        case .reservedInstruction: "reserved_instruction"
        case .missingUID: "missing_uid"
        case .missingType: "missing_type"
        case .missingPoint: "missing_point"
        case .badPoint: "bad_point"
        case .noReceiveBlock: "no_receive_block"
        case .rewriteTooLarge: "rewrite_too_large"
        }
    }
}
