"""What the daemon tells its service manager, without libsystemd: sd_notify(3)."""

import itertools
import os
import re
import signal
import time

import pytest

from tinycot import events
from tinycot.client import gather
from tinycot.daemon import free_port, is_emulated
from tinycot.pace import SLOW
from tinycot.service import ManagedDaemon, Manager

STATUS = re.compile(
    r"^STATUS=(\d+) clients?, (\d+) events? a second, memory (\d+) of (\d+) KiB(?:; .*)?$", re.M)


@pytest.fixture(params=["path", "abstract"])
def manager(request, tmp_path):
    name = tmp_path / "notify" if request.param == "path" else f"@tinycot-test-{os.getpid()}"
    one = Manager(name)
    yield one
    one.close()


@pytest.fixture
def managed(tmp_path, manager, keep):
    numbers = itertools.count()

    def start(*arguments, **options):
        folder = tmp_path / f"daemon-{next(numbers)}"
        return keep(ManagedDaemon(folder, *arguments, manager=manager, **options)).start()

    return start


def test_ready_when_it_serves(managed, manager, crowd):
    daemon = managed()
    ready = manager.wait("READY=1")
    assert f"MAINPID={daemon.pid}" in ready.splitlines()
    assert STATUS.search(ready)
    assert len(manager.messages) == 1
    gather(crowd, daemon.port, [events.ALPHA, events.BRAVO])
    assert manager.watch(1) == [], "nothing of the watchdog, which was not asked for"


def test_ready_means_that_a_connection_is_taken(tmp_path, manager, crowd, keep):
    """The message is awaited, and nothing else, as systemd does before it starts the next unit."""
    daemon = keep(ManagedDaemon(tmp_path / "daemon", manager=manager))
    daemon.wait_listening = daemon.wait_store = lambda *_: None
    began = time.monotonic()
    daemon.start()
    manager.wait("READY=1")
    alpha = crowd.join(daemon.port, events.ALPHA)
    crowd.answer(alpha)
    assert time.monotonic() - began < 3 * SLOW


def test_status_only_when_it_has_changed(managed, manager, crowd):
    daemon = managed()
    manager.wait("READY=1")
    alpha, _ = gather(crowd, daemon.port, [events.ALPHA, events.BRAVO])
    for number in range(100):
        alpha.send(events.marker(f"some-{number}"))
    crowd.answer(alpha)
    told = manager.wait("STATUS=2 clients", after=1)
    clients, _, used, limit = map(int, STATUS.search(told).groups())
    assert clients == 2 and limit == 8192 and used > 1_000
    # An emulator needs its own memory besides, and that never rests.
    assert used <= limit or is_emulated()
    before = len(manager.messages)
    manager.wait("STATUS=2 clients, 0 events a second", after=1)
    quiet = len(manager.messages)
    assert quiet - before <= 1
    assert is_emulated() or manager.watch(7) == [], "nothing changes"
    crowd.close()
    manager.wait("STATUS=0 clients", after=quiet)
    times = [at for at, text in manager.messages if text.startswith("STATUS=")]
    assert all(later - sooner > 4.5 for sooner, later in zip(times, times[1:]))
    assert daemon.status().heap_allocations_after_seal == 0


def test_reload(managed, manager):
    daemon = managed()
    manager.wait("READY=1")
    for content in ("good", "bad", "good"):
        if content == "good":
            daemon.write_config(daemon.config)
        else:
            daemon.config_file.write_text("{")
        seen = len(manager.messages)
        sent = time.monotonic_ns() // 1_000
        daemon.signal(signal.SIGHUP)
        manager.wait("READY=1", after=seen)
        told = [text for _, text in manager.messages[seen:]]
        assert len(told) == 2 and told[0].startswith("RELOADING=1\n"), told
        at = int(re.search(r"^MONOTONIC_USEC=(\d+)$", told[0], re.M)[1])
        assert sent <= at <= time.monotonic_ns() // 1_000
        assert f"MAINPID={daemon.pid}" in told[1]


def test_many_reloads_end_in_ready(managed, manager):
    daemon = managed()
    manager.wait("READY=1")
    for _ in range(50):
        daemon.signal(signal.SIGHUP)
    manager.watch(1)
    kinds = [text.split("=")[0] for _, text in manager.messages]
    assert kinds[-1] == "READY" and "RELOADING" in kinds
    pairs = list(zip(kinds, kinds[1:]))
    assert ("READY", "READY") not in pairs


def test_stopping(managed, manager, crowd):
    daemon = managed()
    manager.wait("READY=1")
    gather(crowd, daemon.port, [events.ALPHA, events.BRAVO])
    seen = len(manager.messages)
    assert daemon.terminate() == 0
    told = manager.wait("STOPPING=1", after=seen)
    assert "STATUS=sending what waits for 2 clients" in told


def test_nobody_to_tell(tmp_path, crowd, keep):
    """A socket that is gone, full, or of a kind that is not known hinders nothing."""
    for name in ("/nowhere/notify", "@nobody-listens-here", "vsock:2:1234", "", "/" + "x" * 200):
        daemon = keep(ManagedDaemon(tmp_path / f"to-{len(name)}", watchdog_seconds=1))
        daemon.environment["NOTIFY_SOCKET"] = name
        daemon.start()
        alpha, = gather(crowd, daemon.port, [events.ALPHA])
        crowd.answer(alpha)
        daemon.finish()


def test_a_manager_that_reads_late_misses_nothing(managed, manager, crowd):
    """Its queue is full for a while; what must be said is said again."""
    daemon = managed(watchdog_seconds=0.2)
    time.sleep(2)
    daemon.signal(signal.SIGHUP)
    time.sleep(0.5)
    manager.watch(1)
    kinds = [text.split("=")[0] for _, text in manager.messages]
    assert kinds[0] == "READY"
    reload = kinds.index("RELOADING")
    assert "READY" in kinds[reload:]
    alpha, = gather(crowd, daemon.port, [events.ALPHA])
    crowd.answer(alpha)


def test_a_start_that_fails_is_not_ready(tmp_path, manager, keep):
    port = free_port()
    config = {"cot": {"listen": [f"127.0.0.1:{port}"]}}
    keep(ManagedDaemon(tmp_path / "first", config)).start()
    second = keep(ManagedDaemon(tmp_path / "second", config, manager=manager))
    second.wait_listening = second.wait_store = lambda *_: None
    second.start()
    assert second.wait_end() != 0
    assert manager.watch(0.2) == []
