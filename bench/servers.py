"""The servers that `bench/relay.py` puts under load. Each is started anew for each measurement, on
loopback, with what its own documentation calls defaults unless a comment says otherwise."""

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TOOLS = ROOT / "dist" / "bench"


class Server:
    """One that runs. `with Server(port) as server:`"""

    name = "?"
    protocol = "cot"
    # How many clients it is good for.
    most_clients = 1_000

    def __init__(self, port):
        self.port = port
        self.folder = Path(tempfile.mkdtemp(prefix="tinycot-bench-"))
        self.process = None

    def command(self):
        raise NotImplementedError

    def __enter__(self):
        with open(self.folder / "log", "wb") as log:
            self.process = subprocess.Popen(
                self.command(), cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=self.environment())
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        said = (self.folder / "log").read_text(errors="replace")
        self.__exit__()
        raise SystemExit(f"{self.name} does not listen:\n{said}")

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def environment(self):
        return dict(os.environ)

    def file(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return path


class Null(Server):
    name = "null relay"

    def command(self):
        return [TOOLS / "nullrelay", str(self.port)]


class KeepingNull(Null):
    def command(self):
        return [*super().command(), "keep"]


class TinyCoT(Server):
    name = "TinyCoT"
    budget = {}

    def command(self):
        config = {"cot": {"listen": [f"127.0.0.1:{self.port}"]}, "http": {"listen": []}}
        for name in ("state", "run"):
            (self.folder / name).mkdir()
        return [
            os.environ.get("TINYCOT_BINARY", ROOT / "dist/amd64/tinycot"), "serve",
            "--config", self.file("tinycot.json", json.dumps(config)),
            "--budget", self.file("budget.json", json.dumps(self.budget)),
            "--state-dir", self.folder / "state", "--run-dir", self.folder / "run"]


class LargeTinyCoT(TinyCoT):
    """With the budget for 1,000 clients."""

    budget = json.loads((ROOT / "bench/budget-1000.json").read_text())


class Mosquitto(Server):
    name = "mosquitto"
    protocol = "mqtt"

    def command(self):
        # Without anonymous clients it would need a file of passwords; without the other it would
        # hold back small packets, as no relay of positions would.
        return ["/usr/sbin/mosquitto", "-c", self.file("mosquitto.conf", (
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\n"))]


class Ncat(Server):
    name = "ncat --broker"

    def command(self):
        return ["ncat", "--broker", "--max-conns", "1100", "-l", "127.0.0.1", str(self.port)]


class Taky(Server):
    name = "taky"
    most_clients = 100

    def command(self):
        return [ROOT / ".cache/taky/bin/taky", "-c", self.file("taky.conf", (
            "[taky]\nhostname=localhost\nbind_ip=127.0.0.1\nredis=false\n"
            f"root_dir={self.folder}\n[cot_server]\nport={self.port}\n"
            f"[dp_server]\nupload_path={self.folder}/up\n[ssl]\nenabled=false\n"))]
