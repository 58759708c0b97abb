"""Some twenty seconds of everything at once: requests that are well-formed, changed, cut, piled up,
slow or abandoned, over all routes and from several addresses, beside two isolated teams that go on
with their work. Afterwards nothing is left of it but what was answered for.

The seed is printed; TINYCOT_STORM_SEED runs it again. The order in which the threads come to their
turns is not in the seed, what each of them does is.
"""

import os
import random
import threading
import time

import pytest

from tinycot import events, http
from tinycot.daemon import free_port
from tinycot.marti import Package, Phone, form_type, multipart, stored
from tinycot.pace import SLOW, wait_for
from tinycot.process import open_descriptors

pytestmark = pytest.mark.load

SECONDS = 15
SOURCES = {"blue": ("127.0.0.2", "127.0.0.12"), "red": ("127.0.0.3", "127.0.0.13"),
           "nobody": ("127.0.0.9", "127.0.0.19")}
SECRETS = {"blue": b"BLUE-SECRET", "red": b"RED-SECRET"}
QUICK = {"head_seconds": 2, "stall_seconds": 2, "idle_seconds": 2, "announce_uploads": True}
NUMBERS = ["0", "1", "-1", "+1", "4095", "99999999", "9223372036854775807", "9223372036854775808",
           "18446744073709551615", "18446744073709551616", "1e3", "0x10", "", "%31", "340282366920"
           "938463463374607431768211456"]
