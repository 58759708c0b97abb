// `tinycot restore`: a backup takes the place of what is in the state folder, wholly or not at all
// (ADR 0012). Never while a daemon runs there. What was there before is moved aside, if that was
// asked for, and never removed. Chosen by Main.

import CLinuxSys
import PackageStore
import TinyCoT

enum RestoreCommand {
    static func run(
        _ invocation: Invocation, _ settings: Settings, _ startup: StartupMemory
    ) throws(ExitCode) {
        let job = try PackagesJob(invocation, settings, startup, keepsList: false)
        let backup = try RestoreSource.open(job)
        try job.state.prepare(startup: startup)
        let state = try SettledState.lock(job.state, startup)
        try refuseDaemon(state.folder, job)
        try refuseContents(state.folder, job)
        // Nothing has been touched so far.
        let counts = try backup.verify(job)
        try checkRoom(counts, job)
        do throws(ExitCode) {
            try RestoreFilling.fill(backup, state.folder, counts, job)
            // Who started it in between has no catalogue open yet, or has it now.
            try refuseDaemon(state.folder, job)
            try decide(state.folder, job)
        } catch {
            _ = try? PendingRestore.remove(in: state.folder, job.memory.output)
            throw error
        }
        let outcome = try job.attempt(
            "the restore is decided and will be finished at the next start, but now it fails in ",
            job.state.path
        ) { () throws(FolderError) in
            try PendingRestore.finish(in: state.folder, job.memory.output)
        }
        state.close()
        sumUp(counts, outcome, backup.path, job)
    }

    private static func decide(
        _ state: borrowing Folder, _ job: PackagesJob
    ) throws(ExitCode) {
        try job.attempt("cannot write to ", job.state.path) { () throws(FolderError) in
            try PendingRestore.decide(in: state)
        }
    }

    // MARK: What is refused

    private static func refuseDaemon(
        _ state: borrowing Folder, _ job: PackagesJob
    ) throws(ExitCode) {
        if try StoreConnection.open(job) != nil {
            throw job.refuse(
                job.state.path, ": the daemon runs; stop it, then restore.", .temporary)
        }
        let place = state.descriptor
        let name = BackupTarget.catalogue
        let file = FileDescriptor(owning: name.withText { tcs_file_open(place, $0) })
        if !file.isOpen { return }
        // Where SQLite locks a database: its file format keeps these bytes free for that.
        let holder = tcs_lock_holder(file.raw, 0x4000_0000, 512)
        if holder <= 0 { return }
        var writer = job.beginComplaint()
        writer.append("process ")
        writer.append(decimal: Int(holder))
        writer.append(" uses the catalogue in ")
        writer.append(job.state.path, as: .plain)
        writer.append("; stop the daemon, then restore.\n")
        Console.write(writer.written, to: Console.error)
        throw .temporary
    }

    private static func refuseContents(
        _ state: borrowing Folder, _ job: PackagesJob
    ) throws(ExitCode) {
        if job.invocation.wantsReplacing { return }
        let isFull = try job.attempt("cannot list ", job.state.path) {
            () throws(FolderError) in
            try PendingRestore.hasContents(state, job.memory.output)
        }
        if !isFull { return }
        throw job.refuse(
            job.state.path,
            " holds packages or state already; with --replace they are moved aside.",
            .cannotCreate)
    }

    private static func checkRoom(
        _ counts: BackupCounts, _ job: PackagesJob
    ) throws(ExitCode) {
        let free: Int64
        do throws(FileError) {
            free = try PackageFiles(path: job.state.cPath).freeBytes()
        } catch { throw job.fail("cannot look at ", job.state.path, nil, error.errno) }
        if counts.bytes <= free { return }
        var writer = job.beginComplaint()
        writer.append("the backup has ")
        writer.append(decimal: counts.bytes)
        writer.append(" bytes, but where ")
        writer.append(job.state.path, as: .plain)
        writer.append(" is only ")
        writer.append(decimal: free)
        writer.append(" are free.\n")
        Console.write(writer.written, to: Console.error)
        throw .system
    }

    private static func sumUp(
        _ counts: BackupCounts, _ outcome: PendingRestore.Outcome, _ path: Slab<UInt8>,
        _ job: PackagesJob
    ) {
        var writer = ByteWriter(job.startup.text)
        writer.append(decimal: counts.packages)
        writer.append(counts.packages == 1 ? " package, " : " packages, ")
        writer.append(decimal: counts.stateFiles)
        writer.append(counts.stateFiles == 1 ? " state file, " : " state files, ")
        writer.append(decimal: counts.bytes)
        writer.append(" bytes of ")
        writer.append(path, as: .plain)
        writer.append(" are restored in ")
        writer.append(job.state.path, as: .plain)
        if case .finished(let before) = outcome, let before {
            writer.append("; what was there before is in before-restore-")
            writer.append(decimal: before)
        }
        writer.append("\n")
        Console.write(writer.written, to: Console.output)
    }
}
