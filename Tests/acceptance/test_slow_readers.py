"""Clients that do not read: what they lose, what they never lose, and that nobody else notices."""

import time

import pytest

from tinycot import corpus, events
from tinycot.client import gather
from tinycot.figures import note
from tinycot.pace import PROMPT_SECONDS, SLOW
from tinycot.process import processor_seconds


def slow_client(crowd, daemon, person, witness, receive_buffer=4_096, segment=None):
    """A client with a small window that has stopped reading."""
    slow = crowd.join(daemon.port, person, receive_buffer=receive_buffer, segment=segment)
    crowd.wait_until(lambda: slow.has(witness.person.uid), "the picture")
    crowd.wait_until(lambda: witness.has(person.uid), "its position")
    slow.news()
    witness.news()
    slow.pause()
    return slow


def send_positions(crowd, sender, witness, count, people):
    """`count` positions, in turns of `people` uids; the witness keeps up.

    Returns how long the slowest turn took to reach the witness, in seconds.
    """
    longest = 0.0
    for start in range(0, count, 20):
        began = time.monotonic()
        for number in range(start, start + 20):
            person = events.somebody(0x5000 + number % people)
            data = person.position(note=f'<seq n="{number}"/>')
            # Without an endpoint it names nobody: all of these come from one connection.
            sender.send(data.replace(b' endpoint="*:-1:stcp"', b""))
        goal = start + 20
        crowd.wait_until(
            lambda: sum(b"<seq" in e.raw for e in witness.received) >= goal,
            lambda: f"position {goal} at the witness")
        longest = max(longest, time.monotonic() - began)
    return longest


def numbers(received):
    return [int(e.raw.split(b'<seq n="')[1].split(b'"')[0]) for e in received if b"<seq" in e.raw]


def test_a_full_queue_loses_positions_and_keeps_chat(daemon, crowd):
    alpha, charlie = gather(crowd, daemon.port, [events.ALPHA, events.CHARLIE])
    slow = slow_client(crowd, daemon, events.BRAVO, charlie)
    alpha.send(corpus.one(28))
    longest = send_positions(crowd, alpha, charlie, 1_000, people=1_000)
    alpha.send(events.ALPHA.chat("last words", to=events.BRAVO))
    crowd.answer(alpha)
    status = daemon.status().by_uid(slow.person.uid)
    assert status.queue_events <= 200
    assert status.dropped > 0, "nothing was dropped: the kernel took it all"
    assert status.dropped_important == 0
    slow.resume()
    crowd.wait_until(
        lambda: any(b"last words" in e.raw for e in slow.received), "the chat behind it all")
    crowd.fence(alpha, [slow])
    chats = [e for e in slow.news() if e.type == "b-t-f"]
    assert len(chats) == 2
    came = numbers(slow.received)
    after = daemon.status().by_uid(slow.person.uid)
    assert len(came) + after.dropped == 1_000
    assert came == sorted(came), "order must hold"
    # The newest are worth most: they must all be there.
    assert came[-100:] == list(range(900, 1_000))
    assert numbers(charlie.received) == list(range(1_000))
    assert longest < 1.0 * SLOW


def test_positions_of_one_phone_supersede_each_other(daemon, crowd):
    alpha, charlie = gather(crowd, daemon.port, [events.ALPHA, events.CHARLIE])
    slow = slow_client(crowd, daemon, events.BRAVO, charlie)
    alpha.send(events.marker("must survive"))
    send_positions(crowd, alpha, charlie, 1_000, people=5)
    crowd.answer(alpha)
    status = daemon.status().by_uid(slow.person.uid)
    assert status.drops["superseded"] > 0
    assert status.drops["queue_full_marker"] == 0
    slow.resume()
    crowd.fence(alpha, [slow])
    came = numbers(slow.received)
    assert came[-5:] == [995, 996, 997, 998, 999], "the latest position of each phone"
    assert came == sorted(came)
    assert slow.has("must survive")
    after = daemon.status().by_uid(slow.person.uid)
    assert len(came) + after.dropped == 1_000


