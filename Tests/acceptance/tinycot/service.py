"""A service manager as the daemon sees one: a socket for its messages, variables, passed sockets."""

import contextlib
import select
import socket
import time

from .daemon import Daemon
from .pace import SLOW


class Manager:
    """The other end of NOTIFY_SOCKET. Messages are kept with the time of their arrival."""

    def __init__(self, name):
        self.name = str(name)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + self.name[1:] if self.name.startswith("@") else self.name)
        self._socket.setblocking(False)
        self.messages = []

    def pump(self, seconds=0.0):
        """Takes what has come; waits at most `seconds` for something."""
        if select.select([self._socket], [], [], seconds)[0]:
            with contextlib.suppress(BlockingIOError):
                while True:
                    text = self._socket.recv(4096).decode()
                    self.messages.append((time.monotonic(), text))

    def watch(self, seconds):
        """All messages that come in this time."""
        begun = len(self.messages)
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.pump(left)
        return [text for _, text in self.messages[begun:]]

    def wait(self, wanted, after=0, seconds=10.0):
        """The first message from number `after` on that has this line (or the beginning of one)."""
        end = time.monotonic() + seconds * SLOW
        while True:
            for _, text in self.messages[after:]:
                if any(line.startswith(wanted) for line in text.splitlines()):
                    return text
            left = end - time.monotonic()
            assert left > 0, f"no {wanted!r} in {[text for _, text in self.messages[after:]]}"
            self.pump(left)

    def close(self):
        self._socket.close()


class ManagedDaemon(Daemon):
    """A daemon that a service manager has started."""

    def __init__(self, folder, config=None, budget=None, manager=None, watchdog_seconds=None,
                 sockets=(), names=None):
        super().__init__(folder, config, budget)
        if manager:
            self.environment["NOTIFY_SOCKET"] = manager.name
        if watchdog_seconds:
            self.environment["WATCHDOG_USEC"] = str(int(watchdog_seconds * 1_000_000))
        self.passed = tuple(one.fileno() for one in sockets)
        if names is not None:
            self.environment["LISTEN_FDNAMES"] = names

    def _command(self, *arguments):
        """Descriptors are passed from 3 on, and the variables name the process: only the shell
        before it knows its number."""
        plain = super()._command(*arguments)
        count = len(self.passed)
        moves = " ".join(f"{90 + place}<&{number} {number}<&-"
                         for place, number in enumerate(self.passed))
        places = " ".join(f"{3 + place}<&{90 + place} {90 + place}<&-" for place in range(count))
        words = "export WATCHDOG_PID=$$\n"
        if count:
            words += f"export LISTEN_PID=$$ LISTEN_FDS={count}\nexec {moves}\nexec {places}\n"
        return ["bash", "-c", words + 'exec "$@"', "bash", *plain]


def listening(port, host="127.0.0.1"):
    """A socket that listens, as a service manager would have opened it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    one = socket.socket(family, socket.SOCK_STREAM)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.bind((host, port))
    one.listen()
    return one
