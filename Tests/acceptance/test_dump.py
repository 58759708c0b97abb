"""The dump: what clients sent, byte by byte, and what gives way when the disk cannot follow.

Files are read by `tinycot.dump`, which knows the format from docs/dump.md only.
"""

import itertools
import os
import re
import signal
import stat
import time
from xml.etree import ElementTree

import pytest

from tinycot import corpus, dump, events
from tinycot.client import gather
from tinycot.daemon import free_port
from tinycot.figures import note
from tinycot.pace import SLOW, wait_for
from tinycot.storage import StoreDaemon
from tinycot.tracing import Tracer, held_call, is_held

# Answered or swallowed, by the table of the corpus: they go nowhere, and into no dump.
SWALLOWED = {"42", "43", "44", "45", "46", "49", "50", "51", "52", "61"}
ON = {"enabled": True}
# A ring that holds all that a test sends, however slow the disk is.
WIDE = {"dump_ring_bytes": 1_048_576, "memory_bytes": 16_777_216}
SMALL = {**WIDE, "event_max_bytes": 16_384, "dump_file_bytes": 65_536, "dump_bytes": 131_072}


def bare(data):
    """The event of a document: without what stands before and behind it."""
    return data[re.search(rb"<event[\s>/]", data).start():data.rindex(b"</event>") + 8]


def names(event):
    """What a first event says about its connection: uid and callsign of a position report."""
    root = ElementTree.fromstring(event)
    for contact in root.iterfind("detail/contact[@endpoint]"):
        if root.get("type").startswith("a-") and contact.get("callsign"):
            return root.get("uid"), contact.get("callsign")
    return "", ""


def counters(daemon):
    return daemon.status().document["counters"]["store"]


@pytest.fixture
def dumping(tmp_path, keep):
    """Starts daemons that dump: `dumping(dump={...}, config={...}, budget={...})`."""
    numbers = itertools.count()

    def start(settings=None, config=None, budget=None):
        config = {"dump": {**ON, **(settings or {})}, **(config or {})}
        return keep(StoreDaemon(tmp_path / f"daemon-{next(numbers)}", config, budget)).start()

    return start


def end(daemon):
    """A clean end: everything is in the files."""
    assert daemon.status().heap_allocations_after_seal == 0
    daemon.expected_to_end = True
    assert daemon.terminate() == 0
    return dump.read(daemon.state_dir)


def two_teams():
    ports = [free_port(), free_port()]
    return ports, {
        "cot": {"listen": []},
        "teams": [{"name": "blue", "listen": [f"127.0.0.1:{ports[0]}"]},
                  {"name": "röd--", "listen": [f"127.0.0.1:{ports[1]}"]}]}


def test_it_is_off_unless_it_is_asked_for(daemon, crowd):
    gather(crowd, daemon.port, [events.ALPHA, events.BRAVO])
    assert "dump" not in daemon.log()
    assert not (daemon.state_dir / "dump").exists()


def test_the_corpus_is_dumped_as_it_was_sent(dumping, crowd):
    ports, config = two_teams()
    daemon = dumping(config=config)
    expected = []
    for number, row in enumerate(corpus.VALID):
        client = crowd.connect(ports[number % 2])
        client.send(row.data)
        crowd.answer(client)
        client.close()
        if row.name[:2] not in SWALLOWED:
            expected.append((row, bare(row.data), ["blue", "röd--"][number % 2]))
    entries = end(daemon)
    assert [entry.event for entry in entries] == [event for _, event, _ in expected]
    for entry, (row, _, team) in zip(entries, expected):
        assert entry.team == team and entry.address == "127.0.0.1", row.name
        assert (entry.sender, entry.callsign) == names(entry.event), row.name
    clocks = [entry.clock for entry in entries]
    assert clocks == sorted(clocks)
    with open("/proc/sys/kernel/random/boot_id") as file:
        assert {entry.boot for entry in entries} == {file.read().strip()}
    log = daemon.log()
    assert f"the dump is on: {daemon.state_dir}/dump" in log


