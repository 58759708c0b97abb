// The state comes back: the newest whole generation is read from the disk and handed to the relay
// page by page, before anything else is done with the disk. The relay goes on meanwhile and lets
// newcomers wait for the picture, but not for long (`Relay.awaitRestore`). Whatever is wrong with
// the files, the daemon starts: without them it begins afresh, and says so.

import CLinuxSys
import PackageStore
import StateStore
import TinyCoT

/// What has become of a state file.
private struct RestoredState: BitwiseCopyable {
    var elapsed: ElapsedTime
    var clients = 0
    var events = 0
    /// Of the clients and events, those that the relay has taken up.
    var taken = 0
    var isCutShort = false
}

extension StoreLoop {
    /// Pages are filled in one slot, and events decoded in another.
    private static var pageSlot: Int { 0 }
    private static var textSlot: Int { 1 }

    /// Memory of a slot in which an event can be decoded. The slot must be the caller's.
    func eventText(_ slot: Int) -> Slab<UInt8> {
        bridge.memory(slot).bytes.slice(0, budget.eventMaxBytes)
    }

    /// At the start of the thread, before the first connection is served.
    mutating func loadState() {
        state.loadedAtBootMilliseconds = BootClock.reading().bootMilliseconds
        // Nobody else has asked for a slot yet.
        let slots = (bridge.takeFreeSlot(), bridge.takeFreeSlot())
        invariant(
            slots.0 == StoreLoop.pageSlot && slots.1 == StoreLoop.textSlot,
            "the first two slots are free at the start")
        do throws(FileError) {
            try openStateFiles(text: eventText(StoreLoop.textSlot))
            try restoreNewest()
        } catch {
            counters.add(.stateFailures)
            var line = log.begin(.error)
            line.append("no state is restored: ")
            error.write(into: &line)
            log.end(line, at: now, limited: false)
        }
        endRestore()
        bridge.release(StoreLoop.pageSlot)
        bridge.release(StoreLoop.textSlot)
        state.dueAt = now.after(seconds: settings.stateSeconds)
    }

    /// Opens the folder and looks at every slot: before something is written it must be known
    /// what is there.
    /// - Parameter text: room for the longest event.
    mutating func openStateFiles(text: Slab<UInt8>) throws(FileError) {
        let limits = StateLimits(
            generations: budget.stateGenerations, totalBytes: Int64(budget.stateBytes),
            generationBytes: Int64(budget.stateBytes),
            maxAgeMilliseconds: Int64(settings.replayMaxSeconds) * 1_000)
        var files = try StateFiles.open(statePath, limits)
        var slot = 1
        while slot <= StateFiles.slotLimit {
            pulse.step()
            let found = files.examine(slot, text: text, buffer: tables.received)
            if found.isTrouble {
                counters.add(.stateFailures)
                var line = log.begin(.warning)
                line.append("state: ")
                found.write(into: &line)
                log.end(line, at: now, limited: false)
            } else if slot == files.newest() {
                state.earlier = found.header
                counters.set(.stateGeneration, found.header.generation)
                counters.set(.stateBytes, UInt64(max(0, found.sizeBytes)))
            }
            slot += 1
        }
        state.earlier.starts &+= 1
        stateFiles = consume files
    }

    private mutating func restoreNewest() throws(FileError) {
        guard let slot = stateFiles!.newest() else { return }
        var restored = RestoredState(
            elapsed: ElapsedTime.since(state.earlier, now: BootClock.reading()))
        let header = state.earlier
        state.earlier.livedMilliseconds += restored.elapsed.milliseconds
        ledger.resume(
            header.written, elapsedMilliseconds: restored.elapsed.milliseconds, now: now)
        try stateFiles!.open(slot)
        do throws(FileError) {
            try handOver(&restored)
        } catch {
            stateFiles!.closeReading()
            throw error
        }
        stateFiles!.closeReading()
        logRestored(restored, header)
    }

    // MARK: Pages

    private mutating func handOver(_ restored: inout RestoredState) throws(FileError) {
        var reader = StateReader(text: eventText(StoreLoop.textSlot))
        emptyPage()
        while true {
            pulse.step()
            let count = try stateFiles!.read(into: tables.received)
            if count == 0 { break }
            if !hand(tables.received.slice(0, count), &reader, &restored) {
                restored.isCutShort = true
                return
            }
        }
        sendPage(&restored)
    }

