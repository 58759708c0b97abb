// Writing the file of an upload, step by step: create, write, sync, rename, sync of the folder. The
// store loop calls one step at a time, and knows after an error what is left:
//
//   create                     nothing
//   write, sync, rename        the temporary: `discard` it
//   syncFolder                 a whole package that may be gone after a pulled plug: `remove` it,
//                              unless the catalogue has a row of that hash
//
// What a killed process or a failing disk leaves without a row is collected at the next start.

import CLinuxSys
import TinyCoT

/// An upload that is being written. Ends in `rename` or in `discard`, never in neither. There is
/// one copy of it: a call changes it.
public struct TemporaryFile: BitwiseCopyable {
    /// -1 when closed.
    var descriptor: Int32
    let number: UInt64
    public fileprivate(set) var byteCount: Int64 = 0
    /// Whole windows whose way to the disk has begun.
    fileprivate var startedBytes: Int64 = 0
}

extension PackageFiles {
    /// While an upload is written, at most two of these wait for the disk. Otherwise the kernel
    /// gathers what memory holds, and the fsync at the end takes as long as the whole upload.
    static var writebackBytes: Int64 { 4 << 20 }

    public func create() throws(FileError) -> TemporaryFile {
        var tries = 0
        while true {
            var number: UInt64 = 0
            try FileError.check(.create, tcs_random(&number, 8))
            let result = FileName(temporary: number).withText {
                tcs_file_create(folder, $0, 0o640)
            }
            tries += 1
            // Somebody has that name, one in 2^64: another one will be free.
            if result == -tcs_errno_exists && tries < 4 { continue }
            try FileError.check(.create, result)
            return TemporaryFile(descriptor: result, number: number)
        }
    }

    /// Writes all bytes. After an error the file must be discarded.
    public func write(_ bytes: Slab<UInt8>, to file: inout TemporaryFile) throws(FileError) {
        var done = 0
        while done < bytes.count {
            let result = tcs_write(
                file.descriptor, bytes.pointer(at: done), bytes.count - done)
            if result == -Int64(tcs_errno_interrupted) { continue }
            if result < 0 {
                throw FileError(step: .write, errno: Int32(truncatingIfNeeded: -result))
            }
            // A file system that takes nothing and reports nothing would keep us here for ever.
            if result == 0 { throw FileError(step: .write, errno: tcs_errno_no_space) }
            done += Int(result)
            file.byteCount += result
        }
        while file.byteCount - file.startedBytes >= PackageFiles.writebackBytes {
            try startWriteback(&file)
            try waitWriteback(file)
        }
    }

    /// Sends the next whole window on its way to the disk.
    private func startWriteback(_ file: inout TemporaryFile) throws(FileError) {
        let from = file.startedBytes
        file.startedBytes += PackageFiles.writebackBytes
        try checkWriteback(
            tcs_writeback_start(file.descriptor, from, PackageFiles.writebackBytes))
    }

    /// Waits for the window before the one that was sent last.
    private func waitWriteback(_ file: TemporaryFile) throws(FileError) {
        let from = file.startedBytes - 2 * PackageFiles.writebackBytes
        if from < 0 { return }
        try checkWriteback(
            tcs_writeback_wait(file.descriptor, from, PackageFiles.writebackBytes))
    }

    /// An error of the disk is told once, here or at `sync`: it must not get lost.
    private func checkWriteback(_ result: Int32) throws(FileError) {
        let isUnsupported =
            result == -tcs_errno_not_implemented || result == -tcs_errno_invalid
            || result == -tcs_errno_not_seekable
        if !isUnsupported { try FileError.check(.write, result) }
    }

    /// Brings the bytes to the disk. After an error nobody knows which are there: never try again.
    public func sync(_ file: TemporaryFile) throws(FileError) {
        try FileError.check(.sync, tcs_sync(file.descriptor))
    }

    /// Closes the file and gives it the name of its hash. A package of that hash that is there
    /// already is replaced by its equal.
    public func rename(
        _ file: inout TemporaryFile, as hash: SHA256Digest
    ) throws(FileError) {
        let closed = tcs_close(file.descriptor)
        // Even after an error the descriptor is gone, and the number soon another file's.
        file.descriptor = -1
        try FileError.check(.close, closed)
        let temporary = FileName(temporary: file.number)
        let target = FileName(hash)
        let renamed = temporary.withText { from in
            target.withText { to in tcs_file_rename(folder, from, to) }
        }
        try FileError.check(.publish, renamed)
    }

    /// All three steps. When this returns, the package survives a pulled plug. When it throws, the
    /// temporary is gone and no package of that hash has come into being, except after
    /// `.syncFolder`.
    public func publish(_ file: TemporaryFile, as hash: SHA256Digest) throws(FileError) {
        var file = file
        do throws(FileError) {
            try sync(file)
            try rename(&file, as: hash)
        } catch {
            discard(&file)
            throw error
        }
        try syncFolder()
    }

    /// Gives an upload up. Without an error to report: what stays is collected at the next start.
    /// A second time, or after `rename` failed, it does no harm.
    public func discard(_ file: inout TemporaryFile) {
        if file.descriptor >= 0 { _ = tcs_close(file.descriptor) }
        file.descriptor = -1
        _ = FileName(temporary: file.number).withText { tcs_file_unlink(folder, $0) }
    }
}
