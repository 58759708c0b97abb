// The same bodies through Python's email package, which nobody of this project wrote: a second
// opinion on where parts begin and end and what their names are.

import Foundation
import Testing

@testable import TinyCoT

@Suite struct MultipartPythonTests {
    private static let program = """
        import email, sys
        for line in open(sys.argv[1]):
            limit, body = (bytes.fromhex(word) for word in line.split())
            head = b'Content-Type: multipart/form-data; boundary="' + limit + b'"\\r\\n\\r\\n'
            message = email.message_from_bytes(head + body)
            words = []
            for part in message.get_payload():
                name = part.get_param('name', header='content-disposition')
                file = part.get_filename()
                words.append(name.encode().hex() or '.')
                words.append('-' if file is None else file.encode().hex() or '.')
                words.append((part['content-type'] or '').encode().hex() or '.')
                words.append(part.get_payload(decode=True).hex() or '.')
            print(' '.join(words))
        """

    private func hex(_ bytes: [UInt8]) -> String {
        bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }

    private func words(_ told: [MultipartTold]) -> String {
        var words: [String] = []
        for (i, entry) in told.enumerated() {
            guard case .part(let name, let fileName, let type) = entry else { continue }
            words.append(name.isEmpty ? "." : hex(name))
            words.append(fileName.map { $0.isEmpty ? "." : hex($0) } ?? "-")
            words.append(type.isEmpty ? "." : hex(type))
            if i + 1 < told.count, case .content(let bytes) = told[i + 1] {
                words.append(hex(bytes))
            } else {
                words.append(".")
            }
        }
        return words.joined(separator: " ")
    }

    @Test func pythonReadsTheSameParts() throws {
        var generator = MultipartGenerator(random: SeededGenerator(seed: 1521))
        let bodies = (0..<1000).map { _ in generator.body() }
        let input = FileManager.default.temporaryDirectory
            .appendingPathComponent("multipart-\(UUID().uuidString).txt")
        defer { try? FileManager.default.removeItem(at: input) }
        let lines = bodies.map { hex(Array($0.boundary.utf8)) + " " + hex($0.bytes) + "\n" }
        try Data(lines.joined().utf8).write(to: input)

        let python = Process()
        python.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        python.arguments = ["python3", "-c", MultipartPythonTests.program, input.path]
        let output = Pipe()
        python.standardOutput = output
        try python.run()
        let answer = String(
            decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        python.waitUntilExit()
        try #require(python.terminationStatus == 0)

        let opinions = answer.split(separator: "\n", omittingEmptySubsequences: false)
        try #require(opinions.count >= bodies.count)
        for (body, opinion) in zip(bodies, opinions) {
            let limit = try #require(
                boundary("multipart/form-data; boundary=\"\(body.boundary)\""))
            try #require(words(split(body.bytes, limit)) == opinion, "\(body)")
        }
    }
}
