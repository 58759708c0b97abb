// `sync/content` (protocol 8.5): the bytes of a package by its hash, which is a capability: who
// knows it may have it. They go from the file to the socket inside the kernel. `offset` and
// `length` are answered as the official server does it (200 with the rest; 206), `Range` as RFC
// 9110 says.

import CLinuxSys
import PackageStore
import TinyCoT

extension StoreLoop {
    private static var bytesPerSend: Int { 1_048_576 }

    mutating func beginDownload(_ index: Int) {
        guard let digest = digestParameter(index) else {
            return answerError(
                index, .badRequest, "hash is not a SHA-256 of 64 hexadecimal digits.")
        }
        guard let row = find(digest) else {
            return answerError(index, .notFound, "There is no such package.")
        }
        let file: OpenPackage?
        do throws(FileError) {
            file = try files!.open(digest)
        } catch {
            logTrouble(error)
            return answerError(index, .internalServerError, "The package cannot be read.")
        }
        guard let file, file.sizeBytes == row.sizeBytes else {
            if let file { files!.close(file) }
            return answerGone(index, digest)
        }
        let place = tables.connections.pointer(at: index)
        place.pointee.file = file
        place.pointee.digest = digest
        answerContent(index, digest, file, row)
    }

    /// The row speaks of a file that is not there, or of another size: it goes.
    private mutating func answerGone(_ index: Int, _ digest: SHA256Digest) {
        var line = log.begin(.warning)
        line.append("package is lost: its file is missing or of another size, sha256 ")
        digest.append(to: &line)
        log.end(line, at: now)
        counters.add(.packagesLost)
        do throws(CatalogueError) {
            try catalogue!.delete(digest)
        } catch { logTrouble(error) }
        removeFile(digest)
        answerError(index, .gone, "The package was lost.")
    }

    private mutating func answerContent(
        _ index: Int, _ digest: SHA256Digest, _ file: OpenPackage, _ row: PackageRow
    ) {
        var tag = ByteWriter(tables.texts)
        digest.append(to: &tag)
        if names(index, tables.connections[index].head.ifNoneMatch, tag.written) {
            closeFile(index)
            return answerUnchanged(index, tag.written)
        }
        guard let part = wantedPart(index, UInt64(file.sizeBytes), tag.written) else {
            closeFile(index)
            return answerUnsatisfiable(index, UInt64(file.sizeBytes))
        }
        let place = tables.connections.pointer(at: index)
        place.pointee.fileOffset = Int64(part.offset)
        place.pointee.fileRest = Int64(part.count)
        place.pointee.source = .file
        counters.add(answer: part.status)
        counters.add(.downloads)
        var head = beginHead(index, part.status)
        head.contentType(row.mimeType)
        head.contentLength(part.count)
        if part.status == .partialContent && part.count > 0 {
            head.contentRange(
                offset: part.offset, count: part.count, size: UInt64(file.sizeBytes))
        }
        head.acceptRanges()
        head.entityTag(tag.written)
        head.contentDisposition(fileName: row.name)
        send(index, head, bodyBytes: 0)
    }

    private struct Part {
        var status: HTTPStatus
        var offset: UInt64
        var count: UInt64
    }

    /// - Returns: nil if it begins behind the end.
    private func wantedPart(_ index: Int, _ size: UInt64, _ tag: Slab<UInt8>) -> Part? {
        let query = query(index)
        let head = tables.connections[index].head
        let offset = query.first(named: "offset")
        let length = query.first(named: "length")
        if offset != nil || length != nil {
            let start = offset?.number ?? 0
            if start > size { return nil }
            var part = Part(status: .ok, offset: start, count: size - start)
            if let count = length?.number {
                part.count = min(part.count, count)
                part.status = .partialContent
            }
            return part
        }
        let isOutdated = !head.ifRange.isAbsent && !isExactly(index, head.ifRange, tag)
        if head.range.isAbsent || head.method != .get || isOutdated {
            return Part(status: .ok, offset: 0, count: size)
        }
        let value = tables.head(index).slice(Int(head.range.offset), Int(head.range.count))
        switch HTTPRange.of(value, size: size) {
        case .whole: return Part(status: .ok, offset: 0, count: size)
        case .part(let offset, let count):
            return Part(status: .partialContent, offset: offset, count: count)
        case .unsatisfiable: return nil
        }
    }

    /// Does the value of a field name our tag, alone or in a list, or is it a star?
    private func names(_ index: Int, _ field: ByteRange, _ tag: Slab<UInt8>) -> Bool {
        if field.isAbsent { return false }
        let value = tables.head(index).slice(Int(field.offset), Int(field.count))
        if value.equals("*") { return true }
        var at = 0
        while at + tag.count + 2 <= value.count {
            let isQuoted =
                value[at] == UInt8(ascii: "\"")
                && value[at + tag.count + 1] == UInt8(ascii: "\"")
            if isQuoted && value.slice(at + 1, tag.count).equals(tag) { return true }
            at += 1
        }
        return false
    }

    /// The strong comparison that RFC 9110 section 13.1.5 wants of If-Range.
    private func isExactly(_ index: Int, _ field: ByteRange, _ tag: Slab<UInt8>) -> Bool {
        let value = tables.head(index).slice(Int(field.offset), Int(field.count))
        return value.count == tag.count + 2 && names(index, field, tag)
    }

    private mutating func answerUnchanged(_ index: Int, _ tag: Slab<UInt8>) {
        counters.add(answer: .notModified)
        var head = beginHead(index, .notModified)
        head.entityTag(tag)
        send(index, head, bodyBytes: 0)
    }

    private mutating func answerUnsatisfiable(_ index: Int, _ size: UInt64) {
        counters.add(answer: .rangeNotSatisfiable)
        var head = beginHead(index, .rangeNotSatisfiable)
        head.unsatisfiedRange(size: size)
        head.contentLength(0)
        send(index, head, bodyBytes: 0)
    }

    // MARK: The bytes

    /// - Returns: nil when the socket is full or the connection is gone.
    mutating func sendFile(_ index: Int) -> Int? {
        let place = tables.connections.pointer(at: index)
        guard let file = place.pointee.file else {
            invariantBroken("a download has an open file")
        }
        if place.pointee.fileRest == 0 {
            place.pointee.source = .none
            return 0
        }
        let count = Int(min(place.pointee.fileRest, Int64(StoreLoop.bytesPerSend)))
        switch files!.send(
            file, to: place.pointee.descriptor, offset: place.pointee.fileOffset, count: count)
        {
        case .bytes(let sent):
            _ = wasSent(index, Int64(sent))
            place.pointee.fileOffset += Int64(sent)
            place.pointee.fileRest -= Int64(sent)
            return sent
        case .wouldBlock:
            watch(index, tcs_event_writable)
            return nil
        case .endOfFile, .failed:
            // Whatever it was, the client must not take this for the whole.
            closeConnection(index)
            return nil
        }
    }
}