METHODS = ["GET", "GET", "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "get", "X"]


class Noise:
    """One thread: an asker at one address after the other, with its own chance."""

    def __init__(self, daemon, team, seed, until):
        self.daemon = daemon
        self.team = team
        self.until = until
        self.chance = random.Random(seed)
        # (address, hash) of what was answered with 200.
        self.stored = []
        self.known = [b"0" * 64, b"f" * 64]
        self.answers = 0
        self.leaks = []
        self.failure = None
        self.serial = 0
        self.seed = seed
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self):
        acts = [self.question, self.question, self.pile, self.change, self.cut, self.drip,
                self.upload, self.upload, self.broken_upload, self.vanish, self.hold]
        try:
            while time.monotonic() < self.until:
                act = self.chance.choice(acts)
                try:
                    act()
                # The daemon may refuse a connection, or close it where it lost the thread.
                except (OSError, http.BadAnswer):
                    pass
        except Exception as failure:  # noqa: BLE001 - told by the test itself
            self.failure = failure
            raise

    # What comes back

    def connect(self, **options):
        source = self.chance.choice(SOURCES[self.team])
        link = http.Connection(self.daemon.http_port, source=source, seconds=3 * SLOW, **options)
        link.source = source
        return link

    def read(self, link, method="GET"):
        answer = link.head(method)
        if answer.status >= 200:
            answer.body = link.body(answer) if method != "HEAD" else b""
            self.inspect(answer.body)
        self.answers += 1
        return answer

    def inspect(self, data):
        for team, secret in SECRETS.items():
            if team != self.team and secret in data:
                self.leaks.append(data[:2_000])

    def name(self):
        self.serial += 1
        secret = SECRETS.get(self.team, b"nothing").decode()
        return f"{secret}-{self.seed}-{self.serial}"

    # Requests

    def target(self):
        digest = self.chance.choice(self.known[-20:]).decode()
        number, other = self.chance.choice(NUMBERS), self.chance.choice(NUMBERS)
        return self.chance.choice([
            "/Marti/api/version", "/Marti/api/version/config", "/Marti/api/clientEndPoints",
            "/Marti/api/contacts/all", "/Marti/api/groups/all", "/Marti/api/missions",
            "/Marti/api/groups/groupCacheEnabled?x=" + number, "/Marti/api/cot/sa", "/Marti/vcm",
            "/Marti/api/cot/xml/" + self.chance.choice(["%00", "%F0%9F", "a" * 3_000, "large-blue",
                                                        "large-red", "x%2Fy"]),
            "/Marti/sync/search", "/Marti/sync/search?tool=public", "/Marti/sync/search?keywords="
            + "missionpackage" * self.chance.randrange(1, 9),
            f"/Marti/sync/missionquery?hash={digest}", f"/Marti/sync/content?hash={digest}",
            f"/Marti/sync/content?uid={digest}&offset={number}",
            f"/Marti/sync/content?hash={digest}&offset={number}&length={other}",
            f"/Marti/sync/delete?hash={digest}", f"/Marti/sync/delete?PrimaryKey={number}",
            f"/Marti/api/sync/metadata/{digest}/tool", "/Marti/api/sync/metadata/%41/tool",
            f"/Marti/sync/upload?name={number}", f"/Marti/sync/missionupload?hash={digest}",
            "*", "//Marti/api/version", "http://x:1/Marti/api/version", "/tinycot/packages"])

    def fields(self):
        pool = [("Range", f"bytes={self.chance.choice(NUMBERS)}-{self.chance.choice(NUMBERS)}"),
                ("Range", "bytes=0-0,2-3"), ("If-None-Match", "*"), ("If-Range", '"x"'),
                ("If-None-Match", ", ".join(f'"{d.decode()}"' for d in self.known[-9:])),
                ("Expect", "100-continue"), ("Content-Type", "multipart/form-data"),
                ("Content-Type", "multipart/form-data; boundary=" + "b" * 90),
                ("Content-Length", self.chance.choice(NUMBERS)), ("Transfer-Encoding", "chunked"),
                ("Connection", self.chance.choice(["close", "keep-alive", "upgrade, close"])),
                ("X", "y" * self.chance.choice([1, 1_000, 9_000]))]
        return self.chance.sample(pool, self.chance.choice([0, 0, 0, 1, 2]))

    def request(self, method=None):
        host = "a" * 5_000 if self.chance.random() < 0.02 else "127.0.0.1"
        body = self.chance.choice([b"", b"", b"", b"public", b"private", self.feed(), b"x" * 30_000])
        data = http.request(method or self.chance.choice(METHODS), self.target(), self.fields(),
                            body, host)
        return data.replace(b"HTTP/1.1", b"HTTP/1.0", 1) if self.chance.random() < 0.1 else data

    def feed(self):
        name = self.name()
        return (f"<videoConnections><feed><protocol>rtsp</protocol><alias>{name}</alias><uid>{name}"
                f"</uid><address>10.0.0.1</address><port>554</port></feed></videoConnections>"
                ).encode()

    # Acts

    def question(self):
        with self.connect() as link:
            for _ in range(self.chance.randrange(1, 5)):
                method = self.chance.choice(["GET", "GET", "HEAD"])
                link.request(method, self.target())
                if not self.read(link, method).stays_open:
                    return

    def pile(self):
        """Many at once, and only some of the answers are read."""
        with self.connect(receive_buffer=self.chance.choice([None, 4_096])) as link:
            link.send_while_taken(b"".join(
                self.request("GET") for _ in range(self.chance.randrange(2, 40))))
            for _ in range(self.chance.randrange(0, 10)):
                if not self.read(link).stays_open:
                    return

    def change(self):
        data = bytearray(self.request())
        for _ in range(self.chance.randrange(1, 4)):
            at = self.chance.randrange(len(data))
            data[at:at + self.chance.randrange(0, 3)] = self.chance.choice(
                [b"", b"\r", b"\n", b"\r\n", b"\0", b"%", b" ", b":", b"\xff", b"0"])
        with self.connect() as link:
            link.send_while_taken(bytes(data) + self.request("GET"))
            link.finish()
            self.read(link)
            self.read(link)

    def cut(self):
        data = self.request()
        link = self.connect()
        link.send_while_taken(data[:self.chance.randrange(1, len(data))])
        self.leave(link)

    def leave(self, link):
        how = self.chance.randrange(3)
        if how == 0:
            link.finish()
            self.inspect_rest(link)
        link.reset() if how == 1 else link.close()

    def inspect_rest(self, link):
        for _ in range(3):
            self.read(link)

    def drip(self):
        data = self.request()[:60]
        with self.connect() as link:
            for byte in data:
                if not link.send_while_taken(bytes([byte])):
                    return
                self.until_or(0.01)

    def until_or(self, seconds):
        time.sleep(min(seconds, max(0.0, self.until - time.monotonic())))

    def vanish(self):
        """In the middle of a download, or of nothing."""
        link = self.connect(receive_buffer=4_096)
        digest = self.chance.choice(self.known).decode()
        link.request("GET", f"/Marti/sync/content?hash={digest}")
        if self.chance.random() < 0.5:
            self.inspect(link.piece(100))
        link.reset() if self.chance.random() < 0.5 else link.close()

    def hold(self):
        with self.connect():
            self.until_or(0.3)

    # Uploads

    def upload_request(self, package):
        name = self.name()
        query = f"creatorUid={name}&keywords=missionpackage&"
        if self.chance.random() < 0.5:
            query += f"hash={package.sha256}&filename={name}"
            fields, body = [form_type()], multipart(package.data, name)
            target = "/Marti/sync/missionupload?" + query
        else:
            fields, body = [], package.data
            target = f"/Marti/sync/upload?{query}name={name}"
        if self.chance.random() < 0.4:
            fields.append(("Transfer-Encoding", "chunked"))
            body = http.chunked(body, self.chance.choice([100, 1_000, 50_000]))
        else:
            fields.append(("Content-Length", len(body)))
        return target, fields, body

    def upload(self):
        package = Package.of_size(self.chance.choice([64, 100, 5_000, 140_000, 400_000]))
        target, fields, body = self.upload_request(package)
        with self.connect() as link:
            waits = self.chance.random() < 0.3
            behind = self.chance.random() < 0.3
            if waits:
                link.request("POST", target, fields + [("Expect", "100-continue")])
                if self.read(link).status != 100:
                    return
                link.send(body)
            else:
                more = http.request("GET", "/Marti/api/version") if behind else b""
                link.send(http.request("POST", target, fields) + body + more)
            answer = self.read(link)
            if answer.status == 200:
                self.stored.append((link.source, package.sha256))
                self.known.append(package.sha256.encode())
                if behind and not waits and answer.stays_open:
                    assert self.read(link).body.startswith(b"TAK Server")

    def broken_upload(self):
        package = Package.of_size(self.chance.choice([100, 60_000, 300_000]))
        target, fields, body = self.upload_request(package)
        body = bytearray(body[:self.chance.randrange(1, len(body) + 1)])
        if self.chance.random() < 0.5:
            body[self.chance.randrange(len(body))] ^= 1 << self.chance.randrange(8)
        link = self.connect()
        link.send_while_taken(http.request("POST", target, fields) + bytes(body))
        # A body that was hurt but is whole may be stored: it is another package then.
        self.leave(link)


