"""`tinycot replay`: the recorded bytes, at the recorded pace, each sender on a connection of its own."""

import re
import signal
import subprocess
import time

import pytest

from tinycot import corpus, events
from tinycot.client import gather
from tinycot.daemon import command, free_port
from tinycot.dumps import Record, event_of, write
from tinycot.pace import SLOW, wait_for
from tinycot.sink import Sink

# What stands before each event on the wire (protocol 12, line 4).
DECLARATION = b'<?xml version="1.0" encoding="UTF-8"?>\n'
ROWS = [row for row in corpus.VALID if row.name[:2] != "51"]


@pytest.fixture
def sink():
    one = Sink()
    yield one
    one.close()


def replay(*arguments, code=0, seconds=60):
    done = subprocess.run(
        command("replay", *arguments), capture_output=True, text=True, timeout=seconds * SLOW,
        stdin=subprocess.DEVNULL)
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    return done.stdout, done.stderr


def stream(records):
    return b"".join(DECLARATION + record.event for record in records)


def small(number, sender, clock):
    return Record(event_of(events.marker(f"replayed-{number}")), clock=clock, sender=sender)


def ended(sink, links):
    """All connections are there and over."""
    wait_for(lambda: len(sink.links) == links and all(link.ended for link in sink.links), 10,
             f"{links} connections and their ends")


def test_every_byte_of_every_sender_comes_on_its_own_connection(sink, tmp_path):
    records = [
        Record(event_of(row.data), clock=number, sender=f"S-{number % 3}")
        for number, row in enumerate(ROWS)]
    out, complaints = replay(
        write(tmp_path / "a.xml", records), "--to", f"127.0.0.1:{sink.port}", "--speed", "0")
    ended(sink, 3)
    for number, link in enumerate(sink.links):
        assert link.data == stream(records[number::3])
    assert complaints == ""
    assert re.fullmatch(rf"replayed {len(ROWS)} events over 3 connections in \d+\.\d{{3}} s\n", out)


def test_the_recorded_pace_ten_times_as_fast(sink, tmp_path):
    clocks = [7_000, 8_000, 8_000, 10_500, 12_000]
    records = [small(number, "S", clock) for number, clock in enumerate(clocks)]
    began = time.monotonic()
    out, _ = replay(
        write(tmp_path / "a.xml", records), "--to", f"127.0.0.1:{sink.port}", "--speed", "10")
    took = time.monotonic() - began
    ended(sink, 1)
    link = sink.links[0]
    assert link.data == stream(records)
    length = 0
    for record, clock in zip(records, clocks):
        length += len(DECLARATION + record.event)
        # Never early. Late only as far as this machine is slow.
        due = (clock - clocks[0]) / 1_000 / 10
        assert due - 0.02 <= sink.when(link, length) - link.accepted <= due + 1.5 * SLOW
    assert 0.5 <= took <= 0.5 + 2.5 * SLOW
    assert re.search(r"in 0\.5\d\d s, at most 0\.\d{3} s late", out) or SLOW > 1


def test_speeds_and_gaps(sink, tmp_path):
    """An hour of silence is cut; half the speed takes twice the time; files are one recording."""
    first = write(tmp_path / "1.xml", [small(0, "S", 1_000), small(1, "S", 3_601_000)])
    second = write(tmp_path / "2.xml", [small(2, "S", 3_601_100)])
    other = write(tmp_path / "3.xml", [small(3, "S", 5), small(4, "S", 55)], boot="another")
    began = time.monotonic()
    replay(first, second, other, "--to", f"127.0.0.1:{sink.port}", "--speed=0.5", "--max-gap", "0.2")
    took = time.monotonic() - began
    assert 2 * (0.2 + 0.1 + 0 + 0.05) <= took <= 0.7 + 2.5 * SLOW
    ended(sink, 1)
    assert sink.links[0].data.count(b"<event ") == 5


def test_without_comments_the_events_say_the_time(sink, tmp_path):
    texts = [f"2026-01-15T12:00:0{second}.000Z" for second in (0, 3, 1, 5)]
    records = [
        event_of(events.marker(f"t-{n}")).replace(b'" time="', b'" x="').replace(
            b"<event ", f'<event time="{text}" '.encode()) for n, text in enumerate(texts)]
    (tmp_path / "a.cot").write_bytes(b"\r\n".join(DECLARATION + record for record in records))
    began = time.monotonic()
    replay(tmp_path / "a.cot", "--to", f"127.0.0.1:{sink.port}", "--speed", "10")
    assert 0.5 <= time.monotonic() - began <= 0.5 + 2.5 * SLOW
    ended(sink, 1)
    assert sink.links[0].data == b"".join(DECLARATION + record for record in records)


def test_seventy_senders_have_sixty_four_connections(sink, tmp_path):
    records = [small(number, f"S-{number % 70}", number) for number in range(140)]
    out, _ = replay(
        write(tmp_path / "a.xml", records), "--to", f"127.0.0.1:{sink.port}", "--speed", "0")
    ended(sink, 64)
    for number, link in enumerate(sink.links[:63]):
        assert link.data == stream(records[number::70])
    assert sink.links[63].data == stream(
        [record for n, record in enumerate(records) if n % 70 >= 63])
    assert "over 64 connections" in out
    assert "more than 64 senders: 12 events came over the connection of another" in out


def test_a_server_that_talks_and_takes_its_time(tmp_path):
    """It sends two megabytes that nobody wants, and reads nothing until they are taken."""
    def talk(connection, number):
        connection.sendall(b"x" * 2_000_000)

    sink = Sink(on_accept=talk, receive_buffer=4_096)
    try:
        records = [small(number, "S", number) for number in range(4_000)]
        replay(write(tmp_path / "a.xml", records), "--to", f"127.0.0.1:{sink.port}", "--speed", "0")
        ended(sink, 1)
        assert sink.links[0].data == stream(records)
    finally:
        sink.close()


