"""WATCHDOG=1 is sent because an event went round, not because time has passed.

Here the service manager is the test. What a canary does is seen from outside: in system calls, in
what clients, status, dump and state show of it, which is nothing, and in what is missing when the
relay stands still.
"""

import itertools
import os
import re
import signal
import time
from pathlib import Path

import pytest

from tinycot import events, states
from tinycot.client import gather
from tinycot.daemon import free_port
from tinycot.figures import note
from tinycot.pace import SLOW, wait_for
from tinycot.process import processor_seconds
from tinycot.service import ManagedDaemon, Manager
from tinycot.tracing import Tracer, is_held

PING = "WATCHDOG=1\n"
SECONDS = 1.0 * SLOW
# Emergencies, chat and positions from now to then; a second holds four flights.
WHILE_SECONDS = 3 * SECONDS


@pytest.fixture
def manager(tmp_path):
    one = Manager(tmp_path / "notify")
    yield one
    one.close()


@pytest.fixture
def managed(tmp_path, manager, keep):
    """Starts daemons; `prepare` may change one before."""
    numbers = itertools.count()

    def start(*arguments, seconds=SECONDS, prepare=lambda one: None):
        one = keep(ManagedDaemon(tmp_path / f"daemon-{next(numbers)}", *arguments,
                                 manager=manager, watchdog_seconds=seconds))
        prepare(one)
        one.start()
        manager.wait("READY=1")
        return one

    return start


def around(*words):
    """Puts a command between the shell that names the process and the daemon."""
    def prepare(daemon):
        plain = daemon._command
        daemon._command = lambda *arguments: [
            *plain(*arguments)[:4], *words, *plain(*arguments)[4:]]
    return prepare


def pings(manager, seconds):
    return manager.watch(seconds).count(PING)


def quiet_from_now(manager, seconds):
    """One may be on its way."""
    manager.watch(SECONDS / 2)
    assert pings(manager, seconds) == 0


def test_a_quarter_of_the_time_apart(managed, manager):
    managed()
    manager.wait("WATCHDOG=1")
    count = pings(manager, 4 * SECONDS)
    assert 12 <= count <= 17
    times = [at for at, text in manager.messages if text == PING]
    assert max(later - sooner for sooner, later in zip(times, times[1:])) < SECONDS / 2


@pytest.mark.parametrize("changes", [
    {"WATCHDOG_USEC": "0"}, {"WATCHDOG_USEC": "soon"}, {"WATCHDOG_USEC": "-5"}],
    ids=lambda changes: changes["WATCHDOG_USEC"])
def test_not_asked_for(changes, managed, manager):
    managed(seconds=None, prepare=lambda one: one.environment.update(changes))
    assert pings(manager, 1) == 0


def test_asked_of_another_process(managed, manager):
    managed(prepare=around("env", "WATCHDOG_PID=1"))
    assert pings(manager, 1) == 0


def test_a_stopped_process_sends_none(managed, manager):
    daemon = managed()
    manager.wait("WATCHDOG=1")
    daemon.signal(signal.SIGSTOP)
    quiet_from_now(manager, 2 * SECONDS)
    daemon.signal(signal.SIGCONT)
    manager.wait("WATCHDOG=1", after=len(manager.messages))


WALLS = [
    {"name": "blue", "colours": ["Blue"]},
    {"name": "red", "members": ["RED-1"], "sees": ["blue"]}]


@pytest.mark.parametrize("config", [
    {"cot": {"listen": ["0.0.0.0:{}"]}},
    {"cot": {"listen": ["[::]:{}"]}},
    {"cot": {"listen": ["[::1]:{}"]}},
    {"cot": {"listen": ["127.0.0.1:{}", "127.0.0.9:{}"]}},
    {"cot": {"listen": ["0.0.0.0:{}"]}, "teams": WALLS},
    {"cot": {"listen": []}, "teams": [
        {"name": "blue", "listen": ["127.0.0.1:{}"]}, {"name": "red", "listen": ["0.0.0.0:{}"]}]},
    {"cot": {"listen": ["0.0.0.0:{}"]}, "allow": ["10.0.0.0/8"]},
], ids=["any", "any of IPv6", "IPv6", "two", "walls", "teams only", "loopback not allowed"])
def test_any_configuration(config, managed, manager):
    def filled(value):
        if isinstance(value, str):
            return value.format(free_port())
        if isinstance(value, list):
            return [filled(one) for one in value]
        if isinstance(value, dict):
            return {key: filled(one) for key, one in value.items()}
        return value

    daemon = managed(filled(config))
    manager.wait("WATCHDOG=1")
    assert pings(manager, 2 * SECONDS) >= 6
    assert "watchdog" not in daemon.log()
    assert daemon.status().admission_refused == {
        name: 0 for name in daemon.status().admission_refused}


