"""Clients on raw sockets, many in one thread.

A Crowd owns the sockets and one epoll; tests say what they wait for and the crowd reads, writes
and audits until it is so. Nothing here sleeps.
"""

import errno
import select
import socket
import struct
import time
from collections import deque

from . import events
from .audit import END, audit, audit_beginning
from .pace import PROMPT_SECONDS, SLOW

_READ_BYTES = 262_144
_PONG_TYPE = "t-x-c-t-r"


class Crowd:
    """All clients of one test."""

    def __init__(self):
        self._epoll = select.epoll()
        self._by_descriptor = {}

    def connect(self, port, *, person=None, source=None, receive_buffer=None, reading=True,
                host="127.0.0.1", segment=None):
        """A new connection. It says nothing until told to.

        `segment`: the largest TCP segment, where that of a real network matters.
        """
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        link = socket.socket(family, socket.SOCK_STREAM)
        if receive_buffer:
            link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if segment:
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, segment)
        if source:
            link.bind((source, 0))
        link.settimeout(PROMPT_SECONDS)
        link.connect((host, port))
        link.setblocking(False)
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client = CoTClient(self, link, person, reading)
        self._by_descriptor[link.fileno()] = client
        self._epoll.register(link.fileno(), client.interest())
        return client

    def join(self, port, person, **options):
        """A new connection that introduces itself at once."""
        client = self.connect(port, person=person, **options)
        client.send(person.position())
        return client

    def pump(self, seconds=0.0):
        """Read and write whatever is ready; wait at most `seconds` for something to be."""
        for descriptor, ready in self._epoll.poll(seconds, 512):
            client = self._by_descriptor.get(descriptor)
            if client is None:
                continue
            if ready & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR):
                client._readable()
            if ready & select.EPOLLOUT and not client.closed:
                client._flush()

    def wait_until(self, condition, what, seconds=PROMPT_SECONDS):
        """Pump until `condition()` is true. `seconds` is not stretched further."""
        end = time.monotonic() + seconds
        while not condition():
            left = end - time.monotonic()
            if left <= 0:
                described = what() if callable(what) else what
                raise AssertionError(f"waited {seconds:.1f} s in vain for: {described}")
            self.pump(min(left, 0.05))

    def run_for(self, seconds):
        """Pump for a while: only to watch that something does not happen."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.pump(min(left, 0.05))

    def fence(self, sender, receivers):
        """Return when all that `sender` sent before has reached the `receivers`. Without any, when
        the daemon has read it: nobody else could tell."""
        uid = events.fresh("fence")
        sender.send(events.fence(uid))
        self.wait_until(
            lambda: all(r.has(uid) for r in receivers),
            lambda: f"fence {uid} at {[r for r in receivers if not r.has(uid)]}")
        if not receivers:
            self.answer(sender)

    def fence_all(self, clients):
        """The same, in every direction: nothing is under way between these clients any more."""
        for sender in clients:
            self.fence(sender, [c for c in clients if c is not sender])

    def answer(self, client):
        """Ping and wait for the pong: the daemon has read all that `client` sent. Seconds taken."""
        before = client.pongs
        began = time.monotonic()
        person = client.person or events.somebody(0)
        client.send(person.ping())
        self.wait_until(lambda: client.pongs > before or client.closed, "a pong")
        if client.closed:
            raise AssertionError("connection closed instead of a pong")
        return time.monotonic() - began

    def close(self):
        for client in list(self._by_descriptor.values()):
            client.close()
        self._epoll.close()

    def _forget(self, client):
        if self._by_descriptor.pop(client._descriptor, None) is not None:
            self._epoll.unregister(client._descriptor)

    def _watch(self, client):
        if client._descriptor in self._by_descriptor:
            self._epoll.modify(client._descriptor, client.interest())


class CoTClient:
    """One connection, as a phone sees it. Every piece it receives is audited."""

    def __init__(self, crowd, link, person, reading):
        self.person = person
        self.address = "%s:%d" % link.getsockname()[:2]
        self.received = []
        self.pongs = 0
        self.pong_positions = []
        # If set, called with each event instead of keeping it.
        self.on_event = None
        # If set, called with all bytes as they come instead of cutting and auditing them; it
        # gives back to `take` whatever it cannot vouch for.
        self.on_bytes = None
        # The most that one read takes.
        self.read_bytes = _READ_BYTES
        self.closed = False
        self.was_reset = False
        self.bytes_received = 0
        self._uids = {}
        self._crowd = crowd
        self._link = link
        self._descriptor = link.fileno()
        self._reading = reading
        self._partial = b""
        self._outgoing = deque()
        self._seen = 0

    def __repr__(self):
        return self.person.callsign if self.person else self.address

    # Sending

    def send(self, data):
        """Queue bytes and send what the socket takes now; the crowd's pump sends the rest."""
        if self.closed:
            return
        was_idle = not self._outgoing
        self._outgoing.append(memoryview(data))
        if was_idle:
            self._flush()

    @property
    def unsent(self):
        return sum(len(view) for view in self._outgoing)

    def _flush(self):
        had = bool(self._outgoing)
        try:
            while self._outgoing:
                view = self._outgoing[0]
                sent = self._link.send(view)
                if sent == len(view):
                    self._outgoing.popleft()
                else:
                    self._outgoing[0] = view[sent:]
        except BlockingIOError:
            pass
        except OSError as error:
            self._ended(reset=error.errno in (errno.ECONNRESET, errno.EPIPE))
            return
        if had:
            self._crowd._watch(self)

    # Receiving

    def interest(self):
        mask = select.EPOLLIN if self._reading else 0
        return mask | (select.EPOLLOUT if self._outgoing else 0)

    def pause(self):
        self._reading = False
        self._crowd._watch(self)

    def resume(self):
        self._reading = True
        self._crowd._watch(self)

    def _readable(self):
        try:
            data = self._link.recv(self.read_bytes)
        except BlockingIOError:
            return
        except OSError:
            self._ended(reset=True)
            return
        if not data:
            self._ended(reset=False)
            return
        self.bytes_received += len(data)
        if self.on_bytes:
            self.on_bytes(data)
            return
        pieces = (self._partial + data).split(END)
        self._partial = pieces.pop()
        for piece in pieces:
            self.take(piece + END)
        audit_beginning(self._partial)

    def take(self, piece):
        """Audit one piece and keep it, or hand it to whoever asked for events."""
        event = audit(piece)
        if event.type == _PONG_TYPE:
            self.pongs += 1
            self.pong_positions.append(len(self.received))
        elif self.on_event:
            self.on_event(event)
        else:
            self.received.append(event)
            self._uids[event.uid] = self._uids.get(event.uid, 0) + 1

    def _ended(self, reset):
        self._crowd._forget(self)
        self._link.close()
        self.closed = True
        self.was_reset = reset

    @property
    def left_over(self):
        """Bytes of an event whose end never came."""
        return self._partial

    # Looking at what came

    def has(self, uid):
        return uid in self._uids

    def count(self, uid):
        return self._uids.get(uid, 0)

    def of_type(self, kind):
        return [e for e in self.received if e.type == kind]

    def last(self, uid):
        for event in reversed(self.received):
            if event.uid == uid:
                return event
        raise AssertionError(f"{self} has never received {uid}")

    def news(self):
        """What came since the last call, without fences."""
        fresh = self.received[self._seen:]
        self._seen = len(self.received)
        return [e for e in fresh if e.type != events.FENCE_TYPE]

    # Leaving

    def close(self):
        if not self.closed:
            self._ended(reset=False)

    def reset(self):
        """Leave as a phone does whose network vanished: the peer sees a reset."""
        if not self.closed:
            self._link.setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._ended(reset=False)

    def finish(self):
        """Say that nothing more will be sent, and go on listening."""
        try:
            self._link.shutdown(socket.SHUT_WR)
        except OSError:
            # The peer was faster; the next read will tell.
            pass


def gather(crowd, port, people, **options):
    """Connect these people; return when everyone has seen everyone else's position."""
    clients = [crowd.join(port, person, **options) for person in people]

    def acquainted():
        return all(
            c.has(p.uid) for c in clients for p in people if p is not c.person)

    crowd.wait_until(acquainted, lambda: f"{people} seeing each other; got "
                     f"{[(c, c.received[:9]) for c in clients]}", 10 * SLOW)
    crowd.fence_all(clients)
    for client in clients:
        client.news()
    return clients
