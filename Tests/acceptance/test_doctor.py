"""`tinycot doctor`: what it says of a server that is well, of one that is not, and what it leaves.

A wall that leaks cannot be had from a daemon that is right. So the doctor is given another
configuration than the daemon: for it the daemon then does what it must not.
"""

import json
import os
import resource
import signal
import socket
import stat
import subprocess
import tarfile
import threading
import time

import pytest

from tinycot import events
from tinycot.client import gather
from tinycot.daemon import command, free_port, run
from tinycot.pace import SLOW, wait_for
from tinycot.storage import StoreDaemon

OK, UNWELL, UNAVAILABLE, CANNOT_CREATE, CONFIGURATION = 0, 1, 69, 73, 78
# A step of the doctor's takes five seconds at most.
STEP_SECONDS = 5


def arguments(daemon, config=None):
    return ["--config", config or daemon.config_file, "--budget", daemon.budget_file,
            "--state-dir", daemon.state_dir, "--run-dir", daemon.run_dir]


class Report:
    def __init__(self, done):
        self.code = done.returncode
        self.document = json.loads(done.stdout)
        self.findings = self.document["findings"]
        counted = [f["result"] for f in self.findings]
        assert self.document["failures"] == counted.count("failure")
        assert self.document["warnings"] == counted.count("warning")
        assert self.document["skipped"] == counted.count("skipped")
        assert self.document["unlisted"] == 0
        worst = [r for r in ("failure", "warning", "ok") if r in counted][0]
        assert self.document["result"] == worst

    def of(self, check, result=None):
        return [f for f in self.findings
                if f["check"] == check and result in (None, f["result"])]

    def failures(self):
        return [f for f in self.findings if f["result"] == "failure"]


def examine(daemon, *more, config=None, seconds=60.0):
    return Report(run("doctor", "--json", *arguments(daemon, config), *more, seconds=seconds))


def other_config(daemon, **changes):
    """The daemon's configuration, told otherwise."""
    file = daemon.folder / "other.json"
    file.write_text(json.dumps({**daemon.config, **changes}))
    return file


def by_port(*, blue_sees=()):
    ports = {name: free_port() for name in ("blue", "red", "umpire")}
    return ports, [
        {"name": "blue", "listen": [f"127.0.0.1:{ports['blue']}"], "sees": list(blue_sees)},
        {"name": "red", "listen": [f"127.0.0.1:{ports['red']}"]},
        {"name": "umpire", "listen": [f"127.0.0.1:{ports['umpire']}"], "sees": ["*"]},
    ]


# A server that is well


def test_a_server_that_is_well(daemon):
    report = examine(daemon)
    assert report.code == OK and report.failures() == []
    assert {f["check"] for f in report.findings} == {
        "daemon", "relay", "packages", "memory", "descriptors", "events", "disk", "clock", "machine"}
    relay, = report.of("relay", "ok")
    assert relay["address"] == f"127.0.0.1:{daemon.port}"
    packages, = report.of("packages", "ok")
    assert packages["address"] == f"127.0.0.1:{daemon.http_port}"


def test_people_get_lines_and_a_sum(daemon):
    done = run("doctor", *arguments(daemon))
    assert done.returncode == OK and done.stderr == ""
    *lines, empty, last = done.stdout.rstrip("\n").split("\n")
    assert empty == "" and last.startswith(("All is well: ", "It works, with something to look at: "))
    assert {line[:9].strip() for line in lines} <= {"ok", "warning", "skipped"}
    assert any(f"127.0.0.1:{daemon.port}: an event came through" in line for line in lines)


def test_every_address_of_the_machine_is_tried(start_daemon):
    port = free_port()
    daemon = start_daemon({"http": {"listen": [f"0.0.0.0:{port}"]}, "allow": ["0.0.0.0/0"]})
    listed = subprocess.run(["hostname", "-I"], capture_output=True, text=True, check=True).stdout
    ours = {a for a in listed.split() if ":" not in a} | {"127.0.0.1"}
    found = {f["address"] for f in examine(daemon).of("packages", "ok")}
    assert found == {f"{address}:{port}" for address in ours}


