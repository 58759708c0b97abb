"""`tinycot backup` and `tinycot restore`: with the daemon at work, and without it.

What a backup holds is judged by the files, with Python's SHA-256 and Python's sqlite3.
"""

import fcntl
import hashlib
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import threading
import time
from pathlib import Path

import pytest

from tinycot import events, http, states, uploads
from tinycot.backups import Place, check_whole, contents, left_over, manifest, rows, sha256
from tinycot.daemon import command, free_port
from tinycot.figures import note
from tinycot.storage import StoreDaemon
from tinycot.tracing import Tracer, parse
from tinycot.traffic import percentile
from tinycot.uploads import made_up

OK, USAGE, BAD_DATA, NO_INPUT, SYSTEM = 0, 64, 65, 66, 71
LAZY = {"state_seconds": 3600}
CANNOT_CREATE, TEMPORARY, NO_PERMISSION = 73, 75, 77
FEED = ('<videoConnections><feed><protocol>rtsp</protocol><alias>{0}</alias><uid>{0}</uid>'
        "<address>10.0.0.9</address><port>554</port><path>/x</path></feed></videoConnections>")


def one_complaint(done, code, *words):
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    lines = done.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("tinycot: "), done.stderr
    for word in words:
        assert str(word) in lines[0], f"{word!r} is missing in {lines[0]!r}"


@pytest.fixture
def place(tmp_path):
    """A state folder with three packages and two files of a state, and no daemon."""
    one = Place(tmp_path / "state", tmp_path / "run")
    for number in range(3):
        one.add(os.urandom(1_000 * (number + 1)), f"{number}.zip", "--team", "blue")
    (one.state / "state.1.json").write_text('{"generation": 7}\n')
    (one.state / "state.3.json").write_text('{"generation": 6}\n')
    (one.state / "state.2.json.broken").write_text("broken")
    (one.state / "dump").mkdir()
    (one.state / "dump" / "cot-00000001.xml").write_text("<event/>")
    return one


@pytest.fixture
def served(tmp_path):
    daemon = StoreDaemon(tmp_path / "daemon")
    daemon.start()
    yield daemon
    try:
        daemon.finish()
    finally:
        daemon.kill()


def place_of(daemon):
    return Place(daemon.state_dir, daemon.run_dir, daemon.budget_file)


def fresh(tmp_path, name="other"):
    return Place(tmp_path / name, tmp_path / f"{name}-run")


# Without a daemon

def test_there_and_back_without_a_daemon(place, tmp_path):
    target = tmp_path / "backup"
    before = contents(place.state)
    done = place.backup(target)
    assert (done.returncode, done.stderr) == (OK, "")
    document = check_whole(target)
    assert document["packages"] == 3 and document["state_files"] == 2
    assert contents(place.state) == before == contents(target)
    assert done.stdout == (
        f"3 packages, 2 state files, {document['bytes']} bytes are backed up in {target};"
        " copied now: 3 packages of 6000 bytes\n")
    other = fresh(tmp_path)
    done = other.restore(target)
    assert (done.returncode, done.stderr) == (OK, "")
    assert contents(other.state) == before
    assert {p.name for p in other.state.iterdir()} == {
        "catalogue.db", "packages", "state.1.json", "state.3.json"}
    for path in other.state.rglob("*"):
        assert path.stat().st_mode & 0o7777 == (0o750 if path.is_dir() else 0o640), path
    verified = other.call("packages", "verify")
    assert verified.returncode == OK and "3 packages verified, all well" in verified.stdout


def test_the_second_backup_copies_only_what_is_new(place, tmp_path):
    target = tmp_path / "backup"
    assert place.backup(target).returncode == OK
    old = {path: path.stat() for path in (target / "packages").iterdir()}
    new = place.add(os.urandom(50_001), "new.zip")
    dropped = rows(place.state)[0][0][1]
    assert place.call("packages", "remove", dropped).returncode == OK
    (place.state / "state.3.json").unlink()
    (place.state / "state.2.json").write_text('{"generation": 8}\n')
    log = tmp_path / "strace.log"
    done = place.traced(log, ["-e", "trace=write,pwrite64"], "backup", target)
    assert done.returncode == OK, done.stderr
    assert "copied now: 1 package of 50001 bytes; 1 no longer listed and removed" in done.stdout
    written = sum(int(call.result) for call in parse(log.read_text(errors="replace"))
                  if "/backup/packages/" in call.arguments)
    assert written == 50_001
    check_whole(target)
    assert contents(target) == contents(place.state)
    for path, status in old.items():
        if path.name == f"{dropped}.zip":
            assert not path.exists()
        else:
            found = path.stat()
            assert (found.st_ino, found.st_mtime_ns) == (status.st_ino, status.st_mtime_ns)
    assert (target / "packages" / f"{new}.zip").exists()


