// SIGHUP: the configuration is read again, all or nothing, and no client is dropped. A thread of
// its own reads the file, because a slow SD card must not delay one event; it does nothing else and
// sleeps the rest of its life. The loop then parses into spare tables, opens the new ports, and
// changes over only if everything went well. The budget holds until the next start.

import CLinuxSys
import TinyCoT

/// What the loop and the reader thread share. The loop owns it except between the request and the
/// answer; the two descriptors order the accesses.
struct ReloadMailbox: BitwiseCopyable {
    var request: Int32 = -1
    var answer: Int32 = -1
    var path: UnsafePointer<CChar>?
    var buffer = Slab<UInt8>(start: nil, count: 0)
    /// As from `Files.read`.
    var result: Int64 = 0
}

extension EventLoop {
    /// Room for a few frames of file reading; the C library's least is 16 KiB.
    private static var readerStackBytes: Int { 65_536 }

    mutating func startReader() throws(SystemError) {
        reloadRequest = FileDescriptor(owning: try SystemError.check(tcs_wake_descriptor(0)))
        reloadAnswer = FileDescriptor(owning: try SystemError.check(tcs_wake_descriptor(1)))
        tables.mailbox[0].request = reloadRequest.raw
        tables.mailbox[0].answer = reloadAnswer.raw
        tables.mailbox[0].path = configPath
        tables.mailbox[0].buffer = tables.configFile
        try SystemError.check(
            tcs_poller_add(
                poller.raw, reloadAnswer.raw, tcs_event_readable,
                EventLoop.eventData(.reload, index: 0, generation: 0)))
        try SystemError.check(
            tcs_thread(
                { memory in
                    readOnRequest(memory.unsafelyUnwrapped)
                    return nil
                }, tables.mailbox.pointer(at: 0), EventLoop.readerStackBytes))
    }

    mutating func startReload() {
        if phase == .draining { return }
        noteReloadBegins()
        if reloadRuns {
            // The file may have changed after the thread looked: once more when it is done.
            reloadAgain = true
            return
        }
        requestFile()
    }

    private mutating func requestFile() {
        reloadRuns = true
        _ = tcs_wake(reloadRequest.raw)
    }

    mutating func finishReload() {
        _ = tcs_wake_wait(reloadAnswer.raw)
        reloadRuns = false
        if phase == .draining { return }
        if reloadAgain {
            reloadAgain = false
            return requestFile()
        }
        noteReloadEnds()
        let count = tables.mailbox[0].result
        if count < 0 && !(count == -Int64(tcs_errno_absent) && !configMustExist) {
            var line = beginComplaint()
            line.append("cannot read ")
            line.append(Slab(cString: configPath), as: .plain)
            line.append(reason: Int32(-count))
            log.end(line, at: now, limited: false)
            return
        }
        if count >= 0 { configMustExist = true }
        apply(count)
    }

    private func beginComplaint() -> ByteWriter {
        var line = log.begin(.error)
        line.append("reload refused, nothing changed: ")
        return line
    }

    private mutating func apply(_ count: Int64) {
        do throws(ConfigError) {
            try parse(count)
        } catch {
            var line = beginComplaint()
            error.write(file: Slab(cString: configPath), into: &line)
            log.end(line, at: now, limited: false)
            return
        }
        do throws(ListenTrouble) {
            try openMissingListeners(of: spare)
        } catch {
            abandonListeners()
            var line = beginComplaint()
            EventLoop.write(error, into: &line)
            log.end(line, at: now, limited: false)
            return
        }
        commitListeners()
        swap(&config, &spare)
        relay.apply(config: config)
        owesSettings = true
        handOverSettings()
        var line = log.begin(.notice)
        line.append("configuration reloaded: ")
        line.append(decimal: config.listenerCount)
        line.append(" listeners, ")
        line.append(decimal: config.teamCount)
        line.append(" teams; limits of the budget change only at a restart")
        log.end(line, at: now, limited: false)
    }

    private mutating func parse(_ count: Int64) throws(ConfigError) {
        let limit = tables.configFile.count - 1
        if count > Int64(limit) { throw ConfigError.fileTooLarge(bytes: Int(count), limit: limit) }
        var bytes = tables.configFile.slice(0, max(0, Int(count)))
        if count < 0 {
            let nothing = Slab(SettingsFile.nothing)
            tables.configFile.copy(nothing, to: 0)
            bytes = tables.configFile.slice(0, nothing.count)
        }
        try Parsing.config(bytes, hashKey: relay.hashKey, into: &spare)
    }
}

/// The reader thread. Never returns.
private func readOnRequest(_ memory: UnsafeMutableRawPointer) {
    let mailbox = memory.assumingMemoryBound(to: ReloadMailbox.self)
    while true {
        if tcs_wake_wait(mailbox.pointee.request) < 0 { continue }
        guard let path = mailbox.pointee.path else { continue }
        mailbox.pointee.result = Files.read(path, into: mailbox.pointee.buffer)
        _ = tcs_wake(mailbox.pointee.answer)
    }
}
