"""A daemon with its HTTP side, and what must be true of what it keeps.

`allowed` is a list of sets of rows: the list of packages must be one of them. After a crash there
is more than one only while a request was under way.
"""

import hashlib
import json
import shutil
from urllib.parse import quote

from . import uploads
from .daemon import Daemon


class StoreDaemon(Daemon):
    """A daemon on loopback that keeps packages."""

    def __init__(self, folder, config=None, budget=None, limits=(), http=None):
        config = {**(config or {}), "http": {"allow_delete": True, **(http or {})}}
        super().__init__(folder, config, {"disk_reserve_bytes": 0, **(budget or {})}, limits)

    def start_on(self, state):
        """Starts on a copy of that state folder."""
        shutil.rmtree(self.state_dir)
        shutil.copytree(state, self.state_dir)
        return self.start()


def whole(package_folder, rows):
    """Fails if a listed package is not there byte by byte."""
    for row in rows:
        content = (package_folder / (row.hash + ".zip")).read_bytes()
        assert len(content) == row.size, f"{row}: the file has {len(content)} bytes"
        assert hashlib.sha256(content).hexdigest() == row.hash, f"{row}: other bytes"


def served(daemon, rows):
    """Fails if a listed package is not served whole."""
    for row in rows:
        package = uploads.Package(row.name, b"")
        answer = uploads.ask(
            daemon.http_port, "GET", f"/Marti/sync/content?hash={quote(row.hash)}")
        assert answer is not None and answer.status == 200, f"{package.name}: {answer}"
        assert hashlib.sha256(answer.body).hexdigest() == row.hash, f"{row}: other bytes"


def described(rows):
    return json.dumps([[r.name, r.hash[:8], r.size, r.tool] for r in sorted(rows)])


def check_listed(daemon, allowed):
    """The list is one of the allowed ones, and every package in it can be had. The list."""
    rows = uploads.listing(daemon.http_port)
    assert rows in allowed, (
        f"listed: {described(rows)}; allowed: " + " or ".join(described(a) for a in allowed))
    served(daemon, rows)
    return rows


def check_clean(daemon, rows):
    """Nothing lies in the folder but the listed packages."""
    found = sorted(path.name for path in daemon.packages_folder.iterdir())
    expected = sorted({row.hash + ".zip" for row in rows})
    assert found == expected, f"found: {found}; listed: {expected}"
    broken = [path.name for path in daemon.state_dir.iterdir() if "broken" in path.name]
    assert not broken, f"the catalogue was given up: {broken}"


def check_start(daemon, allowed):
    """All that is promised of a start after a crash. The list."""
    rows = check_listed(daemon, allowed)
    check_clean(daemon, rows)
    return rows
