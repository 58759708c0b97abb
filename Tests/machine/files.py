"""Everything in the machine's file system, and what differs between two looks at it."""

import gzip
import re

# What tools write about their own work, whatever package they are called for; logs; and what apt
# could compute again.
OF_THE_TOOLS = re.compile(r"""
    /var/lib/dpkg/(status-old|diversions-old|lock|lock-frontend|triggers/Lock)
    | /var/log/(dpkg\.log|wtmp|btmp|lastlog|alternatives\.log|apt/.*|journal/.*)
    | /etc/(passwd-|shadow-|group-|gshadow-|\.pwd\.lock)
    | /var/(cache|lib)/apt/.* | /var/cache/ldconfig/.*
    | /var/lib/systemd/(random-seed|timers/.*|catalog/.*|rfkill/.*|ephemeral-trees)
    | /opt/in(/.*)? | /tmp/.* | /var/tmp/.*
""", re.X)
_PRUNED = ("/proc", "/sys", "/dev", "/run", "/lost+found")
_LOOK = (
    "find / -xdev \\( " + " -o ".join(f"-path {name}" for name in _PRUNED) + " \\) -prune -o "
    "-printf '%y %m %U %G %s %T@ %p\\t%l\\n' | gzip -1")
# Written anew, with the same contents, by tools for users and for units.
_HASHES = "find /etc /var/lib/dpkg /var/lib/systemd -type f -exec sha256sum {} + | gzip -1"


def look(machine):
    """Kind, mode, owner and link of everything by path; of a file also what tells its contents."""
    hashes = {}
    for line in _lines(machine, _HASHES):
        digest, path = line.split("  ", 1)
        hashes[path] = digest
    found = {}
    for line in _lines(machine, _LOOK):
        kind, mode, user, owners, size, modified, rest = line.split(" ", 6)
        path, link = rest.split("\t", 1)
        if OF_THE_TOOLS.fullmatch(path):
            continue
        contents = hashes.get(path, f"{size} bytes of {modified}") if kind == "f" else link
        found[path] = (kind, mode, user, owners, contents)
    assert len(found) > 3000, f"only {len(found)} files were seen"
    return found


def _lines(machine, command):
    code, output = machine.ask_bytes(command, 180)
    assert code == 0, command
    return gzip.decompress(output).decode("utf-8", "surrogateescape").splitlines()


def differences(before, after):
    """Paths that came, went or changed, with both sides."""
    return {path: (before.get(path), after.get(path))
            for path in sorted(before.keys() | after.keys())
            if before.get(path) != after.get(path)}
