// The bytes of uploads and their end: `missionupload`, which is multipart, and `sync/upload`,
// which is raw or multipart. What to do next is `PackageUpload`'s to say; here it is done, at
// once, in the one scratch buffer that the bytes were received into. The answer is given when the
// row is on the disk.

import CLinuxSys
import PackageStore
import TinyCoT

extension StoreLoop {
    private static var otherPartsBytesMax: Int64 { 1_048_576 }

    // MARK: The body

    /// - Returns: whether more of the body is wanted.
    mutating func uploadArrived(_ index: Int, _ bytes: Slab<UInt8>) -> Bool {
        let number = tables.connections[index].upload
        if tables.uploads[number].splitter == nil { return content(index, bytes) }
        tables.uploads.pointer(at: number).pointee.bodyBytes += Int64(bytes.count)
        if isMostlySomethingElse(tables.uploads[number], bytes.count) {
            _ = drive(index, .bodyMalformed, Slab(""))
            releaseUpload(index)
            answerError(
                index, .contentTooLarge, "The body holds too much beside the package.",
                closing: true)
            return false
        }
        var at = 0
        while true {
            let upload = tables.uploads.pointer(at: number)
            var splitter = upload.pointee.splitter.unsafelyUnwrapped
            let step = splitter.next(bytes, from: &at)
            upload.pointee.splitter = splitter
            switch step {
            case .needMoreBytes: return true
            case .partBegan: partBegan(upload, splitter.part)
            case .content(let stretch):
                if upload.pointee.isInContent && !content(index, stretch) { return false }
            case .partEnded:
                if upload.pointee.isInContent && !partEnded(index) { return false }
            case .bodyEnded: break
            case .refused(let refusal):
                counters.add(.badRequests)
                _ = drive(index, .bodyMalformed, Slab(""))
                releaseUpload(index)
                answerError(index, .badRequest, refusal.sentence, closing: true)
                return false
            }
        }
    }

    /// Other parts count towards no quota, and in chunks they would have no end.
    private func isMostlySomethingElse(_ upload: Upload, _ stretchBytes: Int) -> Bool {
        upload.bodyBytes - upload.machine.contentBytes - Int64(stretchBytes)
            > StoreLoop.otherPartsBytesMax
    }

    /// The package lies in the part `assetfile` (ATAK) or `resource`, or in the first with a file
    /// name (protocol 8.3: servers differ).
    private func partBegan(_ upload: UnsafeMutablePointer<Upload>, _ part: MultipartPart) {
        let isAsset =
            part.name.holdsOnly(Slab("assetfile")) || part.name.holdsOnly(Slab("resource"))
        upload.pointee.isInContent =
            !upload.pointee.hadContent && (isAsset || part.hasFileName)
        if !upload.pointee.isInContent { return }
        if upload.pointee.name.isEmpty { upload.pointee.name = part.fileName }
        if !part.contentType.isEmpty { upload.pointee.mimeType.set(part.contentType) }
    }

    private mutating func partEnded(_ index: Int) -> Bool {
        let upload = tables.uploads.pointer(at: tables.connections[index].upload)
        upload.pointee.isInContent = false
        upload.pointee.hadContent = true
        return goOn(index, drive(index, .partEnded, Slab("")))
    }

    private mutating func content(_ index: Int, _ bytes: Slab<UInt8>) -> Bool {
        let connection = tables.connections[index]
        counters.add(.bytesIn, UInt64(bytes.count))
        let count = Int64(bytes.count)
        var room =
            tables.uploads[connection.upload].isKnown ? roomOnDisk() : makeRoom(for: count)
        // Not a matter of room: nothing gives way for it.
        room = min(room, ledger.remaining(for: .packages, now: now))
        if !connection.isOperator {
            // Other uploads of the address may have used up what was left when this one began.
            let address = connection.peer.address
            room = min(room, quota.remaining(for: address, now: now))
            quota.take(bytes.count, from: address, now: now)
        }
        let fact = UploadFact.contentArrived(bytes: bytes.count, roomBytes: room)
        return goOn(index, drive(index, fact, bytes))
    }

    private mutating func goOn(_ index: Int, _ action: UploadAction) -> Bool {
        if action == .readMore { return true }
        finish(index, action)
        return false
    }

