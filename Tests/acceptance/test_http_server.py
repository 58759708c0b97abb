"""The HTTP server as such: bounded heads, framing that two readers read alike, patience with the
slow and none with the dead, and places for connections."""

import time

import pytest

from tinycot import http
from tinycot.marti import Package, Phone, stored
from tinycot.pace import SLOW, wait_for
from tinycot.process import processor_seconds

VERSION = "/Marti/api/version"
RAW = "/Marti/sync/upload?name=x.zip&keywords=missionpackage&creatorUid=c"
HEAD_BYTES = 8_192


def exchange(daemon, data, finish=False):
    """Send bytes; all answers until the daemon closes."""
    answers = []
    with http.Connection(daemon.http_port) as link:
        link.send_while_taken(data)
        if finish:
            link.finish()
        while True:
            answers.append(link.answer())
            if answers[-1].status >= 200 and not answers[-1].stays_open:
                link.expect_end(gently=True)
                return answers


def only(answers, status):
    assert [a.status for a in answers] == [status], answers


# Heads

@pytest.mark.parametrize("length, status", [(4_000, 404), (4_200, 414), (100_000, 414)])
def test_a_long_request_line(length, status, daemon):
    head = f"GET /{'a' * length} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
    only(exchange(daemon, head), status)


def test_an_endless_request_line(daemon):
    only(exchange(daemon, b"GET /" + b"a" * 20_000), 414)


def head_of(size):
    start = b"GET /Marti/api/version HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX: "
    return start + b"x" * (size - len(start) - 4) + b"\r\n\r\n"


def test_a_head_may_have_so_many_bytes(daemon):
    only(exchange(daemon, head_of(HEAD_BYTES)), 200)
    only(exchange(daemon, head_of(HEAD_BYTES + 1)), 431)
    only(exchange(daemon, head_of(200_000)), 431)
    many = b"".join(b"X-%d: y\r\n" % number for number in range(500))
    only(exchange(daemon, b"GET / HTTP/1.1\r\nHost: x\r\n" + many + b"\r\n"), 431)


def test_a_head_in_single_bytes(daemon):
    with http.Connection(daemon.http_port) as link:
        for byte in http.request("GET", VERSION):
            link.send(bytes([byte]))
        assert link.answer().status == 200


