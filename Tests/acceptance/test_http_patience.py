"""Time and places of HTTP connections: the slow, the silent, the vanished and the many."""

import time

import pytest

from tinycot import events, http
from tinycot.client import gather
from tinycot.marti import Package, Phone, stored
from tinycot.pace import SLOW, wait_for
from tinycot.process import open_descriptors

VERSION = "/Marti/api/version"
RAW = "/Marti/sync/upload?name=x.zip&keywords=missionpackage&creatorUid=c"
QUICK = {"head_seconds": 1, "stall_seconds": 1, "idle_seconds": 1}


@pytest.fixture
def impatient(start_daemon):
    """A daemon that waits for nobody longer than a second."""
    return start_daemon({"http": QUICK})


def end_of(link, answered=()):
    """Wait for the end, perhaps behind one answer of these statuses; the seconds it took."""
    began = time.monotonic()
    link.patience(10 * SLOW)
    if answered:
        try:
            answer = link.answer()
            assert answer.status in answered and not answer.stays_open
        except (http.BadAnswer, ConnectionResetError):
            pass
    link.expect_end()
    return time.monotonic() - began


def idle_descriptors(daemon):
    """What it holds open for itself, once its catalogue is open and before anybody comes."""
    daemon.wait_log(r"packages: \d+")
    return open_descriptors(daemon.pid)


def test_a_head_that_never_ends(impatient):
    with http.Connection(impatient.http_port) as link:
        link.send(b"GET / HTTP/1.1\r\nHost: x\r\n")
        assert end_of(link, (408,)) < 5 * SLOW


def test_a_head_at_a_byte_a_time_is_no_excuse(impatient):
    """The time counts from the first byte: a client cannot hold a place by dripping."""
    with http.Connection(impatient.http_port) as link:
        link.patience(0.2)
        began = time.monotonic()
        ended = False
        for byte in b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 200:
            if not link.send_while_taken(bytes([byte])) or not link.is_silent(0.1):
                ended = True
                break
        assert ended and time.monotonic() - began < 6 * SLOW


def test_silence(impatient):
    with http.Connection(impatient.http_port) as link:
        link.request("GET", VERSION)
        assert link.answer().status == 200
        assert end_of(link, (408,)) < 5 * SLOW
    with http.Connection(impatient.http_port) as link:
        assert end_of(link, (408,)) < 5 * SLOW


def test_a_body_that_stops(impatient):
    package = Package.of_size(10_000)
    with http.Connection(impatient.http_port) as link:
        link.request("POST", RAW, [("Content-Length", package.size)], package.data[:5_000])
        assert end_of(link, (408,)) < 5 * SLOW
    wait_for(lambda: not list(impatient.packages_folder.iterdir()), 5, "the temporary gone")


def test_a_body_at_a_byte_a_second(start_daemon):
    """It moves, but would take a day: nobody holds one of few places for upload so long."""
    daemon = start_daemon({"http": {"stall_seconds": 2}})
    package = Package.of_size(100_000)
    with http.Connection(daemon.http_port) as link:
        link.request("POST", RAW, [("Content-Length", package.size)], package.data[:10])
        began = time.monotonic()
        for byte in package.data[10:40]:
            if not link.send_while_taken(bytes([byte])) or not link.is_silent(0.5):
                break
        else:
            pytest.fail("thirty bytes in fifteen seconds, and it is still waited for")
        assert time.monotonic() - began < 14 * SLOW
    wait_for(lambda: not list(daemon.packages_folder.iterdir()), 5, "the temporary gone")


def test_a_slow_but_honest_upload_is_waited_for(impatient):
    package = Package.of_size(240_000)
    with http.Connection(impatient.http_port) as link:
        link.request("POST", RAW, [("Content-Length", package.size)])
        for at in range(0, package.size, 20_000):
            link.send(package.data[at:at + 20_000])
            time.sleep(0.25)
        assert link.answer().status == 200
    assert stored(impatient) == {package.sha256}


def test_a_reader_that_takes_nothing(impatient):
    before = idle_descriptors(impatient)
    phone = Phone(impatient)
    package = Package.of_size(8_000_000)
    phone.publish(package)
    with http.Connection(impatient.http_port, receive_buffer=4_096) as link:
        link.request("GET", f"/Marti/sync/content?hash={package.sha256}")
        assert link.head().status == 200
        wait_for(lambda: open_descriptors(impatient.pid) <= before, 8, "the place given back")


