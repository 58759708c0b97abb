// The store's end of the dump: takes events out of the ring and lets `DumpFiles` write them. It
// looks once a second, or when the relay says that the ring fills. What cannot be written is
// counted and dropped, never waited for.
//
//     off ──settings──► writing ◄──the next day── over the write budget: events are dropped
//      ▲                 │   ▲
//      └──settings───────┤   └─────after 30 seconds, opened anew──┐
//                        └──the disk fails──► failing: events are dropped
//
// That the disk fails is said once; that it goes on is said when events are in a file again.

import CLinuxSys
import PackageStore
import TinyCoT

struct StoreDump: ~Copyable {
    static var lookSeconds: Int { 1 }
    static var retrySeconds: Int { 30 }
    /// Events that are written in one turn; uploads and the state want their share.
    static var turnBytes: Int { 32_768 }

    var reader: EventFeedReader
    var isOn = false
    /// Not open while it is off, and while the disk fails.
    var files: DumpFiles
    /// When the ring is looked at again.
    var lookAt = Instant.never
    /// While the disk fails: when it is tried again.
    var openAt = Instant.never
    var isTroubleSaid = false
    var isBudgetSaid = false
    /// Since the trouble began.
    var lost: UInt64 = 0
    // Of `files`, as far as they are counted.
    var eventsNoted: UInt64 = 0
    var bytesNoted: UInt64 = 0

    init(ring: Slab<UInt8>, budget: Budget, tables: StoreTables) {
        reader = EventFeedReader(ring)
        let limits = DumpLimits(
            fileBytes: Int64(budget.dumpFileBytes), fileSeconds: 0,
            totalBytes: Int64(budget.dumpBytes), reserveBytes: Int64(budget.diskReserveBytes))
        files = DumpFiles(limits: limits, buffer: tables.dumpBuffer, scratch: tables.received)
    }

    var deadline: Instant {
        isOn ? min(min(lookAt, openAt), files.deadline) : .never
    }
}

extension StoreLoop {
    // MARK: On and off

    /// The settings are new.
    mutating func applyDump() {
        dump.files.limits.fileSeconds = settings.dumpFileSeconds
        if settings.dumpsEvents == dump.isOn { return }
        if dump.isOn {
            endDump()
            log.say("the dump is off", .notice, at: now, limited: false)
        } else {
            dump.isOn = true
            dump.lookAt = now
            openDump(isNew: true)
        }
    }

    /// What the relay has handed over goes into the file, and the file to the disk.
    mutating func endDump() {
        if !dump.isOn { return }
        drainDump(atMost: .max)
        do throws(FileError) {
            try dump.files.finish()
            noteDump()
            dump.files.close()
        } catch {
            failDump(error)
        }
        dump.isOn = false
        dump.openAt = .never
        dump.isTroubleSaid = false
        dump.isBudgetSaid = false
        dump.lost = 0
    }

    private mutating func openDump(isNew: Bool) {
        dump.openAt = .never
        do throws(FileError) {
            try dump.files.open(state: statePath, boot: BootClock.reading().bootId)
        } catch {
            return failDump(error)
        }
        if isNew { logDumpIsOn() }
    }

    /// The kernel's name for this boot; empty if it does not say.
    private mutating func logDumpIsOn() {
        var line = log.begin(.notice)
        line.append("the dump is on: ")
        line.append(Slab(cString: statePath), as: .plain)
        line.append("/dump, files of up to ")
        line.append(decimal: budget.dumpFileBytes)
        line.append(" bytes and ")
        line.append(decimal: settings.dumpFileSeconds)
        line.append(" seconds, together up to ")
        line.append(decimal: budget.dumpBytes)
        line.append(" bytes")
        if dump.files.mendedBytes > 0 {
            line.append("; ")
            line.append(decimal: dump.files.mendedBytes)
            line.append(" bytes of an event that was cut off removed from the end of file ")
            line.append(decimal: Int64(clamping: dump.files.mendedFile))
        }
        log.end(line, at: now, limited: false)
    }

    // MARK: Once a turn

