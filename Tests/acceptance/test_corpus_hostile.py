"""Every hostile file: nothing breaks, nothing leaks out, and what follows gets through."""

import time

import pytest

from tinycot import corpus, events
from tinycot.client import gather
from tinycot.infoset import infoset
from tinycot.pace import PROMPT_SECONDS, SLOW

GOOD_WITHIN_SECONDS = 1.0 * SLOW


def good_event():
    """14 with a fresh uid."""
    uid = events.fresh("good")
    return uid, corpus.one(14).replace(b"5f0c6a10-0000-4000-8000-000000000014", uid.encode())


def send_good_until_one_arrives(crowd, sender, witnesses, allowance):
    """Send good events until one reaches everyone or the sender is cut off. Returns their uids.

    `allowance` is how many bytes of good events may be lost before that.
    """
    sent = []
    spent = 0

    def arrived():
        return any(all(w.has(uid) for w in witnesses) for uid in sent)

    while not sender.closed:
        assert not sent or spent <= allowance, f"{spent} bytes of good events were lost"
        uid, data = good_event()
        sent.append(uid)
        sender.send(data)
        spent += len(data)
        patience = GOOD_WITHIN_SECONDS if spent > allowance else 0.02 * SLOW
        end = time.monotonic() + patience
        while time.monotonic() < end and not sender.closed:
            if arrived():
                return sent
            crowd.pump(0.005)
    return sent


@pytest.mark.parametrize("row", corpus.HOSTILE_ROWS, ids=lambda row: row.name)
def test_a_hostile_file_hurts_nobody(row, daemon, crowd):
    alpha, bravo, charlie = gather(
        crowd, daemon.port, [events.ALPHA, events.BRAVO, events.CHARLIE])
    witnesses = [bravo, charlie]
    if row.first_bytes:
        alpha = crowd.connect(daemon.port)

    alpha.send(row.data)
    sent = send_good_until_one_arrives(crowd, alpha, witnesses, row.resync_bytes)
    if alpha.closed:
        assert row.closes != corpus.NEVER, "this must not cost the connection"
    else:
        assert row.closes != corpus.MUST, "this must end the connection"
        crowd.fence(alpha, witnesses)
    crowd.fence(bravo, [charlie])
    crowd.fence(charlie, [bravo])

    wanted = set(row.expected_uids)
    for witness in witnesses:
        came = witness.news()
        extra = [e for e in came if e.uid in wanted]
        strangers = [e for e in came if e.uid not in wanted and e.uid not in sent]
        if alpha.closed:
            strangers = [e for e in strangers if e.type != "t-x-d-d"]
        assert strangers == [], f"{witness} got {strangers}"
        assert witness.pongs == 0
        may = row.forwarded != corpus.NEVER and (row.to == corpus.ALL or witness is bravo)
        assert may or extra == [], f"{witness} must not see {extra}"
        if row.forwarded == corpus.MUST and may:
            # After the first of several the connection may be closed.
            least = 1 if row.closes == corpus.MAY and alpha.closed else len(wanted)
            assert len(extra) >= least, f"{witness} got only {came}"
            if len(wanted) == 1 and row.name[:3] not in ("h61", "h48"):
                assert infoset(extra[0].raw) == infoset(row.data.replace(b"\r\n<?xml", b"<?xml"))
        assert len({e.uid for e in extra}) == len(extra), "the same event twice"
    if row.name[:3] != "h62":
        assert not any(alpha.has(uid) for uid in wanted), "nothing comes back"

    if row.log and alpha.closed:
        daemon.wait_log(row.log)
    if row.kept is False:
        newcomer = crowd.connect(daemon.port)
        crowd.wait_until(lambda: newcomer.has(bravo.person.uid), "a newcomer's picture")
        crowd.fence(bravo, [newcomer])
        assert not [e for e in newcomer.received if e.uid in wanted and e.type != "a-f-G-U-C"]