def test_what_became_damaged_in_the_backup_is_copied_again(place, tmp_path):
    target = tmp_path / "backup"
    assert place.backup(target).returncode == OK
    first, second, _ = sorted((target / "packages").iterdir())
    content = bytearray(first.read_bytes())
    content[100] ^= 1
    first.chmod(0o640)
    first.write_bytes(content)
    second.unlink()
    done = place.restore(target, "--replace")
    assert done.returncode == BAD_DATA and done.stderr.count("\n") == 3, done.stderr
    assert first.name in done.stderr and second.name in done.stderr
    assert "2 of 6 files of the backup are damaged; nothing was restored." in done.stderr
    done = place.backup(target)
    assert done.returncode == OK and "copied now: 2 packages" in done.stdout
    check_whole(target)


def test_an_empty_store(tmp_path):
    place = fresh(tmp_path)
    one_complaint(place.backup(tmp_path / "backup"), NO_INPUT, "no packages to back up")
    digest = place.add(b"bytes")
    place.call("packages", "remove", digest)
    assert place.backup(tmp_path / "backup").returncode == OK
    document = check_whole(tmp_path / "backup")
    assert document["packages"] == 0
    other = fresh(tmp_path, "third")
    assert other.restore(tmp_path / "backup").returncode == OK
    assert other.call("packages", "list").stdout == "no packages\n"


def test_a_damaged_package_is_named_and_the_rest_is_backed_up(place, tmp_path):
    (_, damaged, *_), (_, missing, *_), (_, short, *_) = rows(place.state)[0]
    good = place.add(b"good bytes", "good.zip")
    folder = place.state / "packages"
    (folder / f"{damaged}.zip").write_bytes(b"?" * 1_000)
    (folder / f"{missing}.zip").unlink()
    (folder / f"{short}.zip").write_bytes(b"short")
    done = place.backup(tmp_path / "backup")
    assert done.returncode == BAD_DATA, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == f"{damaged}  has other bytes than its hash says"
    assert lines[1] == f"{missing}  is missing"
    assert lines[2] == f"{short}  has 5 bytes instead of 3000"
    assert lines[3].startswith("1 package, 2 state files,") and lines[3].endswith(
        "; 3 bad and left out")
    check_whole(tmp_path / "backup")
    assert [row[1] for row in rows(tmp_path / "backup")[0]] == [good]
    # The store is as it was.
    assert len(rows(place.state)[0]) == 4


def test_replacing_moves_aside_what_was_there(place, tmp_path):
    target = tmp_path / "backup"
    assert place.backup(target).returncode == OK
    kept = contents(place.state)
    other = fresh(tmp_path)
    other.add(b"other bytes", "other.zip")
    (other.state / "state.2.json").write_text("other state")
    (other.state / "dump").mkdir()
    (other.state / "state.1.json.newer").write_text("newer")
    there = contents(other.state)
    one_complaint(other.restore(target), CANNOT_CREATE, other.state, "--replace")
    assert contents(other.state) == there
    done = other.restore(target, "--replace")
    assert done.returncode == OK and "before-restore-1\n" in done.stdout
    assert contents(other.state) == kept
    assert contents(other.state / "before-restore-1") == there
    # What is none of its business stays where it is.
    assert (other.state / "dump").is_dir() and (other.state / "state.1.json.newer").exists()
    assert not left_over(other.state)
    # And once more: nothing is ever overwritten.
    assert other.restore(target, "--replace").returncode == OK
    assert contents(other.state / "before-restore-1") == there
    assert contents(other.state / "before-restore-2") == kept
    # What was moved aside is a state folder, too.
    again = Place(other.state / "before-restore-1", tmp_path / "again-run")
    assert "1 package verified, all well" in again.call("packages", "verify").stdout