    /// - Returns: false if it makes no sense to go on.
    private mutating func hand(
        _ piece: Slab<UInt8>, _ reader: inout StateReader, _ restored: inout RestoredState
    ) -> Bool {
        var offset = 0
        while true {
            let found: StateReader.Found
            do throws(StateFault) {
                found = try reader.read(piece, &offset)
            } catch {
                // It was whole a moment ago.
                return false
            }
            switch found {
            case .more: return true
            case .header, .end: break
            case .client: add(reader.client, &restored)
            case .event: add(reader.event, reader.eventBytes, &restored)
            }
        }
    }

    private func emptyPage() {
        let question = bridge.question(StoreLoop.pageSlot)
        question.pointee = Question()
        question.pointee.kind = .restore
    }

    private mutating func add(_ client: SeenRecord, _ restored: inout RestoredState) {
        let question = bridge.question(StoreLoop.pageSlot)
        if question.pointee.seenCount == QuestionMemory.seenPerPage { sendPage(&restored) }
        var aged = client
        aged.agoMilliseconds += restored.elapsed.milliseconds
        bridge.memory(StoreLoop.pageSlot).seen[question.pointee.seenCount] = aged
        question.pointee.seenCount += 1
        restored.clients += 1
    }

    private mutating func add(
        _ event: KeptRecord, _ bytes: Slab<UInt8>, _ restored: inout RestoredState
    ) {
        let left = event.leftMilliseconds - restored.elapsed.milliseconds
        restored.events += 1
        if left <= 0 { return }
        let question = bridge.question(StoreLoop.pageSlot)
        let memory = bridge.memory(StoreLoop.pageSlot)
        let isFull =
            question.pointee.recordCount == QuestionMemory.recordsPerPage
            || bytes.count > memory.bytes.count - question.pointee.byteCount
        if isFull { sendPage(&restored) }
        var aged = event
        aged.ageMilliseconds += restored.elapsed.milliseconds
        aged.leftMilliseconds = left
        aged.offset = question.pointee.byteCount
        aged.count = bytes.count
        memory.bytes.copy(bytes, to: aged.offset)
        memory.records[question.pointee.recordCount] = aged
        question.pointee.recordCount += 1
        question.pointee.byteCount += bytes.count
    }

    /// Hands the page over, waits until the relay has taken it, and begins the next one. Also when
    /// the end has come: the state of a stop is made of what the relay has, and half a picture
    /// would take the place of the whole one.
    private mutating func sendPage(_ restored: inout RestoredState) {
        let question = bridge.question(StoreLoop.pageSlot)
        if question.pointee.seenCount == 0 && question.pointee.recordCount == 0 { return }
        askAndWait()
        restored.taken += question.pointee.restoredCount
        emptyPage()
    }

    /// Clients of the relay have waited for the picture until now, also where there is none.
    private mutating func endRestore() {
        emptyPage()
        bridge.question(StoreLoop.pageSlot).pointee.kind = .restoreEnd
        askAndWait()
    }

    /// The slot comes back here, and nothing else is under way.
    private mutating func askAndWait() {
        bridge.ask(StoreLoop.pageSlot)
        // The relay answers within a turn, or the whole process ends.
        pulse.rest()
        while bridge.nextAnswer() == nil {
            _ = tcs_poller_wait(
                poller.raw, tables.events.start, Int32(tables.events.count), 1_000)
            bridge.drainStoreWake()
        }
        pulse.step()
        now = LinuxClock.now()
    }

    private mutating func logRestored(_ restored: RestoredState, _ header: StateHeader) {
        var line = log.begin(.notice)
        line.append("state: generation ")
        line.append(decimal: Int64(clamping: header.generation))
        line.append(", ")
        line.append(decimal: restored.events)
        line.append(" events and ")
        line.append(decimal: restored.clients)
        line.append(" clients, written ")
        restored.elapsed.write(into: &line)
        line.append("; ")
        line.append(decimal: restored.taken)
        line.append(" restored")
        if restored.isCutShort { line.append("; the rest was given up") }
        log.end(line, at: now, limited: false)
    }
}