def test_a_refused_event_is_counted_under_a_reason(daemon, crowd):
    alpha, bravo = gather(crowd, daemon.port, [events.ALPHA, events.BRAVO])
    refused = ["h10", "h11", "h12", "h13", "h14", "h15", "h16", "h17", "h19", "h24", "h25", "h36",
               "h43", "h44", "h57", "h58", "h60"]
    for count, number in enumerate(refused, 1):
        alpha.send(corpus.HOSTILE_BY_NUMBER[number].data)
        crowd.fence(alpha, [bravo])
        total = daemon.status().refused_total
        assert total >= count, f"{number} was not counted"


def test_log_lines_in_a_callsign_stay_one_line(daemon, crowd):
    stranger = crowd.connect(daemon.port)
    stranger.send(corpus.HOSTILE_BY_NUMBER["h42"].data)
    crowd.answer(stranger)
    row, = daemon.status().clients
    assert row.callsign.startswith("BRAVO\n2026-01-15 ERROR") or "\n" not in row.callsign
    assert not any(line.startswith("2026-01-15 ERROR") for line in daemon.log().splitlines())


def test_a_forged_delete_spares_the_living(daemon, crowd):
    alpha, bravo, charlie = gather(
        crowd, daemon.port, [events.ALPHA, events.BRAVO, events.CHARLIE])
    alpha.send(corpus.HOSTILE_BY_NUMBER["h50"].data)
    crowd.fence(alpha, [bravo, charlie])
    crowd.answer(bravo)
    newcomer = crowd.connect(daemon.port)
    crowd.wait_until(lambda: newcomer.has(bravo.person.uid), "BRAVO's position, still there")


def test_a_client_that_uses_anothers_uid_does_not_become_them(daemon, crowd):
    alpha, bravo, charlie = gather(
        crowd, daemon.port, [events.ALPHA, events.BRAVO, events.CHARLIE])
    alpha.send(corpus.HOSTILE_BY_NUMBER["h62"].data)
    crowd.fence(alpha, [bravo, charlie])
    status = daemon.status()
    assert status.by_uid(alpha.person.uid).callsign == "ALPHA"
    assert status.by_uid(bravo.person.uid).callsign == "BRAVO"
    charlie.send(corpus.one(28))
    crowd.wait_until(lambda: len(bravo.of_type("b-t-f")) == 1, "a chat for BRAVO, at BRAVO")
    charlie.news()
    alpha.close()
    crowd.wait_until(lambda: charlie.of_type("t-x-d-d"), "ALPHA's disconnect notice")
    crowd.fence(bravo, [charlie])
    notices = charlie.of_type("t-x-d-d")
    assert len(notices) == 1
    assert alpha.person.uid.encode() in notices[0].raw
    assert bravo.person.uid.encode() not in notices[0].raw


@pytest.mark.parametrize("number", ["h33", "h34", "h35"])
def test_another_protocol_in_the_middle_of_a_stream_is_junk(number, daemon, crowd):
    alpha, bravo, charlie = gather(
        crowd, daemon.port, [events.ALPHA, events.BRAVO, events.CHARLIE])
    alpha.send(corpus.HOSTILE_BY_NUMBER[number].data)
    send_good_until_one_arrives(crowd, alpha, [bravo, charlie], 0)
    crowd.fence(bravo, [charlie])


@pytest.mark.parametrize("number", ["h33", "h34"])
def test_a_wrong_protocol_is_logged_once_per_connection(number, daemon, crowd):
    for count in range(1, 4):
        stranger = crowd.connect(daemon.port)
        stranger.send(corpus.HOSTILE_BY_NUMBER[number].data)
        crowd.wait_until(lambda: stranger.closed, "the connection closed", PROMPT_SECONDS)
        assert stranger.bytes_received == 0
    word = corpus.HOSTILE_BY_NUMBER[number].log
    daemon.wait_log(word)
    assert sum(word in line for line in daemon.log().splitlines()) <= count