# With the daemon

class Load:
    """Uploads, deletes and events, until told to stop."""

    def __init__(self, daemon, crowd):
        self.daemon = daemon
        self.sender = crowd.join(daemon.port, events.ALPHA)
        self.receiver = crowd.join(daemon.port, events.BRAVO)
        self.crowd = crowd
        self._stop = threading.Event()
        self.answered = 0
        self.deleted = 0
        self.failures = []
        self._thread = threading.Thread(target=self._run)

    def _run(self):
        number = 0
        kept = []
        while not self._stop.is_set():
            number += 1
            package = made_up(f"load {number}.zip", 2_000 + 97 * number, number)
            answer = uploads.upload(self.daemon.http_port, package)
            if answer is None or answer.status != 200:
                self.failures.append(answer)
                return
            self.answered += 1
            kept.append(package)
            if len(kept) > 12:
                gone = uploads.delete(self.daemon.http_port, kept.pop(0))
                if gone is None or gone.status != 200:
                    self.failures.append(gone)
                    return
                self.deleted += 1

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def relay_while(self, work):
        """Events from one client to the other while `work` runs; their delays in seconds."""
        found = []
        thread = threading.Thread(target=lambda: found.append(work()))
        thread.start()
        delays = []
        while thread.is_alive() or not delays:
            uid = events.fresh("mark")
            begun = time.monotonic()
            self.sender.send(events.event(uid, "a-u-G", "<remarks/>", 60))
            self.crowd.wait_until(lambda: self.receiver.has(uid), "the event")  # noqa: B023
            delays.append(time.monotonic() - begun)
            self.crowd.run_for(0.005)
        thread.join()
        return found[0], delays


@pytest.mark.load
def test_a_backup_while_the_daemon_works(tmp_path, crowd):
    daemon = StoreDaemon(tmp_path / "daemon", {"teams": [
        {"name": "blue", "default": True}, {"name": "red"}]})
    daemon.start()
    place = place_of(daemon)
    try:
        for number in range(40):
            place.add(os.urandom(5_000 + number), f"kept {number}.zip", "--team",
                      "red" if number % 3 else "blue", *(["--private"] if number % 4 else []))
        with Load(daemon, crowd) as load:
            for name in ("feed one", "feed two"):
                body = FEED.format(name).encode()
                answer = uploads.ask(daemon.http_port, "POST", "/Marti/vcm", body)
                assert answer.status == 200, answer
            targets = [tmp_path / "backup-1", tmp_path / "backup-2", tmp_path / "backup-1"]
            delays = []
            for target in targets:
                done, some = load.relay_while(lambda: place.backup(target))  # noqa: B023
                assert done.returncode == OK, (done.stdout, done.stderr)
                delays += some
                check_whole(target)
        assert not load.failures and load.answered > 20 and load.deleted > 5
        assert daemon.status().heap_allocations_after_seal == 0
        note(f"backup under load: {load.answered} uploads and {load.deleted} deletes went on; "
             f"{len(delays)} events, median {percentile(delays, 0.5) * 1000:.2f} ms, 99 % "
             f"{percentile(delays, 0.99) * 1000:.2f} ms")
        backed_up = rows(tmp_path / "backup-1")
        kept = [row for row in backed_up[0] if row[2].startswith("kept")]
        assert kept == [row for row in rows_of(daemon) if row[2].startswith("kept")]
        assert len(kept) == 40 and {row[10] for row in kept} == {"red", "blue"}
        assert len(backed_up[1]) == 2
    finally:
        daemon.finish()
        daemon.kill()
    check_restored(tmp_path, tmp_path / "backup-1")


def rows_of(daemon):
    """Read beside the running daemon: its journal and database, copied."""
    return rows(daemon.state_dir)[0]


