"""The state files of a daemon, read by Python's own JSON: what a start would find."""

import hashlib
import json
import re
from dataclasses import dataclass

_NAME = re.compile(r"state\.(\d+)\.json")


@dataclass(frozen=True)
class Generation:
    """One whole state file."""

    name: str
    number: int
    document: dict

    @property
    def events(self):
        """The kept events as bytes, by uid and team."""
        return {event["event"].encode(): event for event in self.document["events"]}

    @property
    def clients(self):
        return {client["uid"]: client for client in self.document["clients"]}


def slots(folder):
    """The files in the slots of the ring, by name."""
    return sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name))


def read(path):
    """A whole generation, or None: judged by the hash in the last line, and by json."""
    data = path.read_bytes()
    last = data.rfind(b'"sha256":"')
    if last < 0 or data[last:] != (
            b'"sha256":"' + hashlib.sha256(data[:last]).hexdigest().encode() + b'"}\n'):
        return None
    document = json.loads(data)
    return Generation(path.name, document["generation"], document)


def whole(folder):
    """All whole generations, the newest first."""
    found = [generation for path in slots(folder) if (generation := read(path))]
    return sorted(found, key=lambda generation: generation.number, reverse=True)


def newest(folder):
    found = whole(folder)
    return found[0] if found else None


def set_aside(folder):
    return sorted(path.name for path in folder.iterdir()
                  if path.name.endswith((".broken", ".newer")))
