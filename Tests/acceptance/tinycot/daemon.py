"""The daemon under test: started, watched and stopped as an operator would.

TINYCOT_BINARY names the executable. One built for another processor runs under an emulator
(TINYCOT_WRAPPER, by default the fitting qemu-user). Each daemon gets a folder of its own.
"""

import contextlib
import json
import os
import platform
import random
import re
import resource
import signal
import socket
import struct
import subprocess
from pathlib import Path

from . import enforcement
from .pace import SLOW, wait_for
from .process import listening_ports
from .status import Status

_PROJECT = Path(__file__).resolve().parents[3]
_MACHINES = {62: "x86_64", 183: "aarch64"}
# A daemon that broke one of its own rules says so before it stops.
_BROKEN = re.compile(r"invariant|should have been true|fatal error|heap allocation after", re.I)
STOP_SECONDS = 8.0


def binary():
    """The executable under test."""
    default = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), "amd64")
    path = Path(os.environ.get("TINYCOT_BINARY", _PROJECT / "dist" / default / "tinycot"))
    if not path.is_file():
        raise AssertionError(f"{path} is missing: build it first, or set TINYCOT_BINARY")
    return path.resolve()


def wrapper():
    """What has to stand before the executable on this machine: nothing, or an emulator."""
    head = binary().read_bytes()[:20]
    if head[:4] != b"\x7fELF":
        return []
    machine = _MACHINES.get(struct.unpack_from("<H", head, 18)[0], "unknown")
    if machine == platform.machine():
        return []
    return [os.environ.get("TINYCOT_WRAPPER", f"qemu-{machine}-static")]


def is_emulated():
    return bool(wrapper())


def command(*arguments):
    """The command line that runs `tinycot` with these arguments."""
    return [*wrapper(), str(binary()), *map(str, arguments)]


def run(*arguments, limits=(), seconds=20.0):
    """Run `tinycot` to its end. `limits` are (resource, value) pairs for the child."""
    return subprocess.run(
        command(*arguments), capture_output=True, text=True, timeout=seconds * SLOW,
        stdin=subprocess.DEVNULL, preexec_fn=_limiter(limits))


def _limiter(limits, group=None):
    if not limits and not group:
        return None

    def apply():
        if group:
            group.enter()
        for which, value in limits:
            resource.setrlimit(which, value if isinstance(value, tuple) else (value, value))

    return apply


# Below the ports that the kernel gives to clients, or a client of another test could sit on the port
# of a daemon that is about to start.
_PORTS = range(12_000, 32_000)
_BLOCK_PORTS = 500
_chance = random.Random(os.getpid())
_claims, _left = [], []


def _claim_block():
    """Ports that no process beside this one hands out: a name says so, which the kernel forgets when
    the process ends."""
    blocks = list(range(_PORTS.start, _PORTS.stop, _BLOCK_PORTS))
    _chance.shuffle(blocks)
    for first in blocks:
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            claim.bind(f"\0tinycot-test-ports-{first}")
        except OSError:
            claim.close()
            continue
        _claims.append(claim)
        ports = list(range(first, first + _BLOCK_PORTS))
        _chance.shuffle(ports)
        return ports
    raise AssertionError("no port of this machine is free")


def free_port(family=socket.AF_INET):
    """A port that is free now and that no other daemon was given, of this run or of one beside it."""
    while True:
        if not _left:
            _left.extend(_claim_block())
        port = _left.pop()
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            try:
                probe.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", port))
            except OSError:
                continue
        return port


