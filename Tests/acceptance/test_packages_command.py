"""`tinycot packages`: the same with the daemon, through its store socket, and without it.

What is done without the daemon is judged by the files it leaves, and by Python's own SHA-256.
"""

import contextlib
import hashlib
import json
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import tempfile
import threading
from pathlib import Path

import pytest

from tinycot.daemon import binary, free_port, run, wrapper

OK, USAGE, BAD_DATA, NO_INPUT, TEMPORARY, NO_PERMISSION, CONFIGURATION = 0, 64, 65, 66, 75, 77, 78
CONTENT = "/Marti/sync/content?hash="


class Place:
    """A state folder, a run folder, a budget, and files that may become packages."""

    def __init__(self, folder, budget):
        self.state = folder / "state"
        self.run_dir = folder / "run"
        self.files = folder / "files"
        for one in (self.state, self.run_dir, self.files):
            one.mkdir(exist_ok=True)
        self.budget = budget

    def packages(self, *arguments, **keywords):
        return run("packages", *arguments, "--state-dir", self.state, "--run-dir", self.run_dir,
                   "--budget", self.budget, **keywords)

    def make(self, content, name="one.zip"):
        file = self.files / name
        file.write_bytes(content)
        return file

    def add(self, content, *options, name="one.zip"):
        """Adds a file; its hash."""
        done = self.packages("add", self.make(content, name), *options)
        assert done.returncode == OK, done.stderr
        digest = hashlib.sha256(content).hexdigest()
        assert done.stdout == f"{digest}  {CONTENT}{digest}\n"
        return digest

    def listed(self):
        done = self.packages("list", "--json")
        assert done.returncode == OK, done.stderr
        answer = json.loads(done.stdout)
        assert answer["resultCount"] == len(answer["results"])
        return answer["results"]

    def stored(self, digest):
        return self.state / "packages" / f"{digest}.zip"


@pytest.fixture
def place(tmp_path):
    budget = tmp_path / "budget.json"
    budget.write_text("{}")
    return Place(tmp_path, budget)


@pytest.fixture
def served(start_daemon):
    """The same with a daemon that holds the catalogue."""
    daemon = start_daemon(config={"http": {"listen": [f"127.0.0.1:{free_port()}"]}})
    return Place(daemon.folder, daemon.budget_file)


@pytest.fixture(params=["place", "served"])
def store(request):
    """Each test runs without and with a daemon."""
    return request.getfixturevalue(request.param)


def one_complaint(done, code, *words):
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("tinycot: "), done.stderr
    for word in words:
        assert str(word) in lines[0], f"{word!r} is missing in {lines[0]!r}"


# Both ways

def test_nothing_is_there_at_first(store):
    assert store.packages("list").stdout == "no packages\n"
    assert store.listed() == []
    done = store.packages("verify")
    assert (done.returncode, done.stdout) == (OK, "no packages\n")


def test_a_package_is_added_listed_verified_and_removed(store):
    content = os.urandom(300_001)
    digest = store.add(content, name="Map 1.zip")
    assert store.stored(digest).read_bytes() == content
    [entry] = store.listed()
    assert entry["Hash"] == digest and entry["Name"] == "Map 1.zip"
    assert entry["Size"] == "300001" and entry["Tool"] == "public"
    assert entry["Keywords"] == ["missionpackage"] and int(entry["PrimaryKey"]) > 0
    verified = store.packages("verify")
    assert verified.returncode == OK
    assert verified.stdout == (
        "1 package verified, all well, 300001 bytes are what they should be\n")
    removed = store.packages("remove", digest)
    assert (removed.returncode, removed.stdout) == (OK, f"removed {digest}\n")
    assert store.listed() == [] and not store.stored(digest).exists()


def test_the_table_is_aligned_and_summed_up(store):
    small = store.add(b"1" * 7, "--private", name="small.zip")
    large = store.add(b"2" * 12_345, "--name", "Übersicht Süd.zip", "--team", "blue")
    lines = store.packages("list").stdout.splitlines()
    assert len(lines) == 4 and lines[3] == "2 packages, 12352 bytes"
    head = lines[0]
    for column in ("NUMBER", "HASH", "SUBMITTED (UTC)", "TOOL", "TEAM", "CREATOR", "NAME"):
        assert column in head
    for line, digest, size, tool, team, name in (
            (lines[1], small, "7", "private", "", "small.zip"),
            (lines[2], large, "12345", "public", "blue", "Übersicht Süd.zip")):
        assert line[head.index("HASH"):][:64] == digest
        assert line[:head.index("SIZE") + 4].split()[-1] == size
        assert line[head.index("TOOL"):][:7].strip() == tool
        assert line[head.index("TEAM"):][:12].strip() == team
        assert line[head.index("NAME"):] == name
        assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d ", line[head.index("SUBM"):])


