// A script of events for the dump in which each system call in turn meets a fault: the process is
// killed, a write is torn, the disk fails or is full, once or from then on. Afterwards every event
// that was counted as written is there, whole and in its order, and nothing else is.

import Foundation
import Testing
import TinyCoT

@testable import PackageStore

@Suite struct DumpFaultTests {
    private func run(
        _ folder: TestFolder, _ fault: String, _ number: Int, totalBytes: Int
    ) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try helperPath())
        process.arguments = ["dump", folder.path, fault, "\(number)", "\(totalBytes)"]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let bytes = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        let wasKilled = process.terminationReason == .uncaughtSignal
        #expect(!wasKilled || ["kill", "torn"].contains(fault), "\(fault) \(number)")
        return String(decoding: bytes, as: UTF8.self)
    }

    private func figures(_ word: String, _ output: String) -> Int {
        output.split(separator: "\n").filter { $0.hasPrefix(word + " ") }
            .compactMap { Int($0.split(separator: " ")[1]) }.reduce(0, +)
    }

    /// The numbers of the events, each whole, with nothing else between them.
    private func numbers(_ folder: TestFolder, _ label: String) -> [Int] {
        var result: [Int] = []
        for name in folder.dumps {
            var text = folder.dump(name)[...]
            let head = "<!-- tinycot dump 1 boot=\"\" -->\n"
            #expect(text.hasPrefix(head), "\(label): \(name)")
            text = text.dropFirst(head.count)
            while let match = text.prefixMatch(of: /<!-- (\d+) -->\n/), let number = Int(match.1) {
                let filler = number % 10 == 9 ? 20_000 : number * 37 % 900
                let event = "<!-- \(number) -->\n<event uid=\"\(number)\">"
                    + String(repeating: "x", count: filler) + "</event>\n"
                let isWhole = text.hasPrefix(event)
                #expect(isWhole, "\(label): event \(number) in \(name)")
                result.append(number)
                text = text.dropFirst(event.count)
            }
            #expect(text.isEmpty, "\(label): \(name) ends in \(text.prefix(60))")
        }
        return result
    }

    @Test(arguments: ["kill", "torn", "EIO", "EIO+", "ENOSPC", "ENOSPC+"])
    func everySystemCallMayMeet(fault: String) throws {
        for totalBytes in [1 << 20, 200_000] {
            let whole = try memoryFolder()
            let output = try run(whole, "none", .max, totalBytes: totalBytes)
            #expect(figures("written", output) == 120 && figures("lost", output) == 0)
            let all = numbers(whole, "no fault")
            #expect(all == Array((120 - all.count)..<120))
            #expect((all.count == 120) == (totalBytes == 1 << 20))
            let calls = figures("calls", output)
            #expect(calls > 40)
            for number in 1...calls {
                let label = "\(fault) at call \(number) of \(totalBytes)"
                let folder = try memoryFolder()
                let output = try run(folder, fault, number, totalBytes: totalBytes)
                // What a start finds.
                _ = try DumpStage(folder)
                let found = numbers(folder, label)
                #expect(found == found.sorted() && Set(found).count == found.count, "\(label)")
                if fault == "kill" || fault == "torn" { continue }
                let written = figures("written", output)
                #expect(written + figures("lost", output) == 120, "\(label)")
                if totalBytes == 1 << 20 { #expect(found.count == written, "\(label)") }
                if !fault.hasSuffix("+") { #expect(written > 60, "\(label)") }
            }
        }
    }
}
