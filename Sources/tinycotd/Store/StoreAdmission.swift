// Whether an upload is let in (protocol 8.3, 8.6): what its head says, who brings it, and the
// limits of the budget, in the order in which a client could do something about them. What is
// refused here has cost nothing but its head.

import CLinuxSys
import PackageStore
import TinyCoT

extension StoreLoop {
    private static var retrySeconds: Int { 5 }

    /// - Parameter identity: the relay's answer about who asks.
    mutating func beginUpload(_ index: Int, _ identity: Question) {
        guard let number = freeUpload else {
            counters.add(.uploadsRefused)
            return answerError(
                index, .serviceUnavailable, "Too many uploads at a time; try again soon.",
                retryAfter: StoreLoop.retrySeconds)
        }
        let connection = tables.connections[index]
        var upload = Upload()
        upload.address = connection.peer.address
        upload.submissionUser = identity.callsign
        if upload.submissionUser.isEmpty { upload.submissionUser.set("anonymous") }
        upload.team = identity.homeTeam
        if let complaint = readDescription(index, &upload) {
            counters.add(.badRequests)
            return answerError(index, .badRequest, complaint)
        }
        let types = connection.head.contentType
        let type = tables.head(index).slice(
            types.isAbsent ? 0 : Int(types.offset), types.isAbsent ? 0 : Int(types.count))
        switch MultipartBoundary.read(type) {
        case .boundary(let boundary):
            upload.splitter = MultipartSplitter(boundary, memory: tables.splitter(number))
        case .malformed:
            return answerError(
                index, .badRequest, "The Content-Type names no usable multipart boundary.")
        case .notMultipart:
            if connection.route == .missionUpload {
                return answerError(
                    index, .badRequest, "The body must be multipart/form-data.")
            }
            upload.mimeType.set(type)
        }
        if !connection.head.isChunked && connection.head.contentLength == nil {
            return answerError(
                index, .lengthRequired, "An upload needs a Content-Length or chunks.")
        }
        admit(index, number, upload)
    }

    private var freeUpload: Int? {
        var i = 0
        while i < tables.uploads.count {
            if !tables.uploads[i].isUsed { return i }
            i += 1
        }
        return nil
    }

    /// Name, creator, keywords and visibility, from the query.
    /// - Returns: what is wrong with them.
    private func readDescription(_ index: Int, _ upload: inout Upload) -> StaticString? {
        let route = tables.connections[index].route
        let isMission = route == .missionUpload
        if !textParameter(index, isMission ? "filename" : "name", &upload.name) {
            return "The name of the package holds control characters."
        }
        if !textParameter(index, "creatoruid", &upload.creatorUID) {
            return "creatorUid holds control characters."
        }
        upload.keywords.set(isMission ? "missionpackage" : "")
        if !textParameter(index, "keywords", &upload.keywords) {
            return "keywords hold control characters."
        }
        if !isMission { upload.isPublic = upload.keywords.holds(word: Slab("missionpackage")) }
        if tables.connections[index].isOperator {
            var tool = ShortText<40>()
            let isRead =
                textParameter(index, "team", &upload.team)
                && textParameter(index, "tool", &tool)
            if !isRead { return "team or tool holds control characters." }
            if tool.holds(word: Slab("private")) { upload.isPublic = false }
        }
        if query(index).first(named: "hash") != nil && announcedDigest(index) == nil {
            return "hash is not a SHA-256 of 64 hexadecimal digits."
        }
        return nil
    }

    private func announcedDigest(_ index: Int) -> SHA256Digest? {
        guard let parameter = query(index).first(named: "hash") else { return nil }
        return SHA256Digest(hex: parameter.value)
    }

    /// Decides on the limits, in the order in which a client could do something about them.
    private mutating func admit(_ index: Int, _ number: Int, _ upload: Upload) {
        let connection = tables.connections[index]
        if !connection.isOperator && uploadCount(of: upload.address) >= budget.uploadsPerAddress {
            counters.add(.uploadsRefused)
            return answerError(
                index, .serviceUnavailable, "Too many uploads from this address; try again soon.",
                retryAfter: StoreLoop.retrySeconds)
        }
        let bytes = Int64(clamping: connection.head.contentLength ?? 0)
        let quotaBytes = connection.isOperator
            ? Int64.max : quota.remaining(for: upload.address, now: now)
        if quotaBytes <= 0 || bytes > quotaBytes && bytes <= Int64(budget.packageMaxBytes) {
            counters.add(.uploadsRefused)
            return answerError(
                index, .tooManyRequests, "The bytes of this day are used up.",
                retryAfter: quota.secondsToWait(for: upload.address, now: now))
        }
        var head = UploadHead(
            contentBytesMax: min(Int64(budget.packageMaxBytes), quotaBytes),
            otherUploads: uploadCount(of: nil), uploadsMax: tables.uploads.count, roomBytes: 0)
        head.announcedDigest = announcedDigest(index)
        let isKnown = head.announcedDigest.map { find($0) != nil } ?? false
        head.roomBytes = min(
            isKnown ? roomOnDisk() : possibleRoom(), ledger.remaining(for: .packages, now: now))
        noteWriteBudget()
        head.bodyBytes = connection.head.contentLength.map { Int64(clamping: $0) }
        tables.uploads[number] = upload
        tables.uploads.pointer(at: number).pointee.isUsed = true
        tables.uploads.pointer(at: number).pointee.isKnown = isKnown
        tables.connections.pointer(at: index).pointee.upload = number
        notePools()
        let action = drive(index, .headAccepted(head), Slab(""))
        if action == .readMore { beginBody(index, .upload) } else { finish(index, action) }
    }

    /// Uploads on their way: of this address, or all.
    func uploadCount(of address: Address?) -> Int {
        var count = 0
        var i = 0
        while i < tables.uploads.count {
            let isMeant = address == nil || tables.uploads[i].address == address
            if tables.uploads[i].isUsed && isMeant { count += 1 }
            i += 1
        }
        return count
    }
}