def test_it_leaves_nothing(start_daemon, crowd):
    daemon = start_daemon({"dump": {"enabled": False}, "state_seconds": 1})
    before = daemon.status()
    assert examine(daemon).code == OK
    wait_for(lambda: daemon.status().clients == [], 5, "the doctor's clients to be gone")
    after = daemon.status()
    assert after.document["counters"]["store"]["packages"] == 0
    assert after.document["counters"]["store"]["package_bytes"] == 0
    assert [p.name for p in daemon.packages_folder.iterdir()] == []
    for pool in ("replay_events", "seen_clients", "emergencies"):
        assert after.pools[pool]["used"] == before.pools[pool]["used"], pool
    late, = gather(crowd, daemon.port, [events.somebody(1)])
    crowd.answer(late)
    assert late.news() == []


def test_phones_are_not_shown_anything(daemon, crowd):
    phone, = gather(crowd, daemon.port, [events.somebody(1)])
    phone.news()
    assert examine(daemon).code == OK
    crowd.answer(phone)
    assert [e.type for e in phone.news()] == ["t-x-tinycot-doctor"]


# Teams


def test_walls_between_teams_of_a_port_each(start_daemon):
    ports, teams = by_port()
    daemon = start_daemon({"teams": teams})
    report = examine(daemon)
    assert report.code == OK
    assert {(f["team"], f["address"]) for f in report.of("relay", "ok")} == {
        *((name, f"127.0.0.1:{port}") for name, port in ports.items()),
        ("unassigned", f"127.0.0.1:{daemon.port}")}
    said = {f["team"]: f["sentence"] for f in report.of("wall", "ok")}
    one = "heard at 1 and unheard at 2 other places, as configured"
    assert said == {"blue": one, "red": one, "unassigned": one,
                    "umpire": "heard at 0 and unheard at 3 other places, as configured"}


def test_a_team_of_a_colour_is_reached_and_one_of_a_roster_is_not(start_daemon):
    daemon = start_daemon({"teams": [
        {"name": "lobby", "default": True}, {"name": "blue", "colours": ["Dark Blue", "Cyan"]},
        {"name": "red", "members": ["ANDROID-1"]}]})
    report = examine(daemon)
    assert report.code == OK
    assert {f["team"] for f in report.of("relay", "ok")} == {"lobby", "blue"}
    assert [f["team"] for f in report.of("relay", "skipped")] == ["red"]
    assert {f["team"]: f["sentence"] for f in report.of("wall")} == dict.fromkeys(
        ("lobby", "blue"), "heard at 0 and unheard at 1 other place, as configured")


def test_on_a_shared_port_it_is_the_same_few_clients_each_time(start_daemon):
    daemon = start_daemon({"teams": [{"name": "lobby", "default": True}]})
    seen = set()
    for _ in range(3):
        assert examine(daemon).code == OK
        wait_for(lambda: daemon.status().clients == [], 5, "the doctor's clients to be gone")
        seen.add(daemon.status().pools["seen_clients"]["used"])
    assert seen == {2}


def test_a_wall_that_leaks(start_daemon):
    _, teams = by_port(blue_sees=["red"])
    daemon = start_daemon({"teams": teams})
    strict = [{**t, "sees": [] if t["name"] == "blue" else t.get("sees", [])} for t in teams]
    report = examine(daemon, config=other_config(daemon, teams=strict))
    assert report.code == UNWELL
    assert report.failures() == [{
        "check": "wall", "result": "failure", "address": teams[1]["listen"][0], "team": "red",
        "other_team": "blue", "sentence": "its events get through a wall"}]


def test_a_team_that_does_not_get_what_it_may_see(start_daemon):
    _, teams = by_port()
    daemon = start_daemon({"teams": teams})
    wider = [{**t, "sees": ["red"]} if t["name"] == "blue" else t for t in teams]
    report = examine(daemon, config=other_config(daemon, teams=wider))
    assert report.code == UNWELL
    failure, = report.failures()
    assert (failure["team"], failure["other_team"]) == ("red", "blue")
    assert failure["sentence"] == "its events do not arrive where they should"


