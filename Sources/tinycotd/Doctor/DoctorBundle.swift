// `tinycot doctor --bundle FILE`: what helps to understand a server from afar, in one tar that may
// be shown to strangers. Names, addresses and teams are replaced; the picture, the packages and the
// log are not in it at all.

import CLinuxSys
import TinyCoT

/// The file, made before anything is asked, so that a wrong path costs no time.
struct DoctorBundle: ~Copyable {
    private let file: FileDescriptor
    private let path: UnsafePointer<CChar>
    private let startup: StartupMemory

    /// - Returns: nil if none is wanted.
    static func create(
        _ settings: Settings, _ startup: StartupMemory
    ) throws(ExitCode) -> DoctorBundle? {
        guard let path = settings.bundle else { return nil }
        let raw = tcs_file_create(tcs_working_folder, path, 0o600)
        if raw >= 0 {
            return DoctorBundle(file: FileDescriptor(owning: raw), path: path, startup: startup)
        }
        complain("cannot make ", Slab(cString: path), reason: -raw, startup: startup)
        throw raw == -tcs_errno_exists ? .cannotCreate : ExitCode(error: -raw)
    }

    /// - Parameter document: the report. It is decoded where it lies.
    borrowing func fill(
        _ doctor: borrowing Doctor, _ document: Slab<UInt8>, _ settings: Settings
    ) throws(ExitCode) {
        var redactor = Redactor(doctor.memory.words, key: try ToolMemory.key(startup))
        try add("tinycot-doctor/README.txt", Slab(DoctorBundle.explanation))
        try add("tinycot-doctor/report.json", document, .report, &redactor, doctor)
        try addFile(
            "tinycot-doctor/tinycot.json", settings.config, .configuration, &redactor, doctor)
        try addFile("tinycot-doctor/budget.json", settings.budget, .status, &redactor, doctor)
        try add("tinycot-doctor/metrics.txt", doctor.metrics.text)
        if let status = doctor.status() {
            try add("tinycot-doctor/status.json", status, .status, &redactor, doctor)
        }
        for name in SystemFile.all {
            guard let file = SystemFile(rawValue: name) else { continue }
            let count = Int(clamping: Files.read(file.path, into: doctor.memory.answer))
            if count > 0 {
                try add(file.name, doctor.memory.answer.slice(0, min(count, 65_536)))
            }
        }
        // Two blocks of zeros end it.
        doctor.memory.answer.slice(0, 2 * TarHeader.blockBytes).fill(0)
        try write(doctor.memory.answer.slice(0, 2 * TarHeader.blockBytes))
        let synced = tcs_sync(file.raw)
        if synced < 0 { throw failed(synced) }
    }

    /// Of the machine; none of them names anybody.
    private enum SystemFile: UInt8 {
        case kernel, memory, release

        static var all: Range<UInt8> { 0..<3 }

        var path: UnsafePointer<CChar> {
            let text: StaticString =
                switch self {
                case .kernel: "/proc/sys/kernel/osrelease"
                case .memory: "/proc/meminfo"
                case .release: "/etc/os-release"
                }
            return UnsafeRawPointer(text.utf8Start).assumingMemoryBound(to: CChar.self)
        }

        var name: StaticString {
            switch self {
            case .kernel: "tinycot-doctor/kernel.txt"
            case .memory: "tinycot-doctor/meminfo.txt"
            case .release: "tinycot-doctor/os-release.txt"
            }
        }
    }

    private static var explanation: StaticString {
        """
        What tinycot doctor found, for whoever helps. The same word (name-3, team-1, address-2)
        stands for the same uid, callsign, team or address in all files. Positions, packages, events
        and the log are not in here. Look through it before you send it.

        report.json      each check and its result
        tinycot.json     the configuration
        budget.json      the budget
        metrics.txt      the daemon's counters, as /metrics gives them
        status.json      the clients, as tinycot status gives them
        kernel.txt, meminfo.txt, os-release.txt   of the machine

        """
    }

    // MARK: Files of the archive

    private borrowing func addFile(
        _ name: StaticString, _ file: SettingsFile, _ kind: Redactor.Document,
        _ redactor: inout Redactor, _ doctor: borrowing Doctor
    ) throws(ExitCode) {
        let room = doctor.memory.answer.slice(0, doctor.budget.configFileBytes + 1)
        let read = try file.load(into: room, complaint: startup.text)
        if read.exists { try add(name, read.bytes, kind, &redactor, doctor) }
    }

    private borrowing func add(
        _ name: StaticString, _ json: Slab<UInt8>, _ kind: Redactor.Document,
        _ redactor: inout Redactor, _ doctor: borrowing Doctor
    ) throws(ExitCode) {
        var writer = ByteWriter(doctor.memory.redacted)
        do throws(ConfigError) {
            try redactor.redact(json, kind, into: &writer)
        } catch {
            // Half of it would be worse than nothing.
            writer.reset()
            writer.append("{\"unreadable\":true}")
        }
        writer.append("\n")
        if writer.overflowed { return }
        try add(name, writer.written)
    }

    private borrowing func add(_ name: StaticString, _ bytes: Slab<UInt8>) throws(ExitCode) {
        if bytes.count == 0 { return }
        var header = ByteWriter(startup.text)
        TarHeader.write(
            name: name, bytes: bytes.count, time: LinuxClock.wall(), into: &header)
        try write(header.written)
        try write(bytes)
        let zeros = startup.text.slice(0, TarHeader.padding(behind: bytes.count))
        zeros.fill(0)
        try write(zeros)
    }

    private borrowing func write(_ bytes: Slab<UInt8>) throws(ExitCode) {
        var done = 0
        while done < bytes.count {
            let result = tcs_write(file.raw, bytes.pointer(at: done), bytes.count - done)
            if result == -Int64(tcs_errno_interrupted) { continue }
            if result < 0 { throw failed(Int32(result)) }
            done += Int(result)
        }
    }

    /// Nothing is left of an archive that is not whole.
    private borrowing func failed(_ result: Int32) -> ExitCode {
        _ = tcs_unlink(path)
        complain("cannot write ", Slab(cString: path), reason: -result, startup: startup)
        return .system
    }
}

extension Doctor {
    /// What `tinycot status --json` prints; nil if it cannot be had.
    fileprivate func status() -> Slab<UInt8>? {
        do throws(DoctorTrouble) {
            let socket = FileDescriptor(
                owning: try DoctorSocket.connect(unix: run.cStatusPath))
            try DoctorSocket.send(Slab("json\n"), to: socket.raw)
            let end = DoctorSocket.deadline
            var count = 0
            while count < memory.answer.count {
                let rest = memory.answer.slice(count, memory.answer.count - count)
                let more = try DoctorSocket.receiveUntilClosed(
                    into: rest, from: socket.raw, until: end)
                if more == 0 { return count > 0 ? memory.answer.slice(0, count) : nil }
                count += more
            }
            return nil
        } catch {
            return nil
        }
    }
}
