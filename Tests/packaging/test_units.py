"""The units: limits that follow from the budget, the sandbox, and what systemd thinks of them."""

import re
import subprocess

import pytest

import project

MARGIN_BYTES = 24 * 1024 * 1024
MAX_EXPOSURE = 1.2
SECONDS_TO_SERVE_AGAIN = 25
# Threads of the daemon: relay, store, reload.
THREADS = 3


@pytest.fixture
def service():
    return project.unit("tinycot.service")


def only(settings, key):
    values = settings[key]
    assert len(values) == 1, key
    return values[0]


def test_the_limits_are_those_of_the_budget(service):
    budget = project.budget()
    memory = budget["memory_bytes"] + budget["kernel_socket_bytes"] + MARGIN_BYTES
    assert only(service, "MemoryMax") == str(memory)
    assert only(service, "LimitNOFILE") == str(budget["file_descriptors"])


def test_the_sum_in_the_comment_is_the_sum():
    text = (project.ROOT / "packaging/systemd/tinycot.service").read_text()
    figures = {name: int(number.replace(",", "")) for name, number in re.findall(
        r"^# +(\w+) +([\d,]+)\b", text, re.M) if "," in number}
    budget = project.budget()
    assert figures.pop("MemoryMax") == sum(figures.values())
    assert figures == {"memory_bytes": budget["memory_bytes"],
                       "kernel_socket_bytes": budget["kernel_socket_bytes"],
                       "margin": MARGIN_BYTES}


def test_there_is_room_for_the_threads_and_a_reload(service):
    assert int(only(service, "TasksMax")) >= 2 * THREADS + 1


def test_the_time_to_stop_covers_the_longest_drain_and_the_state(service):
    table = (project.ROOT / "docs/configuration.md").read_text()
    longest = int(re.search(r"`drain_seconds` .*\| 0 to (\d+) \|", table).group(1))
    assert int(only(service, "TimeoutStopSec")) == longest + 3


def test_a_wedged_daemon_serves_again_in_time(service):
    watchdog = int(only(service, "WatchdogSec"))
    backoff = project.unit("backoff.conf")
    for delay in (only(service, "RestartSec"), only(backoff, "RestartMaxDelaySec")):
        assert watchdog + int(delay) < SECONDS_TO_SERVE_AGAIN


def test_it_is_never_given_up(service):
    assert only(service, "Restart") == "always"
    assert only(service, "StartLimitIntervalSec") == "0"
    for name in project.UNITS[1:]:
        assert only(project.unit(name), "TriggerLimitIntervalSec") == "0"


def test_no_key_is_newer_than_debian_12(service):
    new = {"RestartSteps", "RestartMaxDelaySec", "RestartMode", "MemoryZSwapMax"}
    assert not new & service.keys()
    assert only(service, "Type") == "notify"


def test_the_sockets_are_the_default_addresses(service):
    assert only(service, "Sockets").split() == list(project.UNITS[1:])
    table = (project.ROOT / "docs/configuration.md").read_text()
    for name, kind, key in (("tinycot.socket", "cot", "cot"),
                            ("tinycot-http.socket", "http", "listen")):
        unit = project.unit(name)
        row = next(line for line in table.splitlines()
                   if line.startswith(f"| `{key}` |") and ":80" in line)
        assert unit["ListenStream"] == re.findall(r"`((?:0\.0\.0\.0|\[::\]):\d+)`", row)
        assert only(unit, "FileDescriptorName") == kind
        assert only(unit, "Service") == "tinycot.service"
        for key_, value in (("BindIPv6Only", "ipv6-only"), ("FreeBind", "yes"), ("NoDelay", "yes")):
            assert only(unit, key_) == value


def test_the_command_line_is_understood(service, installed):
    """With all its options `serve` gets as far as the files, which are not there."""
    words = only(service, "ExecStart").split()
    assert words[0] == "/usr/bin/tinycot"
    arguments = [re.sub(r"^/(etc|var|run)/", rf"{installed}/none/\1/", word) for word in words[1:]]
    done = subprocess.run([installed / "usr/bin/tinycot", *arguments],
                          capture_output=True, text=True, timeout=20)
    assert done.returncode == 66, done.stderr
    assert "none/etc/tinycot/budget.json" in done.stderr


def test_it_waits_for_no_network():
    for name in project.UNITS:
        assert "network-online" not in (project.ROOT / "packaging/systemd" / name).read_text()


def test_systemd_finds_little_exposed():
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--no-pager",
         project.ROOT / "packaging/systemd/tinycot.service"], capture_output=True, text=True)
    figure = float(re.search(r"Overall exposure level .*: ([\d.]+)", done.stdout).group(1))
    print(f"systemd-analyze security: {figure}")
    assert figure <= MAX_EXPOSURE


def allowed_calls(service):
    """The names that the filter lets through, groups taken apart."""
    words = [word for value in service["SystemCallFilter"] for word in value.split()]
    assert not any(word.startswith("~") for word in words)
    done = subprocess.run(
        ["systemd-analyze", "--no-pager", "syscall-filter", "@default",
         *(word for word in words if word.startswith("@"))],
        check=True, capture_output=True, text=True)
    return set(re.findall(r"^ +([a-z_0-9]+)$", done.stdout, re.M)) | {
        word for word in words if not word.startswith("@")}


def test_the_filter_lets_nothing_dangerous_through(service):
    allowed = allowed_calls(service)
    assert {"read", "accept4", "epoll_wait", "futex", "clone3"} <= allowed
    for name in ("ptrace", "mount", "bpf", "kexec_load", "init_module", "setuid", "chown", "reboot",
                 "fork", "unshare", "setns", "clock_settime", "perf_event_open", "io_uring_setup"):
        assert name not in allowed, name
