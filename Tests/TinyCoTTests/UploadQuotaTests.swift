// The books of a day: what counts against whom, when a day ends, and that a full table of
// addresses neither locks anybody out nor lets anybody pass the limit for all.

import Testing

@testable import TinyCoT

@Suite struct UploadQuotaTests {
    private func withQuota(
        perDay: Int = 1_000, perAddress: Int = 400, addresses: Int = 2,
        _ body: (inout UploadQuota) -> Void
    ) {
        var budget = Budget()
        budget.uploadBytesPerDay = perDay
        budget.uploadBytesPerAddressPerDay = perAddress
        budget.uploadAddresses = addresses
        var measuring = Arena.measuring()
        _ = UploadQuota(budget: budget, arena: &measuring)
        let memory = UnsafeMutableRawBufferPointer.allocate(
            byteCount: measuring.usedBytes, alignment: 64)
        defer { memory.deallocate() }
        memory.initializeMemory(as: UInt8.self, repeating: 0)
        var arena = Arena(memory: memory)
        var quota = UploadQuota(budget: budget, arena: &arena)
        body(&quota)
    }

    private let one = Address(ipv4: 0xC000_0201)
    private let two = Address(ipv4: 0xC000_0202)
    private let three = Address(ipv4: 0xC000_0203)
    private let start = Instant(nanoseconds: 5_000_000_000)

    @Test func eachAddressHasItsOwnAndAllShareOne() {
        withQuota { quota in
            #expect(quota.remaining(for: one, now: start) == 400)
            quota.take(300, from: one, now: start)
            #expect(quota.remaining(for: one, now: start) == 100)
            #expect(quota.remaining(for: two, now: start) == 400)
            quota.take(400, from: two, now: start)
            #expect(quota.remaining(for: two, now: start) == 0)
            #expect(quota.bytes == 700)
            // The rest of the day's thousand is less than the address might have.
            #expect(quota.remaining(for: three, now: start) == 300)
        }
    }

    @Test func whatCameAtOnceMayGoBeyondButThenNothingIsLeft() {
        withQuota { quota in
            quota.take(450, from: one, now: start)
            #expect(quota.remaining(for: one, now: start) == 0)
        }
    }

    @Test func aDayEndsAfter24HoursOfItsOwn() {
        withQuota { quota in
            quota.take(400, from: one, now: start)
            let later = start.after(seconds: 3_600)
            quota.take(400, from: two, now: later)
            let almost = start.after(milliseconds: 86_400_000 - 1)
            #expect(quota.remaining(for: one, now: almost) == 0)
            #expect(quota.secondsToWait(for: one, now: almost) == 1)
            let over = start.after(seconds: 86_400)
            #expect(quota.remaining(for: one, now: over) == 400)
            #expect(quota.remaining(for: two, now: over) == 0)
            #expect(quota.remaining(for: two, now: later.after(seconds: 86_400)) == 400)
        }
    }

    @Test func aFullTableForgetsWhoUsedLeast() {
        withQuota { quota in
            quota.take(350, from: one, now: start)
            quota.take(10, from: two, now: start)
            quota.take(20, from: three, now: start)
            #expect(quota.remaining(for: one, now: start) == 50)
            #expect(quota.remaining(for: three, now: start) == 380)
            #expect(quota.remaining(for: two, now: start) == 400)
            #expect(quota.bytes == 380)
        }
    }

    @Test func theLimitForAllHoldsHoweverManyAddressesThereAre() {
        withQuota { quota in
            var taken: Int64 = 0
            for number in 0..<100 {
                let address = Address(ipv4: 0x0A00_0000 + UInt32(number))
                let some = min(60, quota.remaining(for: address, now: start))
                quota.take(Int(some), from: address, now: start)
                taken += some
            }
            #expect(taken == 1_000)
        }
    }
}
