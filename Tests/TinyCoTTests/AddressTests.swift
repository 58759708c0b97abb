import Foundation
import Testing

@testable import TinyCoT

@Suite struct AddressTests {
    private func parse(_ text: String) -> Address? {
        let bytes = OwnedBytes(text)
        return try? AddressParser.address(bytes.slab)
    }

    private func endpoint(_ text: String) -> Result<Endpoint, AddressProblem> {
        let bytes = OwnedBytes(text)
        do throws(AddressProblem) {
            return .success(try AddressParser.endpoint(bytes.slab))
        } catch {
            return .failure(error)
        }
    }

    private func network(_ text: String) -> Result<AddressParser.NetworkText, AddressProblem> {
        let bytes = OwnedBytes(text)
        do throws(AddressProblem) {
            return .success(try AddressParser.network(bytes.slab))
        } catch {
            return .failure(error)
        }
    }

    private func show(_ address: Address) -> String {
        written(capacity: 48) { $0.append(address) }
    }

    /// inet_pton, with IPv4 mapped as `Address` stores it.
    private func system(_ text: String) -> Address? {
        if text.utf8.contains(0) { return nil }
        var four = in_addr()
        if inet_pton(AF_INET, text, &four) == 1 {
            return Address(ipv4: UInt32(bigEndian: four.s_addr))
        }
        var six = in6_addr()
        guard inet_pton(AF_INET6, text, &six) == 1 else { return nil }
        let bytes = withUnsafeBytes(of: six) { Array($0) }
        func half(_ start: Int) -> UInt64 {
            bytes[start..<start + 8].reduce(0) { $0 << 8 | UInt64($1) }
        }
        return Address(high: half(0), low: half(8))
    }

    private func systemText(_ address: Address) -> String {
        var bytes = [UInt8]()
        for shift in stride(from: 56, through: 0, by: -8) {
            bytes.append(UInt8(truncatingIfNeeded: address.high >> UInt64(shift)))
        }
        for shift in stride(from: 56, through: 0, by: -8) {
            bytes.append(UInt8(truncatingIfNeeded: address.low >> UInt64(shift)))
        }
        var buffer = [CChar](repeating: 0, count: 64)
        let result = inet_ntop(AF_INET6, bytes, &buffer, 64)
        precondition(result != nil)
        return String(
            decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private func randomAddress(_ random: inout SeededGenerator) -> Address {
        if Int.random(in: 0..<4, using: &random) == 0 {
            return Address(ipv4: UInt32.random(in: 0...UInt32.max, using: &random))
        }
        // Many zero groups, so that every place and length of `::` comes up.
        var value = Address()
        for _ in 0..<8 {
            let group: UInt64
            switch Int.random(in: 0..<4, using: &random) {
            case 0, 1: group = 0
            case 2: group = UInt64.random(in: 0...15, using: &random)
            default: group = UInt64.random(in: 0...0xFFFF, using: &random)
            }
            value.high = value.high << 16 | value.low >> 48
            value.low = value.low << 16 | group
        }
        return value
    }

    @Test func readsWhatTheSystemReads() {
        var random = SeededGenerator(seed: 4)
        let pieces = [
            ":", "::", ".", "0", "1", "ffff", "00", "1.2.3.4", "255", "256", "g", "%eth0", " ",
            "F0",
        ]
        .map { Array($0.utf8) }
        var accepted = 0
        for round in 0..<20_000 {
            let address = randomAddress(&random)
            var bytes = Array((round % 2 == 0 ? systemText(address) : show(address)).utf8)
            if round % 4 != 0 {
                bytes = mutate(bytes, pieces: pieces, using: &random).map { $0 & 0x7F }
            }
            let text = String(decoding: bytes, as: UTF8.self)
            let expected = system(text)
            if expected != nil { accepted += 1 }
            let got = parse(text)
            if got != expected { Issue.record("\"\(text)\": \(String(describing: got))") }
        }
        #expect(accepted > 5_000 && accepted < 18_000)
    }

    @Test(arguments: [
        "", ":", "::", ":::", "1::", "::1", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8",
        "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "1::2::3", "1:", ":1", "12345::",
        "::ffff:1.2.3.4",
        "1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:7:1.2.3.4", "::1.2.3", "::1.2.3.4:5", "1.2.3.4::",
        "1.2.3.4", "1.2.3", "1.2.3.4.5", "1.2.3.", ".1.2.3", "1..2.3", "01.2.3.4", "0.0.0.0",
        "256.1.1.1", "1.2.3.4 ", "0x1.2.3.4", "::ffff:1.2.3.04", "fe80::1%eth0", "A::b", "::g",
    ])
    func cornersAreReadAsTheSystemReadsThem(_ text: String) {
        #expect(parse(text) == system(text))
    }

    /// Deliberate differences from inet_ntop: ::ffff:a.b.c.d is written a.b.c.d, since it is
    /// IPv4 here; ::a.b.c.d, deprecated by RFC 4291, is written with hexadecimal groups.
    @Test func writesWhatTheSystemWrites() {
        var random = SeededGenerator(seed: 6)
        for _ in 0..<10_000 {
            let address = randomAddress(&random)
            let text = show(address)
            if parse(text) != address { Issue.record("\(text) is not read back") }
            let isCompatible = address.high == 0 && address.low >> 32 == 0
            let expected = (address.isIPv4 ? "::ffff:" : "") + text
            if !isCompatible && expected != systemText(address) { Issue.record("\(text)") }
        }
        #expect(show(Address()) == "::")
        #expect(show(Address(high: 0, low: 1)) == "::1")
        // RFC 5952, 4.2: the longest run, the first of equals, never a single group.
        #expect(
            show(Address(high: 0x2001_0db8_0000_0000, low: 0x0001_0000_0000_0001))
                == "2001:db8::1:0:0:1")
        #expect(
            show(Address(high: 0x2001_0db8_0000_0001, low: 0x0001_0001_0001_0001))
                == "2001:db8:0:1:1:1:1:1")
    }

