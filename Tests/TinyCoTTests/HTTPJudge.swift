// Node's HTTP parser as a judge, for all cases in one process. Tests/http/judge.mjs is its other
// half.
import Foundation

struct JudgedRequest: Decodable {
    var method: String
    var url: String
    var version: String
    var expects: Bool
    var keepAlive: Bool
    var headers: [String]
    var body: String

    /// Node lets `keep-alive` win over `close` in HTTP/1.0; RFC 9112 9.3 lets `close` win.
    var staysOpen: Bool {
        let options = values("connection").joined(separator: ",").lowercased()
            .split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
        return keepAlive && !options.contains("close")
    }

    /// The values of a field, in order.
    func values(_ name: String) -> [String] {
        stride(from: 0, to: headers.count, by: 2).filter { headers[$0].lowercased() == name }
            .map { headers[$0 + 1] }
    }
}

struct JudgedConnection: Decodable {
    var requests: [JudgedRequest]
    var error: String?
}

enum HTTPJudge {
    static let isHere: Bool = {
        let folders = ProcessInfo.processInfo.environment["PATH"]?.split(separator: ":") ?? []
        return folders.contains { FileManager.default.isExecutableFile(atPath: "\($0)/node") }
    }()

    static func judge(_ connections: [[UInt8]]) throws -> [JudgedConnection] {
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("http/judge.mjs")
        let input = FileManager.default.temporaryDirectory
            .appendingPathComponent(UUID().uuidString)
        defer { try? FileManager.default.removeItem(at: input) }
        let digits = Array("0123456789abcdef".utf8)
        let lines = connections.map { bytes in
            String(
                decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] },
                as: UTF8.self)
        }
        try lines.joined(separator: "\n").write(to: input, atomically: true, encoding: .utf8)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["node", script.path, input.path]
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        let decoder = JSONDecoder()
        return try output.split(separator: UInt8(ascii: "\n")).map {
            try decoder.decode(JudgedConnection.self, from: Data($0))
        }
    }
}
