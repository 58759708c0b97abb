// One open descriptor with one owner, for those that live as long as the daemon. Descriptors of
// clients lie in tables as plain numbers, because tables hold only plain values; their one closing
// place is named there.

import CLinuxSys

/// The system said no; `number` is the errno.
struct SystemError: Error {
    let number: Int32

    /// - Parameter result: what a `tcs_` function returned: the value, or -errno.
    @discardableResult
    static func check(_ result: Int32) throws(SystemError) -> Int32 {
        if result < 0 { throw SystemError(number: -result) }
        return result
    }
}

/// Leaving scope closes. `raw` is -1 when there is nothing to close.
struct FileDescriptor: ~Copyable {
    private(set) var raw: Int32

    init(owning raw: Int32) { self.raw = raw }

    static func none() -> FileDescriptor { FileDescriptor(owning: -1) }

    deinit { if raw >= 0 { _ = tcs_close(raw) } }

    var isOpen: Bool { raw >= 0 }

    mutating func close() {
        if raw >= 0 { _ = tcs_close(raw) }
        raw = -1
    }
}