def test_a_dump_is_a_stream_that_a_server_takes(dumping, crowd):
    """`cat` of the files, sent to another server: every event is taken, and dumped once more."""
    first, second = dumping(budget=WIDE), dumping(budget=WIDE)
    client = crowd.connect(first.port)
    for row in corpus.VALID:
        if row.name[:2] not in SWALLOWED:
            client.send(row.data)
    crowd.answer(client)
    entries = end(first)
    assert len(entries) == len(corpus.VALID) - len(SWALLOWED)
    whole = b"".join(path.read_bytes() for path in dump.files(first.state_dir))
    player = crowd.connect(second.port)
    player.send(whole)
    crowd.answer(player)
    status = second.status()
    assert status.refused_total == 0, status.refused
    # The ping is an event, too.
    assert status.events_in == len(entries) + 1
    assert [e.event for e in end(second)] == [e.event for e in entries]


def test_names_of_clients_cannot_break_a_comment(dumping, crowd):
    daemon = dumping()
    people = [events.Person(f'u--{n}-"&<>%-', name) for n, name in enumerate(
        ['--> <event uid="evil"/>', "50% -- \"", "-", "Łódź 救急", "a\u00a0b--"])]
    expected = []
    for person in people:
        client = crowd.connect(daemon.port)
        data = person.position()
        client.send(data)
        crowd.answer(client)
        expected.append((bare(data), person.uid, person.callsign))
    assert [(e.event, e.sender, e.callsign) for e in end(daemon)] == expected


def test_what_is_refused_is_not_dumped(dumping, crowd):
    daemon = dumping()
    alpha, = gather(crowd, daemon.port, [events.ALPHA])
    alpha.send(b'<event version="2.0" uid="x" type="a-f-G"></event>')
    alpha.send(events.marker("good"))
    crowd.answer(alpha)
    assert daemon.status().refused_total == 1
    assert [b'uid="x"' in e.event for e in end(daemon)][-1:] == [False]


def test_only_what_is_asked_for_is_dumped(dumping, crowd):
    ports, config = two_teams()
    daemon = dumping({"types": ["b-m-p", "b-t-f"], "teams": ["blue"],
                      "uids": ["m-1", events.BRAVO.uid]}, config)
    alpha = crowd.join(ports[0], events.ALPHA)
    bravo = crowd.join(ports[0], events.BRAVO)
    other = crowd.join(ports[1], events.CHARLIE)
    crowd.wait_until(lambda: alpha.has(events.BRAVO.uid), "BRAVO")
    chat = events.BRAVO.chat("hear me")
    wanted = []
    for client, data, is_wanted in [
            (alpha, events.marker("m-1"), True), (alpha, events.marker("m-2"), False),
            (bravo, events.marker("m-3"), True), (bravo, chat, True),
            (other, events.marker("m-1"), False), (bravo, events.BRAVO.position(), False)]:
        client.send(data)
        crowd.answer(client)
        if is_wanted:
            wanted.append(bare(data))
    assert [e.event for e in end(daemon)] == wanted


def test_a_reload_turns_it_on_and_off(dumping, crowd):
    daemon = dumping({"enabled": False})
    alpha, = gather(crowd, daemon.port, [events.ALPHA])
    config = daemon.config

    def change(settings, line):
        before = len(daemon.log())
        daemon.write_config({**config, "dump": settings})
        daemon.signal(signal.SIGHUP)
        daemon.wait_log(line, after=before)

    def send(uid):
        data = events.marker(uid)
        alpha.send(data)
        crowd.answer(alpha)
        return bare(data)

    send("before")
    assert not (daemon.state_dir / "dump").exists()
    change({"enabled": True}, "the dump is on: .*/dump")
    first = send("first")
    # Off again at once: what was routed before is in the file, and the file is whole.
    change({"enabled": False}, "the dump is off")
    wait_for(lambda: dump.read(daemon.state_dir, True), 5, "the first file")
    assert [e.event for e in dump.read(daemon.state_dir)] == [first]
    send("between")
    change({"enabled": True, "types": ["a-"]}, "the dump is on")
    send("not of this type")
    position = events.ALPHA.position()
    alpha.send(position)
    crowd.answer(alpha)
    # Another filter, without a word: the dump goes on.
    change({"enabled": True, "teams": ["open"]}, "configuration reloaded")
    last = send("last")
    assert [e.event for e in end(daemon)] == [first, bare(position), last]
    assert [p.name for p in dump.files(daemon.state_dir)] == \
        ["cot-00000001.xml", "cot-00000002.xml"]
    assert daemon.log().count("the dump is on") == 2


