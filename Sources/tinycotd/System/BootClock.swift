// What the clocks of the machine say that go on while we are not there: asked at a start and when a
// state is written. Reads one small file of /proc, so never by the relay loop.

import CLinuxSys
import TinyCoT

enum BootClock {
    static func reading() -> ClockReading {
        var reading = ClockReading()
        var bytes: InlineArray<64, UInt8> = .init(repeating: 0)
        var span = bytes.mutableSpan
        span.withUnsafeMutableBufferPointer { buffer in
            let memory = Slab(start: buffer.baseAddress, count: buffer.count)
            var count = max(0, Int(Files.read("/proc/sys/kernel/random/boot_id", into: memory)))
            count = min(count, memory.count)
            while count > 0 && memory[count - 1] == UInt8(ascii: "\n") { count -= 1 }
            reading.bootId.set(memory.slice(0, count))
        }
        reading.bootMilliseconds = tcs_boot_milliseconds()
        reading.wallMilliseconds = tcs_wall_milliseconds()
        reading.isWallSynchronised = tcs_wall_is_synchronised() == 1
        return reading
    }
}
