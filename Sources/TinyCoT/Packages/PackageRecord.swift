// What is known of one stored data package (protocol 8.5), apart from its bytes. Made by an upload,
// kept by the catalogue, shown in lists. All texts are the network's: they are shown and compared,
// and never become part of a path. Invariant: `sizeBytes ≥ 0`, `number ≥ 0`.

/// One package as the list shows it. Texts longer than their field are cut.
public struct PackageRecord: BitwiseCopyable {
    /// Of the whole content. Clients fetch the package by it.
    public var digest: SHA256Digest
    /// The catalogue's number of the listing: `PrimaryKey`.
    public var number: Int64 = 0
    public var sizeBytes: Int64 = 0
    public var submittedAt = WallTime(milliseconds: 0)
    public var name = ShortText<255>()
    public var creatorUID = NameText()
    public var submissionUser = NameText()
    public var mimeType = NameText()
    /// `public` is listed for everybody, `private` was sent to contacts.
    public var tool = ShortText<32>()
    /// Separated by commas: `missionpackage`.
    public var keywords = ShortText<160>()

    public init(digest: SHA256Digest) { self.digest = digest }
}

/// One client as `clientEndPoints` and `contacts/all` show it (protocol 8.4, 8.9).
public struct ContactRecord: BitwiseCopyable {
    public var callsign = NameText()
    public var uid = NameText()
    public var team = NameText()
    public var role = NameText()
    /// What the `takv` element of its events says.
    public var takv = NameText()
    public var lastEventAt = WallTime(milliseconds: 0)
    public var isConnected = false

    public init() {}

    /// ATAK throws the whole list away when one element has no callsign or no uid (protocol 8.4).
    public var isListable: Bool { !callsign.isEmpty && !uid.isEmpty }
}
