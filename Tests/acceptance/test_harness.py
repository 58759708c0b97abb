"""The harness itself: an audit that never fails would prove nothing."""

import socket

import pytest

from tinycot import corpus, events, http
from tinycot.audit import AuditFailure, audit, audit_beginning
from tinycot.client import Crowd
from tinycot.infoset import infoset
from tinycot.traffic import Flood, Follower, Tally, number_in, numbered

GOOD = events.event("x", "a-u-G", declaration="")


def test_the_audit_accepts_what_a_client_can_take():
    assert audit(GOOD).uid == "x"
    longest = events.event("x", "a-u-G", "<x>" + "n" * 65_000 + "</x>", declaration="")
    assert len(longest) < 65_536
    audit(longest)
    # Deeper down, `marti` is somebody's own element.
    audit(GOOD.replace(b"<detail>", b"<detail><own><marti/></own>"))


@pytest.mark.parametrize("bad", [
    b"\n" + GOOD,
    b'<?xml version="1.0"?>' + GOOD,
    b"<!-- -->" + GOOD,
    GOOD.replace(b"<event ", b"<events ").replace(b"</event>", b"</events></event>"),
    GOOD.replace(b"<detail>", b"<detail><open>"),
    GOOD.replace(b"<detail>", b'<detail><marti><dest callsign="B"/></marti>'),
    GOOD.replace(b"<detail>", b"<marti/><detail>"),
    GOOD.replace(b"<detail>", b"<detail><![CDATA[</event>]]>"),
    GOOD.replace(b"<detail>", b"<detail>\x0b"),
    GOOD.replace(b"<detail>", b"<detail>\xc3("),
    GOOD.replace(b"<detail>", b"<detail>" + b"n" * 65_536),
], ids=["newline", "declaration", "comment", "another root", "unclosed", "addressing",
        "addressing at the root", "two ends", "control character", "no UTF-8", "too long"])
def test_the_audit_refuses_what_a_client_would_stumble_over(bad):
    with pytest.raises(AuditFailure):
        audit(bad)


@pytest.mark.parametrize("partial", [b"x", b"\n<event ", b"<foo", b"<event " + b"n" * 65_536])
def test_the_audit_refuses_a_hopeless_beginning(partial):
    with pytest.raises(AuditFailure):
        audit_beginning(partial)


def test_a_beginning_may_end_anywhere():
    for cut in range(len(GOOD)):
        audit_beginning(GOOD[:cut])


@pytest.mark.parametrize("number", [1, 6, 15, 67, 68])
def test_an_infoset_sees_every_difference_that_matters(number):
    data = corpus.one(number)
    same = infoset(data)
    assert infoset(data[data.index(b"<event"):]) == same
    assert infoset(data.replace(b"</detail>", b"<!-- note --></detail>")) == same
    assert infoset(data.replace(b"</detail>", b"<marti/></detail>")) == same
    assert infoset(data.replace(b"</detail>", b" </detail>")) != same
    assert infoset(data.replace(b"118.2", b"118.3")) != same
    if number == 67:
        assert infoset(data.replace(b"&#10;", b"\n")) != same


def test_a_tally_sees_losses_repetitions_and_disorder():
    person = events.somebody(1)
    made = [audit(numbered(person, 0, n)[len(events.DECLARATION):]) for n in range(1, 5)]
    sent_at = {(0, n): 0.0 for n in range(1, 5)}
    assert [number_in(e) for e in made] == [(0, 1), (0, 2), (0, 3), (0, 4)]
    for order, well in (((0, 1, 2, 3), True), ((0, 2, 3), False), ((0, 1, 1, 2), False),
                        ((1, 0, 2), False)):
        tally = Tally(1, sent_at, [])
        for index in order:
            tally(made[index])
        assert (tally.wrong == []) == well


class Catcher:
    """What a follower hands back."""

    def __init__(self):
        self.pieces = []

    def take(self, piece):
        self.pieces.append(piece)


