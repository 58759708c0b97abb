"""The picture that late joiners get: what is in it, for how long, and that it comes whole."""

import time
from datetime import datetime, timezone

import pytest

from tinycot import events
from tinycot.client import gather
from tinycot.infoset import infoset
from tinycot.pace import PROMPT_SECONDS, SLOW


def picture(crowd, daemon, present, witness):
    """Connect; the uids received once everything in `present` and a fence have come."""
    newcomer = crowd.connect(daemon.port)
    crowd.wait_until(
        lambda: all(newcomer.has(uid) for uid in present),
        lambda: f"{set(present) - {e.uid for e in newcomer.received}} in the picture")
    crowd.fence(witness, [newcomer])
    uids = [e.uid for e in newcomer.news()]
    newcomer.close()
    return uids


def test_the_latest_state_of_each_thing_once(daemon, crowd):
    alpha, = gather(crowd, daemon.port, [events.ALPHA])
    for turn in range(5):
        alpha.send(alpha.person.position(lat=50 + turn / 10))
        alpha.send(events.marker("moved about", f"<turn n='{turn}'/>"))
    crowd.answer(alpha)
    newcomer = crowd.connect(daemon.port)
    crowd.wait_until(lambda: newcomer.has("moved about"), "the marker")
    crowd.fence(alpha, [newcomer])
    assert sorted(e.uid for e in newcomer.news()) == sorted([alpha.person.uid, "moved about"])
    assert b"<turn n='4'/>" in newcomer.last("moved about").raw
    assert b'lat="50.4' in newcomer.last(alpha.person.uid).raw


def test_a_returning_phone_does_not_get_itself(daemon, crowd):
    alpha, bravo = gather(crowd, daemon.port, [events.ALPHA, events.BRAVO])
    alpha.close()
    crowd.wait_until(lambda: bravo.of_type("t-x-d-d"), "ALPHA's end")
    again = crowd.join(daemon.port, events.ALPHA)
    crowd.wait_until(lambda: again.has(bravo.person.uid), "the picture")
    crowd.fence_all([again, bravo])
    assert not again.has(alpha.person.uid)


@pytest.mark.parametrize("year", [2001, 2099])
def test_a_thing_lives_as_long_as_it_says_whatever_the_clock(year, daemon, crowd):
    alpha, = gather(crowd, daemon.port, [events.ALPHA])
    moment = datetime(year, 6, 1, 12, 0, 0, tzinfo=timezone.utc)
    lives = 3.0 * SLOW
    alpha.send(events.marker("short-lived", stale_seconds=lives, moment=moment))
    crowd.answer(alpha)
    sent = time.monotonic()
    early = picture(crowd, daemon, [alpha.person.uid, "short-lived"], alpha)
    assert "short-lived" in early
    while "short-lived" in picture(crowd, daemon, [alpha.person.uid], alpha):
        assert time.monotonic() - sent < lives + 2 * SLOW, "still there long after its end"
        crowd.run_for(0.1)
    assert time.monotonic() - sent > lives - 0.5, "gone before its time"


@pytest.mark.parametrize("forced", [True, False], ids=["forced", "plain"])
def test_a_delete_removes(forced, daemon, crowd):
    alpha, bravo = gather(crowd, daemon.port, [events.ALPHA, events.BRAVO])
    alpha.send(events.marker("goes") + events.marker("stays"))
    crowd.fence(alpha, [bravo])
    bravo.send(events.delete("goes", forced=forced))
    crowd.fence(bravo, [alpha])
    people = [alpha.person.uid, bravo.person.uid]
    assert sorted(picture(crowd, daemon, [*people, "stays"], alpha)) == sorted([*people, "stays"])


def test_a_position_leaves_with_its_owner(daemon, crowd):
    alpha, bravo = gather(crowd, daemon.port, [events.ALPHA, events.BRAVO])
    alpha.send(events.marker("outlives its maker"))
    crowd.fence(alpha, [bravo])
    alpha.close()
    crowd.wait_until(lambda: bravo.of_type("t-x-d-d"), "ALPHA's end")
    seen = picture(crowd, daemon, [bravo.person.uid, "outlives its maker"], bravo)
    assert alpha.person.uid not in seen


