"""A disk that forgets what was not brought to it.

Until a file is synced, each write to it may be on the disk, or not, or some of its sectors, or only
the longer file with zeros in it. Until a folder is synced, each name made, changed or removed in it
may be there or not, each for itself. A file's content and its name are brought to the disk by their
own syncs only. That is less than any real file system promises.
"""

import hashlib
import random
from dataclasses import dataclass

from oplog import ROOT

SECTOR = 512


@dataclass(frozen=True)
class Policy:
    """What survives of that which was not synced. `seed` None: all chances must be 0 or 1."""

    name: str
    seed: object = None
    # Chances of a change of a name, and of a write.
    names: float = 0.0
    writes: float = 0.0
    # Of those writes that survive: the share of which only some sectors, or only the size do.
    torn: float = 0.0

    def __str__(self):
        return self.name


NOTHING = Policy("nothing unsynced survives")
EVERYTHING = Policy("everything survives", names=1.0, writes=1.0)
NAMES_ONLY = Policy("names survive, contents do not", names=1.0)
CONTENTS_ONLY = Policy("contents survive, names do not", writes=1.0)
PLAIN = (NOTHING, EVERYTHING, NAMES_ONLY, CONTENTS_ONLY)


def drawn(seed):
    """A policy of chance."""
    dice = random.Random(f"policy {seed}")
    names, writes, torn = (dice.choice((0.1, 0.5, 0.9)) for _ in range(3))
    return Policy(f"by chance, seed {seed}", seed, names, writes, torn)


class Image:
    """What a crash leaves: contents by path, and the empty folders."""

    def __init__(self, files, folders):
        self.files = files
        self.folders = folders

    def key(self):
        digest = hashlib.sha256(repr(sorted(self.folders)).encode())
        for path in sorted(self.files):
            digest.update(repr((path, len(self.files[path]))).encode())
            digest.update(self.files[path])
        return digest.digest()

    def write_to(self, folder):
        for path in sorted(self.folders):
            (folder / path).mkdir(parents=True, exist_ok=True)
        for path, data in self.files.items():
            (folder / path).write_bytes(data)


class Disk:
    """Takes the operations one after the other; can be asked at any moment what a crash leaves."""

    def __init__(self):
        # On the disk for certain.
        self._names = {ROOT: {}}
        self._data = {}
        # Not yet: by folder or file, in order.
        self._pending = {ROOT: []}

    def apply(self, op):
        if op.kind in ("create", "makefolder"):
            self._pending[op.file] = []
            if op.kind == "makefolder":
                self._names[op.file] = {}
            else:
                self._data[op.file] = b""
            self._pending[op.folder].append(op)
        elif op.kind in ("rename", "remove"):
            self._pending[op.folder].append(op)
        elif op.kind in ("write", "truncate"):
            self._pending[op.file].append(op)
        elif op.kind == "sync":
            pending = self._pending[op.file]
            if op.file in self._names:
                _rename_all(self._names[op.file], pending)
            else:
                self._data[op.file] = _written(self._data[op.file], pending)
            pending.clear()
        else:
            assert op.kind == "answer", op

    def crash(self, policy, moment):
        """The image that this policy leaves at this moment."""
        dice = random.Random(f"{policy.seed} {moment}")
        files, folders = {}, []
        waiting = [(ROOT, "")]
        while waiting:
            folder, path = waiting.pop()
            names = dict(self._names[folder])
            _rename_all(names, [op for op in self._pending[folder] if _happens(dice, policy.names)])
            for name in sorted(names):
                file = names[name]
                if file in self._names:
                    folders.append(path + name)
                    waiting.append((file, f"{path}{name}/"))
                else:
                    pending = self._survivors(file, policy, dice)
                    files[path + name] = _written(self._data[file], pending)
        return Image(files, folders)

    def _survivors(self, file, policy, dice):
        for op in self._pending[file]:
            if _happens(dice, policy.writes):
                if op.kind == "write" and _happens(dice, policy.torn):
                    yield from _torn(op, dice)
                else:
                    yield op


@dataclass(frozen=True)
class _Stretch:
    """A part of a write; without data, zeros where the file was not that long yet."""

    offset: int
    data: bytes
    length: int
    kind: str = "write"


def _torn(op, dice):
    end = op.offset + len(op.data)
    yield _Stretch(op.offset, b"", len(op.data))
    if dice.random() < 0.3:
        return
    at = op.offset
    while at < end:
        stop = min(end, at - at % SECTOR + SECTOR)
        if dice.random() < 0.5:
            data = op.data[at - op.offset:stop - op.offset]
            yield _Stretch(at, data, len(data))
        at = stop


def _happens(dice, chance):
    return chance >= 1.0 or chance > 0.0 and dice.random() < chance


def _rename_all(names, ops):
    for op in ops:
        if op.kind in ("create", "makefolder"):
            names[op.name] = op.file
        elif op.kind == "rename":
            if names.get(op.name) == op.file:
                del names[op.name]
            names[op.to] = op.file
        elif names.get(op.name) == op.file:
            del names[op.name]


def _written(content, ops):
    content = bytearray(content)
    for op in ops:
        if op.kind == "truncate":
            del content[op.offset:]
            content.extend(bytes(op.offset - len(content)))
            continue
        length = getattr(op, "length", len(op.data))
        content.extend(bytes(max(0, op.offset + length - len(content))))
        content[op.offset:op.offset + len(op.data)] = op.data
    return bytes(content)
