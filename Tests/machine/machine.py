"""A machine in qemu: booted from a disk that stays as it is, asked through its agent, ended in any case.

Nothing leads out of it. Ports are forwarded from free ones of 127.0.0.1 to its own.
"""

import base64
import json
import socket
import subprocess
import tarfile
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COT_PORT, HTTP_PORT = 8087, 8080
BOOT_SECONDS = 240
_MEMORY_MEBIBYTES = 1024
_KERNEL_LINE = "root=/dev/vda rw console=ttyAMA0 quiet systemd.show_status=0 net.ifnames=0"


class MachineFailure(AssertionError):
    """The machine did not do what it was told to, or not in time."""


def free_ports(count):
    """So many ports of 127.0.0.1 that are free now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Machine:
    """Use it in a `with`. `files` lie in /opt/in when `boot` returns."""

    def __init__(self, debian, files):
        self.base = ROOT / f".cache/machine/{debian}"
        for name in ("kernel", "initrd", "disk"):
            if not (self.base / name).is_file():
                raise SystemExit(f"{self.base / name} is missing: run scripts/bootstrap machine")
        self._folder = tempfile.TemporaryDirectory(prefix="tinycot-machine-")
        self.folder = Path(self._folder.name)
        self.console = self.folder / "console"
        self.cot_port, self.http_port = free_ports(2)
        self._qemu = None
        self._agent = None
        self._boot_id = None
        self._number = 0
        self._received = b""
        with tarfile.open(self.folder / "files.tar", "w") as archive:
            for name, path in files.items():
                archive.add(path, name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    # Life

    def boot(self):
        """Seconds until the agent answered. The disk is written to in memory only."""
        with (self.folder / "qemu").open("w") as log:
            self._qemu = subprocess.Popen(
                self._command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={"PATH": "/usr/bin:/bin", "TMPDIR": str(self.folder)})
        began = time.monotonic()
        self._agent = self._connect(self.folder / "agent")
        self._wait_for_hello(BOOT_SECONDS)
        seconds = time.monotonic() - began
        self.run("mkdir -p /opt/in && tar -xf /dev/vdb -C /opt/in --no-same-owner")
        return seconds

    def reboot(self):
        """As an operator does it. Seconds from the wish to the agent of the next boot."""
        began = time.monotonic()
        # Later, so that the answer gets out.
        self.run("systemd-run --quiet --on-active=1 systemctl reboot", seconds=60)
        self._wait_for_hello(BOOT_SECONDS)
        return time.monotonic() - began

    def pull_the_plug(self):
        """Power goes and comes back: what the machine had not written to its disk is lost."""
        began = time.monotonic()
        link = self._connect(self.folder / "control")
        with link, link.makefile("rw") as control:
            control.readline()
            for order in ("qmp_capabilities", "system_reset"):
                control.write(json.dumps({"execute": order}) + "\n")
                control.flush()
                while "return" not in json.loads(control.readline()):
                    pass
        self._wait_for_hello(BOOT_SECONDS)
        return time.monotonic() - began

    def end(self):
        if self._qemu and self._qemu.poll() is None:
            self._qemu.kill()
        if self._qemu:
            self._qemu.wait()
        if self._agent:
            self._agent.close()
        self._folder.cleanup()

    def _command(self):
        forwards = ",".join(
            f"hostfwd=tcp:127.0.0.1:{outside}-10.0.2.15:{inside}"
            for outside, inside in ((self.cot_port, COT_PORT), (self.http_port, HTTP_PORT)))
        return [
            "qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a72", "-smp", "2",
            "-m", str(_MEMORY_MEBIBYTES), "-accel", "tcg,thread=multi",
            "-kernel", self.base / "kernel", "-initrd", self.base / "initrd",
            "-append", _KERNEL_LINE,
            "-drive", f"file={self.base / 'disk'},format=raw,if=none,id=disk,snapshot=on",
            "-device", "virtio-blk-pci,drive=disk",
            "-drive", f"file={self.folder / 'files.tar'},format=raw,if=none,id=files,readonly=on",
            "-device", "virtio-blk-pci,drive=files",
            "-netdev", f"user,id=wire,restrict=on,{forwards}",
            "-device", "virtio-net-pci,netdev=wire,romfile=",
            "-device", "virtio-serial-pci",
            # It waits for us, so not a word is lost.
            "-chardev", f"socket,id=agent,path={self.folder / 'agent'},server=on,wait=on",
            "-device", "virtserialport,chardev=agent,name=agent",
            "-qmp", f"unix:{self.folder / 'control'},server=on,wait=off",
            "-display", "none", "-monitor", "none", "-serial", f"file:{self.console}",
            "-no-user-config", "-nodefaults"]

    def _connect(self, path):
        end = time.monotonic() + 20
        link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        while True:
            try:
                link.connect(str(path))
                return link
            except OSError as error:
                if time.monotonic() > end or self._qemu.poll() is not None:
                    said = (self.folder / "qemu").read_text()
                    raise MachineFailure(f"qemu does not start ({error}): {said}") from error
                time.sleep(0.1)

    # The agent

    def run(self, command, seconds=60, check=True):
        """What a command of the shell, run by root, has said. With `check` it must succeed."""
        code, output = self.ask(command, seconds)
        if check and code != 0:
            raise MachineFailure(f"exit code {code} of: {command}\n{output}")
        return output

    def ask(self, command, seconds=60):
        """Exit code and output of a command."""
        code, output = self.ask_bytes(command, seconds)
        return code, output.decode("utf-8", "replace")

    def ask_bytes(self, command, seconds=60):
        self._number += 1
        coded = base64.b64encode(command.encode()).decode()
        self._agent.sendall(f"{self._number} {seconds} {coded}\n".encode())
        end = time.monotonic() + seconds + 30
        while True:
            words = self._line(end, command).split(b" ")
            if words[0] == b"%d" % self._number:
                return int(words[1]), base64.b64decode(words[2])
            if words[0] == b"hello":
                raise MachineFailure(f"the machine or its agent began anew during: {command}")

    def _wait_for_hello(self, seconds):
        """The agent of another boot than the last."""
        end = time.monotonic() + seconds
        while True:
            words = self._line(end, "its agent").split(b" ")
            if words[0] == b"hello" and words[1] != self._boot_id:
                self._boot_id = words[1]
                return

    def _line(self, end, what):
        while b"\n" not in self._received:
            left = end - time.monotonic()
            if left <= 0:
                raise MachineFailure(f"no answer in time of {what}")
            self._agent.settimeout(left)
            try:
                data = self._agent.recv(1 << 20)
            except TimeoutError:
                continue
            if not data:
                raise MachineFailure(f"qemu ended during {what}")
            self._received += data
        line, self._received = self._received.split(b"\n", 1)
        return line

    # For whoever looks at a failure

    def last_words(self):
        console = self.console.read_text(errors="replace") if self.console.exists() else ""
        return "\n".join(console.splitlines()[-15:])
