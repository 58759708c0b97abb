"""Counting many deliveries without looking at each of them for long.

Tally: many senders, numbered events, each receiver must get each exactly once and in order.
Follower: one sender's flood, compared with the bytes that were sent, in runs of many events.
"""

import re
import time
from array import array

from . import events
from .audit import END, audit

_NUMBER = re.compile(rb'<seq s="(\d+)" n="(\d+)"/>')


def numbered(person, sender, number):
    """The `number`-th position of the `sender`-th client."""
    return person.position(
        lat=50 + number / 1e4, note=f'<seq s="{sender}" n="{number}"/>')


def number_in(event):
    """(sender, number) of a numbered event, or None. Remembered in the event."""
    if event.mark is None:
        found = _NUMBER.search(event.raw)
        event.mark = (int(found[1]), int(found[2])) if found else ()
    return event.mark or None


class Tally:
    """What one receiver has got from each of `senders`, and how late."""

    def __init__(self, senders, sent_at, delays):
        self._next = [1] * senders
        self._sent_at = sent_at
        self._delays = delays
        self.wrong = []
        self.count = 0

    def __call__(self, event):
        mark = number_in(event)
        if mark is None or mark[1] == 0:
            return
        sender, number = mark
        if number != self._next[sender]:
            self.wrong.append(f"sender {sender}: {number} instead of {self._next[sender]}")
        self._next[sender] = number + 1
        self.count += 1
        self._delays.append(time.monotonic() - self._sent_at[mark])


def delays():
    return array("d")


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


class Flood:
    """What one sender sends as fast as it can: mostly positions, some markers, a few chats."""

    def __init__(self, count, first=0):
        self.kinds = []
        pieces = []
        for number in range(first, first + count):
            kind, data = _flood_event(number)
            self.kinds.append(kind)
            # Without its declaration it leaves the daemon just as it came.
            pieces.append(data[data.index(b"<event"):])
        self.pieces = pieces
        self.blob = b"".join(pieces)
        self.starts = [0]
        for piece in pieces:
            audit(piece)
            self.starts.append(self.starts[-1] + len(piece))
        self.index = {piece: number for number, piece in enumerate(pieces)}
        self.chats = self.kinds.count("chat")


def _flood_event(number):
    sender = events.somebody(0x7000 + number % 500)
    note = f'<seq s="0" n="{number}"/>'
    if number % 1_000 == 999:
        return "chat", events.ALPHA.chat(f"line {number}")
    if number % 10 == 9:
        filler = "<remarks>" + "r" * 330 + "</remarks>"
        return "marker", events.marker(f"flood-{number % 300}", note + filler)
    data = sender.position(lat=50 + (number % 9_000) / 1e4, note=note)
    return "position", data.replace(b' endpoint="*:-1:stcp"', b"")


class Follower:
    """Reads a flood at one receiver: what came, in order, and nothing twice."""

    def __init__(self, client, flood):
        self._client = client
        self._flood = flood
        self._next = 0
        self._rest = b""
        self._last = {"chat": -1, "marker": -1, "position": -1}
        self.count = 0
        self.by_kind = {"chat": 0, "marker": 0, "position": 0}
        self.wrong = []

    def __call__(self, data):
        data = self._rest + data
        at = self._runs(data, 0)
        while (end := data.find(END, at)) >= 0:
            end += len(END)
            piece = data[at:end]
            number = self._flood.index.get(piece)
            if number is None:
                self._client.take(piece)
            else:
                self._accept(number)
                self._next = number + 1
            at = self._runs(data, end)
        self._rest = data[at:]

    def _runs(self, data, at):
        """Compare as many whole events at once as are the very ones that come next."""
        starts, blob = self._flood.starts, self._flood.blob
        total = len(self._flood.pieces)
        run = 1
        while run and self._next < total:
            last = min(self._next + run, total)
            begin = starts[self._next]
            size = starts[last] - begin
            if at + size <= len(data) and data[at:at + size] == blob[begin:begin + size]:
                for number in range(self._next, last):
                    self._accept(number)
                self._next = last
                at += size
                run *= 2
            else:
                run //= 2
        return at

    def _accept(self, number):
        kind = self._flood.kinds[number]
        if number <= self._last[kind]:
            self.wrong.append(f"{kind} {number} after {self._last[kind]}")
        self._last[kind] = number
        self.by_kind[kind] += 1
        self.count += 1
