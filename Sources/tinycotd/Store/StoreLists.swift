// What is read from the catalogue for an answer: the list of packages (protocol 8.5), the
// operator's list, the list of videos. A list of ten thousand is made in pieces, each from a fresh
// page of the catalogue, so it holds nothing while a slow client reads.

import CLinuxSys
import PackageStore
import TinyCoT

extension StoreLoop {
    private static var rowsPerPage: Int { 32 }
    /// Rows that are looked at for one piece, shown or not: others wait, too.
    private static var rowsPerPiece: Int { 512 }

    func isVisible(_ row: PackageRow, to index: Int) -> Bool {
        isVisible(team: row.team, to: index)
    }

    func isVisible(team: Slab<UInt8>, to index: Int) -> Bool {
        let connection = tables.connections[index]
        if connection.seesAll { return true }
        let names = tables.visibleTeams(index)
        var i = 0
        while i < connection.teamCount {
            if names[i].holdsOnly(team) { return true }
            i += 1
        }
        return false
    }

    mutating func find(_ digest: SHA256Digest) -> PackageRow? {
        do throws(CatalogueError) {
            return try catalogue!.find(digest)
        } catch {
            logTrouble(error)
            return nil
        }
    }

    // MARK: Packages

    mutating func beginPackageList(_ index: Int) {
        let place = tables.connections.pointer(at: index)
        var tool = ShortText<32>()
        var keyword = ShortText<32>()
        let isRead =
            textParameter(index, "tool", &tool) && textParameter(index, "keywords", &keyword)
        if !isRead {
            return answerError(index, .badRequest, "A parameter holds control characters.")
        }
        place.pointee.wantsPublicOnly = tool.holdsOnly(Slab("public"))
        place.pointee.keyword = keyword
        place.pointee.cursor = 0
        place.pointee.list = MartiList(.packages)
        answerLong(index, "application/json", .packages)
    }

    /// Rows of the list at hand, the phones' or the operator's, as many as fit into the piece.
    mutating func writeRows(_ index: Int, _ piece: inout ByteWriter) throws(CatalogueError) {
        let place = tables.connections.pointer(at: index)
        let isLines = place.pointee.source == .packageLines
        if !isLines && !place.pointee.list.hasBegun && !place.pointee.list.begin(&piece) { return }
        var looked = 0
        while looked < StoreLoop.rowsPerPiece {
            var rows = 0
            catalogue!.beginPage(after: Int64(place.pointee.cursor), count: StoreLoop.rowsPerPage)
            while let row = try catalogue!.nextOfPage() {
                rows += 1
                let fits =
                    isLines
                    ? PackageLineWriter.write(row, into: &piece)
                    : !isWanted(row, index) || place.pointee.list.add(PackageRecord(row), &piece)
                if !fits { return catalogue!.endPage() }
                place.pointee.cursor = UInt64(row.id)
            }
            looked += rows
            if rows < StoreLoop.rowsPerPage {
                place.pointee.sourceEnded = isLines || place.pointee.list.end(server, &piece)
                return
            }
        }
    }

    private func isWanted(_ row: PackageRow, _ index: Int) -> Bool {
        let connection = tables.connections[index]
        if !isVisible(row, to: index) { return false }
        if connection.wantsPublicOnly && !row.tool.equals("public") { return false }
        if connection.keyword.isEmpty { return true }
        var keywords = ShortText<255>()
        keywords.set(row.keywords)
        var writer = ByteWriter(tables.texts)
        connection.keyword.append(to: &writer)
        return keywords.holds(word: writer.written)
    }
}

/// One line a package of the operator's list, tabs between its fields: number, hash, bytes, tool,
/// team, submitted, creator, name. Read by `tinycot packages`.
enum PackageLineWriter {
    /// - Returns: false, with nothing written, if it did not fit.
    static func write(_ row: PackageRow, into writer: inout ByteWriter) -> Bool {
        let before = writer
        writer.append(decimal: row.id)
        writer.append("\t")
        row.hash.append(to: &writer)
        writer.append("\t")
        writer.append(decimal: row.sizeBytes)
        writer.append("\t")
        writer.append(row.tool, as: .plain)
        writer.append("\t")
        writer.append(row.team, as: .plain)
        writer.append("\t")
        CoTTime.write(WallTime(milliseconds: row.submittedAtMilliseconds), into: &writer)
        writer.append("\t")
        writer.append(row.creatorUid, as: .plain)
        writer.append("\t")
        writer.append(row.name, as: .plain)
        writer.append("\n")
        if !writer.overflowed { return true }
        writer = before
        return false
    }
}