class Teams:
    """Two of each team: one tells the other something all the time."""

    def __init__(self, daemon, crowd, ports):
        self.crowd = crowd
        self.daemon = daemon
        self.clients = {}
        self.sent = 0
        for team in ("blue", "red"):
            secret = SECRETS[team].decode()
            self.clients[team] = [
                crowd.join(ports[team], events.Person(f"{secret}-{n}", f"{secret} {n}", "Blue"),
                           source=SOURCES[team][n]) for n in range(2)]
            for client in self.clients[team]:
                crowd.answer(client)
            self.clients[team][0].send(
                events.marker(f"large-{team}", f"<remarks>{secret * 4_000}</remarks>"))
            crowd.answer(self.clients[team][0])

    def work(self, until):
        while time.monotonic() < until:
            for team, (sender, receiver) in self.clients.items():
                sender.send(events.marker(f"{SECRETS[team].decode()}-event-{self.sent}"))
                self.crowd.answer(receiver)
            self.sent += 1
            self.crowd.pump(0.02)

    def check(self):
        for team, (sender, receiver) in self.clients.items():
            self.crowd.answer(sender)
            self.crowd.answer(receiver)
            other = SECRETS["red" if team == "blue" else "blue"]
            last = f"{SECRETS[team].decode()}-event-{self.sent - 1}"
            self.crowd.wait_until(lambda: receiver.has(last), "the last event")
            for number in range(self.sent):
                assert receiver.count(f"{SECRETS[team].decode()}-event-{number}") == 1
            for client in (sender, receiver):
                assert not client.closed
                assert not [e for e in client.received if other in e.raw]


def test_a_storm_leaves_nothing_behind(start_daemon, crowd):
    seed = int(os.environ.get("TINYCOT_STORM_SEED", random.randrange(1 << 32)))
    print(f"seed {seed}")
    ports = {team: free_port() for team in ("lobby", "blue", "red")}
    daemon = start_daemon({
        "cot": {"listen": [f"127.0.0.1:{ports['lobby']}"]},
        "teams": [{"name": "lobby", "default": True}]
        + [{"name": team, "listen": [f"127.0.0.1:{ports[team]}"]} for team in ("blue", "red")],
        "http": QUICK})
    teams = Teams(daemon, crowd, ports)
    pid, before = daemon.pid, open_descriptors(daemon.pid)
    until = time.monotonic() + SECONDS * SLOW
    noise = [Noise(daemon, team, seed + number, until)
             for number, team in enumerate(["blue", "blue", "red", "red", "nobody", "nobody"])]
    try:
        teams.work(until)
    finally:
        for one in noise:
            one.thread.join()
    assert daemon.is_running() and daemon.pid == pid, daemon.log()
    assert [one.failure for one in noise if one.failure] == []
    assert [leak for one in noise for leak in one.leaks] == []
    assert sum(one.answers for one in noise) > 200 and sum(len(one.stored) for one in noise) > 10
    teams.check()

    def is_quiet():
        pools = daemon.status().pools
        return pools["http_connections"]["used"] == 0 and pools["uploads"]["used"] == 0

    wait_for(is_quiet, 15 * SLOW, "all places are free")
    wait_for(lambda: open_descriptors(pid) == before, 5 * SLOW, "all descriptors are closed")
    status = daemon.status()
    assert status.heap_allocations_after_seal == 0
    check_packages(daemon, noise)


def check_packages(daemon, noise):
    there = stored(daemon)
    for team in ("blue", "red"):
        answered = {digest for one in noise if one.team == team for _, digest in one.stored}
        assert answered <= there
        for source in SOURCES[team]:
            assert answered <= Phone(daemon, source=source).listed(None)
    listed = {line.split("\t")[1] for line in operator_list(daemon)}
    assert listed == there
    for path in daemon.packages_folder.iterdir():
        assert Package(path.read_bytes()).sha256 == path.name[:64]


def operator_list(daemon):
    import socket
    with socket.socket(socket.AF_UNIX) as link:
        link.connect(str(daemon.run_dir / "store.sock"))
        link.settimeout(5 * SLOW)
        link.sendall(b"GET /tinycot/packages HTTP/1.0\r\n\r\n")
        data = b"".join(iter(lambda: link.recv(65_536), b""))
    return data.split(b"\r\n\r\n", 1)[1].decode().splitlines()
