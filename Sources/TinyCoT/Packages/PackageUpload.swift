// One upload of a data package, from the head of its request to the answer (protocol 8.3, 8.6): it
// decides, and the store loop does. Facts go in, one at a time; one action comes out, and its
// outcome is the next fact. It never touches a disk, a socket or a byte of the content.
// The order is what makes an answer a promise: content and hash, sync of the file, rename, sync of
// the folder, row, answer. A pulled plug at any place leaves a whole, listed package or nothing
// that outlives the collection at the next start.
//
// Phases, and what holds in each
//
//     waitingForHead  nothing.  -> opening, or refused.
//     opening         a temporary file is being opened.  -> receiving.
//     receiving       the temporary is ours; the client has to say something.  content -> writing;
//                     end of the part -> contentWhole.
//     writing         one stretch is being hashed and written.  -> receiving.
//     contentWhole    all content is in the temporary; the body has not ended.  -> digesting.
//     digesting       the whole body has arrived.  -> syncing; or discarding, if the same package
//                     is there already (then -> storingRow) or its digest is not the announced one.
//     syncing         the temporary's bytes are on their way to the medium.  -> renaming.
//     renaming        it gets its final name.  -> syncingFolder.
//     syncingFolder   the name is on its way to the medium.  -> storingRow.
//     storingRow      the catalogue is writing.  -> finished; withdrawing if it cannot.
//     discarding      the temporary is being removed; `afterwards` says what for.
//     withdrawing     the renamed file is being removed again.  -> finished.
//     finished        nothing is ours and nothing more will be said.
//
// A client that goes away before its body has ended leaves nothing. Once the body has arrived
// whole, the package is stored even if nobody waits for the answer: the client asks again, by hash.

/// How an upload ends. The raw value is the status of the answer.
public enum UploadOutcome: UInt16, Sendable, BitwiseCopyable {
    case stored = 200
    /// Malformed, empty or without a file, or the digest is not the announced one.
    case badRequest = 400
    case tooLarge = 413
    case diskFailed = 500
    case tooManyUploads = 503
    case noRoom = 507
}

/// What is known when the head of the request has been accepted.
public struct UploadHead: BitwiseCopyable, Sendable {
    /// From the query. Without it, whatever arrives is stored.
    public var announcedDigest: SHA256Digest?
    /// The Content-Length; nil if the body is chunked. Framing included in multipart bodies.
    public var bodyBytes: Int64?
    /// The longest content that is taken.
    public var contentBytesMax: Int64
    /// Other uploads on their way, and how many are let on their way together.
    public var otherUploads: Int
    public var uploadsMax: Int
    /// What may still be stored: free space less the reserve, or less by the limit of the store.
    public var roomBytes: Int64

    public init(
        contentBytesMax: Int64, otherUploads: Int, uploadsMax: Int, roomBytes: Int64
    ) {
        self.contentBytesMax = contentBytesMax
        self.otherUploads = otherUploads
        self.uploadsMax = uploadsMax
        self.roomBytes = roomBytes
    }

    /// A multipart body may be longer than its content by this: boundaries and header lines.
    static var framingBytesMax: Int64 { 65_536 }

    fileprivate var refusal: UploadOutcome? {
        if otherUploads >= uploadsMax { return .tooManyUploads }
        let bytes = bodyBytes ?? 0
        if bytes > contentBytesMax.addingClamped(UploadHead.framingBytesMax) { return .tooLarge }
        if roomBytes <= 0 || bytes > roomBytes.addingClamped(UploadHead.framingBytesMax) {
            return .noRoom
        }
        return nil
    }
}

extension Int64 {
    fileprivate func addingClamped(_ other: Int64) -> Int64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}

/// Something that has happened.
public enum UploadFact: BitwiseCopyable, Sendable {
    // Of the client. After the end of the content, more of it is ignored.
    case headAccepted(UploadHead)
    /// `roomBytes`: what may be stored now, this stretch included.
    case contentArrived(bytes: Int, roomBytes: Int64)
    case partEnded
    case bodyEnded
    case bodyMalformed
    case clientVanished

