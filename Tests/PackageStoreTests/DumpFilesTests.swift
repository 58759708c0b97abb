// The files of the dump in real folders: what they hold, when the next one begins, which one goes,
// what a start finds and mends, and that an error costs events and never a whole file.

import Foundation
import Testing
import TinyCoT

@testable import PackageStore

/// A state folder and the files of its dump.
final class DumpStage {
    let folder: TestFolder
    var files: DumpFiles
    var now = Instant(nanoseconds: 1_000_000_000)
    private let boot: ShortText<40>

    init(
        _ folder: TestFolder, fileBytes: Int64 = 1 << 20, fileSeconds: Int = 3_600,
        totalBytes: Int64 = 1 << 24, reserveBytes: Int64 = 0
    ) throws {
        self.folder = folder
        var boot = ShortText<40>()
        boot.set("boot-1")
        self.boot = boot
        files = DumpFiles(
            limits: DumpLimits(
                fileBytes: fileBytes, fileSeconds: fileSeconds, totalBytes: totalBytes,
                reserveBytes: reserveBytes),
            buffer: freshMemory(DumpFiles.bufferBytes),
            scratch: freshMemory(FolderScan.bufferBytes))
        try open()
    }

    func open() throws {
        try folder.path.withCString { path throws in try files.open(state: path, boot: boot) }
    }

    func append(_ number: Int, count: Int = 100) throws {
        let event = Array(DumpStage.event(number, count).utf8)
        // As it lies across the end of the ring.
        let cut = event.count / 3
        try files.append(
            comment: slab("<!-- \(number) -->\n"), event: slab(Array(event[..<cut])),
            rest: slab(Array(event[cut...])), now: now)
    }

    static func event(_ number: Int, _ count: Int) -> String {
        "<event n=\"\(number)\">" + String(repeating: "é", count: count / 2) + "</event>"
    }
}

extension TestFolder {
    var dumpPath: String { path + "/dump" }
    var dumps: [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: dumpPath)) ?? []).sorted()
    }
    func dump(_ name: String) -> String {
        let url = URL(fileURLWithPath: dumpPath + "/" + name)
        return String(decoding: (try? Data(contentsOf: url)) ?? Data(), as: UTF8.self)
    }
    fileprivate func put(_ name: String, _ text: String) throws {
        try FileManager.default.createDirectory(
            atPath: dumpPath, withIntermediateDirectories: true)
        try Data(text.utf8).write(to: URL(fileURLWithPath: dumpPath + "/" + name))
    }
    fileprivate func mode(_ path: String) -> Int {
        let attributes = try? FileManager.default.attributesOfItem(atPath: path)
        return (attributes?[.posixPermissions] as? Int) ?? 0
    }
    /// As the disk counts: whole blocks.
    fileprivate var dumpBlocks: Int {
        dumps.reduce(0) { $0 + (dump($1).utf8.count + 4_095) / 4_096 * 4_096 }
    }
}

private let head = "<!-- tinycot dump 1 boot=\"boot-1\" -->\n"

private func entry(_ number: Int, count: Int = 100) -> String {
    "<!-- \(number) -->\n" + DumpStage.event(number, count) + "\n"
}

@Suite struct DumpFilesTests {
    @Test func aFileIsItsHeadAndItsEvents() throws {
        let folder = try TestFolder()
        let stage = try DumpStage(folder)
        #expect(folder.dumps == [], "no file before the first event")
        for number in 1...3 { try stage.append(number) }
        #expect(stage.files.eventsWritten == 0 && stage.files.fileCount == 1)
        try stage.files.finish()
        let expected = head + entry(1) + entry(2) + entry(3)
        #expect(folder.dumps == ["cot-00000001.xml"])
        #expect(folder.dump("cot-00000001.xml") == expected)
        #expect(stage.files.eventsWritten == 3)
        #expect(stage.files.bytesWritten == UInt64(expected.utf8.count))
        #expect(folder.mode(folder.dumpPath) & 0o027 == 0)
        #expect(folder.mode(folder.dumpPath + "/cot-00000001.xml") & 0o137 == 0)
        // The next event begins the next file.
        try stage.append(4)
        try stage.files.finish()
        #expect(folder.dump("cot-00000002.xml") == head + entry(4))
    }

    @Test func eventsOfAllLengthsAreWhole() throws {
        let folder = try TestFolder()
        let stage = try DumpStage(folder)
        var random = SeededGenerator(seed: 3)
        var expected = head
        for number in 0..<300 {
            let count = number % 20 == 0 ? 65_000 : Int.random(in: 0...3_000, using: &random)
            try stage.append(number, count: count)
            expected += entry(number, count: count)
            // Whatever is with the kernel by now ends between two events.
            let text = folder.dumps.map(folder.dump).joined()
            #expect(text.isEmpty || text.hasSuffix("</event>\n"), "event \(number)")
            if expected.utf8.count > 900_000 { break }
        }
        try stage.files.finish()
        #expect(folder.dumps.count == 1)
        let isSame = folder.dump("cot-00000001.xml") == expected
        #expect(isSame)
    }

