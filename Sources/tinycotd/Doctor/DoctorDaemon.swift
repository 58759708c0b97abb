// Whether the daemon runs and answers, and what its own figures say: asked once, through the store
// socket, because only operators get there.

import CLinuxSys
import TinyCoT

extension Doctor {
    /// - Returns: whether there is anything else to be asked.
    mutating func checkDaemon() -> Bool {
        var request = StoreRequest("GET", "/metrics", memory.out)
        do throws(DoctorTrouble) {
            var exchange = try DoctorExchange(unix: run.cStorePath)
            daemonProcess = exchange.peerProcess
            let body = try exchange.ask(request.finish(), answer: memory.metrics)
            if exchange.head.status != 200 { throw .strange }
            metrics = MetricsText(body)
        } catch {
            sayAbsence(error)
            return false
        }
        sayDaemon()
        checkVersion()
        return true
    }

    private mutating func sayAbsence(_ trouble: DoctorTrouble) {
        if case .system(let number) = trouble {
            if number == tcs_errno_absent || number == tcs_errno_refused {
                return find(
                    "daemon", .failure, "it does not run, or its run folder is another (--run-dir)")
            }
            if number == tcs_errno_access {
                return find("daemon", .failure, "only its own user and root may ask it")
            }
        }
        find("daemon", DoctorSubject(), "it does not answer", trouble)
    }

    private mutating func sayDaemon() {
        let uptime = Int(clamping: metrics.value("tinycot_uptime_seconds") ?? 0)
        let clients = metrics.value("tinycot_pool_used", Slab("clients")) ?? 0
        let places = metrics.value("tinycot_pool_limit", Slab("clients")) ?? 0
        let isFull = clients >= places
        find("daemon", isFull ? .warning : .ok) {
            $0.append("up ")
            $0.append(duration: uptime)
            $0.append(", ")
            $0.append(decimal: clients)
            $0.append(" of ")
            $0.append(decimal: places)
            $0.append(" places for clients taken")
        }
    }

    private mutating func checkVersion() {
        guard let version = metrics.label("tinycot_build_info", 0) else { return }
        if version.equals(ProgramText.version) { return }
        find(
            "daemon", .warning,
            "it is of another version than this program, which was upgraded: restart it")
    }

    // MARK: Memory

    mutating func checkMemory() {
        let peak = metrics.value("tinycot_memory_resident_peak_bytes") ?? 0
        let limit = metrics.value("tinycot_memory_limit_bytes") ?? 0
        find("memory", peak > limit ? .warning : .ok) {
            $0.append("at most ")
            $0.append(decimal: peak)
            $0.append(" bytes were ever used, of ")
            $0.append(decimal: limit)
            $0.append(" (memory_bytes)")
        }
        let allocations = metrics.value("tinycot_heap_allocations_total") ?? 0
        if allocations > 0 {
            find("memory", .failure) {
                $0.append(decimal: allocations)
                $0.append(" heap allocations after the start; there must be none")
            }
        }
        checkPools()
    }

    private mutating func checkPools() {
        var full = 0
        var i = 0
        while let pool = metrics.label("tinycot_pool_peak", i) {
            i += 1
            let peak = metrics.value("tinycot_pool_peak", pool) ?? 0
            guard let limit = metrics.value("tinycot_pool_limit", pool), peak >= limit else {
                continue
            }
            // Tables that forget the oldest for the newest are full in good health.
            if pool.equals("seen_clients") { continue }
            full += 1
            find("memory", .warning) {
                $0.append("all of the pool ")
                $0.append(pool)
                $0.append(" was once in use (")
                $0.append(decimal: limit)
                $0.append(")")
            }
        }
        if full > 0 || i == 0 { return }
        find("memory", .ok) {
            $0.append("none of ")
            $0.append(decimal: i)
            $0.append(" pools was ever used up")
        }
    }

    // MARK: Descriptors

    /// Counted in /proc, where only the daemon's user and root may look.
    mutating func checkDescriptors() {
        var path = ByteWriter(memory.line)
        path.append("/proc/")
        path.append(decimal: Int(daemonProcess))
        path.append("/fd")
        path.append(0)
        let folder = FileDescriptor(
            owning: tcs_open_folder(RunDirectory.cString(path.written)))
        let open = folder.isOpen ? Doctor.countEntries(folder.raw, memory.answer) : nil
        guard let open else {
            return find(
                "descriptors", .skipped, "only the daemon's user and root may count them")
        }
        let limit = budget.fileDescriptors
        find("descriptors", open > limit - limit / 10 ? .warning : .ok) {
            $0.append(decimal: open)
            $0.append(" are open, of ")
            $0.append(decimal: limit)
            $0.append(" (file_descriptors)")
        }
    }

    /// Without `.` and `..`; nil if they cannot be read.
    private static func countEntries(_ folder: Int32, _ buffer: Slab<UInt8>) -> Int? {
        var entries = -2
        while true {
            let bytes = Int(tcs_folder_read(folder, buffer.start, buffer.count))
            if bytes < 0 { return nil }
            if bytes == 0 { return entries }
            var at = 0
            while at < bytes {
                let length = at + tcs_folder_length_offset
                at += Int(buffer[length]) | Int(buffer[length + 1]) << 8
                entries += 1
            }
        }
    }

    // MARK: What was lost

    /// Slow clients lose events, and the operator should know that some are slow.
    mutating func checkDrops() {
        let dropped = metrics.sum("tinycot_events_dropped_total")
        let undumped = metrics.sum("tinycot_dump_dropped_events_total")
        find("events", undumped > 0 ? .warning : .ok) {
            $0.append(decimal: dropped)
            $0.append(" were lost by clients that were too slow for them or had left, ")
            $0.append(decimal: undumped)
            $0.append(" are missing in the dump")
        }
    }
}