def test_a_wrong_reload_changes_nothing(dumping, crowd):
    daemon = dumping()
    alpha, = gather(crowd, daemon.port, [events.ALPHA])
    daemon.write_config({**daemon.config, "dump": {"teams": ["opne"]}})
    daemon.signal(signal.SIGHUP)
    daemon.wait_log('there is no team "opne"; did you mean "open"')
    alpha.send(events.marker("still dumped"))
    crowd.answer(alpha)
    assert b'uid="still dumped"' in end(daemon)[-1].event


def test_files_are_the_owners_and_are_written_within_seconds(dumping, crowd):
    daemon = dumping()
    alpha, = gather(crowd, daemon.port, [events.ALPHA])
    alpha.send(events.marker("soon"))
    # The store looks once a second, and waits at most five for more.
    wait_for(lambda: [e for e in dump.read(daemon.state_dir, True) if b"soon" in e.event], 9,
             "the event in its file")
    path, = dump.files(daemon.state_dir)
    assert stat.S_IMODE(path.stat().st_mode) & 0o137 == 0
    assert stat.S_IMODE(path.parent.stat().st_mode) & 0o027 == 0
    seen = counters(daemon)
    entries = dump.read(daemon.state_dir)
    assert seen["dump_events"] == len(entries) and seen["dump_files"] == 1
    assert seen["dump_bytes"] == path.stat().st_size == seen["written_today_dump"]
    ring = daemon.status().pools["dump_ring_bytes"]
    assert ring["used"] == 0 < ring["peak"] <= ring["limit"] == 98_304


def test_files_are_rotated_and_the_oldest_go(dumping, crowd):
    daemon = dumping(budget=SMALL)
    (daemon.state_dir / "dump").mkdir(exist_ok=True)
    foreign = daemon.state_dir / "dump" / "notes.txt"
    foreign.write_text("mine")
    alpha, = gather(crowd, daemon.port, [events.ALPHA])
    sent = []
    for number in range(400):
        sent.append(bare(events.marker(f"m-{number}", f"<x>{'n' * 900}</x>")))
        alpha.send(sent[-1])
        if number % 50 == 49:
            crowd.answer(alpha)
    entries = end(daemon)
    sizes = [path.stat().st_size for path in dump.files(daemon.state_dir)]
    assert sum(sizes) <= 131_072 and max(sizes) <= 65_536 and len(sizes) >= 2
    assert sum(sizes) > 65_536, "no more went than had to"
    got = [e.event for e in entries]
    assert got == sent[-len(got):], "the newest, without a gap"
    assert int(dump.files(daemon.state_dir)[-1].name[4:-4]) > 5
    assert foreign.read_text() == "mine"


def test_a_file_is_closed_after_its_time(dumping, crowd):
    """The shortest time is a minute, so this one waits that long."""
    daemon = dumping({"file_seconds": 60})
    alpha, = gather(crowd, daemon.port, [events.ALPHA])
    first = time.monotonic()
    alpha.send(events.marker("early"))
    crowd.answer(alpha)
    crowd.run_for(max(0, first + 62 - time.monotonic()))
    alpha.send(events.marker("late"))
    crowd.answer(alpha)
    end(daemon)
    one, two = [path.read_bytes() for path in dump.files(daemon.state_dir)]
    assert b'"early"' in one and b'"late"' in two


def test_another_life_begins_another_file(dumping, crowd):
    daemon = dumping()
    sent = []
    for life in range(3):
        client = crowd.connect(daemon.port)
        for number in range(60):
            sent.append(bare(events.marker(f"m-{life}-{number}", f"<x>{'n' * 500}</x>")))
            client.send(sent[-1])
        crowd.answer(client)
        if life == 1:
            # The plug is pulled: what was not yet handed over is lost, half an event perhaps, and
            # nothing else.
            daemon.kill()
            got = [e.event for e in dump.read(daemon.state_dir, may_be_cut_off=True)]
            assert got == sent[:len(got)] and len(got) >= 60
            sent = got
            daemon.start()
        elif life == 0:
            daemon.restart()
    assert [e.event for e in end(daemon)] == sent
    assert 2 <= len(dump.files(daemon.state_dir)) <= 3


