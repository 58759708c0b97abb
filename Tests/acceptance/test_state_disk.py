"""A disk that is full, read-only, broken or slow costs the state, and nothing else: events go on at
once, one line says what is wrong, and when the disk is well again so is the state, without a start.
"""

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from tinycot import events, states
from tinycot.client import gather
from tinycot.figures import note
from tinycot.pace import SLOW, wait_for
from tinycot.storage import StoreDaemon
from tinycot.tracing import Tracer

pytestmark = [pytest.mark.native, pytest.mark.load, pytest.mark.alone]

EAGER = {"state_seconds": 1, "return_seconds": 3600}


@pytest.fixture
def daemon(tmp_path):
    one = StoreDaemon(tmp_path / "daemon", EAGER).start()
    yield one
    try:
        one.finish()
    finally:
        one.kill()


def number(daemon):
    newest = states.newest(daemon.state_dir)
    return newest.number if newest else 0


def change(crowd, client):
    """Something for the state to write."""
    uid = events.fresh("news")
    client.send(events.marker(uid))
    crowd.answer(client)
    return uid


def slowest_exchange(crowd, sender, receiver, seconds):
    """The longest that an event took from one client to the other."""
    longest, end = 0.0, time.monotonic() + seconds
    while time.monotonic() < end:
        uid = events.fresh("timed")
        began = time.monotonic()
        sender.send(events.fence(uid))
        crowd.wait_until(lambda: receiver.has(uid), "an event while the disk is ill")
        longest = max(longest, time.monotonic() - began)
        crowd.run_for(0.02)
    return longest


def complaints(daemon):
    return [line for line in daemon.log().splitlines() if "the state is not kept" in line]


@pytest.mark.parametrize("call, error, words", [
    ("openat", "EROFS", "Read-only file system"),
    ("openat", "ENOSPC", "No space left on device"),
    ("write", "ENOSPC", "No space left on device"),
    ("write", "EIO", "Input/output error"),
    ("fsync", "EIO", "Input/output error"),
    ("renameat", "EROFS", "Read-only file system"),
])
def test_a_disk_that_fails_is_said_once_and_recovers(daemon, tmp_path, crowd, call, error, words):
    alpha, bravo = gather(crowd, daemon.port, [events.ALPHA, events.BRAVO])
    change(crowd, alpha)
    wait_for(lambda: number(daemon), 10, "a first state")
    # `write` also wakes threads: only what goes to the temporary file is made to fail.
    options = ["-e", f"trace={call}", "-e", f"inject={call}:error={error}"]
    if call == "write":
        options += ["-P", str(daemon.state_dir / "state.tmp")]
    before = number(daemon)
    with Tracer(daemon.pid, tmp_path / "strace.log", *options):
        uid = change(crowd, alpha)
        daemon.wait_log("the state is not kept", 10)
        longest = slowest_exchange(crowd, alpha, bravo, 2.5)
        assert number(daemon) == before
    assert words in complaints(daemon)[0]
    assert len(complaints(daemon)) == 1
    daemon.wait_log("the state is written again", 40)
    newest = states.newest(daemon.state_dir)
    assert newest.number > before and any(uid.encode() in raw for raw in newest.events)
    assert not (daemon.state_dir / "state.tmp").exists()
    assert daemon.status().document["counters"]["store"]["state_failures"] >= 1
    note(f"state fails with {error} in {call}: longest way of an event {longest * 1000:.1f} ms")


def test_an_fsync_of_five_seconds_delays_no_event(daemon, tmp_path, crowd):
    alpha, bravo = gather(crowd, daemon.port, [events.ALPHA, events.BRAVO])
    change(crowd, alpha)
    wait_for(lambda: number(daemon), 10, "a first state")
    free = slowest_exchange(crowd, alpha, bravo, 1.5)
    before = number(daemon)
    with Tracer(daemon.pid, tmp_path / "strace.log", "-e", "trace=fsync",
                "-e", "inject=fsync:delay_enter=5s"):
        change(crowd, alpha)
        wait_for((daemon.state_dir / "state.tmp").exists, 10, "a state on its way")
        slow = slowest_exchange(crowd, alpha, bravo, 4.0)
        assert (daemon.state_dir / "state.tmp").exists(), "the fsync was not slow"
        assert number(daemon) == before
    wait_for(lambda: number(daemon) > before, 20, "the state after all")
    assert complaints(daemon) == []
    note(f"five seconds of fsync: longest way of an event {slow * 1000:.1f} ms; "
         f"without {free * 1000:.1f} ms")


