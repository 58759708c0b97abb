"""Backups and state folders as files: what a judge sees who knows nothing of tinycot.

Hashes are Python's, rows are read by Python's sqlite3 from a copy of the database.
"""

import hashlib
import json
import shutil
import sqlite3
import subprocess
import tempfile
from pathlib import Path

from .daemon import command, run

_RESTORE = ("restore.tmp", "restore.decided", "restore.arriving")


def sha256(file):
    return hashlib.sha256(Path(file).read_bytes()).hexdigest()


def rows(folder):
    """All that the catalogue in a folder says: (packages, videos), without the journal's help
    only if there is none."""
    with tempfile.TemporaryDirectory() as scratch:
        for name in ("catalogue.db", "catalogue.db-wal"):
            if (Path(folder) / name).exists():
                shutil.copy(Path(folder) / name, scratch)
        link = sqlite3.connect(Path(scratch) / "catalogue.db")
        try:
            assert link.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            packages = link.execute(
                "SELECT id, hash, name, creator_uid, submission_user, mime_type, size_bytes,"
                " submitted_at, tool, keywords, team FROM packages ORDER BY id").fetchall()
            videos = link.execute("SELECT team, uuid, feed FROM videos ORDER BY id").fetchall()
        finally:
            link.close()
    return packages, videos


def contents(folder):
    """What a restore replaces: rows, files of packages by name and hash, files of the state."""
    folder = Path(folder)
    packages = {file.name: sha256(file) for file in (folder / "packages").iterdir()}
    states = {file.name: sha256(file) for file in folder.glob("state.*.json")}
    return rows(folder), packages, states


def left_over(state):
    """Folders of a restore that is not finished."""
    return [name for name in _RESTORE if (Path(state) / name).exists()]


def manifest(folder):
    return json.loads((Path(folder) / "manifest.json").read_text())


def check_whole(folder):
    """Everything that the manifest lists is there, and nothing else; the catalogue lists the
    packages, all of them. The manifest."""
    folder = Path(folder)
    document = manifest(folder)
    assert document["format"] == 1
    listed = {}
    for file in document["files"]:
        path = folder / file["name"]
        assert path.stat().st_size == file["bytes"], file
        assert sha256(path) == file["sha256"], file
        assert file["name"] not in listed
        listed[file["name"]] = file
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert found == set(listed) | {"manifest.json"}
    packages = {f"packages/{row[1]}.zip": row[6] for row in rows(folder)[0]}
    assert packages == {n: f["bytes"] for n, f in listed.items() if n.startswith("packages/")}
    assert document["packages"] == len(packages)
    assert document["state_files"] == sum(name.startswith("state.") for name in listed)
    assert document["bytes"] == sum(file["bytes"] for file in listed.values())
    return document


class Place:
    """A state folder and a run folder that commands work on."""

    def __init__(self, state, run_dir, budget=None):
        self.state = Path(state)
        self.run_dir = Path(run_dir)
        self.options = ["--state-dir", self.state, "--run-dir", self.run_dir]
        if budget:
            self.options += ["--budget", budget]
        for folder in (self.state, self.run_dir):
            folder.mkdir(parents=True, exist_ok=True)

    def call(self, *arguments, **keywords):
        return run(*arguments, *self.options, **{"seconds": 60.0, **keywords})

    def backup(self, folder, **keywords):
        return self.call("backup", folder, **keywords)

    def restore(self, folder, *options, **keywords):
        return self.call("restore", folder, *options, **keywords)

    def add(self, content, name="one.zip", *options):
        with tempfile.TemporaryDirectory() as scratch:
            file = Path(scratch) / name
            file.write_bytes(content)
            done = self.call("packages", "add", file, *options)
        assert done.returncode == 0, done.stderr
        return hashlib.sha256(content).hexdigest()

    def traced(self, log, options, *arguments, seconds=60):
        """The same under strace; the exit code, -9 if it was killed."""
        line = ["strace", "-y", "-s", "16", "-o", str(log), *options,
                *command(*arguments, *self.options)]
        done = subprocess.run(line, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=seconds, check=False)
        return done
