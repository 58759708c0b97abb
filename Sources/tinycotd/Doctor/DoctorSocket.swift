// Sockets as the doctor uses them: every wait has an end, and what goes wrong is a value, because
// it is what the doctor is there to find.

import CLinuxSys
import TinyCoT

enum DoctorTrouble: Error, BitwiseCopyable {
    /// Nothing came in time.
    case late
    /// The other side has hung up.
    case closed
    /// The system said no; the number is the errno.
    case system(Int32)
    /// What came is not what was expected.
    case strange

    func write(into writer: inout ByteWriter) {
        switch self {
        case .late:
            writer.append("no answer within ")
            writer.append(decimal: DoctorSocket.patienceSeconds)
            writer.append(" seconds")
        case .closed: writer.append("the connection was closed")
        case .strange: writer.append("the answer is not one of this program")
        case .system(let number): writer.append(Slab(cString: tcs_error_text(number)))
        }
    }
}

enum DoctorSocket {
    /// For one step of a check.
    static var patienceSeconds: Int { 5 }

    static var deadline: Instant { LinuxClock.now().after(seconds: patienceSeconds) }

    /// - Returns: a connected descriptor, which the caller closes.
    static func connect(_ endpoint: Endpoint) throws(DoctorTrouble) -> Int32 {
        var name = tcs_endpoint(endpoint)
        let raw = tcs_socket_tcp(&name)
        if raw < 0 { throw .system(-raw) }
        let result = tcs_connect(raw, &name)
        if result == 0 { return raw }
        do throws(DoctorTrouble) {
            if result != -tcs_errno_in_progress { throw .system(-result) }
            try wait(raw, writing: true, until: deadline)
            let error = tcs_pending_error(raw)
            if error < 0 { throw .system(-error) }
            return raw
        } catch {
            _ = tcs_close(raw)
            throw error
        }
    }

    static func connect(unix path: UnsafePointer<CChar>) throws(DoctorTrouble) -> Int32 {
        let raw = tcs_socket_unix(1)
        if raw < 0 { throw .system(-raw) }
        let result = tcs_connect_unix(raw, path)
        if result == 0 { return raw }
        _ = tcs_close(raw)
        // As many wait there already as it lets wait.
        throw result == -tcs_errno_again ? .late : .system(-result)
    }

    /// All of it.
    static func send(_ bytes: Slab<UInt8>, to raw: Int32) throws(DoctorTrouble) {
        var done = 0
        let end = deadline
        while done < bytes.count {
            let result = tcs_send(raw, bytes.pointer(at: done), bytes.count - done)
            if result > 0 {
                done += Int(result)
            } else if result == -Int64(tcs_errno_again) {
                try wait(raw, writing: true, until: end)
            } else if result != -Int64(tcs_errno_interrupted) {
                throw .closed
            }
        }
    }

    /// - Returns: how many bytes came, at least one.
    static func receive(
        into buffer: Slab<UInt8>, from raw: Int32, until end: Instant
    ) throws(DoctorTrouble) -> Int {
        while true {
            let result = tcs_receive(raw, buffer.start, buffer.count)
            if result > 0 { return Int(result) }
            if result == -Int64(tcs_errno_again) {
                try wait(raw, writing: false, until: end)
            } else if result != -Int64(tcs_errno_interrupted) {
                throw .closed
            }
            // A flood of other things must not keep it here for ever.
            if end <= LinuxClock.now() { throw .late }
        }
    }

    /// - Returns: 0 where the other side has ended.
    static func receiveUntilClosed(
        into buffer: Slab<UInt8>, from raw: Int32, until end: Instant
    ) throws(DoctorTrouble) -> Int {
        do throws(DoctorTrouble) {
            return try receive(into: buffer, from: raw, until: end)
        } catch {
            if case .closed = error { return 0 }
            throw error
        }
    }

    private static func wait(
        _ raw: Int32, writing: Bool, until end: Instant
    ) throws(DoctorTrouble) {
        while true {
            let milliseconds = LinuxClock.milliseconds(until: end)
            if tcs_await(raw, writing ? 1 : 0, milliseconds) == 1 { return }
            if end <= LinuxClock.now() { throw .late }
        }
    }
}
