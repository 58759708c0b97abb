// Reading the operator's small files whole. Called at start, and by the reader thread at a reload;
// never by the relay loop, which must not wait for a disk.

import CLinuxSys
import TinyCoT

enum Files {
    /// Reads until the end or until `buffer` is full.
    /// - Returns: the bytes of the file, which may be more than the buffer holds, or -errno.
    static func read(_ path: UnsafePointer<CChar>, into buffer: Slab<UInt8>) -> Int64 {
        let raw = tcs_open_for_reading(path)
        if raw < 0 { return Int64(raw) }
        let descriptor = FileDescriptor(owning: raw)
        var count = 0
        while count < buffer.count {
            let result = tcs_read(
                descriptor.raw, buffer.pointer(at: count), buffer.count - count)
            if result == -Int64(tcs_errno_interrupted) { continue }
            if result < 0 { return result }
            if result == 0 { return Int64(count) }
            count += Int(result)
        }
        var status = tcs_file_status()
        let known = tcs_status_of_descriptor(descriptor.raw, &status) < 0 ? 0 : status.size_bytes
        return max(known, Int64(count))
    }
}