    mutating func runDump() {
        if !dump.isOn { return }
        if now >= dump.openAt { openDump(isNew: false) }
        drainDump(atMost: StoreDump.turnBytes)
        do throws(FileError) {
            try dump.files.runDeadlines(now: now)
        } catch {
            failDump(error)
        }
        noteDump()
        dump.lookAt = dump.reader.isEmpty ? now.after(seconds: StoreDump.lookSeconds) : now
    }

    private mutating func drainDump(atMost limit: Int) {
        dump.reader.extend(to: bridge.feed.written)
        var done = 0
        while done < limit, let entry = dump.reader.next() {
            keep(entry)
            dump.reader.pass(entry)
            done += entry.eventCount
        }
        bridge.feed.read(upTo: dump.reader.consumed)
        counters.set(.dumpDroppedRing, bridge.feed.dropped)
    }

    private mutating func keep(_ entry: FeedEntry) {
        if !dump.files.isOpen { return lose(1) }
        var writer = ByteWriter(tables.texts)
        DumpLines.writeComment(entry.record, into: &writer)
        invariant(!writer.overflowed, "the comment before an event fits its line")
        let count = dump.files.bufferedBytes + writer.count + entry.eventCount + 1
        if !ledger.mayWrite(Int64(count), for: .dump, now: now) {
            sayDumpBudget(isUsedUp: true)
            return lose(1)
        }
        if dump.isBudgetSaid { sayDumpBudget(isUsedUp: false) }
        do throws(FileError) {
            try dump.files.append(
                comment: writer.written, event: entry.first, rest: entry.rest, now: now)
        } catch {
            lose(1)
            failDump(error)
        }
    }

    private mutating func lose(_ events: Int) {
        counters.add(.dumpDroppedDisk, UInt64(events))
        dump.lost += UInt64(events)
    }

    /// For `status` and the write budget: what went to the kernel since the last look.
    private mutating func noteDump() {
        let moreBytes = dump.files.bytesWritten - dump.bytesNoted
        dump.bytesNoted += moreBytes
        if moreBytes > 0 {
            ledger.note(Int64(moreBytes), for: .dump, now: now)
            freeBytes -= Int64(moreBytes)
            counters.add(.dumpBytes, moreBytes)
        }
        counters.set(.dumpFiles, UInt64(dump.files.fileCount))
        let moreEvents = dump.files.eventsWritten - dump.eventsNoted
        if moreEvents == 0 { return }
        dump.eventsNoted += moreEvents
        counters.add(.dumpEvents, moreEvents)
        if dump.isTroubleSaid { sayDumpGoesOn() }
    }

    // MARK: Trouble

    /// The disk does not take events: they are dropped, and half a minute later all is opened anew.
    private mutating func failDump(_ error: FileError) {
        lose(dump.files.giveUp())
        noteDump()
        dump.files.close()
        dump.openAt = now.after(seconds: StoreDump.retrySeconds)
        counters.add(.diskErrors)
        if dump.isTroubleSaid { return }
        dump.isTroubleSaid = true
        var line = log.begin(.error)
        line.append("events are not dumped to ")
        line.append(Slab(cString: statePath), as: .plain)
        line.append("/dump: ")
        error.write(into: &line)
        line.append("; tried again every 30 seconds")
        log.end(line, at: now, limited: false)
    }

    private mutating func sayDumpGoesOn() {
        dump.isTroubleSaid = false
        sayLost("the dump goes on")
    }

    private mutating func sayDumpBudget(isUsedUp: Bool) {
        if dump.isBudgetSaid == isUsedUp { return }
        dump.isBudgetSaid = isUsedUp
        if !isUsedUp {
            return sayLost("the dump goes on: a new day of disk_write_bytes_per_day began")
        }
        var line = log.begin(.warning)
        line.append("events are not dumped: half of disk_write_bytes_per_day, ")
        line.append(decimal: budget.diskWriteBytesPerDay)
        line.append(", is written; the next day begins in ")
        line.append(decimal: ledger.secondsToWait(now: now))
        line.append(" s")
        log.end(line, at: now, limited: false)
    }

    private mutating func sayLost(_ what: StaticString) {
        var line = log.begin(.notice)
        line.append(what)
        line.append("; ")
        line.append(decimal: Int64(clamping: dump.lost))
        line.append(" events were dropped")
        log.end(line, at: now, limited: false)
        dump.lost = 0
    }
}
