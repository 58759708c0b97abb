// A package up and down by each address of this machine, as a phone does it, and away again as the
// operator does it. It is in no list of packages and is announced to nobody.

import CLinuxSys
import PackageStore
import TinyCoT

extension Doctor {
    mutating func checkPackages() {
        if config.httpListenerCount == 0 {
            return find("packages", .skipped, "HTTP is turned off (http.listen)")
        }
        if metrics.value("tinycot_store_ready") != 1 {
            return find("packages", .failure, "the store of packages is not ready")
        }
        // With evict_oldest one of ours could push out one of theirs.
        let packages = metrics.value("tinycot_packages") ?? 0
        let bytes = metrics.value("tinycot_package_bytes") ?? 0
        if packages >= Int64(budget.packages)
            || bytes > Int64(budget.packageStoreBytes - DoctorMemory.packageBytes)
        {
            return find("packages", .warning, "the store is full, so nothing was uploaded")
        }
        var transfers = 0
        var i = 0
        while i < config.httpListenerCount {
            checkListener(config.httpListeners[i], &transfers)
            i += 1
        }
    }

    private mutating func checkListener(_ listener: Endpoint, _ transfers: inout Int) {
        if !listener.address.isUnspecified { return checkTransfer(listener, &transfers) }
        if Parsing.isDefaultIPv6HTTPListener(listener) && !hasIPv6 {
            return find(
                "packages", .skipped, DoctorSubject(listener), "this machine has no IPv6")
        }
        var i = 0
        while let address = addresses.next(&i, for: listener.address) {
            var goal = listener
            goal.address = address
            checkTransfer(goal, &transfers)
        }
    }

    private mutating func checkTransfer(_ goal: Endpoint, _ transfers: inout Int) {
        let subject = DoctorSubject(goal)
        if !isAllowed(goal.address) {
            return find("packages", .skipped, subject, "this address is not served (allow)")
        }
        if isLate { return find("packages", .skipped, subject, "there was no time left") }
        transfers += 1
        let content = fillPackage(transfers)
        var hash = Digest()
        hash.update(content)
        let digest = hash.finish()
        let isKept = upload(content, goal, subject)
        if isKept && download(content, digest, goal, subject) {
            find("packages", .ok, subject, "a package went up and came down the same")
        }
        // Also where the answer was lost: it may have been stored.
        remove(digest, subject, isKept: isKept)
    }

    /// Never the same twice.
    private func fillPackage(_ transfer: Int) -> Slab<UInt8> {
        var writer = ByteWriter(memory.package)
        writer.append("A package of tinycot doctor, to be removed. ")
        writer.append(hex: number, digits: 16)
        writer.append("-")
        writer.append(decimal: transfer)
        var byte: UInt8 = 0
        while writer.count < memory.package.count {
            writer.append(byte)
            byte &+= 7
        }
        return writer.written
    }

    // MARK: The three steps

    private mutating func upload(
        _ content: Slab<UInt8>, _ goal: Endpoint, _ subject: DoctorSubject
    ) -> Bool {
        var request = StoreRequest("POST", "/Marti/sync/upload", memory.out)
        request.parameter("name", Slab("tinycot-doctor"))
        request.parameter("keywords", Slab("tinycot-doctor"))
        request.parameter("creatorUid", Slab("tinycot-doctor"))
        do throws(DoctorTrouble) {
            var exchange = try DoctorExchange(goal)
            _ = try exchange.ask(
                request.finish(bodyBytes: Int64(content.count)), content, answer: memory.answer)
            if exchange.head.status == 200 { return true }
            refuse(subject, "the upload", exchange.head.status)
        } catch {
            find("packages", subject, "the upload went wrong", error)
        }
        return false
    }

    private mutating func download(
        _ content: Slab<UInt8>, _ digest: SHA256Digest, _ goal: Endpoint, _ subject: DoctorSubject
    ) -> Bool {
        var request = StoreRequest("GET", "/Marti/sync/content", memory.out)
        request.parameter("hash", digest)
        do throws(DoctorTrouble) {
            var exchange = try DoctorExchange(goal)
            let body = try exchange.ask(request.finish(), answer: memory.answer)
            if exchange.head.status != 200 {
                refuse(subject, "the download", exchange.head.status)
                return false
            }
            if body.equals(content) { return true }
            find("packages", .failure, subject, "other bytes came down than went up")
        } catch {
            find("packages", subject, "the download went wrong", error)
        }
        return false
    }

    private mutating func remove(
        _ digest: SHA256Digest, _ subject: DoctorSubject, isKept: Bool
    ) {
        var request = StoreRequest("DELETE", "/Marti/sync/delete", memory.out)
        request.parameter("hash", digest)
        var status = 0
        do throws(DoctorTrouble) {
            var exchange = try DoctorExchange(unix: run.cStorePath)
            _ = try exchange.ask(request.finish(), answer: memory.answer)
            status = exchange.head.status
        } catch {
            find("packages", subject, "the doctor's package could not be removed", error)
            return
        }
        if status == 200 || status == 204 || !isKept && (status == 404 || status == 410) { return }
        refuse(subject, "removing the doctor's package", status)
    }

    private mutating func refuse(_ subject: DoctorSubject, _ what: StaticString, _ status: Int) {
        find("packages", .failure, subject) {
            $0.append(what)
            $0.append(" was refused with status ")
            $0.append(decimal: status)
        }
    }
}
