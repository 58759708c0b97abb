// The small questions about one package: is it there (protocol 8.3), who may see it (the `tool`
// of ATAK: public or private), and its removal.

import CLinuxSys
import PackageStore
import TinyCoT

extension StoreLoop {
    /// `missionquery`: the URL, or 404, upon which ATAK uploads.
    mutating func answerPackageQuery(_ index: Int) {
        guard let digest = digestParameter(index) else {
            return answerError(
                index, .badRequest, "hash is not a SHA-256 of 64 hexadecimal digits.")
        }
        if find(digest) == nil || !isThere(digest) {
            return answerError(index, .notFound, "There is no such package.")
        }
        answerAddress(index, digest)
    }

    /// A row whose file was lost must not keep the client from bringing it again.
    private mutating func isThere(_ digest: SHA256Digest) -> Bool {
        do throws(FileError) {
            return try files!.size(digest) != nil
        } catch {
            logTrouble(error)
            return false
        }
    }

    // MARK: Visibility

    /// The package of a request, if its client may know of it. The bytes of a package are there for
    /// whoever knows its hash; what is said of it, and its end, are its team's.
    private mutating func visiblePackage(_ index: Int) -> PackageRow? {
        guard let digest = tables.connections[index].digest, let row = find(digest),
            isVisible(row, to: index)
        else { return nil }
        return row
    }

    mutating func answerTool(_ index: Int) {
        guard let row = visiblePackage(index) else {
            return answerError(index, .notFound, "There is no such package.")
        }
        var body = bodyWriter(index)
        body.append(row.tool)
        answer(index, .ok, "text/plain; charset=utf-8", body)
    }

    /// The body of the PUT has arrived: `public` or `private`, as ATAK sends it.
    mutating func setTool(_ index: Int) {
        guard let digest = visiblePackage(index)?.hash else {
            return answerError(index, .notFound, "There is no such package.")
        }
        let tool = text(index)
        if !tool.equals("public") && !tool.equals("private") {
            return answerError(index, .badRequest, "The body is neither public nor private.")
        }
        let isPublic = tool.equals("public")
        do throws(CatalogueError) {
            switch try catalogue!.setTool(tool, of: digest) {
            case .absent:
                return answerError(index, .notFound, "There is no such package.")
            case .unchanged: break
            case .changed: if isPublic { announce(digest, for: index) }
            }
        } catch {
            logTrouble(error)
            return answerError(index, error.status, "The catalogue cannot be written.")
        }
        answer(index, .ok, "text/plain; charset=utf-8", bodyWriter(index))
    }

    // MARK: Removal

    mutating func beginDelete(_ index: Int) {
        if !settings.allowsDelete && !tables.connections[index].isOperator {
            return answerError(index, .forbidden, "Deleting is not allowed here.")
        }
        guard let digest = digestParameter(index) ?? digestByNumber(index) else {
            return answerError(index, .notFound, "There is no such package.")
        }
        tables.connections.pointer(at: index).pointee.digest = digest
        ask(index)
    }

    mutating func deletePackage(_ index: Int) {
        guard let digest = visiblePackage(index)?.hash else {
            return answerError(index, .notFound, "There is no such package.")
        }
        do throws(CatalogueError) {
            if try !catalogue!.delete(digest) {
                return answerError(index, .notFound, "There is no such package.")
            }
        } catch {
            logTrouble(error)
            return answerError(index, error.status, "The catalogue cannot be written.")
        }
        // The row first: a file without a row is collected, but not the other way round.
        removeFile(digest)
        // For who watches the counters: the next upload may be far off.
        _ = knownTotals()
        var line = log.begin(.notice)
        line.append("package deleted by ")
        if tables.connections[index].isOperator {
            line.append("the operator")
        } else {
            line.append(tables.connections[index].peer)
        }
        line.append(", sha256 ")
        digest.append(to: &line)
        log.end(line, at: now)
        var body = bodyWriter(index)
        body.append("Deleted.\n")
        answer(index, .ok, "text/plain; charset=utf-8", body)
    }

    /// `PrimaryKey`, which the official server takes, too.
    private mutating func digestByNumber(_ index: Int) -> SHA256Digest? {
        guard let number = query(index).first(named: "primarykey")?.number,
            number > 0, number < UInt64(Int64.max)
        else { return nil }
        do throws(CatalogueError) {
            guard let row = try catalogue!.oldest(after: Int64(number) - 1) else { return nil }
            return row.id == Int64(number) ? row.hash : nil
        } catch {
            logTrouble(error)
            return nil
        }
    }
}

extension CatalogueError {
    var isFull: Bool { kind == .diskFull || kind == .noMemory }
    var status: HTTPStatus { isFull ? .insufficientStorage : .internalServerError }
}
