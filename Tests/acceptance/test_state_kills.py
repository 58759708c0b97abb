"""kill -9 at any moment, under load: the next start always finds a whole state, never an older one
than the one before the newest, and shows what is in it.

Every kill is a real one of a real process: half of them at moments of chance while clients flood,
half as the store enters its first, second, ... system call of a snapshot, so that no step between
two calls is missed. TINYCOT_STATE_KILLS sets how many of the first kind there are,
TINYCOT_STATE_SEED the chance.
"""

import json
import os
import random
import shutil
import threading
import time

import pytest

from tinycot import events, states
from tinycot.client import Crowd
from tinycot.daemon import Daemon
from tinycot.figures import note
from tinycot.pace import SLOW, wait_for

pytestmark = pytest.mark.load

KILLS = int(os.environ.get("TINYCOT_STATE_KILLS", "300"))
SEED = int(os.environ.get("TINYCOT_STATE_SEED", "1"))
CLIENTS = 100
# Nobody leaves in these tests: what a state holds is then all that a newcomer must be shown.
CONFIG = {"state_seconds": 1, "return_seconds": 3600}


class Watcher:
    """Copies each new generation as soon as it has its name: what was there before a kill.

    A link to the file would do, were it not for the directory: the daemon only ever renames whole
    files into place, so a copy is whole or the test fails at its hash.
    """

    def __init__(self, folder):
        self._folder = folder
        self.seen = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self):
        while not self._stop.is_set():
            self.look()
            time.sleep(0.005)

    def look(self):
        for path in states.slots(self._folder):
            try:
                head = path.open("rb").readline()
            except FileNotFoundError:
                continue
            number = json.loads(head.rstrip().rstrip(b",") + b"}")["generation"]
            self.seen.setdefault(number, time.monotonic())

    def stop(self):
        self._stop.set()
        self._thread.join()


def crowd_of(daemon, number_of_clients, seed):
    """Clients that have said who they are."""
    crowd = Crowd()
    people = [events.somebody(seed * 1_000 + number) for number in range(number_of_clients)]
    return crowd, [crowd.join(daemon.port, person) for person in people]


def flood(crowd, clients, chance, seconds):
    """Positions and markers as fast as one test can, for a while."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        sender = clients[chance.randrange(len(clients))]
        if sender.closed:
            continue
        sender.send(sender.person.position(lat=50 + chance.random()))
        if chance.random() < 0.3:
            sender.send(events.marker(f"item {chance.randrange(50)}", f"<n>{chance.random()}</n>"))
        crowd.pump(0.0)


def expected_picture(generation):
    """uids that a newcomer must be shown at once after a start."""
    return {event for event in generation.events}


def check_start(daemon, newest_known):
    """The start after a kill: which generation it took, and that it shows just that."""
    found = states.whole(daemon.state_dir)
    assert states.set_aside(daemon.state_dir) == [], daemon.log()
    if not found:
        assert newest_known == 0, "every generation was lost"
        return 0
    newest = found[0]
    assert newest.number >= newest_known, (
        f"generation {newest_known} was on the disk, {newest.number} is what is left")
    crowd = Crowd()
    try:
        newcomer = crowd.connect(daemon.port)
        wanted = expected_picture(newest)
        crowd.wait_until(
            lambda: {e.raw for e in newcomer.received} >= wanted,
            lambda: f"{len(wanted)} events of generation {newest.number}; "
                    f"got {len(newcomer.received)}", 10 * SLOW)
        crowd.answer(newcomer)
        shown = {e.raw for e in newcomer.received}
        assert shown == wanted, f"{len(shown - wanted)} events that the state does not hold"
    finally:
        crowd.close()
    return newest.number


def test_killed_at_any_moment_under_load(tmp_path):
    chance = random.Random(SEED)
    daemon = Daemon(tmp_path / "daemon", CONFIG).start()
    newest, starts, lost = 0, 0, 0
    try:
        while starts < KILLS:
            size = CLIENTS if starts % 10 == 0 else 10
            crowd, clients = crowd_of(daemon, size, starts)
            # A second between two snapshots, so that kills fall before, in and after one.
            flood(crowd, clients, chance, chance.uniform(0.01, 0.15 if starts % 5 else 1.4))
            daemon.kill()
            crowd.close()
            left = states.newest(daemon.state_dir)
            known = left.number if left else 0
            lost += known < newest
            daemon.start()
            newest = check_start(daemon, known)
            starts += 1
        note(f"{starts} kills under load, generation {newest} at the end; none lost, none broken")
        assert lost == 0
        assert newest > KILLS // 20, "hardly a state was written: the test shows nothing"
    finally:
        daemon.kill()
    assert "invariant" not in daemon.log()


def test_killed_at_every_call_of_a_snapshot(tmp_path):
    """strace kills the process as the store enters its n-th call of that name, for all n."""
    from tinycot.tracing import Tracer

    daemon = Daemon(tmp_path / "daemon", {**CONFIG, "state_seconds": 1}).start()
    kills = 0
    try:
        crowd, clients = crowd_of(daemon, 5, 0)
        crowd.answer(clients[0])
        wait_for(lambda: states.newest(daemon.state_dir), 10, "a first state")
        crowd.close()
        for name in ("openat", "unlinkat", "write", "fsync", "renameat"):
            for number in range(1, 6):
                base = tmp_path / "base"
                daemon.kill()
                shutil.rmtree(base, ignore_errors=True)
                shutil.copytree(daemon.state_dir, base)
                before = states.newest(base).number
                daemon.start()
                crowd, clients = crowd_of(daemon, 3, kills + 1)
                tracer = Tracer(
                    daemon.pid, tmp_path / "strace.log", "-e", f"trace={name}",
                    "-e", f"inject={name}:signal=KILL:when={number}")
                clients[0].send(events.marker(f"at {name} {number}"))
                end = time.monotonic() + 3 * SLOW
                while daemon.is_running() and time.monotonic() < end:
                    crowd.pump(0.02)
                tracer.stop()
                died = not daemon.is_running()
                crowd.close()
                daemon.kill()
                after = states.newest(daemon.state_dir)
                assert after and after.number >= before
                daemon.start()
                check_start(daemon, after.number)
                kills += died
                if not died:
                    break
        note(f"{kills} kills at the calls of a snapshot; every start found a whole state")
        assert kills >= 5
    finally:
        daemon.kill()
