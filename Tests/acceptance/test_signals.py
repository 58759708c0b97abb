"""SIGTERM, SIGINT and SIGHUP, as systemd and operators use them."""

import copy
import os
import signal
import time

import pytest

from tinycot import events
from tinycot.client import gather
from tinycot.daemon import free_port
from tinycot.pace import SLOW, wait_for
from tinycot.process import listening_ports, open_descriptors

BIG = "<x>" + "n" * 8_000 + "</x>"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_it_leaves_when_asked(number, daemon, crowd):
    alpha, bravo = gather(crowd, daemon.port, [events.ALPHA, events.BRAVO])
    daemon.expected_to_end = True
    began = time.monotonic()
    daemon.signal(number)
    crowd.wait_until(lambda: alpha.closed and bravo.closed, "the connections closed")
    assert daemon.wait_end() == 0
    assert time.monotonic() - began < 2 * SLOW, "nothing was waiting, so nothing takes time"
    assert alpha.left_over == b"" and bravo.left_over == b""
    assert daemon.port not in listening_ports()
    assert bravo.of_type("t-x-d-d") == [], "the end of the server is nobody's departure"


def test_what_waits_is_flushed(daemon, crowd):
    alpha, = gather(crowd, daemon.port, [events.ALPHA])
    slow = crowd.join(daemon.port, events.BRAVO, receive_buffer=4_096)
    crowd.wait_until(lambda: slow.has(alpha.person.uid), "the picture")
    slow.pause()
    for number in range(28):
        alpha.send(events.marker(f"big-{number}", BIG))
    crowd.answer(alpha)
    row = daemon.status().by_uid(slow.person.uid)
    assert row.queue_events > 3 and row.dropped == 0
    daemon.expected_to_end = True
    daemon.signal(signal.SIGTERM)
    slow.resume()
    crowd.wait_until(lambda: slow.closed, "the end")
    assert [e.uid for e in slow.news() if e.uid.startswith("big-")] == \
        [f"big-{n}" for n in range(28)]
    assert slow.left_over == b""
    assert daemon.wait_end() == 0


def test_who_never_reads_does_not_hold_it_up(start_daemon, crowd):
    daemon = start_daemon({"drain_seconds": 2})
    alpha, = gather(crowd, daemon.port, [events.ALPHA])
    slow = crowd.join(daemon.port, events.BRAVO, receive_buffer=4_096, reading=False)
    crowd.wait_until(lambda: alpha.has(slow.person.uid), "BRAVO")
    for number in range(28):
        alpha.send(events.marker(f"big-{number}", BIG))
    crowd.answer(alpha)
    daemon.expected_to_end = True
    began = time.monotonic()
    daemon.signal(signal.SIGTERM)
    assert daemon.wait_end(6) == 0
    assert time.monotonic() - began < 2 + 2 * SLOW


def test_nothing_is_taken_in_after_sigterm(daemon, crowd):
    gather(crowd, daemon.port, [events.ALPHA])
    daemon.terminate()
    with pytest.raises(ConnectionRefusedError):
        crowd.connect(daemon.port)


def test_it_can_start_again_at_once_on_the_same_port(start_daemon, crowd):
    first = start_daemon()
    gather(crowd, first.port, [events.ALPHA, events.BRAVO])
    assert first.terminate() == 0
    second = start_daemon(first.config)
    gather(crowd, second.port, [events.CHARLIE])


def test_a_killed_daemon_leaves_nothing_in_the_way(start_daemon, crowd):
    first = start_daemon()
    gather(crowd, first.port, [events.ALPHA])
    first.kill()
    first.start()
    gather(crowd, first.port, [events.BRAVO])
    assert len(first.status().clients) == 1
    first.expected_to_end = False


def test_sighup_adds_and_removes_listeners_and_drops_nobody(daemon, crowd):
    alpha, bravo = gather(crowd, daemon.port, [events.ALPHA, events.BRAVO])
    old, new = daemon.port, free_port()
    daemon.write_config({"cot": {"listen": [f"127.0.0.1:{new}"]}})
    daemon.signal(signal.SIGHUP)
    daemon.wait_listening([new])
    wait_for(lambda: old not in listening_ports(), 5, "the old listener gone")
    charlie = crowd.join(new, events.CHARLIE)
    crowd.wait_until(lambda: charlie.has(alpha.person.uid), "the picture")
    crowd.fence_all([alpha, bravo, charlie])
    with pytest.raises(ConnectionRefusedError):
        crowd.connect(old)


def test_sighup_changes_who_is_allowed(daemon, crowd):
    alpha, bravo = gather(crowd, daemon.port, [events.ALPHA, events.BRAVO])
    config = copy.deepcopy(daemon.config)
    config["allow"] = ["127.0.0.2/32"]
    daemon.write_config(config)
    daemon.signal(signal.SIGHUP)
    daemon.wait_log("reloaded")
    stranger = crowd.connect(daemon.port)
    crowd.wait_until(lambda: stranger.closed, "the refusal")
    crowd.answer(crowd.connect(daemon.port, source="127.0.0.2"))
    # Who is in stays in.
    crowd.fence_all([alpha, bravo])


