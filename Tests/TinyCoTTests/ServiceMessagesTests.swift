import Testing

@testable import TinyCoT

@Suite struct ServiceMessagesTests {
    private func text(_ write: (inout ByteWriter) -> Void) -> String {
        written(capacity: ServiceMessages.maxBytes, write)
    }

    @Test func readyNamesTheProcessAndHowItIs() {
        var status = ServiceStatus()
        status.clients = 1
        status.memoryBytes = 5_000 * 1_024
        status.memoryLimitBytes = 8_388_608
        #expect(
            text { ServiceMessages.ready(process: 4_711, status, into: &$0) } == """
                READY=1
                MAINPID=4711
                STATUS=1 client, 0 events a second, memory 5000 of 8192 KiB

                """)
    }

    @Test func troubleIsSaid() {
        var status = ServiceStatus()
        status.clients = 12
        status.eventsPerSecond = 1
        status.disk = .unavailable
        #expect(
            text { ServiceMessages.status(status, into: &$0) } == """
                STATUS=12 clients, 1 event a second, memory 0 of 0 KiB; \
                the disk cannot be used, packages are refused

                """)
        status.disk = .silent
        status.diskSilentSeconds = 61
        status.isCanaryLost = true
        #expect(
            text { ServiceMessages.status(status, into: &$0) }.hasSuffix(
                "; the disk has not answered for 61 seconds; the relay does not answer itself\n"))
    }

    @Test func theLongestFits() {
        var status = ServiceStatus()
        status.clients = .max
        status.eventsPerSecond = .max
        status.memoryBytes = .max
        status.memoryLimitBytes = .max
        status.disk = .silent
        status.diskSilentSeconds = .max
        status.isCanaryLost = true
        #expect(
            text { ServiceMessages.ready(process: .max, status, into: &$0) }.contains("itself\n"))
    }

    @Test func theOthers() {
        let now = Instant(nanoseconds: 12_345_678_999)
        #expect(
            text { ServiceMessages.reloading(now: now, into: &$0) }
                .hasPrefix("RELOADING=1\nMONOTONIC_USEC=12345678\n"))
        #expect(
            text { ServiceMessages.stopping(clients: 2, into: &$0) }
                == "STOPPING=1\nSTATUS=sending what waits for 2 clients\n")
        #expect(text { ServiceMessages.watchdog(into: &$0) } == "WATCHDOG=1\n")
    }
}

@Suite struct ServiceDutiesTests {
    private func all(_ duties: inout ServiceDuties) -> [ServiceDuties.Message] {
        var result: [ServiceDuties.Message] = []
        while let message = duties.next(now: .zero) {
            result.append(message)
            duties.settle(message)
        }
        return result
    }

    @Test func aReloadIsOverAfterItHasBegun() {
        var duties = ServiceDuties()
        #expect(duties.isEmpty && duties.deadline == .never)
        duties.owe(.status)
        duties.owe(.reloading)
        duties.owe(.watchdog)
        duties.owe(.ready)
        #expect(all(&duties) == [.reloading, .ready, .watchdog, .status])
        #expect(duties.isEmpty)
    }

    @Test func aSecondReloadTakesBackTheEndOfTheFirst() {
        var duties = ServiceDuties()
        duties.owe(.ready)
        duties.owe(.reloading)
        #expect(all(&duties) == [.reloading])
    }

    @Test func whatCouldNotBeSentWaitsForAMoment() {
        var duties = ServiceDuties()
        duties.owe(.ready)
        let now = Instant.zero.after(seconds: 5)
        duties.failed(now: now)
        #expect(duties.next(now: now) == nil)
        #expect(duties.deadline == now.after(milliseconds: 100))
        #expect(duties.next(now: duties.deadline) == .ready)
    }
}

@Suite struct ServiceEnvironmentTests {
    private func number(_ text: StaticString) -> UInt64? { ServiceEnvironment.number(Slab(text)) }

    @Test func numbers() {
        #expect(number("0") == 0)
        #expect(number("20000000") == 20_000_000)
        #expect(number("9223372036854775807") == UInt64(Int64.max))
        for bad: StaticString in [
            "", "-1", "+1", " 1", "1 ", "1s", "0x1", "9223372036854775808",
            "18446744073709551616", "00000000000000000001",
        ] { #expect(number(bad) == nil) }
    }

    @Test func whoIsMeant() {
        #expect(ServiceEnvironment.isFor(process: 17, nil))
        #expect(ServiceEnvironment.isFor(process: 17, Slab("17")))
        #expect(!ServiceEnvironment.isFor(process: 17, Slab("1")))
        #expect(!ServiceEnvironment.isFor(process: 17, Slab("")))
    }

    @Test func namesBetweenColons() {
        func name(_ index: Int, _ list: StaticString, is wanted: StaticString) -> Bool {
            ServiceEnvironment.name(index, of: Slab(list)).equals(wanted)
        }
        #expect(name(0, "cot:http", is: "cot"))
        #expect(name(1, "cot:http", is: "http"))
        #expect(name(2, "cot:http", is: ""))
        #expect(name(0, "", is: ""))
        #expect(name(1, ":b:", is: "b"))
        #expect(name(0, ":b:", is: "") && name(2, ":b:", is: "") && name(9, ":b:", is: ""))
    }
}
