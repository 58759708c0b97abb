"""What the relay is asked for lies in a few slots. Nobody may keep them from others by reading
slowly."""

import threading
import time

import pytest

from tinycot import events, http
from tinycot.marti import Phone
from tinycot.pace import SLOW

SLOTS = 4


class Dawdlers:
    """Ask for far more than a socket holds, and read just enough to be kept."""

    def __init__(self, daemon, target):
        self._links = [
            http.Connection(daemon.http_port, source="127.0.0.7", receive_buffer=4_096)
            for _ in range(SLOTS)]
        for link in self._links:
            link.send(http.request("GET", target) * 60)
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self):
        while not self._ends.wait(0.2):
            for link in self._links:
                try:
                    link.piece(256)
                except (AssertionError, OSError):
                    pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._ends.set()
        self._thread.join()
        for link in self._links:
            link.reset()


def seconds_waited(phone, target):
    began = time.monotonic()
    assert phone.get(target).status == 200
    return time.monotonic() - began


@pytest.mark.parametrize("dawdled", ["/Marti/api/cot/xml/large", "/Marti/api/contacts/all"])
def test_slow_readers_keep_nobody_waiting(dawdled, start_daemon, crowd):
    """An event that is larger than an answer's buffer, and a list of several pages."""
    daemon = start_daemon(budget={"clients_per_address": 128})
    clients = [crowd.join(daemon.port, events.somebody(number)) for number in range(100)]
    clients[0].send(events.marker("large", f"<remarks>{'x' * 55_000}</remarks>"))
    for client in clients:
        crowd.answer(client)
    phone = Phone(daemon, source="127.0.0.8")
    with Dawdlers(daemon, dawdled):
        waits = [seconds_waited(phone, "/Marti/api/clientEndPoints") for _ in range(30)]
    assert max(waits) < 5 * SLOW
