"""What the command refuses before it serves: exit codes, and sentences that help.

Each complaint must be one line that names the file or the limit, what was found, and what is
allowed.
"""

import json
import os
import re
import resource
import socket
import subprocess
from pathlib import Path

import pytest

from tinycot.daemon import command, free_port, is_emulated, run

USAGE, NO_INPUT, UNAVAILABLE, SYSTEM, CONFIGURATION = 64, 66, 69, 71, 78

native = pytest.mark.skipif(is_emulated(), reason="limits would bind the emulator too")


@pytest.fixture
def files(tmp_path):
    """Writes tinycot.json and budget.json; returns the arguments that name them."""

    def write(config=None, budget=None, text=None, budget_text=None):
        config_file = tmp_path / "tinycot.json"
        budget_file = tmp_path / "budget.json"
        given = {"cot": {"listen": [f"127.0.0.1:{free_port()}"]}, "http": {"listen": []},
                 **(config or {})}
        config_file.write_text(json.dumps(given, indent=2) if text is None else text)
        budget_file.write_text(
            json.dumps(budget or {}, indent=2) if budget_text is None else budget_text)
        return ["--config", config_file, "--budget", budget_file]

    return write


def folders(name, tmp_path):
    """`serve` gets folders of its own, so that it never looks into those of this machine."""
    return ["--run-dir", tmp_path, "--state-dir", tmp_path] if name == "serve" else []


def complaint(done, code, *words):
    """One line on standard error, with all the words; digits may be grouped."""
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    plain = re.sub(r"(?<=\d)[,_'](?=\d{3})", "", lines[0])
    for word in words:
        assert str(word) in plain, f"{word!r} is missing in {lines[0]!r}"
    return lines[0]


# The command line

@pytest.mark.parametrize("arguments", [
    ["frobnicate"], ["serve", "--frob"], ["check", "--config"], ["serve", "left over"],
    ["version", "--json"]], ids=" ".join)
def test_a_wrong_command_line(arguments):
    done = run(*arguments)
    assert done.returncode == USAGE
    assert arguments[-1] in done.stderr


def test_no_command_at_all():
    done = run()
    assert done.returncode == USAGE and "help" in done.stderr


def test_version_and_help():
    version = run("version")
    assert version.returncode == 0 and re.search(r"\d+\.\d+", version.stdout)
    for arguments in (["help"], ["--help"]):
        text = run(*arguments)
        assert text.returncode == 0
        for command in ("serve", "check", "budget", "status", "version", "help"):
            assert command in text.stdout


@pytest.mark.parametrize("name", ["check", "budget", "serve"])
def test_a_named_file_must_exist(name, files, tmp_path):
    arguments = files()
    arguments[1] = tmp_path / "absent.json"
    extra = folders(name, tmp_path)
    done = run(name, *arguments, *extra)
    assert done.returncode in (NO_INPUT, CONFIGURATION)
    assert "absent.json" in done.stderr


def test_status_of_nobody(tmp_path):
    done = run("status", "--run-dir", tmp_path)
    assert done.returncode == UNAVAILABLE
    assert str(tmp_path) in done.stderr


# tinycot.json

BAD_CONFIGS = {
    "unknown key": (
        {"heartbeat_second": 10}, ["heartbeat_second", '"heartbeat_seconds"']),
    "unknown key in a team": (
        {"teams": [{"name": "blue", "colors": ["Blue"]}]}, ["colors", '"colours"']),
    "wrong type": ({"stall_seconds": "thirty"}, ["stall_seconds", "thirty"]),
    "a fraction": ({"stall_seconds": 7.5}, ["stall_seconds", "7.5"]),
    "too small": ({"heartbeat_seconds": 0}, ["heartbeat_seconds", "0", "between"]),
    "too large": ({"heartbeat_seconds": 100_000}, ["heartbeat_seconds", "100000", "between"]),
    "no port": ({"cot": {"listen": ["127.0.0.1"]}}, ["listen", "127.0.0.1"]),
    "port beyond 65535": ({"cot": {"listen": ["127.0.0.1:70000"]}}, ["70000"]),
    "no address": ({"cot": {"listen": ["localhost:8087"]}}, ["localhost"]),
    "address out of range": ({"cot": {"listen": ["10.0.0.256:8087"]}}, ["10.0.0.256"]),
    "port taken twice": (
        {"cot": {"listen": ["127.0.0.1:8087"]},
         "teams": [{"name": "blue", "listen": ["127.0.0.1:8087"]}]}, ["8087", "taken"]),
    "network with host bits": ({"allow": ["10.1.2.3/8"]}, ["10.1.2.3/8", "10.0.0.0/8"]),
    "no network": ({"allow": ["everyone"]}, ["everyone"]),
    "prefix too long": ({"allow": ["10.0.0.0/33"]}, ["10.0.0.0/33"]),
    "unknown team seen": ({"teams": [{"name": "blue", "sees": ["rad"]}]}, ["rad"]),
    "team without a name": ({"teams": [{"colours": ["Blue"]}]}, ["name"]),
    "two teams of one name": ({"teams": [{"name": "blue"}, {"name": "blue"}]}, ["blue"]),
    "two teams of one colour": (
        {"teams": [{"name": "a", "colours": ["Blue"]}, {"name": "b", "colours": ["Blue"]}]},
        ["Blue"]),
    "colour that ATAK lacks": (
        {"teams": [{"name": "a", "colours": ["Blu"]}]}, ["Blu"]),
    "one member in two teams": (
        {"teams": [{"name": "a", "members": ["X"]}, {"name": "b", "members": ["X"]}]}, ["X"]),
    "two default teams": (
        {"teams": [{"name": "a", "default": True}, {"name": "b", "default": True}]},
        ["default"]),
    "more teams than the budget": (
        {"teams": [{"name": f"team {n}"} for n in range(17)]}, ["teams", "16"]),
}