    @Test func whatWaitsIsHandedToTheKernelWithinFiveSeconds() throws {
        let folder = try TestFolder()
        let stage = try DumpStage(folder)
        let begin = stage.now
        #expect(stage.files.deadline == .never)
        try stage.append(1)
        stage.now = begin.after(seconds: 3)
        try stage.append(2)
        #expect(stage.files.deadline == begin.after(seconds: 5))
        try stage.files.runDeadlines(now: begin.after(milliseconds: 4_999))
        #expect(folder.dump("cot-00000001.xml") == "")
        try stage.files.runDeadlines(now: begin.after(seconds: 5))
        #expect(folder.dump("cot-00000001.xml") == head + entry(1) + entry(2))
        #expect(stage.files.deadline == begin.after(seconds: 3_600))
    }

    @Test func aFileEndsAtItsSizeAndNeverBeyond() throws {
        let folder = try TestFolder()
        let one = entry(1).utf8.count
        // Room for exactly three events.
        let stage = try DumpStage(folder, fileBytes: Int64(head.utf8.count + 3 * one))
        for number in 1...8 { try stage.append(number) }
        try stage.files.finish()
        #expect(
            folder.dumps.map(folder.dump) == [
                head + entry(1) + entry(2) + entry(3), head + entry(4) + entry(5) + entry(6),
                head + entry(7) + entry(8),
            ])
    }

    @Test func aFileEndsAtItsAge() throws {
        let folder = try TestFolder()
        let stage = try DumpStage(folder, fileSeconds: 60)
        let begin = stage.now
        try stage.append(1)
        stage.now = begin.after(milliseconds: 59_999)
        try stage.append(2)
        // Nobody ran the deadline in time: the event that comes does.
        stage.now = begin.after(seconds: 61)
        try stage.append(3)
        #expect(folder.dump("cot-00000001.xml") == head + entry(1) + entry(2))
        try stage.files.runDeadlines(now: begin.after(seconds: 120))
        #expect(stage.files.deadline == begin.after(seconds: 121))
        try stage.files.runDeadlines(now: begin.after(seconds: 121))
        #expect(folder.dump("cot-00000002.xml") == head + entry(3))
        #expect(stage.files.deadline == .never && stage.files.fileCount == 2)
    }

    @Test func numbersGoOnFromTheLargest() throws {
        let folder = try TestFolder()
        try folder.put("cot-00000041.xml", "<event>old</event>\n")
        try folder.put("cot-00000007.xml", "<event>older</event>\n")
        for foreign in [
            "cot-42.xml", "cot-00000099.xml.bak", "notes", "cot-0000009x.xml", "COT-00000098.xml",
            "cot-000000097.xml",
        ] { try folder.put(foreign, "mine") }
        try FileManager.default.createSymbolicLink(
            atPath: folder.dumpPath + "/cot-00000050.xml", withDestinationPath: "/etc/hostname")
        let stage = try DumpStage(folder, totalBytes: 65_536)
        #expect(stage.files.fileCount == 2)
        try stage.append(1)
        try stage.files.finish()
        #expect(folder.dump("cot-00000051.xml") == head + entry(1))
        // Whatever is not ours neither counts nor goes.
        let names = Set(folder.dumps)
        for number in 2...12 {
            try stage.append(number, count: 9_000)
            try stage.files.finish()
        }
        #expect(names.subtracting(folder.dumps) == [
            "cot-00000041.xml", "cot-00000007.xml", "cot-00000051.xml",
        ])
    }

    @Test func theOldestGoesAndAllTogetherStayBelowTheirLimit() throws {
        let folder = try TestFolder()
        let stage = try DumpStage(folder, fileBytes: 70_000, totalBytes: 300_000)
        var written: [Int] = []
        for number in 0..<2_000 {
            try stage.append(number, count: 900)
            written.append(number)
            if number % 50 == 0 { #expect(folder.dumpBlocks <= 300_000, "\(number)") }
        }
        try stage.files.finish()
        #expect(folder.dumpBlocks <= 300_000)
        let text = folder.dumps.map(folder.dump).joined()
        let numbers = text.matches(of: /<event n="(\d+)">/).compactMap { Int($0.1) }
        #expect(numbers == Array(written.suffix(numbers.count)), "the newest, without a gap")
        #expect(text.utf8.count > 200_000, "no more went than had to")
        #expect(stage.files.fileCount == folder.dumps.count)
    }

    /// Hundreds of small files give way, too, more than are remembered at a time.
    @Test func manySmallFilesGoInTheirOrder() throws {
        let folder = try TestFolder()
        for number in 1...200 {
            try folder.put(String(format: "cot-%08d.xml", number), "<event>\(number)</event>\n")
        }
        // 200 blocks are there; 40 may be.
        let stage = try DumpStage(folder, fileBytes: 65_536, totalBytes: 40 * 4_096)
        try stage.append(1, count: 1_000)
        try stage.files.finish()
        #expect(folder.dumps.count == 40 && folder.dumps[0] == "cot-00000162.xml")
        // Somebody takes some away: they are not missed.
        for name in folder.dumps.prefix(10) {
            try FileManager.default.removeItem(atPath: folder.dumpPath + "/" + name)
        }
        for number in 2...12 {
            try stage.append(number, count: 1_000)
            try stage.files.finish()
        }
        #expect(folder.dumps.count == 40 && folder.dumps[0] == "cot-00000173.xml")
    }

    @Test func theReserveIsKept() throws {
        let folder = try TestFolder()
        let stage = try DumpStage(folder, reserveBytes: .max / 2)
        try stage.append(1)
        do throws(FileError) {
            try stage.files.flush()
            #expect(Bool(false), "written beyond the reserve")
        } catch {
            #expect(error.step == .keepReserve && error.isFull)
            #expect(sentence { error.write(into: &$0) }.hasPrefix(
                "no more than disk_reserve_bytes is free: "))
        }
        #expect(stage.files.giveUp() == 1)
        #expect(folder.dumps == [], "no empty file is left")
        stage.files.close()
        stage.files.limits.reserveBytes = 0
        try stage.open()
        try stage.append(2)
        try stage.files.finish()
        #expect(folder.dumps.map(folder.dump) == [head + entry(2)])
    }

    @Test func givingUpKeepsWhatIsWhole() throws {
        let folder = try TestFolder()
        let stage = try DumpStage(folder)
        try stage.append(1)
        try stage.files.flush()
        try stage.append(2)
        try stage.append(3)
        #expect(stage.files.giveUp() == 2)
        #expect(stage.files.giveUp() == 0)
        #expect(stage.files.eventsWritten == 1)
        try stage.append(4)
        try stage.files.finish()
        #expect(folder.dumps.map(folder.dump) == [head + entry(1), head + entry(4)])
    }

    @Test func aNewestFileThatWasCutOffIsMended() throws {
        let whole = head + entry(1) + entry(2, count: 40_000)
        let next = Array(entry(3, count: 30_000).utf8)
        for cut in [0, 1, 10, 11, 12, 16_383, 16_384, 16_385, next.count - 1, next.count] {
            let folder = try TestFolder()
            try folder.put("cot-00000009.xml", "")
            try Data(Array(whole.utf8) + next[..<cut]).write(
                to: URL(fileURLWithPath: folder.dumpPath + "/cot-00000009.xml"))
            // Only the newest can have been cut off; nobody looks at an older one.
            try folder.put("cot-00000008.xml", "<event>half")
            let stage = try DumpStage(folder)
            let isWhole = cut == next.count
            #expect(stage.files.mendedBytes == (isWhole ? 0 : Int64(cut)), "cut at \(cut)")
            let expected = isWhole ? whole + String(decoding: next, as: UTF8.self) : whole
            let isSame = folder.dump("cot-00000009.xml") == expected
            #expect(isSame, "cut at \(cut)")
            #expect(folder.dump("cot-00000008.xml") == "<event>half")
        }
    }

    @Test func whatAPulledPlugLeavesOfAFileIsNoEvent() throws {
        for (text, left) in [
            ("", [String]()), (head, []), (head + "<!-- 1 -->\n<event", []),
            (head + entry(1) + String(repeating: "\u{0}", count: 30_000), [head + entry(1)]),
            (head + entry(1) + "</event>", [head + entry(1)]),
            // Nothing of ours is near the end: it is left as it is.
            (String(repeating: "z", count: 200_000), [String(repeating: "z", count: 200_000)]),
        ] {
            let folder = try TestFolder()
            try folder.put("cot-00000003.xml", text)
            let stage = try DumpStage(folder)
            let isRight = folder.dumps.map(folder.dump) == left
            #expect(isRight, "\(text.prefix(80))")
            // Its number is not given a second time.
            try stage.append(2)
            try stage.files.finish()
            #expect(folder.dumps.last == "cot-00000004.xml")
        }
    }

    @Test func whatIsWrongWithTheFolderIsSaid() throws {
        let folder = try TestFolder()
        try Data().write(to: URL(fileURLWithPath: folder.dumpPath))
        do throws(any Error) {
            _ = try DumpStage(folder)
            #expect(Bool(false), "a file is no folder")
        } catch let error as FileError {
            #expect(error.step == .openDumps)
        }
    }
}
