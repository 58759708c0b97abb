"""Every limit on packages: reached on purpose, answered in the words of HTTP, and nothing of what
was refused is left on the disk or in the list."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tinycot import http
from tinycot.marti import (
    BOUNDARY, Package, Phone, form_type, mission_package, multipart, stored)
from tinycot.pace import SLOW, wait_for

RAW = "/Marti/sync/upload?name=x.zip&keywords=missionpackage&creatorUid="


def open_upload(phone, package, part=0, extra=(), **connection):
    """A connection with an upload on its way: the head and `part` bytes of the body."""
    link = http.Connection(phone.port, source=phone.source, **connection)
    link.request("POST", RAW + phone.person.uid, [
        ("Content-Length", package.size), *extra], host=phone.host)
    link.send(package.data[:part])
    return link


# One package

LIMIT = 50_000


@pytest.fixture
def small(start_daemon):
    """A daemon that takes packages of 50,000 bytes."""
    return start_daemon(budget={"package_max_bytes": LIMIT})


def test_the_largest_package(small):
    phone = Phone(small)
    largest, larger = Package.of_size(LIMIT), Package.of_size(LIMIT + 1)
    assert phone.upload(largest).status == 200
    assert phone.upload(larger).status == 413
    assert phone.post_raw(larger).status == 413
    for package, status in ((larger, 413), (Package.of_size(LIMIT), 200)):
        answer = phone.ask("POST", RAW + "c", [("Transfer-Encoding", "chunked")],
                           http.chunked(package.data, 7_000))
        assert answer.status == status
    assert len(stored(small)) == 2


@pytest.mark.parametrize("length", [10**9, 10**15, 2**63 - 1])
def test_a_length_beyond_all_measure_is_refused_at_once(length, small):
    with http.Connection(small.http_port) as link:
        link.request("POST", RAW, [("Content-Length", length), ("Expect", "100-continue")])
        assert link.answer().status == 413, "without a 100 before it"
        link.expect_end()


def test_who_sends_on_can_read_the_refusal(small):
    """The connection is not cut while a client is still writing: it would never see the answer."""
    data = b"x" * 3_000_000
    for fields, body in (([("Content-Length", len(data))], data),
                         ([("Transfer-Encoding", "chunked")], http.chunked(data, 100_000))):
        with http.Connection(small.http_port) as link:
            link.request("POST", RAW, fields)
            link.send(body)
            answer = link.answer()
            assert answer.status == 413 and not answer.stays_open
            link.expect_end(gently=True)
    assert stored(small) == set()


def test_the_hash_must_be_that_of_the_bytes(daemon):
    phone = Phone(daemon)
    package = mission_package()
    for digest in ("0" * 64, package.sha256[:-1], package.sha256 + "0", "x" * 64, "..%2Fx"):
        assert phone.upload(package, digest=digest).status == 400, digest
    assert stored(daemon) == set() and phone.search(tool=None) == []
    assert phone.upload(package).status == 200


REFUSED = {
    "not a form": ([("Content-Type", "text/plain")], b"hello"),
    "no boundary": ([("Content-Type", "multipart/form-data")], multipart(b"hello")),
    "another boundary": ([form_type("other")], multipart(b"hello")),
    "no part": ([form_type()], f"--{BOUNDARY}--\r\n".encode()),
    "no file": ([form_type()], multipart(b"hello", part="picture").replace(
        b'; filename="pkg one.zip"', b"")),
    "an empty file": ([form_type()], multipart(b"")),
    "nothing": ([form_type()], b""),
    "no end": ([form_type()], multipart(b"hello")[:-4]),
    "in base64": ([form_type()], multipart(b"aGVsbG8=").replace(
        b"Content-Type:", b"Content-Transfer-Encoding: base64\r\nContent-Type:")),
    "an endless header": ([form_type()], multipart(b"hello").replace(
        b"Content-Type:", b"X: " + b"x" * 5_000 + b"\r\nContent-Type:")),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_form_that_is_none(case, daemon):
    fields, body = REFUSED[case]
    phone = Phone(daemon)
    answer = phone.ask("POST", "/Marti/sync/missionupload?filename=x&creatorUid=c", fields, body)
    assert answer.status == 400 and len(answer.body) < 300
    assert stored(daemon) == set() and phone.search(tool=None) == []


def test_bytes_that_never_come(daemon):
    phone = Phone(daemon)
    package = Package.of_size(10_000)
    for part in (0, 1, 9_999):
        link = open_upload(phone, package, part)
        link.finish()
        # A word about it would be kind, but the client has gone; it must not be a good one.
        try:
            assert link.answer().status in (400, 408)
        except http.BadAnswer:
            pass
        link.expect_end()
        link.close()
    wait_for(lambda: not list(daemon.packages_folder.iterdir()), 5, "the temporaries gone")
    assert phone.search(tool=None) == []


def test_bytes_too_many_belong_to_the_next_request(daemon):
    package = Package.of_size(10_000)
    with open_upload(Phone(daemon), package, 10_000) as link:
        link.send(b"\0trash\r\n\r\n")
        assert link.answer().status == 200
        answer = link.answer()
        assert answer.status == 400 and not answer.stays_open
    assert stored(daemon) == {package.sha256}


# Together

def test_uploads_at_a_time(start_daemon):
    daemon = start_daemon(budget={
        "uploads": 2, "uploads_per_address": 1, "http_connections": 8,
        "http_connections_per_address": 8})
    package = Package.of_size(100_000)
    first = open_upload(Phone(daemon, source="127.0.0.2"), package, 50_000)
    second = open_upload(Phone(daemon, source="127.0.0.3"), package, 50_000)
    for source in ("127.0.0.2", "127.0.0.4"):
        with open_upload(Phone(daemon, source=source), package) as link:
            answer = link.answer()
            assert answer.status == 503 and int(answer.field("Retry-After")) > 0
    for link in (first, second):
        link.send(package.data[50_000:])
        assert link.answer().status == 200
        link.close()
    assert Phone(daemon, source="127.0.0.4").post_raw(package).status == 200
    assert stored(daemon) == {package.sha256}


def test_two_hundred_uploads_against_a_limit_of_four(start_daemon):
    """Each is stored whole or told to come again; what was answered with 200 is what is there."""
    daemon = start_daemon(budget={
        "http_connections": 16, "http_connections_per_address": 16, "uploads": 4,
        "uploads_per_address": 4, "kernel_socket_bytes": 200_000_000,
        "memory_bytes": 16_777_216})
    packages = [Package.of_size(40_000 + number) for number in range(200)]
    phone = Phone(daemon)

    def send(package):
        return phone.ask(
            "POST", f"/Marti/sync/upload?name={package.size}&keywords=missionpackage&creatorUid=c",
            body=package.data, seconds=30 * SLOW).status

    with ThreadPoolExecutor(40) as pool:
        statuses = list(pool.map(send, packages))
    assert set(statuses) <= {200, 503}
    taken = {p.sha256 for p, status in zip(packages, statuses) if status == 200}
    assert len(taken) >= 4
    assert phone.listed() == taken == stored(daemon)
    for package in packages:
        if package.sha256 in taken:
            assert phone.content(package).body == package.data
    assert daemon.status().heap_allocations_after_seal == 0


def test_the_day_of_one_address(start_daemon):
    daemon = start_daemon(budget={"upload_bytes_per_address_per_day": 250_000})
    busy, other = Phone(daemon, source="127.0.0.2"), Phone(daemon, source="127.0.0.3")
    for _ in range(2):
        assert busy.post_raw(Package.of_size(100_000)).status == 200
    answer = busy.post_raw(Package.of_size(100_000))
    assert answer.status == 429 and int(answer.field("Retry-After")) > 0
    assert other.post_raw(Package.of_size(100_000)).status == 200
    assert len(stored(daemon)) == 3


def test_the_day_of_everybody(start_daemon):
    daemon = start_daemon(budget={
        "upload_bytes_per_day": 250_000, "upload_bytes_per_address_per_day": 250_000})
    for source in ("127.0.0.2", "127.0.0.3"):
        assert Phone(daemon, source=source).post_raw(Package.of_size(100_000)).status == 200
    answer = Phone(daemon, source="127.0.0.4").post_raw(Package.of_size(100_000))
    assert answer.status in (429, 503) and int(answer.field("Retry-After")) > 0
