"""A reader of dump files, written from docs/dump.md and from nothing else.

`read` is strict: every byte belongs to a comment, an event or a line end after one of them. Only the
end of the last file may be cut off, where that is allowed.
"""

import re
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

HEAD = re.compile(rb'<!-- tinycot dump 1 boot="([^"]*)" -->\n')
COMMENT = re.compile(
    rb'<!-- received="([^"]*)" clock="(\d+)" sender="([^"]*)" callsign="([^"]*)" team="([^"]*)" '
    rb'address="([^"]*)" -->\n')
RECEIVED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
# What may stand in a comment, or inside an event before its end, without being looked into.
HIDDEN = re.compile(rb"<!--.*?-->|<!\[CDATA\[.*?\]\]>|<\?.*?\?>", re.S)
END = b"</event>"


@dataclass(frozen=True)
class Entry:
    """One event with what the comment before it says."""

    event: bytes
    received: str
    clock: int
    sender: str
    callsign: str
    team: str
    address: str
    boot: str


class CutOff(Exception):
    """The file ends in the middle."""


def files(folder):
    """The dump files, oldest first."""
    found = [path for path in (folder / "dump").iterdir()
             if re.fullmatch(r"cot-\d{8,10}\.xml", path.name)]
    return sorted(found, key=lambda path: int(path.name[4:-4]))


def read(folder, may_be_cut_off=False):
    """All entries of all files, in their order."""
    entries = []
    paths = files(folder)
    for path in paths:
        data = path.read_bytes()
        try:
            for entry in parse(data):
                entries.append(entry)
        except CutOff:
            assert may_be_cut_off and path == paths[-1], f"{path.name} is cut off"
    return entries


def parse(data):
    head = HEAD.match(data)
    if head is None:
        raise CutOff
    boot, at = _value(head[1]), head.end()
    while at < len(data):
        comment = COMMENT.match(data, at)
        if comment is None:
            assert b"\n" not in data[at:at + 1500], f"no comment: {data[at:at + 100]}"
            raise CutOff
        end = _end_of_event(data, comment.end())
        if data[end:end + 1] != b"\n":
            raise CutOff
        text = comment[0][4:-4]
        assert b"--" not in text and not text.endswith(b"-"), text
        assert RECEIVED.fullmatch(comment[1].decode()), comment[1]
        yield Entry(
            data[comment.end():end], comment[1].decode(), int(comment[2]), _value(comment[3]),
            _value(comment[4]), _value(comment[5]), _value(comment[6]), boot)
        at = end + 1


def _value(encoded):
    return unquote_to_bytes(encoded).decode()


def _end_of_event(data, begin):
    """Where the event that begins there has ended. Events do not lie in one another."""
    assert re.match(rb"<event[\s>/]", data[begin:begin + 7]), data[begin:begin + 60]
    at = begin
    while True:
        found = re.compile(rb"<!--|<!\[CDATA\[|<\?|</event\s*>").search(data, at)
        if found is None:
            raise CutOff
        if found[0].startswith(b"</event"):
            return found.end()
        hidden = HIDDEN.match(data, found.start())
        if hidden is None:
            raise CutOff
        at = hidden.end()
