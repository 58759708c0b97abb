"""Listening sockets that the service manager opened: sd_listen_fds(3)."""

import itertools
import re
import signal
import socket

import pytest

from tinycot import events, http
from tinycot.client import gather
from tinycot.daemon import free_port
from tinycot.pace import wait_for
from tinycot.process import listening_ports, open_descriptors
from tinycot.service import ManagedDaemon, listening

CONFIGURATION = 78


@pytest.fixture
def managed(tmp_path, keep):
    numbers = itertools.count()

    def make(*arguments, **options):
        return keep(ManagedDaemon(tmp_path / f"daemon-{next(numbers)}", *arguments, **options))

    return make


def config_of(*cot, http=None):
    both = {"cot": {"listen": [f"127.0.0.1:{port}" for port in cot]}}
    if http:
        both["http"] = {"listen": [f"127.0.0.1:{port}" for port in http]}
    return both


def test_both_kinds_are_taken_and_the_rest_is_opened(managed, crowd):
    cot, web = listening(free_port()), listening(free_port())
    own, own_web = free_port(), free_port()
    passed_cot, passed_web = cot.getsockname()[1], web.getsockname()[1]
    daemon = managed(config_of(passed_cot, own, http=[own_web, passed_web]),
                     sockets=[web, cot], names="web:cot").start()
    for port in (passed_cot, own):
        alpha, = gather(crowd, port, [events.ALPHA])
        crowd.answer(alpha)
    for port in (own_web, passed_web):
        with http.Connection(port) as link:
            link.request("GET", "/Marti/api/version")
            assert link.answer().status == 200
    assert "is closed" not in daemon.log()


def test_who_connects_while_nobody_runs_waits(managed, crowd):
    """The sockets outlive the daemon: a connection of between two lives is served by the second."""
    cot = listening(free_port())
    port = cot.getsockname()[1]
    daemon = managed(config_of(port), sockets=[cot])
    early = crowd.join(port, events.ALPHA)
    daemon.start()
    crowd.answer(early)
    assert daemon.terminate() == 0
    between = crowd.join(port, events.BRAVO)
    daemon.expected_to_end = False
    daemon.start()
    crowd.answer(between)
    crowd.wait_until(lambda: early.closed, "the end of the first")


def test_a_socket_that_nobody_configured_is_closed(managed):
    cot, other = listening(free_port()), listening(free_port())
    daemon = managed(config_of(cot.getsockname()[1]), sockets=[other, cot], names="spare:cot")
    daemon.start()
    daemon.wait_log(rf'passed socket 3 \("spare"\) is closed.*127\.0\.0\.1:{other.getsockname()[1]}')
    port = other.getsockname()[1]
    other.close()
    wait_for(lambda: port not in listening_ports(), 5, "the last holder to let go")
    assert daemon.is_running()


def test_the_same_address_twice(managed):
    cot = listening(free_port())
    twin = cot.dup()
    daemon = managed(config_of(cot.getsockname()[1]), sockets=[cot, twin]).start()
    daemon.wait_log(r"passed socket 4 is closed")


def test_reload_closes_what_is_no_longer_named(managed, crowd):
    cot, other = listening(free_port()), listening(free_port())
    stays, goes = cot.getsockname()[1], other.getsockname()[1]
    daemon = managed(config_of(stays, goes), sockets=[cot, other]).start()
    alpha, = gather(crowd, stays, [events.ALPHA])
    before = open_descriptors(daemon.pid)
    other.close()
    daemon.write_config({**daemon.config, **config_of(stays)})
    daemon.signal(signal.SIGHUP)
    wait_for(lambda: goes not in listening_ports(), 5, "the listener to go")
    # The thread that read the file closes it when it likes.
    wait_for(lambda: open_descriptors(daemon.pid) == before - 1, 5, "one descriptor less")
    crowd.answer(alpha)


def test_flags(managed):
    """Non-blocking and closed on exec, whatever they came as."""
    cot = listening(free_port())
    cot.setblocking(True)
    daemon = managed(config_of(cot.getsockname()[1]), sockets=[cot]).start()
    with open(f"/proc/{daemon.pid}/fdinfo/3", encoding="ascii") as information:
        flags = int(re.search(r"flags:\s+(\d+)", information.read())[1], 8)
    assert flags & 0o4000 and flags & 0o2000000


def udp():
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    one.bind(("127.0.0.1", 0))
    return one


def silent():
    one = socket.socket()
    one.bind(("127.0.0.1", 0))
    return one


@pytest.mark.parametrize("make", [udp, silent, lambda: open("/dev/null", "rb")],
                         ids=["a datagram socket", "one that does not listen", "no socket"])
def test_what_is_no_listening_socket_is_refused(make, managed):
    wrong = make()
    daemon = managed(sockets=[wrong], names="odd")
    daemon.wait_listening = daemon.wait_store = lambda *_: None
    daemon.start()
    assert daemon.wait_end() == CONFIGURATION
    assert re.search(r'descriptor 3 \("odd"\).* no listening TCP socket', daemon.log())


def test_more_than_the_plan_has(managed):
    many = [listening(free_port()) for _ in range(4)]
    daemon = managed(budget={"listeners": 2, "http_listeners": 1}, sockets=many)
    daemon.wait_listening = daemon.wait_store = lambda *_: None
    daemon.start()
    assert daemon.wait_end() == CONFIGURATION
    assert "LISTEN_FDS is 4, but at most 3" in daemon.log()


def test_what_is_for_another_process(managed):
    """LISTEN_PID is that of somebody else: descriptor 3 is none of ours."""
    cot = listening(free_port())
    daemon = managed(config_of(free_port()), sockets=[cot])
    daemon._command = lambda *arguments: [
        "bash", "-c", 'exec env LISTEN_PID=1 LISTEN_FDS=1 "$@"', "bash",
        *super(ManagedDaemon, daemon)._command(*arguments)]
    daemon.start()
    assert "passed" not in daemon.log()


@pytest.mark.native
def test_no_descriptor_more_than_without(managed):
    port, web = free_port(), free_port()
    plain = managed(config_of(port, http=[web])).start()
    count = open_descriptors(plain.pid)
    plain.terminate()
    cot, http_socket = listening(port), listening(web)
    passed = managed(config_of(port, http=[web]), sockets=[cot, http_socket]).start()
    assert open_descriptors(passed.pid) == count