# What is not well


def test_no_daemon(daemon):
    daemon.terminate()
    report = examine(daemon)
    assert report.code == UNAVAILABLE
    failure, = report.failures()
    assert failure["check"] == "daemon" and "does not run" in failure["sentence"]
    assert report.of("disk", "ok")


def test_a_daemon_that_stands_still(daemon, tmp_path):
    daemon.signal(signal.SIGSTOP)
    try:
        start = time.monotonic()
        report = examine(daemon, "--bundle", tmp_path / "b.tar")
        assert time.monotonic() - start < 3 * STEP_SECONDS * SLOW
    finally:
        daemon.signal(signal.SIGCONT)
    assert report.code == UNAVAILABLE
    failure, = report.failures()
    assert failure["sentence"] == "it does not answer: no answer within 5 seconds"
    assert "tinycot-doctor/report.json" in tarfile.open(tmp_path / "b.tar").getnames()


def test_a_port_where_nobody_or_somebody_else_listens(daemon):
    closed = free_port()
    with socket.create_server(("127.0.0.1", 0)) as silent, \
            socket.create_server(("127.0.0.1", 0)) as rude:
        threading.Thread(target=lambda: rude.accept()[0].close(), daemon=True).start()
        addresses = [f"127.0.0.1:{closed}", *(f"127.0.0.1:{s.getsockname()[1]}"
                                              for s in (silent, rude))]
        report = examine(daemon, config=other_config(daemon, cot={"listen": addresses}))
    assert report.code == UNWELL
    assert {f["address"]: f["sentence"] for f in report.of("relay", "failure")} == {
        addresses[0]: "a client is not served: Connection refused",
        addresses[1]: "a client is not served: no answer within 5 seconds",
        addresses[2]: "a client is not served: the connection was closed"}


def test_a_house_without_a_free_place(start_daemon, crowd):
    daemon = start_daemon(budget={"clients": 3, "clients_per_address": 3})
    gather(crowd, daemon.port, [events.somebody(n) for n in range(2)])
    report = examine(daemon)
    assert report.code == OK
    assert "no place free" in report.of("relay", "skipped")[0]["sentence"]
    assert len(daemon.status().clients) == 2


def test_addresses_that_are_not_served(start_daemon):
    daemon = start_daemon({"allow": ["192.0.2.0/24"]})
    report = examine(daemon)
    assert report.code == OK
    assert [f["sentence"] for f in report.of("relay")] == [
        "no address of this machine is served (allow)"]
    assert [f["sentence"] for f in report.of("packages")] == ["this address is not served (allow)"]


def test_http_that_is_off(start_daemon):
    daemon = start_daemon({"http": {"listen": []}})
    report = examine(daemon)
    assert report.code == OK
    assert [f["result"] for f in report.of("packages")] == ["skipped"]


def test_a_full_store_keeps_what_it_has(tmp_path, keep):
    daemon = keep(StoreDaemon(tmp_path / "d", budget={"packages": 1},
                              http={"evict_oldest": True})).start()
    file = tmp_path / "mine.zip"
    file.write_bytes(b"PK mine")
    assert run("packages", "add", file, *arguments(daemon)[2:]).returncode == 0
    report = examine(daemon)
    assert report.code == OK
    assert [f["result"] for f in report.of("packages")] == ["warning"]
    assert daemon.status().document["counters"]["store"]["packages"] == 1


def test_an_upload_that_is_refused(start_daemon):
    daemon = start_daemon(budget={"package_max_bytes": 2_048})
    report = examine(daemon)
    assert report.code == UNWELL
    assert [f["sentence"] for f in report.failures()] == [
        "the upload was refused with status 413"]


def test_a_disk_with_less_than_its_reserve(start_daemon):
    daemon = start_daemon(budget={"disk_reserve_bytes": 1 << 40})
    report = examine(daemon)
    assert report.code == UNWELL
    assert {f["check"] for f in report.failures()} == {"disk", "packages"}


