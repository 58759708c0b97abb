"""Attackers from many addresses, in a process of their own, so that they do not wait for the test.

Each is one address with one connection at a time. It never reads more than it must to see that it
was thrown out, and then comes back at once.
"""

import errno
import multiprocessing
import random
import socket
import struct
import time

from . import events, network
from .http import request

_HALF_EVENT = events.marker("never whole", "<x>" + "n" * 70_000 + "</x>")[:65_000]
_HALF_HEAD = b"GET /Marti/api/version HTTP/1.1\r\nHost: 10.0.0.1\r\nX-Never-Ends: " + b"y" * 7_000
_HALF_BODY = request("POST", "/Marti/sync/upload?name=x.zip&keywords=missionpackage&creatorUid=c",
                     [("Content-Length", 1_000_000)], b"x" * 5_000)
_LINGER_NOT = struct.pack("ii", 1, 0)


class _Attacker:
    def __init__(self, kind, port, source, dice):
        self._kind, self._port, self._source, self._dice = kind, port, source, dice
        self._link = None
        self._said = 0
        self.times = 0

    def step(self):
        if self._link is None:
            self._connect()
        elif self._was_thrown_out():
            self._leave()
        else:
            try:
                getattr(self, "_" + self._kind)()
            except BlockingIOError:
                pass
            except OSError as error:
                if error.errno not in (errno.ENOTCONN, errno.EAGAIN):
                    self._leave()

    def _connect(self):
        self._link = socket.socket()
        self._link.setblocking(False)
        self._link.bind((self._source, 0))
        result = self._link.connect_ex((network.SERVER, self._port))
        if result not in (0, errno.EINPROGRESS):
            return self._leave()
        self._said = 0
        self.times += 1

    def _was_thrown_out(self):
        try:
            return self._link.recv(65_536) == b""
        except BlockingIOError:
            return False
        except OSError as error:
            return error.errno != errno.ENOTCONN

    def _leave(self, reset=False):
        if reset:
            self._link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
        self._link.close()
        self._link = None

    def _say(self, text):
        """A little more of a text that never ends."""
        self._link.send(text[self._said:self._said + 1])
        self._said = min(self._said + 1, len(text) - 1)

    # What they do

    def _silent(self):
        pass

    def _drip_event(self):
        self._say(_HALF_EVENT)

    def _drip_head(self):
        self._say(_HALF_HEAD)

    def _half_event(self):
        if self._said == 0:
            self._said = self._link.send(_HALF_EVENT[:900])

    def _half_body(self):
        if self._said == 0:
            self._said = self._link.send(_HALF_BODY)

    def _garbage(self):
        self._link.send(self._dice.randbytes(4_000))

    def _reset(self):
        self._link.send(_HALF_EVENT[:500])
        self._leave(reset=True)

    def _speak(self):
        """A whole event, as any client sends it; then silence."""
        if self._said == 0:
            self._said = self._link.send(events.Person(self._source, self._source).ping())


# None of these is a client: no whole event, no whole request.
COT = ("silent", "drip_event", "half_event", "garbage", "reset")
HTTP = ("silent", "drip_head", "garbage", "reset")


class Siege:
    """`with Siege([(kind, port), …]):` attackers, one address each, until the end."""

    def __init__(self, attackers, first=0, pause=0.2):
        context = multiprocessing.get_context("fork")
        self._over = context.Event()
        self._times = context.Value("q", 0)
        self._process = context.Process(
            target=self._run, args=(attackers, first, pause), daemon=True)

    @property
    def connections(self):
        """How often they have connected."""
        return self._times.value

    def __enter__(self):
        self._process.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._process.join(10)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def _run(self, attackers, first, pause):
        dice = random.Random(20_261_127)
        crowd = [_Attacker(kind, port, network.address(first + number), dice)
                 for number, (kind, port) in enumerate(attackers)]
        while not self._over.is_set():
            began = time.monotonic()
            for one in crowd:
                one.step()
            self._times.value = sum(one.times for one in crowd)
            self._over.wait(max(0.0, pause - (time.monotonic() - began)))
