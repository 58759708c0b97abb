"""Data packages as phones send them: whole requests, and answers that came completely or not.

A connection that ends before its answer is whole gives None: nobody was promised anything.
"""

import hashlib
import json
import random
import select
import socket
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import quote

from .pace import PROMPT_SECONDS

_BOUNDARY = "------------------------0123456789abcdef"
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


@dataclass(frozen=True)
class Answer:
    status: int
    head: bytes
    body: bytes

    def json(self):
        return json.loads(self.body)


class Connection:
    """One HTTP connection to the daemon."""

    def __init__(self, port, seconds=PROMPT_SECONDS):
        self._link = socket.create_connection(("127.0.0.1", port), timeout=seconds)
        self._port = port
        self._rest = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._link.close()

    def send(self, method, target, body=b"", headers=()):
        lines = [f"{method} {target} HTTP/1.1", f"Host: 127.0.0.1:{self._port}", *headers]
        if body or method != "GET":
            lines.append(f"Content-Length: {len(body)}")
        self.send_bytes("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def send_bytes(self, data):
        try:
            self._link.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            # It may have answered before; the next read tells.
            pass

    def answer(self):
        """The next final answer, or None if the connection ended before it was whole."""
        while True:
            head = self._until(b"\r\n\r\n")
            if head is None:
                return None
            status = int(head.split(b" ", 2)[1])
            if status >= 200:
                break
        fields = dict(
            line.split(b":", 1) for line in head.lower().split(b"\r\n")[1:] if b":" in line)
        if fields.get(b"transfer-encoding", b"").strip() == b"chunked":
            body = self._chunks()
        else:
            body = self._take(int(fields.get(b"content-length", b"0")))
        return None if body is None else Answer(status, head, body)

    def _chunks(self):
        body = b""
        while True:
            size = self._until(b"\r\n")
            data = None if size is None else self._take(int(size, 16) + 2)
            if data is None:
                return None
            if data == b"\r\n":
                return body
            body += data[:-2]

    def _take(self, length):
        while len(self._rest) < length:
            if not self._more():
                return None
        data, self._rest = self._rest[:length], self._rest[length:]
        return data

    def has_answer(self):
        """Has anything come?"""
        return bool(self._rest or select.select([self._link], [], [], 0)[0])

    def _until(self, end):
        while end not in self._rest:
            if not self._more():
                return None
        head, self._rest = self._rest.split(end, 1)
        return head

    def _more(self):
        try:
            data = self._link.recv(1 << 20)
        except ConnectionResetError:
            return False
        self._rest += data
        return bool(data)


def ask(port, method, target, body=b"", headers=(), seconds=PROMPT_SECONDS):
    """One request on a connection of its own; its answer, or None."""
    try:
        with Connection(port, seconds) as connection:
            connection.send(method, target, body, headers)
            return connection.answer()
    except (ConnectionRefusedError, ConnectionResetError):
        return None


def multipart(package):
    """(headers, body) as libcurl writes them for ATAK."""
    begin = (
        f"--{_BOUNDARY}\r\n"
        f'Content-Disposition: form-data; name="assetfile"; filename="{package.name}"\r\n'
        "Content-Type: application/x-zip-compressed\r\n\r\n").encode()
    body = begin + package.content + f"\r\n--{_BOUNDARY}--\r\n".encode()
    return (f"Content-Type: multipart/form-data; boundary={_BOUNDARY}",), body


def upload_target(package):
    return (f"/Marti/sync/missionupload?hash={package.hash}&filename={quote(package.name)}"
            f"&creatorUid={package.creator}")


def upload(port, package, **options):
    """As ATAK does it."""
    headers, body = multipart(package)
    return ask(port, "POST", upload_target(package), body, headers, **options)


def upload_raw(port, package, **options):
    """As iTAK does it."""
    target = (f"/Marti/sync/upload?CreatorUid={package.creator}&keywords=missionpackage"
              f"&name={quote(package.name)}")
    return ask(port, "POST", target, package.content,
               ("Content-Type: application/x-zip-compressed",), **options)


def set_tool(port, package, tool, **options):
    return ask(port, "PUT", f"/Marti/api/sync/metadata/{package.hash}/tool", tool.encode(),
               ("Content-Type: text/plain",), **options)


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
