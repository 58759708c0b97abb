"""The output audit: what every byte that leaves the daemon must satisfy.

A client cuts the stream at `</event>`. Each piece must then parse alone, have the root `event`,
begin with it (nothing stands between two pieces, no declaration), be 65,536 bytes or shorter, and
carry no `marti` addressing. The verdict depends on the bytes only, so it is remembered.
"""

import re
from xml.parsers import expat

END = b"</event>"
MAX_EVENT_BYTES = 65_536
_REMEMBERED = 60_000
_OPENING = re.compile(rb"<event[\s>/]")
_seen = {}


class AuditFailure(AssertionError):
    """The daemon sent something that a client could stumble over."""


class Event:
    """One audited piece: its bytes, and the attributes of its root."""

    __slots__ = ("raw", "attributes", "mark")

    def __init__(self, raw, attributes):
        self.raw = raw
        self.attributes = attributes
        # Free for a test: what it has read out of these bytes, so that it need not read again.
        self.mark = None

    @property
    def uid(self):
        return self.attributes.get("uid", "")

    @property
    def type(self):
        return self.attributes.get("type", "")

    def __repr__(self):
        return f"<{self.type} {self.uid[:60]}>"


def audit(piece):
    """The piece as an Event, or AuditFailure naming what is wrong with it."""
    event = _seen.get(piece)
    if event is None:
        event = Event(piece, _inspect(piece))
        if len(_seen) >= _REMEMBERED:
            _seen.clear()
        _seen[piece] = event
    return event


def audit_beginning(partial):
    """The same for bytes whose end has not come yet: they may at least not be hopeless."""
    if len(partial) >= MAX_EVENT_BYTES:
        raise AuditFailure(f"{len(partial)} bytes without {END!r}, starting {partial[:80]!r}")
    if partial and not b"<event ".startswith(partial[:7]) and not _OPENING.match(partial):
        raise AuditFailure(f"bytes between events: {partial[:80]!r}")


def _inspect(piece):
    def fail(why):
        raise AuditFailure(f"{why}: {piece[:300]!r} ({len(piece)} bytes)")

    if len(piece) > MAX_EVENT_BYTES:
        fail("longer than a client can take")
    if not _OPENING.match(piece):
        fail("bytes before the event")
    path = []
    root = {}

    def opened(name, attributes):
        if not path:
            if name != "event":
                fail(f"root is {name}")
            root.update(attributes)
        if name == "marti" and path in (["event"], ["event", "detail"]):
            fail("addressing was not removed")
        path.append(name)

    def closed(_):
        path.pop()

    parser = expat.ParserCreate()
    parser.StartElementHandler = opened
    parser.EndElementHandler = closed
    parser.XmlDeclHandler = lambda *_: fail("a declaration")
    parser.StartDoctypeDeclHandler = lambda *_: fail("a document type")
    try:
        parser.Parse(piece, True)
    except expat.ExpatError as error:
        fail(f"does not parse alone ({error})")
    if piece.count(END) != 1:
        fail("the end of an event twice")
    return root
