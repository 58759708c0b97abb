// The two clocks of the machine as the core's two types. Read once a turn by the loop.

import CLinuxSys
import TinyCoT

enum LinuxClock {
    static func now() -> Instant { Instant(nanoseconds: tcs_monotonic_nanoseconds()) }
    static func wall() -> WallTime { WallTime(milliseconds: tcs_wall_milliseconds()) }
}
