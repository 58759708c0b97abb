"""Many clients and much traffic against the built-in budget: nothing lost that is not counted."""

import os
import time

import pytest

from tinycot import events
from tinycot.client import gather
from tinycot.daemon import is_emulated
from tinycot.figures import note
from tinycot.pace import SLOW, wait_for
from tinycot.process import peak_resident_bytes, processor_seconds
from tinycot.traffic import Flood, Follower, Tally, delays, numbered, percentile

pytestmark = [pytest.mark.load, pytest.mark.alone]

SECONDS = int(os.environ.get("TINYCOT_LOAD_SECONDS", "60"))
CLIENTS = 100
MEMORY_LIMIT_BYTES = 8 * 1_048_576


def test_a_hundred_clients_at_one_position_a_second(daemon, crowd):
    people = [events.somebody(number) for number in range(CLIENTS)]
    clients = gather(crowd, daemon.port, people)
    sent_at, waited = {}, delays()
    tallies = [Tally(CLIENTS, sent_at, waited) for _ in clients]
    for client, tally in zip(clients, tallies):
        client.on_event = tally
    busy = processor_seconds(daemon.pid)
    began = time.monotonic()
    for number in range(1, SECONDS + 1):
        for sender, client in enumerate(clients):
            moment = began + (number - 1) + sender / CLIENTS
            while (left := moment - time.monotonic()) > 0:
                crowd.pump(left)
            data = numbered(people[sender], sender, number)
            sent_at[sender, number] = time.monotonic()
            client.send(data)
    expected = SECONDS * (CLIENTS - 1)
    crowd.wait_until(
        lambda: all(tally.count >= expected for tally in tallies),
        lambda: f"{expected} events at each; missing at "
              f"{sum(t.count < expected for t in tallies)} clients", 10 * SLOW)
    busy = processor_seconds(daemon.pid) - busy
    crowd.run_for(0.3)

    status = daemon.status()
    deliveries = sum(tally.count for tally in tallies)
    peak = 0 if is_emulated() else peak_resident_bytes(daemon.pid)
    note(f"{CLIENTS} clients, {SECONDS} s: {deliveries} deliveries, median "
         f"{percentile(waited, 0.5) * 1000:.2f} ms, 99 % within "
         f"{percentile(waited, 0.99) * 1000:.2f} ms; {busy / deliveries * 1e6:.2f} us of "
         f"processor each; peak memory {peak} bytes")
    assert [w for tally in tallies for w in tally.wrong] == []
    assert all(tally.count == expected for tally in tallies), "something came twice"
    assert status.heap_allocations_after_seal == 0
    assert sum(status.drops.values()) == 0
    assert peak <= MEMORY_LIMIT_BYTES


def run_flood(crowd, daemon, sender, readers, flood):
    """Send it all; return followers and what status counts as dropped for each reader."""
    before = {c.uid: c.dropped for c in daemon.status().clients}
    followers = [Follower(client, flood) for client in readers]
    for client, follower in zip(readers, followers):
        client.on_bytes = follower
    began = time.monotonic()
    sender.send(flood.blob)
    crowd.wait_until(lambda: sender.unsent == 0, "the sender's bytes taken", 60 * SLOW)
    crowd.answer(sender)
    took = time.monotonic() - began

    def drained():
        crowd.pump(0.01)
        rows = {c.uid: c for c in daemon.status().clients}
        return all(rows[r.person.uid].queue_events == 0 for r in readers)

    wait_for(drained, 60, "the queues of the readers empty")
    crowd.fence(sender, readers)
    for client in readers:
        client.on_bytes = None
    after = {c.uid: c for c in daemon.status().clients}
    lost = [after[r.person.uid].dropped - before[r.person.uid] for r in readers]
    important = sum(after[r.person.uid].dropped_important for r in readers)
    return followers, lost, important, took


def test_one_sender_at_full_speed_and_five_that_never_read(daemon, crowd):
    people = [events.somebody(number) for number in range(CLIENTS)]
    sender, = gather(crowd, daemon.port, [events.ALPHA])
    clients = [crowd.join(daemon.port, person) for person in people[5:]]
    deaf = [crowd.join(daemon.port, person, receive_buffer=4_096, reading=False)
            for person in people[:5]]
    readers = clients
    crowd.wait_until(
        lambda: all(reader.has(person.uid) for reader in readers for person in people[-3:]
                    if reader.person is not person), "the picture", 10 * SLOW)
    crowd.fence(sender, readers)

    # Once round everything, so that every page of memory has been touched.
    run_flood(crowd, daemon, sender, readers, Flood(5_000))
    warm = 0 if is_emulated() else peak_resident_bytes(daemon.pid)

    flood = Flood(30_000, first=5_000)
    followers, lost, important, took = run_flood(crowd, daemon, sender, readers, flood)
    peak = 0 if is_emulated() else peak_resident_bytes(daemon.pid)
    came = sum(f.count for f in followers)
    note(f"flood of {len(flood.pieces)} events ({len(flood.blob)} bytes) to {len(readers)} "
         f"readers: taken in {took:.2f} s, {came} deliveries "
         f"({came / len(readers) / len(flood.pieces):.1%}), the rest counted as dropped; "
         f"peak memory {warm} then {peak} bytes")
    assert [w for f in followers for w in f.wrong] == [], "order, or something twice"
    for reader, follower, dropped in zip(readers, followers, lost):
        assert follower.count + dropped == len(flood.pieces), \
          f"{reader}: {follower.count} came, {dropped} counted as dropped"
        assert follower.by_kind["chat"] == flood.chats
    assert important == 0
    assert not any(client.closed for client in [sender, *readers])
    status = daemon.status()
    assert status.heap_allocations_after_seal == 0
    assert status.refused_total == 0
    assert peak <= MEMORY_LIMIT_BYTES
    assert peak - warm <= 131_072, f"memory grew from {warm} to {peak} bytes"
    assert len(deaf) == 5
