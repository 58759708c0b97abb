"""A disk that stands still for as long as it likes delays no event.

strace holds the store thread inside one call of an upload: opening the temporary file, writing to
it, its fsync, its rename, and SQLite's write and fsync. While it is held, clients exchange events and
pings. Every one must arrive before the disk is let go: the thread is still in that very call, and
the upload has no answer. Then the disk goes on, and the upload is answered and whole.

How long the events took, with and without, is printed and asserted nowhere: it is this machine's.
"""

import os
import time
from collections import Counter
from pathlib import Path

import pytest

from tinycot import events, http, uploads
from tinycot.client import gather
from tinycot.figures import note
from tinycot.pace import SLOW, wait_for
from tinycot.storage import StoreDaemon, check_listed
from tinycot.tracing import Tracer, held_call, is_held
from tinycot.traffic import Tally, delays, numbered, percentile
from tinycot.uploads import made_up

pytestmark = [pytest.mark.native, pytest.mark.load, pytest.mark.alone]

CLIENTS = 10
ROUNDS = 40
ROUND_SECONDS = 0.05
# Nobody waits for that: the test lets go when it has seen enough.
STALL_SECONDS = 600
TRIES = 4


@pytest.fixture
def daemon(tmp_path):
    one = StoreDaemon(tmp_path / "daemon").start()
    yield one
    try:
        one.finish()
    finally:
        one.kill()


class Traffic:
    """Clients who send numbered positions and pings."""

    def __init__(self, crowd, port):
        self._crowd = crowd
        self._people = [events.somebody(number) for number in range(CLIENTS)]
        self._clients = gather(crowd, port, self._people)
        self._sent_at = {}
        self._last = 0

    def exchange(self):
        """(delays, pong delays): returns when every event is with everyone."""
        waited, pongs = delays(), []
        first = self._last + 1
        self._last += ROUNDS
        tallies = [Tally(CLIENTS, self._sent_at, waited) for _ in self._clients]
        for client, tally in zip(self._clients, tallies):
            client.on_event = tally
            tally._next = [first] * CLIENTS
        for number in range(first, self._last + 1):
            for sender, client in enumerate(self._clients):
                data = numbered(self._people[sender], sender, number)
                self._sent_at[sender, number] = time.monotonic()
                client.send(data)
                self._crowd.run_for(ROUND_SECONDS / CLIENTS)
            pongs.append(self._crowd.answer(self._clients[number % CLIENTS]))
        expected = ROUNDS * (CLIENTS - 1)
        self._crowd.wait_until(
            lambda: all(tally.count >= expected for tally in tallies),
            lambda: f"{expected} events each; got {[tally.count for tally in tallies]}", 20 * SLOW)
        assert [wrong for tally in tallies for wrong in tally.wrong] == []
        return waited, pongs


class Held:
    """An upload under way, and the store thread held in a call that it makes for it."""

    def __init__(self, daemon, log, name, path):
        self._daemon, self._log = daemon, log
        self._name, self._path = name, path
        self._serial = 0

    def begin(self):
        """Tries until the call that is held is one of the disk: `write` also wakes threads."""
        number = self._number_of_the_call()
        for _ in range(TRIES):
            self._tracer = Tracer(
                self._daemon.pid, self._log, "-e", f"trace={self._name}",
                "-e", f"inject={self._name}:delay_enter={STALL_SECONDS}s:when={number}")
            self._send()
            wait_for(self._thread_that_is_held, 20, f"the store to be held in {self._name}")
            self._call = held_call(self._daemon.pid, self._thread_that_is_held())
            if self._path in self._call:
                return
            self.release()
        raise AssertionError(f"held in {self._call} instead of {self._name} on {self._path}")

    def _send(self):
        self._serial += 1
        self.package = made_up(f"held {self._serial}.zip", 20_000, "held")
        body, fields = uploads.form(self.package)
        self._connection = http.Connection(self._daemon.http_port)
        self._connection.request("POST", uploads.upload_target(self.package), fields, body)

    def _number_of_the_call(self):
        """The how manyth call of that name is the first one to that path."""
        with Tracer(self._daemon.pid, self._log, "-e", f"trace={self._name}") as tracer:
            self._send()
            assert self._connection.answer().status == 200
            self._connection.close()
            tracer.stop()
            seen = Counter()
            for call in tracer.calls():
                seen[call.name] += 1
                if self._path in call.arguments:
                    return seen[call.name]
        raise AssertionError(f"no {self._name} on {self._path}: {tracer.calls()}")

    def _thread_that_is_held(self):
        """Twice in a row, so that it is not one of strace's short stops."""
        for thread in self._tracer.threads:
            if is_held(self._daemon.pid, thread):
                time.sleep(0.1)
                if is_held(self._daemon.pid, thread):
                    return thread
        return None

    def is_still_held(self):
        thread = self._thread_that_is_held()
        return thread and held_call(self._daemon.pid, thread) == self._call

    def is_unanswered(self):
        return self._connection.is_silent(0.05)

    def release(self):
        """Lets the disk go on; the answer of the upload."""
        self._tracer.stop()
        answer = self._connection.answer()
        self._connection.close()
        return answer


def described(values):
    return (f"median {percentile(values, 0.5) * 1000:.2f}, 99 % "
            f"{percentile(values, 0.99) * 1000:.2f}, longest {max(values) * 1000:.2f} ms")


@pytest.mark.parametrize("name, path", [
    ("openat", "/packages"),
    ("write", "/packages/tmp-"),
    ("fsync", "/packages/tmp-"),
    ("fsync", "/packages"),
    ("renameat", "/packages"),
    ("pwrite64", "catalogue.db-wal"),
    ("fdatasync", "catalogue.db-wal"),
])
def test_events_flow_while_the_disk_stands_still(daemon, tmp_path, crowd, name, path):
    traffic = Traffic(crowd, daemon.port)
    free, free_pongs = traffic.exchange()
    held = Held(daemon, tmp_path / "strace.log", name, path)
    held.begin()
    blocked, blocked_pongs = traffic.exchange()
    assert held.is_still_held(), "the disk was not blocked all the time"
    assert held.is_unanswered(), "answered, though the disk stood still"
    answer = held.release()
    assert answer is not None and answer.status == 200
    rows = uploads.listing(daemon.http_port)
    assert held.package.row() in rows
    check_listed(daemon, [rows])
    note(f"disk held in {name} of {path}: events {described(blocked)}; "
         f"pings {described(blocked_pongs)}")
    note(f"  without: events {described(free)}; pings {described(free_pongs)}")


def test_the_thread_that_is_held_is_not_the_relay(daemon, tmp_path):
    """The tracer leaves the main thread alone, or the figures above would be of strace."""
    with Tracer(daemon.pid, tmp_path / "log", "-e", "trace=all") as tracer:
        assert daemon.pid not in tracer.threads
        status = Path(f"/proc/{daemon.pid}/task/{daemon.pid}/status").read_text()
        assert "TracerPid:\t0" in status
        assert os.path.exists(f"/proc/{daemon.pid}/task/{tracer.threads[0]}")