def test_a_connection_that_the_server_closes_is_given_up(tmp_path):
    """The second of two: what its sender says later goes over the first."""
    sink = Sink(on_accept=lambda connection, number: number != 1)
    try:
        records = [small(0, "A", 0), small(1, "B", 1), small(2, "B", 1_000), small(3, "A", 1_100)]
        out, _ = replay(
            write(tmp_path / "a.xml", records), "--to", f"127.0.0.1:{sink.port}", "--speed", "2")
        wait_for(lambda: sink.links[0].ended, 10, "the end")
        assert sink.links[0].data == stream([records[0], records[2], records[3]])
        assert "the server closed 1 connection; their senders went on over another" in out
    finally:
        sink.close()


def test_a_server_that_leaves_is_said(tmp_path):
    sink = Sink(on_accept=lambda connection, number: False)
    try:
        records = [small(0, "A", 0), small(1, "A", 500)]
        _, complaints = replay(
            write(tmp_path / "a.xml", records), "--to", f"127.0.0.1:{sink.port}", code=69)
        assert complaints == "tinycot: the server has closed the connection.\n"
    finally:
        sink.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly(number, sink, tmp_path):
    records = [small(0, "A", 0), small(1, "A", 3_600_000)]
    process = subprocess.Popen(
        command("replay", write(tmp_path / "a.xml", records), "--to", f"127.0.0.1:{sink.port}"),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        wait_for(lambda: sink.links and sink.links[0].data == stream(records[:1]), 10, "the first")
        process.send_signal(number)
        out, complaints = process.communicate(timeout=10 * SLOW)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0 and complaints == ""
    assert out.startswith("interrupted after 1 event over 1 connection in ")
    ended(sink, 1)


def test_targets(tmp_path):
    path = write(tmp_path / "a.xml", [small(0, "A", 0)])
    six = Sink(host="::1")
    try:
        replay(path, "--to", f"[::1]:{six.port}")
        replay(path, "--to", f"localhost:{six.port}")
        ended(six, 2)
    finally:
        six.close()
    four = Sink()
    try:
        replay(path, "--to", f"localhost:{four.port}")
        ended(four, 1)
    finally:
        four.close()
    port = free_port()
    assert "cannot connect to 127.0.0.1" in replay(path, "--to", f"127.0.0.1:{port}", code=69)[1]
    for target in ("server.example:8087", "127.0.0.1", "localhost", "127.0.0.1:0", "::1:8087"):
        assert f'--to is "{target}", ' in replay(path, "--to", target, code=64)[1]
    for options in (["--speed", "1001"], ["--speed", "-1"], ["--max-gap", "soon"]):
        assert "is not a number" in replay(path, "--to", "127.0.0.1:1", *options, code=64)[1]
    (tmp_path / "junk").write_bytes(b"nothing\n")
    assert "holds no" in replay(tmp_path / "junk", "--to", "127.0.0.1:1", code=65)[1]


def test_receivers_of_a_second_server_get_the_recorded_bytes(daemon, crowd, tmp_path):
    """All that is broadcast comes through unchanged; directed chat finds its receiver and nobody else."""
    alpha, delta = events.ALPHA, events.somebody(7)
    # 64 to 66 hold what a client would cut at, so the server mends them; positions of somebody would
    # give the feeder's connection their name.
    broadcast = [row for row in ROWS if row.to == corpus.ALL and row.sender == "A" and not row.named
                 and b"<marti" not in row.data and row.name[:2] not in ("64", "65", "66")]
    assert len(broadcast) > 30
    records = [Record(event_of(person.position()), 0, person.uid) for person in (alpha, delta)]
    records += [Record(event_of(row.data), n, "feeder") for n, row in enumerate(broadcast)]
    private = alpha.chat("for you alone", to=events.BRAVO)
    records.append(Record(event_of(private), 1_000, alpha.uid))
    records.append(Record(event_of(events.marker("the end")), 1_100, alpha.uid))
    path = write(tmp_path / "a.xml", records)

    bravo, charlie = gather(crowd, daemon.port, [events.BRAVO, events.CHARLIE])
    process = subprocess.Popen(
        command("replay", path, "--to", f"127.0.0.1:{daemon.port}"),
        stdout=subprocess.PIPE, text=True)
    try:
        crowd.wait_until(lambda: charlie.has("the end"), "the last event", 20 * SLOW)
        # Those two have left as two people, not with the connection of one.
        crowd.wait_until(
            lambda: {alpha.uid, delta.uid} <= departed(charlie), "both departures", 10 * SLOW)
        out, _ = process.communicate(timeout=20 * SLOW)
    finally:
        process.kill()
        process.wait()
    assert f"replayed {len(records)} events over 3 connections" in out
    crowd.fence(bravo, [charlie])

    sent = [record.event for record in records if record.event != event_of(private)]
    got = [event.raw for event in charlie.news()]
    # Once the sender of all else, then the notices of the server.
    assert sorted(got[:len(sent)]) == sorted(sent)
    assert all(b"t-x-d-d" in event for event in got[len(sent):])
    chats = [event.raw for event in bravo.news() if event.type == "b-t-f" and event.raw not in sent]
    assert chats == [re.sub(rb"<marti>.*</marti>", b"", event_of(private))]


def departed(client):
    """The uids that the server said have left."""
    found = b"".join(event.raw for event in client.of_type("t-x-d-d"))
    return {uid.decode() for uid in re.findall(rb'relation="p-p" uid="([^"]+)"', found)}