@pytest.mark.parametrize("step", [1, 7, 700, 100_000])
def test_a_follower_counts_what_came_however_it_is_cut(step):
    flood = Flood(300)
    stream = b"".join(p for n, p in enumerate(flood.pieces) if n % 7 and not 50 < n < 90)
    stream += GOOD
    catcher = Catcher()
    follower = Follower(catcher, flood)
    for at in range(0, len(stream), step):
        follower(stream[at:at + step])
    assert follower.count == sum(1 for n in range(300) if n % 7 and not 50 < n < 90)
    assert follower.wrong == [] and catcher.pieces == [GOOD]


def test_a_follower_sees_repetitions_and_disorder():
    flood = Flood(20)
    for order in ((1, 2, 2, 3), (3, 1, 2)):
        follower = Follower(Catcher(), flood)
        follower(b"".join(flood.pieces[n] for n in order))
        assert follower.wrong != []


GOOD_HEAD = (b"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Type: text/plain\r\n"
             b"Content-Length: 5")


def test_a_fence_without_receivers_fails_if_nobody_has_read():
    crowd = Crowd()
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = crowd.connect(server.getsockname()[1])
        server.accept()[0].close()
        with pytest.raises(AssertionError, match="instead of a pong"):
            crowd.fence_all([client])
    crowd.close()


class Peer:
    """A server that sends what it is told to, once, and closes."""

    def __init__(self, data):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.link = http.Connection(self._listener.getsockname()[1])
        accepted, _ = self._listener.accept()
        accepted.sendall(data)
        accepted.close()
        self._listener.close()


def test_the_http_client_reads_what_is_right():
    body = http.chunked(b"0123456789", 4)
    head = GOOD_HEAD.replace(b"Content-Length: 5", b"Transfer-Encoding: chunked")
    link = Peer(b"HTTP/1.1 100 Continue\r\n\r\n" + GOOD_HEAD + b"\r\n\r\nhello"
                + head + b"\r\n\r\n" + body + GOOD_HEAD + b"\r\n\r\n").link
    assert link.answer().status == 100
    assert link.answer().body == b"hello"
    assert link.answer().body == b"0123456789"
    assert link.answer("HEAD").length == 5
    link.expect_end()


@pytest.mark.parametrize("head", [
    GOOD_HEAD.replace(b"HTTP/1.1", b"HTTP/1.0"),
    GOOD_HEAD.replace(b" OK", b""),
    GOOD_HEAD.replace(b"5", b"05"),
    GOOD_HEAD.replace(b"5", b"+5"),
    GOOD_HEAD.replace(b"keep-alive", b"maybe"),
    GOOD_HEAD.replace(b"Connection: keep-alive\r\n", b""),
    GOOD_HEAD.replace(b"Content-Type: text/plain\r\n", b""),
    GOOD_HEAD.replace(b"\r\nContent-Length: 5", b""),
    GOOD_HEAD + b"\r\nContent-Length: 5",
    GOOD_HEAD + b"\r\nTransfer-Encoding: chunked",
    GOOD_HEAD + b"\r\nX : y", GOOD_HEAD + b"\r\n y", GOOD_HEAD + b"\r\nX: \x01",
    GOOD_HEAD + b"\nX: y", GOOD_HEAD + b"\r\nETag: abc", GOOD_HEAD + b"\r\nDate: today",
    GOOD_HEAD + b'\r\nContent-Disposition: inline; filename="a"; x="b"',
    GOOD_HEAD.replace(b"200 OK", b"204 No Content"),
])
def test_the_http_client_refuses_what_is_wrong(head):
    with pytest.raises(http.BadAnswer):
        Peer(head + b"\r\n\r\nhello").link.answer()


@pytest.mark.parametrize("body", [
    b"5\nhello\r\n0\r\n\r\n", b"5\r\nhello0\r\n\r\n", b"5;a\r\nhello\r\n0\r\n\r\n",
    b"5\r\nhello\r\n0\r\nX: y\r\n\r\n", b"5\r\nhel"])
def test_the_http_client_refuses_wrong_chunks(body):
    head = GOOD_HEAD.replace(b"Content-Length: 5", b"Transfer-Encoding: chunked")
    with pytest.raises(http.BadAnswer):
        Peer(head + b"\r\n\r\n" + body).link.answer()