def test_who_vanishes_in_the_body_leaves_nothing(daemon):
    package = Package.of_size(200_000)
    before = idle_descriptors(daemon)
    for turn in range(40):
        link = http.Connection(daemon.http_port)
        link.request("POST", RAW, [("Content-Length", package.size)],
                     package.data[:turn * 5_000 + 1])
        link.reset() if turn % 2 else link.close()
    wait_for(lambda: not list(daemon.packages_folder.iterdir()), 5, "the temporaries gone")
    wait_for(lambda: open_descriptors(daemon.pid) <= before, 5, "the descriptors given back")
    phone = Phone(daemon)
    # Some of them may still wait to be let in, and count for this address.
    wait_for(phone.is_served, 5, "the places given back")
    assert phone.search(tool=None) == []
    assert phone.upload(package).status == 200


def test_whoever_leaves_behind_the_last_byte_has_uploaded(daemon):
    """The body was whole: the client asks again, by hash, and finds it there (design 6)."""
    package = Package.of_size(200_000)
    link = http.Connection(daemon.http_port)
    link.request("POST", RAW, body=package.data)
    link.close()
    phone = Phone(daemon)
    wait_for(lambda: phone.query(package).status == 200, 5, "the package")


# Places

def busy(daemon, source):
    """A connection in the middle of a request, known to have been read: it gives way to nobody."""
    link = http.Connection(daemon.http_port, source=source)
    link.request("POST", RAW, [("Content-Length", 1_000), ("Expect", "100-continue")])
    assert link.head().status == 100
    return link


def test_one_address_cannot_take_all_places(start_daemon):
    daemon = start_daemon(budget={"http_connections": 4, "http_connections_per_address": 2})
    greedy = [busy(daemon, "127.0.0.2") for _ in range(2)]
    third = http.Connection(daemon.http_port, source="127.0.0.2")
    third.send_while_taken(http.request("GET", VERSION))
    other = Phone(daemon, source="127.0.0.3")
    assert other.get(VERSION).status == 200
    end_of(third, (503, 429))
    greedy.pop().close()
    wait_for(Phone(daemon, source="127.0.0.2").is_served, 5, "the place given back")


def test_more_clients_than_places_wait_for_one(start_daemon):
    daemon = start_daemon(budget={
        "http_connections": 2, "http_connections_per_address": 2, "uploads": 2,
        "uploads_per_address": 2})
    first = [busy(daemon, f"127.0.0.{n}") for n in (2, 3)]
    waiting = [http.Connection(daemon.http_port, source=f"127.0.0.{n}") for n in range(4, 9)]
    for link in waiting:
        link.request("GET", VERSION, [("Connection", "close")])
    for link in first:
        link.close()
    for link in waiting:
        assert link.answer().status == 200
        link.expect_end()
        link.close()


def test_who_idles_between_two_requests_gives_way(start_daemon):
    daemon = start_daemon(budget={
        "http_connections": 2, "http_connections_per_address": 2, "uploads": 2,
        "uploads_per_address": 2})
    idle = [http.Connection(daemon.http_port, source=f"127.0.0.{n}") for n in (2, 3)]
    for link in idle:
        link.request("GET", VERSION)
        assert link.answer().stays_open
    assert Phone(daemon, source="127.0.0.4").get(VERSION).status == 200
    idle[0].expect_end()
    idle[1].request("GET", VERSION)
    assert idle[1].answer().status == 200


def test_only_allowed_networks_are_served(start_daemon):
    daemon = start_daemon({"allow": ["127.0.0.2/32"]})
    with http.Connection(daemon.http_port, source="127.0.0.3") as link:
        link.send_while_taken(http.request("GET", VERSION))
        end_of(link, (403,))
    assert Phone(daemon, source="127.0.0.2").get(VERSION).status == 200


def test_the_picture_goes_on_while_http_is_full(start_daemon, crowd):
    daemon = start_daemon(budget={
        "http_connections": 2, "http_connections_per_address": 2, "uploads": 2,
        "uploads_per_address": 2})
    alpha, bravo = gather(crowd, daemon.port, [events.ALPHA, events.BRAVO])
    held = [http.Connection(daemon.http_port) for _ in range(2)]
    for link in held:
        link.request("POST", RAW, [("Content-Length", 1_000_000)], b"x" * 500)
    crowd.fence_all([alpha, bravo])
    assert crowd.answer(alpha) < 1.0 * SLOW
    for link in held:
        link.close()
    assert daemon.terminate() == 0, "uploads on their way do not hold up the end"
