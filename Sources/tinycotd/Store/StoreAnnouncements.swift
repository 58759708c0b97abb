// Where the operator wants it, a package that becomes public is offered to its team: the server
// sends the `b-f-t-r` that ATAK sends between contacts (protocol 8.3), without a wish for an
// acknowledgement. Announcements wait in a short ring for a slot of the bridge; they are built
// from the catalogue when one is free, and one that finds no place is counted.

import CLinuxSys
import PackageStore
import TinyCoT

struct Announcement: BitwiseCopyable {
    var digest: SHA256Digest?
    /// As the uploader reached us.
    var base = ShortText<200>()
}

extension StoreLoop {
    /// - Parameter index: of the connection that made the package public.
    mutating func announce(_ digest: SHA256Digest, for index: Int) {
        if !settings.announcesUploads { return }
        if pendingAnnouncements == tables.announcements.count {
            return counters.add(.announcementsDropped)
        }
        var writer = ByteWriter(tables.texts)
        baseAddress(index, into: &writer)
        var announcement = Announcement()
        announcement.digest = digest
        announcement.base.set(writer.written)
        // Half an address helps nobody.
        if writer.overflowed || announcement.base.isCut {
            return counters.add(.announcementsDropped)
        }
        tables.announcements[pendingAnnouncements] = announcement
        pendingAnnouncements += 1
    }

    mutating func announcePending() {
        while pendingAnnouncements > 0 {
            guard let slot = bridge.takeFreeSlot() else { return }
            let announcement = tables.announcements[0]
            pendingAnnouncements -= 1
            var i = 0
            while i < pendingAnnouncements {
                tables.announcements[i] = tables.announcements[i + 1]
                i += 1
            }
            if !send(announcement, slot) {
                counters.add(.announcementsDropped)
                bridge.release(slot)
            }
        }
    }

    private mutating func send(_ announcement: Announcement, _ slot: Int) -> Bool {
        guard let digest = announcement.digest, catalogue != nil, let row = find(digest) else {
            return false
        }
        let question = bridge.question(slot)
        question.pointee = Question()
        question.pointee.kind = .announcement
        question.pointee.homeTeam.set(row.team)
        var base = ByteWriter(tables.texts)
        announcement.base.append(to: &base)
        var event = ByteWriter(bridge.memory(slot).bytes)
        let isSound = FileShareEvent(
            digest: digest, sizeBytes: row.sizeBytes, name: row.name,
            senderUID: Slab("tinycot"), senderCallsign: row.submissionUser, base: base.written,
            now: wall
        ).write(into: &event)
        if !isSound { return false }
        question.pointee.byteCount = event.count
        askers[slot] = SlotAsker()
        bridge.ask(slot)
        return true
    }

    mutating func announcementArrived(_ slot: Int) {
        let isHeard = bridge.question(slot).pointee.isFound
        counters.add(isHeard ? .announcements : .announcementsUnheard)
        bridge.release(slot)
    }
}