def check_restored(tmp_path, backup):
    """Restored into an empty folder and started there: the same packages, the same words, the
    same bytes."""
    daemon = StoreDaemon(tmp_path / "restored", {"teams": [
        {"name": "blue", "default": True}, {"name": "red"}]})
    place = place_of(daemon)
    done = place.restore(backup)
    assert done.returncode == OK, done.stderr
    daemon.start()
    try:
        assert "removed" not in daemon.log() and "broken" not in daemon.log()
        document = manifest(backup)
        verified = place.call("packages", "verify")
        assert verified.returncode == OK, verified.stdout
        assert f"{document['packages']} packages verified, all well" in verified.stdout
        listed = json.loads(place.call("packages", "list", "--json").stdout)["results"]
        table = place.call("packages", "list").stdout
        expected, videos = rows(backup)
        assert len(listed) == len(expected) == document["packages"]
        for row, entry in zip(expected, sorted(listed, key=lambda e: int(e["PrimaryKey"]))):
            number, digest, name, creator, user, kind, size, at, tool, keywords, team = row
            assert (int(entry["PrimaryKey"]), entry["Hash"], entry["Name"]) == (
                number, digest, name)
            assert entry["CreatorUid"] == creator and entry["SubmissionUser"] == user
            assert entry["MIMEType"] == kind and int(entry["Size"]) == size
            assert entry["Tool"] == tool and ",".join(entry["Keywords"]) == keywords
            stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at // 1000))
            assert entry["SubmissionDateTime"].startswith(stamp)
            [line] = [line for line in table.splitlines() if digest in line]
            assert team in line
        feeds = rows(daemon.state_dir)[1]
        assert feeds == videos
        daemon.finish()
    finally:
        daemon.kill()


def test_the_operators_routes_are_his(served):
    for method, target in (("GET", "/tinycot/catalogue"), ("POST", "/tinycot/state"),
                           ("GET", "/tinycot/packages")):
        assert http.ask(served.http_port, method, target).status == 404


def test_the_state_of_this_moment_is_in_the_backup(tmp_path, crowd):
    """Though the daemon would not have written it for an hour."""
    daemon = StoreDaemon(tmp_path / "daemon", LAZY)
    daemon.start()
    place = place_of(daemon)
    try:
        client = crowd.join(daemon.port, events.ALPHA)
        for number in range(3):
            uid = f"mark {number}"
            client.send(events.marker(uid))
            crowd.answer(client)
            target = tmp_path / "backup"
            done = place.backup(target)
            assert (done.returncode, done.stderr) == (OK, "")
            document = check_whole(target)
            assert document["state_files"] == min(number + 1, 3)
            newest = states.newest(target)
            assert any(uid.encode() in event for event in newest.events)
        # Nothing has changed, so nothing is written; it is answered all the same.
        before = newest.number
        with Operator(daemon) as operator:
            operator.ask("POST", "/tinycot/state", b"Content-Length: 0\r\n")
            assert b" 200 " in operator.answer()[0]
        assert place.backup(target).returncode == OK
        assert states.newest(target).number == before
        assert daemon.status().heap_allocations_after_seal == 0
        daemon.finish()
    finally:
        daemon.kill()
    other = StoreDaemon(tmp_path / "other", LAZY)
    assert place_of(other).restore(target).returncode == OK
    other.start()
    try:
        newcomer = crowd.connect(other.port)
        crowd.wait_until(lambda: all(newcomer.has(f"mark {n}") for n in range(3)), "the picture")
        other.finish()
    finally:
        other.kill()


@pytest.mark.native
def test_a_state_that_cannot_be_written_costs_no_backup(tmp_path, crowd):
    daemon = StoreDaemon(tmp_path / "daemon", LAZY)
    daemon.start()
    place = place_of(daemon)
    try:
        client = crowd.join(daemon.port, events.ALPHA)
        client.send(events.marker("early"))
        crowd.answer(client)
        assert place.backup(tmp_path / "backup").returncode == OK
        client.send(events.marker("late"))
        crowd.answer(client)
        with Tracer(daemon.pid, tmp_path / "log", "-e", "trace=fsync",
                    "-e", "inject=fsync:error=ENOSPC:when=1"):
            done = place.backup(tmp_path / "backup")
        assert done.returncode == OK
        assert "refuses with 507" in done.stderr and "what was written last" in done.stderr
        check_whole(tmp_path / "backup")
        held = states.newest(tmp_path / "backup").events
        assert any(b"early" in event for event in held)
        assert not any(b"late" in event for event in held)
        daemon.finish()
    finally:
        daemon.kill()


