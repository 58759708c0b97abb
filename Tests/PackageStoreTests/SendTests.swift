// Sending a package to a socket: every byte in its place, a full socket, a reader that is gone, a
// file that has become shorter.

import Foundation
import Glibc
import Testing
import TinyCoT

@testable import PackageStore

@Suite struct SendTests {
    /// Two sockets that are connected and do not block, with SIGPIPE ignored as in the daemon.
    private func sockets() throws -> (ours: Int32, peers: Int32) {
        signal(SIGPIPE, SIG_IGN)
        var ends: [Int32] = [0, 0]
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue)
        try #require(socketpair(AF_UNIX, kind, 0, &ends) == 0)
        return (ends[0], ends[1])
    }

    private func content() -> [UInt8] {
        var random = SeededGenerator(seed: 7)
        return (0..<900_001).map { _ in UInt8.random(in: 0...255, using: &random) }
    }

    @Test func everyByteArrivesInItsPlace() throws {
        let folder = try TestFolder()
        let content = content()
        let hash = try folder.publish(content)
        let files = try folder.files()
        let package = try unwrap(try files.open(hash))
        let (ours, peers) = try sockets()
        defer { [ours, peers].forEach { close($0) } }
        var received: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 70_000)
        let begin = 1_001
        var at = begin
        var waits = 0
        while received.count < content.count - begin {
            let wanted = min(300_000, content.count - at)
            let sent = wanted == 0 ? .wouldBlock : files.send(
                package, to: ours, offset: Int64(at), count: wanted)
            switch sent {
            case .bytes(let count):
                #expect(count > 0 && count <= wanted)
                at += count
            case .wouldBlock:
                waits += 1
                let count = read(peers, &buffer, buffer.count)
                try #require(count > 0)
                received += buffer[0..<count]
            case .endOfFile, .failed: try #require(Bool(false), "\(sent)")
            }
        }
        #expect(waits > 3)
        #expect(received == Array(content[begin...]))
        files.close(package)
    }

    @Test func whatCannotBeSentIsToldApart() throws {
        let folder = try TestFolder()
        let hash = try folder.publish(content())
        let files = try folder.files()
        let package = try unwrap(try files.open(hash))
        defer { files.close(package) }
        let (ours, peers) = try sockets()
        defer { close(ours) }
        #expect(files.send(package, to: ours, offset: 900_001, count: 1) == .endOfFile)
        #expect(files.send(package, to: ours, offset: 900_000, count: 9) == .bytes(1))
        close(peers)
        #expect(files.send(package, to: ours, offset: 0, count: 9) == .failed(EPIPE))
        // Removed while it is read: the reader reads on, and what was cut off ends.
        #expect(try files.remove(hash) == true)
        let (others, reader) = try sockets()
        defer { [others, reader].forEach { close($0) } }
        #expect(files.send(package, to: others, offset: 5, count: 1_000) == .bytes(1_000))
    }
}
