"""Two clients outside the machine that never give up: one sends ten events a second, the other notes when
each arrives. When their connection ends they make another at once."""

import time

from tinycot import events
from tinycot.client import Crowd

_BEAT_SECONDS = 0.1
# A new connection of which nothing is heard for so long is given up: the machine may be booting.
_PATIENCE_SECONDS = 40.0


class Link:
    """One client and the connections that it has had."""

    def __init__(self, crowd, port, person, on_event=None):
        self._crowd = crowd
        self._port = port
        self._person = person
        self._on_event = on_event
        self.made = 0
        self.client = None
        self.renew()

    def renew(self):
        """Another connection where there is none, or where the last one leads nowhere."""
        now = time.monotonic()
        if self.client and not self.client.closed:
            if self.client.bytes_received or now - self._since < _PATIENCE_SECONDS:
                return
            self.client.close()
        elif self.client and now - self._since < _BEAT_SECONDS:
            return
        self._since = now
        self.made += 1
        self.client = self._crowd.join(self._port, self._person)
        self.client.on_event = self._on_event


class Traffic:
    def __init__(self, port):
        self.crowd = Crowd()
        self.arrivals = []
        self._next_beat = time.monotonic()
        self.sender = Link(self.crowd, port, events.ALPHA)
        self.receiver = Link(self.crowd, port, events.BRAVO, self._arrived)

    def __enter__(self):
        self.run_until(lambda: len(self.arrivals) > 5, 30, "two clients that exchange events")
        return self

    def __exit__(self, *_):
        self.crowd.close()

    def _arrived(self, event):
        if event.type == events.FENCE_TYPE:
            self.arrivals.append((time.monotonic(), self.sender.made, self.receiver.made))

    def tick(self):
        """A twentieth of a second of it, at most."""
        now = time.monotonic()
        for link in (self.sender, self.receiver):
            link.renew()
        if now >= self._next_beat:
            self.sender.client.send(events.fence(events.fresh("beat")))
            self._next_beat = now + _BEAT_SECONDS
        self.crowd.pump(0.02)

    def run_until(self, condition, seconds, what):
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise AssertionError(f"waited {seconds} s in vain for {what}")
            self.tick()

    def run_for(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.tick()

    def begin(self):
        """What `outage` wants to know: the moment, and the connections that there are."""
        return time.monotonic(), self.sender.made, self.receiver.made

    def outage(self, begun, seconds, what):
        """Waits until both have new connections and an event has come through. Seconds since
        `begun`, and the longest time without an event."""
        moment, sent, received = begun
        self.run_until(
            lambda: self.arrivals[-1][1] > sent and self.arrivals[-1][2] > received,
            seconds, f"an event over new connections after {what}")
        return self.arrivals[-1][0] - moment, self.longest_gap(moment)

    def longest_gap(self, since):
        """Seconds between two events, of which the later came after `since`."""
        times = [moment for moment, _, _ in self.arrivals]
        return max(later - sooner for sooner, later in zip(times, times[1:]) if later > since)
