// The doors of the store loop: the addresses of `http.listen`, and the socket in the run folder by
// which the operator's commands come. Opened by `serve` before anything runs, so that an address
// that is taken is an error of the start and not a line in the log.

import CLinuxSys
import TinyCoT

extension StoreLoop {
    /// Where and why a door could not be opened.
    struct DoorTrouble: Error {
        let endpoint: Endpoint
        let isStoreSocket: Bool
        let number: Int32
    }

    mutating func openListeners(
        config: Config, passed: inout PassedSockets, socket: UnsafePointer<CChar>
    ) throws(DoorTrouble) {
        var count = 0
        var i = 0
        while i < config.httpListenerCount {
            let endpoint = config.httpListeners[i]
            i += 1
            let result = passed.take(endpoint) ?? EventLoop.listen(endpoint)
            if result == -tcs_errno_family || result == -tcs_errno_address,
                Parsing.isDefaultIPv6HTTPListener(endpoint)
            {
                // The relay's own listeners say that this host has no IPv6.
                continue
            }
            if result < 0 {
                throw DoorTrouble(endpoint: endpoint, isStoreSocket: false, number: -result)
            }
            try add(result, endpoint, isOperator: false, at: count)
            count += 1
        }
        try openStoreSocket(socket, at: count)
    }

    private mutating func openStoreSocket(
        _ path: UnsafePointer<CChar>, at index: Int
    ) throws(DoorTrouble) {
        _ = tcs_unlink(path)
        let descriptor = tcs_socket_unix(1)
        var result = descriptor
        if result >= 0 { result = tcs_bind_unix(descriptor, path) }
        if result >= 0 { result = tcs_change_mode(path, 0o660) }
        if result >= 0 { result = tcs_listen(descriptor, 8) }
        if result < 0 {
            if descriptor >= 0 { _ = tcs_close(descriptor) }
            throw DoorTrouble(endpoint: Endpoint(), isStoreSocket: true, number: -result)
        }
        socketPath = path
        try add(descriptor, Endpoint(), isOperator: true, at: index)
    }

    private mutating func add(
        _ descriptor: Int32, _ endpoint: Endpoint, isOperator: Bool, at index: Int
    ) throws(DoorTrouble) {
        var listener = HTTPListener()
        listener.descriptor = descriptor
        listener.endpoint = endpoint
        listener.isOperator = isOperator
        tables.listeners[index] = listener
        let result = tcs_poller_add(
            poller.raw, descriptor, tcs_event_readable,
            StoreLoop.eventData(.listener, index: index, generation: 0))
        if result < 0 {
            throw DoorTrouble(
                endpoint: endpoint, isStoreSocket: isOperator, number: -result)
        }
    }
}
