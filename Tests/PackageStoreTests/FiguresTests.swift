// What the plan counts on: descriptors, stack and heap of the catalogue with ten thousand packages,
// from the migration of an old database to its end, in a process of its own.

import Foundation
import Testing
import TinyCoT

@testable import PackageStore

extension StoreSuite {
    @Suite struct FiguresTests {
        /// Lines like `stack 12345 list`: the largest number of each kind.
        private func most(_ kind: String, _ output: String) -> Int? {
            output.split(separator: "\n").compactMap { line -> Int? in
                let words = line.split(separator: " ")
                return words.count > 2 && words[0] == kind ? Int(words[1]) : nil
            }.max()
        }

        @Test func tenThousandPackagesKeepToThePlan() throws {
            let folder = try memoryFolder()
            var packages: [(SHA256Digest, Int)] = []
            for number in 0..<10_000 {
                let name = hash((number &* 2_654_435_761) & 0xFFFF_FFFF)
                let path = folder.packagesPath + "/" + text(name) + ".zip"
                #expect(FileManager.default.createFile(atPath: path, contents: nil))
                packages.append((name, 0))
            }
            try folder.makeVersionOne(packages)
            let output = try run(helperPath(), ["figures", folder.path])
            let lines = output.split(separator: "\n")
            #expect(lines.contains("done add a.zip 1") && lines.contains("done remove first"))
            // Database, journal and the folder of packages; an upload has one more, and so has a
            // start: the state folder.
            #expect(lines.contains("descriptors 3 rest"), "\(output)")
            #expect(try unwrap(most("descriptors", output)) <= 4, "\(output)")
            #expect(try unwrap(most("stack", output)) < 65_536, "\(output)")
            #expect(try unwrap(most("heap", output)) < 524_288 * 15 / 16, "\(output)")
            var catalogue = try folder.catalogue()
            #expect(try catalogue.totals().count == 10_000 + 2 - 1)
        }
    }
}
