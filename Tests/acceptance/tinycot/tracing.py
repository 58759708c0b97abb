"""strace around a daemon: what its store thread calls, and faults put into these calls.

Only the threads beside the main one are traced, the store's among them, so that the relay runs at
its own speed. Every call is counted from the moment of attaching, by name.
"""

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .pace import SLOW, wait_for

_CALL = re.compile(r"^(?:(\d+) +)?(\w+)\((.*)\) += (-?\w+|\?)(.*)$")
_UNFINISHED = re.compile(r"^(?:(\d+) +)?(\w+)\((.*?) *<unfinished \.\.\.>$")
_RESUMED = re.compile(r"^(?:(\d+) +)?<\.\.\. (\w+) resumed>(.*)$")
_CUT = re.compile(r"^(?:(\d+) +)?(\w+)\((.*)$")


@dataclass(frozen=True)
class Call:
    """One system call as strace wrote it down."""

    thread: str
    name: str
    arguments: str
    result: str
    remark: str = ""

    @property
    def is_done(self):
        """Did it come to its end, and not in an error?"""
        return self.result not in ("", "?") and not self.result.startswith("-")

    @property
    def is_injected(self):
        return "(INJECTED)" in self.remark

    def __str__(self):
        return f"{self.name}({self.arguments}) = {self.result}{self.remark}"


def parse(text):
    """The calls of a log in the order of their ends; those that never ended stand last."""
    calls, open_calls = [], {}
    for line in text.splitlines():
        if match := _RESUMED.match(line):
            begun = open_calls.pop((match[1] or "", match[2]), "")
            line = f"{match[1] or ''} {match[2]}({begun}{match[3]}".strip()
        elif match := _UNFINISHED.match(line):
            open_calls[match[1] or "", match[2]] = match[3]
            continue
        if match := _CALL.match(line):
            calls.append(Call(match[1] or "", match[2], match[3], match[4], match[5]))
        elif (match := _CUT.match(line)) and not line.startswith(("+++", "---")):
            calls.append(Call(match[1] or "", match[2], match[3], ""))
    calls += [Call(thread, name, begun, "") for (thread, name), begun in open_calls.items()]
    return calls


def other_threads(pid):
    """All threads of a process but the main one, which is the relay."""
    threads = sorted(int(path.name) for path in Path(f"/proc/{pid}/task").iterdir())
    assert pid in threads and len(threads) > 1, f"threads of {pid}: {threads}"
    return [thread for thread in threads if thread != pid]


def is_held(pid, thread):
    """Is the thread stopped by its tracer at this moment?"""
    status = Path(f"/proc/{pid}/task/{thread}/status").read_text()
    return "\nState:\tt" in status


def held_call(pid, thread):
    """The number of the call that the thread stands in, and the path of its first argument."""
    fields = Path(f"/proc/{pid}/task/{thread}/syscall").read_text().split()
    assert len(fields) > 1, f"thread {thread} is in no call: {fields}"
    try:
        path = os.readlink(f"/proc/{pid}/fd/{int(fields[1], 16)}")
    except OSError:
        path = "?"
    return f"{fields[0]} {path}"


class Tracer:
    """strace on the store of a running daemon, until `stop` or the daemon's end.

    On the relay instead, if `threads` names the main one. Use it in a `with`: a daemon whose thread
    is held cannot even be killed.
    """

    def __init__(self, pid, log, *options, threads=None):
        self.threads = threads or other_threads(pid)
        self._log = Path(log)
        self._log.unlink(missing_ok=True)
        command = ["strace", "-y", "-s", "16", "-o", str(self._log), *options]
        for thread in self.threads:
            command += ["-p", str(thread)]
        self._messages = self._log.with_suffix(".messages")
        with open(self._messages, "wb") as messages:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=messages)
        wait_for(self._is_attached, 10, "strace to attach", step=0.002)

    def _is_attached(self):
        said = self._messages.read_text()
        if self._process.poll() is not None and "attached" not in said:
            raise AssertionError(f"strace left with {self._process.returncode}: {said}")
        return said.count(" attached") >= len(self.threads)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        """Lets go of the threads; what was held goes on."""
        if self._process.poll() is None:
            self._process.terminate()
        try:
            self._process.wait(10 * SLOW)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def calls(self):
        """What was called so far; whole only after `stop`."""
        return parse(self._log.read_text(errors="replace"))
