"""Time limits of the tests, in one place.

Every wait has a deadline. TINYCOT_SLOW stretches all of them, for emulated processors.
"""

import os
import time

SLOW = float(os.environ.get("TINYCOT_SLOW", "1"))

# How long something that needs no timer may take before a test gives up on it.
PROMPT_SECONDS = 5.0 * SLOW
# What the protocol page promises for a ping.
PONG_SECONDS = 0.1 * SLOW


def deadline(seconds):
    """The moment, on the monotonic clock, when `seconds` (stretched) have passed."""
    return time.monotonic() + seconds * SLOW


def wait_for(condition, seconds, what, step=0.01):
    """Wait until `condition()` is true. For things that are not sockets: files, processes."""
    end = deadline(seconds)
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds * SLOW:.1f} s in vain for: {what}")
        time.sleep(step)
