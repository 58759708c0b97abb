// The addresses of this machine, asked for once.

import CLinuxSys
import TinyCoT

struct DoctorAddresses {
    private let names: Slab<tcs_endpoint>
    private let count: Int

    init(_ memory: Slab<tcs_endpoint>) {
        names = memory
        count = max(0, Int(tcs_own_addresses(memory.start, memory.count)))
    }

    static func loopback(like address: Address) -> Address {
        address.isIPv4 ? Address(ipv4: 0x7F00_0001) : Address(high: 0, low: 1)
    }

    /// The next one of the family of a listener.
    func next(_ i: inout Int, for listener: Address) -> Address? {
        while i < count {
            let address = Endpoint(names[i]).address
            i += 1
            if address.isIPv4 == listener.isIPv4 { return address }
        }
        return nil
    }
}
