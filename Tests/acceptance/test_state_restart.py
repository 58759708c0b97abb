"""A board reboots and nobody should notice: the picture, the teams, who was here, and no ghosts."""

import json
import time

import pytest

from tinycot import corpus, events, http, service, states
from tinycot.client import gather
from tinycot.infoset import infoset
from tinycot.pace import SLOW, wait_for

EAGER = {"state_seconds": 1, "return_seconds": 5}


def saved(daemon, number=1, seconds=10.0):
    """Wait for a generation of at least that number; the newest."""
    def there():
        newest = states.newest(daemon.state_dir)
        return newest if newest and newest.number >= number else None

    return wait_for(there, seconds, f"state generation {number}; the log:\n{daemon.log()}")


def saved_with(daemon, *pieces, seconds=10.0):
    """Wait until a state file holds these events, byte for byte."""
    wanted = {piece[piece.index(b"<event"):] for piece in pieces}

    def there():
        newest = states.newest(daemon.state_dir)
        return newest if newest and wanted <= set(newest.events) else None

    return wait_for(there, seconds, f"a state with {wanted}")


def picture(crowd, daemon, wanted, port=None):
    """What a newcomer is shown, once everything wanted has come."""
    newcomer = crowd.connect(port or daemon.port)
    crowd.wait_until(
        lambda: all(newcomer.has(uid) for uid in wanted),
        lambda: f"{set(wanted) - {e.uid for e in newcomer.received}} in the picture")
    crowd.answer(newcomer)
    return newcomer


def test_a_stop_while_the_picture_comes_back_keeps_all_of_it(tmp_path, start_daemon, crowd):
    daemon = start_daemon()
    client = crowd.join(daemon.port, events.ALPHA)
    for number in range(1_000):
        client.send(events.marker(f"spot-{number}", "<x>" + "n" * 300 + "</x>"))
        if number % 50 == 49:
            crowd.answer(client)
    assert daemon.terminate() == 0
    before = states.newest(daemon.state_dir)
    assert len(before.events) == 1_001
    manager = service.Manager(tmp_path / "notify")
    daemon.environment["NOTIFY_SOCKET"] = manager.name
    daemon.wait_listening = daemon.wait_store = lambda *_: None
    for _ in range(10):
        # Ready comes before the picture, and the end right after it.
        heard = len(manager.messages)
        daemon.start()
        manager.wait("READY=1", heard)
        assert daemon.terminate() == 0
        after = states.newest(daemon.state_dir)
        assert set(after.events) == set(before.events), f"{len(after.events)} are left"
    manager.close()


@pytest.mark.parametrize("killed", [False, True], ids=["stopped", "killed"])
def test_the_picture_is_there_again(killed, start_daemon, crowd):
    daemon = start_daemon(EAGER)
    alpha, bravo = gather(crowd, daemon.port, [events.ALPHA, events.BRAVO])
    item = events.marker("stays over", "<note>ünïcödé &#x1F691;</note>")
    position = alpha.person.position(lat=51.5)
    chat = alpha.person.chat("not for later")
    alpha.send(item + position + chat)
    crowd.fence(alpha, [bravo])
    if killed:
        saved_with(daemon, item, position)
    daemon.restart(killed=killed)
    newcomer = picture(crowd, daemon, ["stays over", alpha.person.uid, bravo.person.uid])
    assert newcomer.last("stays over").raw == item[item.index(b"<event"):]
    assert newcomer.last(alpha.person.uid).raw == position[position.index(b"<event"):]
    assert newcomer.of_type("b-t-f") == []
    assert sorted(e.uid for e in newcomer.received) == sorted(
        ["stays over", alpha.person.uid, bravo.person.uid])


