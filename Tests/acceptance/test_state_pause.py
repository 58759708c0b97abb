"""What a state costs the relay: processor time of its thread while a full picture is read in pages.

Not a clock: the kernel's own account of what the thread ran, in nanoseconds. Nothing else happens
meanwhile, so all of it goes to the pages, and to the calls that hand them over.
"""

import json
from pathlib import Path

import pytest

from tinycot import events, states
from tinycot.figures import note
from tinycot.pace import wait_for

pytestmark = [pytest.mark.native, pytest.mark.load]

EVENTS = 1_000
# What a question brings along at most: pages hold 64 KiB of events.
PAGE_BYTES = 65_536
MILLISECOND = 1_000_000


def relay_nanoseconds(pid):
    """What the first thread, the relay loop, has run so far."""
    return int(Path(f"/proc/{pid}/task/{pid}/schedstat").read_text().split()[0])


def test_a_full_picture_costs_the_relay_less_than_a_millisecond_a_page(start_daemon, crowd):
    daemon = start_daemon({"state_seconds": 3, "return_seconds": 3_600})
    client = crowd.join(daemon.port, events.ALPHA)
    filler = "<usericon iconsetpath='" + "x" * 500 + "'/>"
    for number in range(EVENTS):
        client.send(events.marker(f"spot-{number}", filler, stale_seconds=3_000))
        if number % 50 == 49:
            crowd.answer(client)

    def whole():
        found = states.newest(daemon.state_dir)
        return found if found and len(found.events) > EVENTS else None

    first = wait_for(whole, 30, "a state with all of them", step=0.1)
    costs = []
    for turn in range(4):
        # One small change makes the next state due. When its pong is there the relay rests.
        client.send(client.person.position(lat=50 + turn / 100))
        crowd.answer(client)
        before = relay_nanoseconds(daemon.pid)
        number = first.number + turn + 1
        made = wait_for(
            lambda: (found := whole()) and found.number >= number and found, 30,
            "the next state", step=0.1)
        costs.append(relay_nanoseconds(daemon.pid) - before)
        assert len(made.events) == EVENTS + 1
    size = sum(len(json.dumps(text.decode())) for text in made.events)
    pages = -(-sum(map(len, made.events)) // PAGE_BYTES)
    dearest = max(costs)
    note(f"a state of {len(made.events)} events ({size} bytes) costs the relay's thread at most "
         f"{dearest / 1e6:.2f} ms of processor, {dearest / pages / 1e6:.3f} ms for each of at least {pages} pages")
    assert dearest < pages * MILLISECOND
