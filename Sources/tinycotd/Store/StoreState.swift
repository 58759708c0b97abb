// Keeps the state on the disk: the picture, the alerts, who was here. Asks the relay for one page
// after the other, writes each as JSON into the temporary file, and lets the whole take the place
// of the oldest generation (StateFiles). Between two pages requests are served as usual. At most
// every `state_seconds`, only if something has changed, and at a clean end.
// A disk that is full, read-only or broken costs nothing but the snapshot: said once, tried again.

import CLinuxSys
import PackageStore
import StateStore
import TinyCoT

extension StoreLoop {
    /// After a failure it is tried again no later than this.
    private static var retrySeconds: Int { 30 }
    /// How long the end waits for the last snapshot.
    static var lastStateSeconds: Int { 3 }

    /// Once a turn.
    mutating func runState() {
        if state.phase == .idle && now >= state.dueAt { state.phase = .wantsSlot }
        if state.phase == .wantsSlot { askForState() }
    }

    private mutating func askForState() {
        guard let slot = bridge.takeFreeSlot() else { return }
        state.phase = .asking
        state.slot = slot
        state.cursor = 0
        // It could not be opened at the start. The slot is still ours alone: a page lies in it only
        // when it has been asked for.
        if stateFiles == nil {
            do throws(FileError) {
                try openStateFiles(text: eventText(slot))
            } catch {
                return stateFailed(error)
            }
        }
        askers[slot] = SlotAsker(connection: SlotAsker.state)
        askForPage()
    }

    private func askForPage() {
        let question = bridge.question(state.slot)
        question.pointee = Question()
        question.pointee.kind = .statePage
        question.pointee.cursor = state.cursor
        bridge.ask(state.slot)
    }

    mutating func statePageArrived(_ slot: Int) {
        invariant(state.phase == .asking && state.slot == slot, "the state has one slot")
        let page = bridge.question(slot).pointee
        if !state.isBegun && !isWorthWriting(page) {
            endState(savedAt: nil)
            if page.changes == state.savedChanges { return answerStateAsker(.ok) }
            return answerStateAsker(.insufficientStorage)
        }
        do throws(FileError) {
            if !state.isBegun { try beginState(page) }
            try write(page, bridge.memory(slot))
            if !page.isLast {
                state.cursor = page.cursor
                return askForPage()
            }
            try commitState()
        } catch {
            stateFailed(error)
        }
    }

    private mutating func isWorthWriting(_ page: Question) -> Bool {
        if page.changes == state.savedChanges { return false }
        // As large as the last one, or a little more: it is written to the end once begun.
        let expected = Int64(clamping: counters.value(.stateBytes)) + 65_536
        if ledger.mayWrite(expected, for: .state, now: now) { return true }
        if !state.isFailing {
            state.isFailing = true
            counters.add(.stateFailures)
            var line = log.begin(.warning)
            line.append("the state is not written: disk_write_bytes_per_day, ")
            line.append(decimal: budget.diskWriteBytesPerDay)
            line.append(", are used up; the next day begins in ")
            line.append(decimal: ledger.secondsToWait(now: now))
            line.append(" s")
            log.end(line, at: now)
        }
        return false
    }

    private mutating func beginState(_ page: Question) throws(FileError) {
        try stateFiles!.begin()
        state.isBegun = true
        state.changes = page.changes
        state.beganAt = page.answeredAt
        state.header = stateHeader(page)
        state.writer = StateWriter()
        var piece = ByteWriter(tables.received)
        let isWhole = state.writer.begin(state.header, &piece)
        invariant(isWhole, "a header fits into the scratch")
        try flush(&piece)
    }

    private func stateHeader(_ page: Question) -> StateHeader {
        let clocks = BootClock.reading()
        var header = state.earlier
        header.generation = stateFiles!.nextGeneration()
        header.bootId = clocks.bootId
        header.bootMilliseconds = clocks.bootMilliseconds
        header.wallMilliseconds = clocks.wallMilliseconds
        header.isWallSynchronised = clocks.isWallSynchronised
        header.livedMilliseconds +=
            max(0, clocks.bootMilliseconds - state.loadedAtBootMilliseconds)
        header.eventsIn &+= page.eventsIn
        header.eventsOut &+= page.eventsOut
        header.written = ledger.report(now: now)
        return header
    }

