"""A strict HTTP/1.1 client on a raw socket: it sends exactly the bytes it is told to, and takes
nothing back but the grammar of RFC 9112.

Every answer goes through the audit in `_inspect`: whatever a test is about, it fails on an answer
that two readers could read in two ways. Nothing in here sleeps; every wait has a deadline.
"""

import errno
import json
import re
import socket
import struct
from email.utils import parsedate_to_datetime

from .pace import PROMPT_SECONDS

_STATUS_LINE = re.compile(rb"HTTP/1\.1 ([1-5]\d\d) ([\x20-\x7e]+)")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+): ([\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)")
_DISPOSITION = re.compile(
    r"""(?:attachment|inline);\ filename="[^"\\\x00-\x1f\x7f/]+"
        (?:;\ filename\*=UTF-8''(?:[A-Za-z0-9!#$&+.^_`|~-]|%[0-9A-F]{2})+)?""", re.X)
_CHUNK_SIZE = re.compile(rb"[0-9A-Fa-f]{1,16}")
_MAX_HEAD_BYTES = 16_384
_READ_BYTES = 262_144


class BadAnswer(AssertionError):
    """The daemon answered something that a client could stumble over."""


class Answer:
    """One answer: what the status line and the fields say, and the body."""

    def __init__(self, status, reason, fields):
        self.status = status
        self.reason = reason
        self.fields = fields
        self.body = b""
        # How the end of the body is known: a number of bytes, "chunked", or None: by the end of
        # the connection.
        self.framing = None

    def __repr__(self):
        return f"<{self.status} {self.reason} {self.fields} {self.body[:200]!r}>"

    def field(self, name):
        """The value of a field, or None."""
        values = [value for key, value in self.fields if key.lower() == name.lower()]
        if len(values) > 1:
            raise BadAnswer(f"{name} is there {len(values)} times: {self}")
        return values[0] if values else None

    @property
    def media_type(self):
        return (self.field("Content-Type") or "").split(";")[0].strip().lower()

    @property
    def stays_open(self):
        return self.field("Connection") != "close"

    @property
    def length(self):
        value = self.field("Content-Length")
        return None if value is None else int(value)

    @property
    def text(self):
        return self.body.decode("utf-8", "strict")

    def json(self):
        """The body as JSON: of UTF-8, no key twice, no NaN."""
        def members(pairs):
            if len({key for key, _ in pairs}) < len(pairs):
                raise BadAnswer(f"a key twice in {pairs}")
            return dict(pairs)

        def constant(name):
            raise BadAnswer(f"{name} is no JSON")

        assert self.media_type == "application/json", self
        return json.loads(self.text, object_pairs_hook=members, parse_constant=constant)


class Connection:
    """One connection to the daemon, blocking, with a deadline on everything."""

    def __init__(self, port, host="127.0.0.1", source=None, receive_buffer=None,
                 seconds=PROMPT_SECONDS):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._link = socket.socket(family, socket.SOCK_STREAM)
        if receive_buffer:
            self._link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if source:
            self._link.bind((source, 0))
        self._link.settimeout(seconds)
        self._link.connect((host, port))
        self._link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = bytearray()
        self._has_ended = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def own_port(self):
        return self._link.getsockname()[1]

    def patience(self, seconds):
        self._link.settimeout(seconds)

    # Sending

    def send(self, data):
        self._link.sendall(data)

    def send_while_taken(self, data):
        """The same, but a peer that takes no more is no failure. True if all was taken."""
        try:
            self._link.sendall(data)
        except (BrokenPipeError, ConnectionResetError, TimeoutError):
            return False
        return True

    def request(self, method, target, fields=(), body=b"", host="127.0.0.1"):
        self.send(request(method, target, fields, body, host))

    def finish(self):
        """Say that nothing more will be sent, and go on listening."""
        self._link.shutdown(socket.SHUT_WR)

    # Receiving

    def answer(self, method="GET"):
        """The next answer, whole. Interim ones (1xx) are answers of their own."""
        answer = self.head(method)
        answer.body = self.body(answer)
        return answer

    def head(self, method="GET"):
        """The head alone; `body` or `piece` reads what follows."""
        while b"\r\n\r\n" not in self._received[:_MAX_HEAD_BYTES]:
            if len(self._received) > _MAX_HEAD_BYTES:
                raise BadAnswer(f"no end of the head: {self._seen()!r}")
            if not self._more():
                raise BadAnswer(f"the connection ended in a head: {self._seen()!r}")
        return _inspect(self._take(self._received.index(b"\r\n\r\n") + 4)[:-4], method)

    def piece(self, count):
        """The next `count` bytes of a body."""
        while len(self._received) < count:
            if not self._more():
                raise BadAnswer(f"{len(self._received)} bytes of a body of {count} or more")
        return self._take(count)

    def _take(self, count):
        found = bytes(memoryview(self._received)[:count])
        del self._received[:count]
        return found

    def _seen(self):
        """The beginning of what has come, for a message."""
        return bytes(self._received[:300])

    def body(self, answer):
        if answer.framing is None:
            while self._more():
                pass
            return self._take(len(self._received))
        if answer.framing == "chunked":
            return b"".join(self._chunks())
        return self.piece(answer.framing)

    def _chunks(self):
        while True:
            line = self._line()
            if not _CHUNK_SIZE.fullmatch(line):
                raise BadAnswer(f"the size of a chunk: {line!r}")
            size = int(line, 16)
            if size:
                yield self.piece(size)
            if self.piece(2) != b"\r\n":
                raise BadAnswer("a chunk does not end with CR LF")
            if not size:
                return

    def _line(self):
        while b"\r\n" not in self._received[:64]:
            if len(self._received) >= 64 or not self._more():
                raise BadAnswer(f"no line: {self._seen()!r}")
        return self._take(self._received.index(b"\r\n") + 2)[:-2]

    def _more(self):
        """Read once. False at the end of what the daemon sends."""
        if self._has_ended:
            return False
        data = self._link.recv(_READ_BYTES)
        self._has_ended = not data
        self._received += data
        return bool(data)

    def expect_end(self, gently=False):
        """Nothing more comes, and the daemon closes. Gently: without a reset, upon which phones
        throw away an answer that they have not read yet (Linux alone still hands it out)."""
        try:
            while self._more():
                pass
        except ConnectionResetError:
            assert not gently, "the connection was reset behind the answer"
        assert not self._received, f"bytes behind the last answer: {self._seen()!r}"

    def is_silent(self, seconds):
        """Nothing comes for so long, and it stays open: only to watch that nothing happens."""
        patience = self._link.gettimeout()
        self._link.settimeout(seconds)
        try:
            self._more()
        except TimeoutError:
            return True
        finally:
            self._link.settimeout(patience)
        return False

    # Leaving

    def close(self):
        self._link.close()

    def reset(self):
        """Leave as a phone does whose network vanished: the peer sees a reset."""
        try:
            self._link.setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except OSError as error:
            if error.errno != errno.EBADF:
                raise
        self._link.close()


def request(method, target, fields=(), body=b"", host="127.0.0.1"):
    """The bytes of a request. A body gets its Content-Length unless a field says its framing."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name}: {value}" for name, value in fields]
    framed = {name.lower() for name, _ in fields} & {"content-length", "transfer-encoding"}
    if not framed and (body or method in ("POST", "PUT")):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def chunked(data, size=1_000, extension=b"", trailer=b""):
    """A body in chunks of that size."""
    pieces = [data[at:at + size] for at in range(0, len(data), size)]
    whole = b"".join(b"%x%s\r\n%s\r\n" % (len(p), extension, p) for p in pieces)
    return whole + b"0\r\n" + trailer + b"\r\n"


def ask(port, method, target, fields=(), body=b"", host="127.0.0.1", source=None,
        seconds=PROMPT_SECONDS):
    """One request on a connection of its own, as ATAK's commo does it; the answer."""
    with Connection(port, source=source, seconds=seconds) as link:
        link.request(method, target, [*fields, ("Connection", "close")], body, host)
        answer = link.answer(method)
        assert answer.field("Connection") == "close", answer
        # When this comes, the daemon has given the place back.
        link.expect_end()
        return answer


def get(port, target, fields=(), **options):
    return ask(port, "GET", target, fields, **options)


def _inspect(raw, method):
    """The head as an Answer, or BadAnswer naming what is wrong with it."""
    def fail(why):
        raise BadAnswer(f"{why}: {raw[:600]!r}")

    line, *lines = raw.split(b"\r\n")
    found = _STATUS_LINE.fullmatch(line) or fail("no status line")
    status = int(found[1])
    fields = []
    for text in lines:
        field = _FIELD.fullmatch(text) or fail(f"no field: {text!r}")
        fields.append((field[1].decode(), field[2].decode()))
    answer = Answer(status, found[2].decode(), fields)
    length, coding = answer.field("Content-Length"), answer.field("Transfer-Encoding")
    if length is not None and not re.fullmatch(r"0|[1-9]\d*", length):
        fail("no length")
    if coding not in (None, "chunked") or coding and length is not None:
        fail("no clear end of the body")
    if status < 200:
        if fields:
            fail("an interim answer has no fields")
        answer.framing = 0
        return answer
    if answer.field("Connection") not in ("close", "keep-alive"):
        fail("it does not say whether the connection stays")
    if status in (204, 304) and (coding or length not in (None, "0") and status == 204):
        fail("a body where none may be")
    if method == "HEAD" or status in (204, 304):
        answer.framing = 0
    elif coding:
        answer.framing = "chunked"
    elif length is not None:
        answer.framing = int(length)
    elif answer.stays_open:
        fail("no end of the body")
    if answer.framing != 0 and answer.field("Content-Type") is None:
        fail("a body without a type")
    if date := answer.field("Date"):
        if not date.endswith(" GMT") or parsedate_to_datetime(date) is None:
            fail("no date")
    if disposition := answer.field("Content-Disposition"):
        if not _DISPOSITION.fullmatch(disposition):
            fail("no disposition")
    if (tag := answer.field("ETag")) and not re.fullmatch(r'"[\x21\x23-\x7e]+"', tag):
        fail("no tag")
    return answer
