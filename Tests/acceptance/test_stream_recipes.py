"""The ten stream recipes of the corpus: how bytes come, not what they say."""

import pytest

from tinycot import corpus, events
from tinycot.client import gather
from tinycot.daemon import is_emulated
from tinycot.figures import note
from tinycot.infoset import infoset
from tinycot.pace import PONG_SECONDS, PROMPT_SECONDS, SLOW
from tinycot.process import peak_resident_bytes


@pytest.mark.parametrize("number", [6, 21])
def test_1_every_split_gives_the_same(number, daemon, crowd):
    data = corpus.one(number)
    sender = crowd.connect(daemon.port)
    witness = crowd.connect(daemon.port)
    clock = crowd.connect(daemon.port)
    for cut in range(1, len(data)):
        sender.send(data[:cut])
        # Somebody else's pong proves that the daemon has been round and read the first part.
        crowd.answer(clock)
        sender.send(data[cut:])
        # Far fewer than a queue holds are ever under way.
        crowd.wait_until(lambda: len(witness.received) > cut - 50, f"the event cut at {cut}")
    crowd.wait_until(lambda: len(witness.received) >= len(data) - 1, "the last events")
    crowd.fence(sender, [witness])
    witness.received.pop()
    assert len(witness.received) == len(data) - 1
    assert len({e.raw for e in witness.received}) == 1
    assert infoset(witness.received[0].raw) == infoset(data)


@pytest.mark.parametrize("number", [6, 21])
def test_1_one_byte_per_write_gives_the_same(number, daemon, crowd):
    data = corpus.one(number)
    sender = crowd.connect(daemon.port)
    witness = crowd.connect(daemon.port)
    clock = crowd.connect(daemon.port)
    for position in range(len(data)):
        sender.send(data[position:position + 1])
        crowd.answer(clock)
    crowd.wait_until(lambda: witness.received, "the event sent byte by byte")
    assert len(witness.received) == 1
    assert infoset(witness.received[0].raw) == infoset(data)


@pytest.mark.parametrize(
    "separator", [b"", b"\n", b"\r\n", b"  \t "], ids=["nothing", "LF", "CRLF", "blanks"])
def test_2_back_to_back_gives_the_same_deliveries(separator, daemon, crowd):
    alpha, bravo, charlie, hammer = gather(
        crowd, daemon.port, [events.ALPHA, events.BRAVO, events.CHARLIE, events.HAMMER])
    rows = [row for row in corpus.VALID if row.to is not None]
    alpha.send(separator.join(row.data for row in rows))
    crowd.fence(alpha, [bravo, charlie, hammer])
    for letter, witness in (("B", bravo), ("C", charlie), ("W", hammer)):
        wanted = [row for row in rows if row.to == corpus.ALL or letter in row.to]
        got = witness.news()
        assert [e.uid for e in got] == [infoset(row.data)[1]["uid"] for row in wanted]
        for event, row in zip(got, wanted):
            assert infoset(event.raw) == infoset(row.data), row.name


@pytest.mark.parametrize("number", [1, 14, 75])
def test_4_what_leaves_is_what_came_minus_declaration(number, daemon, crowd):
    sender = crowd.connect(daemon.port)
    witness = crowd.connect(daemon.port)
    data = corpus.one(number)
    sender.send(data)
    crowd.wait_until(lambda: witness.received, "the event")
    assert witness.received[0].raw == data[data.index(b"<event"):]


def test_6_a_silent_client_gets_the_picture_and_stays(start_daemon, crowd):
    daemon = start_daemon({"heartbeat_seconds": 5})
    alpha, = gather(crowd, daemon.port, [events.ALPHA])
    silent = crowd.connect(daemon.port)
    crowd.wait_until(lambda: silent.has(alpha.person.uid), "the picture")
    for beat in (1, 2):
        crowd.wait_until(lambda: silent.pongs >= beat, f"heartbeat {beat}", 5 + 3 * SLOW)
    assert not silent.closed
    alpha.send(events.marker("still there"))
    crowd.wait_until(lambda: silent.has("still there"), "a live event after the heartbeats")


def test_7_pings_on_an_idle_server_are_answered_at_once(daemon, crowd):
    alpha, bravo = gather(crowd, daemon.port, [events.ALPHA, events.BRAVO])
    slowest = 0.0
    for _ in range(6):
        crowd.run_for(0.45)
        slowest = max(slowest, crowd.answer(alpha))
    note(f"slowest pong of an idle daemon: {slowest * 1000:.1f} ms")
    assert slowest < PONG_SECONDS
    crowd.fence_all([alpha, bravo])
    assert bravo.pongs == 0 and bravo.news() == []


def test_8_the_newer_connection_owns_the_uid(daemon, crowd):
    older, bravo = gather(crowd, daemon.port, [events.ALPHA, events.BRAVO])
    newer = crowd.connect(daemon.port, person=events.ALPHA)
    newer.send(corpus.one(1))
    crowd.answer(newer)
    older.close()
    bravo.send(corpus.one(31))
    crowd.wait_until(lambda: newer.of_type("b-t-f-d"), "a receipt for ALPHA, at the newer")
    crowd.fence(newer, [bravo])
    assert bravo.of_type("t-x-d-d") == []
    newer.close()
    crowd.wait_until(lambda: bravo.of_type("t-x-d-d"), "the notice when the owner leaves")


def test_9_sixty_four_kibibytes_of_letters(daemon, crowd):
    sender, witness = gather(crowd, daemon.port, [events.ALPHA, events.BRAVO])
    sender.send(b"a" * 65_536)
    sender.send(corpus.one(14))
    crowd.wait_until(lambda: witness.has("5f0c6a10-0000-4000-8000-000000000014"), "the marker")


def test_9_nine_megabytes_without_an_end(daemon, crowd):
    sender, witness = gather(crowd, daemon.port, [events.ALPHA, events.BRAVO])
    before = 0 if is_emulated() else peak_resident_bytes(daemon.pid)
    sender.send(b"<event " * (9_000_000 // 7))
    crowd.wait_until(lambda: sender.unsent == 0, "the daemon taking it all", 30 * SLOW)
    sender.send(corpus.one(14))
    crowd.wait_until(lambda: witness.has("5f0c6a10-0000-4000-8000-000000000014"), "the marker")
    if not is_emulated():
        grown = peak_resident_bytes(daemon.pid) - before
        note(f"nine megabytes without an end: memory grown by {grown} bytes")
        assert grown <= 262_144


def test_10_the_picture_of_a_newcomer(daemon, crowd):
    alpha, bravo = gather(crowd, daemon.port, [events.ALPHA, events.BRAVO])
    alpha.send(b"".join(corpus.one(n) for n in (1, 14, 16, 25, 28, 36, 39)))
    bravo.send(corpus.one(40))
    crowd.answer(bravo)
    alpha.send(corpus.one(42) + corpus.one(48))
    crowd.fence_all([alpha, bravo])
    newcomer = crowd.join(daemon.port, events.CHARLIE)
    wanted = {alpha.person.uid, bravo.person.uid, "5f0c6a10-0000-4000-8000-000000000014",
              "ANDROID-00000000000000a1-9-1-1"}
    crowd.wait_until(
        lambda: all(newcomer.has(uid) for uid in wanted),
        lambda: f"{wanted - {e.uid for e in newcomer.received}}", PROMPT_SECONDS)
    crowd.fence(alpha, [newcomer])
    assert sorted(e.uid for e in newcomer.news()) == sorted(wanted)
    assert newcomer.last(bravo.person.uid).type == "a-f-G-U-C"
