// A package as the catalogue keeps it: what is stored, what is read back. The texts are views: of
// the caller's memory on the way in, of the catalogue's on the way out.

import TinyCoT

/// The longest texts that the catalogue keeps, in bytes. A file name on a phone has at most 255, a
/// uid or callsign is far shorter, and the catalogue's row buffer holds one of each.
public enum PackageLimits {
    public static var nameBytes: Int { 255 }
    public static var creatorUidBytes: Int { 255 }
    public static var submissionUserBytes: Int { 255 }
    public static var mimeTypeBytes: Int { 127 }
    public static var toolBytes: Int { 31 }
    public static var keywordsBytes: Int { 255 }
    public static var teamBytes: Int { 40 }

    /// Room for all texts of one row.
    public static var rowBytes: Int {
        nameBytes + creatorUidBytes + submissionUserBytes + mimeTypeBytes + toolBytes
            + keywordsBytes + teamBytes
    }
}

/// What an upload tells the catalogue. All texts are bytes as they came, without a zero in them.
public struct NewPackage: BitwiseCopyable {
    public var hash: SHA256Digest
    /// Not empty.
    public var name: Slab<UInt8>
    /// Empty if the sender did not say who it is; then no other listing is replaced.
    public var creatorUid: Slab<UInt8>
    public var submissionUser: Slab<UInt8>
    public var mimeType: Slab<UInt8>
    /// `public` or `private`.
    public var tool: Slab<UInt8>
    public var keywords: Slab<UInt8>
    /// Empty if nobody knows the sender's team; then no other listing is replaced, either.
    public var team: Slab<UInt8>
    public var sizeBytes: Int64 = 0
    /// Wall clock, since 1970.
    public var submittedAtMilliseconds: Int64 = 0

    public init(hash: SHA256Digest, name: Slab<UInt8>) {
        self.hash = hash
        self.name = name
        creatorUid = Slab("")
        submissionUser = Slab("anonymous")
        mimeType = Slab("application/x-zip-compressed")
        tool = Slab("private")
        keywords = Slab("missionpackage")
        team = Slab("")
    }

    /// Are all texts such as the catalogue takes?
    var isSound: Bool {
        name.count > 0 && NewPackage.isText(name, PackageLimits.nameBytes)
            && NewPackage.isText(creatorUid, PackageLimits.creatorUidBytes)
            && NewPackage.isText(submissionUser, PackageLimits.submissionUserBytes)
            && NewPackage.isText(mimeType, PackageLimits.mimeTypeBytes)
            && NewPackage.isText(tool, PackageLimits.toolBytes)
            && NewPackage.isText(keywords, PackageLimits.keywordsBytes)
            && NewPackage.isText(team, PackageLimits.teamBytes)
            && sizeBytes >= 0
    }

    /// SQLite's comparisons end at a zero byte, so none is let in.
    static func isText(_ bytes: Slab<UInt8>, _ maxBytes: Int) -> Bool {
        if bytes.count > maxBytes { return false }
        var i = 0
        while i < bytes.count {
            if bytes[i] == 0 { return false }
            i += 1
        }
        return true
    }
}

/// A row of the catalogue. The texts are valid until the next call of the catalogue.
public struct PackageRow: BitwiseCopyable {
    /// Grows with every new package and is never given again; the order of lists.
    public let id: Int64
    public let hash: SHA256Digest
    public let sizeBytes: Int64
    public let submittedAtMilliseconds: Int64
    /// 0 if the package was never served.
    public let lastServedMilliseconds: Int64
    public let name: Slab<UInt8>
    public let creatorUid: Slab<UInt8>
    public let submissionUser: Slab<UInt8>
    public let mimeType: Slab<UInt8>
    public let tool: Slab<UInt8>
    public let keywords: Slab<UInt8>
    /// Empty: of no team.
    public let team: Slab<UInt8>
}
