"""Three hundred connections that mean harm, while twenty good clients go on undisturbed."""

import itertools
import random
import time

import pytest

from tinycot import events
from tinycot.client import gather
from tinycot.daemon import is_emulated
from tinycot.figures import note
from tinycot.pace import SLOW
from tinycot.process import peak_resident_bytes
from tinycot.traffic import Tally, delays, numbered, percentile

pytestmark = [pytest.mark.load, pytest.mark.alone]

GOOD, HOSTILE, SECONDS, EVENTS_A_SECOND = 20, 300, 8, 4
ROOMY = {"clients": 330, "clients_per_address": 330, "file_descriptors": 403,
         "memory_bytes": 16_777_216, "kernel_socket_bytes": 268_435_456}
BEGINNING = events.marker("never whole", "<x>" + "n" * 70_000 + "</x>")[:65_000]


class Villain:
    """One hostile connection of a kind; comes back when it is thrown out."""

    KINDS = ("slow", "huge", "garbage", "half", "reset", "deaf", "partial")

    def __init__(self, crowd, port, number, dice):
        self.kind = self.KINDS[number % len(self.KINDS)]
        self._crowd, self._port, self._dice = crowd, port, dice
        self._link = None
        self._rests_until = 0.0
        self._at = 0
        self.times = 0

    def step(self, now):
        if self._link is None or self._link.closed:
            if now < self._rests_until:
                return
            self._connect()
        getattr(self, "_" + self.kind)(now)

    def _connect(self):
        quiet = self.kind not in ("slow", "reset")
        self._link = self._crowd.connect(
            self._port, receive_buffer=4_096 if quiet else None, reading=not quiet)
        self._link.on_bytes = lambda data: None
        self._at = 0
        self.times += 1

    def _leave(self, now, reset):
        if reset:
            self._link.reset()
        else:
            self._link.close()
        self._rests_until = now + 0.5

    def _slow(self, now):
        self._link.send(BEGINNING[self._at:self._at + 1])
        self._at = (self._at + 1) % len(BEGINNING)

    def _huge(self, now):
        if self._link.unsent < 65_536:
            self._link.send(b"<event uid='" + b"a" * 8_000 if self._at == 0 else b"a" * 8_000)
            self._at = 1

    def _garbage(self, now):
        if self._link.unsent < 65_536:
            self._link.send(self._dice.randbytes(4_000))

    def _half(self, now):
        if self._at == 0:
            self._link.send(BEGINNING[:900])
            self._link.finish()
            self._at = 1

    def _reset(self, now):
        self._link.send(BEGINNING[:2_000])
        self._leave(now, reset=True)

    def _deaf(self, now):
        if self._link.unsent < 65_536:
            self._link.send(events.ALPHA.ping() * 20)

    def _partial(self, now):
        if self._at == 0:
            self._link.send(BEGINNING)
            self._at = now
        elif now - self._at > 1.0:
            self._leave(now, reset=False)


@pytest.mark.parametrize("budget", [ROOMY, {}], ids=["places for all", "built-in budget"])
def test_three_hundred_hostile_connections_hurt_nobody(budget, start_daemon, crowd):
    daemon = start_daemon(budget=budget)
    people = [events.somebody(number) for number in range(GOOD)]
    good = gather(crowd, daemon.port, people)
    dice = random.Random(20_260_115)
    sent_at, waited = {}, delays()
    tallies = [Tally(GOOD, sent_at, waited) for _ in good]
    for client, tally in zip(good, tallies):
        client.on_event = tally
    villains = [Villain(crowd, daemon.port, n, dice) for n in range(HOSTILE)]
    turn = itertools.cycle(range(10))

    total = SECONDS * EVENTS_A_SECOND
    pause = 1 / (EVENTS_A_SECOND * GOOD)
    began = time.monotonic()
    moments = ((n, s) for n in range(1, total + 1) for s in range(GOOD))
    for count, (number, sender) in enumerate(moments):
        while (left := began + count * pause - time.monotonic()) > 0:
            crowd.pump(left)
        data = numbered(people[sender], sender, number)
        sent_at[sender, number] = time.monotonic()
        if count % 5 == 0:
            # A phone on a bad link: the event comes in two parts.
            good[sender].send(data[:300])
            crowd.pump(0)
            good[sender].send(data[300:])
        else:
            good[sender].send(data)
        now = time.monotonic()
        part = next(turn)
        for villain in villains[part::10]:
            villain.step(now)

    expected = total * (GOOD - 1)
    crowd.wait_until(
        lambda: all(tally.count >= expected for tally in tallies),
        lambda: f"{expected} events at each; there are {[t.count for t in tallies]}; "
                f"refused: { {k: v for k, v in daemon.status().refused.items() if v} }",
        10 * SLOW)
    status = daemon.status()
    peak = 0 if is_emulated() else peak_resident_bytes(daemon.pid)
    note(f"{sum(v.times for v in villains)} hostile connections; {sum(t.count for t in tallies)}"
         f" good deliveries, median {percentile(waited, 0.5) * 1000:.2f} ms, 99 % within "
         f"{percentile(waited, 0.99) * 1000:.2f} ms; peak memory {peak} bytes")
    assert [w for tally in tallies for w in tally.wrong] == []
    assert not any(client.closed for client in good)
    assert status.heap_allocations_after_seal == 0
    assert all(status.by_uid(p.uid).dropped == 0 for p in people)
    assert percentile(waited, 0.99) < 1.0 * SLOW
    assert peak <= budget.get("memory_bytes", 8_388_608)
