"""Does the seal of the heap hold, and would we notice if it did not?

usage: heap_seal.py SHIPPED [TRAPPING]

SHIPPED counts allocations after the seal; TRAPPING (built with TINYCOT_TRAP_ALLOCATIONS=1) stops at
the first. Both make one on purpose when TINYCOT_PROBE_HEAP is set, because a counter that cannot
count also reads 0. Without it, neither may see one while a client comes, speaks and goes.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Daemon:
    def __init__(self, binary, folder, probe):
        self.binary = binary
        self.run = os.path.join(folder, "run")
        self.port = free_port()
        config = os.path.join(folder, "tinycot.json")
        with open(config, "w") as file:
            json.dump({"cot": {"listen": [f"127.0.0.1:{self.port}"]}}, file)
        environment = dict(os.environ)
        environment.pop("TINYCOT_PROBE_HEAP", None)
        if probe:
            environment["TINYCOT_PROBE_HEAP"] = "1"
        self.log = open(os.path.join(folder, "log"), "w+")
        self.process = subprocess.Popen(
            [binary, "serve", "--config", config, "--run-dir", self.run],
            stderr=self.log, env=environment)

    def wait_until_up(self):
        for _ in range(100):
            if self.process.poll() is not None:
                return False
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return self.process.poll() is None
            except OSError:
                time.sleep(0.05)
        raise AssertionError("the daemon does not come up")

    def allocations(self):
        answer = subprocess.run(
            [self.binary, "status", "--json", "--run-dir", self.run],
            capture_output=True, check=True, timeout=10)
        return json.loads(answer.stdout)["heap_allocations_after_seal"]

    def text(self):
        self.log.seek(0)
        return self.log.read()

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=10)


def speak(daemon):
    event = (
        b'<event version="2.0" uid="seal-1" type="a-f-G-U-C" how="m-g"'
        b' time="2024-01-01T00:00:00Z" start="2024-01-01T00:00:00Z"'
        b' stale="2024-01-01T00:05:00Z"><point lat="1" lon="2" hae="0" ce="9" le="9"/>'
        b'<detail><contact callsign="SEAL" endpoint="*:-1:stcp"/></detail></event>')
    for end in (event, b"garbage <a><b", b"\x16\x03\x01"):
        with socket.create_connection(("127.0.0.1", daemon.port), timeout=5) as client:
            client.sendall(end)
            time.sleep(0.1)
    daemon.process.send_signal(signal.SIGHUP)
    time.sleep(0.3)


def main():
    shipped, trapping = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None
    with tempfile.TemporaryDirectory() as folder:
        daemon = Daemon(shipped, folder, probe=True)
        assert daemon.wait_until_up(), daemon.text()
        assert daemon.allocations() == 1, "the counter must count the probe"
        assert daemon.end() == 0
    with tempfile.TemporaryDirectory() as folder:
        daemon = Daemon(shipped, folder, probe=False)
        assert daemon.wait_until_up(), daemon.text()
        speak(daemon)
        assert daemon.allocations() == 0, "no allocation may follow the seal"
        assert daemon.end() == 0
    if trapping is None:
        print("heap seal: the shipped binary counts, and counts 0")
        return
    with tempfile.TemporaryDirectory() as folder:
        daemon = Daemon(trapping, folder, probe=True)
        assert daemon.process.wait(timeout=10) == -signal.SIGABRT, daemon.text()
        assert "a heap allocation was made after the seal" in daemon.text()
    with tempfile.TemporaryDirectory() as folder:
        daemon = Daemon(trapping, folder, probe=False)
        assert daemon.wait_until_up(), daemon.text()
        speak(daemon)
        assert daemon.allocations() == 0
        assert daemon.end() == 0, daemon.text()
    print("heap seal: the shipped binary counts 0, the trapping one stops at the first")


if __name__ == "__main__":
    main()