def test_a_file_that_was_cut_off_is_mended_at_the_start(dumping, crowd):
    daemon = dumping()
    client = crowd.connect(daemon.port)
    client.send(events.marker("whole"))
    client.send(events.marker("half"))
    crowd.answer(client)
    end(daemon)
    path, = dump.files(daemon.state_dir)
    path.write_bytes(path.read_bytes()[:-30])
    daemon.start()
    daemon.expected_to_end = False
    assert re.search(r"\d+ bytes of an event that was cut off removed from the end of file 1",
                     daemon.log())
    client = crowd.connect(daemon.port)
    client.send(events.marker("next"))
    crowd.answer(client)
    uids = [re.search(rb'uid="(\w+)"', e.event)[1] for e in end(daemon)]
    assert uids == [b"whole", b"next"]


def test_what_was_routed_before_the_end_is_in_the_file(dumping, crowd):
    daemon = dumping()
    alpha, = gather(crowd, daemon.port, [events.ALPHA])
    for number in range(200):
        alpha.send(events.marker(f"m-{number}"))
    crowd.answer(alpha)
    daemon.expected_to_end = True
    daemon.signal(signal.SIGTERM)
    assert daemon.wait_end() == 0
    text = b"".join(e.event for e in dump.read(daemon.state_dir))
    assert [n for n in range(200) if f'uid="m-{n}"'.encode() not in text] == []


def test_the_write_budget_of_a_day_stops_it(dumping, crowd):
    """Half of a day's bytes are the dump's; 1 MiB is the least that a day may have."""
    daemon = dumping(budget={**WIDE, "disk_write_bytes_per_day": 1_048_576})
    alpha = crowd.connect(daemon.port)
    sent = []
    for number in range(700):
        sent.append(bare(events.marker(f"m-{number}", f"<x>{'n' * 900}</x>")))
        alpha.send(sent[-1])
    crowd.answer(alpha)
    daemon.wait_log("events are not dumped: half of disk_write_bytes_per_day, 1048576, is written")
    alpha.send(events.marker("one more"))
    crowd.answer(alpha)
    wait_for(lambda: sum(counters(daemon)[name] for name in (
        "dump_events", "dump_dropped_disk", "dump_dropped_ring_full")) == 701, 10, "all counted")
    seen = counters(daemon)
    entries = end(daemon)
    assert sum(path.stat().st_size for path in dump.files(daemon.state_dir)) <= 524_288
    # What is left of the half may just do for the last, which is smaller.
    got = [e.event for e in entries if b'uid="one more"' not in e.event]
    assert got == sent[:len(got)] and len(got) > 300
    assert seen["dump_dropped_ring_full"] == 0
    assert daemon.log().count("events are not dumped") == 1


# A disk that stands still, or fails.


def held_in_the_dump(daemon, tracer):
    for thread in tracer.threads:
        if is_held(daemon.pid, thread):
            call = held_call(daemon.pid, thread)
            if "/dump/cot-" in call:
                return call
    return None