def test_the_same_bytes_again_are_one_package(store):
    first = store.add(b"same bytes", name="a.zip")
    again = store.add(b"same bytes", name="a.zip")
    assert first == again and len(store.listed()) == 1
    assert store.packages("verify").returncode == OK


def test_removing_what_is_not_there(store):
    digest = "0" * 64
    one_complaint(store.packages("remove", digest), NO_INPUT, "no such package", digest)
    known = store.add(b"bytes")
    one_complaint(store.packages("remove", digest), NO_INPUT, "no such package")
    assert [entry["Hash"] for entry in store.listed()] == [known]
    assert store.packages("remove", known.upper()).returncode == OK
    one_complaint(store.packages("remove", known), NO_INPUT, "no such package")


@pytest.mark.parametrize("text", ["one.zip", "0" * 63, "0" * 65, "g" * 64, "../../" + "0" * 58])
def test_what_is_no_hash_is_not_asked_for(store, text):
    one_complaint(store.packages("remove", text), USAGE, text, "64 hexadecimal digits")


def test_verify_finds_every_kind_of_damage(store):
    well = store.add(b"w" * 1_000, name="well.zip")
    flipped = store.add(b"f" * 200_000, name="flipped.zip")
    short = store.add(b"s" * 1_000, name="short.zip")
    long = store.add(b"l" * 1_000, name="long.zip")
    missing = store.add(b"m" * 1_000, name="missing.zip")
    with open(store.stored(flipped), "r+b") as file:
        file.seek(199_999)
        file.write(b"g")
    os.truncate(store.stored(short), 999)
    with open(store.stored(long), "ab") as file:
        file.write(b"!")
    store.stored(missing).unlink()
    done = store.packages("verify")
    assert done.returncode == BAD_DATA and done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines == [
        f"{flipped}  has other bytes than its hash says",
        f"{short}  has 999 bytes instead of 1000",
        f"{long}  has 1001 bytes instead of 1000",
        f"{missing}  is missing",
        "5 packages verified, 4 bad; 1000 bytes are what they should be",
    ]
    assert well not in done.stdout
    # It repairs nothing.
    assert store.packages("verify").stdout == done.stdout


def test_a_name_cannot_lead_out_of_the_folder(store):
    before = sorted(path.name for path in store.state.parent.iterdir())
    digest = store.add(b"bytes", "--name", "../../../evil.zip")
    assert store.stored(digest).exists()
    assert sorted(path.name for path in store.state.parent.iterdir()) == before
    [name] = [entry["Name"] for entry in store.listed()]
    assert name == "../../../evil.zip"


def test_strange_names_are_shown_without_harm(store):
    name = "a\u202egpj.zip \"x\" & <b> 100%\u00e9 \\"
    store.add(b"bytes", "--name", name)
    assert [entry["Name"] for entry in store.listed()] == [name]
    table = store.packages("list").stdout
    assert "\u202e" not in table and "100%\u00e9" in table


@pytest.mark.parametrize("arguments, word", [
    (["--name", "a\nb"], "a\\x0ab"), (["--name", "x" * 256], "at most 255"),
    (["--team", "t" * 41], "at most 40"), (["--team", "a\tb"], "a\\x09b")])
def test_names_that_nobody_can_keep(store, arguments, word):
    done = store.packages("add", store.make(b"bytes"), *arguments)
    one_complaint(done, USAGE, word)
    assert store.listed() == []


def test_files_that_cannot_be_added(store, tmp_path):
    one_complaint(store.packages("add", tmp_path / "absent.zip"), NO_INPUT, "absent.zip")
    one_complaint(store.packages("add", tmp_path), NO_INPUT, "folder")
    one_complaint(store.packages("add", store.make(b"")), NO_INPUT, "empty")
    assert store.listed() == []


# Without the daemon