class Daemon:
    """A running `tinycot serve` with its files."""

    def __init__(self, folder, config=None, budget=None, limits=()):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.run_dir = self.folder / "run"
        self.state_dir = self.folder / "state"
        self.run_dir.mkdir(exist_ok=True)
        self.state_dir.mkdir(exist_ok=True)
        self.config_file = self.folder / "tinycot.json"
        self.budget_file = self.folder / "budget.json"
        self.config = dict(config or {})
        if "cot" not in self.config:
            self.config["cot"] = {"listen": [f"127.0.0.1:{free_port()}"]}
        self._own_http = [f"127.0.0.1:{free_port()}"]
        self.write_config(self.config)
        self.budget_file.write_text(json.dumps(budget or {}, indent=2) + "\n")
        self._limits = limits
        # What holds it from outside, if this run enforces budgets.
        self._plan = None
        self._group = None
        self._stderr = self.folder / "stderr.txt"
        self.process = None
        # For the next start: variables beside those of the test, and descriptors.
        self.environment = {}
        self.passed = ()
        # A test that ends the daemon itself says so, and no longer wants it alive at the end.
        self.expected_to_end = False

    # Files

    def write_config(self, config):
        """A configuration that does not say where HTTP is gets a port of its own: the built-in one
        would be the same for every daemon of this machine."""
        self.config = {**config, "http": {"listen": self._own_http, **config.get("http", {})}}
        self.config_file.write_text(json.dumps(self.config, indent=2) + "\n")

    @property
    def ports(self):
        """All ports of the configuration, the common ones first."""
        named = list(self.config["cot"]["listen"])
        for team in self.config.get("teams", []):
            named += team.get("listen", [])
        return [int(address.rsplit(":", 1)[1]) for address in named]

    @property
    def port(self):
        return self.ports[0]

    @property
    def http_ports(self):
        return [int(address.rsplit(":", 1)[1]) for address in self.config["http"]["listen"]]

    @property
    def http_port(self):
        return self.http_ports[0]

    @property
    def packages_folder(self):
        return self.state_dir / "packages"

    @property
    def catalogue_file(self):
        return self.state_dir / "catalogue.db"

    # Life

    def start(self):
        limits = self._limits
        self._leave_group()
        # Not where a test says the limits itself, or puts another program around the daemon.
        is_alone = type(self)._command is Daemon._command and not is_emulated()
        if enforcement.is_on() and not limits and is_alone:
            self._plan = enforcement.Plan(command(), self.budget_file)
            self._group = enforcement.MemoryGroup(self._plan)
            limits = self._plan.limits()
        with open(self._stderr, "ab") as stderr:
            self.process = subprocess.Popen(
                self._command("serve", "--config", self.config_file, "--budget", self.budget_file,
                              "--state-dir", self.state_dir, "--run-dir", self.run_dir),
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stderr,
                cwd=self.folder, preexec_fn=_limiter(limits, self._group),
                env={**os.environ, **self.environment}, pass_fds=self.passed)
        self.wait_listening(self.ports + self.http_ports)
        self.wait_store()
        return self

    def _leave_group(self):
        if self._group:
            self._group.remove()
            self._group = None

    def wait_store(self):
        """The store opens its folder in a thread of its own and answers nobody before it has."""
        for port in self.http_ports[:1]:
            with contextlib.suppress(OSError):
                with socket.create_connection(("127.0.0.1", port), 5) as link:
                    link.sendall(b"GET / HTTP/1.0\r\n\r\n")
                    while link.recv(4096):
                        pass

    def restart(self, killed=False):
        """Another life with the same files. SIGTERM, or the plug is pulled."""
        if killed:
            self.kill()
        else:
            assert self.terminate() == 0, self.log()
        self.start()
        self.expected_to_end = False
        return self

    def _command(self, *arguments):
        """The command line; a test may put something before it that ends in `exec`."""
        return command(*arguments)

    def wait_listening(self, ports, seconds=15.0):
        def ready():
            if self.process.poll() is not None:
                raise AssertionError(
                    f"the daemon left with {self.process.returncode}:\n{self.log()}")
            return set(ports) <= listening_ports()

        wait_for(ready, seconds, f"listeners on {ports}; the daemon says:\n{self.log()}")

    @property
    def pid(self):
        return self.process.pid

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def signal(self, number):
        os.kill(self.pid, number)

    def terminate(self):
        """SIGTERM, as systemd does; the exit code. Killed, and a failure, beyond the bound."""
        self.expected_to_end = True
        if self.is_running():
            self.signal(signal.SIGTERM)
        return self.wait_end()

    def wait_end(self, seconds=STOP_SECONDS):
        self.expected_to_end = True
        try:
            return self.process.wait(seconds * SLOW)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(
                f"still there {seconds * SLOW:.0f} s after the signal:\n{self.log()}") from None

    def kill(self):
        self.expected_to_end = True
        if self.is_running():
            self.process.kill()
            self.process.wait()

    def finish(self):
        """The end of every test: the daemon must be alive, well, and leave when asked."""
        if self.process is None:
            return
        was_running = self.is_running()
        if was_running and self._plan:
            enforcement.check_peaks(self, self._plan)
        if was_running:
            code = self.terminate()
        else:
            code = self.process.returncode
        self._leave_group()
        log = self.log()
        assert was_running or self.expected_to_end, f"the daemon died with {code}:\n{log}"
        assert not _BROKEN.search(log), f"the daemon broke a rule of its own:\n{log}"
        assert not was_running or code == 0, f"SIGTERM ended with {code}:\n{log}"

    # Looking at it

    def log(self):
        """All that it has written to standard error."""
        if not self._stderr.exists():
            return ""
        return self._stderr.read_bytes().decode("utf-8", "replace")

    def wait_log(self, pattern, seconds=5.0, after=0):
        """Wait until a line matches; `after` is a length of the log to look beyond."""
        compiled = re.compile(pattern, re.I)
        return wait_for(
            lambda: compiled.search(self.log()[after:]), seconds,
            f"a line like {pattern!r} in:\n{self.log()}")

    def status(self):
        done = run("status", "--json", "--run-dir", self.run_dir)
        assert done.returncode == 0, f"status said {done.returncode}: {done.stderr}"
        return Status(done.stdout)
