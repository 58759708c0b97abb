"""Downloads: parts of a file as ATAK and as the rest of the world ask for them, and conditions."""

import pytest

from tinycot import http
from tinycot.marti import ZIP_TYPE, Package, Phone
from tinycot.pace import wait_for
from tinycot.process import open_descriptors

SIZE = 300_000
ABSENT = "0" * 64


@pytest.fixture
def place(daemon):
    """A phone, and a package that it has uploaded."""
    phone = Phone(daemon)
    package = Package.of_size(SIZE, "pkg one.zip")
    phone.publish(package)
    return phone, package


def test_a_whole_file(place):
    phone, package = place
    answer = phone.content(package)
    assert answer.status == 200 and answer.body == package.data
    assert answer.length == SIZE and answer.media_type == ZIP_TYPE
    assert 'filename="pkg one.zip"' in answer.field("Content-Disposition")
    assert answer.field("ETag") == f'"{package.sha256}"'
    assert answer.field("Accept-Ranges") == "bytes"


@pytest.mark.parametrize("target", [
    "hash={}", "Hash={}", "HASH={}", "uid={}", "hash={}&receiver=BRAVO", "receiver=B%20X&hash={}",
    "hash={}&receiver=%22%3Cb%3E", "hash={}&unknown=1&offset=0"])
def test_however_it_is_asked_for(target, place):
    phone, package = place
    answer = phone.get("/Marti/sync/content?" + target.format(package.sha256))
    assert answer.status == 200 and answer.body == package.data


def test_capital_digits_name_the_same_package(place):
    phone, package = place
    capital = package.sha256.upper()
    assert phone.get(f"/Marti/sync/content?hash={capital}").body == package.data
    answer = phone.get(f"/Marti/sync/missionquery?hash={capital}")
    assert (answer.status, answer.text) == (200, phone.address(package))


@pytest.mark.parametrize("target", [
    f"hash={ABSENT}", f"uid={ABSENT}", "hash=", "", "hash=abc", "hash=..%2F..%2Fcatalogue.db",
    "uid=/etc/passwd", "hash=" + "g" * 64, "hash=" + "a" * 65])
def test_what_is_not_there(target, place):
    phone, _ = place
    answer = phone.get("/Marti/sync/content?" + target)
    # What is no hash may be called a bad request; it is never somebody's file.
    assert answer.status in ((404,) if ABSENT in target else (400, 404))
    assert len(answer.body) < 300


def test_a_download_is_resumed_by_offset(place):
    """ATAK adds the offset after a failure and takes nothing but a 200."""
    phone, package = place
    for offset in (0, 1, 4_096, 131_072, SIZE - 1):
        answer = phone.content(package, f"&offset={offset}")
        assert (answer.status, answer.length) == (200, SIZE - offset)
        assert answer.body == package.data[offset:]


def test_resuming_what_was_complete(place):
    phone, package = place
    answer = phone.content(package, f"&offset={SIZE}")
    assert (answer.status, answer.body) in ((200, b""), (416, answer.body))
    assert phone.content(package, f"&offset={SIZE + 1}").status in (400, 416)


def test_a_length_makes_it_a_part(place):
    phone, package = place
    for more, expected in (("&length=100", package.data[:100]),
                           ("&offset=50&length=100", package.data[50:150]),
                           (f"&offset={SIZE - 10}&length=100", package.data[-10:])):
        answer = phone.content(package, more)
        assert (answer.status, answer.body) == (206, expected)
        assert answer.length == len(expected)


@pytest.mark.parametrize("more", [
    "&offset=-1", "&offset=x", "&offset=1e3", "&offset=99999999999999999999", "&length=-5",
    "&length=%00", "&offset=0x10", "&length=99999999999999999999"])
def test_a_number_that_is_none(more, place):
    phone, package = place
    answer = phone.content(package, more)
    assert answer.status in (200, 206, 400, 416)
    assert answer.status >= 400 or answer.body == package.data


RANGES = {
    "bytes=0-99": (0, 99), "bytes=100-": (100, SIZE - 1), "bytes=-100": (SIZE - 100, SIZE - 1),
    "bytes=0-": (0, SIZE - 1), f"bytes=0-{SIZE + 100}": (0, SIZE - 1),
    f"bytes={SIZE - 1}-": (SIZE - 1, SIZE - 1), "bytes=131071-131072": (131_071, 131_072)}


