"""Files of the CoT dump, written by the format's description and not by the program's code.

    <!-- tinycot dump 1 boot="..." -->
    <!-- received="..." clock="..." sender="..." callsign="..." team="..." address="..." -->
    <event ...>...</event>
"""

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

from .events import stamp

_ROOT = re.compile(rb"<event[\s>/]")
BEGAN = datetime(2026, 11, 25, 16, 5, 0, 123_000, tzinfo=timezone.utc)


def event_of(data):
    """The event in the bytes of a file: without declaration, byte order mark and what is around."""
    start = _ROOT.search(data).start()
    return data[start:].rstrip(b"\r\n\t ")


def escaped(text):
    """A value as it stands in a comment. `text`: str or bytes."""
    value = text if isinstance(text, bytes) else text.encode()
    out = ""
    for at, byte in enumerate(value):
        is_dash = byte == 0x2D and (at + 1 == len(value) or value[at - 1:at] == b"-")
        if byte in b'%"<>&' or byte < 0x20 or byte == 0x7F or is_dash:
            out += f"%{byte:02X}"
        else:
            out += chr(byte)
    return out.encode("latin-1")


@dataclass
class Record:
    """One recorded event."""

    event: bytes
    clock: int = 0
    sender: object = ""
    callsign: object = ""
    team: object = ""
    address: str = "10.0.0.7"
    received: str = field(default="")

    def __post_init__(self):
        if not self.received:
            self.received = stamp(BEGAN + timedelta(milliseconds=self.clock))

    @property
    def comment(self):
        return b'<!-- received="%s" clock="%d" sender="%s" callsign="%s" team="%s" address="%s" -->' % (
            escaped(self.received), self.clock, escaped(self.sender), escaped(self.callsign),
            escaped(self.team), escaped(self.address))


def dump(records, boot="2f1c7e0a-0000-4000-8000-000000000001"):
    """The bytes of one file."""
    return b'<!-- tinycot dump 1 boot="%s" -->\n' % escaped(boot) + b"".join(
        record.comment + b"\n" + record.event + b"\n" for record in records)


def write(path, records, boot="2f1c7e0a-0000-4000-8000-000000000001"):
    path.write_bytes(dump(records, boot))
    return path
