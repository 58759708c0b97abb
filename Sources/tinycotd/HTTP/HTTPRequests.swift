// From a request to its answer: which question of the Marti API it asks (protocol 8.2), what has to
// be known first, and who answers. Routes that need nothing of the relay are answered at once; the
// others ask it, and go on in `answerArrived`.

import CLinuxSys
import PackageStore
import TinyCoT

extension StoreLoop {
    mutating func beginRequest(_ index: Int) {
        let place = tables.connections.pointer(at: index)
        let head = place.pointee.head
        let bytes = tables.head(index)
        let path = bytes.slice(Int(head.path.offset), Int(head.path.count))
        if place.pointee.isOperator && beginOperatorRequest(index, path) { return }
        switch MartiRoutes.find(method: head.method.name, path: path) {
        case .unknown: answerError(index, .notFound, "There is nothing here.")
        case .malformed:
            answerError(index, .badRequest, "A percent sign in the path escapes nothing.")
        case .wrongMethod(let allowed):
            answerError(
                index, .methodNotAllowed, "This path does not have that method.", allow: allowed)
        case .found(let route, let method):
            place.pointee.route = route
            place.pointee.method = method
            serve(index, route, method, path)
        }
    }

    private mutating func serve(
        _ index: Int, _ route: MartiRoute, _ method: MartiMethods, _ path: Slab<UInt8>
    ) {
        switch route {
        case .version: answerVersion(index)
        case .versionConfig: answerJSON(index) { MartiAnswers.versionConfig($0, &$1) }
        case .groups: answerJSON(index) { MartiAnswers.groups($0, &$1) }
        case .groupCacheEnabled: answerJSON(index) { MartiAnswers.boolean(false, $0, &$1) }
        case .missions: answerJSON(index) { MartiAnswers.missions($0, &$1) }
        case .clientEndpoints, .contacts, .positions, .health, .metrics, .status: ask(index)
        case .page: answerPage(index)
        case .event(let uid): askForEvent(index, uid)
        default: servePackages(index, route, method, path)
        }
    }

    /// What needs the catalogue.
    private mutating func servePackages(
        _ index: Int, _ route: MartiRoute, _ method: MartiMethods, _ path: Slab<UInt8>
    ) {
        if catalogue == nil {
            return answerError(
                index, .serviceUnavailable, "The store of packages is not ready.",
                retryAfter: StoreLoop.openRetrySeconds)
        }
        switch route {
        case .missionQuery: answerPackageQuery(index)
        case .syncContent: beginDownload(index)
        case .syncDelete: beginDelete(index)
        case .tool(let range):
            guard let digest = PathText.digest(path, range.range) else {
                return answerError(index, .notFound, "There is no such package.")
            }
            tables.connections.pointer(at: index).pointee.digest = digest
            if method == .put { beginBody(index, .text) } else { ask(index) }
        case .videos where method == .post: beginBody(index, .text)
        case .missionUpload, .syncUpload, .syncSearch, .videos: ask(index)
        default: answerError(index, .notFound, "There is nothing here.")
        }
    }

    // MARK: Small answers

    private mutating func answerVersion(_ index: Int) {
        var body = bodyWriter(index)
        MartiAnswers.version(server, &body)
        answer(index, .ok, "text/plain; charset=utf-8", body)
    }

    private mutating func answerJSON(
        _ index: Int, _ write: (MartiServer, inout ByteWriter) -> Void
    ) {
        var body = bodyWriter(index)
        write(server, &body)
        answer(index, .ok, "application/json", body)
    }

    /// The body of a small PUT or POST has arrived; now whose it is.
    mutating func textEnded(_ index: Int) { ask(index) }

    // MARK: Parameters

    func query(_ index: Int) -> QueryString {
        QueryString(tables.head(index), tables.connections[index].head.query)
    }

    /// The package that a request names by `hash` or `uid`, which are the same here.
    func digestParameter(_ index: Int) -> SHA256Digest? {
        let query = query(index)
        guard let parameter = query.first(named: "hash") ?? query.first(named: "uid") else {
            return nil
        }
        var writer = ByteWriter(tables.texts)
        if !parameter.decode(into: &writer) { return nil }
        return SHA256Digest(hex: writer.written)
    }

    /// The decoded value of a parameter; nil if it is not there.
    /// - Throws: what is wrong with it.
    func textParameter<let capacity: Int>(
        _ index: Int, _ name: StaticString, _ text: inout ShortText<capacity>
    ) -> Bool {
        guard let parameter = query(index).first(named: name) else { return true }
        var writer = ByteWriter(tables.texts)
        if !parameter.decode(into: &writer) { return false }
        text.set(writer.written)
        return true
    }

    // MARK: Addresses

    /// `public_url`, or http and what the client called us.
    func baseAddress(_ index: Int, into writer: inout ByteWriter) {
        if !settings.publicURL.isEmpty {
            settings.publicURL.append(to: &writer)
            return
        }
        writer.append("http://")
        let host = tables.connections[index].head.host
        if !host.isAbsent && !host.isEmpty {
            writer.append(tables.head(index).slice(Int(host.offset), Int(host.count)))
            return
        }
        // Only HTTP/1.0 leaves the name out: then the address that it reached.
        var name = tcs_endpoint()
        if tcs_local_endpoint(tables.connections[index].descriptor, &name) == 0 {
            writer.append(Endpoint(name))
        } else {
            writer.append("localhost")
        }
    }
}

extension HTTPRequestMethod {
    /// As the routes compare it.
    var name: Slab<UInt8> {
        switch self {
        case .get: Slab("GET")
        case .head: Slab("HEAD")
        case .post: Slab("POST")
        case .put: Slab("PUT")
        case .delete: Slab("DELETE")
        case .options: Slab("OPTIONS")
        case .other: Slab("")
        }
    }
}
