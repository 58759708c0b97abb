// Ten thousand packages in the heap that a small board gives: it is enough, and lists stay whole.

import CSQLite
import Testing
import TinyCoT

@testable import PackageStore

extension StoreSuite {
    @Suite struct TenThousandTests {
        /// 375 KB were measured; a leak of a statement or a page a call is seen.
        private static let peakBytes = 512 * 1024

        @Test func fitTheHeap() throws {
            let folder = try TestFolder()
            let before = SQLiteMemory.usedBytes
            _ = tcq_take_largest_request()
            var most = 0
            do {
                var catalogue = try folder.catalogue()
                // Durability is what costs time, and is not what is asked here.
                try catalogue.connection.database.execute(.write, "PRAGMA synchronous=OFF")
                for number in 0..<10_000 {
                    // Scattered like real hashes.
                    let new = package(
                        hash((number &* 2_654_435_761) & 0xFFFF_FFFF),
                        "Operation map \(number).zip",
                        by: "ANDROID-\(number % 100)", bytes: 1_000,
                        tool: number % 2 == 0 ? "public" : "private",
                        team: "team \(number % 7)")
                    _ = try catalogue.store(new)
                    most = max(most, SQLiteMemory.usedBytes - before)
                }
            }
            var catalogue = try folder.catalogue()
            #expect(catalogue.origin == .opened)
            #expect(try catalogue.totals() == Catalogue.Totals(count: 10_000, bytes: 10_000_000))
            var count = 0
            var last: Int64 = 0
            var isLast = false
            while !isLast {
                isLast = true
                catalogue.beginPage(after: last, count: 100, tool: Slab("public"))
                while let row = try catalogue.nextOfPage() {
                    last = row.id
                    count += 1
                    isLast = false
                }
            }
            #expect(count == 5_000)
            for number in stride(from: 0, to: 10_000, by: 97) {
                #expect(
                    try catalogue.find(hash((number &* 2_654_435_761) & 0xFFFF_FFFF)) != nil)
            }
            most = max(most, SQLiteMemory.usedBytes - before)
            #expect(most < TenThousandTests.peakBytes, "\(most) bytes of heap")
            // Larger requests at open are taken for damage.
            #expect(tcq_take_largest_request() < CatalogueConnection.largestRequestBytes)
            SQLiteMemory.checkInvariants()
        }
    }
}