class Operator:
    """A raw connection through the socket in the run folder."""

    def __init__(self, daemon):
        self.link = socket.socket(socket.AF_UNIX)
        self.link.settimeout(20)
        self.link.connect(str(daemon.run_dir / "store.sock"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.link.close()

    def ask(self, method, target, fields=b""):
        self.link.sendall(
            f"{method} {target} HTTP/1.1\r\nHost: x\r\n".encode() + fields + b"\r\n")

    def answer(self, got=b""):
        while piece := self.link.recv(65_536):
            got += piece
        head, _, body = got.partition(b"\r\n\r\n")
        return head, body


def fill(daemon, count):
    """So many rows and files, made by hand while no daemon runs."""
    daemon.packages_folder.mkdir(exist_ok=True)
    link = sqlite3.connect(daemon.catalogue_file)
    values = []
    for number in range(count):
        content = b"%d" % number
        digest = hashlib.sha256(content).hexdigest()
        (daemon.packages_folder / f"{digest}.zip").write_bytes(content)
        values.append((digest, f"package {number} of many, with a long name.zip",
                       f"ANDROID-{number % 50:016d}", len(content), 1_700_000_000_000 + number))
    link.executemany(
        "INSERT INTO packages(hash, name, creator_uid, submission_user, mime_type, size_bytes,"
        " submitted_at, tool, keywords, team) VALUES(?, ?, ?, 'anonymous',"
        " 'application/x-zip-compressed', ?, ?, 'public', 'missionpackage', 'blue')", values)
    link.commit()
    link.close()


def serve_many(daemon, count):
    daemon.terminate()
    fill(daemon, count)
    daemon.start()
    daemon.expected_to_end = False
    return daemon


@pytest.fixture
def many(served):
    """A daemon with a catalogue that does not fit into the buffers of a socket."""
    return serve_many(served, 4_000)


@pytest.fixture
def all_of_them(served):
    """As many packages as there may be."""
    return serve_many(served, 10_000)


@pytest.mark.load
def test_the_copy_is_of_one_moment_though_changes_go_on(many):
    expected = rows(many.state_dir)
    size = many.catalogue_file.stat().st_size
    with Operator(many) as operator:
        operator.ask("GET", "/tinycot/catalogue")
        first = operator.link.recv(1_000)
        # Enough for the journal to be written back several times, were it not held.
        for number in range(60):
            package = made_up(f"new {number}.zip", 100, number)
            assert uploads.upload(many.http_port, package).status == 200
        assert many.catalogue_file.stat().st_size == size
        head, body = operator.answer(first)
    assert b" 200 " in head and len(body) == size
    copy = many.folder / "copy"
    copy.mkdir()
    (copy / "catalogue.db").write_bytes(body)
    assert rows(copy) == expected
    # The journal is written back again.
    journal = many.state_dir / "catalogue.db-wal"
    held = journal.stat().st_size
    for number in range(3):
        assert uploads.upload(many.http_port, made_up(f"b{number}.zip", 9, number)).status == 200
    assert many.catalogue_file.stat().st_size > size
    assert held > 64 * 4_096 >= journal.stat().st_size - 64 * 24


@pytest.mark.load
def test_a_copy_is_given_up_when_too_much_changes(many):
    with Operator(many) as operator:
        operator.ask("GET", "/tinycot/catalogue")
        first = operator.link.recv(1_000)
        for number in range(257):
            package = made_up(f"new {number}.zip", 10, number)
            assert uploads.upload(many.http_port, package).status == 200
        try:
            head, body = operator.answer(first)
            assert int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0]) > len(body)
        except ConnectionResetError:
            pass
    # The next one is whole.
    assert place_of(many).backup(many.folder / "backup").returncode == OK
    check_whole(many.folder / "backup")