@pytest.mark.parametrize("name", ["check", "serve"])
@pytest.mark.parametrize("case", BAD_CONFIGS, ids=str)
def test_a_wrong_configuration(case, name, files, tmp_path):
    config, words = BAD_CONFIGS[case]
    extra = folders(name, tmp_path)
    line = complaint(run(name, *files(config), *extra), CONFIGURATION, "tinycot.json", *words)
    assert "line" in line


BAD_TEXTS = {
    "nothing": "",
    "cut off": '{"cot": {"listen": [',
    "a comma too many": '{\n  "stall_seconds": 10,\n}',
    "a comma too few": '{\n  "stall_seconds": 10\n  "heartbeat_seconds": 10\n}',
    "a list": "[]",
    "a comment": '{\n// no\n"stall_seconds": 10}',
    "something behind": '{"stall_seconds": 10} {}',
    "a key twice": '{"stall_seconds": 10,\n"stall_seconds": 11}',
    "deeply nested": "[" * 5_000,
    "bytes that are no text": '{"teams": [{"name": "\udc80\udc81"}]}',
    "a NUL": '{"stall_seconds": 1\0}',
}


@pytest.mark.parametrize("case", BAD_TEXTS, ids=str)
def test_a_configuration_that_is_no_json(case, files, tmp_path):
    arguments = files(text="{}")
    Path(arguments[1]).write_bytes(BAD_TEXTS[case].encode("utf-8", "surrogateescape"))
    complaint(run("check", *arguments), CONFIGURATION, "tinycot.json")


def test_the_line_is_named(files):
    text = '{\n\n\n  "stall_seconds": 10,\n  "hartbeat_seconds": 10\n}'
    complaint(run("check", *files(text=text)), CONFIGURATION, "tinycot.json", "line 5",
              "hartbeat_seconds", "heartbeat_seconds")


def test_a_configuration_larger_than_the_budget_allows(files):
    text = "{" + " " * 40_000 + "}"
    complaint(run("check", *files(text=text)), CONFIGURATION, "tinycot.json", "40002", "32768")


# budget.json

BAD_BUDGETS = {
    "unknown key": ({"memory_byte": 1}, ["memory_byte", "memory_bytes"]),
    "wrong type": ({"clients": [1]}, ["clients"]),
    "no clients": ({"clients": 0}, ["clients", "0"]),
    "more per address than in all": (
        {"clients": 10, "clients_per_address": 11}, ["clients_per_address", "11", "10"]),
    "event beyond what ATAK takes": ({"event_max_bytes": 65_537}, ["event_max_bytes", "65536"]),
    "too little memory": ({"memory_bytes": 2_000_000}, ["memory_bytes", "2000000"]),
    "too few descriptors": ({"file_descriptors": 100}, ["file_descriptors", "100"]),
    "too little memory in the kernel": (
        {"kernel_socket_bytes": 1_000_000}, ["kernel_socket_bytes", "1000000"]),
    "queue longer than the log": (
        {"client_queue_events": 5_000}, ["client_queue_events", "5000", "4096"]),
}


@pytest.mark.parametrize("name", ["check", "serve"])
@pytest.mark.parametrize("case", BAD_BUDGETS, ids=str)
def test_a_wrong_budget(case, name, files, tmp_path):
    budget, words = BAD_BUDGETS[case]
    extra = folders(name, tmp_path)
    complaint(
        run(name, *files(budget=budget), *extra), CONFIGURATION, "budget.json", *words)


def test_too_little_memory_names_both_numbers(files):
    line = complaint(run("check", *files(budget={"memory_bytes": 2_000_000})), CONFIGURATION)
    numbers = [int(n) for n in re.findall(r"\d{6,}", re.sub(r"(?<=\d),(?=\d{3})", "", line))]
    assert 2_000_000 in numbers and max(numbers) > 2_000_000


# This machine