@pytest.mark.parametrize("value", RANGES)
def test_a_range(value, place):
    phone, package = place
    first, last = RANGES[value]
    answer = phone.content(package, fields=[("Range", value)])
    assert answer.status == 206 and answer.body == package.data[first:last + 1]
    assert answer.field("Content-Range") == f"bytes {first}-{last}/{SIZE}"


@pytest.mark.parametrize("value", [f"bytes={SIZE}-", "bytes=999999999-", "bytes=-0"])
def test_a_range_behind_the_end(value, place):
    phone, package = place
    answer = phone.content(package, fields=[("Range", value)])
    assert answer.status == 416
    assert answer.field("Content-Range") == f"bytes */{SIZE}"


@pytest.mark.parametrize("value", [
    "bytes=5-4", "pages=1-2", "bytes=0-1,5-6", "bytes=a-b", "bytes", "bytes=-", "bytes=--1"])
def test_a_range_that_is_not_understood_is_ignored(value, place):
    phone, package = place
    answer = phone.content(package, fields=[("Range", value)])
    assert answer.status == 200 and answer.body == package.data


def test_only_if_it_is_new(place):
    phone, package = place
    tag = f'"{package.sha256}"'
    for value in (tag, f'"other", {tag}', f"W/{tag}", "*"):
        answer = phone.content(package, fields=[("If-None-Match", value)])
        assert answer.status == 304 and answer.field("ETag") == tag, value
    for value in ('"other"', package.sha256[:60], '"'):
        answer = phone.content(package, fields=[("If-None-Match", value)])
        assert answer.status == 200 and answer.body == package.data, value


def test_a_range_only_if_it_is_the_same(place):
    phone, package = place
    tag = f'"{package.sha256}"'
    part = phone.content(package, fields=[("Range", "bytes=0-9"), ("If-Range", tag)])
    assert part.status == 206 and part.body == package.data[:10]
    for other in ('"other"', f"W/{tag}", "Mon, 23 Nov 2026 10:00:00 GMT"):
        whole = phone.content(package, fields=[("Range", "bytes=0-9"), ("If-Range", other)])
        assert whole.status == 200 and whole.body == package.data, other


def test_head_is_the_same_without_the_body(place):
    phone, package = place
    told = phone.content(package, method="HEAD")
    whole = phone.content(package)
    assert told.status == 200 and told.length == SIZE

    def fields(answer):
        return [field for field in answer.fields if field[0] != "Date"]

    assert fields(told) == fields(whole)
    assert phone.ask("HEAD", f"/Marti/sync/content?hash={ABSENT}").status == 404
    assert phone.ask("HEAD", f"/Marti/sync/missionquery?hash={ABSENT}").status == 404
    assert phone.ask("HEAD", "/Marti/sync/search?keywords=missionpackage").status == 200


def test_one_connection_serves_one_part_after_the_other(place):
    phone, package = place
    got = b""
    with http.Connection(phone.port) as link:
        while len(got) < SIZE:
            link.request("GET", f"/Marti/sync/content?hash={package.sha256}",
                         [("Range", f"bytes={len(got)}-{len(got) + 49_999}")])
            answer = link.answer()
            assert answer.status == 206 and answer.stays_open
            got += answer.body
    assert got == package.data


def test_who_reads_slowly_holds_up_nobody(start_daemon):
    daemon = start_daemon(budget={"http_connections": 8, "http_connections_per_address": 8})
    phone = Phone(daemon)
    package = Package.of_size(8_000_000)
    phone.publish(package)
    target = f"/Marti/sync/content?hash={package.sha256}"
    slow = [http.Connection(daemon.http_port, receive_buffer=4_096) for _ in range(6)]
    for link in slow:
        link.request("GET", target)
        assert link.head().status == 200
    assert phone.content(package).body == package.data
    for link in slow[:3]:
        assert link.piece(package.size) == package.data
    for link in slow:
        link.close()


def test_a_reader_that_leaves_gives_everything_back(place, daemon):
    phone, _ = place
    package = Package.of_size(8_000_000)
    phone.publish(package)
    before = open_descriptors(daemon.pid)
    for turn in range(20):
        link = http.Connection(daemon.http_port, receive_buffer=4_096)
        link.request("GET", f"/Marti/sync/content?hash={package.sha256}")
        assert link.head().status == 200
        link.reset() if turn % 2 else link.close()
    wait_for(lambda: open_descriptors(daemon.pid) <= before, 5, "the descriptors given back")
    assert phone.content(package).body == package.data