def test_markers_go_before_chat(start_daemon, crowd):
    daemon = start_daemon()
    alpha, charlie = gather(crowd, daemon.port, [events.ALPHA, events.CHARLIE])
    slow = slow_client(crowd, daemon, events.BRAVO, charlie)
    for turn in range(60):
        for number in range(10):
            alpha.send(events.marker(f"mark-{turn}-{number}", stale_seconds=60))
        alpha.send(events.ALPHA.chat(f"line {turn}."))
        crowd.wait_until(lambda: len(charlie.of_type("b-t-f")) > turn, "live delivery")
    crowd.answer(alpha)
    status = daemon.status().by_uid(slow.person.uid)
    assert status.drops["queue_full_marker"] > 0 and status.dropped_important == 0
    slow.resume()
    crowd.fence(alpha, [slow])
    lines = [e.raw for e in slow.received if e.type == "b-t-f"]
    assert len(lines) == 60
    assert all(f"line {turn}.".encode() in raw for turn, raw in enumerate(lines))


def test_who_takes_no_byte_is_disconnected(start_daemon, crowd):
    stall = 5
    daemon = start_daemon({"stall_seconds": stall})
    alpha, charlie = gather(crowd, daemon.port, [events.ALPHA, events.CHARLIE])
    slow = slow_client(crowd, daemon, events.BRAVO, charlie)
    send_positions(crowd, alpha, charlie, 600, people=600)
    began = time.monotonic()
    crowd.wait_until(
        lambda: charlie.of_type("t-x-d-d"), "the stalled client's notice", stall + 5 * SLOW)
    waited = time.monotonic() - began
    assert waited > stall - 2, f"cut off after {waited:.1f} s already"
    status = daemon.status()
    assert status.by_uid(slow.person.uid) is None
    assert status.closed["stalled"] == 1
    # The place is free again and the phone may come back.
    slow.close()
    again = crowd.join(daemon.port, events.BRAVO)
    crowd.wait_until(lambda: again.has(alpha.person.uid), "the picture")


@pytest.mark.parametrize("bytes_a_second", [30_000, 3_000])
def test_a_client_that_reads_a_little_is_not_stalled(bytes_a_second, start_daemon, crowd):
    """A phone on a radio link takes bytes all the time, if not many. It must be left in peace."""
    daemon = start_daemon({"stall_seconds": 5})
    alpha, charlie = gather(crowd, daemon.port, [events.ALPHA, events.CHARLIE])
    slow = slow_client(
        crowd, daemon, events.BRAVO, charlie, receive_buffer=16_384, segment=1_448)
    slow.read_bytes = bytes_a_second // 10
    send_positions(crowd, alpha, charlie, 600, people=600)
    end = time.monotonic() + 12
    while time.monotonic() < end and not slow.closed:
        before = slow.bytes_received
        slow.resume()
        crowd.wait_until(lambda: slow.bytes_received > before or slow.closed, "some bytes")
        slow.pause()
        alpha.send(events.ALPHA.position())
        crowd.run_for(0.1)
    note(f"{bytes_a_second} bytes a second: took {slow.bytes_received} bytes in 12 s")
    assert not slow.closed, f"it took bytes all the time, but: {daemon.status().closed}"


def test_an_idle_daemon_sleeps(daemon, crowd):
    """A client that does not read must not make the loop spin."""
    alpha, charlie = gather(crowd, daemon.port, [events.ALPHA, events.CHARLIE])
    slow_client(crowd, daemon, events.BRAVO, charlie)
    send_positions(crowd, alpha, charlie, 400, people=400)
    crowd.answer(alpha)
    before = processor_seconds(daemon.pid)
    crowd.run_for(2.0)
    spent = processor_seconds(daemon.pid) - before
    assert spent < 0.2 * SLOW, f"{spent:.2f} s of processor in 2 idle seconds"


def test_the_queue_is_bounded_in_bytes_too(daemon, crowd):
    """Two hundred events of 60 kB would be 12 MB for one client."""
    alpha, charlie = gather(crowd, daemon.port, [events.ALPHA, events.CHARLIE])
    slow = slow_client(crowd, daemon, events.BRAVO, charlie)
    filler = "<x>" + "n" * 60_000 + "</x>"
    for number in range(100):
        alpha.send(events.marker(f"huge-{number}", filler, stale_seconds=1))
        crowd.wait_until(lambda: charlie.has(f"huge-{number}"), "live delivery", PROMPT_SECONDS)
    row = daemon.status().by_uid(slow.person.uid)
    assert row.queue_bytes <= 262_144 + 65_536
    assert row.dropped > 0
    assert all(charlie.count(f"huge-{n}") == 1 for n in range(100))