def test_descriptors_are_those_of_the_daemon(daemon):
    said = int(examine(daemon).of("descriptors", "ok")[0]["sentence"].split()[0])
    # The doctor's own connection may still have been among them.
    assert said - len(os.listdir(f"/proc/{daemon.pid}/fd")) in (0, 1)


def test_a_wrong_configuration(daemon):
    file = daemon.folder / "wrong.json"
    file.write_text('{"heartbeat_seconds": "soon"}')
    done = run("doctor", *arguments(daemon, file))
    assert done.returncode == CONFIGURATION and done.stdout == ""
    assert "heartbeat_seconds" in done.stderr


# The archive

_EVIL = ['"},{"uid":"x', "</script>", "\u202enamE", "Ünïcødé \U0001F600", "a,b;c\\u0041"]


def members(file):
    with tarfile.open(file) as archive:
        assert all(m.isreg() and m.mode == 0o600 for m in archive.getmembers())
        return {m.name.removeprefix("tinycot-doctor/"): archive.extractfile(m).read()
                for m in archive.getmembers()}


def test_an_archive_names_nobody(start_daemon, crowd, tmp_path):
    people = [events.Person(f"ANDROID-secret-{n}", f"{evil}-{n}", "Cyan")
              for n, evil in enumerate(_EVIL)]
    daemon = start_daemon({
        "teams": [{"name": "Geheim", "default": True, "members": [people[0].uid]}],
        "http": {"public_url": "https://geheim.example.org/x"},
        "allow": ["127.0.0.0/8", "198.51.100.0/24"]})
    gather(crowd, daemon.port, people)
    file = tmp_path / "archive.tar"
    report = examine(daemon, "--bundle", file)
    assert report.code == OK and stat.S_IMODE(file.stat().st_mode) == 0o600
    everything = file.read_bytes()
    for secret in ("ANDROID-secret", "Geheim", "geheim", "198.51", "namE", "</script", "Ünï",
                   *(json.dumps(p.callsign)[1:-1] for p in people)):
        assert secret.encode() not in everything, secret
    files = members(file)
    assert set(files) >= {"README.txt", "report.json", "tinycot.json", "budget.json", "metrics.txt",
                          "status.json", "kernel.txt", "meminfo.txt"}
    config, status = json.loads(files["tinycot.json"]), json.loads(files["status.json"])
    clients = {c["uid"]: c["callsign"] for c in status["clients"]}
    assert len(clients) == len(people) and len(set(clients.values())) == len(people)
    # The same words in all files: the roster names one of those who are here.
    assert config["teams"][0]["members"][0] in clients
    assert {c["team"] for c in status["clients"]} == {config["teams"][0]["name"]}
    assert {f["team"] for f in json.loads(files["report.json"])["findings"] if "team" in f} == {
        config["teams"][0]["name"]}
    assert config["allow"][1].endswith("/24") and config["http"]["public_url"] == "url-1"
    assert b"tinycot_pool_used" in files["metrics.txt"]


def test_an_archive_never_takes_the_place_of_a_file(daemon, tmp_path):
    file = tmp_path / "mine.txt"
    file.write_text("mine")
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "elsewhere")
    for place in (file, link):
        done = run("doctor", *arguments(daemon), "--bundle", place)
        assert done.returncode == CANNOT_CREATE and done.stdout == "", place
        assert str(place) in done.stderr
    assert file.read_text() == "mine" and not (tmp_path / "elsewhere").exists()


def test_no_archive_is_made_when_the_configuration_is_wrong(daemon, tmp_path):
    config = tmp_path / "broken.json"
    config.write_text('{"teams": 7}')
    file = tmp_path / "b.tar"
    done = run("doctor", *arguments(daemon, config), "--bundle", file)
    assert done.returncode == CONFIGURATION and str(config) in done.stderr
    assert not file.exists()


def test_half_an_archive_is_not_left(daemon, tmp_path):
    def limited():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4_096, 4_096))

    file = tmp_path / "half.tar"
    done = subprocess.run(command("doctor", *arguments(daemon), "--bundle", file),
                          capture_output=True, text=True, preexec_fn=limited, timeout=60)
    assert done.returncode == 71 and "File too large" in done.stderr
    assert not file.exists()
