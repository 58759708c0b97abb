// One file of a backup: what it is, how long, and its SHA-256. Written and read by the manifest;
// made and checked by the commands `backup` and `restore`. There are three kinds of names, all of
// them made here from numbers: no text of a manifest ever becomes a path.

public struct BackupFile: BitwiseCopyable, Equatable, Sendable {
    public enum Kind: BitwiseCopyable, Equatable, Sendable {
        case catalogue
        /// One generation of the state, by the number in its name.
        case state(Int)
        /// Named by its hash.
        case package
    }

    public var kind: Kind
    public var sizeBytes: Int64
    public var digest: SHA256Digest

    public init(_ kind: Kind, sizeBytes: Int64, digest: SHA256Digest) {
        self.kind = kind
        self.sizeBytes = sizeBytes
        self.digest = digest
    }

    /// Room for the longest name: `packages/`, 64 digits and `.zip`.
    public static var nameBytes: Int { 80 }
    public static var stateNumberMax: Int { 99 }

    /// From the folder of the backup on, as the manifest spells it; the same as below the state
    /// folder.
    public func appendName(to writer: inout ByteWriter) {
        switch kind {
        case .catalogue: writer.append("catalogue.db")
        case .state(let number): BackupFile.appendStateName(number, to: &writer)
        case .package:
            writer.append("packages/")
            digest.append(to: &writer)
            writer.append(".zip")
        }
    }

    public static func appendStateName(_ number: Int, to writer: inout ByteWriter) {
        writer.append("state.")
        writer.append(decimal: number)
        writer.append(".json")
    }

    /// The number in `state.7.json`.
    /// - Returns: nil for every other name: what is broken, newer or unfinished has another end.
    public static func stateNumber(_ name: Slab<UInt8>) -> Int? {
        let digits = name.count - 11
        if digits < 1 || digits > 2 { return nil }
        if !name.slice(0, 6).equals("state.") || !name.slice(6 + digits, 5).equals(".json") {
            return nil
        }
        // One number has one name.
        if name[6] == UInt8(ascii: "0") { return nil }
        var number = 0
        var i = 6
        while i < 6 + digits {
            if name[i] < UInt8(ascii: "0") || name[i] > UInt8(ascii: "9") { return nil }
            number = number * 10 + Int(name[i] - UInt8(ascii: "0"))
            i += 1
        }
        return number
    }

    /// What a name says, for a file of this hash; nil if it is none of ours.
    static func kind(_ name: Slab<UInt8>, _ digest: SHA256Digest) -> Kind? {
        if name.equals("catalogue.db") { return .catalogue }
        if let number = stateNumber(name) { return .state(number) }
        if name.count != 9 + SHA256Digest.digitCount + 4 { return nil }
        let isPackage =
            name.slice(0, 9).equals("packages/")
            && name.slice(9 + SHA256Digest.digitCount, 4).equals(".zip")
        guard isPackage, let named = SHA256Digest(hex: name.slice(9, SHA256Digest.digitCount))
        else { return nil }
        return named == digest ? .package : nil
    }
}