    mutating func uploadEnded(_ index: Int) {
        let upload = tables.uploads.pointer(at: tables.connections[index].upload)
        if var splitter = upload.pointee.splitter {
            if let refusal = splitter.finish() {
                counters.add(.badRequests)
                _ = drive(index, .bodyMalformed, Slab(""))
                releaseUpload(index)
                return answerError(index, .badRequest, refusal.sentence)
            }
        } else {
            let action = drive(index, .partEnded, Slab(""))
            if action != .readMore { return finish(index, action) }
        }
        finish(index, drive(index, .bodyEnded, Slab("")))
    }

    /// The client went away, or is to go.
    mutating func uploaderVanished(_ index: Int) {
        counters.add(.uploadsCutOff)
        _ = drive(index, .clientVanished, Slab(""))
        releaseUpload(index)
    }

    // MARK: The end

    mutating func finish(_ index: Int, _ action: UploadAction) {
        guard case .answer(let outcome) = action else {
            invariantBroken("an upload whose client is there ends in an answer")
        }
        let number = tables.connections[index].upload
        let upload = tables.uploads[number]
        releaseUpload(index)
        if outcome == .stored { return answerStored(index, upload) }
        counters.add(.uploadsRefused)
        let status = HTTPStatus(rawValue: outcome.rawValue) ?? .internalServerError
        answerError(index, status, outcome.sentence(of: upload.machine))
    }

    func releaseUpload(_ index: Int) {
        let place = tables.connections.pointer(at: index)
        invariant(
            tables.uploads[place.pointee.upload].machine.isFinished, "an upload has ended")
        tables.uploads.pointer(at: place.pointee.upload).pointee.isUsed = false
        place.pointee.upload = -1
    }

    private mutating func answerStored(_ index: Int, _ upload: Upload) {
        guard let digest = upload.machine.digest else {
            invariantBroken("a stored package has a digest")
        }
        logStored(upload, digest, tables.connections[index].peer)
        if upload.becamePublic { announce(digest, for: index) }
        if tables.connections[index].route == .missionUpload {
            return answerAddress(index, digest)
        }
        var body = bodyWriter(index)
        MartiAnswers.uploadMetadata(record(of: upload, digest), &body)
        answer(index, .ok, "application/json", body)
    }

    /// What was uploaded, not what is listed: another team may have listed the same bytes before,
    /// and under which name is none of this client's business.
    private mutating func record(of upload: Upload, _ digest: SHA256Digest) -> PackageRecord {
        var record = PackageRecord(digest: digest)
        record.sizeBytes = upload.machine.contentBytes
        record.submittedAt = wall
        record.submissionUser = upload.submissionUser
        record.tool.set(upload.isPublic ? "public" : "private")
        record.keywords = upload.keywords
        record.name = upload.name
        record.creatorUID.set(upload.creatorUID)
        record.mimeType.set("application/x-zip-compressed")
        if !upload.mimeType.isEmpty { record.mimeType.set(upload.mimeType) }
        if let row = find(digest), upload.team.holdsOnly(row.team) { record.number = row.id }
        return record
    }

    /// The URL and nothing else: clients use it as it stands (protocol 8.3).
    mutating func answerAddress(_ index: Int, _ digest: SHA256Digest) {
        var base = ByteWriter(tables.texts)
        baseAddress(index, into: &base)
        var body = bodyWriter(index)
        if base.overflowed || !MartiAnswers.packageAddress(base: base.written, digest, &body) {
            return answerError(index, .badRequest, "The Host cannot stand in a URL.")
        }
        answer(index, .ok, "text/plain; charset=utf-8", body)
    }

    private mutating func logStored(_ upload: Upload, _ digest: SHA256Digest, _ peer: Endpoint) {
        counters.add(.uploadsStored)
        var line = log.begin(.information)
        line.append("package stored: ")
        line.append(upload.name, as: .plain)
        line.append(", ")
        line.append(decimal: upload.machine.contentBytes)
        line.append(" bytes, sha256 ")
        digest.append(to: &line)
        line.append(", from ")
        line.append(upload.submissionUser, as: .plain)
        line.append(", ")
        line.append(peer)
        if !upload.team.isEmpty {
            line.append(", team ")
            line.append(upload.team, as: .plain)
        }
        log.end(line, at: now)
    }
}

extension UploadOutcome {
    func sentence(of machine: PackageUpload) -> StaticString {
        switch self {
        case .stored: "Stored."
        case .badRequest:
            machine.digest == nil
                ? "The body holds no package." : "The package does not have the announced hash."
        case .tooLarge: "The package is larger than is taken here."
        case .diskFailed: "The disk failed."
        case .tooManyUploads: "Too many uploads at a time; try again soon."
        case .noRoom: "There is no room for the package."
        }
    }
}
