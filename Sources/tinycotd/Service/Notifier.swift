// The socket to the service manager: NOTIFY_SOCKET, a path or '@' and an abstract name. Each
// message is one datagram that is sent at once or not at all; nobody is waited for. Without the
// variable nothing is sent. It stays in the environment: this process makes no others.

import CLinuxSys
import TinyCoT

struct Notifier: ~Copyable {
    private var socket = FileDescriptor.none()
    /// Lives in the environment, as long as the process.
    private var name: UnsafePointer<CChar>?

    static func none() -> Notifier { Notifier() }

    var isOpen: Bool { socket.isOpen }

    /// Names of a kind that is not known here (a `vsock:`, of virtual machines) count as none.
    mutating func open() {
        guard let name = tcs_environment("NOTIFY_SOCKET") else { return }
        let isKnown = name[0] == CChar(UInt8(ascii: "/")) || name[0] == CChar(UInt8(ascii: "@"))
        if !isKnown || name[1] == 0 { return }
        socket = FileDescriptor(owning: tcs_socket_unix_datagram())
        self.name = name
    }

    /// False: it has to be tried again.
    func send(_ message: Slab<UInt8>) -> Bool {
        guard let name, socket.isOpen else { return true }
        return tcs_send_to_unix(socket.raw, name, message.start, message.count)
            == Int64(message.count)
    }
}
