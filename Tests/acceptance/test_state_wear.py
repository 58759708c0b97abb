"""What the state costs a card: bytes written in an hour, by the kernel's own accounting.

Twelve states are what an hour with the default `state_seconds` of 300 makes; here they come in a
minute. /proc/PID/io counts pages of files as they are made dirty, so this is what goes to the card
less what the file system adds for itself; `bench/wear.py` measures that, too.
"""

import time

import pytest

from tinycot import events, states
from tinycot.client import gather
from tinycot.figures import note
from tinycot.pace import SLOW

pytestmark = [pytest.mark.native, pytest.mark.load]

CLIENTS = 100
STATES = 12
LIMIT_BYTES = 2 * 1_048_576


def written_bytes(pid):
    with open(f"/proc/{pid}/io") as io:
        return next(int(line.split()[1]) for line in io if line.startswith("write_bytes"))


def test_an_hour_of_a_hundred_clients(start_daemon, crowd):
    daemon = start_daemon({"state_seconds": 5})
    people = [events.somebody(number) for number in range(CLIENTS)]
    clients = gather(crowd, daemon.port, people)
    for client in clients:
        client.on_event = lambda event: None

    def generation():
        newest = states.newest(daemon.state_dir)
        return newest.number if newest else 0

    first = None
    turn = 0
    end = time.monotonic() + 120 * SLOW
    while True:
        turn += 1
        for client in clients:
            client.send(client.person.position(lat=50 + turn / 1e4))
        began = time.monotonic()
        crowd.run_for(max(0.0, 1.0 - (time.monotonic() - began)))
        now = generation()
        if first is None and now:
            first, before = now, written_bytes(daemon.pid)
        if first is not None and now >= first + STATES:
            break
        assert time.monotonic() < end, f"only {now} states"
    written = written_bytes(daemon.pid) - before
    count = generation() - first
    hour = written * STATES // count
    size = states.newest(daemon.state_dir)
    assert len(size.events) == CLIENTS
    note(f"{count} states of {CLIENTS} clients: {written} bytes written; "
         f"an hour with the defaults: {hour} bytes ({hour / 1_048_576:.2f} MiB)")
    assert hour <= LIMIT_BYTES
