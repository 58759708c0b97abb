// The event that offers a package to phones: `b-f-t-r` with a `fileshare`, shaped like the one that
// ATAK sends to a contact (protocol 8.3). Made by the store loop when a public upload is announced.
// Names come from the network and are escaped; the address is checked where it is made.

public struct FileShareEvent: BitwiseCopyable {
    /// ATAK's own offers live for ten seconds; a phone that is busy gets a little longer.
    static var lifeMilliseconds: Int64 { 60_000 }

    let digest: SHA256Digest
    let sizeBytes: Int64
    let name: Slab<UInt8>
    let senderUID: Slab<UInt8>
    let senderCallsign: Slab<UInt8>
    let base: Slab<UInt8>
    let now: WallTime

    /// - Parameter base: `http://` and the host, without a slash at its end.
    public init(
        digest: SHA256Digest, sizeBytes: Int64, name: Slab<UInt8>, senderUID: Slab<UInt8>,
        senderCallsign: Slab<UInt8>, base: Slab<UInt8>, now: WallTime
    ) {
        self.digest = digest
        self.sizeBytes = sizeBytes
        self.name = name
        self.senderUID = senderUID
        self.senderCallsign = senderCallsign
        self.base = base
        self.now = now
    }

    /// Without a declaration. The uid is the package's, so that the same package announced twice
    /// is one offer.
    /// - Returns: false if the address is none or something did not fit.
    public func write(into writer: inout ByteWriter) -> Bool {
        writer.append("<event version=\"2.0\" uid=\"tinycot-package-")
        digest.append(to: &writer)
        writer.append("\" type=\"b-f-t-r\" how=\"h-e\" time=\"")
        CoTTime.write(now, into: &writer)
        writer.append("\" start=\"")
        CoTTime.write(now, into: &writer)
        writer.append("\" stale=\"")
        CoTTime.write(
            now.adding(milliseconds: FileShareEvent.lifeMilliseconds), into: &writer)
        writer.append("\"><point lat=\"0.0\" lon=\"0.0\" hae=\"9999999.0\" ce=\"9999999.0\"")
        writer.append(" le=\"9999999.0\"/><detail><fileshare filename=\"")
        writer.append(name, as: .xml)
        writer.append("\" senderUrl=\"")
        if !MartiAnswers.packageAddress(base: base, digest, &writer) { return false }
        writer.append("\" sizeInBytes=\"")
        writer.append(decimal: sizeBytes)
        writer.append("\" sha256=\"")
        digest.append(to: &writer)
        writer.append("\" senderUid=\"")
        writer.append(senderUID, as: .xml)
        writer.append("\" senderCallsign=\"")
        writer.append(senderCallsign, as: .xml)
        writer.append("\" name=\"")
        writer.append(name, as: .xml)
        writer.append("\"/></detail></event>")
        return !writer.overflowed
    }
}
