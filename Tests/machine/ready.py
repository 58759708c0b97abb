"""How long the program takes from its start to READY=1, on the host itself, for comparison."""

import os
import statistics
import tempfile
import time
from pathlib import Path

from machine import ROOT


def on_this_host(count=5):
    """Milliseconds of a few starts of the amd64 program, as a service manager sees them."""
    os.environ["TINYCOT_BINARY"] = str(ROOT / "dist/amd64/tinycot")
    from tinycot.service import ManagedDaemon, Manager

    class Prompt(ManagedDaemon):
        """Whose start returns when it says so; other questions would take time."""

        def wait_listening(self, *_):
            manager.wait("READY=1")

        def wait_store(self):
            pass

    times = []
    for number in range(count):
        with tempfile.TemporaryDirectory(prefix="tinycot-ready-") as folder:
            manager = Manager(Path(folder) / "notify")
            daemon = Prompt(Path(folder) / f"daemon-{number}", manager=manager)
            try:
                began = time.monotonic()
                daemon.start()
                times.append((manager.messages[0][0] - began) * 1000)
                daemon.finish()
            finally:
                daemon.kill()
                manager.close()
    return times


def described(times):
    return f"{statistics.median(times):.0f} ms ({min(times):.0f} to {max(times):.0f})"
