"""A wrong wall clock for the daemons of this run.

TINYCOT_WRONG_CLOCK=1 sets the clock of every daemon to 1970 and lets it jump, again and again,
between 1970, the right time and twenty years ahead. Only the build for tests can be shown a wrong
clock: it reads an offset from a file (CLinuxSys/system.c).
"""

import mmap
import os
import struct
import tempfile
import threading
import time

_YEAR = 31_556_952_000


class WrongClock:
    """The offset, in a file that daemons map. Milliseconds, added to the right time."""

    def __init__(self):
        self._file = tempfile.NamedTemporaryFile(prefix="tinycot-clock-")
        self._file.write(bytes(8))
        self._file.flush()
        self._memory = mmap.mmap(self._file.fileno(), 8)
        os.environ["TINYCOT_TEST_CLOCK"] = self._file.name

    def set(self, milliseconds):
        self._memory[:8] = struct.pack("<q", milliseconds)

    def at_1970(self):
        self.set(-int(time.time() * 1000) + 60_000)

    def twenty_years_ahead(self):
        self.set(20 * _YEAR)

    def right(self):
        self.set(0)


def begin_jumping():
    """Begins in 1970; a thread of this process moves the clock every few hundred milliseconds."""
    clock = WrongClock()
    clock.at_1970()
    moves = [clock.twenty_years_ahead, clock.at_1970, clock.right]

    def jump():
        number = 0
        while True:
            time.sleep(0.37)
            moves[number % len(moves)]()
            number += 1

    threading.Thread(target=jump, daemon=True).start()
    return clock