@native
@pytest.mark.parametrize("name", ["check", "serve"])
def test_fewer_descriptors_than_the_plan(name, files, tmp_path):
    extra = folders(name, tmp_path)
    done = run(name, *files(), *extra, limits=[(resource.RLIMIT_NOFILE, 64)])
    complaint(done, CONFIGURATION, "descriptors", "64", "201")


@native
def test_fewer_descriptors_than_the_budget_but_enough_for_the_plan(start_daemon):
    daemon = start_daemon(limits=[(resource.RLIMIT_NOFILE, 201)])
    with open(f"/proc/{daemon.pid}/limits", encoding="ascii") as limits:
        assert re.search(r"^Max open files +201 +201 ", limits.read(), re.M)


@native
@pytest.mark.parametrize("which, limit", [
    (resource.RLIMIT_DATA, "RLIMIT_DATA"), (resource.RLIMIT_AS, "RLIMIT_AS")])
@pytest.mark.parametrize("name", ["check", "serve"])
def test_less_memory_than_the_plan(name, which, limit, files, tmp_path):
    extra = folders(name, tmp_path)
    done = run(name, *files(), *extra, limits=[(which, 5_000_000)])
    complaint(done, CONFIGURATION, limit, "5000000")


def memory_group():
    """A control group of our own and the file of its limit, in either version of control groups;
    or a skip where this machine gives none."""
    root = Path("/sys/fs/cgroup")
    unified = root / "cgroup.subtree_control"
    if unified.exists() and "memory" in unified.read_text().split():
        parent, limit = root, "memory.max"
    elif (root / "memory" / "memory.limit_in_bytes").exists():
        parent, limit = root / "memory", "memory.limit_in_bytes"
    else:
        pytest.skip("no control group with memory on this machine")
    group = parent / f"tinycot-acceptance-{os.getpid()}"
    try:
        group.mkdir()
    except OSError:
        pytest.skip("no right to make a control group")
    return group, group / limit


@native
@pytest.mark.parametrize("name", ["check", "serve"])
def test_a_control_group_below_the_plan(name, files, tmp_path):
    group, limit = memory_group()
    extra = folders(name, tmp_path)
    try:
        limit.write_text("4194304")
        into_group = 'echo $$ > "$0/cgroup.procs" && exec "$@"'
        done = subprocess.run(
            ["sh", "-c", into_group, str(group), *command(name, *files(), *extra)],
            capture_output=True, text=True, timeout=20)
        complaint(done, CONFIGURATION, "memory.max", "4194304")
    finally:
        group.rmdir()


def test_a_port_that_is_taken(files, tmp_path):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        arguments = files({"cot": {"listen": [f"127.0.0.1:{port}"]}})
        done = run("serve", *arguments, *folders("serve", tmp_path))
        assert done.returncode in (UNAVAILABLE, SYSTEM)
        complaint(done, done.returncode, port)


def test_a_run_dir_that_is_not_there(files, tmp_path):
    done = run("serve", *files(), "--run-dir", tmp_path / "absent" / "deep",
               "--state-dir", tmp_path)
    assert done.returncode != 0 and "absent" in done.stderr


def test_a_second_daemon_in_the_same_run_dir(daemon, files, tmp_path):
    done = run("serve", *files(), "--run-dir", daemon.run_dir, "--state-dir", tmp_path)
    assert done.returncode not in (0, 1)
    assert str(daemon.run_dir) in done.stderr
    assert len(daemon.status().clients) == 0, "the first must go on"


# What check and budget leave alone

def snapshot(folder):
    return {p: p.stat().st_mtime_ns for p in Path(folder).rglob("*")}


def test_check_is_content_and_leaves_no_trace(files, tmp_path):
    arguments = files()
    before = snapshot(tmp_path)
    done = run("check", *arguments)
    assert done.returncode == 0 and done.stderr == ""
    assert snapshot(tmp_path) == before


def test_check_does_not_mind_a_daemon_on_the_same_port(daemon):
    arguments = ["--config", daemon.config_file, "--budget", daemon.budget_file]
    before = snapshot(daemon.folder)
    assert run("check", *arguments).returncode == 0
    assert snapshot(daemon.folder) == before
    assert len(daemon.status().clients) == 0


def test_the_plan_of_the_built_in_budget_fits_eight_mebibytes(files):
    done = run("budget", *files())
    assert done.returncode == 0
    table = re.sub(r"(?<=\d)[,_](?=\d{3})", "", done.stdout)
    assert "8388608" in table
    numbers = [int(n) for n in re.findall(r"\d+", table)]
    assert any(4_000_000 < n <= 8_388_608 for n in numbers)
    for word in ("descriptors", "kernel"):
        assert word in table


def test_the_budget_of_the_project_is_the_built_in_one(files):
    own = Path(__file__).resolve().parents[2] / "budget.json"
    built_in = run("budget", *files())
    arguments = files()
    arguments[3] = own
    assert run("budget", *arguments).stdout == built_in.stdout