    private mutating func write(
        _ page: Question, _ memory: QuestionMemory
    ) throws(FileError) {
        let later = page.answeredAt.milliseconds(since: state.beganAt)
        var piece = ByteWriter(tables.received)
        var i = 0
        while i < page.seenCount {
            while !state.writer.add(memory.seen[i], later: later, &piece) { try flush(&piece) }
            i += 1
        }
        i = 0
        while i < page.recordCount {
            let record = memory.records[i]
            let bytes = memory.bytes.slice(record.offset, record.count)
            while !state.writer.add(record, bytes, later: later, &piece) { try flush(&piece) }
            i += 1
        }
        try flush(&piece)
    }

    private mutating func flush(_ piece: inout ByteWriter) throws(FileError) {
        try stateFiles!.write(piece.written)
        ledger.note(Int64(piece.count), for: .state, now: now)
        piece.reset()
    }

    private mutating func commitState() throws(FileError) {
        var piece = ByteWriter(tables.received)
        while !state.writer.end(&piece) { try flush(&piece) }
        try flush(&piece)
        let commit = try stateFiles!.commit(state.header)
        state.isBegun = false
        ledger.note(Int64(StateWriter.lastLineBytes), for: .state, now: now)
        counters.set(.stateGeneration, state.header.generation)
        counters.set(.stateBytes, UInt64(commit.sizeBytes))
        counters.add(.statesWritten)
        if let error = commit.error { logTrouble(error) }
        if state.isFailing {
            state.isFailing = false
            log.say("the state is written again", .notice, at: now)
        }
        endState(savedAt: state.changes)
        answerStateAsker(.ok)
    }

    /// - Parameter changes: nil if nothing was written.
    private mutating func endState(savedAt changes: UInt64?) {
        bridge.release(state.slot)
        state.phase = .idle
        state.slot = -1
        if let changes { state.savedChanges = changes }
        state.dueAt = now.after(seconds: settings.stateSeconds)
    }

    private mutating func stateFailed(_ error: FileError) {
        if state.isBegun { stateFiles!.discard() }
        state.isBegun = false
        counters.add(.stateFailures)
        let isNew = !state.isFailing
        state.isFailing = true
        if isNew {
            counters.add(.diskErrors)
            var line = log.begin(.error)
            line.append("the state is not kept: ")
            error.write(into: &line)
            line.append("; events go on, and it is tried again")
            log.end(line, at: now)
        }
        endState(savedAt: nil)
        let soon = now.after(seconds: StoreLoop.retrySeconds)
        state.dueAt = min(state.dueAt, soon)
        answerStateAsker(error.isFull ? .insufficientStorage : .internalServerError)
    }

    // MARK: The end

    /// One last snapshot, while the relay still answers. Requests are over.
    mutating func finishState() {
        let until = LinuxClock.now().after(seconds: StoreLoop.lastStateSeconds)
        now = LinuxClock.now()
        if state.phase == .idle { state.dueAt = now }
        // A snapshot that was under way when the end came is brought to its end first; what changed
        // since it began is in the next one.
        var rounds = state.phase == .idle ? 1 : 2
        while rounds > 0 && now < until {
            runState()
            if state.phase == .idle {
                rounds -= 1
                state.dueAt = now
                continue
            }
            waitForRelay(until: until)
        }
        if state.phase == .asking && state.isBegun {
            stateFiles!.discard()
            state.isBegun = false
        }
    }

    /// Sleeps until the relay has answered something; takes what it has answered.
    mutating func waitForRelay(until deadline: Instant) {
        _ = tcs_poller_wait(
            poller.raw, tables.events.start, Int32(tables.events.count),
            LinuxClock.milliseconds(until: deadline))
        now = LinuxClock.now()
        wall = LinuxClock.wall()
        takeFromRelay()
    }
}