def test_every_kept_event_of_the_corpus_comes_back_byte_for_byte(start_daemon, crowd):
    daemon = start_daemon({"state_seconds": 1})
    for row in corpus.VALID:
        if row.kept:
            sender = crowd.connect(daemon.port)
            sender.send(row.data)
            crowd.answer(sender)
    before = crowd.connect(daemon.port)
    crowd.answer(before)
    crowd.run_for(0.3)
    known = {e.uid: e for e in before.received}
    assert len(known) > 25
    assert daemon.terminate() == 0
    daemon.start()
    daemon.expected_to_end = False
    after = picture(crowd, daemon, known)
    for uid, event in known.items():
        # An open alert is shown with times that have moved on.
        if b"<emergency" in event.raw:
            assert after.last(uid).type == event.type
        else:
            assert after.last(uid).raw == event.raw
    assert {e.uid for e in after.received} == set(known)


def test_who_does_not_come_back_is_said_to_have_left(start_daemon, crowd):
    daemon = start_daemon(EAGER)
    alpha, bravo = gather(crowd, daemon.port, [events.ALPHA, events.BRAVO])
    began = time.monotonic()
    daemon.restart()
    returned = crowd.join(daemon.port, events.BRAVO)
    crowd.wait_until(lambda: returned.has(alpha.person.uid), "ALPHA in the picture")
    crowd.wait_until(lambda: returned.of_type("t-x-d-d"), "the notice", 15 * SLOW)
    assert time.monotonic() - began > 4.5, "no time to come back"
    notice, = returned.of_type("t-x-d-d")
    assert f'uid="{alpha.person.uid}"'.encode() in notice.raw
    assert b'relation="p-p"' in notice.raw and b'type="a-f-G-U-C"' in notice.raw
    late = crowd.connect(daemon.port)
    crowd.answer(late)
    crowd.fence(returned, [late])
    assert not late.has(alpha.person.uid), "a ghost"
    assert late.has(bravo.person.uid)


def test_who_comes_back_is_not_said_to_have_left(start_daemon, crowd):
    daemon = start_daemon(EAGER)
    gather(crowd, daemon.port, [events.ALPHA, events.BRAVO])
    daemon.restart()
    alpha, bravo = gather(crowd, daemon.port, [events.ALPHA, events.BRAVO])
    crowd.run_for(6 * SLOW)
    crowd.fence_all([alpha, bravo])
    assert alpha.of_type("t-x-d-d") == [] and bravo.of_type("t-x-d-d") == []
    # It is still a client like any other.
    bravo.close()
    crowd.wait_until(lambda: alpha.of_type("t-x-d-d"), "BRAVO's end")


def test_walls_stand_after_a_restart(start_daemon, crowd):
    from tinycot.daemon import free_port
    red, blue = free_port(), free_port()
    daemon = start_daemon({**EAGER, "teams": [
        {"name": "red", "listen": [f"127.0.0.1:{red}"]},
        {"name": "blue", "listen": [f"127.0.0.1:{blue}"]}]})
    alpha = crowd.join(red, events.ALPHA)
    bravo = crowd.join(blue, events.BRAVO)
    alpha.send(events.marker("red thing"))
    bravo.send(events.marker("blue thing"))
    for client in (alpha, bravo):
        crowd.answer(client)
    daemon.restart()
    seen = picture(crowd, daemon, ["red thing", alpha.person.uid], port=red)
    assert {e.uid for e in seen.received} == {"red thing", alpha.person.uid}
    seen = picture(crowd, daemon, ["blue thing", bravo.person.uid], port=blue)
    crowd.run_for(7 * SLOW)
    crowd.answer(seen)
    assert not seen.has(alpha.person.uid) and not seen.has("red thing")
    gone = seen.of_type("t-x-d-d")
    assert len(gone) == 1 and f'uid="{bravo.person.uid}"'.encode() in gone[0].raw


