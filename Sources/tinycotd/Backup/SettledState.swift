// Before anybody looks into the state folder: a restore that was cut off is finished, and while one
// runs nobody begins. Called by `serve`, by `restore` and by the commands that open the store
// themselves.

import PackageStore
import TinyCoT

enum SettledState {
    /// The state folder, settled and locked. Says on standard error why not.
    static func lock(
        _ state: StateDirectory, _ startup: StartupMemory
    ) throws(ExitCode) -> LockedState {
        let locked: LockedState
        do throws(FileError) {
            locked = try LockedState.lock(path: state.cPath)
        } catch { throw complain(error, state, startup) }
        let outcome: PendingRestore.Outcome
        do throws(FileError) {
            outcome = try locked.settle(buffer: startup.text)
        } catch { throw complain(error, state, startup) }
        if case .finished(let number) = outcome { tell(number, startup) }
        return locked
    }

    /// The same where there is something to settle; without a lock where there is not.
    static func settle(_ state: StateDirectory, _ startup: StartupMemory) throws(ExitCode) {
        let isPending: Bool
        do throws(FolderError) {
            isPending = try PendingRestore.isPending(in: Folder(path: state.cPath))
        } catch {
            // Who opens the folder next says what is wrong with it.
            return
        }
        if isPending { try lock(state, startup).close() }
    }

    private static func tell(_ number: Int?, _ startup: StartupMemory) {
        var writer = ByteWriter(startup.text)
        writer.append("tinycot: a restore that was cut off was finished")
        if let number {
            writer.append("; what was there before is in before-restore-")
            writer.append(decimal: number)
        }
        writer.append(".\n")
        Console.write(writer.written, to: Console.error)
    }

    private static func complain(
        _ error: FileError, _ state: StateDirectory, _ startup: StartupMemory
    ) -> ExitCode {
        var writer = ByteWriter(startup.text)
        writer.append("tinycot: ")
        if error.isRestoreRunning {
            writer.append("another process restores or opens ")
            writer.append(state.path, as: .plain)
            writer.append("; try again.\n")
        } else {
            error.write(into: &writer)
            writer.append(" (in ")
            writer.append(state.path, as: .plain)
            writer.append(").\n")
        }
        Console.write(writer.written, to: Console.error)
        if error.isRestoreRunning { return .temporary }
        return ExitCode(error: error.errno)
    }
}
