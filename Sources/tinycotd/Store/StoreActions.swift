// What an upload asks for is done here, one action after the other until it wants to hear from the
// client again. Every action may wait for the disk. The order of actions is `PackageUpload`'s; that
// a failure leaves nothing behind is its and `PackageFiles`' promise together.

import CLinuxSys
import PackageStore
import TinyCoT

extension StoreLoop {
    /// - Parameter stretch: the bytes that `.contentArrived` speaks of.
    mutating func drive(
        _ index: Int, _ fact: UploadFact, _ stretch: Slab<UInt8>
    ) -> UploadAction {
        let upload = tables.uploads.pointer(at: tables.connections[index].upload)
        var action = upload.pointee.machine.happened(fact)
        // Each turn takes the upload a step nearer to its end, or back to its client.
        while true {
            let next: UploadFact
            switch action {
            case .readMore, .none, .answer, .close: return action
            default: next = perform(action, upload, stretch)
            }
            action = upload.pointee.machine.happened(next)
        }
    }

    private mutating func perform(
        _ action: UploadAction, _ upload: UnsafeMutablePointer<Upload>, _ stretch: Slab<UInt8>
    ) -> UploadFact {
        do throws(FileError) {
            switch action {
            case .openTemporary:
                upload.pointee.file = try files!.create()
                return .temporaryOpened
            case .hashAndWriteStretch:
                upload.pointee.digest.update(stretch)
                try files!.write(stretch, to: &upload.pointee.file!)
                freeBytes -= Int64(stretch.count)
                ledger.note(Int64(stretch.count), for: .packages, now: now)
                return .stretchWritten
            case .computeDigest: return try computeDigest(upload)
            case .sync:
                try files!.sync(upload.pointee.file!)
                return .synced
            case .rename:
                try files!.rename(&upload.pointee.file!, as: upload.pointee.machine.digest!)
                upload.pointee.file = nil
                return .renamed
            case .syncFolder:
                try files!.syncFolder()
                return .folderSynced
            case .storeRow: return storeRow(upload)
            case .discard:
                if upload.pointee.file != nil { files!.discard(&upload.pointee.file!) }
                upload.pointee.file = nil
                freeBytesAskedAt = nil
                return .discarded
            case .withdraw:
                if !upload.pointee.mayBeListed { withdraw(upload.pointee.machine.digest!) }
                return .withdrawn
            case .readMore, .none, .answer, .close:
                invariantBroken("what is no action is not performed")
            }
        } catch {
            logTrouble(error)
            return .diskFailed(isFull: error.isFull)
        }
    }

    private mutating func computeDigest(
        _ upload: UnsafeMutablePointer<Upload>
    ) throws(FileError) -> UploadFact {
        let digest = upload.pointee.digest.finish()
        let isListed: Bool
        do throws(CatalogueError) {
            isListed = try catalogue!.find(digest) != nil
        } catch {
            logTrouble(error)
            return .diskFailed(isFull: error.isFull)
        }
        var isThere = false
        if isListed {
            isThere = try files!.size(digest) == upload.pointee.machine.contentBytes
        }
        return .digestComputed(digest, isStored: isThere)
    }

    private mutating func storeRow(_ upload: UnsafeMutablePointer<Upload>) -> UploadFact {
        let outcome: Catalogue.Outcome
        do throws(CatalogueError) {
            outcome = try catalogue!.store(description(upload))
        } catch {
            logTrouble(error)
            upload.pointee.mayBeListed = error.isUncertain
            return .diskFailed(isFull: error.isFull)
        }
        switch outcome {
        case .added:
            let digest = upload.pointee.machine.digest!
            if !keepsLimits(with: digest) {
                dropRow(digest)
                return .diskFailed(isFull: true)
            }
            upload.pointee.becamePublic = upload.pointee.isPublic
        case .replaced(let old):
            removeFile(old)
            // What took its place may be far larger.
            if settings.evictsOldest { _ = keepsLimits(with: upload.pointee.machine.digest!) }
            upload.pointee.becamePublic = upload.pointee.isPublic
        case .renewed: if upload.pointee.isPublic { publish(upload) }
        case .ofAnotherTeam: break
        }
        return .rowStored
    }

    /// The same package came before, then for contacts only.
    private mutating func publish(_ upload: UnsafeMutablePointer<Upload>) {
        do throws(CatalogueError) {
            let effect = try catalogue!.setTool(
                Slab("public"), of: upload.pointee.machine.digest!)
            upload.pointee.becamePublic = effect == .changed
        } catch { logTrouble(error) }
    }

    /// There was no place for it; its file goes when the upload withdraws.
    private mutating func dropRow(_ digest: SHA256Digest) {
        do throws(CatalogueError) {
            try catalogue!.delete(digest)
        } catch { logTrouble(error) }
    }

    /// What the catalogue is told; the texts lie in the scratch for texts.
    private func description(_ upload: UnsafeMutablePointer<Upload>) -> NewPackage {
        let digest = upload.pointee.machine.digest!
        var writer = ByteWriter(tables.texts)
        if upload.pointee.name.isEmpty {
            digest.append(to: &writer)
            writer.append(".zip")
        } else {
            upload.pointee.name.append(to: &writer)
        }
        var package = NewPackage(hash: digest, name: writer.written)
        package.creatorUid = keep(upload.pointee.creatorUID, &writer)
        package.submissionUser = keep(upload.pointee.submissionUser, &writer)
        package.keywords = keep(upload.pointee.keywords, &writer)
        package.team = keep(upload.pointee.team, &writer)
        if !upload.pointee.mimeType.isEmpty {
            package.mimeType = keep(upload.pointee.mimeType, &writer)
        }
        package.tool = upload.pointee.isPublic ? Slab("public") : Slab("private")
        package.sizeBytes = upload.pointee.machine.contentBytes
        package.submittedAtMilliseconds = wall.milliseconds
        invariant(!writer.overflowed, "the texts of a package fit into the scratch")
        return package
    }

    private func keep<let capacity: Int>(
        _ text: ShortText<capacity>, _ writer: inout ByteWriter
    ) -> Slab<UInt8> {
        let start = writer.count
        text.append(to: &writer)
        return writer.written.slice(start, writer.count - start)
    }

    /// The row could not be written: the file goes, unless a row names it after all.
    private mutating func withdraw(_ digest: SHA256Digest) {
        do throws(CatalogueError) {
            if try catalogue!.find(digest) != nil { return }
        } catch {
            // Not known: the collection at the next start decides.
            return
        }
        removeFile(digest)
    }

    /// What cannot be removed now is an orphan, which the next start collects.
    mutating func removeFile(_ digest: SHA256Digest) {
        do throws(FileError) {
            try files!.remove(digest)
            try files!.syncFolder()
        } catch {
            logTrouble(error)
        }
        freeBytesAskedAt = nil
    }
}
