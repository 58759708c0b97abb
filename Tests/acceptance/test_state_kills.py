"""kill -9 at any moment, under load: the next start always finds a whole state, never an older one
than the one before the newest, and shows what is in it.

Every kill is a real one of a real process: half of them at moments of chance while clients flood,
half as the store enters its first, second, ... system call of a snapshot, so that no step between
two calls is missed. TINYCOT_STATE_KILLS sets how many of the first kind there are,
TINYCOT_STATE_SEED the chance.
"""

import os
import random
import shutil
import signal
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


def pull_the_plug(daemon, chance):
    """kill -9: at once, or while the daemon writes its last state because it was asked to end."""
    if chance.random() < 0.7:
        daemon.expected_to_end = True
        daemon.signal(signal.SIGTERM)
        time.sleep(chance.uniform(0, 0.02))
    daemon.kill()


def test_killed_at_any_moment_under_load(tmp_path):
    chance = random.Random(SEED)
    daemon = Daemon(tmp_path / "daemon", CONFIG).start()
    newest, written = 0, 0
    try:
        for start in range(KILLS):
            size = CLIENTS if start % 10 == 0 else 10
            crowd, clients = crowd_of(daemon, size, start)
            # Now and then longer than the second between two states.
            flood(crowd, clients, chance, chance.uniform(0.01, 1.3 if start % 10 == 5 else 0.1))
            before = states.newest(daemon.state_dir)
            pull_the_plug(daemon, chance)
            crowd.close()
            left = states.newest(daemon.state_dir)
            number = left.number if left else 0
            assert number >= (before.number if before else 0), "a whole generation was lost"
            written += number - newest
            newest = number
            daemon.start()
            check_start(daemon, newest)
        note(f"{KILLS} kills under load, {written} states written between them: "
             "no start without the newest, none broken")
        assert written > KILLS // 4, "hardly a state was written: the test shows nothing"
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