def test_sighup_puts_up_walls(daemon, crowd):
    blue = events.Person("ANDROID-0000000000000b01", "BLUE", "Blue")
    red = events.Person("ANDROID-0000000000000e01", "RED", "Red")
    one, two = gather(crowd, daemon.port, [blue, red])
    config = copy.deepcopy(daemon.config)
    config["teams"] = [{"name": "lobby", "default": True},
                       {"name": "blue", "colours": ["Blue"]}, {"name": "red", "colours": ["Red"]}]
    daemon.write_config(config)
    daemon.signal(signal.SIGHUP)
    wait_for(lambda: daemon.status().by_uid(red.uid).team == "red", 5, "RED in the red team")
    crowd.answer(two)
    two.news()
    one.send(events.marker("blue secret"))
    crowd.answer(one)
    crowd.answer(two)
    late = crowd.join(daemon.port, events.Person("ANDROID-0000000000000b02", "BLUE 2", "Blue"))
    crowd.wait_until(lambda: late.has("blue secret"), "blue's picture")
    assert not two.has("blue secret")
    assert not one.closed and not two.closed


BROKEN = {
    "no json": "{",
    "unknown key": '{"cot": {"listen": ["127.0.0.1:%d"]}, "stal_seconds": 9}',
    "wrong value": '{"cot": {"listen": ["127.0.0.1:%d"]}, "stall_seconds": -1}',
    "nobody allowed": '{"cot": {"listen": ["127.0.0.1:%d"]}, "allow": []}',
}


@pytest.mark.parametrize("case", BROKEN, ids=str)
def test_a_broken_configuration_is_refused_whole(case, daemon, crowd):
    alpha, bravo = gather(crowd, daemon.port, [events.ALPHA, events.BRAVO])
    new = free_port()
    text = BROKEN[case]
    daemon.config_file.write_text(text % new if "%d" in text else text)
    before = len(daemon.log())
    daemon.signal(signal.SIGHUP)
    daemon.wait_log(r"refused.*tinycot\.json", after=before)
    assert new not in listening_ports(), "half of a broken configuration was applied"
    assert daemon.port in listening_ports()
    crowd.fence_all([alpha, bravo])
    # And a whole one is taken afterwards.
    daemon.write_config({"cot": {"listen": [f"127.0.0.1:{daemon.port}", f"127.0.0.1:{new}"]}})
    daemon.signal(signal.SIGHUP)
    daemon.wait_listening([new])


def test_a_new_port_that_is_taken_keeps_the_old_configuration(start_daemon, crowd):
    other = start_daemon()
    daemon = start_daemon()
    alpha, bravo = gather(crowd, daemon.port, [events.ALPHA, events.BRAVO])
    old, new = daemon.port, free_port()
    daemon.config_file.write_text(
        '{"cot": {"listen": ["127.0.0.1:%d", "127.0.0.1:%d"]}}' % (new, other.port))
    before = len(daemon.log())
    daemon.signal(signal.SIGHUP)
    daemon.wait_log(str(other.port), after=before)
    wait_for(lambda: new not in listening_ports(), 5, "the half-opened listener closed")
    assert old in listening_ports()
    crowd.fence_all([alpha, bravo])


def test_a_vanished_configuration_keeps_the_old(daemon, crowd):
    alpha, bravo = gather(crowd, daemon.port, [events.ALPHA, events.BRAVO])
    os.unlink(daemon.config_file)
    before = len(daemon.log())
    daemon.signal(signal.SIGHUP)
    daemon.wait_log(r"tinycot\.json", after=before)
    crowd.fence_all([alpha, bravo])


def test_a_hundred_reloads_leave_nothing_behind(daemon, crowd):
    alpha, bravo = gather(crowd, daemon.port, [events.ALPHA, events.BRAVO])
    ports = [free_port(), free_port()]
    first = daemon.port
    counts = set()
    for turn in range(100):
        extra = ports[turn % 2]
        daemon.write_config({"cot": {"listen": [f"127.0.0.1:{first}", f"127.0.0.1:{extra}"]}})
        daemon.signal(signal.SIGHUP)
        wait_for(lambda: extra in listening_ports() and ports[(turn + 1) % 2]
                 not in listening_ports(), 5, "the reload", step=0.002)
        crowd.answer(alpha)
        if turn > 10:
            counts.add(open_descriptors(daemon.pid))
    assert len(counts) == 1, f"descriptors: {counts}"
    crowd.fence_all([alpha, bravo])


def test_nothing_is_left_in_the_run_folder(start_daemon):
    """A socket that nobody answers would make the next command believe in a daemon."""
    daemon = start_daemon()
    assert {path.name for path in daemon.run_dir.iterdir()} == {"status.sock", "store.sock"}
    assert daemon.terminate() == 0
    assert not list(daemon.run_dir.iterdir())
