"""The harness itself: an audit that never fails would prove nothing."""

import pytest

from tinycot import corpus, events
from tinycot.audit import AuditFailure, audit, audit_beginning
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