def test_lifetimes_go_on_and_do_not_begin_anew(start_daemon, crowd):
    daemon = start_daemon(EAGER)
    alpha, bravo = gather(crowd, daemon.port, [events.ALPHA, events.BRAVO])
    lives = 4.0 * SLOW
    alpha.send(events.marker("short-lived", stale_seconds=lives) + events.marker("long-lived"))
    crowd.fence(alpha, [bravo])
    sent = time.monotonic()
    daemon.restart()
    early = picture(crowd, daemon, ["long-lived"])
    assert early.has("short-lived") or time.monotonic() - sent > lives - 1
    crowd.run_for(max(0.0, lives + 0.3 - (time.monotonic() - sent)))
    late = picture(crowd, daemon, ["long-lived"])
    assert not late.has("short-lived")


def test_an_open_alert_goes_on_until_it_is_cancelled(start_daemon, crowd):
    daemon = start_daemon({**EAGER, "emergency_repeat_seconds": 3})
    alpha, bravo = gather(crowd, daemon.port, [events.ALPHA, events.BRAVO])
    alpha.send(alpha.person.alert())
    crowd.wait_until(lambda: bravo.has(alpha.person.alert_uid), "the alert")
    daemon.restart()
    bravo = crowd.join(daemon.port, events.BRAVO)
    crowd.wait_until(lambda: bravo.count(alpha.person.alert_uid) >= 2, "repeats", 12 * SLOW)
    alpha = crowd.join(daemon.port, events.ALPHA)
    alpha.send(alpha.person.cancel())
    crowd.fence(alpha, [bravo])
    count = bravo.count(alpha.person.alert_uid)
    crowd.run_for(4 * SLOW)
    # The cancel itself bears the uid of the alert.
    assert bravo.count(alpha.person.alert_uid) == count
    daemon.restart()
    later = crowd.connect(daemon.port)
    crowd.answer(later)
    assert not later.has(alpha.person.alert_uid)


def test_endpoints_know_who_was_here(start_daemon, crowd):
    daemon = start_daemon(EAGER)
    gather(crowd, daemon.port, [events.ALPHA, events.BRAVO])
    daemon.restart()
    alpha, = gather(crowd, daemon.port, [events.ALPHA])

    def endpoints():
        answer = http.get(daemon.http_port, "/Marti/api/clientEndPoints")
        return {row["uid"]: row["lastStatus"] for row in json.loads(answer.body)["data"]}

    wait_for(lambda: endpoints().get(events.ALPHA.uid) == "Connected", 5, "ALPHA connected")
    assert endpoints() == {events.ALPHA.uid: "Connected", events.BRAVO.uid: "Disconnected"}
    contacts = json.loads(http.get(daemon.http_port, "/Marti/api/contacts/all").body)
    assert [contact["uid"] for contact in contacts] == [events.ALPHA.uid]


def test_a_state_is_written_only_when_something_changed(start_daemon, crowd):
    daemon = start_daemon(EAGER)
    alpha, = gather(crowd, daemon.port, [events.ALPHA])
    first = saved_with(daemon, events.ALPHA.position()[:0] + _last_position(daemon, crowd))
    crowd.run_for(3.5)
    assert states.newest(daemon.state_dir).number == first.number
    alpha.send(events.marker("news"))
    crowd.answer(alpha)
    saved(daemon, first.number + 1)


def _last_position(daemon, crowd):
    newcomer = crowd.connect(daemon.port)
    crowd.wait_until(lambda: newcomer.has(events.ALPHA.uid), "ALPHA")
    raw = newcomer.last(events.ALPHA.uid).raw
    newcomer.close()
    return raw


def test_generations_are_bounded(start_daemon, crowd):
    daemon = start_daemon(EAGER, {"state_generations": 2})
    alpha, = gather(crowd, daemon.port, [events.ALPHA])
    for turn in range(4):
        alpha.send(events.marker("moves", f"<turn n='{turn}'/>"))
        crowd.answer(alpha)
        number = (states.newest(daemon.state_dir) or states.Generation("", 0, {})).number
        saved(daemon, number + 1)
    assert len(states.slots(daemon.state_dir)) == 2
    assert not (daemon.state_dir / "state.tmp").exists()


