"""Places, addresses and descriptors: full means a clear refusal, and nobody inside notices."""

import os
import resource
import socket

import pytest

from tinycot import events
from tinycot.client import gather
from tinycot.daemon import free_port, is_emulated
from tinycot.pace import wait_for
from tinycot.process import open_descriptors, processor_seconds


def connect_until_served(crowd, daemon, person, witness):
    """Places come free when the daemon has seen the leaver off: try until one is given."""
    for _ in range(200):
        client = crowd.join(daemon.port, person)
        crowd.wait_until(
            lambda: client.closed or client.has(witness.person.uid), "a place or a refusal")
        if not client.closed:
            return client
    raise AssertionError("no place was given although one is free")


def refused(crowd, client):
    crowd.wait_until(lambda: client.closed, "the refusal")
    return client.bytes_received == 0


@pytest.mark.parametrize("places", [8, 128])
def test_one_client_too_many_is_refused_and_served_later(places, start_daemon, crowd):
    # 128 is what the built-in budget gives.
    daemon = start_daemon(budget={} if places == 128 else
                          {"clients": places, "clients_per_address": places})
    clients = gather(crowd, daemon.port, [events.ALPHA, events.BRAVO])
    alpha, bravo = clients
    clients += [crowd.connect(daemon.port) for _ in range(places - 2)]
    for client in clients:
        crowd.answer(client)
    surplus = crowd.connect(daemon.port)
    assert refused(crowd, surplus)
    status = daemon.status()
    assert len(status.clients) == places
    assert status.admission_refused["clients_full"] == 1
    alpha.send(events.marker("all is well"))
    crowd.wait_until(lambda: all(c.has("all is well") for c in clients[1:]), "live delivery")

    clients.pop().close()
    late = connect_until_served(crowd, daemon, events.CHARLIE, alpha)
    crowd.fence_all([alpha, bravo, late])
    assert len(daemon.status().clients) == places
    assert not any(c.closed for c in clients)


def test_a_refusal_says_why_in_the_log(start_daemon, crowd):
    daemon = start_daemon(budget={"clients": 2, "clients_per_address": 2})
    gather(crowd, daemon.port, [events.ALPHA, events.BRAVO])
    assert refused(crowd, crowd.connect(daemon.port))
    daemon.wait_log(r"refused.*127\.0\.0\.1")


def test_one_address_cannot_take_all_places(start_daemon, crowd):
    daemon = start_daemon(budget={"clients": 8, "clients_per_address": 3})
    greedy = [crowd.connect(daemon.port, source="127.0.0.2") for _ in range(3)]
    for client in greedy:
        crowd.answer(client)
    assert refused(crowd, crowd.connect(daemon.port, source="127.0.0.2"))
    other = crowd.connect(daemon.port, source="127.0.0.3")
    crowd.answer(other)
    assert daemon.status().admission_refused["address_full"] == 1
    greedy.pop().close()
    wait_for(lambda: len(daemon.status().clients) == 3, 5, "the place given back")
    crowd.answer(crowd.connect(daemon.port, source="127.0.0.2"))


def test_a_place_is_given_back_each_time(start_daemon, crowd):
    daemon = start_daemon(budget={"clients": 4, "clients_per_address": 4})
    alpha, = gather(crowd, daemon.port, [events.ALPHA])
    for turn in range(40):
        guests = [connect_until_served(crowd, daemon, events.somebody(turn * 3 + n), alpha)
                  for n in range(3)]
        for guest in guests:
            guest.close() if turn % 2 else guest.reset()
    crowd.answer(alpha)
    wait_for(lambda: len(daemon.status().clients) == 1, 5, "all guests gone")


def test_only_allowed_networks_are_served(start_daemon, crowd):
    daemon = start_daemon({"allow": ["127.0.0.2/32"]})
    stranger = crowd.connect(daemon.port)
    assert refused(crowd, stranger)
    crowd.answer(crowd.connect(daemon.port, source="127.0.0.2"))
    status = daemon.status()
    assert status.admission_refused["address_not_allowed"] == 1
    assert [c.address.split(":")[0] for c in status.clients] == ["127.0.0.2"]


def test_ipv6_is_served(start_daemon, crowd):
    try:
        port = free_port(socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    other = free_port()
    daemon = start_daemon({"cot": {"listen": [f"[::1]:{port}", f"127.0.0.1:{other}"]}})
    new = crowd.connect(port, host="::1", person=events.ALPHA)
    new.send(events.ALPHA.position())
    old = crowd.join(other, events.BRAVO)
    crowd.wait_until(
        lambda: new.has(events.BRAVO.uid) and old.has(events.ALPHA.uid), "each other")
    assert any("::1" in c.address for c in daemon.status().clients)


def test_no_descriptors_left_while_running(start_daemon, crowd):
    """Somebody lowers the limit under the daemon: it neither spins nor stops relaying."""
    if is_emulated():
        pytest.skip("the emulator has descriptors of its own")
    daemon = start_daemon()
    alpha, bravo = gather(crowd, daemon.port, [events.ALPHA, events.BRAVO])
    # While the other thread opens its catalogue, descriptors come and go.
    daemon.wait_log(r"packages: \d+")
    soft, hard = resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE)
    highest = max(int(name) for name in os.listdir(f"/proc/{daemon.pid}/fd"))
    resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, (highest + 1, hard))
    room = highest + 1 - open_descriptors(daemon.pid)
    admitted = [crowd.connect(daemon.port) for _ in range(room)]
    for client in admitted:
        crowd.answer(client)

    before = processor_seconds(daemon.pid)
    turned_away = [crowd.connect(daemon.port) for _ in range(5)]
    for client in turned_away:
        assert refused(crowd, client)
    alpha.send(events.marker("life goes on"))
    crowd.wait_until(lambda: bravo.has("life goes on"), "live delivery")
    crowd.run_for(1.0)
    assert processor_seconds(daemon.pid) - before < 0.3, "it spins"

    resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, (soft, hard))
    assert daemon.status().admission_refused["no_descriptor"] >= 5
    connect_until_served(crowd, daemon, events.CHARLIE, alpha)


def test_memory_is_given_back_when_clients_vanish_in_mid_event(daemon, crowd):
    """A thousand clients leave in the middle of an event; every pool is as full as before."""
    alpha, bravo = gather(crowd, daemon.port, [events.ALPHA, events.BRAVO])
    half = events.marker("never whole", "<x>" + "n" * 5_000)[:4_000]
    for _ in range(20):
        guests = [crowd.connect(daemon.port) for _ in range(50)]
        for guest in guests:
            guest.send(half)
        # The pong of one who came later: the halves have been read.
        crowd.answer(alpha)
        for guest in guests:
            guest.reset()
        wait_for(lambda: len(daemon.status().clients) == 2, 10, "the guests gone")
    crowd.fence_all([alpha, bravo])
    used = {name: pool["used"] for name, pool in daemon.status().pools.items()}
    receive = {name: n for name, n in used.items() if "receive" in name}
    assert receive and all(n == 0 for n in receive.values()), used
