"""From connecting to leaving: pings, heartbeats, notices, who owns a uid."""

from datetime import datetime

from tinycot import corpus, events
from tinycot.client import gather
from tinycot.figures import note
from tinycot.infoset import find, infoset
from tinycot.pace import PONG_SECONDS, PROMPT_SECONDS, SLOW

BIG = "<x>" + "n" * 7_000 + "</x>"


def seconds_between(early, late):
    form = "%Y-%m-%dT%H:%M:%S.%fZ"

    def read(text):
        return datetime.strptime(text if "." in text else text[:-1] + ".0Z", form)

    return (read(late) - read(early)).total_seconds()


def test_a_pong_overtakes_a_full_queue(daemon, crowd):
    alpha, = gather(crowd, daemon.port, [events.ALPHA])
    slow = crowd.join(daemon.port, events.BRAVO, receive_buffer=4_096)
    crowd.wait_until(lambda: slow.has(alpha.person.uid), "the picture")
    crowd.answer(slow)
    slow.pause()
    for number in range(60):
        alpha.send(events.marker(f"big-{number}", BIG))
    crowd.answer(alpha)
    crowd.answer(alpha)
    waiting = daemon.status().by_uid(slow.person.uid).queue_events
    assert waiting > 5, "the kernel took everything: the test needs bigger events"
    before = slow.pongs
    slow.send(slow.person.ping())
    # Somebody else's pong: the daemon has been round and must have read BRAVO's ping.
    crowd.answer(alpha)
    slow.resume()
    crowd.wait_until(lambda: slow.pongs > before, "the pong")
    crowd.fence(alpha, [slow])
    behind = [e for e in slow.received[slow.pong_positions[-1]:] if e.uid.startswith("big-")]
    # One event may have been half written when the ping came.
    assert len(behind) >= waiting - 1, f"{waiting} were waiting, {len(behind)} came after the pong"


def test_pings_are_answered_while_events_pour_in(daemon, crowd):
    alpha, bravo = gather(crowd, daemon.port, [events.ALPHA, events.BRAVO])
    slowest = 0.0
    for turn in range(20):
        for number in range(50):
            alpha.send(events.marker(f"pour-{turn}-{number}"))
        slowest = max(slowest, crowd.answer(bravo))
    note(f"slowest pong while events pour in: {slowest * 1000:.1f} ms")
    assert slowest < PONG_SECONDS


def test_a_heartbeat_only_where_nothing_else_was_sent(start_daemon, crowd):
    daemon = start_daemon({"heartbeat_seconds": 5})
    alpha, bravo = gather(crowd, daemon.port, [events.ALPHA, events.BRAVO])
    end_of_talk = 6.5
    turn = 0
    while turn * 0.5 < end_of_talk:
        turn += 1
        alpha.send(alpha.person.position())
        crowd.run_for(0.5)
    assert bravo.pongs == 0, "BRAVO was sent something twice a second and needs no heartbeat"
    assert alpha.pongs >= 1, "ALPHA was sent nothing for six seconds"


def test_the_disconnect_notice_has_the_official_shape(daemon, crowd):
    driver = events.Person("ANDROID-00000000000000e5", "ECHO", kind="a-f-G-E-V-C")
    alpha, bravo, echo = gather(crowd, daemon.port, [events.ALPHA, events.BRAVO, driver])
    echo.close()
    for witness in (alpha, bravo):
        crowd.wait_until(lambda: witness.of_type("t-x-d-d"), "the notice")
    crowd.fence_all([alpha, bravo])
    for witness in (alpha, bravo):
        notice, = witness.news()
        link = find(infoset(notice.raw), "detail", "link")
        assert link[1] == {"uid": echo.person.uid, "type": "a-f-G-E-V-C", "relation": "p-p"}
        assert notice.uid not in ("", echo.person.uid)
        assert notice.attributes["how"] == "h-g-i-g-o" and notice.attributes["version"] == "2.0"
        assert seconds_between(notice.attributes["time"], notice.attributes["stale"]) == 20
        point = find(infoset(notice.raw), "point")[1]
        assert set(point) == {"lat", "lon", "hae", "ce", "le"}
        for name in ("time", "start", "stale"):
            assert len(notice.attributes[name]) >= 20 and notice.attributes[name].endswith("Z")