def test_on_an_address_that_is_not_loopback(managed, manager):
    """A board's own address, in a network of its own that nobody else is in."""
    def prepare(daemon):
        around("unshare", "--net", *([] if os.geteuid() == 0 else ["--map-root-user"]), "sh", "-c",
               'ip link set lo up && ip address add 192.0.2.1/32 dev lo && exec "$@"', "sh")(daemon)
        # Not to be seen from here; that it is ready is awaited anyway.
        daemon.wait_listening = daemon.wait_store = lambda *_: None

    managed({"cot": {"listen": [f"192.0.2.1:{free_port()}"]}}, prepare=prepare)
    manager.wait("WATCHDOG=1")
    assert pings(manager, 2 * SECONDS) >= 6


def relay_counters(daemon):
    """All that is counted but the store's: that one writes the state meanwhile."""
    return {key: value for key, value in daemon.status().document["counters"].items()
            if key != "store"}


def test_nobody_sees_it(managed, manager, crowd):
    """Not a client, not the status, not the dump, not the state, and it takes nobody's place."""
    budget = {"clients": 2, "clients_per_address": 2}
    daemon = managed({"state_seconds": 1, "dump": {"enabled": True}}, budget)
    idle = relay_counters(daemon)
    alpha, bravo = gather(crowd, daemon.port, [events.ALPHA, events.BRAVO])
    before = relay_counters(daemon)
    begun = len(manager.messages)
    end = time.monotonic() + WHILE_SECONDS
    while time.monotonic() < end:
        crowd.run_for(0.05)
        manager.pump()
        status = daemon.status()
        assert {client.callsign for client in status.clients} == {"ALPHA", "BRAVO"}
        assert status.pools["clients"]["used"] == status.pools["clients"]["peak"] == 2
    assert [text for _, text in manager.messages[begun:]].count(PING) >= 6
    assert relay_counters(daemon) == before, "its events are in no total"
    assert idle["closed"] == before["closed"], "canaries flew while the two came, too"
    alpha.send(events.marker("mark"))
    crowd.wait_until(lambda: bravo.has("mark"), "the marker")
    late = [event.uid for event in alpha.news() + bravo.news() if "canary" in event.uid]
    assert late == []
    crowd.close()
    assert daemon.terminate() == 0
    assert states.newest(daemon.state_dir).events, "there is a state"
    for path in Path(daemon.state_dir).rglob("*"):
        if path.is_file():
            assert b"canary" not in path.read_bytes(), path
    assert any(b"ALPHA" in path.read_bytes()
               for path in (Path(daemon.state_dir) / "dump").iterdir()), "there is a dump"
    assert "canary" not in daemon.log()


def test_a_full_server_still_proves_itself(managed, manager, crowd):
    """All places taken, and a third at the door."""
    daemon = managed(None, {"clients": 2, "clients_per_address": 2})
    gather(crowd, daemon.port, [events.ALPHA, events.BRAVO])
    third = crowd.connect(daemon.port)
    crowd.wait_until(lambda: third.closed, "no place for a third")
    assert pings(manager, 2 * SECONDS) >= 6