@pytest.mark.load
def test_ten_thousand_rows(all_of_them):
    """What it costs: memory inside SQLite's fixed heap, and time."""
    many = all_of_them
    before = many.status().pools["sqlite_heap_bytes"]
    times = []
    for _ in range(5):
        begun = time.monotonic()
        with Operator(many) as operator:
            operator.ask("GET", "/tinycot/catalogue")
            head, body = operator.answer()
        times.append(time.monotonic() - begun)
        assert b" 200 " in head
    after = many.status().pools["sqlite_heap_bytes"]
    begun = time.monotonic()
    done = place_of(many).backup(many.folder / "backup")
    assert done.returncode == OK, done.stderr
    first = time.monotonic() - begun
    begun = time.monotonic()
    done = place_of(many).backup(many.folder / "backup")
    assert done.returncode == OK and "copied now: 0 packages" in done.stdout
    second = time.monotonic() - begun
    check_whole(many.folder / "backup")
    note(f"catalogue of 10,000 rows, {len(body)} bytes: copied in {sorted(times)[2] * 1000:.1f} ms"
         f" (median of 5); SQLite's heap {before['used']} then {after['used']}, peak "
         f"{before['peak']} then {after['peak']} bytes; whole backup {first:.1f} s, again "
         f"{second:.1f} s")
    assert after["peak"] == before["peak"]
    assert many.status().heap_allocations_after_seal == 0


@pytest.mark.native
def test_a_package_that_is_removed_meanwhile(served, tmp_path):
    """Held by strace between the copy of the catalogue and the first package."""
    place = place_of(served)
    gone = place.add(b"goes away", "gone.zip")
    kept = place.add(b"stays", "kept.zip")
    log = tmp_path / "strace.log"
    target = tmp_path / "backup"
    line = ["strace", "-y", "-o", str(log), "-e", "trace=mkdirat",
            "-e", "inject=mkdirat:delay_enter=1500000:when=1",
            *command("backup", target, *place.options)]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 10
        while not (target / "catalogue.db").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.3)
        assert uploads.ask(
            served.http_port, "DELETE", f"/Marti/sync/delete?hash={gone}") is not None
        place.call("packages", "remove", gone)
        output = process.communicate(timeout=30)[0]
    assert process.returncode == OK, output
    assert "1 package," in output and "; 1 removed meanwhile" in output
    check_whole(target)
    assert [row[1] for row in rows(target)[0]] == [kept]


# Refusals of a backup

def test_a_folder_that_holds_something_else(place, tmp_path):
    target = tmp_path / "pictures"
    target.mkdir()
    (target / "cat.png").write_bytes(b"miau")
    one_complaint(place.backup(target), CANNOT_CREATE, target, "cat.png")
    assert [path.name for path in target.iterdir()] == ["cat.png"]
    # Another state folder looks much like a backup, and is none.
    other = fresh(tmp_path)
    other.add(b"bytes")
    before = contents(other.state)
    one_complaint(place.backup(other.state), CANNOT_CREATE, other.state)
    one_complaint(place.backup(place.state), USAGE, "the state folder itself")
    assert contents(other.state) == before
    # The root of a new file system is as good as empty.
    stick = tmp_path / "stick"
    (stick / "lost+found").mkdir(parents=True)
    assert place.backup(stick).returncode == OK


def test_places_that_cannot_be_written_to(place, tmp_path):
    one_complaint(place.backup(tmp_path / "no" / "such"), SYSTEM, "no/such", "No such file")
    file = tmp_path / "file"
    file.write_text("x")
    one_complaint(place.backup(file), SYSTEM, file, "Not a directory")
    one_complaint(place.backup("/proc/1"), CANNOT_CREATE, "/proc/1")
    missing = Place(tmp_path / "state", tmp_path / "run")
    shutil.rmtree(missing.state)
    one_complaint(missing.backup(tmp_path / "backup"), NO_INPUT, missing.state)


@pytest.mark.native
@pytest.mark.parametrize("when", [1, 2, 5, 8])
def test_a_full_disk_under_a_backup(place, tmp_path, when):
    target = tmp_path / "backup"
    done = place.traced(
        tmp_path / "log", ["-e", "trace=write,pwrite64", "-e",
                           f"inject=write:error=ENOSPC:when={when}+"], "backup", target)
    assert done.returncode == SYSTEM
    assert not (target / "manifest.json").exists()
    one_complaint(fresh(tmp_path).restore(target), NO_INPUT, "no whole backup")
    assert place.backup(target).returncode == OK
    check_whole(target)