def test_directed_things_are_not_for_newcomers(daemon, crowd):
    alpha, bravo = gather(crowd, daemon.port, [events.ALPHA, events.BRAVO])
    alpha.send(events.marker("for BRAVO's eyes", dest=["BRAVO"]))
    crowd.fence(alpha, [bravo])
    assert bravo.has("for BRAVO's eyes")
    people = [alpha.person.uid, bravo.person.uid]
    assert sorted(picture(crowd, daemon, people, alpha)) == sorted(people)


def test_an_emergency_is_repeated_until_cancelled(start_daemon, crowd):
    period = 3
    daemon = start_daemon({"emergency_repeat_seconds": period})
    alpha, bravo = gather(crowd, daemon.port, [events.ALPHA, events.BRAVO])
    alert = alpha.person.alert_uid
    original = alpha.person.alert()
    alpha.send(original)
    crowd.wait_until(lambda: bravo.count(alert) == 1, "the alert")
    for times in (2, 3):
        crowd.wait_until(
            lambda: bravo.count(alert) == times, f"repetition {times - 1}", period + 2 * SLOW)
    calls = [e for e in bravo.received if e.uid == alert]
    moments = [e.attributes["time"] for e in calls]
    assert len(set(moments)) == 3 and moments == sorted(moments), "times must be fresh"
    for call in calls:
        assert infoset(call.raw, True) == infoset(original, True)
        assert call.attributes["stale"] > call.attributes["time"]

    newcomer = crowd.connect(daemon.port)
    crowd.wait_until(lambda: newcomer.has(alert), "the alert in the picture")
    alpha.close()
    heard = bravo.count(alert)
    crowd.wait_until(
        lambda: bravo.count(alert) > heard, "the alert after its sender vanished",
        period + 2 * SLOW)

    again = crowd.join(daemon.port, events.ALPHA)
    again.send(again.person.cancel())
    crowd.wait_until(lambda: bravo.of_type("b-a-o-can"), "the cancel")
    heard = bravo.count(alert)
    crowd.run_for(period * 1.5)
    crowd.fence(again, [bravo])
    assert bravo.count(alert) == heard, "repeated after it was cancelled"
    later = crowd.connect(daemon.port)
    crowd.wait_until(lambda: later.has(again.person.uid), "the picture")
    crowd.fence(bravo, [later])
    assert not later.has(alert)


def test_a_thousand_things_come_in_pages_and_whole(daemon, crowd):
    """The picture is five times what a client's queue holds (200 events)."""
    alpha, bravo = gather(crowd, daemon.port, [events.ALPHA, events.BRAVO])
    for start in range(0, 1_000, 50):
        for number in range(start, start + 50):
            alpha.send(events.marker(f"page-{number}"))
        crowd.wait_until(lambda: bravo.has(f"page-{start + 49}"), "live delivery")
    newcomer = crowd.connect(daemon.port)
    crowd.wait_until(
        lambda: sum(newcomer.has(f"page-{n}") for n in range(1_000)) == 1_000
        if len(newcomer.received) >= 1_000 else False,
        lambda: f"all things, got {len(newcomer.received)}", 4 * PROMPT_SECONDS)
    crowd.fence(alpha, [newcomer])
    assert all(newcomer.count(f"page-{n}") == 1 for n in range(1_000))
    newcomer.send(events.CHARLIE.position())
    crowd.answer(newcomer)
    assert daemon.status().by_uid(events.CHARLIE.uid).dropped == 0


def test_a_slow_newcomer_gets_the_whole_picture_too(daemon, crowd):
    alpha, bravo = gather(crowd, daemon.port, [events.ALPHA, events.BRAVO])
    for start in range(0, 800, 50):
        for number in range(start, start + 50):
            alpha.send(events.marker(f"page-{number}"))
        crowd.wait_until(lambda: bravo.has(f"page-{start + 49}"), "live delivery")
    newcomer = crowd.connect(daemon.port, receive_buffer=4_096, reading=False)
    for _ in range(5):
        crowd.answer(alpha)
    # While the picture waits, life goes on.
    alpha.send(events.marker("page-0", "<later/>") + events.marker("live one"))
    crowd.fence(alpha, [bravo])
    newcomer.resume()
    crowd.wait_until(
        lambda: newcomer.has("live one") and all(newcomer.has(f"page-{n}") for n in range(800)),
        lambda: f"all things, got {len(newcomer.received)}", 4 * PROMPT_SECONDS)
    assert b"<later/>" in newcomer.last("page-0").raw, "the last word about a thing is the latest"