@pytest.mark.skipif(os.geteuid() != 0, reason="makes a small file system")
def test_a_file_system_that_is_really_full(tmp_path, crowd):
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", small], check=True)
    one = StoreDaemon(tmp_path / "daemon", EAGER)
    try:
        shutil.rmtree(one.state_dir)
        one.state_dir = small
        one.start()
        alpha, = gather(crowd, one.port, [events.ALPHA])
        change(crowd, alpha)
        wait_for(lambda: number(one), 10, "a first state")
        filler = small / "filler"
        with open(filler, "wb", buffering=0) as full:
            with pytest.raises(OSError):
                while True:
                    full.write(bytes(4_096))
        before = number(one)
        uid = change(crowd, alpha)
        one.wait_log("the state is not kept.*No space left", 10)
        assert number(one) >= before
        filler.unlink()
        one.wait_log("the state is written again", 40)
        assert any(uid.encode() in raw for raw in states.newest(small).events)
        one.finish()
    finally:
        one.kill()
        subprocess.run(["umount", "-l", small], check=True)


def test_no_state_folder_at_all_and_later_one(tmp_path, crowd):
    """The card was not mounted in time."""
    one = StoreDaemon(tmp_path / "daemon", EAGER)
    away = tmp_path / "away"
    one.start()
    alpha, = gather(crowd, one.port, [events.ALPHA])
    change(crowd, alpha)
    wait_for(lambda: number(one), 10, "a first state")
    assert one.terminate() == 0
    shutil.move(one.state_dir, away)
    one.state_dir.write_text("not a folder")
    run = one._command("serve", "--config", one.config_file, "--budget", one.budget_file,
                       "--state-dir", one.state_dir, "--run-dir", one.run_dir)
    done = subprocess.run(run, capture_output=True, timeout=20 * SLOW)
    assert done.returncode == 66 and b"is not a folder" in done.stderr
    one.state_dir.unlink()
    shutil.move(away, one.state_dir)
    one.start()
    one.expected_to_end = False
    newcomer = crowd.connect(one.port)
    crowd.wait_until(lambda: newcomer.has(events.ALPHA.uid), "the picture")
    one.finish()
    one.kill()


class HomelessDaemon(StoreDaemon):
    """Keeps its state where somebody who is not root keeps it, who has no such place yet."""

    def _command(self, *arguments):
        arguments = list(map(str, arguments))
        at = arguments.index("--state-dir")
        del arguments[at:at + 2]
        return ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                "env", f"XDG_STATE_HOME={self.state_dir.parent}", *super()._command(*arguments)]


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes somebody else")
def test_a_state_folder_that_comes_later(crowd):
    """The usual place is not there at the start; the daemon looks again, and then keeps its state."""
    base = Path(tempfile.mkdtemp(prefix="tinycot-late-"))
    base.chmod(0o777)
    one = HomelessDaemon(base / "daemon", EAGER)
    try:
        shutil.rmtree(one.state_dir)
        one.state_dir = base / "home" / "tinycot"
        for folder in (one.folder, one.run_dir):
            os.chown(folder, 65534, 65534)
        one.start()
        alpha, = gather(crowd, one.port, [events.ALPHA])
        uid = change(crowd, alpha)
        one.wait_log("the state is not kept: the state folder cannot be opened", 10)
        one.state_dir.mkdir(parents=True)
        os.chown(one.state_dir, 65534, 65534)
        one.wait_log("the state is written again", 45)
        newest = states.newest(one.state_dir)
        assert newest.number >= 1 and newest.document["starts"] == 1
        assert any(uid.encode() in raw for raw in newest.events)
        one.finish()
    finally:
        one.kill()
        shutil.rmtree(base)


def test_a_day_without_bytes_left(tmp_path, crowd):
    one = StoreDaemon(tmp_path / "daemon", EAGER, {"disk_write_bytes_per_day": 1_048_576})
    one.start()
    try:
        alpha, = gather(crowd, one.port, [events.ALPHA])
        filling = "x" * 60_000
        for _ in range(12):
            alpha.send(events.marker(events.fresh("large"), f"<remarks>{filling}</remarks>"))
        crowd.answer(alpha)
        wait_for(lambda: number(one), 10, "a first state")
        change(crowd, alpha)
        one.wait_log("disk_write_bytes_per_day", 15)
        before = number(one)
        change(crowd, alpha)
        crowd.run_for(3)
        assert number(one) == before
        assert sum("disk_write_bytes_per_day" in line for line in one.log().splitlines()) == 1
        store = one.status().document["counters"]["store"]
        assert store["written_today_state"] <= 1_048_576 + 65_536
        one.finish()
    finally:
        one.kill()
