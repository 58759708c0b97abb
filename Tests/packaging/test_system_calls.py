"""The filter of system calls against what the program really calls, seen by strace."""

import re
import signal
import socket
import subprocess
import time

import pytest

from test_units import allowed_calls
from tinycot.daemon import free_port
import project

EVENT = (b'<event version="2.0" uid="A1" type="a-f-G-U-C" how="m-g" time="2026-11-25T00:00:00Z" '
         b'start="2026-11-25T00:00:00Z" stale="2026-11-25T00:05:00Z">'
         b'<point lat="1" lon="2" hae="0" ce="1" le="1"/>'
         b'<detail><contact callsign="ALPHA" endpoint="*:-1:stcp"/></detail></event>')
# Forbidden on purpose, and the program does without: adjtimex also sets the clock. fchown is SQLite
# as root, which the service is not.
DONE_WITHOUT = {"clock_adjtime", "adjtimex", "fchown"}


def connect(port):
    return socket.create_connection(("127.0.0.1", port), timeout=10)


@pytest.fixture
def traced(installed, tmp_path):
    """A daemon under strace: its process, the file with its calls, and its two ports."""
    cot, http = free_port(), free_port()
    config = tmp_path / "tinycot.json"
    config.write_text(f'{{"cot": {{"listen": ["127.0.0.1:{cot}"]}}, "dump": {{"enabled": true}}, '
                      f'"http": {{"listen": ["127.0.0.1:{http}"]}}, "state_seconds": 1}}\n')
    for name in ("state", "run"):
        (tmp_path / name).mkdir()
    calls = tmp_path / "calls"
    daemon = subprocess.Popen(
        ["strace", "-D", "-f", "-qq", "-e", "signal=none", "-o", calls,
         installed / "usr/bin/tinycot", "serve", "--config", config,
         "--budget", project.ROOT / "budget.json",
         "--state-dir", tmp_path / "state", "--run-dir", tmp_path / "run"],
        stderr=subprocess.PIPE, text=True)
    try:
        for line in daemon.stderr:
            if "listening on" in line:
                break
        yield daemon, calls, cot, http
    finally:
        if daemon.poll() is None:
            daemon.kill()
        daemon.communicate()


def test_the_filter_lets_through_what_is_called(traced, installed, tmp_path):
    daemon, calls, cot, http = traced
    with connect(cot) as sender, connect(cot) as receiver:
        sender.sendall(EVENT)
        assert receiver.recv(64).startswith(b"<event")
        body = (b'--x\r\nContent-Disposition: form-data; name="assetfile"; filename="a.zip"\r\n\r\n'
                + b"z" * 300_000 + b"\r\n--x--\r\n")
        answer = ask(http, b"POST", b"/Marti/sync/missionupload?filename=a.zip", body)
        place = re.search(rb"(/Marti/sync/content\S+)", answer).group(1)
        assert ask(http, b"GET", place).endswith(b"z" * 1000)
        subprocess.run([installed / "usr/bin/tinycot", "status", "--run-dir", tmp_path / "run"],
                       check=True, stdout=subprocess.DEVNULL)
        daemon.send_signal(signal.SIGHUP)
        time.sleep(2.5)
    daemon.send_signal(signal.SIGTERM)
    daemon.communicate(timeout=20)
    assert daemon.returncode == 0
    called = set(re.findall(r"^\d+ +([a-z_0-9]+)\(", calls.read_text(), re.M))
    assert {"accept4", "sendfile", "fsync", "renameat", "clone3"} <= called
    assert called - allowed_calls(project.unit("tinycot.service")) <= DONE_WITHOUT


def ask(port, method, target, body=b""):
    with connect(port) as one:
        one.sendall(method + b" " + target + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                    b"Content-Type: multipart/form-data; boundary=x\r\n"
                    b"Content-Length: " + str(len(body)).encode() + b"\r\n\r\n" + body)
        answer = b""
        while piece := one.recv(65536):
            answer += piece
        assert answer.startswith(b"HTTP/1.1 200"), answer[:100]
        return answer
