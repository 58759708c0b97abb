// What the operator alone may ask, through the socket in the run folder: the list of packages, a
// copy of the catalogue, and that the state be written. The last two are what `tinycot backup`
// needs of a running daemon; packages it reads from the folder itself (ADR 0012).

import CLinuxSys
import PackageStore
import TinyCoT

extension StoreLoop {
    /// A copy that takes longer is given up: meanwhile the journal is not written back.
    private static var copySeconds: Int { 60 }
    /// So is one during which so many rows change: for each, the journal grows by some pages, and
    /// for 4,096 pages its index by 32 KiB of SQLite's memory.
    private static var copyChangesMax: Int64 { 256 }

    /// - Returns: false if the path is not one of the operator's.
    mutating func beginOperatorRequest(_ index: Int, _ path: Slab<UInt8>) -> Bool {
        let method = tables.connections[index].head.method
        if path.equals("/tinycot/packages") {
            beginOperatorList(index)
        } else if path.equals("/tinycot/catalogue") && method == .get {
            beginCatalogueCopy(index)
        } else if path.equals("/tinycot/state") && method == .post {
            writeStateNow(index)
        } else {
            return false
        }
        return true
    }

    private mutating func beginOperatorList(_ index: Int) {
        if catalogue == nil {
            return answerError(
                index, .serviceUnavailable, "The store of packages is not ready.")
        }
        let place = tables.connections.pointer(at: index)
        place.pointee.seesAll = true
        place.pointee.cursor = 0
        answerLong(index, "text/plain; charset=utf-8", .packageLines)
    }

    // MARK: The state

    /// Writes the state and answers when it is on the disk. A snapshot that is under way may have
    /// passed what was changed a moment ago, so then it is the next one that counts.
    private mutating func writeStateNow(_ index: Int) {
        let place = tables.connections.pointer(at: index)
        place.pointee.phase = .asking
        place.pointee.deadline = now.after(seconds: StoreLoop.copySeconds)
        state.asker = index
        state.askerWantsNext = state.phase == .asking
        if state.phase == .idle { state.dueAt = now }
    }

    /// A snapshot has come to its end, one way or the other.
    mutating func answerStateAsker(_ status: HTTPStatus) {
        let index = state.asker
        if index < 0 { return }
        if state.askerWantsNext {
            state.askerWantsNext = false
            state.dueAt = now
            return
        }
        state.asker = -1
        if status == .ok {
            answer(index, .ok, "text/plain; charset=utf-8", bodyWriter(index))
        } else {
            answerError(index, status, "The state cannot be written.")
        }
    }

    // MARK: The catalogue

    private mutating func beginCatalogueCopy(_ index: Int) {
        if catalogue == nil {
            return answerError(
                index, .serviceUnavailable, "The store of packages is not ready.",
                retryAfter: StoreLoop.openRetrySeconds)
        }
        invariant(catalogueCopy == nil, "there is one operator, and so one copy at a time")
        let bytes: Int64
        do throws(CatalogueError) {
            bytes = try catalogue!.beginCopy()
        } catch {
            logTrouble(error)
            return answerError(index, error.status, "The catalogue cannot be written back.")
        }
        now = LinuxClock.now()
        catalogueCopy = CatalogueCopy(
            connection: index, changesMax: catalogue!.changeCount() + StoreLoop.copyChangesMax,
            deadline: now.after(seconds: StoreLoop.copySeconds))
        let place = tables.connections.pointer(at: index)
        place.pointee.cursor = 0
        place.pointee.fileRest = bytes
        answerLong(index, "application/octet-stream", .catalogue, bytes: Int(bytes))
    }

    /// As many pages as fit into the piece.
    mutating func writeCatalogue(
        _ index: Int, _ piece: inout ByteWriter
    ) throws(CatalogueError) {
        let place = tables.connections.pointer(at: index)
        while place.pointee.fileRest > 0 {
            let count = Int(min(Int64(Catalogue.copyPieceBytes), place.pointee.fileRest))
            if piece.slab.count - piece.count < count { return }
            let bytes = tables.texts.slice(0, count)
            try catalogue!.readCopy(at: Int64(place.pointee.cursor), into: bytes)
            piece.append(bytes)
            place.pointee.cursor += UInt64(count)
            place.pointee.fileRest -= Int64(count)
        }
        place.pointee.sourceEnded = true
        endCatalogueCopy(index)
    }

    /// All was read, or the connection is closed.
    mutating func endCatalogueCopy(_ index: Int) {
        guard let copy = catalogueCopy, copy.connection == index else { return }
        catalogueCopy = nil
        catalogue?.endCopy()
    }

    /// Once a turn. Who gets half a copy sees that it is not whole, and asks again.
    mutating func limitCatalogueCopy() {
        guard let copy = catalogueCopy else { return }
        if now < copy.deadline && catalogue!.changeCount() < copy.changesMax { return }
        closeConnection(copy.connection)
    }
}

/// A copy of the catalogue that is on its way.
struct CatalogueCopy: BitwiseCopyable {
    let connection: Int
    let changesMax: Int64
    let deadline: Instant
}
