"""Fixtures: a daemon per test, a crowd of clients per test, and what may run where."""

import itertools
import os

import pytest

from tinycot import clock
from tinycot import daemon as daemons
from tinycot import figures
from tinycot.client import Crowd


_WRONG_CLOCK = os.environ.get("TINYCOT_WRONG_CLOCK") == "1"


def pytest_addoption(parser):
    parser.addoption("--share", metavar="I/N", default="1/1",
                     help="only every Nth test, beginning at the Ith: N processes do them all")


def pytest_configure():
    if _WRONG_CLOCK:
        clock.begin_jumping()


# After the markers of the command line have chosen, so that the shares are of equal size.
@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    first, shares = map(int, config.getoption("--share").split("/"))
    mine = items[first - 1::shares]
    config.hook.pytest_deselected(items=[item for item in items if item not in mine])
    items[:] = mine
    if _WRONG_CLOCK:
        skip = pytest.mark.skip(reason="asks what time the server says it is")
        for item in items:
            if item.get_closest_marker("right_clock"):
                item.add_marker(skip)
    if not any(item.get_closest_marker("native") for item in items):
        return
    if daemons.is_emulated():
        skip = pytest.mark.skip(reason="measures the process itself; this one is the emulator")
        for item in items:
            if item.get_closest_marker("native"):
                item.add_marker(skip)


def pytest_terminal_summary(terminalreporter):
    if figures.noted():
        terminalreporter.section("measured")
        for line in figures.noted():
            terminalreporter.line(line)


@pytest.fixture
def keep():
    """Daemons of any kind: `keep(daemon)` gives it back, and sees at the end that it was well."""
    kept = []

    def note(one):
        kept.append(one)
        return one

    yield note
    failures = []
    for one in kept:
        try:
            one.finish()
        except AssertionError as failure:
            failures.append(str(failure))
        finally:
            one.kill()
    assert not failures, "\n".join(failures)


@pytest.fixture
def start_daemon(tmp_path, keep):
    """Starts daemons: `start_daemon(config={...}, budget={...}, limits=[...])`."""
    numbers = itertools.count(1)

    def start(config=None, budget=None, limits=()):
        folder = tmp_path / f"daemon-{next(numbers)}"
        return keep(daemons.Daemon(folder, config, budget, limits)).start()

    return start


@pytest.fixture
def daemon(start_daemon):
    """A daemon with built-in defaults: one open team."""
    return start_daemon()


@pytest.fixture
def crowd():
    everyone = Crowd()
    yield everyone
    everyone.close()
