// The board itself: room on the disk, what was written to it today, the clock, the memory that is
// left.

import CLinuxSys
import TinyCoT

extension Doctor {
    // MARK: Disk

    mutating func checkDisk() {
        let folder = FileDescriptor(owning: tcs_open_folder(state.cPath))
        var space = tcs_space_t()
        let result = folder.isOpen ? tcs_space(folder.raw, &space) : folder.raw
        if result < 0 {
            let isForbidden = result == -tcs_errno_access
            find("disk", isForbidden ? .skipped : .failure) {
                $0.append("the state folder cannot be opened: ")
                $0.append(Slab(cString: tcs_error_text(-result)))
            }
        } else {
            let (bytes, isEndless) = space.blocks_available.multipliedReportingOverflow(
                by: space.block_bytes)
            sayRoom(isEndless ? .max : Int64(clamping: bytes))
        }
    }

    private mutating func sayRoom(_ free: Int64) {
        let reserve = Int64(budget.diskReserveBytes)
        let result: DoctorResult =
            free <= reserve ? .failure : free - reserve < reserve ? .warning : .ok
        find("disk", result) {
            $0.append(decimal: free / 1_048_576)
            $0.append(" MiB are free; uploads leave ")
            $0.append(decimal: reserve / 1_048_576)
            $0.append(" MiB of them (disk_reserve_bytes)")
        }
    }

    /// From the daemon's figures.
    mutating func checkWrites() {
        let today = metrics.sum("tinycot_disk_written_today_bytes")
        let limit = metrics.value("tinycot_disk_write_limit_bytes") ?? 0
        let result: DoctorResult =
            today >= limit ? .failure : today > limit - limit / 10 ? .warning : .ok
        find("disk", result) {
            $0.append(decimal: today / 1_048_576)
            $0.append(" MiB were written today, of ")
            $0.append(decimal: limit / 1_048_576)
            $0.append(" MiB (disk_write_bytes_per_day)")
        }
        let failures = metrics.value("tinycot_state_failures_total") ?? 0
        let errors = metrics.value("tinycot_disk_errors_total") ?? 0
        if failures == 0 && errors == 0 { return }
        find("disk", .warning) {
            $0.append(decimal: errors)
            $0.append(" calls to the disk failed since the start, and ")
            $0.append(decimal: failures)
            $0.append(" times the state was not written")
        }
    }

    // MARK: Clock

    /// A board without a clock relays as well as any; only its times mean nothing.
    mutating func checkClock() {
        if LinuxClock.wall().milliseconds < 1_700_000_000_000 {
            return find(
                "clock", .warning, "it is wrong: times that this server writes mean nothing")
        }
        if tcs_wall_is_synchronised() != 1 {
            return find("clock", .warning, "nobody keeps it right (no NTP, GPS or RTC says so)")
        }
        find("clock", .ok, "it is kept right")
    }

    // MARK: Memory of the machine

    mutating func checkMachine() {
        let count = Int(clamping: Files.read("/proc/meminfo", into: memory.scratch))
        let text = memory.scratch.slice(0, max(0, min(count, memory.scratch.count)))
        guard let free = Doctor.kibibytes(text, "MemAvailable:") else {
            return find("machine", .skipped, "the system does not say how much memory is left")
        }
        // Below this the kernel begins to look for whom to end.
        find("machine", free < 16_384 ? .warning : .ok) {
            $0.append(decimal: free / 1_024)
            $0.append(" MiB of memory are left for all programs")
        }
    }

    /// `MemAvailable:    3176 kB`
    private static func kibibytes(_ text: Slab<UInt8>, _ name: StaticString) -> Int64? {
        let name = Slab<UInt8>(name)
        var start = 0
        while start + name.count < text.count {
            if text.slice(start, name.count).equals(name) {
                var digits = start + name.count
                while digits < text.count && text[digits] == UInt8(ascii: " ") { digits += 1 }
                var end = digits
                while end < text.count && text[end] != UInt8(ascii: " ") { end += 1 }
                return DecimalText.number(text.slice(digits, end - digits)).map {
                    Int64(clamping: $0)
                }
            }
            while start < text.count && text[start] != UInt8(ascii: "\n") { start += 1 }
            start += 1
        }
        return nil
    }
}