def test_the_state_folder_must_exist(place):
    absent = place.state / "absent"
    for action in (["list"], ["verify"], ["add", place.make(b"x")], ["remove", "0" * 64]):
        done = run("packages", *action, "--state-dir", absent, "--run-dir", place.run_dir)
        one_complaint(done, NO_INPUT, "--state-dir", absent)
    assert not absent.exists()


def test_looking_makes_nothing(place):
    place.packages("list")
    place.packages("verify")
    place.packages("remove", "0" * 64)
    assert list(place.state.iterdir()) == []


class User:
    """Somebody who is not root, with a home of their own. Root's usual place is the machine's."""

    def __init__(self, folder):
        self.home = folder / "home"
        self.home.mkdir()
        self._program = shutil.copy(binary(), folder / "tinycot")
        self._number = None
        if os.geteuid() == 0:
            self._number = 65_534
            os.chown(self.home, self._number, self._number)
            for one in (folder, self._program):
                os.chmod(one, 0o755)

    def packages(self, *arguments, **environment):
        # Without a run folder it would ask a daemon of the machine's, which is none of a test's.
        return subprocess.run(
            [*wrapper(), self._program, "packages", *map(str, arguments),
             "--run-dir", self.home], text=True,
            capture_output=True, stdin=subprocess.DEVNULL, timeout=60, cwd="/",
            user=self._number, group=self._number, extra_groups=[] if self._number else None,
            env={"XDG_RUNTIME_DIR": str(self.home), **environment})


@pytest.fixture
def user():
    # Other users do not get into the folders of pytest.
    with tempfile.TemporaryDirectory() as folder:
        yield User(Path(folder))


def test_the_usual_place_is_made(user):
    file = user.home / "a.zip"
    file.write_bytes(b"bytes")
    done = user.packages("add", file, HOME=str(user.home))
    assert done.returncode == OK, done.stderr
    place = user.home / ".local/state/tinycot"
    assert (place / "catalogue.db").exists() and len(list((place / "packages").iterdir())) == 1
    assert place.stat().st_mode & 0o777 == 0o700
    other = user.home / ".local"
    done = user.packages("add", file, HOME="/nowhere", XDG_STATE_HOME=str(other))
    assert done.returncode == OK, done.stderr
    assert len(list((other / "tinycot/packages").iterdir())) == 1
    # What is not absolute is not followed.
    done = user.packages("list", HOME=str(user.home), XDG_STATE_HOME=".local")
    assert "1 package, 5 bytes" in done.stdout, done.stderr


def test_looking_does_not_make_the_usual_place(user):
    one_complaint(user.packages("list", HOME=str(user.home)), NO_INPUT, "the state folder",
                  ".local/state/tinycot")
    assert list(user.home.iterdir()) == []
    one_complaint(user.packages("list"), USAGE, "--state-dir")
    one_complaint(user.packages("add", "/etc/passwd", HOME="/proc"), NO_INPUT, "/proc/.local")


def test_a_folder_of_somebody_else(user):
    hidden = user.home / "hidden"
    hidden.mkdir(0o700)
    (hidden / "packages").mkdir()
    (hidden / "packages").chmod(0)
    if os.geteuid() == 0:
        os.chmod(hidden, 0o755)
    done = user.packages("list", "--state-dir", hidden)
    assert done.returncode == NO_PERMISSION, done.stderr


LIMITS = {
    "too large": ({"package_max_bytes": 4_999}, ["5000", "package_max_bytes", "4999"]),
    "too many": ({"packages": 1}, ["packages in budget.json is 1"]),
    "no room in the store": ({"package_store_bytes": 5_099}, ["package_store_bytes", "4999"]),
    "no room on the disk": ({"disk_reserve_bytes": 1 << 40}, ["disk_reserve_bytes", 1 << 40]),
}


@pytest.mark.parametrize("case", LIMITS, ids=str)
def test_the_limits_of_the_budget_hold(case, place):
    budget, words = LIMITS[case]
    known = place.add(b"k" * 100, name="known.zip")
    place.budget.write_text(json.dumps(budget))
    one_complaint(place.packages("add", place.make(b"n" * 5_000)), CONFIGURATION, *words)
    assert [path.name for path in (place.state / "packages").iterdir()] == [f"{known}.zip"]
    place.budget.write_text("{}")
    assert [entry["Hash"] for entry in place.listed()] == [known]


def test_a_limit_that_is_just_kept(place):
    place.budget.write_text(json.dumps({"package_max_bytes": 5_000, "packages": 1,
                                        "package_store_bytes": 5_000}))
    place.add(b"n" * 5_000)