    @Test func endpoints() throws {
        let any = try endpoint("0.0.0.0:8087").get()
        #expect(any.address == Address(ipv4: 0) && any.port == 8087)
        let six = try endpoint("[::]:65535").get()
        #expect(six.address == Address() && six.port == 65_535)
        #expect(try endpoint("[::ffff:10.0.0.1]:1").get().address == Address(ipv4: 0x0A00_0001))
        for text in ["0.0.0.0:8087", "[::]:8087", "[2001:db8::1]:1", "192.0.2.1:65535"] {
            let value = try endpoint(text).get()
            #expect(written { $0.append(value) } == text)
        }
    }

    @Test(
        arguments: [
            ("", .notAnAddress), ("8087", .notAnAddress), (":8087", .notAnAddress),
            ("localhost:8087", .notAnAddress), ("0.0.0.0", .missingPort), ("0.0.0.0:", .badPort),
            ("0.0.0.0:0", .badPort), ("0.0.0.0:65536", .badPort), ("0.0.0.0:08087", .badPort),
            ("0.0.0.0:-1", .badPort), ("0.0.0.0:80 ", .badPort), ("::1:8087", .missingBrackets),
            ("::", .missingBrackets), ("[::]", .missingPort), ("[::]8087", .badPort),
            ("[::", .notAnAddress), ("[]:1", .notAnAddress), ("[1.2.3.4]:1", .notAnAddress),
            ("[fe80::1%eth0]:1", .zone), ("[::]:1:2", .badPort), ("]:1", .notAnAddress),
            ("[", .notAnAddress), ("[:]", .notAnAddress),
        ] as [(String, AddressProblem)])
    func badEndpoints(_ text: String, _ expected: AddressProblem) {
        #expect(endpoint(text) == .failure(expected))
    }

    @Test func networks() throws {
        let ten = try network("10.0.0.0/8").get()
        #expect(ten.network.prefixBits == 104 && !ten.hasHostBits)
        #expect(ten.network.contains(Address(ipv4: 0x0AFF_FFFF)))
        #expect(!ten.network.contains(Address(ipv4: 0x0B00_0000)))
        let local = try network("fe80::/10").get()
        #expect(local.network.prefixBits == 10 && !local.hasHostBits)
        let meant = try network("10.1.2.3/8").get()
        #expect(meant.hasHostBits && meant.network == ten.network)
        #expect(try network("1.2.3.4/32").get().hasHostBits == false)
        #expect(try network("::1/128").get().hasHostBits == false)
        for text in ["0.0.0.0/0", "10.0.0.0/8", "1.2.3.4/32", "::/0", "fc00::/7", "::1/128"] {
            let value = try network(text).get().network
            #expect(written { $0.append(value) } == text)
        }
        #expect(network("10.0.0.0") == .failure(.missingPrefix))
        #expect(network("10.0.0.0/33") == .failure(.badPrefix))
        #expect(network("::/129") == .failure(.badPrefix))
        #expect(network("10.0.0.0/") == .failure(.badPrefix))
        #expect(network("10.0.0.0/08") == .failure(.badPrefix))
        #expect(network("10.0.0/8") == .failure(.notAnAddress))
        #expect(network("/8") == .failure(.notAnAddress))
    }

    @Test func allOfIPv6IsNotAllOfIPv4() throws {
        let six = try network("::/0").get().network
        #expect(six.contains(Address(high: 1, low: 1)))
        #expect(!six.contains(Address(ipv4: 0x0A00_0001)))
        let four = try network("0.0.0.0/0").get().network
        #expect(four.contains(Address(ipv4: 0x0A00_0001)))
        #expect(!four.contains(Address(high: 1, low: 1)))
    }

    /// Masking and `contains` against a bit by bit model.
    @Test func prefixesCountBits() {
        var random = SeededGenerator(seed: 9)
        func bit(_ address: Address, _ i: Int) -> UInt64 {
            (i < 64 ? address.high >> UInt64(63 - i) : address.low >> UInt64(127 - i)) & 1
        }
        for _ in 0..<2_000 {
            let address = Address(
                high: UInt64.random(in: 0...UInt64.max, using: &random),
                low: UInt64.random(in: 0...UInt64.max, using: &random))
            let prefix = Int.random(in: 0...128, using: &random)
            let masked = AddressParser.masked(address, prefixBits: UInt8(prefix))
            let isRight = (0..<128).allSatisfy {
                bit(masked, $0) == ($0 < prefix ? bit(address, $0) : 0)
            }
            if !isRight { Issue.record("\(address) / \(prefix): \(masked)") }
        }
    }
}

extension AddressParser.NetworkText: Equatable {
    public static func == (a: Self, b: Self) -> Bool {
        a.network == b.network && a.hasHostBits == b.hasHostBits
    }
}