    // Outcomes of actions.
    case temporaryOpened
    case stretchWritten
    /// `isStored`: the catalogue has a row for it, and the file is there.
    case digestComputed(SHA256Digest, isStored: Bool)
    case synced, renamed, folderSynced, rowStored
    /// The file is gone, or could not be removed and is left to the collection at the next start.
    case discarded, withdrawn
    /// The action failed; `isFull` if there was no room for it.
    case diskFailed(isFull: Bool)
}

/// What the store loop has to do now.
public enum UploadAction: BitwiseCopyable, Equatable, Sendable {
    /// Wait for the client.
    case readMore
    /// Nothing: an action is on its way, or all is over.
    case none
    case openTemporary
    case hashAndWriteStretch
    case computeDigest
    case sync, rename, syncFolder
    /// Insert the listing, or replace the one of the same name and creator.
    case storeRow
    case discard
    /// Remove the renamed file, unless a row names it.
    case withdraw
    /// The last action. Something the client still sends means nothing.
    case answer(UploadOutcome)
    /// The last action when there is nobody to answer.
    case close
}

/// One upload. Used once.
public struct PackageUpload: BitwiseCopyable {
    public enum Phase: UInt8, BitwiseCopyable, Sendable {
        case waitingForHead, opening, receiving, writing, contentWhole, digesting
        case syncing, renaming, syncingFolder, storingRow, discarding, withdrawing, finished
    }

    private enum Afterwards: BitwiseCopyable { case answer(UploadOutcome), close, storeRow }

    public private(set) var phase = Phase.waitingForHead
    /// Content that was announced to be written.
    public private(set) var contentBytes: Int64 = 0
    /// Of the whole content, from `digesting` on.
    public private(set) var digest: SHA256Digest?
    private var announcedDigest: SHA256Digest?
    private var contentBytesMax: Int64 = 0
    private var isClientGone = false
    /// The same package was there before, so its file is not ours to withdraw.
    private var wasStored = false
    private var afterwards = Afterwards.close

    public init() {}

    public var isFinished: Bool { phase == .finished }

    public mutating func happened(_ fact: UploadFact) -> UploadAction {
        switch fact {
        case .headAccepted(let head): return headAccepted(head)
        case .contentArrived(let bytes, let room): return contentArrived(bytes, room)
        case .partEnded: return partEnded()
        case .bodyEnded: return bodyEnded()
        case .bodyMalformed:
            expectClient()
            return isFinished ? .none : discard(then: .answer(.badRequest))
        case .clientVanished: return clientVanished()
        case .diskFailed(let isFull): return diskFailed(isFull ? .noRoom : .diskFailed)
        default: return actionEnded(fact)
        }
    }

    /// The store loop reads no further while an action is on its way, so that nothing that the
    /// client says can be lost.
    private func expectClient() {
        invariant(
            phase == .receiving || phase == .contentWhole || phase == .finished,
            "the client is heard again when the action on its way has ended")
    }

    // MARK: The client

    private mutating func headAccepted(_ head: UploadHead) -> UploadAction {
        if phase == .finished { return .none }
        invariant(phase == .waitingForHead, "an upload has one head")
        if let refusal = head.refusal { return finish(.answer(refusal)) }
        announcedDigest = head.announcedDigest
        contentBytesMax = head.contentBytesMax
        phase = .opening
        return .openTemporary
    }

    private mutating func contentArrived(_ bytes: Int, _ roomBytes: Int64) -> UploadAction {
        invariant(bytes >= 0, "a stretch has a length")
        expectClient()
        if isFinished { return .none }
        if phase == .contentWhole || bytes == 0 { return .readMore }
        if Int64(bytes) > contentBytesMax - contentBytes {
            return discard(then: .answer(.tooLarge))
        }
        if Int64(bytes) > roomBytes { return discard(then: .answer(.noRoom)) }
        contentBytes += Int64(bytes)
        phase = .writing
        return .hashAndWriteStretch
    }