def test_who_holds_the_catalogue_is_not_disturbed(place):
    place.add(b"bytes")
    with contextlib.closing(sqlite3.connect(place.state / "catalogue.db")) as holder:
        holder.execute("PRAGMA locking_mode=EXCLUSIVE")
        holder.execute("BEGIN EXCLUSIVE")
        for action in (["list"], ["verify"], ["add", place.make(b"x")], ["remove", "0" * 64]):
            one_complaint(place.packages(*action), TEMPORARY, "another process", "--run-dir")
    assert len(place.listed()) == 1


def test_a_lost_catalogue_is_made_from_the_files(place):
    digest = place.add(b"bytes", name="lost.zip")
    for file in place.state.glob("catalogue.db*"):
        file.unlink()
    done = place.packages("list", "--json")
    assert "1 packages were listed anew" in done.stderr
    [entry] = json.loads(done.stdout)["results"]
    assert entry["Hash"] == digest and entry["Tool"] == "private"


def test_many_packages_in_one_list(place):
    digests = {place.add(f"package {n}".encode(), name=f"{n}.zip") for n in range(40)}
    assert {entry["Hash"] for entry in place.listed()} == digests
    lines = place.packages("list").stdout.splitlines()
    assert [line.split()[-1] for line in lines[1:-1]] == [f"{n}.zip" for n in range(40)]
    assert place.packages("verify").stdout.startswith("40 packages verified, all well")


# With a daemon: what it may answer, played by the test, since the real one never says most of it

class Daemon:
    """Answers one request on the store socket, and keeps it; then those of `further`."""

    def __init__(self, place, answer, reads=True, further=()):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(place.run_dir / "store.sock"))
        self._socket.listen()
        self._answers, self._reads = [answer, *further], reads
        self.request = b""
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        for answer in self._answers:
            connection, _ = self._socket.accept()
            with connection:
                self.request = self._read(connection) if self._reads else b""
                for piece in answer:
                    connection.sendall(piece)

    @staticmethod
    def _read(connection):
        request, length = b"", None
        while length != 0:
            more = connection.recv(65_536)
            assert more, "the request breaks off"
            request += more
            if b"\r\n\r\n" in request:
                head, body = request.split(b"\r\n\r\n", 1)
                found = re.search(rb"Content-Length: (\d+)", head)
                length = int(found[1]) - len(body) if found else 0
        return request

    def close(self):
        self._thread.join(10)
        self._socket.close()
        assert not self._thread.is_alive()


@pytest.fixture
def play(place):
    played = []

    def start(*answer, **keywords):
        played.append(Daemon(place, answer, **keywords))
        return played[-1]

    yield start
    for one in played:
        one.close()


def answered(status, body=b"", *fields):
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *fields, "", ""]
    return "\r\n".join(head).encode() + body


HASH = "ab" * 32
LINE = f"7\t{HASH}\t1234\tpublic\tblue\t2026-01-02T03:04:05.678Z\tANDROID-1\tMap é.zip\n".encode()


def rows(stdout):
    lines = stdout.splitlines()
    return [(line.split()[1], line.split()[2], line.split()[-1]) for line in lines[1:-1]]


@pytest.mark.parametrize("answer", [
    [answered("200 OK", LINE * 3)],
    [b"HTTP/1.1 200 OK\r\n\r\n" + LINE * 3],
    [b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
     + b"%x\r\n%b\r\n" % (len(LINE) * 3 - 5, (LINE * 3)[:-5]) + b"5\r\n.zip\n\r\n0\r\n\r\n"],
    [bytes([byte]) for byte in answered("200 OK", LINE * 3)],
], ids=["counted", "until the end", "chunked", "byte by byte"])
def test_a_list_may_come_in_any_shape(answer, place, play):
    played = play(*answer)
    done = place.packages("list")
    assert done.returncode == OK, done.stderr
    assert rows(done.stdout) == [(HASH, "1234", "é.zip")] * 3
    assert played.request.startswith(b"GET /tinycot/packages HTTP/1.1\r\n")


def test_a_long_list_passes_through(place, play):
    line = LINE.replace(b"Map", b"M" * 200)
    play(answered("200 OK", line * 10_000))
    done = place.packages("list")
    assert done.returncode == OK
    assert done.stdout.endswith("\n10000 packages, 12340000 bytes\n")
    assert len(rows(done.stdout)) == 10_000


