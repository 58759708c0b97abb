"""What somebody finds who comes later: the events of the picture, and the packages."""

import time
from types import SimpleNamespace

from tinycot import events
from tinycot.client import Crowd, gather
from tinycot.marti import Package, Phone

_PEOPLE = (events.ALPHA, events.BRAVO, events.CHARLIE)
_STALE_SECONDS = 3600


def phone(machine, person=events.ALPHA):
    return Phone(SimpleNamespace(http_port=machine.http_port), person)


def exchange_package(machine):
    """One uploads, the other finds and downloads it."""
    package = Package.of_size(900_000)
    phone(machine).publish(package)
    other = phone(machine, events.BRAVO)
    assert package.sha256 in other.listed()
    assert other.query(package).text.strip() == other.address(package)
    check_package(machine, package)


def publish(machine):
    package = Package.of_size(300_000)
    phone(machine).publish(package)
    return package


def check_package(machine, package):
    answer = phone(machine, events.BRAVO).content(package)
    assert answer.status == 200 and answer.body == package.data


class Picture:
    """What a newcomer is shown, byte for byte, and what the list of packages says."""

    def __init__(self, shown, listed, package):
        self.shown = shown
        self.listed = listed
        self.package = package


def _shown(machine, expected, quiet_seconds=2):
    """All that comes to a client that says nothing, by uid."""
    crowd = Crowd()
    try:
        newcomer = crowd.connect(machine.cot_port)
        crowd.wait_until(lambda: all(newcomer.has(uid) for uid in expected),
                         lambda: f"{expected}; got {newcomer.received}", 30)
        crowd.run_for(quiet_seconds)
        return {event.uid: event.raw for event in newcomer.received}
    finally:
        crowd.close()


def paint(machine):
    """People, markers and a package; they are still there when the machine goes down."""
    crowd = Crowd()
    clients = gather(crowd, machine.cot_port, _PEOPLE)
    for client in clients:
        client.send(client.person.position(stale_seconds=_STALE_SECONDS))
    markers = [events.fresh("spot") for _ in range(20)]
    for uid in markers:
        clients[0].send(events.marker(uid, stale_seconds=_STALE_SECONDS))
    crowd.fence_all(clients)
    package = publish(machine)
    expected = [*markers, *(person.uid for person in _PEOPLE)]
    shown = _shown(machine, expected)
    assert set(shown) == set(expected), shown
    # They stay connected: who leaves is taken out of the picture.
    picture = Picture(shown, phone(machine).search(), package)
    picture.crowd = crowd
    return picture


def compare(machine, picture):
    """The same again, from a machine that has been down."""
    picture.crowd.close()
    began = time.monotonic()
    shown = _shown(machine, picture.shown)
    assert shown == picture.shown, {
        uid: (picture.shown.get(uid), shown.get(uid))
        for uid in shown.keys() | picture.shown.keys()
        if shown.get(uid) != picture.shown.get(uid)}
    assert phone(machine).search() == picture.listed
    check_package(machine, picture.package)
    print(f"   {len(shown)} events and {len(picture.listed)} packages, the same as before,"
          f" {time.monotonic() - began:.1f} s after they could be asked for")
