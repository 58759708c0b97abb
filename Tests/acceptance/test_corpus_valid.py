"""Every valid event of the corpus: who receives it, who is named by it, what a newcomer sees."""

import pytest

from tinycot import corpus, events
from tinycot.client import gather
from tinycot.infoset import find, infoset


def receivers_of(row, clients):
    """The clients that must get what `row` describes."""
    letters = {person: letter for letter, person in events.CAST.items()}
    if row.to == corpus.ALL:
        return list(clients)
    if row.to is None:
        return []
    return [c for c in clients if letters[c.person] in row.to]


def uid_in(data):
    return infoset(data)[1].get("uid", "")


@pytest.mark.parametrize("row", corpus.VALID, ids=lambda row: row.name)
def test_a_valid_event_goes_where_it_should(row, daemon, crowd):
    uid = "" if row.name[:2] == "51" else uid_in(row.data)
    others = [p for letter, p in events.CAST.items()
              if letter != row.sender and p.uid != (row.named or ("",))[0]]
    people = ([] if row.sender == "new" else [events.CAST[row.sender]]) + others
    clients = gather(crowd, daemon.port, people)
    if row.sender == "new":
        sender = crowd.connect(daemon.port)
        witnesses = clients
    else:
        sender, witnesses = clients[0], clients[1:]

    sender.send(row.data)
    if row.answer == "t-x-c-t-r":
        # Two pings at once may be answered by one pong: wait for this one's own.
        crowd.wait_until(lambda: sender.pongs == 1, "the pong")
    crowd.answer(sender)
    crowd.fence_all([sender, *witnesses])

    wanted = receivers_of(row, witnesses)
    for witness in witnesses:
        got = witness.news()
        if row.to is None:
            assert all(e.uid == uid for e in got)
        elif witness in wanted:
            assert [e.uid for e in got] == [uid], f"{witness} got {got}"
            assert infoset(got[0].raw) == infoset(row.data)
        else:
            assert got == [], f"{witness} must not see this"
        assert witness.pongs == 0

    # What came back to the sender: nothing of its own, but an answer where one is due.
    if row.sender != "new":
        answers = [e for e in sender.news() if e.type == row.answer]
        assert not sender.has(uid) or answers
        if row.answer == "t-x-takp-r":
            assert len(answers) == 1 and answers[0].uid == uid
            response = find(infoset(answers[0].raw), "detail", "TakControl", "TakResponse")
            assert response[1]["status"] == "false"
        if row.answer == "t-x-c-t-r":
            assert sender.pongs == 2 and sender.of_type("t-x-c-t") == []

    status = daemon.status()
    if row.named:
        named = status.by_uid(row.named[0])
        assert named is not None and named.callsign == row.named[1]
    elif row.sender == "new" and row.name[:2] != "73":
        assert sum(not c.identified for c in status.clients) == 1
    assert status.refused_total == 0, status.refused

    if row.kept is not None:
        newcomer_sees(crowd, daemon, row, uid, people, sender, witnesses)


def newcomer_sees(crowd, daemon, row, uid, people, sender, witnesses):
    """A client that comes now gets the picture: everybody's position, and this if it is kept."""
    newcomer = crowd.connect(daemon.port)
    picture = {p.uid for p in people}
    if row.kept:
        picture.add(uid)
    crowd.wait_until(
        lambda: all(newcomer.has(u) for u in picture),
        lambda: f"{picture - set(e.uid for e in newcomer.received)} in the newcomer's picture")
    crowd.fence(witnesses[0], [newcomer])
    own = [e for e in newcomer.news() if e.uid == uid]
    if row.kept:
        assert len(own) == 1
        ignore = row.name[:2] in ("36", "37")
        assert infoset(own[0].raw, ignore) == infoset(row.data, ignore)
    elif uid in {p.uid for p in people}:
        # 40: an acknowledgement carries the uid of a person and must not take their place.
        assert [e.type for e in own] == ["a-f-G-U-C"]
    else:
        assert own == []


def test_both_spellings_of_a_callsign_are_one_callsign(daemon, crowd):
    alpha, charlie = gather(crowd, daemon.port, [events.ALPHA, events.CHARLIE])
    spelt = crowd.connect(daemon.port)
    spelt.send(corpus.one(7))
    crowd.wait_until(lambda: alpha.has(events.BRAVO.uid), "the position in references")
    name = corpus.BY_NUMBER["06"].named[1]
    alpha.send(events.marker("for the one with the long name", dest=[name]))
    crowd.wait_until(lambda: spelt.has("for the one with the long name"), "the directed marker")
    crowd.fence(alpha, [charlie])
    assert not charlie.has("for the one with the long name")


def test_two_holders_of_a_callsign_both_get_it(daemon, crowd):
    twin = events.Person("ANDROID-0000000000000b22", "BRAVO")
    alpha, bravo, second, charlie = gather(
        crowd, daemon.port, [events.ALPHA, events.BRAVO, twin, events.CHARLIE])
    alpha.send(corpus.one(28))
    crowd.fence(alpha, [bravo, second, charlie])
    assert len(bravo.news()) == 1 and len(second.news()) == 1 and charlie.news() == []


def test_all_streaming_means_everyone(daemon, crowd):
    alpha, bravo, charlie = gather(
        crowd, daemon.port, [events.ALPHA, events.BRAVO, events.CHARLIE])
    alpha.send(events.marker("for every stream", dest=["All Streaming"]))
    crowd.fence(alpha, [bravo, charlie])
    assert bravo.count("for every stream") == 1 and charlie.count("for every stream") == 1


def test_team_chat_without_marti_goes_to_the_colour(daemon, crowd):
    red = events.Person("ANDROID-00000000000000d4", "DELTA", "Red")
    alpha, bravo, delta = gather(crowd, daemon.port, [events.ALPHA, events.BRAVO, red])
    line = events.ALPHA.chat("cyan only", room="Cyan").replace(
        b'parent="RootContactGroup"', b'parent="TeamGroups"')
    alpha.send(line)
    crowd.fence(alpha, [bravo, delta])
    assert [e.type for e in bravo.news()] == ["b-t-f"]
    assert delta.news() == []


@pytest.mark.parametrize("number", [44, 45, 46, 50, 52, 61])
def test_a_swallowed_event_does_not_name_the_connection(number, daemon, crowd):
    stranger = crowd.connect(daemon.port)
    stranger.send(corpus.one(number))
    crowd.answer(stranger)
    assert [c.identified for c in daemon.status().clients] == [False]


def test_the_event_after_an_auth_document_is_framed(daemon, crowd):
    bravo, = gather(crowd, daemon.port, [events.BRAVO])
    alpha = crowd.connect(daemon.port)
    alpha.send(corpus.one(51) + corpus.one(1))
    crowd.wait_until(lambda: bravo.has(events.ALPHA.uid), "the position after auth")
    secret = b"password"
    assert secret in corpus.one(51)
    words = [w for w in (b"password", b"username") if w.decode() in daemon.log()]
    assert words == [], "credentials must not be logged"


def test_a_phone_number_is_not_logged_in_full(daemon, crowd):
    bravo, alpha = gather(crowd, daemon.port, [events.BRAVO, events.ALPHA])
    bravo.send(corpus.one(37))
    crowd.wait_until(lambda: alpha.has("15555550100-9-1-1"), "the alert")
    assert "15555550100" not in daemon.log()