@pytest.mark.native
@pytest.mark.load
def test_a_disk_that_stands_still_costs_the_dump_only(dumping, crowd, tmp_path):
    daemon = dumping()
    alpha, bravo = gather(crowd, daemon.port, [events.ALPHA, events.BRAVO])
    wait_for(lambda: dump.files(daemon.state_dir), 10, "the first file")
    wait_for(lambda: counters(daemon)["dump_events"] > 0, 10, "the first events in it")
    path = dump.files(daemon.state_dir)[0]
    with Tracer(daemon.pid, tmp_path / "log", "-P", str(path), "-e", "trace=write",
                "-e", "inject=write:delay_enter=600s") as tracer:
        sent = [bare(events.marker("m-0"))]
        alpha.send(sent[0])
        wait_for(lambda: held_in_the_dump(daemon, tracer), 12, "the store to be held")
        slowest = 0
        for number in range(1, 600):
            sent.append(bare(events.marker(f"m-{number}", f"<x>{'n' * 600}</x>")))
            began = time.monotonic()
            alpha.send(sent[-1])
            crowd.wait_until(lambda n=number: bravo.has(f"m-{n}"), f"m-{number}")
            slowest = max(slowest, time.monotonic() - began)
        assert held_in_the_dump(daemon, tracer), "the disk was not blocked all the time"
        tracer.stop()
    note(f"dump held in a write: 600 events, the slowest took {slowest * 1000:.1f} ms")
    alpha.send(events.marker("afterwards"))
    crowd.answer(alpha)
    wait_for(lambda: counters(daemon)["dump_dropped_ring_full"] > 0, 10, "what was dropped")
    wait_for(lambda: b"afterwards" in b"".join(
        p.read_bytes() for p in dump.files(daemon.state_dir)), 12, "the dump to go on")
    seen = counters(daemon)
    entries = end(daemon)
    others = [e for e in entries if e.event not in set(sent)]
    assert len(entries) + seen["dump_dropped_ring_full"] == len(sent) + len(others)
    kept = [e.event for e in entries if e.event in set(sent)]
    assert kept == [event for event in sent if event in set(kept)], "in their order"
    assert kept[0] == sent[0] and 100 < len(kept) < 300, "as many as the ring holds"
    assert seen["dump_dropped_disk"] == 0


@pytest.mark.native
@pytest.mark.load
@pytest.mark.parametrize("error, words", [
    ("ENOSPC", "No space left on device"), ("EIO", "Input/output error"),
    ("EROFS", "Read-only file system")])
def test_a_disk_that_fails_is_said_once_and_tried_again(dumping, crowd, tmp_path, error, words):
    daemon = dumping()
    alpha, = gather(crowd, daemon.port, [events.ALPHA])
    alpha.send(events.marker("before"))
    wait_for(lambda: counters(daemon)["dump_events"] >= 2, 12, "the first events")
    path = dump.files(daemon.state_dir)[0]
    with Tracer(daemon.pid, tmp_path / "log", "-P", str(path), "-e", "trace=write",
                "-e", f"inject=write:error={error}") as tracer:
        alpha.send(events.marker("lost"))
        crowd.answer(alpha)
        daemon.wait_log(f"events are not dumped to .*/dump: a dump file cannot be written: {words}"
                        "; tried again every 30 seconds", 12)
        failed = time.monotonic()
        tracer.stop()
    alpha.send(events.marker("lost too"))
    crowd.answer(alpha)
    wait_for(lambda: counters(daemon)["dump_dropped_disk"] == 2, 5, "both counted")
    crowd.run_for(max(0, failed + 31 * SLOW - time.monotonic()))
    alpha.send(events.marker("after"))
    crowd.answer(alpha)
    daemon.wait_log("the dump goes on; 2 events were dropped", 12)
    entries = end(daemon)
    uids = [re.search(rb'uid="([^"]+)"', e.event)[1] for e in entries]
    assert uids[-2:] == [b"before", b"after"]
    assert b"lost" not in uids and b"lost too" not in uids
    assert daemon.log().count("events are not dumped") == 1


@pytest.mark.native
def test_a_folder_that_cannot_be_made_is_no_reason_to_stop(dumping, crowd):
    daemon = dumping({"enabled": False})
    (daemon.state_dir / "dump").write_text("in the way")
    alpha, = gather(crowd, daemon.port, [events.ALPHA])
    daemon.write_config({**daemon.config, "dump": ON})
    daemon.signal(signal.SIGHUP)
    daemon.wait_log("events are not dumped to .*: the folder of the dump cannot be opened: "
                    "Not a directory")
    alpha.send(events.marker("lost"))
    crowd.answer(alpha)
    wait_for(lambda: counters(daemon)["dump_dropped_disk"] == 1, 5, "it counted")
    os.unlink(daemon.state_dir / "dump")


def test_the_reserve_of_the_disk_is_kept(dumping, crowd):
    daemon = dumping(budget={"disk_reserve_bytes": 1_099_511_627_776})
    alpha, = gather(crowd, daemon.port, [events.ALPHA])
    alpha.send(events.marker("no room"))
    daemon.wait_log("events are not dumped to .*: no more than disk_reserve_bytes is free", 12)
    assert dump.files(daemon.state_dir) == []
    assert counters(daemon)["dump_dropped_disk"] >= 2
    crowd.answer(alpha)