    private mutating func partEnded() -> UploadAction {
        expectClient()
        if isFinished { return .none }
        if contentBytes == 0 { return discard(then: .answer(.badRequest)) }
        phase = .contentWhole
        return .readMore
    }

    private mutating func bodyEnded() -> UploadAction {
        expectClient()
        if isFinished { return .none }
        // Without an end of the part there was no file in it.
        if phase == .receiving { return discard(then: .answer(.badRequest)) }
        phase = .digesting
        return .computeDigest
    }

    private mutating func clientVanished() -> UploadAction {
        isClientGone = true
        switch phase {
        case .waitingForHead: return finish(.close)
        case .receiving, .contentWhole: return discard(then: .close)
        default: return .none
        }
    }

    // MARK: The disk

    private mutating func actionEnded(_ fact: UploadFact) -> UploadAction {
        switch fact {
        case .temporaryOpened: return received(from: .opening)
        case .stretchWritten: return received(from: .writing)
        case .digestComputed(let digest, let isStored):
            invariant(phase == .digesting, "a digest is told when it was asked for")
            return digestComputed(digest, isStored)
        case .synced: return proceed(from: .syncing, to: .renaming, .rename)
        case .renamed: return proceed(from: .renaming, to: .syncingFolder, .syncFolder)
        case .folderSynced: return proceed(from: .syncingFolder, to: .storingRow, .storeRow)
        case .rowStored:
            invariant(phase == .storingRow, "a row is stored when it was asked for")
            return finish(.answer(.stored))
        case .discarded:
            invariant(phase == .discarding, "a temporary is discarded when it was asked for")
            return discarded()
        case .withdrawn:
            invariant(phase == .withdrawing, "a file is withdrawn when it was asked for")
            return discarded()
        case .headAccepted, .contentArrived, .partEnded, .bodyEnded, .bodyMalformed,
            .clientVanished, .diskFailed:
            invariantBroken("what the client does is no outcome of an action")
        }
    }

    /// Also the place where a client that went away during the action is noticed.
    private mutating func received(from old: Phase) -> UploadAction {
        invariant(phase == old, "an outcome belongs to the action on its way")
        phase = .receiving
        return isClientGone ? discard(then: .close) : .readMore
    }

    private mutating func proceed(
        from old: Phase, to new: Phase, _ action: UploadAction
    ) -> UploadAction {
        invariant(phase == old, "an outcome belongs to the action on its way")
        phase = new
        return action
    }

    private mutating func digestComputed(
        _ computed: SHA256Digest, _ isStored: Bool
    ) -> UploadAction {
        digest = computed
        if let announcedDigest, announcedDigest != computed {
            return discard(then: .answer(.badRequest))
        }
        if isStored {
            wasStored = true
            return discard(then: .storeRow)
        }
        phase = .syncing
        return .sync
    }

    private mutating func diskFailed(_ outcome: UploadOutcome) -> UploadAction {
        switch phase {
        case .opening: return finish(.answer(outcome))
        case .writing, .digesting, .syncing, .renaming:
            return discard(then: .answer(outcome))
        case .syncingFolder, .storingRow:
            if wasStored { return finish(.answer(outcome)) }
            afterwards = .answer(outcome)
            phase = .withdrawing
            return .withdraw
        case .discarding, .withdrawing:
            // What could not be removed is collected at the next start.
            return discarded()
        case .waitingForHead, .receiving, .contentWhole, .finished:
            invariantBroken("only an action on its way can fail")
        }
    }

    private mutating func discarded() -> UploadAction {
        switch afterwards {
        case .answer(let outcome): return finish(.answer(outcome))
        case .close: return finish(.close)
        case .storeRow:
            phase = .storingRow
            return .storeRow
        }
    }

    private mutating func discard(then next: Afterwards) -> UploadAction {
        afterwards = next
        phase = .discarding
        return .discard
    }

    private mutating func finish(_ last: UploadAction) -> UploadAction {
        phase = .finished
        return isClientGone ? .close : last
    }
}