def test_a_vanished_phone_is_announced_too(daemon, crowd):
    alpha, bravo = gather(crowd, daemon.port, [events.ALPHA, events.BRAVO])
    alpha.reset()
    crowd.wait_until(lambda: bravo.of_type("t-x-d-d"), "the notice after a reset")


def test_nobody_is_announced_who_never_said_a_name(daemon, crowd):
    alpha, = gather(crowd, daemon.port, [events.ALPHA])
    stranger = crowd.connect(daemon.port)
    stranger.send(corpus.one(5))
    crowd.answer(stranger)
    stranger.close()
    crowd.wait_until(lambda: len(daemon.status().clients) == 1, "the stranger's end")
    crowd.answer(alpha)
    assert [e.uid for e in alpha.news()] == ["ICAO-3C0001"]


def test_a_replaced_connection_is_not_announced(daemon, crowd):
    older, bravo = gather(crowd, daemon.port, [events.ALPHA, events.BRAVO])
    newer = crowd.join(daemon.port, events.ALPHA)
    crowd.wait_until(lambda: older.closed, "the older connection ended by the daemon")
    crowd.fence_all([newer, bravo])
    assert bravo.of_type("t-x-d-d") == []
    status = daemon.status()
    assert len([c for c in status.clients if c.uid == events.ALPHA.uid]) == 1
    assert not newer.closed


def test_a_new_callsign_is_learnt(daemon, crowd):
    alpha, bravo, charlie = gather(
        crowd, daemon.port, [events.ALPHA, events.BRAVO, events.CHARLIE])
    renamed = events.Person(bravo.person.uid, "BRAVO SIX")
    bravo.send(renamed.position())
    crowd.fence(bravo, [alpha, charlie])
    alpha.send(events.marker("to the new name", dest=["BRAVO SIX"]))
    alpha.send(events.marker("to the old name", dest=["BRAVO"]))
    crowd.fence(alpha, [bravo, charlie])
    assert bravo.has("to the new name") and not bravo.has("to the old name")


def test_a_takp_request_is_denied_to_the_asker_only(daemon, crowd):
    alpha, bravo = gather(crowd, daemon.port, [events.ALPHA, events.BRAVO])
    alpha.send(events.takp_request("takp-1"))
    crowd.wait_until(lambda: alpha.has("takp-1"), "the answer")
    answer = alpha.last("takp-1")
    assert answer.type == "t-x-takp-r"
    response = find(infoset(answer.raw), "detail", "TakControl", "TakResponse")
    assert response[1] == {"status": "false"}
    crowd.fence(alpha, [bravo])
    assert bravo.news() == []


def test_a_pong_looks_as_atak_wants_it(daemon, crowd):
    stranger = crowd.connect(daemon.port)
    # The crowd counts pongs and does not keep them: look at the raw bytes.
    stranger._crowd._forget(stranger)
    link = stranger._link
    link.setblocking(True)
    link.settimeout(PROMPT_SECONDS)
    link.sendall(events.ALPHA.ping())
    data = b""
    while not data.endswith(b"</event>"):
        part = link.recv(4096)
        assert part, "closed instead of a pong"
        data += part
    link.close()
    root = infoset(data)
    assert root[1]["uid"] == "takPong" and root[1]["type"] == "t-x-c-t-r"
    assert set(root[1]) >= {"version", "uid", "type", "time", "start", "stale", "how"}
    assert set(find(root, "point")[1]) == {"lat", "lon", "hae", "ce", "le"}
    for name in ("time", "start", "stale"):
        assert len(root[1][name]) >= 20 and root[1][name].endswith("Z")
    assert seconds_between(root[1]["time"], root[1]["stale"]) == 20


def test_a_phone_that_stops_talking_still_listens(daemon, crowd):
    """A half-closed connection may be ended; it must not disturb anybody."""
    alpha, bravo = gather(crowd, daemon.port, [events.ALPHA, events.BRAVO])
    alpha.finish()
    bravo.send(events.marker("after the half-close"))
    crowd.answer(bravo)
    crowd.wait_until(
        lambda: alpha.closed or alpha.has("after the half-close"), "either way", 5 * SLOW)