def damaged_newest(daemon, change):
    """Stop, damage the newest generation, start. Its name."""
    assert daemon.terminate() == 0
    newest = states.newest(daemon.state_dir)
    path = daemon.state_dir / newest.name
    path.write_bytes(change(path.read_bytes()))
    daemon.start()
    daemon.expected_to_end = False
    return newest.name


@pytest.mark.parametrize("change", [
    lambda data: data[:len(data) // 2],
    lambda data: b"",
    lambda data: bytes(len(data)),
    lambda data: data[:300] + bytes([data[300] ^ 1]) + data[301:],
    lambda data: data + b" ",
], ids=["torn", "empty", "zeros", "bit", "longer"])
def test_a_broken_generation_is_set_aside_and_the_one_before_holds(change, start_daemon, crowd):
    daemon = start_daemon(EAGER)
    alpha, = gather(crowd, daemon.port, [events.ALPHA])
    old = events.marker("of the older generation")
    alpha.send(old)
    crowd.answer(alpha)
    saved_with(daemon, old)
    alpha.send(events.marker("of the newest"))
    crowd.answer(alpha)
    name = damaged_newest(daemon, change)
    seen = picture(crowd, daemon, ["of the older generation"])
    assert not seen.has("of the newest")
    assert name + ".broken" in states.set_aside(daemon.state_dir)
    lines = [line for line in daemon.log().splitlines() if name + ".broken" in line]
    assert len(lines) == 1, daemon.log()


def test_a_state_of_a_later_version_is_kept_and_not_read(start_daemon, crowd):
    daemon = start_daemon(EAGER)
    alpha, = gather(crowd, daemon.port, [events.ALPHA])
    alpha.send(events.marker("of another time"))
    crowd.answer(alpha)

    def later(data):
        import hashlib
        data = data[:data.rfind(b'"sha256":"')].replace(b'"version":1', b'"version":999', 1)
        assert b'"version":999' in data
        return data + b'"sha256":"' + hashlib.sha256(data).hexdigest().encode() + b'"}\n'

    assert daemon.terminate() == 0
    for path in states.slots(daemon.state_dir):
        path.write_bytes(later(path.read_bytes()))
    daemon.start()
    daemon.expected_to_end = False
    newcomer = crowd.join(daemon.port, events.BRAVO)
    crowd.answer(newcomer)
    crowd.run_for(0.5)
    assert not newcomer.has("of another time")
    aside = [daemon.state_dir / name for name in states.set_aside(daemon.state_dir)]
    assert aside and all(path.name.endswith(".newer") for path in aside)
    assert any(b"of another time" in path.read_bytes() for path in aside)


def test_status_tells_of_the_state(start_daemon, crowd):
    daemon = start_daemon(EAGER)
    gather(crowd, daemon.port, [events.ALPHA])
    saved(daemon)
    store = wait_for(
        lambda: (s := daemon.status().document["counters"]["store"])["state_generation"] and s,
        5, "the generation in status")
    assert store["written_today_state"] == store["written_state"] > 0
    assert store["state_failures"] == 0
    before = store["written_state"]
    daemon.restart()
    store = wait_for(
        lambda: (s := daemon.status().document["counters"]["store"])["written_state"] and s,
        5, "what an earlier life wrote")
    assert store["written_state"] >= before
    assert daemon.status().heap_allocations_after_seal == 0


def test_a_hundred_restarts_lose_nothing(start_daemon, crowd):
    daemon = start_daemon({"state_seconds": 60, "return_seconds": 3600})
    alpha, = gather(crowd, daemon.port, [events.ALPHA])
    item = events.marker("through it all", stale_seconds=86_400)
    alpha.send(item)
    crowd.answer(alpha)
    for _ in range(20 if SLOW > 1 else 100):
        daemon.restart()
    seen = picture(crowd, daemon, ["through it all"])
    assert seen.last("through it all").raw == item[item.index(b"<event"):]
    # Two ends of the same picture are one generation: nothing had changed.
    assert infoset(item)[1]["uid"] == "through it all"