@pytest.mark.native
@pytest.mark.parametrize("name", ["sendto", "recvfrom", "accept4"])
def test_a_relay_that_turns_but_does_not_relay(name, managed, manager, tmp_path):
    """Its loop goes round, its timers run, and no event passes: a timer would go on pinging."""
    daemon = managed()
    manager.wait("WATCHDOG=1")
    with Tracer(daemon.pid, tmp_path / "log", "-e", f"trace={name}",
                "-e", f"inject={name}:error=EAGAIN", threads=[daemon.pid]):
        quiet_from_now(manager, 3 * SECONDS)
        assert "the relay does not answer itself" in daemon.log()
    manager.wait("WATCHDOG=1", after=len(manager.messages))
    daemon.wait_log("answers itself again")
    # What was given up has left nothing behind.
    assert pings(manager, 2 * SECONDS) >= 6
    status = daemon.status()
    assert status.clients == [] and status.pools["clients"]["peak"] == 0
    assert daemon.log().count("does not answer itself") == 1


@pytest.mark.native
def test_a_disk_that_stands_still(managed, manager, tmp_path, crowd):
    """The pings go on, and STATUS says it; after store_stall_seconds they end, and the log says
    why; and all of it is over when the disk goes on."""
    stall = 8
    daemon = managed({"state_seconds": 1, "store_stall_seconds": stall})
    with Tracer(daemon.pid, tmp_path / "log", "-e", "trace=fsync,fdatasync",
                "-e", "inject=fsync,fdatasync:delay_enter=600s:when=1") as tracer:
        gather(crowd, daemon.port, [events.ALPHA, events.BRAVO])
        wait_for(lambda: any(is_held(daemon.pid, thread) for thread in tracer.threads), 20,
                 "the store to be held")
        held = time.monotonic()
        time.sleep(0.3)
        manager.pump()
        while time.monotonic() < held + stall - 1.5:
            assert pings(manager, 1) >= 2
        assert "watchdog" not in daemon.log()
        seen = len(manager.messages)
        daemon.wait_log(rf"watchdog: the disk has not answered for {stall} seconds "
                        rf"\(store_stall_seconds is {stall}\)", 10)
        quiet_from_now(manager, 2 * SECONDS)
        crowd.close()
        manager.wait("STATUS=")
        told = [text for _, text in manager.messages[seen // 2:]
                if "the disk has not answered" in text]
        assert told, manager.messages
    manager.wait("WATCHDOG=1", after=len(manager.messages))
    assert daemon.log().count("watchdog:") == 1


def test_reload_takes_away_the_listener_it_used(managed, manager):
    first, second = free_port(), free_port()
    daemon = managed({"cot": {"listen": [f"127.0.0.1:{first}"]}})
    manager.wait("WATCHDOG=1")
    daemon.write_config({**daemon.config, "cot": {"listen": [f"127.0.0.1:{second}"]}})
    daemon.signal(signal.SIGHUP)
    manager.wait("RELOADING=1")
    daemon.wait_log("reloaded")
    assert pings(manager, 2 * SECONDS) >= 6


def test_none_while_it_stops_and_nothing_in_the_way(managed, manager):
    daemon = managed(seconds=SECONDS)
    manager.wait("WATCHDOG=1")
    began = time.monotonic()
    assert daemon.terminate() == 0
    assert time.monotonic() - began < 2 * SLOW, "nobody waits for the daemon's own connection"
    manager.watch(0.2)
    texts = [text for _, text in manager.messages]
    assert PING not in texts[[text.split("\n")[0] for text in texts].index("STOPPING=1"):]
    assert re.search(r"SIGTERM: .* 0 clients", daemon.log())
    assert "stopped: 0 clients disconnected, 0 events in, 0 out" in daemon.log()


@pytest.mark.native
def test_what_it_costs(managed, manager):
    """Eighty flights: processor time, and no heap allocation."""
    daemon = managed(seconds=0.2)
    manager.wait("WATCHDOG=1")
    before, begun = processor_seconds(daemon.pid), len(manager.messages)
    manager.watch(8)
    flights = [text for _, text in manager.messages[begun:]].count(PING)
    spent = processor_seconds(daemon.pid) - before
    assert flights > 100 / SLOW
    note(f"a canary's flight: {spent / flights * 1e6:.0f} us of processor")
    assert spent / flights < 0.002 * SLOW
    assert daemon.status().heap_allocations_after_seal == 0
