// The two clocks of the machine as the core's two types. Read once a turn by the loop.

import CLinuxSys
import TinyCoT

enum LinuxClock {
    static func now() -> Instant { Instant(nanoseconds: tcs_monotonic_nanoseconds()) }
    static func wall() -> WallTime { WallTime(milliseconds: tcs_wall_milliseconds()) }

    /// How long a poller may sleep. Rounded up: waking before the deadline would mean waking twice.
    /// At most a minute.
    static func milliseconds(until deadline: Instant) -> Int32 {
        let fresh = now()
        if deadline <= fresh { return 0 }
        let rest = (deadline.nanoseconds - fresh.nanoseconds + 999_999) / 1_000_000
        return Int32(min(rest, 60_000))
    }
}
