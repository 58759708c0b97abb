// Nothing but what was written is taken for a generation: each bit, each length, each sector, each
// mixture of two generations, each line.

import Foundation
import Testing
import TinyCoT

@testable import StateStore

@Suite struct StateDamageTests {
    private func judge(_ bytes: [UInt8]) -> StateSlot {
        let memory = DiskMemory()
        memory.put("state.1.json", bytes)
        var ring = simulatedRing(memory)
        let slot = ring.look(into: 1)
        // It is set aside, and nothing of it is lost.
        if slot.condition == .broken {
            #expect(memory.names["state.1.json.broken"]?.bytes == bytes)
            #expect(memory.names["state.1.json"] == nil)
        }
        return slot
    }

    @Test func theFilesOfTheseTestsAreWhole() {
        for bytes in [file(header(7)), file(header(8), events: 100, textBytes: 300)] {
            let slot = judge(bytes)
            #expect(slot.condition == .whole)
            #expect(slot.sizeBytes == Int64(bytes.count))
        }
        #expect(judge(file(header(7))).header.generation == 7)
    }

    @Test func everyBitOfAFile() {
        var bytes = file(header(7), events: 1)
        var newer = 0
        for i in bytes.indices {
            for bit in 0..<8 {
                bytes[i] ^= 1 << UInt8(bit)
                let condition = judge(bytes).condition
                // A digit of the version may become another one.
                #expect(condition == .broken || condition == .newer, "byte \(i), bit \(bit)")
                if condition == .newer { newer += 1 }
                bytes[i] ^= 1 << UInt8(bit)
            }
        }
        #expect(judge(bytes).condition == .whole)
        #expect(newer <= 8)
    }

    @Test func everyLength() {
        let bytes = file(header(7))
        for count in 0..<bytes.count {
            #expect(judge(Array(bytes[..<count])).condition == .broken, "\(count) bytes")
            #expect(judge(Array(bytes[(bytes.count - count)...])).condition == .broken)
        }
        #expect(judge(bytes + [0x0A]).condition == .broken)
        #expect(judge(bytes + bytes).condition == .broken)
        #expect(judge([0x0A] + bytes).condition == .broken)
    }

    @Test func everySectorOfZeros() {
        let bytes = file(header(7), events: 60, textBytes: 300)
        #expect(bytes.count > 20_000)
        for start in stride(from: 0, to: bytes.count, by: 512) {
            for value: UInt8 in [0, 0xFF, 0x20] {
                var broken = bytes
                for i in start..<min(bytes.count, start + 512) { broken[i] = value }
                #expect(judge(broken).condition == .broken, "sector at \(start)")
            }
        }
    }

    /// Pages of two generations, with the same layout, next to each other in one file.
    @Test func everyMixtureOfTwoGenerations() {
        let old = file(header(7), events: 60, textBytes: 300)
        let new = file(header(8), events: 60, textBytes: 300)
        let longer = file(header(9), events: 70, textBytes: 300)
        #expect(old.count == new.count)
        for (one, other) in [(old, new), (new, old), (old, longer), (longer, old)] {
            for start in stride(from: 4096, to: min(one.count, other.count), by: 4096) {
                let mixed = Array(one[..<start]) + Array(other[start...])
                #expect(judge(mixed).condition == .broken, "\(start)")
                // One page of the other, in the middle.
                var page = one
                let end = min(one.count, other.count, start + 4096)
                page.replaceSubrange(start..<end, with: other[start..<end])
                #expect(judge(page).condition == .broken, "page \(start)")
            }
        }
    }

    @Test func everyLineThatIsMissingOrTwice() {
        let lines = file(header(7), events: 6).split(
            separator: 0x0A, omittingEmptySubsequences: false
        ).dropLast().map { Array($0) + [0x0A] }
        #expect(lines.count > 20)
        for i in lines.indices {
            var fewer = lines
            fewer.remove(at: i)
            #expect(judge(fewer.flatMap { $0 }).condition == .broken, "without line \(i)")
            var more = lines
            more.insert(lines[i], at: i)
            #expect(judge(more.flatMap { $0 }).condition == .broken, "line \(i) twice")
            var turned = lines
            turned.swapAt(i, (i + 1) % lines.count)
            #expect(judge(turned.flatMap { $0 }).condition == .broken, "line \(i) later")
        }
    }

    /// The hash is right, the form is not: no program of this version wrote that.
    @Test func aRightHashDoesNotMakeAState() {
        let body = pieces(header(7)).flatMap { $0 }
        let text = String(decoding: body, as: UTF8.self)
        for (found, put) in [("\"left_ms\":0", "\"left_ms\":-1"), ("\"starts\"", "\"start\"")] {
            let other = Array(text.replacingOccurrences(of: found, with: put).utf8)
            #expect(other != body)
            let slot = judge(other + lastLine(other))
            #expect(slot.condition == .broken && slot.damage == .content)
        }
        // But a member that we do not know is no fault.
        let longer = text.replacingOccurrences(of: "\"starts\"", with: "\"x\":1,\"starts\"")
        let more = Array(longer.utf8)
        #expect(judge(more + lastLine(more)).condition == .whole)
    }

    @Test func theHashIsWrittenInOneWay() {
        let bytes = file(header(7))
        let text = String(decoding: bytes.suffix(77), as: UTF8.self)
        let upper = text.uppercased().replacingOccurrences(of: "SHA256", with: "sha256")
        let slot = judge(Array(bytes.dropLast(77)) + Array(upper.utf8))
        #expect(slot.condition == .broken && slot.damage == .digest)
    }

    @Test func theGoldenFiles() throws {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("State")
        let one = [UInt8](try Data(contentsOf: folder.appendingPathComponent("version-1.json")))
        let whole = judge(one)
        #expect(whole.condition == .whole && whole.header.generation == 42)
        #expect(lastLine(Array(one.dropLast(77))) == Array(one.suffix(77)))

        let two = [UInt8](try Data(contentsOf: folder.appendingPathComponent("version-2.json")))
        #expect(lastLine(Array(two.dropLast(77))) == Array(two.suffix(77)))
        let memory = DiskMemory()
        memory.put("state.4.json", two)
        var ring = simulatedRing(memory)
        let newer = ring.look(into: 4)
        #expect(newer.condition == .newer && newer.isTrouble)
        #expect(memory.names["state.4.json.newer"]?.bytes == two)
        #expect(
            sentence { newer.write(into: &$0) }
                == "state.4.json: line 1: the format has version 2; this program knows version 1; "
                + "it is now state.4.json.newer")
    }
}
