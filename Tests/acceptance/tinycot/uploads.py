"""Requests about packages to a daemon that may die over them, and the rows that they make.

A connection that ends before its answer is whole gives None: nobody was promised anything.
"""

import hashlib
import random
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import quote

from . import http, marti
from .pace import PROMPT_SECONDS

PRIVATE, PUBLIC = "private", "public"


@dataclass(frozen=True)
class Package:
    """A file that somebody sends, under a name."""

    name: str
    content: bytes
    creator: str = "ANDROID-00000000000000a1"

    @cached_property
    def hash(self):
        return hashlib.sha256(self.content).hexdigest()

    def row(self, tool=PRIVATE):
        """How the list shows it."""
        return Row(self.name, self.hash, len(self.content), tool)


@dataclass(frozen=True, order=True)
class Row:
    """One line of the list of packages."""

    name: str
    hash: str
    size: int
    tool: str


def made_up(name, size, seed, **more):
    """A package of `size` bytes that no other seed gives."""
    return Package(name, random.Random(f"{seed}/{name}").randbytes(size), **more)


def ask(port, method, target, body=b"", fields=(), seconds=PROMPT_SECONDS):
    """One request on a connection of its own; its answer, or None if that did not come whole."""
    try:
        with http.Connection(port, seconds=seconds) as connection:
            connection.send_while_taken(http.request(method, target, fields, body))
            return connection.answer(method)
    except (http.BadAnswer, ConnectionError):
        return None


def upload_target(package):
    return (f"/Marti/sync/missionupload?hash={package.hash}&filename={quote(package.name)}"
            f"&creatorUid={package.creator}")


def upload(port, package, **options):
    """As ATAK does it."""
    return ask(port, "POST", upload_target(package), *form(package), **options)


def form(package):
    """(body, fields) of such an upload."""
    return marti.multipart(package.content, package.name), [marti.form_type()]


def upload_raw(port, package, **options):
    """As iTAK does it."""
    target = (f"/Marti/sync/upload?CreatorUid={package.creator}&keywords=missionpackage"
              f"&name={quote(package.name)}")
    return ask(port, "POST", target, package.content,
               [("Content-Type", marti.ZIP_TYPE)], **options)


def set_tool(port, package, tool, **options):
    return ask(port, "PUT", f"/Marti/api/sync/metadata/{package.hash}/tool", tool.encode(),
               [("Content-Type", "text/plain")], **options)


def delete(port, package, **options):
    return ask(port, "DELETE", f"/Marti/sync/delete?hash={package.hash}", **options)


def download(port, package, **options):
    return ask(port, "GET", f"/Marti/sync/content?hash={package.hash}", **options)


def listing(port, **options):
    """What the list of packages shows, as a set of rows."""
    answer = ask(port, "GET", "/Marti/sync/search?keywords=missionpackage", **options)
    assert answer is not None and answer.status == 200, f"the list was answered by {answer}"
    document = answer.json()
    rows = [Row(r["Name"], r["Hash"], int(r["Size"]), r["Tool"]) for r in document["results"]]
    assert document["resultCount"] == len(rows) == len(set(rows)), document
    return frozenset(rows)