LENGTH_5 = b"Content-Length: 5\r\n"
SMUGGLED = b"GET /Marti/api/version HTTP/1.1\r\nHost: evil\r\n\r\n"
UPLOAD = b"POST " + RAW.encode() + b" HTTP/1.1\r\nHost: x\r\n"
SHAPES = {
    "length and coding": UPLOAD + LENGTH_5 + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "coding and length": UPLOAD + b"Transfer-Encoding: chunked\r\n" + LENGTH_5 + b"\r\n0\r\n\r\n",
    "two lengths": UPLOAD + LENGTH_5 + b"Content-Length: 6\r\n\r\nhello!",
    "the same length twice": UPLOAD + LENGTH_5 + LENGTH_5 + b"\r\nhello",
    "a list of lengths": UPLOAD + b"Content-Length: 5, 5\r\n\r\nhello",
    "a signed length": UPLOAD + b"Content-Length: +5\r\n\r\nhello",
    "a negative length": UPLOAD + b"Content-Length: -5\r\n\r\nhello",
    "a hexadecimal length": UPLOAD + b"Content-Length: 0x5\r\n\r\nhello",
    "an empty length": UPLOAD + b"Content-Length: \r\n\r\nhello",
    "a length of 65 bits": UPLOAD + b"Content-Length: 18446744073709551621\r\n\r\nhello",
    "a blank before the colon": UPLOAD + b"Content-Length : 5\r\n\r\nhello",
    "a folded field": UPLOAD + b"X: a\r\n Content-Length: 5\r\n\r\nhello",
    "a bare LF": UPLOAD.replace(b"\r\n", b"\n") + b"Content-Length: 5\n\nhello",
    "a bare CR": UPLOAD + b"X: a\rContent-Length: 5\r\n\r\nhello",
    "a NUL": UPLOAD + b"X: a\0b\r\n" + LENGTH_5 + b"\r\nhello",
    "no host": b"GET /Marti/api/version HTTP/1.1\r\n\r\n",
    "two hosts": b"GET /Marti/api/version HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "two blanks": b"GET  /Marti/api/version HTTP/1.1\r\nHost: a\r\n\r\n",
    "no version": b"GET /Marti/api/version\r\nHost: a\r\n\r\n",
    "chunk of no size": UPLOAD + b"Transfer-Encoding: chunked\r\n\r\n\r\nhello\r\n0\r\n\r\n",
    "chunk of a signed size":
        UPLOAD + b"Transfer-Encoding: chunked\r\n\r\n+5\r\nhello\r\n0\r\n\r\n",
    "chunk of 0x5": UPLOAD + b"Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n",
    "chunk that is longer": UPLOAD + b"Transfer-Encoding: chunked\r\n\r\n4\r\nhello\r\n0\r\n\r\n",
    "chunk of 2^64": UPLOAD + b"Transfer-Encoding: chunked\r\n\r\n10000000000000005\r\nhello\r\n",
    "chunk with a bare LF": UPLOAD + b"Transfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n",
    "an extension with a bare CR":
        UPLOAD + b"Transfer-Encoding: chunked\r\n\r\n5;a\rb\r\nhello\r\n0\r\n\r\n",
    "a trailer that frames":
        UPLOAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nContent-Length: 9\r\n\r\n",
    "coding in the old version":
        UPLOAD.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("shape", SHAPES)
def test_what_could_be_read_in_two_ways_is_refused(shape, daemon):
    """400, the connection closes, and the second request hidden in the first is not served."""
    only(exchange(daemon, SHAPES[shape] + SMUGGLED), 400)
    assert stored(daemon) == set()


@pytest.mark.parametrize("field, status", [
    ("Transfer-Encoding: gzip, chunked", 501), ("Transfer-Encoding: identity", 501),
    ("Transfer-Encoding: xchunked", 501), ("Transfer-Encoding: chunked, chunked", 501),
    ("Expect: 200-ok", 417), ("Expect: 100-continue, x", 417)])
def test_what_is_not_known_is_refused(field, status, daemon):
    only(exchange(daemon, UPLOAD + field.encode() + b"\r\n\r\nhello"), status)


def test_other_versions(daemon):
    only(exchange(daemon, b"GET /Marti/api/version HTTP/2.0\r\nHost: x\r\n\r\n"), 505)
    only(exchange(daemon, b"GET /Marti/api/version HTTP/1.1x\r\nHost: x\r\n\r\n"), 400)
    only(exchange(daemon, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 500), 400)


# Framing

def test_a_body_in_chunks_with_everything_allowed(daemon):
    phone = Phone(daemon)
    for size in (1, 7, 4_096, 100_000):
        package = Package.of_size(5_000 if size == 1 else 200_000)
        # All extensions of a body together are bounded, so the small chunks go without.
        body = http.chunked(package.data, size, b';a=b;c="d;e"' if size > 4_000 else b"",
                            b"X-Trailer: 1\r\nAnother: 2\r\n")
        answer = phone.ask("POST", RAW, [("Transfer-Encoding", "chunked")], body)
        assert answer.status == 200 and answer.json()["Hash"] == package.sha256
        assert phone.content(package).body == package.data


def test_expect_is_answered_before_the_body_or_not_at_all(daemon):
    package = Package.of_size(1_000)
    with http.Connection(daemon.http_port) as link:
        head = [("Content-Length", package.size), ("Expect", "100-Continue")]
        link.request("POST", RAW, head)
        assert link.head().status == 100
        link.send(package.data)
        assert link.answer().status == 200
        # The body comes along: whether the 100 comes is the server's choice, but only in front.
        link.request("POST", RAW, head, package.data)
        answer = link.answer()
        assert (link.answer() if answer.status == 100 else answer).status == 200
        # Refused by its head: the body is not wanted, and its place in the stream is unsure.
        link.request("GET", "/Marti/nothing", head)
        answer = link.answer()
        assert answer.status == 404


def test_several_questions_at_once_are_answered_in_order(daemon):
    targets = [VERSION, "/Marti/nothing", "/Marti/api/missions", VERSION, "/Marti/api/contacts/all"]
    with http.Connection(daemon.http_port) as link:
        link.send(b"".join(http.request("GET", t) for t in targets * 8))
        for _ in range(8):
            statuses = [link.answer().status for _ in targets]
            assert statuses == [200, 404, 200, 200, 200]


def test_a_question_behind_an_upload(daemon):
    package = Package.of_size(150_000)
    query = f"/Marti/sync/missionquery?hash={package.sha256}"
    with http.Connection(daemon.http_port) as link:
        link.send(http.request("POST", RAW, body=package.data) + http.request("GET", query)
                  + http.request("GET", f"/Marti/sync/content?hash={package.sha256}")
                  + http.request("GET", VERSION))
        assert link.answer().json()["Hash"] == package.sha256
        assert link.answer().status == 200, "it is stored when the question comes"
        assert link.answer().body == package.data
        assert link.answer().status == 200


def test_a_body_nobody_asked_for_is_passed_over(daemon):
    for target, status in ((VERSION, 200), ("/Marti/nothing", 404), ("/Marti/vcm", 200)):
        with http.Connection(daemon.http_port) as link:
            link.request("GET", target, body=SMUGGLED)
            answer = link.answer()
            assert answer.status == status
            if answer.stays_open:
                link.request("GET", "/Marti/api/missions")
                assert link.answer().json()["type"] == "Mission"
                assert link.is_silent(0.05)
            else:
                link.expect_end()


def test_how_long_a_connection_stays(daemon):
    with http.Connection(daemon.http_port) as link:
        for _ in range(3):
            link.request("GET", VERSION)
            assert link.answer().stays_open
        link.request("GET", VERSION, [("Connection", "close")])
        assert not link.answer().stays_open
        link.expect_end()
    old = b"GET /Marti/api/version HTTP/1.0\r\n"
    only(exchange(daemon, old + b"\r\n"), 200)
    with http.Connection(daemon.http_port) as link:
        link.send(old + b"Connection: keep-alive\r\n\r\n")
        if link.answer().stays_open:
            link.send(old + b"\r\n")
            assert not link.answer().stays_open
        link.expect_end()


@pytest.mark.parametrize("path", ["/Marti/sync/search?keywords=missionpackage",
                                  "/Marti/api/contacts/all", "/Marti/api/cot/sa"])
def test_an_old_client_gets_no_chunks(path, daemon):
    Phone(daemon).publish(Package.of_size(100))
    answer, = exchange(daemon, f"GET {path} HTTP/1.0\r\n\r\n".encode())
    assert answer.status == 200 and answer.framing != "chunked" and answer.body


def test_whoever_has_said_all_is_still_answered(daemon):
    package = Package.of_size(300_000)
    with http.Connection(daemon.http_port) as link:
        link.request("POST", RAW, body=package.data)
        link.request("GET", f"/Marti/sync/content?hash={package.sha256}")
        link.finish()
        assert link.answer().status == 200
        assert link.answer().body == package.data
        link.expect_end()
    with http.Connection(daemon.http_port) as link:
        link.finish()
        link.expect_end()


def test_empty_lines_and_an_absolute_target(daemon):
    with http.Connection(daemon.http_port) as link:
        link.send(b"\r\n\r\n" + http.request("GET", VERSION))
        assert link.answer().status == 200
        link.request("GET", "http://tak.example:8080/Marti/api/version")
        assert link.answer().status == 200


def test_a_storm_of_broken_requests_costs_little(daemon):
    """No request of the list above leaves a place, a temporary or a spinning loop behind."""
    for _ in range(4):
        for data in SHAPES.values():
            with http.Connection(daemon.http_port) as link:
                link.send_while_taken(data)
                link.reset()
    wait_for(Phone(daemon).is_served, 5, "the places given back")
    before = processor_seconds(daemon.pid)
    time.sleep(0.5)
    assert processor_seconds(daemon.pid) - before < 0.1 * SLOW, "it spins"
    wait_for(lambda: not list(daemon.packages_folder.iterdir()), 5, "an empty folder")
