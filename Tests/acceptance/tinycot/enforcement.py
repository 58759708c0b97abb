"""The budget as a hard limit from outside, and how near the daemons of a run came to it.

TINYCOT_ENFORCE=1 starts each daemon with what its plan says and nothing more: RLIMIT_NOFILE is the
number of planned descriptors, RLIMIT_AS the memory and what of the program is mapped but never
touched, and where this machine lets us make one, a memory control group of `memory_bytes`. What
goes beyond is refused or killed by the kernel, whatever the daemon counts itself.

At its end each daemon is asked for its peaks; one beyond the plan fails the test. With
TINYCOT_PEAKS=FILE they are appended to that file, for the table at the end of a whole run.
"""

import atexit
import contextlib
import itertools
import json
import os
import re
import resource
import subprocess
from pathlib import Path

# Parts of the program and of the stacks that are mapped and not touched.
UNTOUCHED_BYTES = 2 << 20
# Version 1 has a folder for each controller; version 2 charges the kernel's socket buffers, too.
_VERSION_1 = Path("/sys/fs/cgroup/memory")
_VERSION_2 = Path("/sys/fs/cgroup")
_numbers = itertools.count(1)
_groups = []


def is_on():
    return os.environ.get("TINYCOT_ENFORCE") == "1"


class Plan:
    """What `tinycot budget` says of a budget."""

    def __init__(self, command, budget_file):
        done = subprocess.run([*command, "budget", "--budget", str(budget_file)],
                              capture_output=True, text=True, timeout=60, check=False)
        sections = done.stdout.split("\n\n")
        self.is_known = done.returncode == 0 and len(sections) >= 3
        if self.is_known:
            self.memory = self._planned(sections[0])
            self.memory_limit = self._figure(sections[0], "memory_bytes")
            self.kernel_limit = self._figure(sections[1], "kernel_socket_bytes")
            self.descriptors = self._planned(sections[2])

    @staticmethod
    def _figure(section, name):
        return int(re.search(rf"^{name} +([\d,]+)", section, re.M)[1].replace(",", ""))

    def _planned(self, section):
        return self._figure(section, "planned")

    def limits(self):
        if not self.is_known:
            return []
        most = self.memory_limit + UNTOUCHED_BYTES
        return [(resource.RLIMIT_NOFILE, (self.descriptors, self.descriptors)),
                (resource.RLIMIT_AS, (most, most))]


class MemoryGroup:
    """A control group for one daemon; does nothing where none can be made."""

    def __init__(self, plan):
        self.path = None
        if not plan.is_known:
            return
        name = f"tinycot-test-{os.getpid()}-{next(_numbers)}"
        with contextlib.suppress(OSError):
            if (_VERSION_1 / "memory.limit_in_bytes").exists():
                self._make(_VERSION_1 / name, "memory.limit_in_bytes", plan.memory_limit)
            elif "memory" in (_VERSION_2 / "cgroup.subtree_control").read_text().split():
                self._make(_VERSION_2 / name, "memory.max", plan.memory_limit + plan.kernel_limit)

    def _make(self, path, file, limit):
        path.mkdir()
        _groups.append(path)
        (path / file).write_text(str(limit))
        self.path = path

    def enter(self):
        """Called in the child, before it becomes the daemon."""
        if self.path:
            (self.path / "cgroup.procs").write_text(str(os.getpid()))

    def remove(self):
        if self.path:
            with contextlib.suppress(OSError):
                self.path.rmdir()
                _groups.remove(self.path)
                self.path = None


@atexit.register
def _remove_all():
    for path in _groups:
        with contextlib.suppress(OSError):
            path.rmdir()


def check_peaks(daemon, plan):
    """A daemon that still answers: no pool, not its memory and not its descriptors beyond plan."""
    if not plan.is_known:
        return
    status = daemon.status().document
    figures = {pool["name"]: (pool["peak"], pool["limit"]) for pool in status["pools"]}
    figures["resident memory"] = (status["rss_peak_bytes"], plan.memory)
    figures["descriptors at the end"] = (
        len(os.listdir(f"/proc/{daemon.pid}/fd")), plan.descriptors)
    for name, (peak, limit) in figures.items():
        assert peak <= limit, f"{name}: peak {peak}, but the plan says {limit}"
    path = os.environ.get("TINYCOT_PEAKS")
    if path:
        with open(path, "a", encoding="ascii") as file:
            file.write(json.dumps(figures) + "\n")