def test_two_backups_into_one_folder(place, tmp_path):
    target = tmp_path / "backup"
    assert place.backup(target).returncode == OK
    descriptor = os.open(target, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        one_complaint(place.backup(target), TEMPORARY, target, "another backup")
    finally:
        os.close(descriptor)
    check_whole(target)


# Refusals of a restore

@pytest.fixture
def kept(place, tmp_path):
    """A whole backup."""
    target = tmp_path / "backup"
    assert place.backup(target).returncode == OK
    return target


def test_never_while_the_daemon_runs(kept, tmp_path):
    daemon = StoreDaemon(tmp_path / "daemon")
    daemon.start()
    try:
        place = place_of(daemon)
        place.add(b"bytes of the daemon")
        before = rows_of(daemon)
        one_complaint(place.restore(kept, "--replace"), TEMPORARY, "the daemon runs")
        # Its run folder is not named: the lock of the catalogue tells.
        hidden = Place(daemon.state_dir, tmp_path / "nothing")
        one_complaint(hidden.restore(kept, "--replace"), TEMPORARY, f"process {daemon.pid} ")
        assert rows_of(daemon) == before and not left_over(daemon.state_dir)
        daemon.finish()
        assert place.restore(kept, "--replace").returncode == OK
    finally:
        daemon.kill()


@pytest.mark.native
def test_a_daemon_does_not_start_while_a_restore_runs(kept, tmp_path):
    daemon = StoreDaemon(tmp_path / "daemon")
    place = place_of(daemon)
    line = ["strace", "-o", str(tmp_path / "log"), "-e", "trace=fchmod,fsync",
            "-e", "inject=fsync:delay_enter=400000",
            *command("restore", kept, *place.options)]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        deadline = time.monotonic() + 10
        while not (place.state / "restore.tmp").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        done = place.call("serve", "--config", daemon.config_file)
        one_complaint(done, TEMPORARY, "another process restores or opens", place.state)
        one_complaint(place.call("packages", "list"), TEMPORARY, "another process restores")
        one_complaint(place.restore(kept), TEMPORARY, "another process restores")
        process.communicate(timeout=60)
    assert process.returncode == OK
    daemon.start()
    try:
        assert len(rows_of(daemon)) == 3
        daemon.finish()
    finally:
        daemon.kill()


def test_what_is_no_backup(place, tmp_path):
    other = fresh(tmp_path)
    one_complaint(other.restore(tmp_path / "nothing"), NO_INPUT, "nothing", "No such file")
    one_complaint(other.restore(tmp_path), NO_INPUT, "no manifest.json")
    one_complaint(other.restore(place.state), NO_INPUT, "no manifest.json")
    assert list(other.state.iterdir()) == []


def rewrite(folder, change):
    file = folder / "manifest.json"
    document = json.loads(file.read_text())
    change(document)
    file.write_text(json.dumps(document, separators=(",", ":")))


def harm_last_byte(path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 0x40
    path.write_bytes(content)


def first_package(folder):
    return folder / manifest(folder)["files"][-1]["name"]


HARMS = {
    "a bit of a package": lambda f: harm_last_byte(first_package(f)),
    "a missing package": lambda f: first_package(f).unlink(),
    "a longer package": lambda f: first_package(f).open("ab").write(b"x"),
    "a bit of the catalogue": lambda f: harm_last_byte(f / "catalogue.db"),
    "a bit of the state": lambda f: harm_last_byte(f / "state.1.json"),
    "no folder of packages": lambda f: shutil.rmtree(f / "packages"),
    "a link instead of a package": lambda f: (
        first_package(f).rename(f / "elsewhere"), first_package(f).symlink_to(f / "elsewhere")),
    "a torn manifest": lambda f: (f / "manifest.json").write_bytes(
        (f / "manifest.json").read_bytes()[:-40]),
    "an empty manifest": lambda f: (f / "manifest.json").write_bytes(b""),
    "a count": lambda f: rewrite(f, lambda d: d.update(packages=2)),
    "a sum": lambda f: rewrite(f, lambda d: d.update(bytes=1)),
    "a row less": lambda f: rewrite(f, lambda d: (
        d.update(packages=2, bytes=d["bytes"] - d["files"].pop()["bytes"]))),
    "no catalogue": lambda f: rewrite(f, lambda d: d["files"].pop(0)),
    "a path": lambda f: rewrite(f, lambda d: d["files"][-1].update(name="../../etc/passwd")),
    "a foreign name": lambda f: rewrite(f, lambda d: d["files"][-1].update(name="tinycot.json")),
    "a wrong name": lambda f: rewrite(
        f, lambda d: d["files"][-1].update(name=f"packages/{'0' * 64}.zip")),
    "a negative size": lambda f: rewrite(f, lambda d: d["files"][-1].update(bytes=-1)),
    "a newer format": lambda f: (f / "manifest.json").write_text('{"format":2,"x":[]}'),
}


@pytest.mark.parametrize("harm", HARMS)
def test_a_damaged_backup_touches_nothing(kept, tmp_path, harm):
    HARMS[harm](kept)
    other = fresh(tmp_path)
    other.add(b"what is there")
    before = contents(other.state)
    done = other.restore(kept, "--replace")
    assert done.returncode == BAD_DATA, (done.returncode, done.stderr)
    assert str(kept) in done.stderr
    if harm == "a newer format":
        assert "newer version" in done.stderr
    if "package" in harm and "folder" not in harm:
        assert "packages/" in done.stderr and "1 of 6 files" in done.stderr
    assert contents(other.state) == before
    assert not left_over(other.state) and not list(other.state.glob("before*"))


def test_a_catalogue_of_a_newer_version(kept, tmp_path):
    link = sqlite3.connect(kept / "catalogue.db")
    link.execute("PRAGMA user_version=99")
    link.close()
    size, digest = (kept / "catalogue.db").stat().st_size, sha256(kept / "catalogue.db")
    rewrite(kept, lambda d: (d["files"][0].update(bytes=size, sha256=digest),
                             d.update(bytes=sum(f["bytes"] for f in d["files"]))))
    other = fresh(tmp_path)
    one_complaint(other.restore(kept), BAD_DATA, "newer version")
    assert list(other.state.iterdir()) == []


@pytest.mark.native
@pytest.mark.parametrize("what, when", [
    ("write", 1), ("write", 3), ("fsync", 2), ("mkdirat", 2), ("renameat", 1)])
def test_a_full_disk_under_a_restore(kept, tmp_path, what, when):
    other = fresh(tmp_path)
    other.add(b"what is there")
    before = contents(other.state)
    done = other.traced(
        tmp_path / "log", ["-e", f"trace={what}", "-e",
                           f"inject={what}:error=ENOSPC:when={when}"],
        "restore", kept, "--replace")
    assert done.returncode == SYSTEM and "No space left" in done.stderr, done.stderr
    assert contents(other.state) == before
    assert not left_over(other.state) and not list(other.state.glob("before*"))
    assert other.restore(kept, "--replace").returncode == OK


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_root_restores_for_the_user_of_the_daemon(kept, tmp_path):
    other = fresh(tmp_path)
    os.chown(other.state, 65_534, 65_533)
    assert other.restore(kept).returncode == OK
    paths = list(other.state.rglob("*"))
    assert len(paths) == 7
    for path in paths:
        assert (path.stat().st_uid, path.stat().st_gid) == (65_534, 65_533), path


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user")
def test_without_permission(kept, place, tmp_path):
    """Another user, without the rights to read the one or to write the other."""
    for folder in [tmp_path, *tmp_path.parents]:
        if folder.owner() == "root" and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o055)
    other = fresh(tmp_path)
    other.state.chmod(0o755)
    other.run_dir.chmod(0o755)
    kept.chmod(0o700)

    def as_nobody(*arguments, where=other):
        return subprocess.run(
            ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
             *command(*arguments, *where.options)],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False)

    one_complaint(as_nobody("restore", kept), NO_PERMISSION, kept)
    one_complaint(as_nobody("backup", tmp_path / "mine"), NO_PERMISSION, "mine")
    subprocess.run(["chmod", "-R", "a+rX", kept], check=True)
    done = as_nobody("restore", kept)
    assert done.returncode == NO_PERMISSION, done.stderr
    assert list(other.state.iterdir()) == []