def test_json_is_passed_on_as_it_is(place, play):
    played = play(answered("200 OK", b'{"resultCount":0,"results":[]}'))
    done = place.packages("list", "--json")
    assert done.stdout == '{"resultCount":0,"results":[]}\n'
    assert played.request.startswith(b"GET /Marti/sync/search HTTP/1.1\r\n")


def test_the_request_of_add(place, play):
    content = os.urandom(400_000)
    digest = hashlib.sha256(content).hexdigest()
    played = play(answered("200 OK", json.dumps({"UID": digest, "Hash": digest}).encode()))
    done = place.packages("add", place.make(content), "--name", "a b/ü&.zip", "--team", "Rot 1",
                          "--private")
    assert (done.returncode, done.stdout) == (OK, f"{digest}  {CONTENT}{digest}\n"), done.stderr
    head, body = played.request.split(b"\r\n\r\n", 1)
    assert body == content
    lines = head.decode().split("\r\n")
    assert lines[0] == (
        "POST /Marti/sync/upload?name=a%20b%2f%c3%bc%26.zip&keywords=missionpackage&creatorUid="
        "&team=Rot%201&tool=private HTTP/1.1")
    assert {"Content-Length: 400000", "Content-Type: application/x-zip-compressed"} <= set(lines)
    assert not place.stored(digest).exists()


def test_other_bytes_than_were_sent(place, play):
    play(answered("200 OK", json.dumps({"Hash": "0" * 64}).encode()))
    one_complaint(place.packages("add", place.make(b"bytes")), BAD_DATA, "other bytes")


@pytest.mark.parametrize("reads", [True, False], ids=["after the body", "before the body"])
def test_a_refusal_is_told(reads, place, play):
    play(answered("413 Content Too Large", b"this package has too many bytes\n"), reads=reads)
    one_complaint(place.packages("add", place.make(bytes(3_000_000))), CONFIGURATION, "413",
                  "this package has too many bytes")


@pytest.mark.parametrize("status, code", [
    ("403 Forbidden", NO_PERMISSION), ("503 Service Unavailable", TEMPORARY),
    ("507 Insufficient Storage", CONFIGURATION), ("500 Internal Server Error", 71)])
def test_what_a_status_means(status, code, place, play):
    play(answered(status, b"why\x1b[2J"))
    one_complaint(place.packages("list"), code, status[:3], "why\\x1b[2J")


def test_remove_by_the_daemon(place, play):
    played = play(answered("204 No Content"))
    assert place.packages("remove", HASH).stdout == f"removed {HASH}\n"
    assert played.request.startswith(f"DELETE /Marti/sync/delete?hash={HASH} HTTP/1.1".encode())


@pytest.mark.parametrize("answer", [
    b"", b"HTTP/1.1 200 OK\r\nContent-Le", answered("200 OK", LINE)[:-1], answered("200 OK", b"x\n"),
    answered("200 OK", LINE[:-1]), b"220 mail\r\n\r\n", answered("200 OK", LINE.replace(b"\t", b"")),
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"HTTP/1.1 200 OK\r\nx: " + b"y" * 10_000 + b"\r\n\r\n", answered("200 OK", b"7" * 10_000),
])
def test_an_answer_that_is_none(answer, place, play):
    play(answer)
    one_complaint(place.packages("list"), TEMPORARY)


def test_what_is_removed_while_others_are_read_is_no_fault(place, play):
    (place.state / "packages").mkdir()
    played = play(answered("200 OK", LINE), further=[[answered("404 Not Found")]])
    done = place.packages("verify")
    assert done.returncode == OK and done.stdout == (
        "0 packages verified, all well, 0 bytes are what they should be; 1 removed meanwhile\n")
    assert played.request.startswith(f"GET /Marti/api/sync/metadata/{HASH}/tool HTTP".encode())


def test_what_is_listed_still_is_missing(place, play):
    (place.state / "packages").mkdir()
    play(answered("200 OK", LINE), further=[[answered("200 OK", b"public")]])
    done = place.packages("verify")
    assert done.returncode == BAD_DATA
    assert done.stdout.startswith(f"{HASH}  is missing\n1 package verified, 1 bad; 0 bytes")


def test_a_socket_without_a_listener_means_no_daemon(place):
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as left:
        left.bind(str(place.run_dir / "store.sock"))
    assert place.packages("list").stdout == "no packages\n"
