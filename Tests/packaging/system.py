"""A small Debian system in a folder: install into it, and see what has changed."""

import hashlib
import shutil
import stat
import subprocess
from pathlib import Path

import project

# Kept by dpkg and by the tools for users about their own work, whatever package they are called for.
OF_THE_TOOLS = {
    "var/lib/dpkg/status-old", "var/lib/dpkg/lock", "var/lib/dpkg/lock-frontend",
    "var/lib/dpkg/diversions-old", "var/log/dpkg.log",
    "etc/passwd-", "etc/shadow-", "etc/group-", "etc/gshadow-", "etc/.pwd.lock",
}
# Nobody looks at these.
NOT_NEEDED = [f"--exclude=./{name}/*" for name in (
    "dev", "usr/share/locale", "usr/share/zoneinfo",
    "usr/share/i18n", "var/cache", "var/lib/apt")]
# Says what it is asked and does nothing; deb-systemd-invoke wants to know what is enabled.
SYSTEMCTL = """#!/bin/sh
echo "$*" >>/systemctl.log
case "$*" in
*is-enabled*) echo enabled ;;
--version) echo "systemd 252 (252)" ;;
esac
"""


class System:
    def __init__(self, name, folder):
        archive = project.ROOT / f".cache/roots/{name}.tar"
        assert archive.is_file(), f"{archive} is missing: run scripts/bootstrap test"
        self.name = name
        self.root = Path(folder)
        subprocess.run(["tar", "-xf", archive, "-C", self.root, *NOT_NEEDED], check=True)
        # dpkg's scripts write there; there is no other device in here.
        (self.root / "dev/null").touch()
        self.has_systemd = name.endswith("-systemd")

    def run(self, *command, check=True):
        """Runs a command inside, with processes and network of its own."""
        done = subprocess.run(
            ["unshare", "--mount", "--pid", "--net", "--fork", "--mount-proc", "chroot", self.root,
             *map(str, command)],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120,
            env={"PATH": "/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin",
                 "DEBIAN_FRONTEND": "noninteractive"})
        if check:
            assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done

    def install(self, package):
        shutil.copy(package, self.root / "tmp/package.deb")
        done = self.run("dpkg", "-i", "/tmp/package.deb")
        (self.root / "tmp/package.deb").unlink()
        return done.stdout + done.stderr

    def purge(self):
        done = self.run("dpkg", "--purge", "tinycot")
        return done.stdout + done.stderr

    def pretend_to_run(self):
        """As if systemd had been booted, with a `systemctl` that only writes down its calls."""
        (self.root / "run/systemd/system").mkdir(parents=True)
        stub = self.root / "usr/local/sbin/systemctl"
        stub.write_text(SYSTEMCTL)
        stub.chmod(0o755)

    def calls(self):
        """What `systemctl` was asked to do to units since the last question."""
        log = self.root / "systemctl.log"
        lines = log.read_text().splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        words = [line.replace("--quiet ", "").replace("--system ", "") for line in lines]
        calls = [line for line in words if line.split()[0] in
                 ("start", "stop", "restart", "try-restart", "daemon-reload", "reset-failed")]
        # Some versions of deb-systemd-helper reload for each unit.
        return [call for call, last in zip(calls, ["", *calls])
                if call != "daemon-reload" or last != call]

    def files(self):
        """Everything in the system: kind, mode, owner and contents, by path."""
        found = {}
        for path in self.root.rglob("*"):
            name = str(path.relative_to(self.root))
            if name in OF_THE_TOOLS or name.split("/")[0] in ("proc", "sys", "dev"):
                continue
            status = path.lstat()
            contents = ""
            if stat.S_ISLNK(status.st_mode):
                contents = str(path.readlink())
            elif stat.S_ISREG(status.st_mode):
                contents = hashlib.sha256(path.read_bytes()).hexdigest()
            found[name] = (oct(status.st_mode), status.st_uid, status.st_gid, contents)
        return found

    def user(self):
        """The line of the user in each file that may have one."""
        names = ("passwd", "group", "shadow", "gshadow")
        lines = {name: (self.root / "etc" / name).read_text().splitlines() for name in names}
        return {name: [line for line in found if line.startswith("tinycot:")]
                for name, found in lines.items()}


def differences(before, after):
    """Paths that came, went or changed, with both sides."""
    return {path: (before.get(path), after.get(path))
            for path in sorted(before.keys() | after.keys())
            if before.get(path) != after.get(path)}
