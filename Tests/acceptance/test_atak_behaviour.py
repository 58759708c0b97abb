"""Raw sockets that behave as ATAK does, with its timers shortened ten times.

After 15 s without a complete message ATAK pings, every 4.5 s; after 25 s it drops the socket and
comes back 15 s later. It cuts at the literal end tag, keeps 64 KiB, and handles a burst
newest-first.
"""

import time

import pytest

from tinycot import events
from tinycot.infoset import find, infoset
from tinycot.pace import SLOW

TENTH = 0.1 * SLOW
PING_AFTER, PING_EVERY, DROP_AFTER, RETRY_AFTER = (s * TENTH for s in (15, 4.5, 25, 15))


class Phone:
    """One ATAK: its connection, its timers, and what is on its map."""

    def __init__(self, crowd, port, person):
        self._crowd, self._port = crowd, port
        self.person = person
        self.link = None
        self.map = {}
        self.pings = self.drops = self.connects = 0
        self._retry_at = 0.0
        self._seen = 0

    def step(self):
        now = time.monotonic()
        if self.link is None:
            if now >= self._retry_at:
                self._connect(now)
            return
        burst = self.link.received[self._seen:]
        if burst or self.link.pongs > self._pongs:
            self._heard_at, self._pongs = now, self.link.pongs
        self._seen = len(self.link.received)
        for event in reversed(burst):
            self._apply(event)
        silent = now - self._heard_at
        if self.link.closed or silent > DROP_AFTER:
            self.drops += not self.link.closed
            self.link.close()
            self.link = None
            self.map.clear()
            self._retry_at = now + RETRY_AFTER
        elif silent > PING_AFTER and now - self._pinged_at > PING_EVERY:
            self.link.send(self.person.ping())
            self.pings += 1
            self._pinged_at = now

    def _connect(self, now):
        try:
            self.link = self._crowd.join(self._port, self.person)
        except OSError:
            self._retry_at = now + RETRY_AFTER
            return
        self.connects += 1
        self._seen = self._pongs = 0
        self._heard_at = self._pinged_at = now

    def _apply(self, event):
        if event.type == "t-x-d-d":
            link = find(infoset(event.raw), "detail", "link")
            if link is not None:
                self.map.pop(link[1]["uid"], None)
        elif event.uid not in self.map or event.attributes["time"] >= self.map[event.uid]:
            self.map[event.uid] = event.attributes["time"]


def live(crowd, phones, condition, what, seconds):
    """Let the phones be phones until the condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, what()
        crowd.pump(0.01)
        for phone in phones:
            phone.step()


def settled(phones):
    uids = {phone.person.uid for phone in phones}
    return all(p.link is not None and uids - {p.person.uid} <= set(p.map) for p in phones)


@pytest.fixture
def phones(daemon, crowd):
    three = [Phone(crowd, daemon.port, p) for p in (events.ALPHA, events.BRAVO, events.CHARLIE)]
    live(crowd, three, lambda: settled(three), lambda: "phones on each other's map", 5 * SLOW)
    return three


def test_quiet_phones_stay_connected(phones, daemon, crowd):
    """Nobody moves for twice the time after which ATAK would give up."""
    end = time.monotonic() + 2.4 * DROP_AFTER
    live(crowd, phones, lambda: time.monotonic() > end, lambda: "", 5 * DROP_AFTER)
    assert [phone.drops for phone in phones] == [0, 0, 0]
    assert [phone.connects for phone in phones] == [1, 1, 1]
    assert all(phone.pings >= 2 for phone in phones)


def test_phones_come_back_after_a_restart(phones, daemon, crowd):
    assert daemon.terminate() == 0
    live(crowd, phones, lambda: all(p.link is None for p in phones),
         lambda: "phones noticing the end", 5 * SLOW)
    daemon.expected_to_end = False
    daemon.start()
    live(crowd, phones, lambda: settled(phones), lambda: "phones back on each other's map",
         20 * SLOW)
    assert [phone.connects >= 2 for phone in phones] == [True] * 3


def test_a_phone_that_lost_its_network_gets_its_place_back(phones, daemon, crowd):
    """The old socket still looks alive to the daemon when the phone returns on a new one."""
    alpha, bravo, _ = phones
    stale = alpha.link
    stale.pause()
    alpha.link = None
    alpha.map.clear()
    alpha._retry_at = 0
    live(crowd, phones, lambda: settled(phones), lambda: "the phone back on the map", 5 * SLOW)
    row = daemon.status().by_uid(alpha.person.uid)
    assert row.address == alpha.link.address
    assert alpha.person.uid in bravo.map, "nobody was told that it left"
    assert stale.person is alpha.person


def test_a_newcomer_that_reads_newest_first_has_the_right_map(phones, daemon, crowd):
    alpha = phones[0].link
    for number in range(30):
        alpha.send(events.marker(f"item-{number}"))
    for number in range(0, 30, 2):
        alpha.send(events.marker(f"item-{number}", "<moved/>"))
    for number in range(0, 30, 3):
        alpha.send(events.delete(f"item-{number}"))
    crowd.fence(alpha, [phones[1].link])
    newcomer = Phone(crowd, daemon.port, events.INDIA)
    wanted = {f"item-{n}" for n in range(30) if n % 3} | {p.person.uid for p in phones}
    live(crowd, [newcomer], lambda: wanted <= set(newcomer.map),
         lambda: f"the map; missing {wanted - set(newcomer.map)}", 5 * SLOW)
    crowd.fence(alpha, [newcomer.link])
    newcomer.step()
    assert {uid for uid in newcomer.map if uid.startswith("item-")} == \
        {uid for uid in wanted if uid.startswith("item-")}
